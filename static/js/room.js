// Room in a table for the rows that do not exist, and in its last one the broadest value of each column, so that columns stay as
// wide as all rows want them whichever are there.
import { paint } from "./cells.js";
import { attribute, el, one } from "./dom.js";
import { breadth } from "./window.js";

/** @typedef {import("./delta.js").Row} Row @typedef {import("./format.js").Column} Column */

export class Room {
  /** @type {{broad: number, cells: (string|null)[]}[]} the row with the broadest value of each column */ #broadest = [];
  /** @type {WeakSet<Row>} */ #seen = new WeakSet();
  /** @type {Row[]} that were looked at last */ #was = [];
  #above = NaN; // pixels, as they were written last
  #below = NaN;

  /** @param {HTMLElement} node the panel @param {HTMLTableElement} table @param {HTMLTableSectionElement} tbody */
  constructor(node, table, tbody) {
    this.node = node;
    this.table = table;
    this.tbody = tbody;
  }

  /** The columns are other ones. */
  clear() {
    this.#broadest = [];
    this.#seen = new WeakSet();
    this.#was = [];
    one("tfoot", this.table)?.remove();
    this.#below = NaN;
  }

  /** Finds the broadest value of each column, looking at each row once, and not at what stood at its place before. @param {Row[]} rows */
  survey(rows) {
    const was = this.#was;
    this.#was = rows;
    for (let at = 0; at < rows.length; at++) { // not by entries(): a pair for each row is a third of a frame's garbage
      const row = rows[at];
      if (row === was[at] || this.#seen.has(row)) continue;
      this.#seen.add(row);
      const before = was[at]?.cells;
      row.cells.forEach((c, i) => {
        if (before && c === before[i]) return;
        const b = (this.#broadest[i] ??= { broad: -1, cells: row.cells }), broad = breadth(c ?? "null");
        if (broad > b.broad) this.#broadest[i] = { broad, cells: row.cells };
      });
    }
  }

  /** Makes room above and below, in pixels; nothing where there never was any. @param {number} above @param {number} below @param {Column[]} columns @param {number} now */
  make(above, below, columns, now) {
    let before = one("thead tr.room", this.table), after = one("tfoot tr.room", this.table);
    if (!before && !above && !below) return;
    before ??= this.#first();
    after ??= this.#last();
    for (const [i, b] of this.#broadest.entries()) {
      const td = /** @type {HTMLTableRowElement} */ (after).cells[i];
      if (!td || td.dataset.broad === String(b.broad)) continue;
      td.dataset.broad = String(b.broad);
      paint(td, columns[i], b.cells[i], now, b.cells);
    }
    if (above !== this.#above) {
      before.style.setProperty("--room", String(above));
      this.tbody.style.setProperty("--before", String(above)); // where rows are folded
    }
    if (below !== this.#below) {
      after.style.setProperty("--room", String(below));
      this.tbody.style.setProperty("--after", String(below));
    }
    [this.#above, this.#below] = [above, below];
  }

  #first() {
    const row = el("tr", { class: "room", "aria-hidden": "true" }, el("td", { colspan: "1000" }));
    this.table.tHead?.append(row);
    return row;
  }

  #last() {
    const template = /** @type {HTMLTemplateElement} */ (this.node.querySelector("template[data-row]"));
    const row = /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild);
    row.className = "room";
    attribute(row, "aria-hidden", "true");
    this.table.append(el("tfoot", { "aria-hidden": "true" }, row));
    return row;
  }
}
