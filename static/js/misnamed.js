// What a file asks of a result that is not in it: the words of views/plot.go. Pure.
import { measured } from "./quantity.js";

/** @typedef {import("./format.js").Column} Column */

/**
 * Says which column that the file names is not there, or holds no numbers where it has to; "" if all is well.
 * @param {Column[]} columns @param {(string|undefined)[][]} asked fields of the file, and the columns that they name
 */
export function misnamed(columns, asked) {
  for (const [field, name] of asked) {
    const c = columns.find((c) => c.name === name);
    if (!name) continue;
    if (!c) return `The query has no column “${name}”, which the file names as ${field}. It has ${names(columns)}.`;
    if ((field === "y" || field === "max") && !measured(c)) return `The column “${name}” holds no numbers (its type is ${c.type}), so it cannot be drawn as ${field}.`;
  }
  return "";
}

/** @param {Column[]} columns */
export const numberless = (columns) => `The query has no column of numbers to draw. It has ${names(columns)}.`;

/** @param {Column[]} columns */
const names = (columns) => columns.map((c) => c.name).join(", ").replace(/, ([^,]*)$/, " and $1");
