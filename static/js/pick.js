// A box that opens under its button: several of a list, or a time range.
import { all, el, one, write } from "./dom.js";
import { LENGTHS, MANY, chosenText, choices, moments } from "./choices.js";

/** @typedef {import("./choices.js").Variable} Variable */

const EDGE = 8, GAP = 4, LONGEST = 3660 * LENGTHS.d;

export class Pick {
  #v;
  #changed;

  /** @param {HTMLElement} node with data-variable @param {Variable} v @param {(now: boolean) => void} changed the reader chose; now: and is done */
  constructor(node, v, changed) {
    this.#v = v;
    this.#changed = changed;
    this.node = node;
    this.button = /** @type {HTMLElement} */ (one("button", node));
    this.box = /** @type {HTMLElement} */ (one(".pick-box", node));
    this.list = /** @type {HTMLElement} */ (one(".pick-list", node));
    this.search = node.querySelector("input[type=search]");
    this.#listen();
  }

  /** What is ticked is taken at once: nothing here is half done. */ busy = false;
  /** @returns {HTMLInputElement[]} */
  get #ticks() { return /** @type {HTMLInputElement[]} */ (all("input.tick", this.list)); }

  /** Shows the variable as it is now: options come and go in place, the focus stays. */
  show() {
    const v = this.#v, wanted = choices(v), have = new Map(this.#ticks.map((t) => [t.value, /** @type {HTMLElement} */ (t.parentElement)]));
    for (const [value, label] of have) if (!wanted.some((c) => c.value === value)) label.remove(); // first, so that what stays is not moved: that takes the focus
    wanted.forEach((c, i) => {
      const label = have.get(c.value) ?? this.#option(c.value), tick = /** @type {HTMLInputElement} */ (label.firstElementChild);
      write(label.lastElementChild, c.label);
      if (tick.checked !== c.chosen) tick.checked = c.chosen;
      if (this.list.children[i] !== label) this.list.insertBefore(label, this.list.children[i] ?? null);
    });
    write(one("[data-chosen]", this.button), chosenText(v));
    const find = this.search?.closest("label");
    if (find) find.hidden = wanted.length <= MANY;
    this.#filter();
  }

  /** @param {string} value */
  #option(value) {
    const tick = el("input", { class: "tick", type: this.#v.multiple ? "checkbox" : "radio", name: this.#v.name, value, autocomplete: "off" });
    return el("label", { class: "option" }, tick, el("span"));
  }

  #listen() {
    const { box } = this;
    this.list.addEventListener("change", () => this.#take(this.#ticks.filter((t) => t.checked).map((t) => t.value)));
    // A range that was pointed at is what was wanted; with arrow keys one passes by others.
    let pointed = false;
    this.list.addEventListener("pointerdown", () => { pointed = true; });
    this.list.addEventListener("keydown", () => { pointed = false; });
    this.list.addEventListener("click", (e) => { if (pointed && !this.#v.multiple && e.target instanceof HTMLInputElement) setTimeout(() => box.hidePopover()); });
    this.search?.addEventListener("input", () => this.#filter());
    box.addEventListener("keydown", (e) => this.#key(e));
    box.addEventListener("click", (e) => {
      const what = e.target instanceof Element ? e.target.closest("[data-pick]") : null;
      if (what instanceof HTMLElement) this.#act(what.dataset.pick ?? "");
    });
    const place = () => this.#place();
    box.addEventListener("toggle", (e) => {
      const open = /** @type {ToggleEvent} */ (e).newState === "open";
      this.button.setAttribute("aria-expanded", String(open));
      for (const type of ["scroll", "resize"]) {
        if (open) addEventListener(type, place, { passive: true, capture: true });
        else removeEventListener(type, place, { capture: true });
      }
      if (open) this.#opened();
      else this.#changed(true);
    });
    this.button.setAttribute("aria-expanded", "false");
  }

  #opened() {
    if (this.search instanceof HTMLInputElement) this.search.value = "";
    this.#filter();
    this.#fill(this.#v.values[0] ?? "");
    this.#place();
    // Where a keyboard would cover half of the screen, nobody has asked for it yet.
    const first = this.search && !this.search.closest("label")?.hidden && !matchMedia("(pointer: coarse)").matches ? this.search : this.#ticks.find((t) => t.checked) ?? this.#ticks[0];
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
    this.#ticks.find((t) => t.checked)?.parentElement?.scrollIntoView({ block: "nearest" });
  }

  /** Under the button, or where there is room. */
  #place() {
    const at = this.button.getBoundingClientRect(), { box } = this;
    const below = innerHeight - at.bottom - GAP - EDGE, above = at.top - GAP - EDGE, up = below < Math.min(box.scrollHeight, 240) && above > below;
    box.style.setProperty("--fit", `${Math.floor(up ? above : below)}px`);
    const { width, height } = box.getBoundingClientRect();
    box.style.setProperty("--x", `${Math.max(EDGE, Math.min(at.left, innerWidth - width - EDGE))}px`);
    box.style.setProperty("--y", `${up ? at.top - GAP - height : at.bottom + GAP}px`);
  }

  #filter() {
    const q = this.search instanceof HTMLInputElement ? this.search.value.trim().toLowerCase() : "";
    let shown = 0;
    for (const label of /** @type {HTMLElement[]} */ ([...this.list.children])) {
      label.hidden = !(label.textContent ?? "").toLowerCase().includes(q);
      if (!label.hidden) shown++;
    }
    const none = one(".pick-none", this.box);
    if (!none) return;
    none.hidden = shown > 0;
    write(none, q ? "Nothing is named like that" : "Nothing to choose");
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    const ticks = this.#ticks.filter((t) => !t.parentElement?.hidden), at = ticks.indexOf(/** @type {HTMLInputElement} */ (e.target));
    if (e.key === "Enter" && e.target instanceof HTMLInputElement) {
      e.preventDefault();
      if (e.target.dataset.enter) this.#act(e.target.dataset.enter);
      else {
        if (!this.#v.multiple && at >= 0 && !ticks[at].checked) ticks[at].click();
        this.box.hidePopover();
      }
    } else if ((this.#v.multiple || e.target === this.search) && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      e.preventDefault();
      const next = at + (e.key === "ArrowDown" ? 1 : -1);
      if (next < 0 && this.search instanceof HTMLElement) this.search.focus();
      else ticks[Math.min(next, ticks.length - 1)]?.focus();
    }
  }

  /** @param {string} what */
  #act(what) {
    if (what === "moments") return this.#moments();
    if (what === "last" || what === "day") return this.#own(what);
    const shown = this.#ticks.filter((t) => !t.parentElement?.hidden);
    for (const t of shown) t.checked = what === "all";
    this.#take(this.#ticks.filter((t) => t.checked).map((t) => t.value));
  }

  #ends() { return /** @type {HTMLInputElement[]} */ (all("[data-end]", this.box)); }

  #moments() {
    const [from, to] = this.#ends();
    from.setCustomValidity(from.value ? "" : "Say when it begins");
    to.setCustomValidity(!to.value ? "Say when it ends" : to.value <= from.value ? "It ends before it begins" : "");
    if (from.reportValidity() && to.reportValidity()) this.#settle(`${from.value}..${to.value}`);
  }

  /** Begins where the reader is. @param {string} value */
  #fill(value) {
    const [from, to] = this.#ends(), [field, unit] = this.#fields(), span = /^last-(\d+)([smhd])$/.exec(value);
    if (from) [from.value, to.value] = moments(value, Date.now(), this.node.dataset.zone ?? "UTC");
    if (unit) [field.value, unit.value] = span ? span.slice(1) : ["1", "h"];
    else if (field) field.value = /^\d/.test(value) ? value : "";
  }

  /** Where a reader writes how long a range is, and in what; or another day. @returns {[HTMLInputElement, HTMLSelectElement]} */
  #fields() { return [/** @type {HTMLInputElement} */ (one("[data-enter=last], [data-enter=day]", this.box)), /** @type {HTMLSelectElement} */ (one("[data-unit]", this.box))]; }

  /** @param {"last"|"day"} what */
  #own(what) {
    const [field, unit] = this.#fields();
    if (what === "last") field.setCustomValidity(Number(field.value) * LENGTHS[unit.value] > LONGEST ? "Ten years at most" : "");
    if (field.reportValidity()) this.#settle(what === "last" ? `last-${Number(field.value)}${unit.value}` : field.value);
  }

  /** @param {string} value */
  #settle(value) {
    this.#v.values = [value];
    this.show();
    this.box.hidePopover();
  }

  /** @param {string[]} values */
  #take(values) {
    this.#v.values = this.node.dataset.panelId ? values.sort() : values; // what the file lists has its order
    write(one("[data-chosen]", this.button), chosenText(this.#v));
    this.#changed(false);
  }
}
