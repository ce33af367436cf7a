// What a panel shows that is neither rows nor one number. Charts come with a module of their own, loaded where there is one.

import { PartsView } from "./partview.js";
import { late } from "./reload.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./format.js").Column} Column
 * Something that a panel's state is shown by.
 * @typedef {{show(panel: Panel, columns: Column[], now: number): void, tick(now: number): void, theme(): void, choose(variables: {name: string, values: string[]}[]): void, destroy(): void}} Figure
 * @typedef {{update(panel: Panel, now: number): boolean}} Rows
 */

/**
 * The figure of a panel; undefined where its type has none.
 * @param {HTMLElement} node @param {(node: HTMLElement) => Rows} rows makes a table of what it is given @returns {Figure|undefined}
 */
export function figure(node, rows) {
  switch (node.dataset.type) {
    case "line": case "area": case "bar": return new Waiting(node, rows);
    case "donut": case "gauge": case "progress": return new PartsView(node);
    default: return undefined;
  }
}

/** A chart whose module may still be on its way, and the rows behind it. */
class Waiting {
  /** @type {import("./chart.js").Chart|null} */ #chart = null;
  /** @type {[Panel, Column[], number]|null} */ #last = null;
  /** @type {Rows|null} */ #rows = null;
  /** @type {{name: string, values: string[]}[]} */ #variables = [];
  #gone = false;

  /** @param {HTMLElement} node @param {(node: HTMLElement) => Rows} rows */
  constructor(node, rows) {
    this.node = node;
    late(import("./chart.js")).then(({ Chart }) => {
      if (this.#gone) return;
      this.#chart = new Chart(node);
      this.#chart.choose(this.#variables);
      if (this.#last) this.#chart.show(...this.#last);
    }, () => {}); // the rows behind it are there
    const button = node.querySelector("[data-rows-button]");
    button?.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      node.classList.toggle("as-rows", open);
      if (open && !this.#rows) this.#rows = this.#table(rows);
      if (open && this.#last) this.#rows?.update(this.#last[0], this.#last[2]);
    });
  }

  /** @param {(node: HTMLElement) => Rows} rows */
  #table(rows) {
    const template = /** @type {HTMLTemplateElement} */ (this.node.querySelector("template[data-rows-of]"));
    const body = /** @type {HTMLElement} */ (document.importNode(/** @type {Element} */ (template.content.firstElementChild), true));
    template.before(body);
    return rows(body);
  }

  /** @param {Panel} panel @param {Column[]} columns @param {number} now */
  show(panel, columns, now) {
    this.#last = [panel, columns, now];
    this.#chart?.show(panel, columns, now);
    if (this.node.classList.contains("as-rows")) this.#rows?.update(panel, now);
  }

  /** @param {number} now */
  tick(now) { this.#chart?.tick(now); }
  theme() { this.#chart?.theme(); }
  /** @param {{name: string, values: string[]}[]} variables */
  choose(variables) {
    this.#variables = variables;
    this.#chart?.choose(variables);
  }
  destroy() {
    this.#gone = true;
    this.#chart?.destroy();
  }
}
