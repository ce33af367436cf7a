// The palette (Ctrl-K): dashboards, tables, the panels of this page and of all dashboards, and actions, found by typing words in any order.
import { all, el, icon, one } from "./dom.js";
import { caps } from "./keys.js";
import { match } from "./match.js";

/** note: what else it is found by @typedef {{node: HTMLElement, text: string, note: string, go: () => void}} Item */
/** within: parts of other pages, which are too many to be shown unasked @typedef {{title: string, within: boolean, items: Item[]}} Group */

const MOST = 60; // shown at once

/** @param {HTMLDialogElement} dialog @param {import("./keys.js").Keys} keys @param {{panels: () => {title: string, go: () => void}[]}} page @returns {() => void} shows what is found */
export function palette(dialog, keys, page) {
  const input = /** @type {HTMLInputElement} */ (one("input", dialog)), list = /** @type {HTMLElement} */ (one("ul", dialog)), none = /** @type {HTMLElement} */ (one(".none", dialog));
  const groups = pages(list);
  /** @type {Item[]} */ let shown = [];
  let at = 0;

  const select = (/** @type {number} */ i) => {
    at = Math.max(0, Math.min(shown.length - 1, i));
    shown.forEach((item, n) => item.node.setAttribute("aria-selected", String(n === at)));
    input.setAttribute("aria-activedescendant", shown[at]?.node.id ?? "");
    shown[at]?.node.scrollIntoView({ block: "nearest" });
  };
  const filter = () => {
    /** @type {HTMLElement[]} */ const lines = [];
    shown = [];
    const typed = !!input.value.trim();
    for (const { title, items, within } of [...groups, ...here()]) {
      if (within && !typed) continue;
      const found = items.map((item) => ({ item, hit: match(input.value, `${item.text} ${item.note}`) })).filter(({ hit }) => hit);
      if (typed) found.sort((a, b) => (b.hit?.score ?? 0) - (a.hit?.score ?? 0));
      const fits = found.slice(0, Math.max(0, MOST - shown.length));
      if (!fits.length) continue;
      lines.push(el("li", { class: "group", role: "presentation" }, title));
      for (const { item, hit } of fits) {
        one("[data-text]", item.node)?.replaceChildren(...marked(item.text, hit?.ranges ?? []));
        item.node.id = `palette-${shown.length}`;
        shown.push(item);
        lines.push(item.node);
      }
    }
    none.hidden = shown.length > 0;
    list.replaceChildren(...lines, none);
    select(0);
  };
  /** What this page adds to the pages that the server listed. @returns {Group[]} */
  const here = () => [
    { title: "On this page", within: false, items: page.panels().map((p) => made("arrow-right", p.title, [], p.go)) },
    { title: "Actions", within: false, items: keys.list.filter((k) => k.run && k.icon).map((k) => made(k.icon ?? "", k.text, caps(k), () => k.run?.())) },
  ];
  const go = (/** @type {Item|undefined} */ item) => {
    if (!item) return;
    dialog.close();
    item.go();
  };
  input.addEventListener("input", filter);
  dialog.addEventListener("close", () => { list.replaceChildren(none); input.value = ""; });
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
    else if (e.target instanceof Element) go(shown.find((i) => i.node.contains(/** @type {Element} */ (e.target))));
  });
  dialog.addEventListener("keydown", (e) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e3, End: 1e3 })[e.key];
    if (step !== undefined && !(input.value && (e.key === "Home" || e.key === "End"))) select(at + step);
    else if (e.key === "Enter") go(shown[at]);
    else return;
    e.preventDefault();
  });
  return filter;
}

/** The pages that the server listed, and the parts of others than this one. @param {HTMLElement} list */
function pages(list) {
  /** @type {Group[]} */ const groups = [];
  for (const li of all("li", list)) {
    const group = groups.at(-1), href = li.dataset.href ?? "";
    if (li.classList.contains("group")) groups.push({ title: li.textContent ?? "", within: "within" in li.dataset, items: [] });
    if (!group || !href || group.within && href.split("#")[0] === location.pathname) continue;
    group.items.push({ node: li, text: one("[data-text]", li)?.textContent ?? "", note: group.within ? one(".end", li)?.textContent ?? "" : "", go: () => location.assign(href) });
  }
  return groups;
}

/** @param {string} sign @param {string} text @param {HTMLElement[]} end @param {() => void} go @returns {Item} */
function made(sign, text, end, go) {
  const svg = icon(sign);
  svg.setAttribute("class", "icon");
  return { node: el("li", { class: "item", role: "option" }, svg, el("span", { "data-text": "" }), el("span", { class: "end" }, ...end)), text, note: "", go };
}

/** The text with what was found in it; more may have been found after it. @param {string} text @param {[number, number][]} ranges */
function marked(text, ranges) {
  /** @type {(Node|string)[]} */ const parts = [];
  let from = 0;
  for (const [a, b] of ranges) {
    if (a >= text.length) break;
    parts.push(text.slice(from, a), el("b", {}, text.slice(a, b)));
    from = b;
  }
  return [...parts, text.slice(from)].filter((p) => p !== "");
}
