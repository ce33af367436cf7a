// A column carried by its head to another place: by a mouse at once, by a finger that rested on the head. A click stays a click, and
// columns are known by their names, so rows and heads may be made anew meanwhile.
import { el } from "./dom.js";

/**
 * @typedef {{name: string, th: HTMLElement}} Head
 * A head that is pressed; later: what a finger waits for; mark, label: of one that is carried.
 * @typedef {{name: string, id: number, x: number, y: number, touch: boolean, off: () => void, later?: ReturnType<typeof setTimeout>, mark?: HTMLElement, label?: HTMLElement}} Press
 */

const STILL = 5, REST = 350; // px that a click may move, ms that a finger rests
const EDGE = 40, FAST = 16; // px from where the table scrolls, and how far with each display frame

export class Carry {
  /** @type {Press|null} */ #press = null;
  #x = 0;
  #y = 0;

  /**
   * @param {import("./table.js").TableView} table
   * @param {(name: string, beside: string, after: boolean) => void} drop
   */
  constructor(table, drop) {
    this.table = table;
    this.drop = drop;
    const head = table.table.tHead;
    head?.addEventListener("pointerdown", (e) => this.#down(e));
    head?.addEventListener("dragstart", (e) => e.preventDefault()); // the head's link stays where it is
    head?.addEventListener("contextmenu", (e) => { if (this.#press?.touch) e.preventDefault(); });
    head?.addEventListener("touchmove", (e) => { if (this.#press?.mark) e.preventDefault(); }, { passive: false }); // nor does the table scroll by itself
  }

  /** @param {PointerEvent} e */
  #down(e) {
    const th = e.target instanceof Element && !e.target.closest(".grip") ? e.target.closest("th") : null, name = this.#heads().find((h) => h.th === th)?.name;
    if (name === undefined || e.button || !e.isPrimary || e.ctrlKey || e.metaKey) return;
    this.#end();
    const ends = new AbortController(), { signal } = ends, touch = e.pointerType === "touch";
    [this.#x, this.#y] = [e.clientX, e.clientY];
    this.#press = { name, id: e.pointerId, x: e.clientX, y: e.clientY, touch, off: () => ends.abort() };
    if (touch) this.#press.later = setTimeout(() => this.#begin(), REST);
    addEventListener("pointermove", (m) => this.#move(m), { signal });
    addEventListener("pointerup", (m) => { if (m.pointerId === e.pointerId) this.#up(); }, { signal });
    addEventListener("pointercancel", (m) => { if (m.pointerId === e.pointerId) this.#end(); }, { signal });
    addEventListener("blur", () => this.#end(), { signal });
    addEventListener("keydown", (k) => {
      if (k.key !== "Escape" || !this.#press?.mark) return;
      k.preventDefault();
      k.stopImmediatePropagation();
      this.#end();
      addEventListener("pointerup", still, { once: true }); // the button is still down
    }, { capture: true, signal });
  }

  /** @param {PointerEvent} e */
  #move(e) {
    const p = this.#press;
    if (!p || e.pointerId !== p.id) return;
    if (!p.touch && !e.buttons) return this.#end(); // it was let go where nobody saw it
    [this.#x, this.#y] = [e.clientX, e.clientY];
    const far = Math.hypot(e.clientX - p.x, e.clientY - p.y) > STILL;
    if (p.mark) this.#show();
    else if (far && p.touch) this.#end(); // it scrolls
    else if (far) this.#begin();
  }

  #begin() {
    const p = this.#press;
    if (!p) return;
    p.mark = el("i", { class: "carry-mark", "aria-hidden": "true" });
    p.label = el("span", { class: "carry-name", "aria-hidden": "true" }, p.name);
    document.body.append(p.mark, p.label);
    document.documentElement.classList.add("carrying");
    this.#show();
    const step = () => {
      if (this.#press !== p) return;
      this.#scroll();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #up() {
    const p = this.#press, to = p?.mark && this.#target();
    this.#end();
    if (!p?.mark) return;
    still();
    if (to) this.drop(p.name, to.head.name, to.after);
  }

  #end() {
    const p = this.#press;
    if (!p) return;
    this.#press = null;
    clearTimeout(p.later);
    p.off();
    p.mark?.remove();
    p.label?.remove();
    document.documentElement.classList.remove("carrying");
  }

  /** Shows where the column would go, and which one it is. */
  #show() {
    const p = this.#press, to = this.#target();
    if (!p?.mark || !p.label) return;
    p.label.style.setProperty("--x", `${Math.min(this.#x, innerWidth - p.label.offsetWidth - 16)}px`);
    p.label.style.setProperty("--y", `${this.#y}px`);
    p.mark.hidden = !to;
    if (!to) return;
    const { table, scroll } = this.table, r = to.head.th.getBoundingClientRect(), box = scroll.getBoundingClientRect(), x = to.after ? r.right : r.left;
    const alone = !table.tHead || getComputedStyle(table.tHead).display === "block"; // the rows are folded
    p.mark.style.setProperty("--x", `${Math.min(Math.max(x, box.left + 1), box.right - 1)}px`);
    p.mark.style.setProperty("--y", `${r.top}px`);
    p.mark.style.setProperty("--h", `${alone ? r.height : Math.max(r.height, Math.min(box.bottom, table.getBoundingClientRect().bottom) - r.top)}px`);
  }

  /** Scrolls where the pointer is near an end of what is seen of the columns. */
  #scroll() {
    const { scroll, table } = this.table, box = [scroll, table.tHead].find((b) => b && b.scrollWidth > b.clientWidth + 1 && getComputedStyle(b).overflowX !== "visible");
    if (!box) return;
    const r = box.getBoundingClientRect(), was = box.scrollLeft;
    if (this.#x < r.left + EDGE) box.scrollLeft -= FAST;
    else if (this.#x > r.right - EDGE) box.scrollLeft += FAST;
    if (box.scrollLeft !== was) this.#show();
  }

  /** The heads that are seen, in their order; the one that stays where others scroll comes first. @returns {Head[]} */
  #heads() {
    const cells = this.table.table.tHead?.rows[0]?.cells ?? [];
    return this.table.columns.flatMap((c, i) => (cells[i]?.offsetWidth ? [{ name: c.name, th: cells[i] }] : []));
  }

  /** Beside which head the column would go; null where it stays. @returns {{head: Head, after: boolean}|null} */
  #target() {
    const heads = this.#heads(), x = this.#x, from = heads.findIndex((h) => h.name === this.#press?.name);
    const over = heads.findIndex(({ th }) => { const r = th.getBoundingClientRect(); return x >= r.left && x < r.right; });
    const first = heads[0]?.th.getBoundingClientRect();
    if (!first) return null;
    const at = over >= 0 ? over : x < first.left ? 0 : heads.length - 1, r = heads[at].th.getBoundingClientRect(), after = x > r.left + r.width / 2;
    const to = at + (after ? 1 : 0);
    return from >= 0 && (to === from || to === from + 1) ? null : { head: heads[at], after };
  }
}

/** What was carried was not clicked. */
function still() {
  const stop = (/** @type {Event} */ e) => {
    e.preventDefault();
    e.stopPropagation();
  };
  addEventListener("click", stop, { capture: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}
