// Pure arithmetic on panels: a state and a change give the next state. Rows that did not change keep their identity, so
// that whoever shows them sees at a glance what to leave alone.

/**
 * @typedef {import("./protocol.js").Change} Change
 * @typedef {import("./protocol.js").Field} Field
 * @typedef {import("./protocol.js").Op} Op
 * @typedef {import("./protocol.js").Problem} Problem
 * @typedef {import("./protocol.js").WireRow} WireRow
 * @typedef {{key: string, cells: (string|null)[]}} Row
 * One panel's state; never mutated.
 * @typedef {{columns: Field[], rows: Row[], truncated: boolean, error: Problem|null, at: string, every: number}} Panel
 */

/** Who has gone round all rows so often, looking for a few, finds the next ones faster by an index. */
const ROUNDS = 4;

/** The client lost its place: it watches again without a cursor. */
export class Lost extends Error {}

/** @param {WireRow} r @param {number} width @returns {Row} */
function row([key, ...cells], width) {
  if (typeof key !== "string" || cells.length !== width) throw new Lost("a row that does not fit its columns");
  return { key, cells };
}

/** @type {Panel} */
export const EMPTY = Object.freeze({ columns: [], rows: [], truncated: false, error: null, at: "", every: 0 });

/**
 * Applies one panel's part of a snapshot or delta.
 * @param {Panel|undefined} old @param {Change} change @returns {Panel}
 */
export function apply(old, change) {
  const base = old ?? EMPTY, next = change.rows ? { ...EMPTY, columns: change.columns ?? base.columns } : { ...base };
  if (change.rows) next.rows = change.rows.map((r) => row(r, next.columns.length));
  if (change.ops) {
    if (!old) throw new Lost("changes to a panel that is not there");
    next.rows = base.rows.slice();
    const places = new Places(next.rows);
    for (const op of change.ops) step(next.rows, op, base.columns.length, places);
  }
  if (change.truncated !== undefined) next.truncated = change.truncated;
  if (change.error !== undefined) next.error = change.error;
  if (change.at !== undefined) next.at = change.at;
  if (change.every_ms !== undefined) next.every = change.every_ms;
  return next;
}

/** @param {Row[]} rows @param {Op} op @param {number} width @param {Places} places */
function step(rows, op, width, places) {
  switch (op[0]) {
    case "-":
      rows.splice(places.of(op[1]), 1);
      places.moved();
      return;
    case "+":
      for (const r of rows) if (r.key === op[2][0]) throw new Lost("a row that is there already");
      insert(rows, op[1], row(op[2], width));
      places.moved();
      return;
    case "=": {
      const i = places.of(op[1]), cells = rows[i].cells.slice();
      for (const [col, cell] of Object.entries(op[2])) {
        const c = Number(col);
        if (!Number.isInteger(c) || c < 0 || c >= width) throw new Lost(`no column ${col}`);
        cells[c] = cell;
      }
      rows[i] = { key: rows[i].key, cells };
      return;
    }
    case ">": {
      const [moved] = rows.splice(places.of(op[1]), 1);
      insert(rows, op[2], moved);
      places.moved();
      return;
    }
    default:
      throw new Lost("an unknown operation");
  }
}

/**
 * Where rows stand. A server names them in their order, so each is looked for from the last one on; where another does not, many
 * changes in a row are worth an index, which no row may then come into or leave.
 */
class Places {
  /** @type {Map<string, number>|null} */ #index = null;
  #at = 0; // the row that was found last
  #steps = 0;

  /** @param {Row[]} rows */
  constructor(rows) { this.rows = rows; }

  /** @param {string} key */
  of(key) {
    const { rows } = this, n = rows.length;
    if (this.#steps > ROUNDS * n) this.#index ??= new Map(rows.map((r, i) => [r.key, i]));
    if (this.#index) {
      const i = this.#index.get(key);
      if (i !== undefined) return i;
    } else {
      for (let left = n, i = this.#at < n ? this.#at : 0; left > 0; left--, i = i + 1 < n ? i + 1 : 0) {
        if (rows[i].key !== key) continue;
        this.#steps += n - left;
        this.#at = i;
        return i;
      }
    }
    throw new Lost("a row that is not there");
  }

  moved() {
    this.#index = null;
    this.#steps = 0;
  }
}

/** @param {Row[]} rows @param {number} index @param {Row} r */
function insert(rows, index, r) {
  if (!Number.isInteger(index) || index < 0 || index > rows.length) throw new Lost("an index that is not there");
  rows.splice(index, 0, r);
}

/**
 * What a reader who stopped at one state has missed: rows that are new or gone, rows whose cells differ, and whether those that
 * stayed are in another order.
 * @param {Map<string, Panel>} shown @param {Map<string, Panel>} now
 */
export function missed(shown, now) {
  let added = 0, changed = 0, removed = 0, moved = false;
  for (const [id, panel] of now) {
    const was = shown.get(id);
    if (!was || was === panel || was.rows === panel.rows || /^@|\./.test(id)) continue; // options, and what a stat shows besides its number
    const before = new Map(was.rows.map((r, i) => [r.key, i]));
    let last = -1, fresh = 0;
    for (const r of panel.rows) {
      const i = before.get(r.key), b = i === undefined ? undefined : was.rows[i];
      if (i === undefined || !b) { fresh++; continue; }
      if (b !== r && b.cells.some((c, n) => c !== r.cells[n])) changed++;
      if (i < last) moved = true;
      last = i;
      before.delete(r.key);
    }
    let out = 0; // pushed out at the end of a result of so many rows: the row is still there
    if (panel.truncated || was.rows.length === panel.rows.length) while (out < fresh && before.has(was.rows[was.rows.length - 1 - out]?.key)) out++;
    added += fresh;
    removed += before.size - out;
  }
  return { added, changed, removed, moved };
}

/**
 * The rows of one state with the values of a later one: none comes, none goes, none moves. Both have the same columns.
 * @param {Panel} shown @param {Panel} now @returns {Panel}
 */
export function steady(shown, now) {
  const next = new Map(now.rows.map((r) => [r.key, r])), rows = shown.rows.map((r) => next.get(r.key) ?? r);
  return rows.every((r, i) => r === shown.rows[i]) ? shown : { ...shown, rows };
}
