// Cells: what the server rendered is read back, and a value is put where it belongs.
import { attribute, el, svg, write } from "./dom.js";
import { format } from "./format.js";
import { outside, target } from "./link.js";
import { float, measured } from "./quantity.js";

/** @typedef {import("./format.js").Column} Column */

/** A cell's value as the server rendered it. @param {HTMLTableCellElement} td @returns {string|null} */
export function value(td) {
  if (td.dataset.null !== undefined) return null;
  if (td.dataset.raw !== undefined) return td.dataset.raw;
  const v = td.querySelector(".v"), holder = v?.querySelector("a, button"), text = v?.lastChild instanceof Text ? v.lastChild.data : "";
  if (holder) return holder.textContent;
  return v?.firstElementChild ? text.replace(/^ /, "") : text; // a space stands after a glyph
}

/**
 * Shows a value in its cell, touching no more than differs.
 * @param {HTMLTableCellElement} td @param {Column} column @param {string|null} s @param {number} now @param {(string|null)[]} cells of its row, for links
 */
export function paint(td, column, s, now, cells) {
  const c = format(column, s, now), v = /** @type {HTMLElement} */ (td.querySelector(".v"));
  const href = column.link.length ? (s === null ? "" : target(column.link, cells)) : c.href;
  const shape = `v${c.isNull ? " null" : ""}${c.isBlank ? " blank" : ""}${c.glyph ? " chip" : ""}`, washing = ["flash", "again", "up", "down"].filter((x) => v.classList.contains(x));
  if (v.className !== shape) v.className = [shape, ...washing].join(" ");
  const mark = v.querySelector(":scope > i, :scope > .dim"), holder = v.querySelector(":scope > a, :scope > button");
  const wants = c.glyph ? "I" : c.dim ? "SPAN" : "", holds = href ? "A" : c.isTree ? "BUTTON" : "";
  if ((mark?.tagName ?? "") !== wants || (holder?.tagName ?? "") !== holds || (!holds && !(v.lastChild instanceof Text))) {
    const before = wants === "I" ? [el("i", { class: `glyph ${c.glyph}` })] : wants ? [el("span", { class: "dim" }, `${c.dim} `)] : [];
    v.replaceChildren(...before, holds ? hold(href, c.text) : document.createTextNode(c.glyph ? ` ${c.text}` : c.text));
  } else {
    if (mark && c.glyph) attribute(mark, "class", `glyph ${c.glyph}`);
    if (mark && c.dim) write(mark, `${c.dim} `);
    if (holder && href) lead(holder, href);
    const text = c.glyph && !holder ? ` ${c.text}` : c.text;
    if (holder) write(holder, text);
    else if (v.lastChild instanceof Text && v.lastChild.data !== text) v.lastChild.data = text;
  }
  attribute(td, "class", [column.className, c.className].filter(Boolean).join(" "));
  attribute(td, "title", c.title);
  attribute(td, "data-time", c.time);
  td.toggleAttribute("data-null", c.isNull);
  if (s !== null && s !== c.text) td.dataset.raw = s;
  else delete td.dataset.raw;
  return v;
}

/** What a text that leads somewhere, or opens, stands in. @param {string} href @param {string} text */
function hold(href, text) {
  if (!href) return el("button", { type: "button", class: "tree", "aria-expanded": "false" }, text);
  const a = el("a", {}, text);
  lead(a, href);
  return a;
}

/** A link that leaves this server opens a window of its own, which learns nothing of this page. @param {Element} a @param {string} href */
function lead(a, href) {
  attribute(a, "href", href);
  attribute(a, "target", outside(href) ? "_blank" : "");
  attribute(a, "rel", outside(href) ? "noopener noreferrer" : "");
}

/** Does a cell that stayed as it was lead elsewhere now? @param {Column} column @param {(string|null)[]} was @param {(string|null)[]} is */
export const moved = (column, was, is) => column.link.some((p) => typeof p === "number" && was[p] !== is[p]);

/** @param {Column} c @param {number} i */
export function headCell(c, i) {
  const th = el("th", { scope: "col", class: c.className, "data-col": String(i) }, el("span", { title: c.type }, c.head));
  th.hidden = c.hidden;
  return th;
}

/** A cell without a value. @param {Column} c @param {number} i */
export function emptyCell(c, i) {
  const td = el("td", { "data-col": String(i), class: c.className }, el("span", { class: "v" }));
  if (c.as) td.dataset.as = c.as;
  if (c.bar) td.prepend(svg("svg", { class: "databar", "aria-hidden": "true" }, svg("rect", { "data-hue": "ink", x: "0%", width: "0%", height: "100%" })));
  td.hidden = c.hidden;
  return td;
}

/** The widths of the columns that are shown, where any has one. @param {Column[]} columns */
export function widths(columns) {
  const shown = columns.filter((c) => !c.hidden);
  return shown.some((c) => c.width) ? shown.map((c) => el("col", c.width ? { width: `${c.width}%` } : {})) : [];
}

/** @param {Column} column @param {string|null} was @param {string|null} is @returns {"up"|"down"|""} */
export function direction(column, was, is) {
  if (!measured(column) || column.bare || was === null || is === null) return "";
  const a = float(column, was), b = float(column, is);
  return b > a ? "up" : b < a ? "down" : "";
}

/** A table that is scrolled sideways shows where its first column, which stays, ends. */
export function edges() {
  document.addEventListener("scroll", ({ target: box }) => {
    if (box instanceof HTMLElement && box.classList.contains("scroll")) box.querySelector(":scope > table")?.classList.toggle("scrolled", box.scrollLeft > 0);
  }, { capture: true, passive: true });
}
