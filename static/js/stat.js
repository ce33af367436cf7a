// A stat: a number, what it is measured by, and the way that led to it. The same rules as views/stat.go, held to the same examples
// in views/testdata/stat.json. Pure.
import { format, moment, reached } from "./format.js";
import { currency, digits, float, measured, priced, quantity } from "./quantity.js";
import { power } from "./scale.js";

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./format.js").Threshold} Threshold
 * @typedef {{cells: (string|null)[]}} Row
 * Another panel's rows. @typedef {{columns: Column[], rows: Row[]}} Result
 * @typedef {{compare?: string, earlier?: string, spark?: string, label?: string, good?: string, thresholds?: Threshold[]}} Options
 * @typedef {{way: string, mood: string, text: string, more: string, than: string}} Change
 * @typedef {{line: string, under: string, x: string, y: string, limit: string, label: string}} Trend
 * @typedef {{whole: string, fraction: string, unit: string, note: string, title: string, isNull: boolean, level: string, limit: string, size: string, change: Change|null, trend: Trend|null}} Stat
 */

/** @param {number} v */
const hundredth = (v) => String(Math.floor(v * 100 + 0.5) / 100);
/** A cell as a text. @param {import("./format.js").Cell} c */
const said = (c) => (c.dim ? `${c.dim} ${c.text}` : c.text);
/** @param {string} s */
const lower = (s) => (/^[A-Z][a-z]/.test(s) ? s[0].toLowerCase() + s.slice(1) : s);

/**
 * @param {Column[]} columns @param {Row[]} rows @param {string} unit @param {Options} o @param {number} now
 * @param {Result|undefined} earlier @param {Result|undefined} spark @returns {Stat}
 */
export function stat(columns, rows, unit, o, now, earlier, spark) {
  const [c] = columns, thresholds = o.thresholds ?? c.thresholds ?? [];
  /** @type {Stat} */ const s = { whole: "–", fraction: "", unit: "", note: "no rows", title: "", isNull: true, level: "", limit: "", size: "", change: null, trend: spark ? trend(spark, thresholds) : null };
  if (!rows.length) return s;
  const { cells } = rows[0], all = columns.map((x, i) => format(x, cells[i] ?? null, now)), [first] = all;
  Object.assign(s, { unit: unit || c.unit, whole: first.text, title: first.title, isNull: first.isNull });
  if (first.isNull) Object.assign(s, { whole: "–", title: "null" });
  else {
    const dot = c.kind === "currency" ? s.whole.search(/[.,]\d{1,2}\D*$/) : c.kind === "integer" || c.kind === "decimal" ? s.whole.indexOf(".") : -1, all = said(first);
    if (dot >= 0) [s.whole, s.fraction] = [s.whole.slice(0, dot), s.whole.slice(dot)];
    else if (first.dim) [s.whole, s.fraction] = [first.dim, ` ${first.text}`]; // a day and its time
    else if (first.isBlank) s.whole = "“”";
    const wide = 10 * [...s.whole].length + 6 * [...s.fraction].length + 4 * [...s.unit].length; // letters, as wide as they are drawn
    s.size = wide > 160 ? (measured(c) ? "vast" : "longest") : wide > 115 ? "longer" : wide > 90 ? "long" : "";
    if (s.size) s.title ||= all; // where it is cut, all of it is to be had
    if (measured(c)) [s.level, s.limit] = [reached(thresholds, float(c, cells[0])), limit(c, thresholds, cells[0], s.unit)];
  }
  s.note = columns.flatMap((x, i) => {
    if (!i || x.hidden) return [];
    if (x.name === o.compare) {
      s.change = change(o, c, cells[0], digits(x, cells[i] ?? null), x.label);
      return [];
    }
    if (all[i].isNull) return []; // nothing to add
    return [!measured(x) ? said(all[i]) : [all[i].text, x.unit, lower(x.label)].filter(Boolean).join(" ")];
  }).join(", ");
  if (o.earlier && earlier) {
    const [x] = earlier.columns, was = earlier.rows[0]?.cells[0];
    s.change = change(o, c, cells[0], x && was !== undefined ? digits(x, was) : null, x?.label ?? "");
  }
  return s;
}

/** How bad a threshold's colour is. @param {string} color */
const trouble = (color) => (color === "red" ? 2 : color === "amber" ? 1 : 0);

/** Which threshold a number in trouble crossed: the one below it, or, where less is worse, the next one up. @param {Column} c @param {Threshold[]} thresholds @param {string|null} s @param {string} unit */
function limit(c, thresholds, s, unit) {
  const v = float(c, s), at = thresholds.findLastIndex((t) => v >= t.from);
  if (at < 0 || !trouble(thresholds[at].color)) return "";
  const bad = (/** @type {number} */ i) => trouble(thresholds[i].color), next = at + 1;
  const under = next < thresholds.length && bad(next) < bad(at) && (at === 0 || bad(at - 1) > bad(at));
  const words = `${under ? "under" : "over"} ${priced(currency(c, [s]), quantity(String(thresholds[under ? next : at].from), c.style, c.decimals).text)}`;
  return unit ? `${words} ${unit}` : words;
}

/** Measures a number by an earlier one. @param {Options} o @param {Column} c @param {string|null} stored @param {string|null} was @param {string} name @returns {Change} */
function change(o, c, stored, was, name) {
  const is = digits(c, stored);
  const none = { way: "", mood: "", text: "–", more: "", than: o.label || `on ${lower(name)}` }, diff = is === null || was === null || !measured(c) ? "" : difference(is, was);
  if (!diff) return none;
  if (!/[1-9]/.test(diff)) return { ...none, way: "same", text: "no change" };
  const way = diff.startsWith("-") ? "down" : "up", shown = priced(currency(c, [stored]), quantity(diff, c.style, c.decimals).text);
  const amount = (way === "up" ? "+" : "") + (c.style === "percent" ? shown.replace(/%$/, " pp") : shown); // points: the percentage beside it is of the number itself
  const mood = !o.good ? "" : o.good === way ? "good" : "poor", base = Math.abs(Number(was));
  if (!(base > 0)) return { ...none, way, mood, text: amount };
  const share = Math.abs(Number(is) - Number(was)) / base, ratio = Number(is) / Number(was);
  if (share >= 10) return { ...none, way, mood, ...(ratio > 0 ? { text: `×${ratio >= 1e15 ? power(ratio) : quantity(String(Math.floor(ratio + 0.5)), "compact", undefined).text}`, more: amount } : { text: amount }) };
  return { ...none, way, mood, text: `${(Math.floor(share * 1000 + 0.5) / 10).toFixed(1)}%`, more: amount };
}

/** Subtracts decimal numbers without rounding; "" where one is none. @param {string} a @param {string} b */
function difference(a, b) {
  const [x, y] = [a, b].map((s) => /^(-?\d+)(?:\.(\d+))?$/.exec(s));
  if (!x || !y) return "";
  const places = Math.max(x[2]?.length ?? 0, y[2]?.length ?? 0);
  const [p, q] = [x, y].map((m) => BigInt(m[1] + (m[2] ?? "").padEnd(places, "0")));
  const d = p - q, digits = String(d < 0n ? -d : d).padStart(places + 1, "0"), cut = digits.length - places;
  return (d < 0n ? "-" : "") + digits.slice(0, cut) + (places ? `.${digits.slice(cut)}` : "");
}

/** A line in a square of 100: the first column of numbers along the first column, or along the rows. @param {Result} r @param {Threshold[]} thresholds @returns {Trend|null} */
function trend({ columns, rows: unordered }, thresholds) {
  const y = columns.findIndex((c, i) => measured(c) && (i > 0 || columns.length === 1));
  if (y < 0) return null;
  const { rows, places: at } = along(columns, unordered);
  const values = rows.map((r) => float(columns[y], r.cells[y])), known = values.map((_, i) => i).filter((i) => !Number.isNaN(values[i]));
  if (known.length < 2) return null;
  const low = known.reduce((m, i) => (values[i] < values[m] ? i : m)), high = known.reduce((m, i) => (values[i] > values[m] ? i : m)), last = /** @type {number} */ (known.at(-1));
  const span = values[high] - values[low];
  /** @param {number} v */
  const height = (v) => (span === 0 ? "50" : hundredth(((values[high] - v) / span) * 100));
  let line = "", under = "";
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    const from = i;
    let run = `M${at[i]} ${height(values[i])}`;
    while (i + 1 < values.length && !Number.isNaN(values[i + 1])) run += `L${at[++i]} ${height(values[i])}`;
    line += run;
    under += `${run}L${at[i]} 100L${at[from]} 100Z`;
  }
  const mark = thresholds.find((t) => trouble(t.color) && t.from > values[low] && t.from < values[high]);
  const words = [low, high].map((i) => format(columns[y], rows[i].cells[y], 0).text);
  return { line, under, x: at[last], y: height(values[last]), limit: mark ? height(mark.from) : "", label: `${known.length} points from ${words[0]} to ${words[1]}` };
}

/**
 * Puts rows in the order of their places on an axis, and says where they stand on a sparkline, 0 to 100: evenly where the first
 * column has no such places. @param {Column[]} columns @param {Row[]} rows
 */
function along([c, ...more], rows) {
  const placed = rows.map((r) => ({ r, at: place(c, r.cells[0]) })), end = rows.length - 1;
  let even = !more.length || placed.some((p) => Number.isNaN(p.at));
  if (!even) {
    placed.sort((a, b) => a.at - b.at);
    even = placed.some((p, i) => i > 0 && p.at === placed[i - 1].at);
  }
  return { rows: placed.map((p) => p.r), places: placed.map((p, i) => hundredth((even ? i / end : (p.at - placed[0].at) / (placed[end].at - placed[0].at)) * 100)) };
}

/** A number, or a moment in milliseconds; NaN for what has no place on an axis. @param {Column} c @param {string|null} s */
function place(c, s) {
  if (s === null) return NaN;
  if (measured(c)) return float(c, s);
  return c.kind === "moment" ? moment(s) : c.kind === "datetime" ? moment(`${s}+00`) : c.type === "date" ? moment(`${s} 00:00:00+00`) : NaN;
}
