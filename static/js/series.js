// A result's rows as a chart's numbers. Pure: the same rules as views/plot.go, held to the same examples in
// views/testdata/chart.json.

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {{type: string, x?: string, y?: string[], series?: string, stacked?: boolean, order?: string[], unit?: string, min?: number, max?: number}} Options
 * A series' numbers, one for each x: null is a gap, undefined only says that others have a point there.
 * @typedef {{label: string, hue: string, values: (number|null|undefined)[]}} Series
 * @typedef {{axis: "time"|"number"|"category", xs: number[], labels: string[], offsets: number[], step: number, regular: boolean, series: Series[], decimals: number, problem: string}} Plot
 * xs: seconds since 1970, numbers, or places of labels; offsets: of the zone that each time was written in, in seconds
 */

/** Series beyond these are drawn in grey: more cannot be told apart. */
const HUES = 8;
/** Text that stands for null among labels. */
const NULL = "null";

/**
 * @param {Column[]} columns @param {(string|null)[][]} rows @param {Options} options @param {Moments} [moments] @returns {Plot}
 */
export function plot(columns, rows, options, moments = new Map()) {
  /** @type {Plot} */ const p = { axis: "category", xs: [], labels: [], offsets: [], step: 0, regular: false, series: [], decimals: 0, problem: "" };
  const at = find(columns, options);
  if (typeof at === "string") return { ...p, problem: at };
  const x = columns[at.x];
  p.axis = x.kind === "moment" || x.kind === "datetime" || x.type === "date" ? "time" : x.kind === "integer" || x.kind === "decimal" ? "number" : "category";
  const place = places(p, rows, at.x, options.type, moments);
  const names = at.series < 0 ? at.y.map((c) => columns[c].head) : labels(rows, at.series, options.order ?? []);
  const index = new Map(names.map((n, i) => [n, i])), dense = p.regular || p.axis === "category";
  p.series = names.map((label) => ({ label, hue: "", values: new Array(p.xs.length).fill(dense ? null : undefined) }));
  rows.forEach((r, k) => {
    const i = place[k];
    if (i === undefined) return;
    at.y.forEach((c, n) => {
      const s = at.series < 0 ? n : index.get(r[at.series] ?? NULL) ?? 0;
      p.series[s].values[i] = number(r[c]);
      p.decimals = Math.max(p.decimals, columns[c].decimals ?? decimals(r[c]));
    });
  });
  colour(p.series, at.series < 0 ? undefined : columns[at.series].colors);
  return p;
}

/** The columns' places, or what is wrong. @param {Column[]} columns @param {Options} o */
function find(columns, o) {
  const at = /** @param {string} name */ (name) => columns.findIndex((c) => c.name === name);
  const numeric = /** @param {Column} c */ (c) => c.kind === "integer" || c.kind === "decimal";
  for (const [field, name] of [["x", o.x], ["series", o.series], ...(o.y ?? []).map((y) => ["y", y])]) {
    if (name && at(name) < 0) return `The query has no column “${name}”, which the file names as ${field}. It has ${and(columns.map((c) => c.name))}.`;
  }
  const x = o.x ? at(o.x) : 0, series = o.series ? at(o.series) : -1;
  const y = o.y?.length ? o.y.map(at) : columns.map((_, i) => i).filter((i) => i !== x && i !== series && numeric(columns[i]));
  const text = y.find((i) => !numeric(columns[i]));
  if (text !== undefined) return `The column “${columns[text].name}” holds no numbers (its type is ${columns[text].type}), so it cannot be drawn as y.`;
  if (!y.length) return `The query has no column of numbers to draw. It has ${and(columns.map((c) => c.name))}.`;
  return { x, y: series < 0 ? y : y.slice(0, 1), series };
}

/** @param {string[]} names */
const and = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join(""));

/** @param {string|null} s @returns {number|null} */
function number(s) {
  const n = s === null ? NaN : Number(s);
  return Number.isFinite(n) ? n : null;
}
/** How many decimals to show of a number: what is written, or two of a long tail. @param {string|null} s */
function decimals(s) {
  const dot = s === null ? -1 : s.indexOf(".");
  if (s === null || dot < 0 || s.includes("e")) return 0;
  const n = s.length - dot - 1;
  return n > 4 ? 2 : n;
}

/** @typedef {Map<string, {at: number, offset: number}|undefined>} Moments what was read already: frames mostly repeat it */
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
 * @param {Plot} p @param {(string|null)[][]} rows @param {number} x @param {string} type @param {Moments} moments @returns {(number|undefined)[]}
 */
function places(p, rows, x, type, moments) {
  if (p.axis === "category") {
    const index = new Map();
    for (const r of rows) if (!index.has(r[x] ?? NULL)) index.set(r[x] ?? NULL, index.size);
    p.labels = [...index.keys()];
    p.xs = p.labels.map((_, i) => i);
    return rows.map((r) => index.get(r[x] ?? NULL));
  }
  /** @type {Map<number, number>} x to its zone's offset */ const seen = new Map();
  const values = rows.map((r) => {
    const s = r[x];
    if (s === null) return undefined;
    let t = p.axis === "time" ? moments.get(s) : { at: Number(s), offset: 0 };
    if (!t && p.axis === "time") moments.set(s, (t = moment(s)));
    if (!t || !Number.isFinite(t.at)) return undefined;
    seen.set(t.at, t.offset);
    return t.at;
  });
  p.xs = [...seen.keys()].sort((a, b) => a - b);
  [p.step, p.regular] = rhythm(p.xs);
  p.regular &&= p.axis === "time";
  if (p.regular && type !== "bar") { // a bucket that is missing is a gap
    const all = p.xs.slice(0, 1);
    for (const v of p.xs.slice(1)) {
      const last = /** @type {number} */ (all.at(-1));
      if (v - last > p.step * 1.5) all.push(last + p.step);
      all.push(v);
    }
    p.xs = all;
  }
  p.offsets = p.axis === "time" ? p.xs.map((v) => seen.get(v) ?? 0) : [];
  for (let i = 1; i < p.offsets.length; i++) if (!seen.has(p.xs[i])) p.offsets[i] = p.offsets[i - 1];
  const index = new Map(p.xs.map((v, i) => [v, i]));
  return values.map((v) => (v === undefined ? undefined : index.get(v)));
}

/** The smallest distance of sorted numbers, and whether most have it and all are multiples of it. @param {number[]} xs @returns {[number, boolean]} */
export function rhythm(xs) {
  const diffs = xs.slice(1).map((v, i) => v - xs[i]), step = Math.min(...diffs);
  if (!diffs.length) return [0, false];
  const same = diffs.filter((d) => Math.abs(d - step) < step * 0.01).length;
  return [step, same * 2 > diffs.length && diffs.every((d) => Math.abs(d / step - Math.round(d / step)) < 0.01)];
}

/** The names of the series: those that the file orders first. @param {(string|null)[][]} rows @param {number} c @param {string[]} order */
function labels(rows, c, order) {
  const have = new Set(rows.map((r) => r[c] ?? NULL)), first = order.filter((n) => have.has(n));
  return [...first, ...[...have].filter((n) => !first.includes(n)).sort()];
}

/** @param {Series[]} all @param {Record<string, string>|undefined} colors */
function colour(all, colors) {
  let dealt = 0;
  for (const s of all) {
    const said = colors && Object.hasOwn(colors, s.label) ? colors[s.label] : "";
    s.hue = said === "gray" ? "grey" : said || (all.length === 1 ? "ink" : ++dealt > HUES ? "grey" : `c${dealt}`);
  }
}

/**
 * Where each series begins and ends when they stand on each other: numbers below zero hang below it. Hidden ones take no room.
 * @param {Series[]} all @param {boolean[]} shown @returns {{from: (number|null)[], to: (number|null|undefined)[]}[]}
 */
export function stack(all, shown) {
  const n = all[0]?.values.length ?? 0, up = new Array(n).fill(0), down = new Array(n).fill(0);
  const any = up.map((_, i) => all.some((s, k) => shown[k] && s.values[i] != null));
  return all.map((s, k) => {
    const from = new Array(n).fill(null), to = new Array(n).fill(null);
    for (let i = 0; shown[k] && i < n; i++) {
      if (!any[i]) continue;
      const v = s.values[i] ?? 0, base = v < 0 ? down : up;
      from[i] = base[i];
      to[i] = base[i] += v;
    }
    return { from, to };
  });
}

/**
 * The ends of a scale of numbers. Bars and areas begin at zero; a line does where it is not far.
 * @param {number|null} low @param {number|null} high @param {Options} o @returns {[number, number]}
 */
export function range(low, high, o) {
  let lo = low ?? 0, hi = high ?? 1;
  if (o.type !== "line" || (lo >= 0 && lo <= hi * 0.6)) lo = Math.min(0, lo);
  if (o.type !== "line") hi = Math.max(0, hi);
  const room = (hi - lo || Math.abs(hi) || 1) * (o.type === "bar" ? 0.04 : 0.12);
  if (hi !== 0 || lo === 0) hi += hi === lo ? room || 1 : room;
  if (lo !== 0) lo -= room;
  lo = o.min ?? lo;
  hi = o.max ?? hi;
  return hi > lo ? [lo, hi] : [lo, lo + 1];
}

/**
 * Round numbers between two, about so many; whole: of numbers that have no decimals.
 * @param {number} lo @param {number} hi @param {number} about @param {boolean} [whole] @returns {number[]}
 */
export function ticks(lo, hi, about, whole = false) {
  const raw = Math.max(whole ? 1 : 0, (hi - lo) / Math.max(1, about)), unit = 10 ** Math.floor(Math.log10(raw)), by = [1, 2, 5, 10].map((m) => m * unit).find((m) => m >= raw * 0.999) ?? raw;
  const out = [];
  for (let i = Math.ceil(lo / by - 1e-9); i * by <= hi + by * 1e-9 && out.length < 50; i++) out.push(Number((i * by).toPrecision(12)));
  return out;
}

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const STEPS = [1, 5, 15, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
const NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Places on an axis of wall clock seconds, at most so many, and how they read. @param {number} lo @param {number} hi @param {number} most @returns {{at: number, text: string}[]} */
export function times(lo, hi, most) {
  const by = STEPS.find((s) => (hi - lo) / s <= most), out = [];
  if (by) {
    const shift = by === 7 * DAY ? 4 * DAY : 0; // weeks begin on Mondays
    for (let t = Math.ceil((lo - shift) / by) * by + shift; t <= hi; t += by) out.push({ at: t, text: by >= DAY ? day(t) : by >= MINUTE ? (t % DAY === 0 && hi - lo > 1.5 * DAY ? day(t) : time(t).slice(0, 5)) : time(t) });
    return out;
  }
  const months = MONTHS.find((m) => (hi - lo) / (m * 30.44 * DAY) <= most) ?? 2400, from = new Date(lo * 1000);
  for (let m = Math.floor((from.getUTCFullYear() * 12 + from.getUTCMonth()) / months) * months; out.length <= most + 1; m += months) {
    const t = Date.UTC(Math.floor(m / 12), m % 12) / 1000;
    if (t > hi) break;
    if (t >= lo) out.push({ at: t, text: months >= 12 ? String(Math.floor(m / 12)) : m % 12 === 0 ? `${NAMES[0]} ${m / 12}` : NAMES[m % 12] });
  }
  return out;
}

/** @param {number} t wall clock seconds */
const day = (t) => { const d = new Date(t * 1000); return `${d.getUTCDate()} ${NAMES[d.getUTCMonth()]}`; };
/** @param {number} t wall clock seconds */
const time = (t) => new Date(t * 1000).toISOString().slice(11, 19);

/** How a reader names a point of the time axis, with its end where it lasts. @param {number} wall @param {number} step @param {boolean} lasts */
export function span(wall, step, lasts) {
  if (step >= DAY * 0.9 && wall % DAY === 0) return step >= DAY * 27 ? `${NAMES[new Date(wall * 1000).getUTCMonth()]} ${new Date(wall * 1000).getUTCFullYear()}` : day(wall);
  const short = step >= MINUTE && wall % MINUTE === 0 ? 5 : 8, from = time(wall).slice(0, short);
  return lasts && step >= MINUTE ? `${from}–${time(wall + step).slice(0, short)}` : from;
}

/** @param {string} digits */
const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

/** A number with that many decimals, as people read it. @param {number} n @param {number} decimals */
export function say(n, decimals) {
  const [whole, frac] = Math.abs(n).toFixed(decimals).split("."), text = group(whole) + (frac ? `.${frac}` : "");
  return n < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** A number of a scale, short: 1,500, 20 k, 1.5 M. @param {number} n @param {number} by the distance to the next */
export function short(n, by) {
  const a = Math.abs(n);
  for (const [size, sign] of /** @type {[number, string][]} */ ([[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e4, " k"]])) {
    if (a >= size && by >= (size === 1e4 ? 100 : size / 1000)) {
      const unit = size === 1e4 ? 1e3 : size;
      return say(n / unit, by % unit === 0 ? 0 : by % (unit / 10) === 0 ? 1 : 2) + sign;
    }
  }
  return say(n, Math.max(0, Math.min(6, -Math.floor(Math.log10(by) + 1e-9))));
}

/** Does a chart's readout add its numbers up while nobody points? @param {Options} o */
export const sums = (o) => o.type === "bar" || !!o.stacked;

/** What a series says while nobody points: all of it, or its newest. @param {(number|null|undefined)[]} values @param {Options} o */
export function rest(values, o) {
  const all = values.filter((v) => v != null);
  return sums(o) ? all.reduce((a, b) => /** @type {number} */ (a) + /** @type {number} */ (b), 0) : all.at(-1);
}

/** Points between two gaps: they have no line, so they need a dot. @param {(number|null|undefined)[]} values */
export function lonely(values) {
  const have = values.map((_, i) => i).filter((i) => values[i] !== undefined), at = /** @param {number|undefined} i */ (i) => (i === undefined ? null : values[i]);
  return have.filter((i, n) => values[i] != null && at(have[n - 1]) == null && at(have[n + 1]) == null);
}
