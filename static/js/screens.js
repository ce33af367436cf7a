// The screens of a wall. Nobody scrolls there: all panels share the height of the screen, and where that is too little, they stand on
// several screens, which are shown in turn: smaller letters could not be read from afar. None is left out.
import { deal, least, shares } from "./deal.js";
import { all, attribute, el, one } from "./dom.js";

/** @typedef {import("./deal.js").Line<HTMLElement>} Line */

const NARROW = 704, SCALES = [1, 0.9, 0.82, 0.75], LEAST = 12, EDGE = 1.125, COLUMNS = 12, SPARSE = 0.55; // px of a phone at most; of a letter's size, for a table's columns; rem of a line with a chart or a table, and of a panel's edge and what is under its head; columns; a screen of numbers is sparse below this share

export class Screens {
  /** @type {HTMLElement[]} */ #panels;
  /** @type {HTMLElement[][]} */ #screens = [];
  /** @type {Map<HTMLElement, number>} how tall each was when it was last seen */ #heights = new Map();
  #marks = el("span", { class: "screens", role: "img" });
  #shape = "";
  #at = 0;

  /** @param {HTMLElement} grid */
  constructor(grid) {
    this.grid = grid;
    this.#panels = all(".panel", grid);
    one("[data-clock]")?.before(this.#marks);
  }

  /** Does nothing come after this one but the first? */
  get last() { return this.#at >= this.#screens.length - 1; }

  /** Shows the next screen, or one before. @param {number} by */
  turn(by) {
    const n = this.#screens.length;
    if (n < 2) return;
    this.#at = (this.#at + by + n) % n;
    this.#show();
    this.fit(); // what was not seen may have grown
  }

  /** Places the panels anew where what their places hang on is another, and ends lists with whole rows. */
  fit() {
    if (innerWidth < NARROW) return this.#marks.remove();
    if (this.#shape !== this.#look()) this.#place();
    clip(this.#screens[this.#at] ?? []);
    this.#mark();
  }

  /** What the places hang on: the screen, and what the panels need at least. */
  #look() {
    const most = low();
    for (const p of this.#panels) if (!p.classList.contains("beyond")) this.#heights.set(p, charted(p) ? 0 : gives(p) ? Math.min(most, tall(p)) : p.scrollHeight);
    return [innerWidth, innerHeight, this.grid.clientHeight, this.#at, ...this.#panels.map((p) => this.#heights.get(p) ?? "")].join(" ");
  }

  #place() {
    for (const n of all(".dense", this.grid)) n.classList.remove("dense");
    const gap = parseFloat(getComputedStyle(this.grid).rowGap);
    this.grid.classList.remove("sparse");
    this.#screens = deal(this.#panels, (rest) => { this.#only(rest); return this.#lines(rest); }, this.grid.clientHeight, gap, low());
    this.#at = Math.max(0, Math.min(this.#at, this.#screens.length - 1));
    this.#show();
    this.#shape = this.#look();
  }

  #show() {
    const { grid } = this, here = this.#screens[this.#at], first = low(), gap = parseFloat(getComputedStyle(grid).rowGap);
    grid.classList.remove("sparse");
    this.#only(here);
    let lines = this.#lines(here);
    if (this.#at && widen(here, lines)) lines = this.#lines(here);
    const used = lines.reduce((n, l) => n + l.tall + gap, -gap), sparse = !lines.some((l) => l.open) && used < SPARSE * grid.clientHeight;
    grid.classList.toggle("sparse", sparse);
    if (sparse && here.every((p) => Number(p.dataset.w) * 4 <= COLUMNS)) { // few numbers: two by two, and larger
      for (const p of here) p.style.setProperty("--cols", String(COLUMNS / 2));
      lines = this.#lines(here);
    }
    const share = shares(lines, grid.clientHeight, gap, first);
    grid.style.setProperty("--rows", lines.map((l, i) => (l.open ? `minmax(${least(l, first)}px, ${share[i]}fr)` : sparse ? "minmax(max-content, 1fr)" : "auto")).join(" "));
    for (const p of here) {
      const top = Number(p.dataset.top), span = lines.filter((l) => l.top >= top && l.top < Number(p.dataset.end)).length;
      p.style.setProperty("--span", String(span || 1)); // no line that is on another screen
    }
    grid.classList.add("fitted");
  }

  /** @param {HTMLElement[]} here */
  #only(here) {
    for (const p of this.#panels) {
      p.classList.toggle("beyond", !here.includes(p));
      p.style.removeProperty("--cols");
    }
  }

  /** The lines as they stand without limits. @param {HTMLElement[]} panels @returns {Line[]} */
  #lines(panels) {
    const { grid } = this;
    /** @type {Map<number, Line>} */ const found = new Map();
    grid.style.removeProperty("--rows");
    grid.classList.remove("fitted");
    grid.classList.add("measured");
    for (const panel of panels) {
      const top = panel.offsetTop, line = found.get(top) ?? { top, tall: 0, most: 0, open: false, whole: true, panels: [] };
      panel.dataset.top = String(top);
      line.panels.push(panel);
      if (gives(panel)) line.open = true;
      line.tall = Math.max(line.tall, gives(panel) ? around(panel) : panel.offsetHeight);
      line.most = Math.max(line.most, charted(panel) ? Infinity : gives(panel) ? tall(panel) : panel.offsetHeight);
      found.set(top, line);
    }
    grid.classList.remove("measured");
    for (const panel of panels) panel.dataset.end = String(panel.offsetTop + panel.offsetHeight);
    const lines = [...found.values()].sort((a, b) => a.top - b.top);
    lines.forEach((l, i) => (l.whole = !panels.some((p) => Number(p.dataset.top) <= l.top && Number(p.dataset.end) > (lines[i + 1]?.top ?? Infinity))));
    return lines;
  }

  /** One mark a screen: which is shown, and on which of the others something is wrong. */
  #mark() {
    const n = this.#screens.length, marks = this.#marks;
    marks.hidden = n < 2;
    while (marks.children.length > n) marks.lastChild?.remove();
    while (marks.children.length < n) marks.append(el("i"));
    this.#screens.forEach((panels, i) => {
      const mark = marks.children[i], states = panels.map((p) => p.dataset.state ?? "");
      mark.classList.toggle("at", i === this.#at);
      attribute(mark, "data-state", states.some((s) => s === "bad" || s === "error") ? "bad" : states.some((s) => s === "warn" || s === "timeout") ? "warn" : "");
    });
    attribute(marks, "aria-label", `Screen ${this.#at + 1} of ${n}`);
  }
}

/** Can a panel be lower than what it holds? @param {HTMLElement} panel */
const gives = (panel) => charted(panel) || seen(panel, ".scroll tbody tr");

/** @param {HTMLElement} panel */
const charted = (panel) => seen(panel, ".chart");

/** Is there such a thing in the panel that is not hidden? @param {HTMLElement} panel @param {string} what */
const seen = (panel, what) => !!one(what, panel)?.offsetParent;

/** px of a panel with a table that shows all its rows @param {HTMLElement} panel */
const tall = (panel) => around(panel) + (one(".panel-body > .scroll > *", panel)?.scrollHeight ?? 0);

/** px of what stands around a panel's chart or rows: its head, and what is wrong @param {HTMLElement} panel */
const around = (panel) => all(":scope > *", panel).reduce((n, c) => n + (c.matches(".chart, .panel-body") ? 0 : c.offsetHeight), EDGE * rem());

/** px of a line with a chart or a table, at least */
const low = () => LEAST * rem();
const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

/** What is left of a line whose other panels were on the screen before takes the whole width. @param {HTMLElement[]} panels @param {Line[]} lines */
function widen(panels, lines) {
  let wider = false;
  for (const { top } of lines) {
    const line = panels.filter((p) => Number(p.dataset.top) <= top && Number(p.dataset.end) > top), held = line.reduce((n, p) => n + Number(p.dataset.w), 0);
    if (held >= COLUMNS || line.some((p) => Number(p.dataset.h) > 1)) continue;
    let left = COLUMNS;
    line.forEach((p, i) => {
      const cols = i === line.length - 1 ? left : Math.round((Number(p.dataset.w) * COLUMNS) / held);
      p.style.setProperty("--cols", String(cols));
      left -= cols;
      wider = true;
    });
  }
  return wider;
}

/** Tables and lists end with a whole row and say how many there are; a table is written smaller where it is too wide or what leads a row is cut. @param {HTMLElement[]} panels */
function clip(panels) {
  for (const panel of panels) {
    const list = one("[data-list]", panel), scroll = one(".panel-body > .scroll", panel);
    let shown = "";
    if (list) {
      const end = Math.min(bottom(list), bottom(panel)) + 1, rows = [...list.children];
      for (const row of rows) row.classList.toggle("beyond", bottom(row) > end);
      const n = rows.findIndex((row) => row.classList.contains("beyond"));
      if (n >= 0) shown = `first ${n}`;
    }
    const row = scroll && one("tbody tr:not(.leaving)", scroll);
    if (scroll && row) {
      const body = /** @type {HTMLElement} */ (scroll.parentElement), table = scroll.firstElementChild;
      if ((table?.clientWidth ?? 0) > body.clientWidth + 1 || all("td.lead", scroll).some((td) => td.scrollWidth > td.clientWidth + 1)) scroll.classList.add("dense");
      const tall = row.getBoundingClientRect().height, head = one("thead", scroll)?.getBoundingClientRect().height ?? 0;
      const rows = Math.max(1, Math.floor((body.getBoundingClientRect().height - head) / tall));
      scroll.style.setProperty("--fits", `${head + rows * tall}px`);
      if (rows < all("tbody tr:not(.leaving)", scroll).length) shown = `first ${rows}`;
    }
    const note = one("[data-panel-note]", panel);
    if (note) attribute(note, "data-first-of", shown);
  }
}

/**
 * The wall of a table's own page: in letters that let all columns stand on it, a quarter smaller at most; what does not fit even then
 * is said beside its name, and it ends with a whole row.
 * @param {HTMLElement} scroll @returns {() => void} to be called now and then
 */
export function ledger(scroll) {
  const table = /** @type {HTMLElement} */ (scroll.firstElementChild);
  let shape = "";
  return () => {
    if (innerWidth < NARROW) return;
    const now = [innerWidth, innerHeight, all("thead th", table).length, table.offsetWidth].join(" ");
    if (now !== shape) {
      for (const scale of SCALES) {
        document.documentElement.style.setProperty("--scale", String(scale));
        if (table.offsetWidth <= scroll.clientWidth + 1) break;
      }
      shape = [innerWidth, innerHeight, all("thead th", table).length, table.offsetWidth].join(" ");
    }
    scroll.style.removeProperty("--wide");
    const box = scroll.getBoundingClientRect(), heads = all("thead tr:first-child th", table), cut = heads.findIndex((th) => th.getBoundingClientRect().right > box.right + 1);
    const gone = cut < 0 ? 0 : heads.length - cut;
    if (gone) scroll.style.setProperty("--wide", `${heads[cut].getBoundingClientRect().left - box.left}px`);
    const name = one(".tool-row h1");
    if (name) attribute(name, "data-first-of", gone ? `and ${gone} more ${gone === 1 ? "column" : "columns"}` : "");
    const row = one("tbody tr:not(.room)", table), head = one("thead", table);
    if (!row || !head) return;
    const tall = row.getBoundingClientRect().height, room = (scroll.parentElement?.getBoundingClientRect().height ?? 0) - head.getBoundingClientRect().height;
    scroll.style.setProperty("--fits", `${head.getBoundingClientRect().height + Math.max(1, Math.floor(room / tall)) * tall}px`);
  };
}

/** @param {Element} node */
const bottom = (node) => node.getBoundingClientRect().bottom;
