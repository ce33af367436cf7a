// A stat on the screen: a big number, its change, the lines below it and its sparkline, patched in place.
import { direction } from "./cells.js";
import { apply } from "./delta.js";
import { attribute, el, one, write } from "./dom.js";
import { describe } from "./format.js";
import { stat } from "./stat.js";
import { Wash } from "./wash.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./format.js").Format} Format
 */

/** What stands where nothing is known. @type {import("./stat.js").Stat} */
const NOTHING = { whole: "", fraction: "", unit: "", note: "", title: "", isNull: false, level: "", limit: "", size: "", change: null, trend: null };

export class StatView {
  /** @type {"warn"|"bad"|""} what the rule above it tells */ state = "";

  /** @param {HTMLElement} node the panel @param {Record<string, Format>} formats */
  constructor(node, formats) {
    this.node = node;
    this.formats = formats;
    this.wash = new Wash();
    /** @type {import("./stat.js").Options} */ this.options = JSON.parse(node.dataset.stat || "{}");
    /** @type {string[]} ids of the panels that are shown here too */ this.companions = [this.options.earlier, this.options.spark].filter((id) => id !== undefined);
  }

  /** What the server rendered of the other panels. @returns {Map<string, Panel>} */
  hydrate() {
    /** @type {Record<string, {columns: Column[], rows: import("./protocol.js").WireRow[]}|null>} */
    const all = JSON.parse(this.node.dataset.companions || "{}");
    return new Map(Object.entries(all).flatMap(([id, r]) => (r ? [/** @type {const} */ ([id, apply(undefined, r)])] : [])));
  }

  /** @param {Column[]} columns @param {Panel} panel @param {Panel|undefined} before @param {number} now by the database's clock @param {(Panel|undefined)[]} others the companions */
  show(columns, panel, before, now, others) {
    const was = before?.rows[0]?.cells[0], is = panel.rows[0]?.cells[0], node = one("[data-value]", this.node);
    if (!node) return;
    const [earlier, spark] = [this.options.earlier, this.options.spark].map((id) => this.#result(others[this.companions.indexOf(id ?? "")]));
    const s = !columns.length ? NOTHING : stat(columns, panel.rows, this.node.dataset.unit || "", this.options, now, earlier, spark);
    this.state = s.level === "amber" ? "warn" : s.level === "red" ? "bad" : "";
    const small = node.querySelector("small") ?? node.appendChild(el("small"));
    if (!(node.firstChild instanceof Text)) node.prepend("");
    if (node.firstChild instanceof Text && node.firstChild.data !== s.whole) node.firstChild.data = s.whole;
    node.classList.toggle("null", s.isNull);
    write(small, s.fraction);
    write(one(".unit", this.node), s.unit);
    attribute(/** @type {Element} */ (node.parentElement), "title", s.title);
    attribute(/** @type {Element} */ (node.parentElement), "data-size", s.size);
    this.#lines(s);
    this.#spark(s.trend);
    if (!before || was === is || !columns.length) return;
    node.dataset.went = direction(columns[0], was ?? null, is ?? null);
    this.wash.over([node]);
  }

  /** @param {Panel|undefined} panel */
  #result(panel) {
    return panel?.columns.length ? { columns: describe(panel.columns, this.formats, false), rows: panel.rows } : undefined;
  }

  /** @param {import("./stat.js").Stat} s */
  #lines({ change, level, limit, note }) {
    const { node } = this, line = one("[data-change]", node), below = one("[data-stat-note]", node), words = one("[data-limit]", node), shape = one("[data-glyph]", node);
    if (line) {
      line.hidden = !change;
      attribute(line, "class", ["delta", change?.mood].filter(Boolean).join(" "));
      attribute(line, "data-way", change?.way ?? "");
      for (const [name, text] of [["text", change?.text], ["more", change?.more], ["than", change?.than]]) write(one(`[data-${name}]`, line), text ?? "");
    }
    if (below) attribute(below, "data-level", level);
    if (words) {
      words.hidden = !limit;
      write(one("span", words), limit);
    }
    if (shape) {
      shape.hidden = !level || !!limit || !note;
      attribute(shape, "class", `glyph ${level}`.trim());
    }
    write(one("[data-note]", node), note);
  }

  /** @param {import("./stat.js").Trend|null} t */
  #spark(t) {
    const svg = this.node.querySelector("[data-spark]"), [under, limit, trace] = svg?.querySelectorAll("path") ?? [], dot = svg?.querySelector("circle");
    if (!svg || !trace || !dot) return;
    svg.toggleAttribute("hidden", !t);
    if (!t) return;
    attribute(svg, "aria-label", t.label);
    attribute(under, "d", t.under);
    attribute(limit, "d", t.limit && `M0 ${t.limit}H100`);
    attribute(trace, "d", t.line);
    attribute(dot, "cx", `${t.x}%`);
    attribute(dot, "cy", `${t.y}%`);
  }
}
