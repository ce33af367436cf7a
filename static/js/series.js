// A result's rows as a chart's numbers. Pure: the same rules as views/plot.go, held to the same examples in
// views/testdata/chart.json.
import { format } from "./format.js";
import { alike, notation, PLAIN, written } from "./notation.js";
import { misnamed, numberless } from "./misnamed.js";
import { group } from "./number.js";
import { digits as stored, measured } from "./quantity.js";
import { span } from "./scale.js";

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {{type: string, x?: string, y?: string[], series?: string, stacked?: boolean, order?: string[], unit?: string, min?: number, max?: number, window?: number, range?: string, rangeBy?: string, zone?: string, from?: number, to?: number, thresholds?: {from: number, color: string}[]}} Options
 * A series' numbers, one for each x: null is a gap, undefined only says that others have a point there.
 * @typedef {{label: string, hue: string, values: (number|null|undefined)[], decimals: number, notation: import("./notation.js").Notation, of: string[], rest: boolean}} Series
 * of: labels of the series that it is the sum of; rest: one of many that have no colour
 * @typedef {{axis: "time"|"number"|"category", xs: number[], labels: string[], offsets: number[], step: number, regular: boolean, series: Series[], decimals: number, notation: import("./notation.js").Notation, shared: number, sums: boolean, problem: string}} Plot
 * shared: rows that are not drawn, because a later one has their x and series; sums: a readout may add its numbers up
 * xs: seconds since 1970, numbers, or places of labels; offsets: of the zone that each time was written in, in seconds
 * Where the series of a stack begin and end.
 * @typedef {{from: (number|null)[], to: (number|null|undefined)[]}} Layer
 */

/** Series beyond these are drawn in grey: more cannot be told apart. */
const HUES = 8;
/** Text that stands for null among labels. */
const NULL = "null";

/**
 * @param {Column[]} columns @param {(string|null)[][]} rows @param {Options} options @param {Memory} [memory] @param {Map<string, string>} [before] the colours that series have on the screen @returns {Plot}
 */
export function plot(columns, rows, options, memory = new Map(), before = new Map()) {
  /** @type {Plot} */ const p = { axis: "category", xs: [], labels: [], offsets: [], step: 0, regular: false, series: [], decimals: 0, notation: PLAIN, shared: 0, sums: false, problem: "" };
  const at = find(columns, options);
  if (typeof at === "string") return { ...p, problem: at };
  const x = columns[at.x];
  p.axis = x.kind === "moment" || x.kind === "datetime" || x.type === "date" ? "time" : x.kind === "integer" || x.kind === "decimal" ? "number" : "category";
  if ((options.window || options.range) && p.axis !== "time") return { ...p, axis: "category", problem: `The column “${x.name}” holds no times (its type is ${x.type}), so no window can move along it.` };
  const known = rows.map((r) => {
    let k = memory.get(r);
    if (!k) memory.set(r, (k = read(r, at.x, at.y, columns, p.axis)));
    return k;
  });
  const place = places(p, rows, known, at.x, options.type);
  if (rows.length && !p.xs.length) return { ...p, problem: `No row has a place on the axis: “${x.name}” is null or infinite in each.` };
  const by = at.series < 0 ? undefined : columns[at.series], names = by ? labels(rows, at.series, options.order?.length ? options.order : by.dealt ?? []) : at.y.map((c) => columns[c].head);
  const index = new Map(names.map((n, i) => [n, i])), taken = new Set();
  const alone = !by && place.every((at, i) => !i || Number(at) > Number(place[i - 1])); // no two rows share a point
  const empty = (p.regular || p.axis === "category") && !options.stacked ? null : undefined; // in a stack, null is what nobody knows
  const adds = at.y.every((c) => columns[c].style !== "percent" && !MEASURE.test(columns[c].name)), wrote = at.y.map((c) => notation(columns[c], columns[c].kind === "currency" ? rows.map((r) => r[c]) : []));
  p.series = names.map((label, i) => ({ label, hue: "", values: new Array(p.xs.length).fill(empty), decimals: 0, notation: wrote[by ? 0 : i], of: [], rest: false }));
  if (wrote.every((n) => alike(n, wrote[0]))) p.notation = wrote[0];
  p.sums = adds && options.type === "bar";
  rows.forEach((r, k) => {
    const i = place[k], { ys, decimals } = known[k];
    if (i === undefined) return;
    const only = by ? index.get(r[at.series] ?? NULL) ?? 0 : 0, point = i * names.length + only;
    if (!alone) {
      if (taken.has(point)) p.shared++;
      taken.add(point);
    }
    for (let n = 0; n < ys.length; n++) {
      const s = p.series[by ? only : n];
      s.values[i] = ys[n];
      if (decimals[n] > s.decimals) s.decimals = decimals[n];
    }
  });
  p.decimals = Math.max(0, ...p.series.map((s) => s.decimals));
  fold(p, by, adds && !!by && (!!options.stacked || options.type === "bar"), !!options.stacked && options.type === "area", before);
  p.labels = p.labels.map((l) => shown(x, l));
  return p;
}

/** Lists of what something is the sum, twenty at most. @param {string[]} of */
export const namely = (of) => `${of.slice(0, 20).join(", ")}${of.length > 20 ? ", …" : ""}`;

/** Columns whose numbers mean nothing when they are added up. */
const MEASURE = /(^|_)(avg|average|mean|median|min|max|rate|ratio|share|percent|pct|p\d\d)(_|$)/i;

/** A value as a label: a boolean in words, and an empty text as something that can be seen. @param {Column} c @param {string} s */
export const shown = (c, s) => (s === "" ? "“”" : c.kind !== "boolean" ? s : s === "t" ? "true" : s === "f" ? "false" : s);

/** The columns' places, or why it cannot be drawn. @param {Column[]} columns @param {Options} o */
function find(columns, o) {
  const at = /** @param {string} name */ (name) => columns.findIndex((c) => c.name === name);
  const counts = /** @param {number} i */ (i) => (columns[i].kind === "integer" ? "decimal" : columns[i].kind);
  const x = o.x ? at(o.x) : 0, series = o.series ? at(o.series) : -1;
  const able = columns.map((_, i) => i).filter((i) => i !== x && i !== series && measured(columns[i]));
  const y = o.y?.length ? o.y.map(at) : able.filter((i) => counts(i) === counts(able[0])); // those of one scale
  const wrong = misnamed(columns, [["x", o.x], ["series", o.series], ...(o.y ?? []).map((name) => ["y", name])]) || (y.length ? "" : numberless(columns));
  return wrong || { x, y: series < 0 ? y : y.slice(0, 1), series };
}

/** @param {string|null} s @returns {number|null} */
function number(s) {
  const n = s === null ? NaN : Number(s);
  return Number.isFinite(n) ? n : null;
}
/** How many decimals to show of a number: what is written, or two of a long tail. @param {string|null} s */
function decimals(s) {
  const dot = s === null ? -1 : s.indexOf("."), tiny = /e-(\d+)$/.exec(s ?? "");
  if (tiny) return Number(tiny[1]);
  if (s === null || dot < 0 || s.includes("e")) return 0;
  const n = s.length - dot - 1;
  return n > 4 ? 2 : n;
}

/**
 * A row's place on an axis of times or numbers, NaN for none, and its numbers.
 * @typedef {{at: number, offset: number, ys: (number|null)[], decimals: number[]}} Read
 * What was read already: rows that a frame did not touch are the same objects.
 * @typedef {{get(row: (string|null)[]): Read|undefined, set(row: (string|null)[], read: Read): unknown}} Memory
 */

/** @param {(string|null)[]} r @param {number} x @param {number[]} y @param {Column[]} columns @param {string} axis @returns {Read} */
function read(r, x, y, columns, axis) {
  const s = r[x], t = s === null ? undefined : axis === "time" ? moment(s) : { at: axis === "number" ? Number(s) : 0, offset: 0 };
  return {
    at: t && Number.isFinite(t.at) ? t.at : NaN, offset: t?.offset ?? 0,
    ys: y.map((c) => number(stored(columns[c], r[c]))), decimals: y.map((c) => columns[c].decimals ?? decimals(stored(columns[c], r[c]))),
  };
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?)?$/;

/** A date or timestamp in seconds since 1970, and its zone's offset: what has no zone is in UTC. @param {string} s */
export function moment(s) {
  const m = MOMENT.exec(s);
  if (!m) return undefined;
  const offset = (m[7] === "-" ? -1 : 1) * (+(m[8] ?? 0) * 3600 + +(m[9] ?? 0) * 60 + +(m[10] ?? 0));
  return { at: Date.UTC(+m[1], +m[2] - 1, +m[3], +(m[4] ?? 0), +(m[5] ?? 0)) / 1000 + Math.floor(+(m[6] ?? 0) * 1000) / 1000 - offset, offset };
}

/**
 * Fills the axis and tells each row its place on it.
 * @param {Plot} p @param {(string|null)[][]} rows @param {Read[]} known @param {number} x @param {string} type @returns {(number|undefined)[]}
 */
function places(p, rows, known, x, type) {
  if (p.axis === "category") {
    const index = new Map();
    for (const r of rows) if (!index.has(r[x] ?? NULL)) index.set(r[x] ?? NULL, index.size);
    p.labels = [...index.keys()];
    p.xs = p.labels.map((_, i) => i);
    return rows.map((r) => index.get(r[x] ?? NULL));
  }
  /** @type {Map<number, number>} x to its zone's offset */ const seen = new Map();
  let last = -Infinity;
  const rising = known.every(({ at }) => at > last && ((last = at), true)); // as most results are; NaN never does
  if (rising) p.xs = known.map(({ at }) => at);
  else {
    for (const { at, offset } of known) if (!Number.isNaN(at)) seen.set(at, offset);
    p.xs = [...seen.keys()].sort((a, b) => a - b);
  }
  [p.step, p.regular] = rhythm(p.xs);
  p.regular &&= p.axis === "time";
  if (p.regular && type !== "bar") { // a bucket that is missing is a gap
    const all = p.xs.slice(0, 1);
    for (let i = 1; i < p.xs.length; i++) {
      if (p.xs[i] - p.xs[i - 1] > p.step * 1.5) all.push(p.xs[i - 1] + p.step);
      all.push(p.xs[i]);
    }
    p.xs = all;
  }
  if (rising && p.xs.length === known.length) {
    if (p.axis === "time") p.offsets = known.map(({ offset }) => offset);
    return known.map((_, i) => i);
  }
  if (rising) for (const { at, offset } of known) seen.set(at, offset);
  p.offsets = p.axis === "time" ? p.xs.map((v) => seen.get(v) ?? 0) : [];
  for (let i = 1; i < p.offsets.length; i++) if (!seen.has(p.xs[i])) p.offsets[i] = p.offsets[i - 1];
  const index = new Map(p.xs.map((v, i) => [v, i]));
  return known.map(({ at }) => index.get(at));
}

/** The smallest distance of sorted numbers, and whether most have it and all are multiples of it. @param {number[]} xs @returns {[number, boolean]} */
export function rhythm(xs) {
  let step = Infinity, same = 0, multiples = true;
  for (let i = 1; i < xs.length; i++) step = Math.min(step, xs[i] - xs[i - 1]);
  if (xs.length < 2) return [0, false];
  for (let i = 1; i < xs.length; i++) {
    const steps = (xs[i] - xs[i - 1]) / step;
    if (Math.abs(steps - 1) < 0.01) same++;
    multiples &&= Math.abs(steps - Math.round(steps)) < 0.01;
  }
  return [step, same * 2 > xs.length - 1 && multiples];
}

/** Of fewer bars the least distance may be many of their steps. */
const FEW = 8, DAY = 86400;
/** @param {number} a @param {number} b @returns {number} */
const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/**
 * How long each bar of an axis of times lasts, in seconds: where they are few, no longer than their places on the clock allow, so that
 * 08:10 and 13:00 are ten minutes each, and not five hours. 0 where nothing tells it.
 * @param {Plot} p
 */
export function pace(p) {
  if (p.axis !== "time" || !p.xs.length || p.xs.length >= FEW) return p.step;
  const most = p.xs.reduce((step, v, i) => divisor(step, Math.abs(Math.round(v + (p.offsets[i] ?? 0))) % DAY), DAY);
  return Math.min(p.step || DAY, most);
}

/** The names of the series: those that the file orders first. @param {(string|null)[][]} rows @param {number} c @param {string[]} order */
function labels(rows, c, order) {
  const have = new Set(rows.map((r) => r[c] ?? NULL)), first = order.filter((n) => have.has(n));
  return [...first, ...[...have].filter((n) => !first.includes(n)).sort(natural)];
}

/** Names in the order that people count in: host2 before host10. @param {string} a @param {string} b */
function natural(a, b) {
  const [x, y] = [a, b].map((s) => /^(\D*)(\d{1,15})$/.exec(s));
  return (x && y && x[1] === y[1] && Number(x[2]) - Number(y[2])) || (a < b ? -1 : 1);
}

/** Colours that are one with those of categories. @type {Record<string, string>} */
const SAME = { blue: "c1", amber: "c2", teal: "c3", pink: "c4", purple: "c5", olive: "c6", navy: "c7", brown: "c8" };

/**
 * No two have one colour, unless the file gives it: a colour that was dealt to two of an enum's labels goes to the first.
 * @param {{label: string, hue: string}[]} all @param {Record<string, string>|undefined} colors @param {boolean} dealt they are not the file's
 * @param {string} [single] the colour of one alone @param {Map<string, string>} [before] what they have on the screen stays with them
 */
export function colour(all, colors, dealt, single = "ink", before) {
  const taken = new Set();
  for (const s of all) {
    const said = colors && Object.hasOwn(colors, s.label) ? colors[s.label].replace("gray", "grey") : "";
    if (!said || (dealt && taken.has(said))) continue;
    s.hue = said;
    taken.add(said).add(SAME[said]);
  }
  for (const s of all) {
    const had = s.hue || all.length === 1 ? undefined : before?.get(s.label);
    if (!had || !/^c\d$/.test(had) || taken.has(had)) continue;
    s.hue = had;
    taken.add(had);
  }
  let n = 0;
  for (const s of all) {
    if (s.hue) continue;
    do n++; while (taken.has(`c${n}`));
    s.hue = all.length === 1 && single ? single : n > HUES ? "grey" : `c${n}`;
  }
}

/**
 * Gives series their colours and labels. Where there are more than can be told apart, the greatest keep theirs, and the others are
 * drawn as their sum or in grey.
 * @param {Plot} p @param {Column|undefined} by @param {boolean} adds they may be summed up @param {boolean} unknown what nobody knows of one is not known of the sum @param {Map<string, string>} before
 */
function fold(p, by, adds, unknown, before) {
  const kept = greatest(p.series, by?.dealt ? undefined : by?.colors, before), all = p.series.filter((s) => kept.has(s)), rest = p.series.filter((s) => !kept.has(s));
  colour(all, by?.colors, !!by?.dealt, "ink", before);
  for (const s of p.series) if (by) s.label = shown(by, s.label);
  for (const s of rest) [s.hue, s.rest] = ["grey", rest.length > 1];
  if (rest.length > 1) p.series = [...all, ...(adds ? [others(rest, all, unknown)] : rest)]; // one alone stays where it is
}

/** The series that keep a colour: those that the file gives one, and those with the most in all rows. On the screen one goes only for one that is greater by a tenth. @template {{label: string, values: (number|null|undefined)[]}} T @param {T[]} all @param {Record<string, string>|undefined} colors @param {Map<string, string>} before @returns {Set<T>} */
export function greatest(all, colors, before) {
  const said = all.filter((s) => colors && Object.hasOwn(colors, s.label)), size = new Map(), left = Math.max(0, HUES - said.length);
  if (all.length <= HUES) return new Set(all);
  for (const s of all) size.set(s, s.values.reduce((/** @type {number} */ n, v) => n + Math.abs(v ?? 0), 0) * ((before.get(s.label) ?? "grey") !== "grey" ? 1.1 : 1));
  return new Set([...said, ...all.filter((s) => !said.includes(s)).sort((a, b) => size.get(b) - size.get(a)).slice(0, left)]);
}

/** Series as one. @param {Series[]} rest @param {Series[]} all @param {boolean} unknown @returns {Series} */
function others(rest, all, unknown) {
  let label = "others";
  while (all.some((s) => s.label === label)) label = `all ${label}`;
  const values = rest[0].values.map((_, i) => rest.map((s) => s.values[i]).reduce((sum, v) => {
    if (sum != null && v != null) return sum + v;
    if (sum === null && unknown) return null;
    return v != null || (v === null && (unknown || sum === undefined)) ? v : sum;
  }));
  return { ...rest[0], label, values, decimals: Math.max(...rest.map((s) => s.decimals)), of: rest.map((s) => s.label), rest: false };
}

/**
 * Where each series begins and ends when they stand on each other: numbers below zero hang below it. Hidden ones take no room. What
 * nobody knows takes none between bars; in areas it is a gap of its series and of all that would stand on it.
 * @param {Series[]} all @param {boolean[]} shown @param {boolean} [area] @returns {Layer[]}
 */
export function stack(all, shown, area = false) {
  const n = all[0]?.values.length ?? 0, up = new Float64Array(n), down = new Float64Array(n), known = new Uint8Array(n);
  all.forEach(({ values }, k) => { for (let i = 0; shown[k] && i < n; i++) if (values[i] != null) known[i] = 1; });
  return all.map(({ values }, k) => {
    /** @type {(number|null)[]} */ const from = new Array(n).fill(null), /** @type {(number|null)[]} */ to = new Array(n).fill(null);
    for (let i = 0; shown[k] && i < n; i++) {
      if (area && values[i] === null) known[i] = 0;
      if (!known[i]) continue;
      const v = values[i] ?? 0, base = v < 0 ? down : up;
      from[i] = base[i];
      to[i] = base[i] += v;
    }
    return { from, to };
  });
}

/**
 * What a series says while nobody points: all of it from one point to another, or its newest there.
 * @param {(number|null|undefined)[]} values @param {boolean} sums @param {number} [first] @param {number} [last]
 */
export function rest(values, sums, first = 0, last = values.length - 1) {
  let found = sums ? 0 : undefined;
  for (let i = first; i <= last; i++) {
    const v = values[i];
    if (v != null) found = sums ? /** @type {number} */ (found) + v : v;
  }
  return found;
}

/**
 * Both ends of the whole axis. A window ends now, by the clock that its times are written in; bars stand in the middle of their step.
 * @param {Plot} p @param {Options} o @param {number} now in seconds @returns {[number, number]}
 */
export function ends(p, o, now) {
  const first = p.xs[0] ?? 0, last = p.xs.at(-1) ?? 1, half = (p.step || (o.window ? o.window / 24 : 1)) / 2;
  const shift = o.type === "bar" ? Math.min(half, (pace(p) || Infinity) / 2) : 0;
  if (o.to !== undefined) return [(o.from ?? 0) - shift, o.to - shift];
  if (o.window) return [now + shift - o.window, now + shift];
  if (p.axis === "category") return [first - 0.5, last + 0.5];
  return o.type === "bar" || first === last ? [first - half, last + half] : [first, last];
}

/** The first and the last point between two ends; the last is before the first where there is none. @param {number[]} xs @param {number} lo @param {number} hi @returns {[number, number]} */
export const within = (xs, lo, hi) => [before(xs, lo, false), before(xs, hi, true) - 1];

/** How many are below a number, or up to it. @param {number[]} xs @param {number} v @param {boolean} too */
function before(xs, v, too) {
  let lo = 0, hi = xs.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (xs[mid] < v || (too && xs[mid] === v)) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** The nearest point, -1 where there is none. @param {number[]} xs @param {number} v */
export function nearest(xs, v) {
  const i = before(xs, v, false);
  return i > 0 && (i === xs.length || v - xs[i - 1] <= xs[i] - v) ? i - 1 : i < xs.length ? i : -1;
}

/** Where a moment or number of another chart's axis is on this one: in the step that holds it, or at the nearest point; -1 if it is not there. @param {Plot} p @param {Options} o @param {number} v */
export function spot(p, o, v) {
  const last = p.xs.length - 1, steps = p.axis === "time" && p.regular, slack = p.step * (steps ? 1 : 0.5);
  if (last < 0 || v < p.xs[0] - (steps && o.type === "bar" ? 0 : slack) || v > p.xs[last] + slack) return -1;
  if (!steps || o.type !== "bar") return nearest(p.xs, v);
  const i = before(p.xs, v, true) - 1;
  return v < p.xs[i] + p.step ? i : -1;
}

/** How a reader calls a point. @param {Plot} p @param {Options} o @param {number} i */
export function name(p, o, i) {
  if (p.axis === "category") return p.labels[i];
  if (p.axis === "number") return format(/** @type {Column} */ ({ kind: "decimal" }), String(p.xs[i]), 0).text;
  const step = p.step >= DAY * 0.9 ? p.step : !p.regular ? 0 : o.type === "bar" ? pace(p) : p.step;
  return span(p.xs[i] + p.offsets[i], step, o.type === "bar", p.xs[p.xs.length - 1] - p.xs[0]);
}

/** Says how many rows are not drawn. @param {number} n */
export const shared = (n) => `${n === 1 ? "1 row shares its" : `${group(String(n))} rows share their`} point with a later one, which alone is drawn. Name a series, or group the query.`;

const KINDS = { line: "Line", area: "Area", bar: "Bars" };
/** What is seen, for whoever does not see it: the points from one to another. @param {Plot} p @param {Options} o @param {number} first @param {number} last */
export function words(p, o, first, last) {
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (o.type)], n = last - first + 1, named = o.stacked ? `Stacked ${kind.toLowerCase()}` : kind;
  if (n < 1) return `${named}: no points`;
  let text = `${named}: ${n === 1 ? `one point, ${name(p, o, first)}` : `${n} points from ${name(p, o, first)} to ${name(p, o, last)}`}`;
  for (const s of p.series.slice(0, 5)) {
    let low = Infinity, high = -Infinity;
    for (let i = first; i <= last; i++) {
      const v = s.values[i] ?? NaN;
      if (v < low) low = v;
      if (v > high) high = v;
    }
    if (low <= high) text += `; ${s.label} ${written(s.notation, low, s.decimals)}`;
    if (low < high) text += ` to ${written(s.notation, high, s.decimals)}`;
  }
  return p.series.length > 5 ? `${text}; and ${p.series.length - 5} more` : text;
}

/** From when on an axis of time is written by which clock. @param {Plot} p */
export function clocks(p) {
  const all = [{ from: -Infinity, offset: p.offsets[0] ?? 0 }];
  p.offsets.forEach((offset, i) => { if (offset !== all[all.length - 1].offset) all.push({ from: p.xs[i], offset }); });
  return all;
}

/** Points between two gaps: they have no line, so they need a dot. @param {(number|null|undefined)[]} values */
export function lonely(values) {
  /** @type {number[]} */ const all = [];
  /** @type {number|null} */ let last = null;
  let after = -1; // the newest point, if a gap is before it
  values.forEach((v, i) => {
    if (v === undefined) return;
    if (v === null && after >= 0) all.push(after);
    after = v !== null && last === null ? i : -1;
    last = v;
  });
  return after < 0 ? all : [...all, after];
}
