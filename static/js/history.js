// What rows went through while the page was open: a bounded memory of changed cells.

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./delta.js").Row} Row
 * A changed cell; or, without a column, a row that came ("+") or went ("-"). at is the snapshot's time in milliseconds.
 * @typedef {{at: number, key: string, column: string, was: string|null, is: string|null}} Change
 */

const MOST = 2000, EACH = 100;

export class History {
  /** @type {Map<string, Row>} */ #rows = new Map();
  /** @type {Row[]} those of the last state, in order */ #last = [];
  /** @type {Change[]} */ #changes = [];
  /** @type {Panel["columns"]} */ #columns = [];

  /** Takes a state as it is: what was before is not comparable with it. @param {Panel} panel */
  begin(panel) {
    this.#rows = new Map(panel.rows.map((r) => [r.key, r]));
    this.#last = panel.rows;
    this.#columns = panel.columns;
  }

  /** Notes what differs in the next state. @param {Panel} panel @param {number} at */
  note(panel, at) {
    if (panel.columns !== this.#columns) return this.begin(panel);
    const { rows } = panel, last = this.#last;
    this.#last = rows;
    let came = 0;
    for (let i = 0; i < rows.length; i++) {
      const r = rows[i];
      if (r === last[i]) continue; // most stand where they stood
      const was = this.#rows.get(r.key);
      if (was === r) continue;
      this.#rows.set(r.key, r);
      if (!was) came++;
      else for (const c of differences(panel.columns, was, r, at)) this.#changes.push(c);
    }
    if (came && this.#rows.size > panel.rows.length) this.#forget(panel);
    if (this.#changes.length > MOST) this.#changes.splice(0, this.#changes.length - MOST);
  }

  /** Rows that left are forgotten, and with them what they went through. @param {Panel} panel */
  #forget(panel) {
    this.begin(panel);
    if (this.#changes.length > EACH) this.#changes = this.#changes.filter((c) => this.#rows.has(c.key));
  }

  /** What a row went through, the newest last. @param {string} key */
  of(key) { return this.#changes.filter((c) => c.key === key).slice(-EACH); }
}

/** The cells that differ between two states of a row. @param {{name: string}[]} columns @param {Row} was @param {Row} is @param {number} at @returns {Change[]} */
export function differences(columns, was, is, at) {
  /** @type {Change[]} */ const list = [];
  is.cells.forEach((c, i) => { if (c !== was.cells[i]) list.push({ at, key: is.key, column: columns[i].name, was: was.cells[i] ?? null, is: c }); });
  return list;
}
