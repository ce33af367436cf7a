// Parts as rows of a list and arcs of a ring, patched in place.
import { attribute, one, write } from "./dom.js";
import { long, parts, seam } from "./parts.js";
import { undrawn } from "./problem.js";
import { namely } from "./series.js";
import { Wash } from "./wash.js";

/**
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./parts.js").Options} Options
 * @typedef {import("./parts.js").Parts} Parts
 */

/** Shows parts where the server drew the first ones. */
export class PartsView {
  /** @type {Map<string, string>} the colours that a donut's parts have */ #hues = new Map();

  /** @param {HTMLElement} node the panel */
  constructor(node) {
    this.node = node;
    this.wash = new Wash();
    /** @type {Options} */ this.options = JSON.parse(node.dataset.chart || "{}");
  }

  tick() {}
  theme() {}
  choose() {}
  destroy() {}

  /** @param {Panel} panel @param {Column[]} columns */
  show(panel, columns) {
    const p = parts(columns, panel.rows, this.options, this.#hues), body = one("[data-parts]", this.node);
    if (body) body.hidden = !p.parts.length;
    if (p.problem) {
      if (columns.length && !panel.error) undrawn(this.node, p.problem); // without columns it never had a result
      return;
    }
    this.#hues = new Map(p.parts.map((part) => [part.label, part.hue]));
    this.wash.over(this.options.type === "gauge" ? this.#gauge(p) : this.#list(p));
    if (this.options.type === "donut") this.#ring(p);
  }

  /** @param {Parts} p @returns {HTMLElement[]} what changed */
  #gauge(p) {
    const [part] = p.parts, arc = this.node.querySelector("[data-arc]"), mark = this.node.querySelector("[data-mark]");
    if (!part) return [];
    const number = one("[data-value]", this.node), changed = !!number && say(number, part.text);
    if (number) {
      attribute(number, "data-long", long(part.text));
      attribute(number, "title", long(part.text) && part.text);
    }
    write(one("[data-low]", this.node), p.low);
    write(one("[data-high]", this.node), p.high);
    if (arc) {
      attribute(arc, "data-hue", part.hue);
      attribute(arc, "stroke-dasharray", `${part.size} 200`);
    }
    if (mark) attribute(mark, "stroke-dashoffset", String(0.4 - Number(p.mark)));
    return number && changed ? [number] : [];
  }

  /** @param {Parts} p @returns {HTMLElement[]} what changed */
  #list(p) {
    /** @type {HTMLElement[]} */ const changed = [];
    const list = /** @type {HTMLElement} */ (one("[data-list]", this.node)), template = this.node.querySelector("template[data-part]");
    const have = new Map([...list.children].map((li) => [/** @type {HTMLElement} */ (li).dataset.key, /** @type {HTMLElement} */ (li)]));
    let cursor = list.firstElementChild;
    for (const part of p.parts) {
      const li = have.get(part.key) ?? /** @type {HTMLElement} */ (document.importNode(/** @type {Element} */ (/** @type {HTMLTemplateElement} */ (template).content.firstElementChild), true));
      have.delete(part.key);
      if (li.dataset.key !== part.key) li.dataset.key = part.key;
      const [fill, number] = [li.querySelector("[data-fill]"), one("[data-text]", li)];
      for (const n of li.querySelectorAll("[data-hue]")) attribute(n, "data-hue", part.hue);
      if (fill) attribute(fill, "width", `${part.size}%`);
      write(one("[data-label]", li), part.label);
      attribute(/** @type {Element} */ (li.firstElementChild), "title", namely(part.of ?? []));
      write(one("[data-percent]", li), part.percent);
      if (number && say(number, part.text)) changed.push(number);
      if (li === cursor) cursor = li.nextElementSibling;
      else list.insertBefore(li, cursor);
    }
    for (const li of have.values()) li.remove();
    if (this.options.type === "donut") attribute(list, "tabindex", p.parts.length > 9 ? "0" : ""); // it scrolls
    return changed;
  }

  /** @param {Parts} p */
  #ring(p) {
    const ring = this.node.querySelector("[data-ring]"), [first] = ring?.children ?? [];
    if (!ring || !first) return;
    while (ring.children.length < p.parts.length) ring.append(first.cloneNode());
    while (ring.children.length > Math.max(1, p.parts.length)) ring.lastElementChild?.remove();
    p.parts.forEach((part, i) => {
      attribute(ring.children[i], "data-hue", part.hue);
      attribute(ring.children[i], "stroke-dasharray", `${seam(part.size)} 200`);
      attribute(ring.children[i], "stroke-dashoffset", String(-Number(part.start)));
    });
    const total = one("[data-total]", this.node);
    write(total, p.total);
    if (total) attribute(total, "data-long", long(p.total));
  }
}

/** Writes a number, and notes which way it went. @param {HTMLElement} node @param {string} text @returns {boolean} whether it was another one */
function say(node, text) {
  const was = node.textContent ?? "", by = plain(text) - plain(was);
  if (was === text) return false;
  write(node, text);
  if (by) node.dataset.went = by > 0 ? "up" : "down";
  else delete node.dataset.went;
  return was !== "";
}

/** @param {string} text a number as people read it */
const plain = (text) => Number(text.replaceAll(",", "").replace("−", "-"));
