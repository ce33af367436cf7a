// Puts panels on the screen: rows by key, cells by text node. What did not change is not touched, so scroll position,
// selection and focus stay where they are.
import { apply } from "./delta.js";
import { attribute, calm, el, one, write } from "./dom.js";
import { figure } from "./figure.js";
import { ago, clock, describe, format, panelError, sentence, stat } from "./format.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./delta.js").Row} Row
 * @typedef {import("./format.js").Column} Column
 * @typedef {{tr: HTMLTableRowElement, row: Row}} Shown
 */

const SLIDES = 8; // rows that may move in one frame; beyond that, only washes
const TALL = 300; // rows beyond which nothing glides: every frame of a motion would paint the whole table
const GLIDE = { duration: 220, easing: "cubic-bezier(0.2, 0, 0, 1)" };
const WASH = 1500, FRESH = 2500;

export class PanelView {
  /** @type {Map<string, Shown>} */ #rows = new Map();
  /** @type {Column[]} */ #columns = [];
  /** @type {Panel|undefined} */ #shown;
  /** @type {HTMLElement[]} */ #washed = [];

  /** @param {HTMLElement} node a section with data-panel */
  constructor(node) {
    this.node = node;
    this.id = node.dataset.panel ?? "";
    this.raw = node.hasAttribute("data-raw-names");
    this.tbody = /** @type {HTMLTableSectionElement|null} */ (one("tbody", node));
    this.formats = JSON.parse(node.dataset.formats || "{}");
    this.figure = figure(node, (n) => new PanelView(n));
  }

  /** Reads the state that the server rendered; undefined where there was no result yet. @returns {Panel|undefined} */
  hydrate() {
    const { columns, rows, truncated } = this.node.dataset;
    if (!columns) return undefined;
    const fields = JSON.parse(columns);
    this.#columns = describe(fields, this.formats, this.raw);
    const shown = this.tbody ? [...this.tbody.rows].map((tr) => ({ tr, row: { key: tr.dataset.key ?? "", cells: [...tr.cells].map(value) } })) : [];
    for (const s of shown) this.#rows.set(s.row.key, s);
    const first = apply(undefined, { columns: fields, rows: this.tbody ? [] : JSON.parse(rows || "[]"), truncated: truncated === "true" });
    this.#shown = this.tbody ? { ...first, rows: shown.map((s) => s.row) } : first;
    this.figure?.show(this.#shown, this.#columns, Date.now());
    return this.#shown;
  }

  /** Brings the panel to this state. @param {Panel} panel @param {number} now by the database's clock */
  update(panel, now) {
    const before = this.#shown;
    if (panel === before) return false;
    this.#shown = panel;
    if (!before || before.columns !== panel.columns) this.#head(panel);
    if (this.tbody) this.#table(panel, now, !before);
    else if (!this.figure) this.#stat(panel, before, now);
    this.#state(panel);
    if (panel.columns.length) this.figure?.show(panel, this.#columns, now);
    return true;
  }

  /** Times that count from now grow by themselves. @param {number} now */
  tick(now) {
    this.figure?.tick(now);
    for (const td of this.node.querySelectorAll("td[data-time]")) {
      write(td.querySelector(".v"), ago(now - Date.parse(/** @type {HTMLElement} */ (td).dataset.time ?? "")).words);
    }
  }

  /** While paused: marks the cells that are not what they were. @param {Panel} panel */
  waiting(panel) {
    for (const r of panel.rows) {
      const s = this.#rows.get(r.key);
      if (s && s.row !== r) r.cells.forEach((c, i) => s.tr.cells[i]?.classList.toggle("waiting", c !== s.row.cells[i]));
    }
  }

  /** @param {Panel} panel */
  #head(panel) {
    const tr = one("thead tr", this.node), template = this.node.querySelector("template[data-row]"), { node } = this;
    const same = node.dataset.columns === JSON.stringify(panel.columns.map(({ name, type }) => ({ name, type })));
    node.querySelector(".bones")?.remove();
    this.#columns = describe(panel.columns, this.formats, this.raw);
    if (same && node.dataset.columns) return;
    node.dataset.columns = JSON.stringify(panel.columns.map(({ name, type }) => ({ name, type })));
    this.tbody?.replaceChildren();
    this.#rows.clear();
    one("table", node)?.classList.toggle("fold", panel.columns.length > 3);
    tr?.replaceChildren(...this.#columns.map((c, i) => el("th", { scope: "col", class: c.className, "data-col": String(i) }, el("span", { title: c.type }, c.head))));
    if (template instanceof HTMLTemplateElement) {
      template.content.replaceChildren(el("tr", {}, ...this.#columns.map((c, i) => {
        const td = el("td", { "data-col": String(i), class: c.className }, el("span", { class: "v" }));
        if (c.as) td.dataset.as = c.as;
        return td;
      })));
    }
  }

  /** @param {Panel} panel @param {number} now @param {boolean} first */
  #table(panel, now, first) {
    const tbody = /** @type {HTMLTableSectionElement} */ (this.tbody), keys = new Set(panel.rows.map((r) => r.key));
    /** @type {HTMLElement[]} */ const washes = [];
    /** @type {HTMLTableRowElement[]} */ const fresh = [];
    const gone = [...this.#rows.values()].filter((s) => !keys.has(s.row.key));
    const added = panel.rows.reduce((n, r) => n + (this.#rows.has(r.key) ? 0 : 1), 0);
    const glide = !first && !calm.matches && !document.hidden && added + gone.length <= SLIDES && panel.rows.length <= TALL;
    const sight = this.#sight(), before = glide ? this.#tops(sight) : null;
    for (const s of gone) {
      this.#rows.delete(s.row.key);
      this.#leave(s.tr, glide && !!before?.has(s.tr));
    }
    let cursor = staying(tbody.firstElementChild);
    panel.rows.forEach((r, i) => {
      const seen = i >= sight.from && i < sight.to;
      let s = this.#rows.get(r.key);
      if (!s) {
        s = { tr: this.#make(r, now), row: r };
        this.#rows.set(r.key, s);
        if (seen) fresh.push(s.tr);
      } else if (s.row !== r) {
        const touched = this.#patch(s.tr, s.row, r, now);
        if (seen) washes.push(...touched);
        s.row = r;
      }
      if (s.tr === cursor) cursor = staying(cursor.nextElementSibling);
      else if (cursor && staying(cursor.nextElementSibling) === s.tr) cursor = staying(s.tr.nextElementSibling); // the row at the cursor goes elsewhere
      else tbody.insertBefore(s.tr, cursor);
    });
    if (first) return;
    this.#wash(washes);
    if (before) this.#glide(before, fresh);
    if (fresh.length <= SLIDES) mark(fresh, "fresh", FRESH);
  }

  /** A row that goes fades where it stood, then those below close up. @param {HTMLTableRowElement} tr @param {boolean} slowly */
  #leave(tr, slowly) {
    tr.removeAttribute("data-key");
    if (!slowly) return tr.remove();
    tr.classList.add("leaving");
    tr.setAttribute("aria-hidden", "true");
    const end = () => {
      const before = this.#tops(this.#sight());
      tr.remove();
      this.#glide(before, []);
    };
    tr.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 140, fill: "forwards" }).finished.then(end, () => tr.remove());
  }

  /** Which rows a reader sees, about: only these are worth an animation. @returns {{from: number, to: number}} */
  #sight() {
    const tbody = /** @type {HTMLTableSectionElement} */ (this.tbody), scroll = tbody.closest(".scroll"), tall = tbody.rows[0]?.offsetHeight || 32;
    const inner = scroll && scroll.scrollHeight > scroll.clientHeight ? scroll.getBoundingClientRect() : { top: 0, bottom: innerHeight };
    const top = tbody.getBoundingClientRect().top, end = Math.min(inner.bottom, innerHeight);
    const from = Math.max(0, Math.floor((Math.max(inner.top, 0) - top) / tall) - 1);
    return { from, to: Math.max(from, Math.ceil((end - top) / tall) + 1) };
  }

  /** Where the rows in sight stand. @param {{from: number, to: number}} sight @returns {Map<HTMLTableRowElement, number>} */
  #tops({ from, to }) {
    const { rows } = /** @type {HTMLTableSectionElement} */ (this.tbody), tops = new Map();
    for (let i = from; i < Math.min(to, rows.length); i++) tops.set(rows[i], rows[i].offsetTop);
    return tops;
  }

  /** The rows that stayed glide from where they stood (FLIP); new ones slide in. @param {Map<HTMLTableRowElement, number>} before @param {HTMLTableRowElement[]} fresh */
  #glide(before, fresh) {
    const moves = [...before].filter(([tr]) => tr.isConnected).map(([tr, top]) => /** @type {const} */ ([tr, top - tr.offsetTop])); // read all, then write
    for (const [tr, dy] of moves) if (dy) tr.animate([{ transform: `translateY(${dy}px)` }, { transform: "none" }], GLIDE);
    for (const tr of fresh) tr.animate([{ opacity: 0, transform: "translateY(-60%)" }, { opacity: 1, transform: "none" }], GLIDE);
  }

  /** @param {Row} r @param {number} now @returns {HTMLTableRowElement} */
  #make(r, now) {
    const template = /** @type {HTMLTemplateElement} */ (this.node.querySelector("template[data-row]"));
    const tr = /** @type {HTMLTableRowElement} */ (document.importNode(/** @type {Element} */ (template.content.firstElementChild), true));
    tr.dataset.key = r.key;
    r.cells.forEach((c, i) => { if (tr.cells[i]) paint(tr.cells[i], this.#columns[i], c, now); });
    return tr;
  }

  /** Writes the cells that differ; returns what is to be washed. @param {HTMLTableRowElement} tr @param {Row} was @param {Row} r @param {number} now */
  #patch(tr, was, r, now) {
    /** @type {HTMLElement[]} */ const touched = [];
    r.cells.forEach((c, i) => {
      const td = tr.cells[i];
      if (!td || c === was.cells[i]) return;
      td.classList.remove("waiting");
      const v = paint(td, this.#columns[i], c, now);
      v.dataset.went = direction(this.#columns[i], was.cells[i], c);
      touched.push(v);
    });
    return touched;
  }

  /** @param {Panel} panel @param {Panel|undefined} before @param {number} now */
  #stat(panel, before, now) {
    const was = before?.rows[0]?.cells[0], is = panel.rows[0]?.cells[0], node = one("[data-value]", this.node);
    if (!node || !this.#columns.length) return;
    const s = stat(this.#columns, panel.rows[0]?.cells, now);
    const small = node.querySelector("small") ?? node.appendChild(el("small"));
    if (!(node.firstChild instanceof Text)) node.prepend("");
    if (node.firstChild instanceof Text && node.firstChild.data !== s.whole) node.firstChild.data = s.whole;
    node.classList.toggle("null", s.title === "null" || !panel.rows.length);
    write(small, s.fraction);
    write(one("[data-stat-note]", this.node), s.note);
    write(one(".unit", this.node), panel.rows.length ? this.node.dataset.unit || "" : "");
    attribute(/** @type {Element} */ (node.parentElement), "title", s.title);
    if (!before || was === is) return;
    node.dataset.went = direction(this.#columns[0], was ?? null, is ?? null);
    this.#wash([node]);
  }

  /** One reflow restarts all washes of a frame. @param {HTMLElement[]} nodes */
  #wash(nodes) {
    if (!nodes.length) return;
    nodes.forEach((n) => n.classList.remove("flash", "up", "down"));
    void this.node.offsetWidth;
    nodes.forEach((n) => n.classList.add("flash", ...(n.dataset.went ? [n.dataset.went] : [])));
    this.#washed = nodes;
    setTimeout(() => nodes.forEach((n) => { if (this.#washed === nodes || !this.#washed.includes(n)) n.classList.remove("flash", "up", "down"); }), WASH);
  }

  /** The rule lights up when a frame touches the panel, at most once a second. */
  beat() {
    if (this.node.classList.contains("beat") || !this.node.classList.contains("panel")) return;
    mark([this.node], "beat", 1000);
  }

  /** The rule, the message, the line under a cut result. @param {Panel} panel */
  #state(panel) {
    const { node } = this, problem = one("[data-problem]", node), none = one("[data-empty]", node), has = panel.rows.length > 0;
    if (panel.error) {
      const { state, head } = panelError(panel.error.code);
      node.dataset.state = state;
      write(problem && one("[data-head]", problem), head);
      const text = problem && one("[data-text]", problem), said = sentence(panel.error.message) + (has ? " These are its last rows." : "");
      if (problem && text?.textContent?.trim() !== said) problem.querySelectorAll(".code, .copyable, .where").forEach((n) => n.remove()); // of an earlier one
      write(text, said);
    } else node.dataset.state = (this.tbody || this.figure) && !has && !this.raw ? "empty" : "";
    if (panel.at) write(one("[data-panel-asof]", node), `as of ${clock(Date.parse(panel.at))}`);
    if (problem) problem.hidden = !panel.error;
    if (none) none.hidden = has || !!panel.error;
    const cut = one("[data-cut]", node);
    if (cut) cut.hidden = !panel.truncated;
    node.classList.toggle("many", panel.rows.length > 8);
    write(one("[data-shown]", node), String(panel.rows.length));
  }
}

/** A cell's value as the server rendered it. @param {HTMLTableCellElement} td @returns {string|null} */
function value(td) {
  if (td.dataset.null !== undefined) return null;
  if (td.dataset.raw !== undefined) return td.dataset.raw;
  const v = td.querySelector(".v"), text = v?.lastChild instanceof Text ? v.lastChild.data : "";
  return v?.firstElementChild ? text.replace(/^ /, "") : text; // a space stands after a glyph
}

/** Shows a value in its cell, touching no more than differs. @param {HTMLTableCellElement} td @param {Column} column @param {string|null} s @param {number} now */
function paint(td, column, s, now) {
  const c = format(column, s, now), v = /** @type {HTMLElement} */ (td.querySelector(".v"));
  const shape = `v${c.isNull ? " null" : ""}${c.glyph ? " chip" : ""}`, washing = ["flash", "up", "down"].filter((x) => v.classList.contains(x));
  if (v.className !== shape) v.className = [shape, ...washing].join(" ");
  const mark = v.firstElementChild, wants = c.glyph ? "I" : c.dim ? "SPAN" : "";
  if ((mark?.tagName ?? "") !== wants || !(v.lastChild instanceof Text)) {
    const before = wants === "I" ? [el("i", { class: `glyph ${c.glyph}` })] : wants ? [el("span", { class: "dim" }, `${c.dim} `)] : [];
    v.replaceChildren(...before, document.createTextNode(c.glyph ? ` ${c.text}` : c.text));
  } else {
    if (mark && c.glyph) attribute(mark, "class", `glyph ${c.glyph}`);
    if (mark && c.dim) write(mark, `${c.dim} `);
    const text = c.glyph ? ` ${c.text}` : c.text;
    if (v.lastChild.data !== text) v.lastChild.data = text;
  }
  attribute(td, "class", [column.className, c.className].filter(Boolean).join(" "));
  attribute(td, "title", c.title);
  attribute(td, "data-time", c.time);
  td.toggleAttribute("data-null", c.isNull);
  if (s !== null && s !== c.text) td.dataset.raw = s;
  else delete td.dataset.raw;
  return v;
}

/** @param {Column} column @param {string|null} was @param {string|null} is @returns {"up"|"down"|""} */
function direction(column, was, is) {
  if ((column.kind !== "integer" && column.kind !== "decimal") || column.bare || was === null || is === null) return "";
  const a = Number(was), b = Number(is);
  return b > a ? "up" : b < a ? "down" : "";
}

/** The next row that is not on its way out. @param {Element|null} tr @returns {Element|null} */
function staying(tr) {
  while (tr?.classList.contains("leaving")) tr = tr.nextElementSibling;
  return tr;
}

/** @param {HTMLElement[]} nodes @param {string} name @param {number} ms */
function mark(nodes, name, ms) {
  if (!nodes.length) return;
  nodes.forEach((n) => n.classList.add(name));
  setTimeout(() => nodes.forEach((n) => n.classList.remove(name)), ms);
}
