// The last frames of a page, and how long they took to the screen. Pure and bounded: a page that stays open for a week holds no
// more than on its first day.

/**
 * at: the database's clock when the snapshot was taken; took: milliseconds from then until it was painted here, -1 where it
 * was not measured, and then why tells in a word or two
 * @typedef {{at: number, panels: string[], rows: number, took: number, why: string}} Frame
 */

const KEPT = 100;
const ENOUGH = 20; // frames: of fewer, the 95th of 100 is but the slowest one

export class Frames {
  /** @type {Frame[]} */ #frames = [];
  /** @type {Frame[]} those that the next paint shows */ #coming = [];

  /** A frame arrived. @param {number} at @param {string[]} panels @param {number} rows @param {boolean} change that just happened */
  add(at, panels, rows, change) {
    const frame = { at, panels, rows, took: -1, why: change ? "not painted yet" : "as it was" };
    this.#frames.push(frame);
    if (this.#frames.length > KEPT) this.#frames.shift();
    if (change) this.#coming.push(frame);
    if (this.#coming.length > KEPT) this.#coming.shift();
  }

  /** What is drawn now, to be given to painted. @param {string} [why] it will not be measured @returns {Frame[]} */
  drawn(why) {
    const drawn = this.#coming;
    this.#coming = [];
    if (why) for (const f of drawn) f.why = why;
    return drawn;
  }

  /**
   * A frame that was painted before its snapshot was taken shows that the two clocks are not known well enough to tell.
   * @param {Frame[]} frames @param {number} now by the database's clock, NaN where that is not known @param {string} [why] they say nothing of the way
   */
  painted(frames, now, why = "") {
    for (const f of frames) [f.took, f.why] = why ? [-1, why] : now >= f.at ? [now - f.at, ""] : [-1, "clocks differ"];
  }

  /** The newest ones, newest first. @param {number} n */
  newest(n) { return this.#frames.slice(-n).reverse(); }

  /** @returns {{count: number, last: number, median: number, p95: number}} in milliseconds, of so many frames; -1: too few were measured */
  times() {
    const all = this.#frames.filter((f) => f.took >= 0).map((f) => f.took), last = all.at(-1) ?? -1;
    all.sort((a, b) => a - b);
    const rank = (/** @type {number} */ q) => all[Math.max(0, Math.ceil(q * all.length) - 1)] ?? -1;
    return { count: all.length, last, median: rank(0.5), p95: all.length < ENOUGH ? -1 : rank(0.95) };
  }
}
