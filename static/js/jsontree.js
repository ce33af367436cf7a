// A JSON document as a tree that opens and closes. Only what is open is in the page.
import { el } from "./dom.js";
import { read } from "./json.js";

/** @typedef {import("./json.js").Container} Container @typedef {import("./json.js").Leaf} Leaf */

const AT_ONCE = 200; // entries of one container that are shown together
const SMALL = 40; // entries up to which a document opens two levels
const LONGEST = 2000; // characters of one text

/**
 * The tree of a document; a text that is none stands as it is.
 * @param {string} text @param {Set<string>} [open] the paths that are open, as {@link opened} gives them; else the first ones
 * @returns {HTMLElement}
 */
export function tree(text, open) {
  const root = read(text);
  if (!root) return el("pre", { class: "json" }, cut(text));
  const small = root.kind === "object" || root.kind === "array" ? root.entries.reduce((n, e) => n + 1 + ("entries" in e.node ? e.node.entries.length : 0), 0) <= SMALL : true;
  const isOpen = /** @param {string} path @param {number} depth */ (path, depth) => (open ? open.has(path) : depth === 0 || (small && depth === 1));
  return el("div", { class: "json" }, node(root, "", "$", 0, isOpen));
}

/** The paths that a reader has open. @param {HTMLElement} json @returns {Set<string>} */
export const opened = (json) => new Set([...json.querySelectorAll("details")].filter((d) => d.open).map((d) => d.dataset.path ?? ""));

/** @param {Container|Leaf} n @param {string} key @param {string} path @param {number} depth @param {(path: string, depth: number) => boolean} isOpen @returns {HTMLElement} */
function node(n, key, path, depth, isOpen) {
  const name = key ? [el("span", { class: "key" }, cut(plain(key))), ": "] : [];
  if (!("entries" in n) || n.entries.length === 0) {
    const [kind, text] = "entries" in n ? ["word", n.kind === "object" ? "{}" : "[]"] : [n.kind, n.text];
    return el("div", { class: "leaf", "data-path": path }, ...name, el("span", { class: kind }, cut(kind === "string" ? `"${plain(text)}"` : text)));
  }
  const [left, right] = n.kind === "object" ? "{}" : "[]", count = n.entries.length, what = n.kind === "object" ? "key" : "item";
  const summary = el("summary", {}, ...name, el("span", { class: "mark" }, `${left}…${right}`), el("span", { class: "many" }, `${count} ${what}${count > 1 ? "s" : ""}`));
  const details = /** @type {HTMLDetailsElement} */ (el("details", { "data-path": path }, summary));
  const fill = () => { if (!details.querySelector(":scope > .in")) details.append(inside(n, path, depth, isOpen)); };
  details.addEventListener("toggle", () => { if (details.open) fill(); });
  if (isOpen(path, depth)) {
    fill();
    details.open = true;
  }
  return details;
}

/** @param {Container} n @param {string} path @param {number} depth @param {(path: string, depth: number) => boolean} isOpen */
function inside(n, path, depth, isOpen) {
  const box = el("div", { class: "in" });
  const more = (from = 0) => {
    const part = n.entries.slice(from, from + AT_ONCE), rest = n.entries.length - from - part.length;
    box.append(...part.map((e, i) => node(e.node, n.kind === "object" ? e.key : "", `${path}/${from + i}`, depth + 1, isOpen)));
    if (!rest) return;
    const button = el("button", { type: "button", class: "rest" }, `${rest} more`);
    button.addEventListener("click", () => { button.remove(); more(from + AT_ONCE); });
    box.append(button);
  };
  more();
  return box;
}

/** A text without its quotes and escapes. @param {string} token */
function plain(token) {
  try { return String(JSON.parse(token)); } catch { return token; }
}

/** @param {string} s */
const cut = (s) => (s.length > LONGEST ? `${s.slice(0, LONGEST)}…` : s);
