// Bars under the numbers of a column: the same rules as views/bar.go.
import { reached } from "./format.js";
import { float } from "./quantity.js";

/** @typedef {import("./format.js").Column} Column @typedef {import("./delta.js").Row} Row @typedef {[low: number, high: number]} Ends */

/** @param {number} share */
const part = (share) => String(Math.floor(share * 10000 + 0.5) / 100);

/** What a cell of bars reaches from and to; zero is always between them. @param {Column} c @param {(string|null)[]} values @returns {Ends} */
export function ends(c, values) {
  let low = 0, high = 0;
  for (const v of values.map((s) => float(c, s))) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return c.bar?.max === undefined ? [low, high] : [Math.max(low, -c.bar.max), c.bar.max];
}

/** Where a bar begins and how long it is, in percent. @param {Column} c @param {string|null} value @param {Ends} ends */
export function extent(c, value, [low, high]) {
  const v = float(c, value), hue = reached(c.thresholds, v) || "ink";
  if (Number.isNaN(v) || high <= low) return { at: "0", size: "0", hue };
  /** @param {number} x */
  const place = (x) => Math.max(0, Math.min(1, (x - low) / (high - low)));
  const from = place(Math.min(0, v));
  return { at: part(from), size: part(place(Math.max(0, v)) - from), hue };
}

/**
 * Brings the bars of all rows that are on the screen to what the rows say: one that grew may be what the others are measured by.
 * @param {Column[]} columns @param {Row[]} rows @param {(key: string) => HTMLTableRowElement|undefined} on
 */
export function drawBars(columns, rows, on) {
  columns.forEach((c, i) => {
    if (!c.bar) return;
    const scale = ends(c, rows.map((r) => r.cells[i]));
    for (const r of rows) {
      const rect = on(r.key)?.querySelector(`td[data-col="${i}"] > .databar > rect`);
      if (!rect) continue;
      const { at, size, hue } = extent(c, r.cells[i], scale);
      for (const [name, value] of [["x", `${at}%`], ["width", `${size}%`], ["data-hue", hue]]) if (rect.getAttribute(name) !== value) rect.setAttribute(name, value);
    }
  });
}
