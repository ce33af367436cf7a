// Which rows of a long list exist in the page, and how much room those take that do not. Pure arithmetic, in pixels from the
// top of the first row.

/** So many rows are all there: nothing is gained by leaving some out. */
export const SMALL = 120;
/** So many rows stand ready on either side of what a reader sees. */
const OVER = 16;
/** A frame moves this many rows at least, so that a slow scroll does not lay the table anew with every row. */
const STEP = 8;

/**
 * @typedef {{from: number, to: number}} Range rows from (inclusive) to (exclusive)
 * @typedef {{count: number, tall: number, top: number, bottom: number}} Sight how many rows of which height, and what is seen of them
 */

/** The rows that exist for what is seen. @param {Sight} s @returns {Range} */
export function range({ count, tall, top, bottom }) {
  if (count <= SMALL || tall <= 0) return { from: 0, to: count };
  const first = clamp(top / tall, 0, count) - OVER, last = clamp(bottom / tall, 0, count) + OVER;
  return { from: clamp(Math.floor(first / STEP) * STEP, 0, count), to: clamp(Math.ceil(last / STEP) * STEP, 0, count) };
}

/** The rows that a reader sees, about: only these are worth an animation. @param {Sight} s @returns {Range} */
export function seen({ count, tall, top, bottom }) {
  if (tall <= 0) return { from: 0, to: count };
  const from = clamp(Math.floor(top / tall) - 1, 0, count);
  return { from, to: clamp(Math.ceil(bottom / tall) + 1, from, count) };
}

/** The range and a stretch of rows that must not go, where that is not absurdly long. @param {Range} r @param {Range|null} kept @returns {Range} */
export function including(r, kept) {
  if (!kept) return r;
  const from = Math.min(r.from, kept.from), to = Math.max(r.to, kept.to);
  return to - from <= 2000 ? { from, to } : r;
}

/** @param {number} n @param {number} low @param {number} high */
const clamp = (n, low, high) => Math.min(high, Math.max(low, n));

/** How wide a text is about, in ems: it decides which one of a column is measured. @param {string} s */
export function breadth(s) {
  let em = 0;
  for (let i = 0, n = Math.min(s.length, 64); i < n; i++) {
    const c = s.charCodeAt(i);
    if (c > 0x2e80) em += 1; // Chinese, Japanese, Korean and pictures
    else if (c >= 48 && c <= 57) em += 0.62;
    else if (NARROW.has(c)) em += 0.3;
    else if ((c >= 65 && c <= 90) || c === 109 || c === 119) em += 0.72;
    else em += 0.56;
  }
  return em;
}
const NARROW = new Set([..." .,:;!|'`()[]iljtfI"].map((c) => c.charCodeAt(0)));
