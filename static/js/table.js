// A table on the screen: rows by key, cells by text node. What did not change is not touched, so scroll position, selection and
// focus stay where they are.
import { drawBars } from "./bars.js";
import { direction, emptyCell, headCell, moved, paint, value, widths } from "./cells.js";
import { calm, el, one, write } from "./dom.js";
import { ago } from "./format.js";
import { mark, Wash } from "./wash.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./delta.js").Row} Row
 * @typedef {import("./format.js").Column} Column
 * @typedef {{tr: HTMLTableRowElement, row: Row}} Shown
 */

const SLIDES = 8; // rows that may move in one frame; beyond that, only washes
const TALL = 300; // rows beyond which nothing glides: every frame of a motion would paint the whole table
const GLIDE = { duration: 220, easing: "cubic-bezier(0.2, 0, 0, 1)" };
const FRESH = 2500;

export class TableView {
  /** @type {Map<string, Shown>} */ #rows = new Map();
  /** @type {Column[]} */ #columns = [];

  /** @param {HTMLElement} node the panel @param {HTMLTableSectionElement} tbody its rows */
  constructor(node, tbody) {
    this.node = node;
    this.tbody = tbody;
    this.wash = new Wash(node);
  }

  /** Reads the rows that the server rendered. @param {Column[]} columns @returns {Row[]} */
  hydrate(columns) {
    this.#columns = columns;
    const shown = [...this.tbody.rows].map((tr) => ({ tr, row: { key: tr.dataset.key ?? "", cells: [...tr.cells].map(value) } }));
    for (const s of shown) this.#rows.set(s.row.key, s);
    return shown.map((s) => s.row);
  }

  /** The result has these columns now. @param {Column[]} columns @param {boolean} same whether heads and rows may stay */
  head(columns, same) {
    this.#columns = columns;
    if (same) return;
    const { node } = this, tr = one("thead tr", node), template = node.querySelector("template[data-row]");
    this.tbody.replaceChildren();
    this.#rows.clear();
    one("table", node)?.classList.toggle("fold", columns.length > 3);
    one("colgroup", node)?.replaceChildren(...widths(columns));
    tr?.replaceChildren(...columns.map(headCell));
    if (template instanceof HTMLTemplateElement) template.content.replaceChildren(el("tr", {}, ...columns.map(emptyCell)));
  }

  /** Times that count from now grow by themselves. @param {number} now */
  tick(now) {
    for (const td of this.node.querySelectorAll("td[data-time]")) {
      write(td.querySelector(".v"), ago(now - Date.parse(/** @type {HTMLElement} */ (td).dataset.time ?? "")).words);
    }
  }

  /** Brings the rows to this state. @param {Panel} panel @param {number} now by the database's clock @param {boolean} first */
  show(panel, now, first) {
    const { tbody } = this, keys = new Set(panel.rows.map((r) => r.key));
    /** @type {HTMLElement[]} */ const washes = [];
    /** @type {HTMLTableRowElement[]} */ const fresh = [];
    const gone = [...this.#rows.values()].filter((s) => !keys.has(s.row.key));
    const added = panel.rows.reduce((n, r) => n + (this.#rows.has(r.key) ? 0 : 1), 0);
    const glide = !first && !calm.matches && !document.hidden && added + gone.length <= SLIDES && panel.rows.length <= TALL;
    const sight = this.#sight(), before = glide ? this.#tops(sight) : null;
    for (const s of gone) {
      this.#rows.delete(s.row.key);
      this.#leave(s.tr, glide && !!before?.has(s.tr));
    }
    let cursor = staying(tbody.firstElementChild);
    panel.rows.forEach((r, i) => {
      const seen = i >= sight.from && i < sight.to;
      let s = this.#rows.get(r.key);
      if (!s) {
        s = { tr: this.#make(r, now), row: r };
        this.#rows.set(r.key, s);
        if (seen) fresh.push(s.tr);
      } else if (s.row !== r) {
        const touched = this.#patch(s.tr, s.row, r, now);
        if (seen) washes.push(...touched);
        s.row = r;
      }
      if (s.tr === cursor) cursor = staying(cursor.nextElementSibling);
      else if (cursor && staying(cursor.nextElementSibling) === s.tr) cursor = staying(s.tr.nextElementSibling); // the row at the cursor goes elsewhere
      else tbody.insertBefore(s.tr, cursor);
    });
    drawBars(this.#columns, panel.rows, (key) => this.#rows.get(key)?.tr);
    if (first) return;
    this.wash.over(washes);
    if (before) this.#glide(before, fresh);
    if (fresh.length <= SLIDES) mark(fresh, "fresh", FRESH);
  }

  /** A row that goes fades where it stood, then those below close up. @param {HTMLTableRowElement} tr @param {boolean} slowly */
  #leave(tr, slowly) {
    tr.removeAttribute("data-key");
    if (!slowly) return tr.remove();
    tr.classList.add("leaving");
    tr.setAttribute("aria-hidden", "true");
    const end = () => {
      const before = this.#tops(this.#sight());
      tr.remove();
      this.#glide(before, []);
    };
    tr.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 140, fill: "forwards" }).finished.then(end, () => tr.remove());
  }

  /** Which rows a reader sees, about: only these are worth an animation. @returns {{from: number, to: number}} */
  #sight() {
    const { tbody } = this, scroll = tbody.closest(".scroll"), tall = tbody.rows[0]?.offsetHeight || 32;
    const inner = scroll && scroll.scrollHeight > scroll.clientHeight ? scroll.getBoundingClientRect() : { top: 0, bottom: innerHeight };
    const top = tbody.getBoundingClientRect().top, end = Math.min(inner.bottom, innerHeight);
    const from = Math.max(0, Math.floor((Math.max(inner.top, 0) - top) / tall) - 1);
    return { from, to: Math.max(from, Math.ceil((end - top) / tall) + 1) };
  }

  /** Where the rows in sight stand. @param {{from: number, to: number}} sight @returns {Map<HTMLTableRowElement, number>} */
  #tops({ from, to }) {
    const { rows } = this.tbody, tops = new Map();
    for (let i = from; i < Math.min(to, rows.length); i++) tops.set(rows[i], rows[i].offsetTop);
    return tops;
  }

  /** The rows that stayed glide from where they stood (FLIP); new ones slide in. @param {Map<HTMLTableRowElement, number>} before @param {HTMLTableRowElement[]} fresh */
  #glide(before, fresh) {
    const moves = [...before].filter(([tr]) => tr.isConnected).map(([tr, top]) => /** @type {const} */ ([tr, top - tr.offsetTop])); // read all, then write
    for (const [tr, dy] of moves) if (dy) tr.animate([{ transform: `translateY(${dy}px)` }, { transform: "none" }], GLIDE);
    for (const tr of fresh) tr.animate([{ opacity: 0, transform: "translateY(-60%)" }, { opacity: 1, transform: "none" }], GLIDE);
  }

  /** @param {Row} r @param {number} now @returns {HTMLTableRowElement} */
  #make(r, now) {
    const template = /** @type {HTMLTemplateElement} */ (this.node.querySelector("template[data-row]"));
    const tr = /** @type {HTMLTableRowElement} */ (document.importNode(/** @type {Element} */ (template.content.firstElementChild), true));
    tr.dataset.key = r.key;
    r.cells.forEach((c, i) => { if (tr.cells[i]) paint(tr.cells[i], this.#columns[i], c, now, r.cells); });
    return tr;
  }

  /** Writes the cells that differ; returns what is to be washed. @param {HTMLTableRowElement} tr @param {Row} was @param {Row} r @param {number} now */
  #patch(tr, was, r, now) {
    /** @type {HTMLElement[]} */ const touched = [];
    r.cells.forEach((c, i) => {
      const td = tr.cells[i];
      if (!td) return;
      if (c === was.cells[i]) {
        if (moved(this.#columns[i], was.cells, r.cells)) paint(td, this.#columns[i], c, now, r.cells);
        return;
      }
      td.classList.remove("waiting");
      const v = paint(td, this.#columns[i], c, now, r.cells);
      v.dataset.went = direction(this.#columns[i], was.cells[i], c);
      touched.push(v);
    });
    return touched;
  }

  /** While paused: marks the cells that are not what they were. @param {Panel} panel */
  waiting(panel) {
    for (const r of panel.rows) {
      const s = this.#rows.get(r.key);
      if (s && s.row !== r) r.cells.forEach((c, i) => s.tr.cells[i]?.classList.toggle("waiting", c !== s.row.cells[i]));
    }
  }
}

/** The next row that is not on its way out. @param {Element|null} tr @returns {Element|null} */
function staying(tr) {
  while (tr?.classList.contains("leaving")) tr = tr.nextElementSibling;
  return tr;
}
