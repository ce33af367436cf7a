// Cells: what the server rendered is read back, and a value is put where it belongs.
import { attribute, el, write } from "./dom.js";
import { format } from "./format.js";

/** @typedef {import("./format.js").Column} Column */

/** A cell's value as the server rendered it. @param {HTMLTableCellElement} td @returns {string|null} */
export function value(td) {
  if (td.dataset.null !== undefined) return null;
  if (td.dataset.raw !== undefined) return td.dataset.raw;
  const v = td.querySelector(".v"), text = v?.lastChild instanceof Text ? v.lastChild.data : "";
  return v?.firstElementChild ? text.replace(/^ /, "") : text; // a space stands after a glyph
}

/** Shows a value in its cell, touching no more than differs. @param {HTMLTableCellElement} td @param {Column} column @param {string|null} s @param {number} now */
export function paint(td, column, s, now) {
  const c = format(column, s, now), v = /** @type {HTMLElement} */ (td.querySelector(".v"));
  const shape = `v${c.isNull ? " null" : ""}${c.glyph ? " chip" : ""}`, washing = ["flash", "up", "down"].filter((x) => v.classList.contains(x));
  if (v.className !== shape) v.className = [shape, ...washing].join(" ");
  const mark = v.firstElementChild, wants = c.glyph ? "I" : c.dim ? "SPAN" : "";
  if ((mark?.tagName ?? "") !== wants || !(v.lastChild instanceof Text)) {
    const before = wants === "I" ? [el("i", { class: `glyph ${c.glyph}` })] : wants ? [el("span", { class: "dim" }, `${c.dim} `)] : [];
    v.replaceChildren(...before, document.createTextNode(c.glyph ? ` ${c.text}` : c.text));
  } else {
    if (mark && c.glyph) attribute(mark, "class", `glyph ${c.glyph}`);
    if (mark && c.dim) write(mark, `${c.dim} `);
    const text = c.glyph ? ` ${c.text}` : c.text;
    if (v.lastChild.data !== text) v.lastChild.data = text;
  }
  attribute(td, "class", [column.className, c.className].filter(Boolean).join(" "));
  attribute(td, "title", c.title);
  attribute(td, "data-time", c.time);
  td.toggleAttribute("data-null", c.isNull);
  if (s !== null && s !== c.text) td.dataset.raw = s;
  else delete td.dataset.raw;
  return v;
}

/** @param {Column} column @param {string|null} was @param {string|null} is @returns {"up"|"down"|""} */
export function direction(column, was, is) {
  if ((column.kind !== "integer" && column.kind !== "decimal") || column.bare || was === null || is === null) return "";
  const a = Number(was), b = Number(is);
  return b > a ? "up" : b < a ? "down" : "";
}
