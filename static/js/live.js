// The live control and the banner. They say "Live" only while that is proven; every other state has its own word, shape,
// colour and, where it lasts, a line that says since when, why and what happens next.
import { announce, icon, one, write } from "./dom.js";
import { Tape } from "./tape.js";

/** @typedef {import("./store.js").Verdict} Verdict */

const BUTTONS = /** @type {Record<string, [string, string]>} */ ({
  running: ["pause", "Pause"], paused: ["play", "Resume"], broken: ["rotate-cw", "Retry"],
});

export class LiveControl {
  /** @type {Tape|null} */ #tape = null;
  #button = "running";

  constructor() {
    this.node = one("#live");
    this.banner = one("#banner");
    this.pill = one("#pill");
    const canvas = this.node?.querySelector("canvas");
    if (canvas) this.#tape = new Tape(canvas);
  }

  /** @param {Verdict} v @param {boolean} paused @param {{added: number, changed: number, removed: number}} held @param {number} now */
  show(v, paused, held, now) {
    const { node } = this;
    if (!node) return;
    const running = v.state === "live" || v.state === "timed" || v.state === "snapshot";
    const state = paused && running ? "paused" : v.state, counts = tell(held);
    const word = state === "paused" ? "Paused" : v.word, note = state === "paused" ? counts && this.pill ? "" : counts || "nothing new" : v.note;
    if (node.dataset.state !== state) {
      node.dataset.state = state;
      announce(`${word} ${note}`);
      this.#tape?.stop(state === "live" || state === "timed" ? 0 : now);
    }
    write(one("[data-word]", node), word);
    write(one("[data-note]", node), note);
    this.#label(state === "paused" ? "paused" : running ? "running" : "broken");
    if (this.pill) {
      this.pill.hidden = state !== "paused" || !counts;
      write(one("span", this.pill), counts);
    }
    if (v.state !== "snapshot") this.#warn(v.banner); // until then the server's own banner stands
    this.#tape?.draw(now);
  }

  /** A frame came: the lamp beats, the tape gets a tick. @param {number} now @param {number} size */
  frame(now, size) {
    this.#tape?.push(now, size);
    const lamp = this.node && one(".lamp", this.node);
    lamp?.classList.remove("beat");
    void lamp?.offsetWidth;
    lamp?.classList.add("beat");
  }

  theme() { this.#tape?.theme(); }

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

/** @param {{added: number, changed: number, removed: number}} held */
function tell({ added, changed, removed }) {
  return [added && `${added} new`, changed && `${changed} changed`, removed && !added && `${removed} gone`].filter(Boolean).join(", ");
}
