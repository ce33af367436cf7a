// How many rows a table has, as it is shown: what was counted does not give way to a guess. Pure.

/**
 * @typedef {{rows: number, exact: boolean}} Count
 * What is shown: of what, when that was known, and whether it was asked for again since, in vain.
 * @typedef {Count & {what: string, at: number, old: boolean}} Known
 */

/** How long a count is kept where the server only guesses since, in milliseconds. */
const KEPT = 600_000;

/**
 * What to show now. A page that is gone to comes with the catalog's guess, and a count that took too long ends in the planner's: both
 * would make the number jump to and fro beside one that was counted.
 * @param {Known|null} was @param {string} what is counted: the table and its filters @param {Count|null} count
 * @param {boolean} asked for, just now @param {number} now @returns {Known|null}
 */
export function known(was, what, count, asked, now) {
  if (was?.what === what) {
    if (!count || !asked && !count.exact) return was;
    const near = count.rows < was.rows * 2 && was.rows < count.rows * 2;
    if (was.exact && !count.exact && near && now - was.at < KEPT) return { ...was, old: true };
  }
  return count && { rows: count.rows, exact: count.exact, what, at: now, old: false };
}
