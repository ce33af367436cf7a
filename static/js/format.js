// Values as people read them, by PostgreSQL type: the same rules as views/format.go and views/cell.go, held to the same
// examples in views/testdata/format.json. Pure: nothing here knows the page.

/**
 * What a dashboard says about a column.
 * @typedef {{label?: string, unit?: string, align?: string, decimals?: number, time?: string, key?: boolean, colors?: Record<string, string>}} Format
 * @typedef {"text"|"integer"|"decimal"|"boolean"|"document"|"uuid"|"moment"|"datetime"|"calendar"|"binary"} Kind
 * A column ready to be shown.
 * @typedef {{name: string, type: string, head: string, className: string, as: string, kind: Kind, bare: boolean, relative: boolean, decimals?: number, colors?: Record<string, string>}} Column
 * A value ready to be shown.
 * @typedef {{text: string, dim: string, title: string, className: string, glyph: string, time: string, isNull: boolean}} Cell
 */

const LONGEST_TEXT = 300, LONGEST_TITLE = 1000, LONGEST_PLAIN = 48;
const COLORS = new Set(["amber", "blue", "brown", "green", "grey", "navy", "olive", "pink", "purple", "red", "teal"]);

/** @type {Record<string, Kind>} */
const KINDS = {
  int2: "integer", int4: "integer", int8: "integer", oid: "integer", xid: "integer", xid8: "integer",
  numeric: "decimal", float4: "decimal", float8: "decimal", bool: "boolean", json: "document", jsonb: "document", uuid: "uuid",
  timestamptz: "moment", timestamp: "datetime", bytea: "binary",
  date: "calendar", time: "calendar", timetz: "calendar", interval: "calendar", inet: "calendar", cidr: "calendar",
  macaddr: "calendar", macaddr8: "calendar", money: "calendar", pg_lsn: "calendar",
};

/**
 * Decides how a result's columns are shown. raw keeps names as they are and times absolute: a table's own page.
 * @param {{name: string, type: string}[]} fields
 * @param {Record<string, Format>} formats by name
 * @param {boolean} raw
 * @returns {Column[]}
 */
export function describe(fields, formats, raw) {
  const said = fields.map((f) => (Object.hasOwn(formats, f.name) ? formats[f.name] : {}));
  const columns = fields.map((f, i) => {
    const kind = Object.hasOwn(KINDS, f.type) ? KINDS[f.type] : "text", say = said[i];
    return /** @type {Column} */ ({
      name: f.name, type: f.type, head: head(f.name, say, raw), className: "", as: "", kind, decimals: say.decimals, colors: say.colors,
      bare: kind === "integer" && (!!say.key || namesKey(f.name)),
      relative: kind === "moment" && (say.time === "relative" || (!say.time && !raw && f.name.endsWith("_at"))),
    });
  });
  assign(columns, said, raw);
  columns.forEach((c, i) => (c.className = className(c, said[i], raw)));
  return columns;
}

/** @param {string} name */
const namesKey = (name) => name === "id" || name.endsWith("_id") || name === "year";

/** Does the name promise what people call a row? @param {string} name */
const namesRow = (name) => /^(name|title|label|subject|email|username|customer|product)$|_name$/.test(name);

/** @param {string} name @param {Format} say @param {boolean} raw */
function head(name, say, raw) {
  const h = say.label || (raw ? name : name === "id" ? "ID" : capital(name.replaceAll("_", " ")));
  return say.unit ? `${h}, ${say.unit}` : h;
}

/** Writes an ASCII first letter large. @param {string} s */
export const capital = (s) => (/^[a-z]/.test(s) ? s[0].toUpperCase() + s.slice(1) : s);

/** Gives each place of a folded row to the first column that fits. @param {Column[]} columns @param {Format[]} said @param {boolean} raw */
function assign(columns, said, raw) {
  /** @param {string} as @param {(c: Column, say: Format) => boolean} fits */
  const first = (as, fits) => {
    const c = columns.find((x, i) => !x.as && fits(x, said[i]));
    if (c) c.as = as;
    return !!c;
  };
  first("key", (_, say) => !!say.key) || first("key", (c) => c.name === "id" || c.kind === "uuid") || first("key", (c) => c.bare);
  first("status", (c) => !!c.colors) || first("status", (c) => c.name === "status" || c.name === "state");
  first("time", (c) => c.kind === "moment") || first("time", (c) => c.kind === "datetime" || c.type === "date");
  const titled = first("title", (c) => c.kind === "text" && namesRow(c.name)) || (!raw && first("title", (c) => c.kind === "text"));
  first("amount", (c) => c.kind === "decimal") || first("amount", (c) => c.kind === "integer" && !c.bare);
  if (titled) return;
  const stand = columns.find((c) => c.as === "key") ?? columns.find((c) => c.as === "status") ?? columns.find((c) => !c.as) ?? columns[0];
  if (!stand) return;
  if (stand.as === "key") columns.filter((c) => !c.as && c.kind === "text").slice(0, 1).forEach((c) => (c.as = "key"));
  stand.as = "title";
}

/** @param {Column} c @param {Format} say @param {boolean} raw */
function className(c, say, raw) {
  const names = [];
  const quantity = (c.kind === "integer" || c.kind === "decimal" || c.type === "money") && !c.bare;
  if (say.align === "right" || (!say.align && (quantity || c.relative))) names.push("n");
  if (["integer", "decimal", "moment", "datetime", "calendar", "uuid"].includes(c.kind)) names.push("num");
  else if (c.kind === "document" || c.kind === "binary") names.push("doc");
  if (raw) return names.join(" ");
  if (c.as === "title") names.push("lead");
  else if (c.bare || c.kind === "uuid") names.push("key");
  else if (c.relative) names.push("dim");
  return names.join(" ");
}

/** @param {Partial<Cell>} c @returns {Cell} */
const shown = (c) => ({ text: "", dim: "", title: "", className: "", glyph: "", time: "", isNull: false, ...c });

/**
 * Formats a value given as PostgreSQL's text output; now is in milliseconds.
 * @param {Column} c @param {string|null} value @param {number} now @returns {Cell}
 */
export function format(c, value, now) {
  if (value === null) return shown({ text: "null", isNull: true });
  if (c.colors) return shown({ text: value, glyph: glyph(Object.hasOwn(c.colors, value) ? c.colors[value] : "") });
  switch (c.kind) {
    case "integer": return c.bare ? shown({ text: minus(value) }) : number(value, c.decimals);
    case "decimal": return number(value, c.decimals);
    case "boolean": return value === "t" ? shown({ text: "true" }) : shown({ text: "false", className: "dim" });
    case "uuid": return value.length > 8 ? shown({ text: `${value.slice(0, 8)}…`, title: value }) : shown({ text: value });
    case "moment": case "datetime": return timestamp(c, value, now);
    case "binary": return value.length > 18 ? shown({ text: `${value.slice(0, 18)}…`, title: `${group(String((value.length - 2) / 2))} bytes` }) : shown({ text: value });
    case "calendar": return shown({ text: value });
    default: return plain(value);
  }
}

/** @param {string} s */
function plain(s) {
  if (s.length <= LONGEST_PLAIN) return shown({ text: s });
  const characters = [...s];
  if (characters.length <= LONGEST_PLAIN) return shown({ text: s });
  return shown({ text: clip(s, characters, LONGEST_TEXT), title: clip(s, characters, LONGEST_TITLE) });
}
/** @param {string} s @param {string[]} characters @param {number} longest */
const clip = (s, characters, longest) => (characters.length <= longest ? s : `${characters.slice(0, longest).join("")}…`);

/** @param {string} color */
const glyph = (color) => (COLORS.has(color) ? color : "grey");

/**
 * Writes a decimal number as people read it, working on digits and never on floats.
 * @param {string} s @param {number|undefined} decimals @returns {Cell}
 */
function number(s, decimals) {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(s);
  if (!m) return shown({ text: minus(s).replace("Infinity", "∞") });
  const [, sign, whole, frac = ""] = m;
  let places = frac.length, trim = false;
  if (decimals !== undefined) places = Math.max(0, decimals);
  else if (frac.length > 4) {
    places = 4; trim = true;
    if (/^0*$/.test(whole)) places = Math.max(4, frac.length - frac.replace(/^0+/, "").length + 3);
  }
  let [w, f] = round(whole, frac, places);
  if (trim) f = f.replace(/0+$/, "");
  let text = group(w) + (f ? `.${f}` : "");
  if (sign && /[1-9]/.test(w + f)) text = `−${text}`;
  return shown({ text, title: /[1-9]/.test(frac.slice(places)) ? s : "" });
}

/** Keeps that many decimals, half away from zero. @param {string} whole @param {string} frac @param {number} places */
function round(whole, frac, places) {
  if (frac.length <= places) return [whole, frac.padEnd(places, "0")];
  let digits = whole + frac.slice(0, places);
  if (frac[places] >= "5") {
    const nines = /9*$/.exec(digits)?.[0].length ?? 0, keep = digits.slice(0, digits.length - nines);
    digits = (keep ? keep.slice(0, -1) + String(+keep.slice(-1) + 1) : "1") + "0".repeat(nines);
  }
  return [digits.slice(0, digits.length - places), digits.slice(digits.length - places)];
}

/** Sets commas between thousands. @param {string} digits */
export const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
/** @param {string} s */
const minus = (s) => (s.startsWith("-") ? `−${s.slice(1)}` : s);

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

/** The moment that a timestamp with a zone names, in milliseconds. @param {RegExpExecArray} m */
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

/** A moment's time of day as the reader's clock has it. @param {number} ms */
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/**
 * The first row of a result as a big number: its first cell is the value, the others are the note below.
 * @param {Column[]} columns @param {(string|null)[]|undefined} cells @param {number} now
 */
export function stat(columns, cells, now) {
  if (!cells) return { whole: "–", fraction: "", note: "no rows", title: "" };
  const all = columns.map((c, i) => format(c, cells[i] ?? null, now)), first = all[0];
  let whole = first.text, fraction = "", title = first.title;
  if (first.isNull) [whole, title] = ["–", "null"];
  else if (columns[0].kind === "decimal" && whole.includes(".")) [whole, fraction] = [whole.slice(0, whole.indexOf(".")), whole.slice(whole.indexOf("."))];
  const note = all.slice(1).map((c, i) => {
    const { kind, head } = columns[i + 1];
    return (kind === "integer" || kind === "decimal") && !c.isNull ? `${c.text} ${lower(head)}` : c.text;
  }).join(", ");
  return { whole, fraction, note, title };
}
/** @param {string} s */
const lower = (s) => (/^[A-Z][a-z]/.test(s) ? s[0].toLowerCase() + s.slice(1) : s);

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
