// Why a table holds still, and the pill that says what waits. A reader who scrolled down, marked text, opened a row or pressed the
// key sees rows that do not change; one who points at a row sees values change, but no row move away from under the pointer.
import { attribute, one, write } from "./dom.js";

/**
 * "still": nothing changes; "steady": values change where they stand, and rows neither come nor go; "": everything runs.
 * @typedef {""|"steady"|"still"} Level
 * @typedef {"scrolled"|"selected"|"row"|"key"|"pointed"} Reason
 * @typedef {{added: number, changed: number, removed: number, moved: boolean}} Missed
 */

/** A pointer that rests upon rows for so long belongs to nobody who reads them. */
const RESTING = 60_000;

export class Hold {
  /** @type {Set<Reason>} */ #why = new Set();
  #muted = false;
  #moved = 0; // when the pointer last did
  #counts = "";
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #rest;

  /**
   * @param {{node: HTMLElement, tbody: HTMLElement, scroll: HTMLElement, tall: number}} table
   * @param {() => void} changed called when rows may run (more) freely than before
   * @param {() => void} release called when the reader asks for the present
   */
  constructor(table, changed, release) {
    this.table = table;
    this.changed = changed;
    this.pill = one(`[data-pill="${CSS.escape(table.node.dataset.panel ?? "")}"]`);
    this.pill?.addEventListener("click", release);
    const { tbody, scroll } = table;
    addEventListener("scroll", (e) => { if (e.target === document || e.target === scroll) this.#scrolled(); }, { capture: true, passive: true });
    new ResizeObserver(() => this.#scrolled()).observe(scroll);
    document.addEventListener("selectionchange", () => this.set("selected", this.#marked()));
    tbody.addEventListener("pointermove", (e) => { if (e.pointerType === "mouse") this.#point(); }, { passive: true });
    tbody.addEventListener("pointerleave", () => this.#unpoint());
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.#unpoint(); });
  }

  /** @returns {Level} */
  get level() {
    for (const why of this.#why) if (why !== "pointed") return "still";
    return this.#why.size ? "steady" : "";
  }

  /** @param {Reason} why */
  has(why) { return this.#why.has(why); }

  /** @param {Reason} why @param {boolean} on */
  set(why, on) {
    if (this.#why.has(why) === on) return;
    if (on) this.#why.add(why);
    else this.#why.delete(why);
    this.#mark();
    this.changed();
  }

  #mark() {
    attribute(this.table.node, "data-held", this.level);
    this.#show();
  }

  /** Forgets what the reader may have forgotten too: the key, a selection. What still is so holds again. */
  clear() {
    this.#why.delete("key");
    this.#mark();
    if (this.#marked()) getSelection()?.removeAllRanges();
    this.check();
  }

  /** Looks whether the reasons are still there; what is seen decides, not what was heard. */
  check() {
    this.#scrolled();
    this.set("selected", this.#marked());
    if (this.#why.has("pointed") && (Date.now() - this.#moved > RESTING || !this.table.tbody.matches(":hover"))) this.#unpoint();
  }

  /** @param {Missed} missed what waits */
  tell(missed) {
    this.#counts = tell(missed);
    this.#show();
  }

  /** While the whole page is paused its control says what waits. @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    this.#show();
  }

  #show() {
    const { pill } = this, text = this.#counts || (this.#why.has("key") ? "Held" : "");
    if (!pill) return;
    pill.hidden = this.#muted || !text;
    if (text) write(one("span", pill), text);
  }

  #scrolled() {
    const { scroll, tbody, tall } = this.table;
    if (scroll.scrollHeight > scroll.clientHeight + 1 && getComputedStyle(scroll).overflowY !== "hidden") return this.set("scrolled", scroll.scrollTop > tall / 2);
    const r = tbody.getBoundingClientRect(); // the page scrolls: rows beyond both ends of the window are a table that is read
    this.set("scrolled", r.height > innerHeight && r.top < -tall);
  }

  #marked() {
    const s = getSelection(), { tbody } = this.table;
    return !!s && !s.isCollapsed && s.rangeCount > 0 && tbody.contains(s.anchorNode) && tbody.contains(s.focusNode);
  }

  #point() {
    this.#moved = Date.now();
    if (this.#why.has("pointed")) return;
    this.set("pointed", true);
    const rest = () => {
      const left = this.#moved + RESTING - Date.now();
      if (left > 0) this.#rest = setTimeout(rest, left);
      else this.#unpoint();
    };
    this.#rest = setTimeout(rest, RESTING);
  }

  #unpoint() {
    clearTimeout(this.#rest);
    this.set("pointed", false);
  }
}

/** What waits, in words; "" for nothing. @param {Missed} missed */
export function tell({ added, changed, removed, moved }) {
  const words = [added && `${added} new`, changed && `${changed} changed`, removed && `${removed} gone`].filter(Boolean).join(", ");
  return words || (moved ? "Another order" : "");
}
