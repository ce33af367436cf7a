// A table on the screen: rows by key, cells by text node. Only the rows near what is seen exist in the page; what did not change
// is not touched, so scroll position, selection and focus stay where they are.
import { drawBars } from "./bars.js";
import { direction, emptyCell, headCell, moved, paint, value, widths } from "./cells.js";
import { attribute, calm, el, one, write } from "./dom.js";
import { ago } from "./format.js";
import { print, unprint } from "./paper.js";
import { Room } from "./room.js";
import { mark, Wash } from "./wash.js";
import { SMALL, including, range, seen } from "./window.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./delta.js").Row} Row
 * @typedef {import("./format.js").Column} Column
 * A row in the page; laid: where, as its attributes say.
 * @typedef {{tr: HTMLTableRowElement, row: Row, laid?: {at: number, tab: number, index: string}}} Shown
 */

const SLIDES = 8; // rows that may move in one frame; beyond that, only washes
const GLIDE = { duration: 220, easing: "cubic-bezier(0.2, 0, 0, 1)" };
const FRESH = 2500, FEW = 8, USUAL = 32; // pixels of a row, until one was measured

export class TableView {
  /** @type {Row[]} all of them, in order */ #rows = [];
  /** @type {Map<string, number>|null} */ #index = null;
  /** @type {Map<string, Shown>} those that exist in the page */ #here = new Map();
  /** @type {Column[]} */ #columns = [];
  /** @type {Room} */ #room;
  #tall = 0;
  #top = 0;
  #bottom = 0;
  #now = 0;
  #waiting = false;
  #whole = false; // on paper there is no window
  #folded = false;
  #marked = !(getSelection()?.isCollapsed ?? true); // something is selected, here or elsewhere
  /** @type {Panel|null} what waits while the rows hold still */ #held = null;
  #selected = "";
  #active = ""; // the row that the focus enters by

  /** @param {HTMLElement} node the panel @param {HTMLTableSectionElement} tbody its rows */
  constructor(node, tbody) {
    this.node = node;
    this.tbody = tbody;
    this.table = /** @type {HTMLTableElement} */ (tbody.closest("table"));
    this.scroll = /** @type {HTMLElement} */ (tbody.closest(".scroll") ?? node);
    this.#room = new Room(node, this.table, tbody);
    this.wash = new Wash();
    this.table.classList.add("windowed"); // until then only the first rows are laid out
    /** @type {(columns: Column[]) => void} called when the heads were made anew */ this.onhead = () => {};
    const look = () => this.#soon();
    addEventListener("scroll", look, { capture: true, passive: true });
    new ResizeObserver(look).observe(this.scroll);
    addEventListener("resize", look);
    tbody.addEventListener("focusin", (e) => { this.#active = /** @type {HTMLElement|null} */ (e.target instanceof Element ? e.target.closest("tr") : null)?.dataset.key ?? ""; });
    addEventListener("beforeprint", () => this.#print(true));
    addEventListener("afterprint", () => this.#print(false));
    document.addEventListener("selectionchange", () => {
      this.#marked = !getSelection()?.isCollapsed;
      if (this.#rows.length > SMALL) look();
    });
  }

  /** Reads the rows that the server rendered. @param {Column[]} columns @returns {Row[]} */
  hydrate(columns) {
    this.#columns = columns;
    const shown = [...this.tbody.rows].map((tr) => ({ tr, row: { key: tr.dataset.key ?? "", cells: [...tr.cells].map(value) } }));
    const near = shown.slice(0, SMALL);
    if (near.length < shown.length) this.tbody.replaceChildren(...near.map((s) => s.tr)); // what is far goes before anything is measured
    for (const s of near) this.#here.set(s.row.key, s);
    this.#rows = shown.map((s) => s.row);
    this.#now = Date.now();
    if (this.#rows.length > SMALL) this.#room.survey(this.#rows);
    if (near.length < shown.length) {
      [this.#tall, this.#top, this.#bottom] = [USUAL, 0, innerHeight];
      this.#lay();
    }
    this.#soon();
    return this.#rows;
  }

  /** What the rows are now, whether they exist in the page or not. @returns {readonly Row[]} */
  get rows() { return this.#rows; }
  /** @returns {readonly Column[]} */
  get columns() { return this.#columns; }

  /** Where a row stands; -1 where it does not. @param {string} key */
  place(key) { return this.#places().get(key) ?? -1; }

  /** How high a row is, in pixels. */
  get tall() { return this.#tall || this.tbody.rows[0]?.offsetHeight || 32; }

  /** The row's element, scrolled into sight and made where it did not exist. @param {string} key @returns {HTMLTableRowElement|null} */
  reveal(key) {
    const i = this.place(key);
    if (i < 0) return null;
    this.#look();
    const head = this.#head(), { scroll } = this, own = scroll.scrollHeight > scroll.clientHeight + 1;
    const y = i * this.tall, end = y + this.tall;
    if (y < this.#top + (own ? head : 0) || end > this.#bottom) {
      const by = y < this.#top + head ? y - this.#top - head : end - this.#bottom + 1;
      if (own) scroll.scrollTop += by;
      else scrollBy(0, by);
    }
    this.#look();
    this.#lay();
    return this.#here.get(key)?.tr ?? null;
  }

  /** Puts the focus on a row. @param {string} key @returns {boolean} whether it is there */
  focus(key) {
    this.#active = key;
    const tr = this.reveal(key);
    tr?.focus({ preventScroll: true });
    return !!tr;
  }

  /** Marks the row that is open elsewhere; "" for none. @param {string} key */
  select(key) {
    const was = this.#here.get(this.#selected);
    this.#selected = key;
    if (was) attribute(was.tr, "aria-selected", "");
    const is = this.#here.get(key);
    if (is) attribute(is.tr, "aria-selected", "true");
  }

  /** Makes a column as wide as the reader wants it; 0 for as wide as its values. @param {number} i @param {number} width */
  size(i, width) {
    const c = this.#columns[i], th = this.table.tHead?.rows[0]?.cells[i], template = this.node.querySelector("template[data-row]");
    if (!c || !th) return;
    const sized = width > 0;
    if (sized) th.style.setProperty("--w", `${width}px`);
    if (th.classList.contains("sized") === sized) return;
    c.className = [...c.className.split(" ").filter((n) => n && n !== "sized"), ...(sized ? ["sized"] : [])].join(" ");
    const made = template instanceof HTMLTemplateElement ? template.content.querySelector("tr") : null;
    for (const row of [this.table.tHead?.rows[0], made, ...this.tbody.rows, ...this.table.tFoot?.rows ?? []]) row?.cells[i]?.classList.toggle("sized", sized);
  }

  /** The result has these columns now. @param {Column[]} columns @param {boolean} same whether heads and rows may stay */
  head(columns, same) {
    const th = document.activeElement?.closest("th"), focused = th && this.table.contains(th) ? this.#columns[th.cellIndex]?.name : undefined;
    this.#columns = columns;
    if (same) return;
    const { node } = this, tr = one("thead tr", node), template = node.querySelector("template[data-row]");
    this.tbody.replaceChildren();
    this.#here.clear();
    this.#room.clear();
    this.#tall = 0;
    this.table.classList.toggle("fold", columns.length > 3);
    this.table.classList.toggle("veiled", columns.some((c) => c.hidden));
    one("colgroup", this.table)?.replaceChildren(...widths(columns));
    tr?.replaceChildren(...columns.map(headCell));
    if (template instanceof HTMLTemplateElement) template.content.replaceChildren(el("tr", {}, ...columns.map(emptyCell)));
    this.onhead(columns);
    const again = columns.findIndex((c) => c.name === focused);
    if (again >= 0) one("a, [tabindex]", tr?.children[again])?.focus();
  }

  /** Times that count from now grow by themselves. @param {number} now */
  tick(now) {
    this.#now = now;
    for (const td of this.node.querySelectorAll("td[data-time]")) {
      write(td.querySelector(".v"), ago(now - Date.parse(/** @type {HTMLElement} */ (td).dataset.time ?? "")).words);
    }
    if (this.#rows.length > SMALL) this.#soon();
  }

  /** Brings the rows to this state. @param {Panel} panel @param {number} now by the database's clock @param {boolean} first */
  show(panel, now, first) {
    const was = this.#rows, places = this.#places();
    this.#now = now;
    if (this.#held) for (const td of this.tbody.querySelectorAll("td.waiting")) td.classList.remove("waiting");
    this.#held = null;
    this.#rows = panel.rows;
    const same = was.length === panel.rows.length && panel.rows.every((r, i) => r.key === was[i].key);
    if (!same) this.#index = null;
    if (this.#rows.length > SMALL) this.#room.survey(this.#rows);
    const gone = same ? [] : [...this.#here.values()].filter((s) => this.place(s.row.key) < 0);
    const r = this.#range(), added = same ? 0 : panel.rows.slice(r.from, r.to).reduce((n, row) => n + (places.has(row.key) ? 0 : 1), 0);
    const glide = !first && !same && !calm.matches && !document.hidden && added + gone.length <= SLIDES;
    const before = glide ? this.#tops() : null, left = gone.find((s) => s.tr.contains(document.activeElement));
    for (const s of gone) {
      this.#here.delete(s.row.key);
      this.#leave(s.tr, glide && !!before?.has(s.tr));
    }
    const { made, washes } = this.#lay();
    if (left) this.#refocus(was, places.get(left.row.key) ?? 0);
    if (!this.#tall) this.#soon(); // the first rows were just made: see how many fit
    if (first) return;
    const fresh = made.filter((tr) => !places.has(tr.dataset.key ?? ""));
    this.wash.over(washes);
    if (before) this.#glide(before, fresh);
    if (fresh.length <= SLIDES) mark(fresh, "fresh", FRESH);
  }

  /** The row with the focus went: the one below it has it now, or the one above. @param {Row[]} was @param {number} at */
  #refocus(was, at) {
    const next = was.slice(at).find((r) => this.place(r.key) >= 0) ?? was.slice(0, at).findLast((r) => this.place(r.key) >= 0);
    this.#active = next?.key ?? "";
    const s = this.#here.get(this.#active);
    if (!s) return;
    s.tr.tabIndex = 0;
    if (s.laid) s.laid.tab = 0;
    s.tr.focus({ preventScroll: true });
  }

  /** A row that goes fades where it stood, then those below close up. @param {HTMLTableRowElement} tr @param {boolean} slowly */
  #leave(tr, slowly) {
    tr.removeAttribute("data-key");
    if (!slowly) return tr.remove();
    tr.classList.add("leaving");
    tr.setAttribute("aria-hidden", "true");
    const end = () => {
      const before = this.#tops();
      tr.remove();
      this.#glide(before, []);
    };
    tr.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 140, fill: "forwards" }).finished.then(end, () => tr.remove());
  }

  /** Looks again, with the next display frame. */
  #soon() {
    if (this.#waiting) return;
    this.#waiting = true;
    const look = () => {
      if (!this.#waiting) return;
      this.#waiting = false;
      this.#look();
      this.#lay();
    };
    requestAnimationFrame(look);
    if (document.hidden) setTimeout(look, 100); // it has no display frames
  }

  /** Measures what a reader sees of the rows. Done when something was scrolled or resized, not with every frame: it waits for the layout. */
  #look() {
    const { tbody, scroll, table } = this;
    this.#folded = getComputedStyle(tbody).display === "block";
    const row = [...tbody.rows].find((tr) => !tr.classList.contains("leaving") && tr.offsetHeight > 0);
    if (row) this.#tall = row.getBoundingClientRect().height;
    const origin = this.#folded ? tbody.getBoundingClientRect().top : (one("tr.room", table) ?? tbody).getBoundingClientRect().top;
    const inner = scroll.scrollHeight > scroll.clientHeight + 1 ? scroll.getBoundingClientRect() : { top: 0, bottom: innerHeight };
    this.#top = Math.max(inner.top, 0) - origin;
    this.#bottom = Math.min(inner.bottom, innerHeight) - origin;
  }

  /** How much of what is seen the heads cover. */
  #head() { return this.#folded ? 0 : [...this.table.tHead?.rows ?? []].reduce((h, tr) => h + (tr.classList.contains("room") ? 0 : tr.offsetHeight), 0); }

  /** @returns {import("./window.js").Sight} */
  #sight() { return { count: this.#rows.length, tall: this.#tall, top: this.#top, bottom: this.#bottom }; }

  /** @returns {import("./window.js").Range} */
  #range() {
    if (this.#whole) return { from: 0, to: this.#rows.length };
    if (!this.#tall && !this.#here.size) return { from: 0, to: Math.min(this.#rows.length, SMALL) };
    const more = one(".more", this.node);
    if (this.#folded && more && this.#rows.length > SMALL && !this.node.classList.contains("whole")) return { from: 0, to: FEW };
    return including(range(this.#sight()), this.#kept());
  }

  /** The rows between the ends of a selection. @returns {import("./window.js").Range|null} */
  #kept() {
    if (!this.#marked || this.#rows.length <= SMALL) return null; // asking for the selection waits for the layout
    const s = getSelection(), { tbody } = this;
    if (!s || s.isCollapsed || !tbody.contains(s.anchorNode) || !tbody.contains(s.focusNode)) return null;
    const ends = [s.anchorNode, s.focusNode].map((n) => this.place((n instanceof Element ? n : n?.parentElement)?.closest("tr")?.dataset.key ?? "")).filter((i) => i >= 0);
    return ends.length ? { from: Math.min(...ends), to: Math.max(...ends) + 1 } : null;
  }

  /** Rows out of sight that stay all the same: the focus is in them, or something is unfolded. @param {import("./window.js").Range} r */
  #apart({ from, to }) {
    /** @type {number[]} */ const above = [], /** @type {number[]} */ below = [];
    if (this.#rows.length <= SMALL) return { above, below };
    for (const tr of new Set([document.activeElement, ...this.tbody.querySelectorAll("details[open]")].map((n) => /** @type {HTMLElement|null|undefined} */ (n?.closest("tr[data-at]"))))) {
      if (!tr || tr.parentElement !== this.tbody) continue;
      const i = this.place(tr.dataset.key ?? "");
      if (i >= 0 && i < from) above.push(i);
      if (i >= to) below.push(i);
    }
    return { above: above.sort((a, b) => a - b).slice(-20), below: below.sort((a, b) => a - b).slice(0, 20) };
  }

  /** Where the rows in sight stand. @returns {Map<HTMLTableRowElement, number>} */
  #tops() {
    const { from, to } = seen(this.#sight()), tops = new Map();
    for (const tr of this.tbody.rows) {
      const i = Number(tr.dataset.at ?? -1);
      if (this.#tall && (i < from || i >= to)) continue;
      tops.set(tr, tr.offsetTop);
    }
    return tops;
  }

  /** The rows that stayed glide from where they stood (FLIP); new ones slide in. @param {Map<HTMLTableRowElement, number>} before @param {HTMLTableRowElement[]} fresh */
  #glide(before, fresh) {
    const moves = [...before].filter(([tr]) => tr.isConnected).map(([tr, top]) => /** @type {const} */ ([tr, top - tr.offsetTop])); // read all, then write
    for (const [tr, dy] of moves) if (dy) tr.animate([{ transform: `translateY(${dy}px)` }, { transform: "none" }], GLIDE);
    for (const tr of fresh) tr.animate([{ opacity: 0, transform: "translateY(-60%)" }, { opacity: 1, transform: "none" }], GLIDE);
  }

  /** Makes the rows that should exist in the page exist, in their order, as they are. */
  #lay() {
    const heads = [...this.table.tHead?.rows ?? []].filter((tr) => !tr.classList.contains("room")).length;
    const rows = this.#rows, r = this.#range(), { above, below } = this.#apart(r), { from, to } = r, visible = seen(this.#sight());
    /** @type {HTMLTableRowElement[]} */ const made = [];
    /** @type {HTMLElement[]} */ const washes = [];
    const wanted = [...above, ...Array.from({ length: to - from }, (_, i) => from + i), ...below], windowed = rows.length > SMALL;
    if (this.#here.size > wanted.length || windowed) {
      const keys = new Set(wanted.map((i) => rows[i].key));
      for (const [key, s] of this.#here) {
        if (keys.has(key)) continue;
        this.#here.delete(key);
        s.tr.remove();
      }
    }
    let cursor = staying(this.tbody.firstElementChild);
    const entry = this.place(this.#active) >= from && this.place(this.#active) < to ? this.#active : rows[visible.from + 1 < visible.to && visible.from > 0 ? visible.from + 1 : visible.from]?.key;
    for (const i of wanted) {
      const row = rows[i];
      let s = this.#here.get(row.key);
      if (!s) {
        s = { tr: this.#make(row), row };
        this.#here.set(row.key, s);
        if (i >= visible.from && i < visible.to) made.push(s.tr);
      } else if (s.row !== row) {
        const touched = this.#patch(s.tr, s.row, row);
        if (i >= visible.from && i < visible.to) washes.push(...touched);
        s.row = row;
      }
      place(s, i, row.key === entry ? 0 : -1, windowed ? String(i + 1 + heads) : "");
      if (s.tr === cursor) cursor = staying(cursor.nextElementSibling);
      else if (cursor && staying(cursor.nextElementSibling) === s.tr) cursor = staying(s.tr.nextElementSibling); // the row at the cursor goes elsewhere
      else this.tbody.insertBefore(s.tr, cursor);
    }
    drawBars(this.#columns, rows, (key) => this.#here.get(key)?.tr);
    const beyond = this.#folded && to === FEW ? 0 : rows.length - to - below.length; // what "All rows" shows takes no room
    this.#room.make((from - above.length) * this.#tall, beyond * this.#tall, this.#columns, this.#now);
    attribute(this.table, "aria-rowcount", windowed ? String(rows.length + heads) : "");
    return { made, washes };
  }

  #places() { return (this.#index ??= new Map(this.#rows.map((r, i) => [r.key, i]))); }

  /** @param {boolean} whole */
  #print(whole) {
    this.#whole = whole;
    this.#look();
    this.#lay();
    (whole ? print : unprint)(this.table);
  }

  /** @param {Row} r @returns {HTMLTableRowElement} */
  #make(r) {
    const template = /** @type {HTMLTemplateElement} */ (this.node.querySelector("template[data-row]"));
    const tr = /** @type {HTMLTableRowElement} */ (document.importNode(/** @type {Element} */ (template.content.firstElementChild), true));
    tr.dataset.key = r.key;
    if (r.key === this.#selected) tr.setAttribute("aria-selected", "true");
    r.cells.forEach((c, i) => { if (tr.cells[i]) paint(tr.cells[i], this.#columns[i], c, this.#now, r.cells); });
    this.#wait(tr, r);
    return tr;
  }

  /** Writes the cells that differ; returns what is to be washed. @param {HTMLTableRowElement} tr @param {Row} was @param {Row} r */
  #patch(tr, was, r) {
    /** @type {HTMLElement[]} */ const touched = [];
    r.cells.forEach((c, i) => {
      const td = tr.cells[i];
      if (!td) return;
      if (c === was.cells[i]) {
        if (moved(this.#columns[i], was.cells, r.cells)) paint(td, this.#columns[i], c, this.#now, r.cells);
        return;
      }
      const v = paint(td, this.#columns[i], c, this.#now, r.cells);
      v.dataset.went = direction(this.#columns[i], was.cells[i], c);
      touched.push(v);
    });
    return touched;
  }

  /** While the rows hold still: marks the cells that are not what they were. @param {Panel} panel */
  waiting(panel) {
    this.#held = panel;
    this.#next = null;
    for (const s of this.#here.values()) this.#wait(s.tr, s.row);
  }

  /** @type {Map<string, Row>|null} */ #next = null;
  /** @param {HTMLTableRowElement} tr @param {Row} row as it is shown */
  #wait(tr, row) {
    if (!this.#held) return;
    const is = (this.#next ??= new Map(this.#held.rows.map((r) => [r.key, r]))).get(row.key);
    if (is && is !== row) is.cells.forEach((c, i) => tr.cells[i]?.classList.toggle("waiting", c !== row.cells[i]));
    else if (tr.querySelector(".waiting")) for (const td of tr.cells) td.classList.remove("waiting");
  }
}

/** Says where a row stands, if it stood elsewhere. @param {Shown} s @param {number} at @param {number} tab @param {string} index */
function place(s, at, tab, index) {
  if (s.laid?.at === at && s.laid.tab === tab && s.laid.index === index) return;
  s.laid = { at, tab, index };
  s.tr.dataset.at = String(at);
  s.tr.tabIndex = tab;
  attribute(s.tr, "aria-rowindex", index);
}

/** The next row that is not on its way out. @param {Element|null} tr @returns {Element|null} */
function staying(tr) {
  while (tr?.classList.contains("leaving")) tr = tr.nextElementSibling;
  return tr;
}
