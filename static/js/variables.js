// The bar of variables: what is chosen there is the page's address, and goes there without a reload.
import { apply } from "./delta.js";
import { all, one, toast, write } from "./dom.js";
import { address, choices, optionRows, said, same } from "./choices.js";
import { Pick } from "./pick.js";

/**
 * @typedef {import("./choices.js").Variable} Variable
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./page.js").LivePage} LivePage
 * @typedef {{show: (over?: boolean) => void, busy: boolean}} Control shows the variable as it is, over what is being typed or not; busy: the reader is in the middle of it
 */

/** A text is taken after so long a pause, a choice among several after so long a one. In milliseconds. */
const TYPED = 500, TICKED = 250;
/** The longest address that the server takes. */
const LONGEST = 4096;

export class Variables {
  /** @type {Map<string, {v: Variable, control: Control, node: HTMLElement, gone: string[]}>} gone: the values that were gone to last */ #all = new Map();
  /** @type {LivePage|null} */ #page = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
  #path = "";
  #shown = ""; // the address that was gone to last
  #back = false; // the reader went back or on in the history: that counts more than what is being typed
  #at = ""; // the variable that was changed last, while the reader stays with it: one step of the history

  /** @param {HTMLFormElement} form @param {string} page its address */
  constructor(form, page) {
    this.form = form;
    this.#shown = page;
    this.#path = page.split("?")[0];
    for (const node of all("[data-variable]", form)) this.#add(node);
    form.addEventListener("submit", (e) => {
      if (!this.#page) return;
      e.preventDefault();
      this.#go();
    });
    form.addEventListener("focusout", (e) => {
      const to = e.relatedTarget instanceof Element ? e.relatedTarget.closest("[data-variable]") : null;
      if (to instanceof HTMLElement && to.dataset.variable === this.#at) return;
      this.#at = "";
    });
    addEventListener("popstate", () => { this.#stop(); this.#at = ""; this.#back = true; });
  }

  /** The panels that hold options, to be kept up to date with the others. */
  get views() { return [...this.#all.values()].filter(({ node }) => node.dataset.panelId).map(({ v, control, node }) => new OptionsView(node, v, control)); }

  /** From now on a choice goes to its address. @param {LivePage} page */
  connect(page) {
    this.#page = page;
    page.onmove((d) => this.#moved(d));
  }

  /** @param {HTMLElement} node */
  #add(node) {
    const { variable: name = "", type = "text", options = "[]", defaults = "[]" } = node.dataset, multiple = node.hasAttribute("data-multiple");
    /** @type {Variable} */
    const v = { name, type, multiple, values: [], defaults: JSON.parse(defaults), options: JSON.parse(options) };
    /** @type {Control} */ let control;
    if (node.classList.contains("pick")) {
      v.values = all("input.tick", node).filter((t) => t instanceof HTMLInputElement && t.checked).map((t) => /** @type {HTMLInputElement} */ (t).value);
      if (node.dataset.panelId) v.values.sort();
      control = new Pick(node, v, (done) => (done ? this.#done(name) : this.#soon(name, TICKED)));
    } else {
      const field = /** @type {HTMLInputElement|HTMLSelectElement} */ (node.querySelector("input, select"));
      v.values = [field.value];
      control = field instanceof HTMLSelectElement ? this.#select(field, v) : this.#field(field, v);
    }
    this.#all.set(name, { v, control, node, gone: v.values });
  }

  /** @param {HTMLSelectElement} field @param {Variable} v @returns {Control} */
  #select(field, v) {
    field.addEventListener("change", () => {
      v.values = [field.value];
      this.#go();
    });
    return {
      busy: false,
      show() {
        const wanted = choices(v), have = [...field.options];
        if (wanted.length !== have.length || wanted.some((c, i) => c.value !== have[i].value || c.label !== have[i].text)) {
          field.replaceChildren(...wanted.map((c) => new Option(c.label, c.value)));
        }
        if (field.value !== v.values[0]) field.value = v.values[0] ?? "";
      },
    };
  }

  /** @param {HTMLInputElement} field @param {Variable} v @returns {Control} */
  #field(field, v) {
    const bar = this, list = field.list;
    const take = () => {
      if (field.validity.valid) v.values = [v.type === "text" ? field.value : field.value.trim()];
      return field.validity.valid;
    };
    const empty = () => field.closest("label")?.toggleAttribute("data-empty", v.type === "date" && field.value === "");
    field.addEventListener("input", () => { empty(); if (take()) bar.#soon(v.name, TYPED); else bar.#stop(); });
    field.addEventListener("change", () => { if (take()) bar.#done(v.name); else field.reportValidity(); });
    return {
      get busy() { return document.activeElement === field && field.value.trim() !== (v.values[0] ?? "").trim(); },
      show(over) {
        if (field.value !== v.values[0] && (over || !this.busy)) field.value = v.values[0] ?? "";
        empty();
        if (!list) return;
        const have = [...list.options];
        if (!same(v.options.map((o) => o.value), have.map((o) => o.value))) list.replaceChildren(...v.options.map((o) => new Option(o.label, o.value)));
      },
    };
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Goes there after a pause. @param {string} name @param {number} pause */
  #soon(name, pause) {
    this.#stop();
    this.#timer = setTimeout(() => this.#go(name), pause);
  }

  /** Goes there now, and is done with that variable. @param {string} name */
  #done(name) {
    this.#go(name);
    this.#at = "";
  }

  /** @param {string} [name] of a variable that is still being changed */
  #go(name = "") {
    this.#stop();
    const to = address(this.#path, [...this.#all.values()].map(({ v }) => v));
    if (to === this.#shown) return;
    if (to.length > LONGEST) return this.#undo();
    if (!this.#page) return this.form.requestSubmit();
    for (const held of this.#all.values()) held.gone = held.v.values;
    this.#back = false;
    const again = name !== "" && name === this.#at;
    this.#at = name;
    this.#shown = to;
    this.#links(to);
    this.#page.go(to, again);
  }

  /** What no address can hold is not chosen. */
  #undo() {
    toast("That is too much for one address. Choose fewer.", "triangle-alert");
    for (const held of this.#all.values()) {
      held.v.values = held.gone;
      held.control.show();
    }
  }

  /** The page is at an address now, by whatever way. @param {import("./page.js").Description} d */
  #moved(d) {
    this.#links(d.address);
    if (this.#timer !== undefined) return; // the reader went on: what comes next says it all
    this.#shown = d.address;
    const back = this.#back;
    this.#back = false;
    for (const { name, values } of d.variables ?? []) {
      const held = this.#all.get(name);
      if (!held) continue;
      held.gone = values;
      if (held.control.busy && !back) continue;
      held.v.values = values;
      held.control.show(back);
    }
    this.#say();
  }

  #say() { write(one("[data-said]"), said([...this.#all.values()].map(({ v, node }) => ({ ...v, label: one(".label", node)?.textContent ?? v.name })))); }

  /** What leads to the page, or saves its rows, names the page as it is. @param {string} to */
  #links(to) {
    const { search } = new URL(to, location.href);
    for (const a of document.querySelectorAll("a[download], .crumb[aria-current]")) if (a instanceof HTMLAnchorElement) a.search = search;
  }
}

/** A panel that is shown as options of a variable. It changes while the page is paused too: it is no data that somebody reads. */
class OptionsView {
  #v;
  #control;
  #shown = /** @type {Panel|undefined} */ (undefined);

  /** @param {HTMLElement} node @param {Variable} v @param {Control} control */
  constructor(node, v, control) {
    this.node = node;
    this.id = node.dataset.panelId ?? "";
    this.figure = null;
    this.#v = v;
    this.#control = control;
  }

  hydrate() {
    const { columns, rows, truncated } = this.node.dataset;
    if (!columns) return undefined;
    this.#shown = apply(undefined, { columns: JSON.parse(columns), rows: JSON.parse(rows || "[]"), truncated: truncated === "true" });
    this.#v.options = optionRows(this.#shown.rows.map((r) => r.cells));
    return this.#shown;
  }

  /** @param {Panel} panel */
  update(panel) {
    if (panel === this.#shown) return false;
    this.#shown = panel;
    this.#v.options = optionRows(panel.rows.map((r) => r.cells));
    this.#control.show();
    const { node } = this, cut = panel.truncated ? `Only the first ${panel.rows.length.toLocaleString("en-US")} are listed` : "";
    const note = panel.error ? `The options cannot be read: ${panel.error.message}` : cut;
    node.toggleAttribute("data-trouble", !!panel.error);
    node.title = panel.error ? note : "";
    const place = one(".pick-note", node);
    write(place, note);
    if (place) place.hidden = !note;
    return true;
  }

  /** @param {Panel} panel */
  waiting(panel) { this.update(panel); }
  tick() {}
  age() {}
  beat() {}
}

/** The bar of this page, if it has one. @param {DOMStringMap} data of the body */
export function variables(data) {
  const form = one("form[data-variables]");
  return form instanceof HTMLFormElement && one("[data-variable]", form) ? new Variables(form, data.page ?? "") : null;
}
