// What the address of a table page asks for, read and written: the inverse of the server's grammar, and what a click on a head, a
// filter that is typed or another page make of it. Pure.

/**
 * @typedef {{column: string, desc: boolean}} Term
 * @typedef {{column: string, op: string, value: string}} Filter
 * What an address asks for; what it leaves open is empty, or 0.
 * @typedef {{sort: Term[], where: Filter[], search: string, columns: string[], rows: number, page: number}} Query
 */

/** Operators that compare with nothing. */
const BARE = new Set(["null", "notnull"]);

/** @type {Query} */
export const NOTHING = Object.freeze({ sort: [], where: [], search: "", columns: [], rows: 0, page: 1 });

/** Percent-encodes all but RFC 3986's unreserved characters. @param {string} s */
export const escape = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** @param {string} s */
const quote = (s) => `"${s.replaceAll('"', '""')}"`;

/** A column as sort and where name it. @param {string} name */
const named = (name) => (/^-|[.,"]/.test(name) ? quote(name) : name);

/** Takes a name, quoted or not, off a text. @param {string} s @param {string} end @returns {[name: string, rest: string]} */
function cut(s, end) {
  const m = /^"((?:[^"]|"")*)"/.exec(s);
  if (m) return [m[1].replaceAll('""', '"'), s.slice(m[0].length)];
  const at = s.indexOf(end);
  return at < 0 ? [s, ""] : [s.slice(0, at), s.slice(at)];
}

/**
 * The values of a list, in quotes where they hold commas: every one as it stands, or as somebody meant it who typed it, with
 * blanks around and commas at the end.
 * @param {string} s @param {boolean} [typed] @returns {string[]}
 */
export function items(s, typed) {
  const list = [], trim = (/** @type {string} */ t) => (typed ? t.trimStart() : t);
  for (let rest = trim(s); ; rest = trim(rest.slice(1))) {
    const quoted = rest.startsWith('"'), [item, after] = cut(rest, ","), value = typed && !quoted ? item.trim() : item;
    if (value || quoted || !typed) list.push(value);
    rest = trim(after);
    if (!rest.startsWith(",")) return list;
  }
}

/** @param {string[]} list */
export const listed = (list) => list.map((i) => (/[,"]/.test(i) ? quote(i) : i)).join(",");

/** Reads an address. @param {string} address @returns {Query} */
export function parse(address) {
  const p = new URLSearchParams(address.slice(address.indexOf("?") + 1 || address.length));
  return {
    sort: names(p.get("sort") ?? "").map(([column, desc]) => ({ column, desc })),
    where: p.getAll("where").flatMap((w) => {
      const [column, rest] = cut(w, "."), m = /^\.(\w+)(?:\.([^]*))?$/.exec(rest);
      return m ? [{ column, op: m[1], value: m[2] ?? "" }] : [];
    }),
    search: p.get("search") ?? "",
    columns: names(p.get("columns") ?? "").map(([name]) => name),
    rows: Number(p.get("rows")) || 0,
    page: Number(p.get("page")) || 1,
  };
}

/** @param {string} s @returns {[name: string, desc: boolean][]} */
function names(s) {
  /** @type {[string, boolean][]} */ const list = [];
  while (s) {
    const desc = s.startsWith("-"), [name, rest] = cut(desc ? s.slice(1) : s, ",");
    if (name) list.push([name, desc]);
    s = rest.slice(1);
  }
  return list;
}

/** Writes the canonical address. @param {string} table its address without parameters @param {Query} q */
export function build(table, q) {
  const parts = [];
  if (q.sort.length) parts.push(`sort=${q.sort.map((t) => (t.desc ? "-" : "") + escape(named(t.column))).join(",")}`);
  for (const f of q.where) {
    const value = f.op === "in" ? items(f.value).map((i) => escape(/[,"]/.test(i) ? quote(i) : i)).join(",") : escape(f.value);
    parts.push(`where=${escape(named(f.column))}.${f.op}${BARE.has(f.op) ? "" : `.${value}`}`);
  }
  if (q.search) parts.push(`search=${escape(q.search)}`);
  if (q.columns.length) parts.push(`columns=${q.columns.map((c) => escape(named(c))).join(",")}`);
  if (q.rows) parts.push(`rows=${q.rows}`);
  if (q.page > 1) parts.push(`page=${q.page}`);
  return parts.length ? `${table}?${parts.join("&")}` : table;
}

/**
 * The order after a click on a head: rising, falling, as the table has it by itself. With more, the column joins the others.
 * @param {Query} q @param {string} column @param {boolean} more @param {Term[]} shown the order that is shown now, asked for or not @returns {Query}
 */
export function sorted(q, column, more, shown) {
  const now = q.sort.length ? q.sort : shown.length === 1 && !more ? shown : [], at = now.find((t) => t.column === column);
  if (!more) {
    const alone = now.length === 1 && at;
    const sort = !alone ? [{ column, desc: false }] : !at.desc ? [{ column, desc: true }] : q.sort.length ? [] : [{ column, desc: false }];
    return { ...q, sort, page: 1 };
  }
  const sort = !at ? [...now, { column, desc: false }] : at.desc ? now.filter((t) => t !== at) : now.map((t) => (t === at ? { column, desc: true } : t));
  return { ...q, sort, page: 1 };
}

/** The filters with those of one column replaced. @param {Query} q @param {string} column @param {Omit<Filter, "column">[]} filters @returns {Query} */
export function filtered(q, column, filters) {
  const at = q.where.findIndex((f) => f.column === column), others = q.where.filter((f) => f.column !== column);
  others.splice(at < 0 ? others.length : at, 0, ...filters.map((f) => ({ column, ...f })));
  return { ...q, where: others, page: 1 };
}

/** Widths of columns as the address has them. @param {string} s @returns {Map<string, number>} */
export function widths(s) {
  const found = new Map();
  for (let rest = s; rest;) {
    const [name, after] = cut(rest, ":"), m = /^:(\d{2,4})(,|$)/.exec(after);
    if (!m) break;
    found.set(name, Math.min(2000, Math.max(40, Number(m[1]))));
    rest = after.slice(m[0].length);
  }
  return found;
}

/** @param {Map<string, number>} map */
export const widthsText = (map) => [...map].map(([name, w]) => `${/[:,"]/.test(name) ? quote(name) : name}:${Math.round(w)}`).join(",");
