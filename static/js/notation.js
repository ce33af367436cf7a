// How the numbers of a figure are written: as durations, shares and sizes, with a currency. Pure: the same rules as
// views/notation.go, held to the same examples in views/testdata/chart.json.
import { number } from "./number.js";
import { currency, priced, quantity, seconds } from "./quantity.js";
import { say, short } from "./scale.js";

/**
 * @typedef {import("./format.js").Column} Column
 * style: of a column's format, "" for none. before, after: what stands around a number: its currency.
 * @typedef {{style: string, before: string, after: string}} Notation
 */

/** @type {Notation} */
export const PLAIN = { style: "", before: "", after: "" };
const SIZES = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** @param {Column} c @param {(string|null)[]} values of the column @returns {Notation} */
export const notation = (c, values) => ({ style: c.style ?? "", ...currency(c, values) });
/** @param {Notation} a @param {Notation} b */
export const alike = (a, b) => a.style === b.style && a.before === b.before && a.after === b.after;

/** A number with that many decimals. @param {Notation} n @param {number} v @param {number} decimals */
export function written(n, v, decimals) {
  if (n.style === "duration" || n.style === "bytes") return quantity(String(v), n.style, undefined).text;
  if (n.style === "percent") return `${say(v * 100, Math.max(0, decimals - 2))}%`;
  return priced(n, say(v, decimals));
}

/** A number of a scale, short. @param {Notation} n @param {number} v @param {number} by the distance to the next */
export function tick(n, v, by) {
  switch (n.style) {
    case "duration": return seconds("", v).text;
    case "percent": return `${short(v * 100, by * 100)}%`;
    case "bytes": {
      const unit = Math.min(5, Math.floor(Math.log2(Math.abs(v)) / 10 + 1e-9)), size = 1024 ** unit;
      return unit < 1 ? `${short(v, by)} B` : `${short(v / size, by / size)} ${SIZES[unit - 1]}`;
    }
    default: return priced(n, short(v, by));
  }
}

/** An end of a scale that the file or a column gives. @param {Notation} n @param {number} v */
export function end(n, v) {
  if (n.style === "duration" || n.style === "bytes") return written(n, v, 0);
  return n.style === "percent" ? `${plain(v * 100)}%` : priced(n, plain(v));
}
/** @param {number} v */
const plain = (v) => number(String(v), undefined).text;
