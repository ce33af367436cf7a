// The live control and the banner. They say "Live" only while that is proven; every other state has its own word, shape,
// colour and, where it lasts, a line that says since when, why and what happens next. Clicking the word shows what stands behind it.
import { Details, took } from "./details.js";
import { all, announce, icon, one, write } from "./dom.js";
import { Frames } from "./frames.js";
import { tell } from "./hold.js";
import { Tape } from "./tape.js";

/** @typedef {import("./store.js").Store} Store @typedef {import("./store.js").Verdict} Verdict */
/** @typedef {import("./hold.js").Missed} Held */

const BUTTONS = /** @type {Record<string, [string, string]>} */ ({
  running: ["pause", "Pause"], paused: ["play", "Resume"], broken: ["rotate-cw", "Try now"],
});
const SUMMARY = 30_000; // a listener hears of changed rows so often at most

export class LiveControl {
  /** @type {Tape|null} */ #tape = null;
  /** @type {Details|null} */ #details = null;
  /** @type {import("./details.js").Seen|null} */ #seen = null;
  #frames = new Frames();
  #button = "running";
  #rows = 0; // that changed since a listener heard of it
  #told = 0;
  #second = 0;
  #away = 0; // how often the page was hidden
  #came = false; // a frame did since the last one was drawn
  #paint = new MessageChannel(); // what is sent here while a frame is drawn comes after its paint
  /** @type {(() => void)[]} what is known then, frame by frame */ #painted = [];

  constructor() {
    this.node = one("#live");
    this.banner = one("#banner");
    this.pill = one("#pill");
    const canvas = this.node?.querySelector("canvas"), details = one("#details"), button = this.node && one(".live-state", this.node);
    if (canvas) this.#tape = new Tape(canvas);
    document.addEventListener("visibilitychange", () => { this.#away++; });
    this.#paint.port1.onmessage = () => this.#painted.shift()?.();
    if (!details || !button) return;
    const titles = new Map(all("[data-panel]").map((n) => [n.dataset.panel ?? "", one("h2", n)?.textContent ?? document.querySelector("h1")?.textContent ?? ""]));
    for (const n of all("[data-companions]")) for (const id of Object.keys(JSON.parse(n.dataset.companions || "{}"))) titles.set(id, one("h2", n)?.textContent ?? id);
    for (const n of all("[data-panel-id]")) titles.set(n.dataset.panelId ?? "", `options of ${one(".label", n)?.textContent}`);
    this.#details = new Details(details, button, this.#frames, () => /** @type {import("./details.js").Seen} */ (this.#seen), (id) => titles.get(id) || id);
  }

  /** @param {Store} store @param {Verdict} v @param {boolean} paused @param {Held} held @param {number} now */
  show(store, v, paused, held, now) {
    const { node } = this;
    if (!node) return;
    const running = v.state === "live" || v.state === "timed" || v.state === "snapshot";
    const state = paused && running ? "paused" : v.state, counts = tell(held);
    if (this.pill) {
      this.pill.hidden = state !== "paused" || !counts;
      write(one("span", this.pill), counts);
    }
    const word = state === "paused" ? "Paused" : v.word, note = state === "paused" ? counts && this.pill?.checkVisibility() ? "" /* a wall has no pill */ : counts || "nothing new" : v.note;
    this.#seen = { store, verdict: v, paused: state === "paused", held: counts, now };
    if (node.dataset.state !== state) {
      node.dataset.state = state;
      announce(v.banner ? `${word}. ${v.banner.head} ${v.banner.text}` : `${word} ${state === "live" ? "" : note}`.trim());
      this.#tape?.stop(state === "live" || state === "timed" ? 0 : now);
    } else if (state === "live" || state === "timed") this.#summary(word, now);
    const { last } = this.#frames.times();
    write(one("[data-word]", node), word);
    write(one("[data-note]", node), state === "live" && last >= 0 ? took(last) : note);
    this.#label(state === "paused" ? "paused" : running ? "running" : "broken");
    const button = one("[data-do=pause]", node);
    if (button) button.hidden = !running && !!v.banner && !!this.banner; // the banner has it
    if (v.state !== "snapshot") this.#warn(v.banner); // until then the server's own banner stands
    this.#tape?.draw(now);
    if (now - this.#second < 1000) return;
    this.#second = now;
    this.#details?.show();
  }

  /**
   * A frame came: the lamp beats, the tape gets a tick.
   * @param {number} at the database's clock at its snapshot @param {string[]} panels @param {number} rows @param {number} now @param {boolean} change of what was shown
   */
  frame(at, panels, rows, now, change) {
    this.#frames.add(at, panels, rows, change);
    if (change) this.#rows += rows;
    this.#tape?.push(now, rows);
    this.#came = true;
  }

  /** Once for all frames that are drawn together: it begins anew under another name, as a wash does, and twice would be none. */
  #beat() {
    const lamp = this.#came && this.node ? one(".lamp", this.node) : null;
    this.#came = false;
    lamp?.classList.toggle("again", lamp.classList.contains("beat") && !lamp.classList.contains("again"));
    lamp?.classList.add("beat");
  }

  /** What came is drawn: once it is painted, it is known how long it took. @param {() => number} now by the database's clock, NaN where that is not known */
  drawn(now) {
    this.#beat();
    const drawn = this.#frames.drawn(document.hidden ? "in background" : "");
    if (!drawn.length || document.hidden) return;
    const away = this.#away;
    requestAnimationFrame(() => {
      this.#painted.push(() => this.#frames.painted(drawn, now(), away === this.#away ? "" : "in background")); // a page that is hidden paints when it is seen again
      this.#paint.port2.postMessage(null);
    });
  }

  /** What waits to be drawn waited for the reader: how long says nothing of the way. */
  unmeasured() { this.#frames.drawn("while paused"); }

  theme() { this.#tape?.theme(); }

  /** Says to a listener how much changed, not what. @param {string} word @param {number} now */
  #summary(word, now) {
    if (!this.#rows || now - this.#told < SUMMARY) return;
    const title = document.querySelector("h1")?.textContent ?? "";
    announce(`${title}: ${this.#rows} ${this.#rows === 1 ? "row" : "rows"} changed, ${word.toLowerCase()}`);
    this.#rows = 0;
    this.#told = now;
  }

  /** @param {string} kind */
  #label(kind) {
    const button = this.node && one("[data-do=pause]", this.node);
    if (!button || this.#button === kind) return;
    this.#button = kind;
    const [sign, text] = BUTTONS[kind], span = document.createElement("span");
    span.textContent = text;
    button.replaceChildren(icon(sign), span);
    button.setAttribute("aria-pressed", String(kind === "paused"));
  }

  /** @param {Verdict["banner"]} b */
  #warn(b) {
    const { banner } = this;
    if (!banner) return;
    document.body.classList.toggle("stale-data", !!b);
    if (b) {
      banner.classList.toggle("bad", b.kind === "bad");
      write(one("[data-head]", banner), b.head);
      write(one("[data-text]", banner), b.text);
    }
    if (banner.hidden === !!b) banner.hidden = !b;
  }
}
