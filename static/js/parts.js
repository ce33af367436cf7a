// Numbers beside each other, of a progress or donut, or the single one of a gauge. Pure.
import { format } from "./format.js";
import { misnamed, numberless } from "./misnamed.js";
import { end, notation } from "./notation.js";
import { digits, float, measured, priced, quantity } from "./quantity.js";
import { colour, greatest, shown } from "./series.js";

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {{type: string, y?: string[], series?: string, unit?: string, min?: number, max?: number, maxBy?: string, target?: number, thresholds?: {from: number, color: string}[]}} Options
 * @typedef {{key: string, label: string, hue: string, text: string, percent: string, size: string, start: string, of?: string[]}} Part of: labels of the parts that it is the sum of
 * @typedef {{parts: Part[], total: string, low: string, high: string, mark: string, problem: string}} Parts
 */

/** @param {Column} c @param {string|null} s */
const number = (c, s) => { const v = float(c, s); return Number.isNaN(v) ? null : v; };
/** @param {number} share */
const percent = (share) => `${(Math.floor(share * 1000 + 0.5) / 10).toFixed(1)}%`;
/** @param {number} share */
const size = (share) => String(Math.floor(Math.max(0, Math.min(1, share)) * 10000 + 0.5) / 100);

/**
 * The same rules as views/parts.go, held to the same examples.
 * @param {Column[]} columns @param {{key: string, cells: (string|null)[]}[]} rows @param {Options} o @param {Map<string, string>} [before] the colours that a donut's parts have on the screen @returns {Parts}
 */
export function parts(columns, rows, o, before = new Map()) {
  /** @type {Parts} */ const p = { parts: [], total: "", low: "", high: "", mark: "", problem: "" };
  const at = find(columns, o);
  if (typeof at === "string") return { ...p, problem: at };
  const y = columns[at.y], values = rows.map((r) => number(y, r.cells[at.y])), note = notation(y, rows.map((r) => r.cells[at.y])), whole = values.reduce((/** @type {number} */ n, v) => n + Math.max(0, v ?? 0), 0);
  const ends = rows.map((r) => (at.most >= 0 ? number(columns[at.most], r.cells[at.most]) : o.max ?? (y.style === "percent" ? 1 : o.type === "gauge" || o.unit === "%" ? 100 : null)));
  const hues = paint(columns[at.name], rows.map((r) => r.cells[at.name] ?? "null"), values, o, before);
  p.parts = rows.map((r, i) => {
    const v = r.cells[at.y], name = at.name < 0 ? "" : r.cells[at.name] ?? "null";
    return { key: r.key, label: at.name < 0 ? columns[at.y].head : shown(columns[at.name], name), hue: hues[i].hue, text: v === null ? "–" : format(columns[at.y], v, 0).text, percent: "", size: "", start: "" };
  });
  if (o.type === "gauge") gauge(p, o, note, values, ends);
  else if (o.type === "donut") {
    const tail = rows.reduce((n, r) => { const d = /\.(\d+)$/.exec(digits(y, r.cells[at.y]) ?? "")?.[1].length ?? 0; return Math.max(n, d > 4 ? 2 : d); }, 0);
    const sum = /** @param {(_: unknown, i: number) => boolean} which */ (which) => priced(note, quantity(added(rows.map((r) => digits(y, r.cells[at.y])).filter(which), tail), y.style, y.style ? y.decimals : tail).text);
    p.total = sum(() => true);
    const [drawn, sizes] = fold(p.parts, values, hues, sum);
    let start = 0;
    drawn.forEach((part, i) => {
      const share = whole > 0 ? Math.max(0, sizes[i] ?? 0) / whole : 0;
      Object.assign(part, { percent: sizes[i] === null ? "–" : Number(sizes[i]) < 0 ? "not drawn" : percent(share), size: size(share), start: size(start) });
      start += share;
    });
    p.parts = drawn;
  } else {
    const largest = Math.max(0, ...values.map((v) => v ?? 0));
    p.parts.forEach((part, i) => {
      const v = Math.max(0, values[i] ?? 0), own = at.most >= 0, end = ends[i] ?? (own ? 0 : largest), of = ends[i] ?? whole;
      Object.assign(part, end > 0 ? { size: size(v / end), percent: percent(v / of) } : { size: "0", percent: own ? "–" : percent(0) });
    });
  }
  return p;
}

/** The columns' places, or why it cannot be drawn. @param {Column[]} columns @param {Options} o */
function find(columns, o) {
  const at = /** @param {string|undefined} name */ (name) => columns.findIndex((c) => c.name === name);
  const most = o.maxBy ? at(o.maxBy) : -1, wanted = o.y?.[0], name = o.series ? at(o.series) : columns.findIndex((c) => !measured(c));
  const y = wanted ? at(wanted) : columns.findIndex((c, i) => measured(c) && i !== most && i !== name);
  return misnamed(columns, [["series", o.series], ["max", o.maxBy], ["y", wanted]]) || (y < 0 ? numberless(columns) : { most, name, y });
}

/**
 * The colours of parts: in a donut those of the greatest, as of series. rest: there is none left for it.
 * @param {Column|undefined} c that names them @param {string[]} names @param {(number|null)[]} values @param {Options} o @param {Map<string, string>} before
 */
function paint(c, names, values, o, before) {
  const all = names.map((label, i) => ({ label, hue: "", values: [values[i]], rest: false }));
  if (o.type === "donut") {
    const kept = greatest(all, c?.dealt ? undefined : c?.colors, before);
    colour(all.filter((part) => kept.has(part)), c?.colors, !!c?.dealt, "", before);
    for (const part of all) if (!kept.has(part)) [part.hue, part.rest] = ["grey", true];
  } else for (const part of all) part.hue = c?.colors && Object.hasOwn(c.colors, part.label) ? c.colors[part.label] : "ink";
  all.forEach((part, i) => {
    for (const t of o.thresholds ?? []) if (values[i] !== null && Number(values[i]) >= t.from) part.hue = t.color;
    if (part.hue === "gray") part.hue = "grey";
  });
  return all;
}

/** Makes one part of those of a donut that have no colour, after the others. One alone stays where it is. @param {Part[]} all @param {(number|null)[]} values @param {{rest: boolean}[]} hues @param {(which: (_: unknown, i: number) => boolean) => string} sum @returns {[Part[], (number|null)[]]} */
function fold(all, values, hues, sum) {
  const kept = all.map((_, i) => i).filter((i) => !hues[i].rest), of = all.filter((_, i) => hues[i].rest).map((p) => p.label);
  if (of.length < 2) return [all, values];
  const rest = values.reduce((/** @type {number} */ s, v, i) => s + (hues[i].rest ? Math.max(0, v ?? 0) : 0), 0), text = sum((_, i) => hues[i].rest);
  return [[...kept.map((i) => all[i]), { key: "others", label: `${of.length} others`, hue: "grey", text, percent: "", size: "", start: "", of }], [...kept.map((i) => values[i]), rest]];
}

/** The sum of those numbers that are above zero, as digits: exact also where a float is not. @param {(string|null)[]} all @param {number} places */
function added(all, places) {
  const up = /** @type {string[]} */ (all.filter((s) => Number(s) > 0 && Number.isFinite(Number(s)))), sum = up.reduce((n, s) => n + Number(s), 0), rounded = sum.toFixed(places);
  if (sum * 10 ** places < 2 ** 53 || up.some((s) => /[^\d.]/.test(s))) return rounded; // a float with an exponent
  const broad = Math.max(places, ...up.map((s) => s.split(".")[1]?.length ?? 0)), cut = 10n ** BigInt(broad - places);
  const whole = (up.reduce((n, s) => n + BigInt(s.replace(".", "").padEnd(s.replace(/\..*/, "").length + broad, "0")), 0n) + cut / 2n) / cut;
  return places ? String(whole).replace(new RegExp(`(\\d{${places}})$`), ".$1") : String(whole);
}

/** @param {Parts} p @param {Options} o @param {import("./notation.js").Notation} note @param {(number|null)[]} values @param {(number|null)[]} ends */
function gauge(p, o, note, values, ends) {
  const low = o.min ?? 0, high = ends[0] ?? NaN;
  [p.low, p.high] = [end(note, low), Number.isNaN(high) ? "–" : end(note, high)];
  if (o.target !== undefined && high > low) p.mark = size((o.target - low) / (high - low));
  p.parts = p.parts.slice(0, 1);
  if (p.parts[0]) p.parts[0].size = high > low ? size(((values[0] ?? 0) - low) / (high - low)) : "0";
}

/** An arc with a little paper after it. @param {string} size */
export const seam = (size) => String(Number(size) >= 100 ? 101 : Math.max(0, Math.round((Number(size) - 0.6) * 100) / 100));

/** How far a number is beyond what has room in a ring or gauge: the larger, the smaller it is written. @param {string} text */
export const long = (text) => { const n = [...text].length; return n <= 6 ? "" : n <= 9 ? "1" : n <= 12 ? "2" : n <= 14 ? "3" : "4"; };
