// How the parts of an open row look: its values whole and exact, its JSON, its references.
import { attribute, el, icon } from "./dom.js";
import { format } from "./format.js";
import { group } from "./number.js";
import { folded } from "./rowfacts.js";

/** @typedef {import("./format.js").Column} Column */

const KINDS = { key: "k", text: "s", word: "d", mark: "w" };

/** A value as PostgreSQL gives it, to the last digit. @param {Column} c @param {string|null} value */
export function shownText(c, value) {
  if (value === null) return "null";
  return c.kind === "boolean" ? format(c, value, 0).text : value;
}

/** A value in an open row, the beginning of a long one unless it is to be whole. @param {Column} c @param {string|null} value @param {boolean} whole @returns {Node} */
export function shownValue(c, value, whole) {
  if (value === null) return el("span", { class: "null" }, "null");
  if (value === "") return el("span", { class: "null" }, "empty text");
  const cell = format(c, value, 0);
  if (cell.glyph) return el("span", { class: "chip" }, el("i", { class: `glyph ${cell.glyph}` }), cell.text);
  if (/^https?:\/\/\S+$/.test(value)) return el("a", { class: "link", href: value, rel: "noopener noreferrer", target: "_blank" }, whole ? value : folded(value));
  return document.createTextNode(whole ? shownText(c, value) : folded(shownText(c, value)));
}

/** What shows a long value whole, or its beginning again; nothing for a short one. @param {Column} c @param {string|null} value @param {boolean} whole */
export function unfold(c, value, whole) {
  if (value === null || folded(value) === value) return [];
  const text = whole ? "Show less" : `Show all ${group(String([...value].length))} characters`;
  return [el("button", { class: "btn unfold", type: "button", "aria-expanded": String(whole), "data-unfold": c.name }, text)];
}

/** @param {string} s */
export const clip = (s) => (s.length > 80 ? `${s.slice(0, 79)}…` : s);

/** The rows that this one names. @param {string} base @param {import("./rowfacts.js").Link[]} links @returns {HTMLElement|""} */
export function references(base, links) {
  return list("refs", "References", links.map((k) => [icon("arrow-up"), el("span", { class: "quiet" }, k.columns.join(", ")), to(base, k, `${k.table} ${k.values.join(", ")}`)]));
}

/** The rows of other tables that name this one. @param {string} base @param {import("./rowfacts.js").Link[]} links @returns {HTMLElement|""} */
export function referencedBy(base, links) {
  return list("refs-in", "Referenced by", links.map((k) => [icon("arrow-down"), el("span", { class: "quiet" }, k.columns.join(", ")), to(base, k, `rows of ${k.table}`)]));
}

/** @param {string} base @param {import("./rowfacts.js").Link} link @param {string} text */
const to = (base, link, text) => el("a", { class: "link", href: base + link.address }, text);

/** @param {string} id @param {string} head @param {Node[][]} lines */
const list = (id, head, lines) => (lines.length ? section(id, head, el("ul", { class: "refs" }, ...lines.map((line) => el("li", {}, ...line)))) : "");

/** @param {string} id @param {string} head @param {...(Node|"")} children a button or note first goes into the heading's line */
export function section(id, head, ...children) {
  const given = children.filter((c) => c !== ""), beside = head && given[0] instanceof HTMLElement && !["OL", "UL", "DL", "PRE", "P"].includes(given[0].tagName) ? [given.shift() ?? ""] : [];
  return el("section", { "data-part": id }, ...(head ? [el("h3", {}, head, ...beside)] : []), ...given);
}

/** @param {import("./rowjson.js").Token[]} tokens @param {string} label */
export const code = (tokens, label) => el("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label }, ...tokens.map((t) => el("span", { class: KINDS[t.kind] }, t.text)));

/** Puts parts in the place of those of the same name, and leaves alone what is the same. @param {HTMLElement} body @param {(HTMLElement|"")[]} parts */
export function keep(body, parts) {
  const wanted = parts.filter((p) => p !== ""), old = new Map([...body.children].map((n) => [/** @type {HTMLElement} */ (n).dataset.part, n]));
  const nodes = wanted.map((p) => { const was = old.get(p.dataset.part); return was?.isEqualNode(p) ? was : p; });
  for (const n of [...body.children]) if (!nodes.includes(/** @type {HTMLElement} */ (n))) n.remove();
  nodes.forEach((n, i) => { if (body.children[i] !== n) body.insertBefore(n, body.children[i] ?? null); });
  attribute(body, "aria-busy", "");
}
