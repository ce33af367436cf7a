// A stat on the screen: one big number and the line below it.
import { direction } from "./cells.js";
import { attribute, el, one, write } from "./dom.js";
import { stat } from "./format.js";
import { Wash } from "./wash.js";

/** @typedef {import("./delta.js").Panel} Panel @typedef {import("./format.js").Column} Column */

export class StatView {
  /** @param {HTMLElement} node the panel */
  constructor(node) {
    this.node = node;
    this.wash = new Wash(node);
  }

  /** @param {Column[]} columns @param {Panel} panel @param {Panel|undefined} before @param {number} now by the database's clock */
  show(columns, panel, before, now) {
    const was = before?.rows[0]?.cells[0], is = panel.rows[0]?.cells[0], node = one("[data-value]", this.node);
    if (!node) return;
    const s = stat(columns, panel.rows[0]?.cells, now);
    const small = node.querySelector("small") ?? node.appendChild(el("small"));
    if (!(node.firstChild instanceof Text)) node.prepend("");
    if (node.firstChild instanceof Text && node.firstChild.data !== s.whole) node.firstChild.data = s.whole;
    node.classList.toggle("null", s.title === "null" || !panel.rows.length);
    write(small, s.fraction);
    write(one("[data-stat-note]", this.node), s.note);
    write(one(".unit", this.node), panel.rows.length ? this.node.dataset.unit || "" : "");
    attribute(/** @type {Element} */ (node.parentElement), "title", s.title);
    if (!before || was === is) return;
    node.dataset.went = direction(columns[0], was ?? null, is ?? null);
    this.wash.over([node]);
  }
}
