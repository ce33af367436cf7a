// Values as people read them, by PostgreSQL type: the same rules as views/format.go and views/cell.go, held to the same
// examples in views/testdata/format.json. Pure: nothing here knows the page.
import { linkable, pieces } from "./link.js";
import { group, minus } from "./number.js";
import { amount, digits, measured, quantity } from "./quantity.js";
import { deal } from "./status.js";

/**
 * What a dashboard says about a column.
 * @typedef {{label?: string, unit?: string, align?: string, decimals?: number, time?: string, key?: boolean, colors?: Record<string, string>, format?: string, thresholds?: Threshold[], bar?: {max?: number}, hidden?: boolean, width?: number, link?: string}} Format
 * @typedef {{from: number, color: string}} Threshold
 * @typedef {"text"|"integer"|"decimal"|"boolean"|"document"|"uuid"|"moment"|"datetime"|"calendar"|"duration"|"currency"|"binary"|"array"|"span"} Kind
 * A column ready to be shown; dealt: an enum's labels, where its colours are not the file's.
 * @typedef {{name: string, type: string, head: string, className: string, as: string, kind: Kind, bare: boolean, relative: boolean, label: string, unit: string, decimals?: number, colors?: Record<string, string>, dealt?: string[], style?: string, thresholds?: Threshold[], bar?: {max?: number}, hidden: boolean, width: number, link: (string|number)[]}} Column
 * A value ready to be shown.
 * @typedef {{text: string, dim: string, title: string, className: string, glyph: string, time: string, href: string, isNull: boolean, isBlank: boolean, isTree: boolean}} Cell
 */

const LONGEST_TEXT = 300, LONGEST_TITLE = 1000, LONGEST_PLAIN = 48, LONGEST_TREE = 120;
const COLORS = new Set(["amber", "blue", "brown", "green", "grey", "navy", "olive", "pink", "purple", "red", "teal"]);

/** @type {Record<string, Kind>} */
const KINDS = {
  int2: "integer", int4: "integer", int8: "integer", oid: "integer", xid: "integer", xid8: "integer",
  numeric: "decimal", float4: "decimal", float8: "decimal", bool: "boolean", json: "document", jsonb: "document", uuid: "uuid",
  timestamptz: "moment", timestamp: "datetime", bytea: "binary",
  date: "calendar", time: "calendar", timetz: "calendar", interval: "duration", inet: "calendar", cidr: "calendar",
  macaddr: "calendar", macaddr8: "calendar", money: "currency", pg_lsn: "calendar",
  int4range: "span", int8range: "span", numrange: "span", daterange: "span", tsrange: "span", tstzrange: "span",
};

/**
 * Decides how a result's columns are shown. raw keeps names as they are and times absolute: a table's own page.
 * @param {import("./protocol.js").Field[]} fields
 * @param {Record<string, Format>} formats by name
 * @param {boolean} raw
 * @returns {Column[]}
 */
export function describe(fields, formats, raw) {
  const said = fields.map((f) => (Object.hasOwn(formats, f.name) ? formats[f.name] : {}));
  const columns = fields.map((f, i) => {
    const kind = Object.hasOwn(KINDS, f.type) ? KINDS[f.type] : f.type.startsWith("_") ? "array" : "text", say = said[i];
    const label = say.label || (raw ? f.name : f.name === "id" ? "ID" : capital(f.name.replaceAll("_", " "))), unit = say.unit ?? "";
    const bare = kind === "integer" && (!!say.key || namesKey(f.name)), counts = measured(/** @type {Column} */ ({ kind })) && !bare;
    return /** @type {Column} */ ({
      name: f.name, type: f.type, head: unit ? `${label}, ${unit}` : label, className: "", as: "", kind, label, unit, decimals: say.decimals,
      colors: say.colors ?? (f.enum?.length ? deal(f.enum) : undefined), dealt: !say.colors && f.enum?.length ? f.enum : undefined, style: say.format ?? (kind === "duration" && !raw ? "duration" : undefined), thresholds: counts ? say.thresholds : undefined,
      bar: counts ? say.bar : undefined, hidden: !!say.hidden, width: say.width ?? 0, link: pieces(say.link ?? "", fields), bare,
      relative: kind === "moment" && (say.time === "relative" || (!say.time && !raw && f.name.endsWith("_at"))),
    });
  });
  assign(columns, said, raw);
  columns.forEach((c, i) => (c.className = className(c, said[i], raw)));
  const seen = columns.filter((c) => !c.hidden);
  if (seen.length < columns.length) for (const [c, end] of /** @type {const} */ ([[seen[0], "first"], [seen.at(-1), "last"]])) if (c) c.className = `${c.className} ${end}`.trim();
  return columns;
}

/** @param {string} name */
const namesKey = (name) => name === "id" || name.endsWith("_id") || name === "year";

/** Does the name promise what people call a row? @param {string} name */
const namesRow = (name) => /^(name|title|label|subject|email|username|customer|product)$|_name$/.test(name);

/** Writes an ASCII first letter large. @param {string} s */
export const capital = (s) => (/^[a-z]/.test(s) ? s[0].toUpperCase() + s.slice(1) : s);

/** Gives each place of a folded row to the first column that fits. @param {Column[]} columns @param {Format[]} said @param {boolean} raw */
function assign(columns, said, raw) {
  /** @param {string} as @param {(c: Column, say: Format) => boolean} fits */
  const first = (as, fits) => {
    const c = columns.find((x, i) => !x.as && !x.hidden && fits(x, said[i]));
    if (c) c.as = as;
    return !!c;
  };
  first("key", (_, say) => !!say.key) || first("key", (c) => c.name === "id" || c.kind === "uuid") || first("key", (c) => c.bare);
  first("status", (_, say) => !!say.colors) || first("status", (c) => c.name === "status" || c.name === "state") || first("status", (c) => !!c.colors);
  first("time", (c) => c.kind === "moment") || first("time", (c) => c.kind === "datetime" || c.type === "date");
  const titled = first("title", (c) => c.kind === "text" && namesRow(c.name)) || (!raw && first("title", (c) => c.kind === "text"));
  first("amount", (c) => c.kind === "decimal") || first("amount", (c) => c.kind === "integer" && !c.bare);
  if (titled) return;
  const seen = columns.filter((c) => !c.hidden);
  const stand = seen.find((c) => c.as === "key") ?? seen.find((c) => c.as === "status") ?? seen.find((c) => !c.as) ?? columns[0];
  if (!stand) return;
  if (stand.as === "key") columns.filter((c) => !c.as && c.kind === "text").slice(0, 1).forEach((c) => (c.as = "key"));
  stand.as = "title";
}

/** @param {Column} c @param {Format} say @param {boolean} raw */
function className(c, say, raw) {
  const names = [];
  const quantity = measured(c) && !c.bare && (c.kind !== "duration" || c.style === "duration");
  if (say.align === "right" || (!say.align && (quantity || c.relative))) names.push("n");
  if (["integer", "decimal", "moment", "datetime", "calendar", "duration", "currency", "uuid"].includes(c.kind)) names.push("num");
  else if (c.kind === "document" || c.kind === "binary") names.push("doc");
  if (c.kind === "uuid") names.push("uuid");
  if (c.bar) names.push("barred");
  if (c.width) names.push("sized");
  if (raw) return names.join(" ");
  if (c.as === "title") names.push("lead");
  else if (c.bare || c.kind === "uuid") names.push("key");
  else if (c.relative) names.push("dim");
  return names.join(" ");
}

/** @param {Partial<Cell>} c @returns {Cell} */
const shown = (c) => ({ text: "", dim: "", title: "", className: "", glyph: "", time: "", href: "", isNull: false, isBlank: false, isTree: false, ...c });

/**
 * Formats a value given as PostgreSQL's text output; now is in milliseconds.
 * @param {Column} c @param {string|null} value @param {number} now @returns {Cell}
 */
export function format(c, value, now) {
  if (value === null) return shown({ text: "null", isNull: true });
  const cell = typed(c, value, now);
  return c.width && !cell.title ? { ...cell, title: cell.text } : cell; // its column may cut it
}

/** @param {Column} c @param {string} value @param {number} now @returns {Cell} */
function typed(c, value, now) {
  if (c.colors) return shown({ text: value, isBlank: value === "", glyph: glyph(Object.hasOwn(c.colors, value) ? c.colors[value] : "") });
  switch (c.kind) {
    case "integer": case "decimal": return c.bare ? shown({ text: minus(value) }) : over(c, value, quantity(value, c.style, c.decimals));
    case "duration": case "currency": return over(c, value, amount(c, value));
    case "boolean": return value === "t" ? shown({ text: "true", glyph: "yes" }) : shown({ text: "false", glyph: "no", className: "dim" });
    case "uuid": return shown({ text: value, title: value }); // the style sheet shortens it: what is copied is whole
    case "document": return preview(value);
    case "array": return list(value);
    case "span": return between(value);
    case "moment": case "datetime": return timestamp(c, value, now);
    case "binary": return value.length > 18 ? shown({ text: `${value.slice(0, 18)}…`, title: `${group(String((value.length - 2) / 2))} bytes` }) : shown({ text: value });
    case "calendar": return shown({ text: value });
    default: return linkable(value) ? { ...plain(value.replace(/^https?:\/\//i, "").replace(/\/$/, "")), href: value, title: value } : plain(value);
  }
}

/** A number, marked where it reached a threshold: a shape, a weight and a colour. @param {Column} c @param {string} s @param {import("./quantity.js").Shown} text @returns {Cell} */
function over(c, s, text) {
  const color = reached(c.thresholds, Number(digits(c, s) ?? NaN)), cell = shown(text);
  return color ? { ...cell, glyph: color, className: `over ${color}` } : cell;
}

/** The colour of the last threshold that a number reached, "" for none. @param {Threshold[]|undefined} thresholds @param {number} v */
export function reached(thresholds, v) {
  let color = "";
  for (const t of thresholds ?? []) if (v >= t.from) color = glyph(t.color);
  return color;
}

/** One line of a document. Objects and lists that hold something can be opened. @param {string} s */
function preview(s) {
  const line = s.replace(/[ \t\r]*\n[ \t\r\n]*/g, " "), inside = /^[ \t\r]*[{[](.*)$/s.exec(line);
  return shown({ text: clip(line, [...line], LONGEST_TREE), isTree: !!inside && /[^ \t\r\]}]/.test(inside[1]) });
}

/** An array's elements; one of several dimensions stays as it is. @param {string} s */
function list(s) {
  const items = elements(s);
  if (!items) return plain(s);
  if (!items.length) return shown({ text: "{}", className: "dim" });
  const cell = plain(items.join(", "));
  return { ...cell, title: cell.title || s };
}

/** Reads PostgreSQL's text of an array of one dimension. @param {string} s @returns {string[]|null} */
function elements(s) {
  if (s.length < 2 || !s.startsWith("{") || !s.endsWith("}")) return null;
  const items = [], inner = s.slice(1, -1), item = /"((?:[^"\\]|\\.)*)"|([^,{"]*)/sy;
  for (let at = 0; at < inner.length; ) {
    item.lastIndex = at;
    const m = item.exec(inner), end = item.lastIndex;
    if (!m || (end < inner.length && inner[end] !== ",") || end === inner.length - 1) return null;
    items.push(m[1] !== undefined ? m[1].replace(/\\(.)/gs, "$1") : m[2] === "NULL" ? "null" : m[2]);
    at = end + 1;
  }
  return items;
}

/** A range with room between its ends; an end that is open is "…". @param {string} s */
function between(s) {
  const m = /^([[(])"?([^",]*)"?,"?([^",]*)"?([\])])$/.exec(s);
  return m ? shown({ text: `${m[1]}${m[2] || "…"}, ${m[3] || "…"}${m[4]}`, title: s }) : shown({ text: s });
}

/** @param {string} s */
function plain(s) {
  if (s === "") return shown({ isBlank: true });
  if (s.length <= LONGEST_PLAIN) return shown({ text: s });
  const characters = [...s];
  if (characters.length <= LONGEST_PLAIN) return shown({ text: s });
  return shown({ text: clip(s, characters, LONGEST_TEXT), title: clip(s, characters, LONGEST_TITLE) });
}
/** @param {string} s @param {string[]} characters @param {number} longest */
const clip = (s, characters, longest) => (characters.length <= longest ? s : `${characters.slice(0, longest).join("")}…`);

/** @param {string} color */
const glyph = (color) => (COLORS.has(color) ? color : "grey");

const STAMP = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d(?::\d\d){0,2})?$/;

/** @param {Column} c @param {string} s @param {number} now */
function timestamp(c, s, now) {
  const m = STAMP.exec(s);
  if (!m) return shown({ text: s });
  const t = c.relative ? instant(m) : NaN;
  if (Number.isNaN(t)) return shown({ dim: m[1], text: m[2], title: s });
  const { words, near } = ago(now - t);
  return near ? shown({ text: words, title: s, time: new Date(t).toISOString() }) : shown({ text: m[1], title: s });
}

/** The moment that a timestamp with a zone names, in milliseconds; NaN where it names none. @param {string} s */
export function moment(s) {
  const m = STAMP.exec(s);
  return m ? instant(m) : NaN;
}

/** @param {RegExpExecArray} m */
function instant(m) {
  if (!m[4] || m[1].length !== 10) return NaN;
  const t = Date.parse(`${m[1]}T${m[2]}Z`), offset = m[4].slice(1).split(":").reduce((sum, part, i) => sum + Number(part) * [3600, 60, 1][i], 0);
  return t + Math.floor(Number(m[3] ?? 0) * 1000) - (m[4][0] === "-" ? -offset : offset) * 1000;
}

/** How long ago: "now", "12 s", "3 min", "2 h", "4 d", "in 3 min"; not near beyond thirty days. @param {number} ms */
export function ago(ms) {
  const before = ms < 0 ? "in " : "", s = Math.floor((Math.abs(ms) + 500) / 1000);
  if (s < 2) return { words: "now", near: true };
  if (s < 60) return { words: `${before}${s} s`, near: true };
  if (s < 3600) return { words: `${before}${Math.floor(s / 60)} min`, near: true };
  if (s < 86400) return { words: `${before}${Math.floor(s / 3600)} h`, near: true };
  return { words: `${before}${Math.floor(s / 86400)} d`, near: s < 31 * 86400 };
}

/** What a panel's error means for its rule and its heading. @param {string} code */
export function panelError(code) {
  switch (code) {
    case "timeout": return { state: "timeout", head: "Too slow" };
    case "too_large": return { state: "timeout", head: "Too large to show" };
    case "rebuilding": return { state: "timeout", head: "The table is being rebuilt" };
    case "table_gone": return { state: "error", head: "The table is gone" };
    case "forbidden": return { state: "denied", head: "Not for this role" };
    case "query_failed": return { state: "error", head: "The query has an error" };
    default: return { state: "error", head: "Something went wrong here" };
  }
}

/** Gives a message a capital and a full stop. @param {string} s */
export function sentence(s) {
  s = s.trim();
  if (/^[a-z]+( |$)/.test(s)) s = capital(s); // else it begins with a name
  return s === "" || /[.?:]$/.test(s) ? s : `${s}.`;
}

/** A count as people read it: what is estimated has a tilde, and is short where it is large. @param {{rows: number, exact: boolean}} c */
export function tally({ rows, exact }) {
  if (exact || rows < 100_000) return `${exact ? "" : "~"}${group(String(rows))}`;
  if (rows < 999_500) return `~${Math.floor((rows + 500) / 1000)} k`;
  return rows < 999_950_000 ? `~${(rows / 1e6).toFixed(1)} M` : `~${(rows / 1e9).toFixed(1)} G`;
}
/** Says which rows a page of a table shows. @param {number} first @param {number} n */
export function shownRows(first, n) {
  if (!n) return "No rows";
  return n === 1 ? group(String(first)) : `${group(String(first))}–${group(String(first + n - 1))}`;
}
