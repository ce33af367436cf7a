// Numbers beside each other, of a progress or donut, or the single one of a gauge. Pure.
import { format } from "./format.js";
import { end, notation } from "./notation.js";
import { digits, float, measured, priced, quantity } from "./quantity.js";
import { colour, greatest, shown } from "./series.js";

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {{type: string, y?: string[], series?: string, unit?: string, min?: number, max?: number, maxBy?: string, target?: number, thresholds?: {from: number, color: string}[]}} Options
 * @typedef {{key: string, label: string, hue: string, text: string, percent: string, size: string, start: string}} Part
 * @typedef {{parts: Part[], total: string, low: string, high: string, mark: string, problem: boolean}} Parts
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
  /** @type {Parts} */ const p = { parts: [], total: "", low: "", high: "", mark: "", problem: false };
  const at = find(columns, o);
  if (!at) return { ...p, problem: true };
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
    const sum = /** @param {number} v */ (v) => priced(note, quantity(v.toFixed(tail), y.style, y.style ? y.decimals : tail).text);
    p.total = sum(whole);
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

/** The columns' places, null where one is not there or holds no numbers: the server says which. @param {Column[]} columns @param {Options} o */
function find(columns, o) {
  const at = /** @param {string|undefined} name */ (name) => columns.findIndex((c) => c.name === name), can = /** @param {number} i */ (i) => i >= 0 && measured(columns[i]);
  const most = o.maxBy ? at(o.maxBy) : -1, wanted = o.y?.[0], name = o.series ? at(o.series) : columns.findIndex((c) => !measured(c));
  const y = wanted ? at(wanted) : columns.findIndex((c, i) => measured(c) && i !== most && i !== name);
  return (o.maxBy && !can(most)) || (o.series && name < 0) || !can(y) ? null : { most, name, y };
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

/** Makes one part of those of a donut that have no colour, after the others. One alone stays where it is. @param {Part[]} all @param {(number|null)[]} values @param {{rest: boolean}[]} hues @param {(v: number) => string} sum @returns {[Part[], (number|null)[]]} */
function fold(all, values, hues, sum) {
  const kept = all.map((_, i) => i).filter((i) => !hues[i].rest), n = all.length - kept.length;
  if (n < 2) return [all, values];
  const rest = values.reduce((/** @type {number} */ s, v, i) => s + (hues[i].rest ? Math.max(0, v ?? 0) : 0), 0);
  return [[...kept.map((i) => all[i]), { key: "others", label: `${n} others`, hue: "grey", text: sum(rest), percent: "", size: "", start: "" }], [...kept.map((i) => values[i]), rest]];
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
export const long = (text) => { const n = [...text].length; return n <= 6 ? "" : n <= 9 ? "1" : n <= 12 ? "2" : "3"; };
