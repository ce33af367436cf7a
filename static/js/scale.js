// Scales of charts: their ends, round numbers and moments on them, and how those read. Pure: the same rules as
// views/scale.go, held to the same examples in views/testdata/chart.json.
import { group } from "./number.js";

/** @typedef {import("./series.js").Options} Options */

/**
 * The ends of a scale of numbers. Bars and areas begin at zero; a line does where it is not far. A limit that is near is in sight.
 * @param {number|null} low @param {number|null} high @param {Options} o @returns {[number, number]}
 */
export function range(low, high, o) {
  let lo = low ?? 0, hi = high ?? 1;
  const near = (hi - lo || Math.abs(hi) || 1) / 2, [least, most] = [lo - near, hi + near];
  for (const t of o.thresholds ?? []) if (low !== null && t.from >= least && t.from <= most) [lo, hi] = [Math.min(lo, t.from), Math.max(hi, t.from)];
  if (o.type !== "line" || lo === hi || (lo >= 0 && lo <= hi * 0.6)) lo = Math.min(0, lo);
  if (o.type !== "line" || lo === hi) hi = Math.max(0, hi);
  const room = (hi - lo || Math.abs(hi) || 1) * (o.type === "bar" ? 0.04 : 0.12);
  if (hi !== 0 || lo === 0) hi += hi === lo ? room || 1 : room;
  if (lo !== 0) lo -= room;
  lo = o.min ?? lo;
  hi = o.max ?? hi;
  return hi > lo ? [lo, hi] : [lo, lo + 1];
}

/** The least round number that is not below one, as people count what is written so. @param {number} raw @param {string} style of a notation */
function round(raw, style) {
  if (style === "duration" && raw > 0.5 && raw <= DAY) return LAPSES.find((by) => by >= raw * 0.999) ?? DAY;
  if (style === "bytes" && raw > 1) return 2 ** Math.ceil(Math.log2(raw * 0.999));
  const size = style === "duration" && raw > DAY ? DAY : 1, unit = 10 ** Math.floor(Math.log10(raw / size));
  return ([1, 2, 5, 10].find((m) => m * unit >= (raw / size) * 0.999) ?? 10) * unit * size;
}

/**
 * Round numbers between two, about so many; whole: of numbers that have no decimals; style: of a notation.
 * @param {number} lo @param {number} hi @param {number} about @param {boolean} [whole] @param {string} [style] @returns {number[]}
 */
export function ticks(lo, hi, about, whole = false, style = "") {
  const raw = (hi - lo) / Math.max(1, about), by = round(whole && style !== "percent" && style !== "duration" ? Math.max(1, raw) : raw, style);
  const out = [];
  for (let i = Math.ceil(lo / by - 1e-9); i * by <= hi + by * 1e-9 && out.length < 50; i++) out.push(Number((i * by).toPrecision(12)));
  return out;
}

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const STEPS = [1, 5, 15, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
const LAPSES = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, ...STEPS.slice(5, 10), 2 * HOUR, ...STEPS.slice(10, 14)];
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
const NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** @typedef {{at: number, text: string}} Place of an axis, and how it reads */

/**
 * Places on an axis of wall clock seconds, at most so many, and how they read; wide: of the whole axis, where this is a part.
 * @param {number} lo @param {number} hi @param {number} most @param {number} [wide] @returns {Place[]}
 */
export function times(lo, hi, most, wide = hi - lo) {
  const by = STEPS.find((s) => wide / s <= most), out = [];
  if (by) {
    const shift = by === 7 * DAY ? 4 * DAY : 0; // weeks begin on Mondays
    for (let t = Math.ceil((lo - shift) / by) * by + shift; t <= hi; t += by) out.push({ at: t, text: by >= DAY ? day(t) : by >= MINUTE ? (t % DAY === 0 && wide > 1.5 * DAY ? day(t) : time(t).slice(0, 5)) : time(t) });
    return out;
  }
  const months = MONTHS.find((m) => wide / (m * 30.44 * DAY) <= most) ?? 2400, from = new Date(lo * 1000);
  for (let m = Math.floor((from.getUTCFullYear() * 12 + from.getUTCMonth()) / months) * months; out.length <= most + 1; m += months) {
    const t = Date.UTC(Math.floor(m / 12), m % 12) / 1000;
    if (t > hi) break;
    if (t >= lo) out.push({ at: t, text: months >= 12 ? String(Math.floor(m / 12)) : m % 12 === 0 ? `${NAMES[0]} ${m / 12}` : NAMES[m % 12] });
  }
  return out;
}

/**
 * Places on an axis of seconds since 1970 whose clock is so far ahead of UTC from each moment on, the earliest first.
 * @param {number} lo @param {number} hi @param {number} most @param {{from: number, offset: number}[]} clocks @returns {Place[]}
 */
export function zoned(lo, hi, most, clocks) {
  /** @type {Place[]} */ const out = [];
  clocks.forEach(({ from, offset }, i) => {
    const begin = i ? Math.max(lo, from) : lo, next = clocks[i + 1]?.from ?? Infinity, end = Math.min(hi, next);
    if (begin > end) return;
    for (const t of times(begin + offset, end + offset, most, hi - lo)) {
      const last = out.at(-1), at = t.at - offset;
      if (at < next && (!last || at - last.at >= (0.6 * (hi - lo)) / most)) out.push({ at, text: t.text }); // where clocks change, names may come close
    }
  });
  return out;
}

/** How far a zone's clock is ahead of UTC then, in seconds. @param {string} zone @param {number} ms */
export function ahead(zone, ms) {
  const m = /([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }).format(ms));
  return m ? (m[1] === "-" ? -1 : 1) * (+m[2] * 3600 + +m[3] * 60 + +(m[4] ?? 0)) : 0;
}

/** @param {number} t wall clock seconds */
const day = (t) => { const d = new Date(t * 1000); return `${d.getUTCDate()} ${NAMES[d.getUTCMonth()]}`; };
/** @param {number} t wall clock seconds */
const time = (t) => new Date(t * 1000).toISOString().slice(11, 19);

/**
 * How a reader calls a point of the time axis, with its end where it lasts.
 * @param {number} wall @param {number} step 0 where there is none @param {boolean} lasts @param {number} wide of the whole axis
 */
export function span(wall, step, lasts, wide) {
  if (step >= DAY * 0.9 && wall % DAY === 0) {
    const d = new Date(wall * 1000), year = d.getUTCFullYear();
    if (step >= DAY * 27 && d.getUTCDate() === 1) return `${NAMES[d.getUTCMonth()]} ${year}`;
    return wide > 300 * DAY ? `${day(wall)} ${year}` : day(wall);
  }
  const short = step >= MINUTE && wall % MINUTE === 0 ? 5 : 8, from = time(wall).slice(0, short);
  const text = lasts && step >= MINUTE ? `${from}–${time(wall + step).slice(0, short)}` : from;
  return wide > 1.5 * DAY ? `${day(wall)}, ${text}` : text;
}

/** A number that is too large or too small for its digits: 1.5e296. @param {number} n */
export const power = (n) => Number(n.toPrecision(3)).toExponential().replace("e+", "e").replace(/^-/, "−");

/** A number with that many decimals, as people read it. @param {number} n @param {number} decimals */
export function say(n, decimals) {
  const a = Math.abs(n);
  if (a >= 1e21 || (decimals > 6 && a > 0 && a < 1e-3)) return power(n);
  const [whole, frac] = a.toFixed(Math.min(20, decimals)).split("."), text = group(whole) + (frac ? `.${frac}` : "");
  return n < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** A number of a scale, short: 1,500, 20 k, 1.5 M. @param {number} n @param {number} by the distance to the next */
export function short(n, by) {
  const a = Math.abs(n);
  if ((a >= 1e15 && by >= 1e12) || (a > 0 && a < 1e-3 && by < 0.999e-6)) return power(n);
  for (const [size, sign] of /** @type {[number, string][]} */ ([[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e4, " k"]])) {
    if (a >= size && by >= (size === 1e4 ? 100 : size / 1000)) {
      const unit = size === 1e4 ? 1e3 : size;
      return say(n / unit, by % unit === 0 ? 0 : by % (unit / 10) === 0 ? 1 : 2) + sign;
    }
  }
  return say(n, Math.max(0, Math.min(12, -Math.floor(Math.log10(by) + 1e-9))));
}

const GUTTERS = [2.25, 3, 3.75, 4.5, 5.25];
/** How much room the names of a scale take at the right of a plot, in rem of their own size. @param {string[]} texts */
export function gutter(texts) {
  const most = Math.max(0, ...texts.map((t) => t.length)) * 0.39 + 0.3;
  return GUTTERS.find((g) => g >= most) ?? 5.25;
}

const LETTER = 0.4; // rem, about
/**
 * As many names as have room beside each other, the longer ones cut: all of them, or every so many where a cut would leave too little.
 * @param {string[]} labels @param {number} first @param {number} last @param {number} wide in rem of their size @returns {Place[]}
 */
export function categories(labels, first, last, wide) {
  const step = wide / Math.max(1, last - first + 1), fit = Math.floor((step - 0.5) / LETTER);
  const longest = Math.min(16, labels.slice(first, last + 1).reduce((n, l) => Math.max(n, [...l].length), 1));
  const all = fit >= Math.min(longest, 8), letters = all ? Math.min(longest, fit) : longest, every = all ? 1 : Math.ceil((letters * LETTER + 0.5) / step);
  const out = [];
  for (let at = first + Math.floor((every - 1) / 2); at <= last; at += every) { // in the middle of the places that it takes
    const text = [...labels[at]];
    out.push({ at, text: text.length > letters ? `${text.slice(0, letters - 1).join("").replace(/ +$/, "")}…` : labels[at] });
  }
  return out;
}
