// What is the matter with a panel, and what helps: said alike by the server (views/source.go) and here.
import { el, icon, one, write } from "./dom.js";
import { panelError, sentence } from "./format.js";

/** @typedef {import("./protocol.js").Problem} Problem @typedef {{number: number, before: string, mark: string, after: string}} Line */

const AROUND = 2; // lines of the query before and after the one with the mistake

/**
 * Shows a panel's error, or that there is none any more.
 * @param {HTMLElement} node the panel @param {Problem|null} error @param {boolean} rows it has last rows @returns {string} the panel's state
 */
export function problem(node, error, rows) {
  const place = one("[data-problem]", node);
  if (!place) return "";
  place.hidden = !error;
  if (!error) return "";
  const { state, head } = panelError(error.code), text = said(error, rows), lines = error.position || error.line ? excerpt(node.dataset.query ?? "", error.position ?? 0) : [];
  const where = node.dataset.file && error.line ? `${node.dataset.file}, line ${error.line}, column ${error.column}` : "";
  write(one("[data-head]", place), head);
  write(one("[data-text]", place), text);
  const shown = JSON.stringify([error.fix, lines, where]);
  if (place.dataset.told === shown) return state;
  place.dataset.told = shown;
  place.querySelectorAll(".code, .copyable, .where").forEach((n) => n.remove());
  if (error.fix) place.append(remedy(error.fix));
  if (lines.length) place.append(marked(lines));
  if (where) place.append(el("p", { class: "where" }, where));
  return state;
}

/** What a panel has cannot be drawn. It is drawn by itself once it can be. @param {HTMLElement} node the panel @param {string} why */
export function undrawn(node, why) {
  const place = one("[data-problem]", node), none = one("[data-empty]", node);
  if (!place) return;
  node.dataset.state = "error";
  place.hidden = false;
  if (none) none.hidden = true;
  write(one("[data-head]", place), "This cannot be drawn");
  write(one("[data-text]", place), why);
  if (!place.dataset.told) return; // its place in the file is the server's to know
  place.querySelectorAll(".code, .copyable, .where").forEach((n) => n.remove());
  delete place.dataset.told;
}

/** What is wrong, what may have been meant and what is shown, in this order. Pure. @param {Problem} error @param {boolean} rows */
export function said({ message, hint, fix }, rows) {
  return [sentence(message), hint && sentence(hint), rows && "These are its last rows.", fix && "Whoever owns it can run:"].filter(Boolean).join(" ");
}

/**
 * The lines of a query around a mistake, all where its place in it is not known. Pure.
 * @param {string} query @param {number} position in characters from 1 @returns {Line[]}
 */
export function excerpt(query, position) {
  const text = [...query];
  if (!text.length) return [];
  if (position < 1) return query.replace(/\n$/, "").split("\n").map((before, i) => ({ number: i + 1, before, mark: "", after: "" }));
  let from = Math.min(position - 1, text.length);
  while (from > 0 && (from === text.length || /\s/.test(text[from]))) from--; // the end of the input is its last character
  const to = wordEnd(text, from);
  /** @type {Line[]} */ const lines = [];
  let begin = 0, found = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text[at] !== "\n") continue;
    const part = (/** @type {number} */ a, /** @type {number} */ b) => text.slice(a, b).join(""), here = from >= begin && from < at, end = Math.min(to, at);
    if (here) found = lines.length;
    lines.push(here ? { number: lines.length + 1, before: part(begin, from), mark: part(from, end), after: part(end, at) } : { number: lines.length + 1, before: part(begin, at), mark: "", after: "" });
    begin = at + 1;
  }
  if (lines.length > 1 && !lines.at(-1)?.before && !lines.at(-1)?.mark) lines.pop(); // after the last line's end
  return lines.slice(Math.max(0, found - AROUND), found + AROUND + 1);
}

/** Where the word ends that begins there: a name, a quoted one, a variable, or one other character. @param {string[]} text @param {number} at */
function wordEnd(text, at) {
  const first = text[at] ?? "", part = (/** @type {string|undefined} */ c) => c !== undefined && /[\p{L}\p{Nd}_.$]/u.test(c);
  let end = at + 1;
  if (first === '"' || first === "'") {
    while (end < text.length && text[end] !== first && text[end] !== "\n") end++;
    return Math.min(end + 1, text.length);
  }
  if (part(first) || first === "@") while (part(text[end])) end++;
  return end;
}

/** @param {Line[]} lines */
function marked(lines) {
  const pre = el("pre", { class: "code", tabindex: "0", role: "region", "aria-label": lines.some((l) => l.mark) ? "The query, with the mistake marked" : "The query" });
  lines.forEach((l, i) => {
    if (i) pre.append("\n");
    pre.append(el("span", { class: "w" }, `${String(l.number).padStart(3)}  `), l.before);
    if (l.mark) pre.append(el("span", { class: "err" }, l.mark), l.after);
  });
  return pre;
}

/** @param {string} statement */
function remedy(statement) {
  return el("div", { class: "copyable" }, el("pre", { class: "code", tabindex: "0", role: "region", "aria-label": "Statement that mends it" }, statement),
    el("button", { class: "icon-btn", type: "button", "data-do": "copy", "aria-label": "Copy", title: "Copy" }, icon("copy")));
}
