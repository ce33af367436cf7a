// Which columns a table page shows, in which order and how wide: a menu, heads that are carried, handles at them, and keys upon a head.
import { widths, widthsText } from "./address.js";
import { Carry } from "./carry.js";
import { announce, attribute, el, icon, one, write } from "./dom.js";
import { keys, open } from "./menu.js";
import { parameter } from "./parameters.js";

/** @typedef {import("./typed.js").TableColumn} TableColumn */

const NARROWEST = 40, STEP = 16;

export class Columns {
  /** @type {Map<string, number>} */ #widths = widths(new URLSearchParams(location.search).get("widths") ?? "");
  #menu = el("div", { class: "menu columns", popover: "", role: "group", "aria-label": "Columns" });
  /** @type {TableColumn[]} */ #all = [];
  /** @type {string[]} */ #shown = [];
  #carried = false; // a line of the menu is

  /**
   * @param {import("./table.js").TableView} table
   * @param {(names: string[]) => void} choose the columns to show, in order; empty for all of them
   */
  constructor(table, choose) {
    this.table = table;
    this.choose = choose;
    this.button = one("[data-columns-button]");
    (table.node.closest("main") ?? document.body).append(this.#menu);
    keys(this.#menu);
    this.button?.addEventListener("click", () => {
      this.#list();
      open(this.#menu, /** @type {HTMLElement} */ (this.button));
    });
    const head = table.table.tHead;
    head?.addEventListener("pointerdown", (e) => this.#drag(e));
    head?.addEventListener("dblclick", (e) => { if (e.target instanceof HTMLElement && e.target.classList.contains("grip")) this.#size(this.#name(e.target), 0, true); });
    head?.addEventListener("keydown", (e) => this.#key(e));
    new Carry(table, (name, beside, after) => {
      const at = this.#shown.filter((n) => n !== name).indexOf(beside);
      if (at >= 0) this.#place(name, at + (after ? 1 : 0));
    });
  }

  /** @param {TableColumn[]} all @param {string[]} shown */
  show(all, shown) {
    this.#all = all;
    this.#shown = shown;
    write(this.button && one("[data-note]", this.button), shown.length < all.length ? `${shown.length} of ${all.length}` : String(all.length));
    if (this.#menu.matches(":popover-open") && !this.#carried) this.#list();
    this.dress();
  }

  /** The heads were made anew: they get their handles and widths. */
  dress() {
    for (const [i, c] of this.table.columns.entries()) {
      const th = this.#head(i);
      if (th && !th.querySelector(".grip")) th.append(el("span", { class: "grip", "aria-hidden": "true", title: "Drag to resize, double-click for the width that fits" }));
      this.table.size(i, this.#widths.get(c.name) ?? 0);
    }
  }

  /** @param {number} i */
  #head(i) { return /** @type {HTMLTableCellElement|undefined} */ (this.table.table.tHead?.rows[0]?.cells[i]); }

  /** The column that a part of the heads belongs to. @param {Element} node */
  #name(node) { return this.table.columns[node.closest("th")?.cellIndex ?? -1]?.name ?? ""; }

  /** @param {string} name @param {number} width 0: what fits @param {boolean} keep in the address */
  #size(name, width, keep) {
    const i = this.table.columns.findIndex((c) => c.name === name);
    if (i < 0) return;
    if (width) this.#widths.set(name, Math.min(2000, Math.max(NARROWEST, width)));
    else this.#widths.delete(name);
    this.table.size(i, this.#widths.get(name) ?? 0);
    if (!keep) return;
    history.replaceState(null, "", location.pathname + parameter(location.search, "widths", widthsText(this.#widths) || null) + location.hash);
  }

  /** @param {PointerEvent} e */
  #drag(e) {
    const grip = e.target instanceof HTMLElement && e.target.classList.contains("grip") ? e.target : null;
    if (!grip || e.button) return;
    e.preventDefault();
    const name = this.#name(grip), th = grip.closest("th"), x = e.clientX, wide = th?.offsetWidth ?? 0;
    let now = 0;
    grip.setPointerCapture(e.pointerId);
    const move = (/** @type {PointerEvent} */ m) => {
      if (!now && Math.abs(m.clientX - x) < 3) return;
      now = Math.max(NARROWEST, wide + m.clientX - x);
      this.#size(name, now, false);
    };
    const end = () => {
      grip.removeEventListener("pointermove", move);
      if (now) this.#size(name, now, true);
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", end, { once: true });
  }

  /** Keys upon a head: + and − for its width, 0 for what fits, Shift and an arrow for its place. @param {KeyboardEvent} e */
  #key(e) {
    const th = e.target instanceof Element ? e.target.closest("th") : null;
    if (!th || e.ctrlKey || e.metaKey || e.altKey) return;
    const name = this.#name(th), by = { "+": STEP, "=": STEP, "-": -STEP }[e.key], place = e.shiftKey ? { ArrowLeft: -1, ArrowRight: 1 }[e.key] : undefined;
    if (by) {
      this.#size(name, th.offsetWidth + by, true);
      announce(`${name}: ${th.offsetWidth} pixels`);
    } else if (e.key === "0") this.#size(name, 0, true);
    else if (place) this.#move(name, place);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** Moves a column among those that are shown. @param {string} name @param {number} by */
  #move(name, by) { this.#place(name, this.#shown.indexOf(name) + by); }

  /** @param {string} name @param {number} to from 0 */
  #place(name, to) {
    const at = this.#shown.indexOf(name), names = this.#shown.filter((n) => n !== name);
    if (at < 0 || to < 0 || to > names.length || to === at) return;
    names.splice(to, 0, name);
    this.#choose(names);
    announce(`${name}: column ${to + 1} of ${names.length}`);
  }

  /** @param {string[]} names */
  #choose(names) {
    this.#shown = names;
    const all = names.length === this.#all.length && names.every((n, i) => n === this.#all[i].name);
    this.choose(all ? [] : names);
  }

  /** What the menu lists: those that are shown in their order, then the others. */
  #list() {
    const focus = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "", hidden = this.#all.filter((c) => !this.#shown.includes(c.name));
    const line = (/** @type {TableColumn} */ c, /** @type {boolean} */ on) => {
      const tick = /** @type {HTMLInputElement} */ (el("input", { class: "tick", type: "checkbox", value: c.name }));
      tick.checked = on;
      tick.disabled = on && this.#shown.length === 1;
      tick.addEventListener("change", () => {
        this.#choose(tick.checked ? [...this.#shown, c.name] : this.#shown.filter((n) => n !== c.name));
        this.#list();
      });
      tick.addEventListener("keydown", (e) => {
        const by = { ArrowUp: -1, ArrowDown: 1 }[e.key];
        if (!e.altKey || !by || !on) return;
        e.preventDefault();
        this.#move(c.name, by);
        this.#list();
      });
      const label = el("label", { "data-name": c.name }, tick, c.name, el("span", { class: "end" }, c.type));
      if (on) label.append(this.#handle(label, c.name));
      return label;
    };
    const reset = el("button", { type: "button" }, icon("rotate-cw"), "All, as the table has them");
    reset.addEventListener("click", () => { this.#choose(this.#all.map((c) => c.name)); this.#list(); });
    const shown = this.#shown.flatMap((n) => this.#all.find((c) => c.name === n) ?? []);
    this.#menu.replaceChildren(...shown.map((c) => line(c, true)), ...(hidden.length ? [el("hr")] : []), ...hidden.map((c) => line(c, false)), el("hr"), reset);
    const again = [...this.#menu.querySelectorAll("input")].find((i) => i.value === focus);
    if (focus) again?.focus();
  }

  /** What a line of the menu is dragged by. @param {HTMLElement} label @param {string} name */
  #handle(label, name) {
    const handle = el("span", { class: "handle", "aria-hidden": "true", title: "Drag, or Alt and an arrow key" }, "⠿");
    handle.addEventListener("pointerdown", (e) => {
      e.preventDefault(); // the pointer is not captured: a line that moves in its list would lose it
      attribute(label, "data-dragged", "true");
      this.#carried = true;
      const move = (/** @type {PointerEvent} */ m) => {
        const over = [...this.#menu.querySelectorAll("label")].find((l) => { const r = l.getBoundingClientRect(); return m.clientY >= r.top && m.clientY < r.bottom; });
        if (!over || over === label || !this.#shown.includes(over.dataset.name ?? "")) return;
        if (over.compareDocumentPosition(label) & Node.DOCUMENT_POSITION_FOLLOWING) over.before(label);
        else over.after(label);
      };
      const end = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", end);
        removeEventListener("pointercancel", end);
        attribute(label, "data-dragged", "");
        this.#carried = false;
        const names = [...this.#menu.querySelectorAll("label")].map((l) => l.dataset.name ?? "").filter((n) => this.#shown.includes(n));
        if (names.join("\n") !== this.#shown.join("\n")) this.#choose(names);
        this.#list();
        [...this.#menu.querySelectorAll("input")].find((i) => i.value === name)?.focus();
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
      addEventListener("pointercancel", end);
    });
    handle.addEventListener("click", (e) => e.preventDefault());
    return handle;
  }
}
