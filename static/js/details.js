// What stands behind the word "Live": a popover with the measured way from snapshot to screen, the last frames, the clocks, and
// what is wrong if something is. It is filled only while it is open.
import { clock } from "./clock.js";
import { el, one, write } from "./dom.js";
import { ago } from "./format.js";
import { group } from "./number.js";

/**
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./store.js").Verdict} Verdict
 * @typedef {import("./frames.js").Frames} Frames
 * @typedef {{store: Store, verdict: Verdict, paused: boolean, held: string, now: number}} Seen
 */

const SHOWN = 8; // frames

export class Details {
  #built = false;

  /** @param {HTMLElement} node the popover @param {HTMLElement} button opens it @param {Frames} frames @param {() => Seen} look @param {(id: string) => string} title of a panel */
  constructor(node, button, frames, look, title) {
    this.node = node;
    this.button = button;
    this.frames = frames;
    this.look = look;
    this.title = title;
    node.addEventListener("toggle", (e) => {
      const open = /** @type {ToggleEvent} */ (e).newState === "open";
      button.setAttribute("aria-expanded", String(open));
      if (!open) return;
      this.show();
      this.#place();
      one("h2", node)?.focus();
    });
    addEventListener("resize", () => this.#place());
  }

  get open() { return this.node.matches(":popover-open"); }

  /** Brings what is shown to this moment. */
  show() {
    if (!this.open) return;
    if (!this.#built) this.#build();
    const seen = this.look(), { store: s, now } = seen, { head, text } = told(seen), t = this.frames.times(), claimed = claims(seen);
    this.#write("head", head);
    this.#write("text", text);
    this.node.dataset.state = seen.paused ? "paused" : seen.verdict.state;
    for (const [name, value] of /** @type {[string, number][]} */ ([["last", t.last], ["median", t.median], ["p95", t.p95]])) this.#write(name, claimed && value >= 0 ? took(value) : "–");
    this.#write("measured", claimed ? measured(t) : "No time is claimed while this page is not live.");
    this.#frames();
    this.#write("database", s.heard ? clock(now + s.ahead) : "–");
    this.#write("device", s.heard ? apart(s.ahead) : clock(now));
    this.#write("safety", s.status?.safety_ms ? `every ${ago(s.status.safety_ms).words}` : "–");
    this.#write("link", link(s, now));
    this.#write("proven", s.heard ? clock(proven(s)) : "–");
  }

  #build() {
    this.#built = true;
    const cell = (/** @type {string} */ name, /** @type {string} */ label) => el("div", {}, el("dt", {}, label), el("dd", { class: "num", "data-d": name }));
    this.node.replaceChildren(
      el("h2", { id: "details-h", tabindex: "-1", "data-d": "head" }), el("p", { "data-d": "text", class: "second" }),
      el("section", { "aria-label": "Time to the screen" }, el("h3", {}, "Snapshot to screen"), el("dl", { class: "three" }, cell("last", "last"), cell("median", "median"), cell("p95", "95 of 100")), el("p", { class: "quiet", "data-d": "measured" })),
      el("section", { "aria-label": "Last frames" }, el("h3", {}, "Last frames"), el("table", { class: "data frames" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Time"), el("th", { scope: "col" }, "Panels"), el("th", { scope: "col", class: "n" }, "Rows"), el("th", { scope: "col", class: "n" }, "To screen"))), el("tbody", { "data-d": "frames" }))),
      el("section", { "aria-label": "Clocks and connection" }, el("dl", { class: "facts" }, cell("proven", "Proven up to"), cell("database", "Database’s clock"), cell("device", "This device’s clock"), cell("safety", "Read unasked"), cell("link", "Connection"))),
    );
  }

  #frames() {
    const tbody = one("[data-d=frames]", this.node), list = this.frames.newest(SHOWN);
    if (!(tbody instanceof HTMLTableSectionElement)) return;
    while (tbody.rows.length > list.length) tbody.deleteRow(-1);
    list.forEach((f, i) => {
      const tr = tbody.rows[i] ?? tbody.insertRow(), names = [...new Set(f.panels.map(this.title))].join(", ");
      [clock(f.at), names, group(String(f.rows)), f.took < 0 ? `– ${f.why}` : took(f.took)].forEach((text, c) => {
        const td = tr.cells[c] ?? tr.insertCell();
        td.className = c === 1 ? "long" : c > 1 ? "n num" : "num";
        write(c === 1 ? td.firstElementChild ?? td.appendChild(el("span")) : td, text);
      });
    });
    tbody.parentElement?.toggleAttribute("hidden", !list.length);
  }

  /** @param {string} name @param {string} text */
  #write(name, text) { write(one(`[data-d=${name}]`, this.node), text); }

  /** Below the button, within the window. */
  #place() {
    if (!this.open) return;
    const b = this.button.getBoundingClientRect(), { style, offsetWidth, offsetHeight } = this.node;
    style.setProperty("--x", `${Math.max(8, Math.min(b.right - offsetWidth, innerWidth - offsetWidth - 8))}px`);
    style.setProperty("--y", `${Math.max(8, Math.min(b.bottom + 8, innerHeight - offsetHeight - 8))}px`);
  }
}

/** Up to when all commits are on the screen, by the database's clock: a frame shows all that came before its snapshot. @param {Store} s */
const proven = (s) => Math.max(s.proven + s.ahead, s.at);

/** What is so, and what happens next. Pure. @param {Seen} seen @returns {{head: string, text: string}} */
export function told({ store: s, verdict: v, paused, held }) {
  if (v.banner) return v.banner;
  if (paused) return { head: "Paused", text: `You stopped this page. ${held ? `${held} since then` : "Nothing changed since then"}; resuming shows the present at once.` };
  switch (v.state) {
    case "live": return { head: "Live", text: `Every commit up to ${clock(proven(s))} is on this screen, and the next one will be as it happens.` };
    case "timed": {
      const tables = s.status?.tables ?? [];
      if (!tables.length) return { head: v.word, text: "What this page reads is looked at by the clock." };
      return { head: v.word, text: `${tables.join(", ")} ${tables.length === 1 ? "has" : "have"} no doorbell, so this page is read by the clock. “rowcast watch ${tables.map((t) => (/[^\w.]/.test(t) ? `'${t}'` : t)).join(" ")}” gives a bell to tables; a materialized or foreign one cannot have any: read the tables behind it to be live.` };
    }
    case "reconnecting": return { head: "Reconnecting", text: `The connection ended; the next try is ${v.note}. What you see was true at ${clock(proven(s))}.` };
    default: return { head: v.word, text: s.at ? `What you see is the snapshot of ${clock(s.at)}; the page is asking for what came after it.` : "The page is asking for its first rows." };
  }
}

/** A time to the screen. @param {number} n milliseconds, none or more */
export const took = (n) => (n < 1 ? "< 1 ms" : n < 10_000 ? `${group(String(Math.round(n)))} ms` : `${Math.round(n / 1000)} s`);

/** Is a time to the screen one of now? @param {Seen} seen */
const claims = ({ verdict: v, paused }) => !paused && (v.state === "live" || v.state === "timed");

/** What the times are of, and why one is not told. Pure. @param {ReturnType<Frames["times"]>} times */
export function measured({ count, p95 }) {
  if (!count) return "No change was painted and measured since this page was opened.";
  return `From the database’s clock at the snapshot that has a change until it was painted here, of ${count === 1 ? "one frame" : `${count} frames`}${p95 < 0 ? "; 95 of 100 is told of 20 or more" : ""}.`;
}

/** How this device's clock differs. @param {number} ahead of the database's clock */
function apart(ahead) {
  const off = Math.abs(ahead);
  return off < 100 ? "agrees" : `${off < 10_000 ? `${(off / 1000).toFixed(1)} s` : ago(off).words} ${ahead > 0 ? "behind" : "ahead"}`;
}

/** @param {Store} s @param {number} now */
function link({ link: l }, now) {
  switch (l.kind) {
    case "open": return "open";
    case "connecting": return "connecting";
    case "waiting": return `next try in ${Math.max(1, Math.ceil((l.retryAt - now) / 1000))} s`;
    default: return "ended";
  }
}
