// Paper: nobody scrolls there. A table is written smaller where it is too wide, and what is too wide even then is named; a chart is
// drawn as wide as it stands there; a wall is a page like any other.
import { el, one } from "./dom.js";

/** px of an A4 sheet between its margins, and of a root letter on it */
const SHEETS = /** @type {const} */ ([["portrait", 688], ["landscape", 1016]]), LETTER = 14.67;
const CHART = 220; // px that a chart is high
const SMALLEST = 0.7, DOCUMENT = 12 * LETTER, NAMED = 6; // of the letters' usual size; px of a column of documents at most; columns that are named

const { classList } = document.documentElement;
/** Is it a wall, but for the paper? */
let wall = false;
addEventListener("beforeprint", () => { wall ||= classList.contains("wall"); classList.remove("wall"); });
addEventListener("afterprint", () => { if (wall) classList.add("wall"); });

/** The size of a chart on paper, or as it is on the screen: in print.css a panel has the same part of the sheet. @param {HTMLElement} host @param {number} columns of twelve @param {boolean} paper */
export function size(host, columns, paper) {
  const part = columns > 9 ? 1 : columns > 3 ? (columns / 12) * 0.98 - 0.015 : 0.48;
  for (const [name, value] of [["flex", "none"], ["inline-size", `${part * SHEETS[0][1]}px`], ["block-size", `${CHART}px`]]) {
    if (paper) host.style.setProperty(name, value);
    else host.style.removeProperty(name);
  }
}

/**
 * How columns of these widths stand on a sheet. Pure.
 * @param {number[]} widths px @param {number} sheet px @returns {{scale: number, columns: number}}
 */
export function fitting(widths, sheet) {
  const scale = Math.min(1, Math.max(SMALLEST, sheet / widths.reduce((sum, w) => sum + w, 0)));
  let columns = 0;
  for (let used = 0; columns < widths.length; columns++) {
    used += widths[columns] * scale;
    if (columns && used > sheet + 1) break;
  }
  return { scale, columns };
}

/** What is said of columns that are not there. Pure. @param {string[]} names */
export const missing = (names) => `And ${names.length} more ${names.length === 1 ? "column" : "columns"}: ${names.slice(0, NAMED).join(", ")}${names.length > NAMED ? ", …" : "."}`;

/** Makes a table ready for paper. @param {HTMLTableElement} table */
export function print(table) {
  unprint(table);
  const heads = [...table.tHead?.rows[0]?.cells ?? []].filter((th) => th.offsetWidth > 0);
  if (!heads.length || getComputedStyle(table).display !== "table") return;
  table.style.setProperty("inline-size", "min-content");
  const share = LETTER / parseFloat(getComputedStyle(document.documentElement).fontSize), row = one("tbody tr:not(.room)", table);
  const widths = heads.map((th) => Math.min(th.offsetWidth * share, row?.children[th.cellIndex]?.classList.contains("doc") ? DOCUMENT : Infinity));
  table.style.removeProperty("inline-size");
  for (const [way, sheet] of SHEETS) {
    const { scale, columns } = fitting(widths, sheet), cut = heads.slice(columns);
    table.style.setProperty(`--${way}`, scale.toFixed(3));
    if (!cut.length) continue;
    const at = cut[0].cellIndex;
    for (const tr of table.rows) for (const cell of [...tr.cells].slice(at)) cell.classList.add(`no-${way}`);
    table.after(el("p", { class: `cut only-${way}`, "data-missing": "" }, missing(cut.map((th) => th.innerText.trim()))));
  }
}

/** @param {HTMLTableElement} table */
export function unprint(table) {
  for (const n of table.parentElement?.querySelectorAll("[data-missing]") ?? []) n.remove();
  for (const [way] of SHEETS) {
    table.style.removeProperty(`--${way}`);
    for (const cell of table.querySelectorAll(`.no-${way}`)) cell.classList.remove(`no-${way}`);
  }
}
