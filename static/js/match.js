// Finding by a few typed words. Pure.

/**
 * Does the text have all words, in any order? A word that is not in it as it stands may be its letters in their order, so that
 * "pord" finds "public.orders".
 * @param {string} query @param {string} text @returns {{score: number, ranges: [number, number][]}|null} the better, the higher
 */
export function match(query, text) {
  const low = fold(text);
  /** @type {[number, number][]} */ const ranges = [];
  let score = 0;
  for (const word of fold(query).split(/\s+/).filter(Boolean)) {
    const found = whole(word, low) ?? scattered(word, low);
    if (!found) return null;
    score += found.score;
    ranges.push(...found.ranges);
  }
  return { score: score - low.length / 1000, ranges: joined(ranges) };
}

/** Letters without case and marks, as many as before. @param {string} s */
const fold = (s) => [...s].map((c) => { const f = c.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase(); return f.length === c.length ? f : c.toLowerCase().length === c.length ? c.toLowerCase() : c; }).join("");

const starts = (/** @type {string} */ text, /** @type {number} */ i) => i === 0 || /[^\p{L}\p{N}]/u.test(text[i - 1]);

/** @param {string} word @param {string} text @returns {{score: number, ranges: [number, number][]}|null} */
function whole(word, text) {
  let best = -1, good = 0;
  for (let i = text.indexOf(word); i >= 0; i = text.indexOf(word, i + 1)) {
    const worth = i === 0 ? 4 : starts(text, i) ? 3 : 2;
    if (worth > good) [best, good] = [i, worth];
  }
  return best < 0 ? null : { score: good, ranges: [[best, best + word.length]] };
}

/** @param {string} word @param {string} text @returns {{score: number, ranges: [number, number][]}|null} */
function scattered(word, text) {
  if (word.length < 3) return null;
  /** @type {[number, number][]} */ const ranges = [];
  let at = -1;
  for (const c of word) {
    at = text.indexOf(c, at + 1);
    if (at < 0) return null;
    ranges.push([at, at + c.length]);
  }
  return starts(text, ranges[0][0]) ? { score: 1 - (at - ranges[0][0]) / 100, ranges } : null; // it must begin like a word
}

/** @param {[number, number][]} ranges @returns {[number, number][]} in order, those that touch as one */
function joined(ranges) {
  /** @type {[number, number][]} */ const out = [];
  for (const [a, b] of ranges.sort((x, y) => x[0] - y[0])) {
    const last = out.at(-1);
    if (last && a <= last[1]) last[1] = Math.max(last[1], b);
    else out.push([a, b]);
  }
  return out;
}
