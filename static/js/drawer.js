// One row, whole: its fields, its JSON, the rows that it names and that name it, and what it went through. It watches the row's own
// page, so it lives on when the row is not on the table's page any more.
import { clock } from "./clock.js";
import { announce, copy, el, icon, one, toast, write } from "./dom.js";
import { describe } from "./format.js";
import { differences } from "./history.js";
import { parse } from "./protocol.js";
import { folded, named, naming, rowAddress, rowTitle } from "./rowfacts.js";
import { pretty, rowTokens } from "./rowjson.js";
import { clip, code, keep, referencedBy, references, section, shownText, shownValue, unfold } from "./rowview.js";
import { receive, start } from "./store.js";

/**
 * @typedef {import("./render.js").PanelView} PanelView
 * @typedef {import("./delta.js").Row} Row
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./history.js").Change} Change
 * @typedef {import("./tablepage.js").TableData} TableData
 */

const MOST = 100; // changes that are listed
const AGAIN = 3000;
const NARROW = matchMedia("(width < 44rem)");

export class Drawer {
  /** @type {PanelView|null} */ #view = null;
  #key = "";
  /** @type {{name: string, type: string}[]} */ #fields = [];
  /** @type {Row|null} as it is now */ #row = null;
  /** @type {Row|null} as it was when it was opened */ #opened = null;
  /** @type {Change[]} */ #changes = [];
  #gone = 0;
  #never = false; // it was not there when it was looked for
  #own = false; // it has a page of its own: what is not there is nowhere
  /** @type {Set<string>} columns whose long values are shown whole */ #whole = new Set();
  /** @type {EventSource|null} */ #source = null;

  /** @param {import("./page.js").LivePage} live */
  constructor(live) {
    this.live = live;
    this.title = el("h2", { id: "drawer-h" });
    this.body = el("div", { class: "drawer-body", tabindex: "0", role: "region", "aria-labelledby": "drawer-h" });
    const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const b = el("button", { class: "icon-btn", type: "button", "aria-label": label, title: label }, icon(name));
      b.addEventListener("click", act);
      return b;
    };
    const keys = (/** @type {string[]} */ ...names) => names.map((k) => el("kbd", {}, k));
    this.node = /** @type {HTMLDialogElement} */ (el("dialog", { class: "drawer", "aria-labelledby": "drawer-h" },
      el("div", { class: "drawer-head" }, this.title, el("span", { class: "grow" }),
        button("chevron-up", "Row above (K)", () => this.step(-1)), button("chevron-down", "Row below (J)", () => this.step(1)),
        button("link", "Copy the address of this row", () => copy(location.href)), button("x", "Close (Esc)", () => this.node.close())),
      this.body, el("div", { class: "drawer-foot" }, ...keys("J", "K"), " next and previous row", el("span", { class: "grow" }), ...keys("Esc"), " close")));
    (one(".split") ?? document.body).append(this.node);
    this.node.addEventListener("close", () => this.#closed());
    this.body.addEventListener("click", (e) => { if (e.target instanceof HTMLElement && e.target.dataset.unfold !== undefined) this.#unfold(e.target.dataset.unfold); });
    live.onmove(() => this.#address());
    this.node.addEventListener("click", (e) => { if (e.target === this.node && NARROW.matches) this.node.close(); });
    document.addEventListener("keydown", (e) => {
      if (e.key !== "Escape" || !this.#view || e.defaultPrevented) return;
      if (e.target instanceof Element && (e.target.closest("input, select, textarea, dialog:not(.drawer)") || one(":popover-open"))) return;
      this.node.close();
    });
  }

  /** The key of the row that is open; "" for none. */
  get key() { return this.#view ? this.#key : ""; }

  /** Opens a row. @param {PanelView} view its table @param {string} key */
  open(view, key) {
    const { table, shown } = view, row = shown?.rows.find((r) => r.key === key) ?? null, data = tableData(view);
    const address = data && rowAddress(data, shown?.columns ?? [], row, key);
    if (!table) return;
    if (!row && !address) return toast("There is no such row", "triangle-alert");
    if (this.#view && this.#view !== view) this.#leave();
    this.#unwatch();
    this.#view = view;
    this.#key = key;
    this.#fields = shown?.columns ?? [];
    this.#row = this.#opened = row;
    this.#changes = view.history?.of(key) ?? [];
    this.#gone = 0;
    this.#never = false;
    this.#own = true;
    this.#whole.clear();
    view.hold?.set("row", true);
    table.select(key);
    this.#address();
    write(this.title, data ? rowTitle(data, this.#fields, row, key) : panelTitle(view, row));
    if (!this.node.open) {
      if (NARROW.matches) this.node.showModal();
      else this.node.show();
      one(".split")?.classList.add("open");
      this.body.focus({ preventScroll: true });
    }
    this.body.scrollTop = 0;
    this.#draw();
    announce(this.title.textContent ?? "");
    if (address) this.#watch(address);
    else this.#follow(view);
  }

  /** The address bar says which row is open, on whatever page of the table. */
  #address() { if (this.#view) history.replaceState(history.state, "", `#row=${encodeURIComponent(this.#key)}`); }

  /** Opens the next row, or the one before. @param {number} by */
  step(by) {
    const table = this.#view?.table, at = table?.place(this.#key) ?? -1, next = at < 0 ? undefined : table?.rows[at + by];
    if (!this.#view || !table || !next) return;
    table.reveal(next.key);
    this.open(this.#view, next.key);
  }

  #closed() {
    const view = this.#view, key = this.#key;
    this.#leave();
    one(".split")?.classList.remove("open");
    history.replaceState(history.state, "", location.pathname + location.search);
    if (view?.table && !view.table.focus(key)) view.table.scroll.focus({ preventScroll: true });
  }

  #leave() {
    this.#unwatch();
    const view = this.#view;
    this.#view = null;
    view?.table?.select("");
    view?.hold?.set("row", false);
  }

  #unwatch() {
    this.#source?.close();
    this.#source = null;
    if (this.#view) this.#view.onlatest = this.#view.onrun = null;
  }

  /** Watches what the page that it is on says of it. @param {PanelView} view */
  #follow(view) {
    this.#own = false;
    view.onlatest = (panel) => this.#take(panel.columns, panel.rows.find((r) => r.key === this.#key) ?? null, Date.now());
  }

  /** Watches the row's own page. @param {string} address */
  #watch(address) {
    this.#unwatch();
    let store = start({ page: address, cursor: "", at: "", panels: new Map() }, Date.now());
    let read = !!this.#row && this.#fields.length >= (this.#view && tableData(this.#view)?.columns.length || Infinity); // with every field
    const present = () => {
      const panel = store.panels.get("rows");
      if (panel) this.#take(panel.columns, panel.rows[0] ?? null, store.at);
      read ||= !!panel;
    };
    const source = (this.#source = new EventSource(`${this.live.base}/api/v1/events?page=${encodeURIComponent(address)}`));
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) this.#refused(address, source); };
    source.onmessage = (e) => {
      if (source !== this.#source) return;
      const m = parse(e.data);
      if (m?.type !== "snapshot" && m?.type !== "delta") return;
      try { store = receive(store, m, Date.now()); } catch { return this.#watch(address); } // it lost its place
      if (!read || !this.#view?.paused) present();
      else this.#view.onrun = present; // it stands still with its page
    };
  }

  /**
   * The row's page was refused: for good where no filter names such a key, or what it says is not even a key here. A server that starts,
   * or has too many to serve, is asked again. @param {string} address @param {EventSource} source
   */
  async #refused(address, source) {
    const status = await fetch(`${this.live.base}/api/v1/page?page=${encodeURIComponent(address)}`).then((r) => r.status, () => 0), view = this.#view;
    if (source !== this.#source || !view) return;
    if (status < 400 || status === 429 || status >= 500) return void setTimeout(() => { if (source === this.#source) this.#watch(address); }, AGAIN);
    if (this.#row) {
      this.#follow(view);
      if (view.latest) view.onlatest?.(view.latest); // what it said meanwhile
      return;
    }
    this.#never = true;
    this.#draw();
  }

  /** The row as it is now. @param {{name: string, type: string}[]} columns @param {Row|null} row @param {number} at */
  #take(columns, row, at) {
    const before = this.#row, same = this.#fields.length === columns.length && this.#fields.every((f, i) => f.name === columns[i].name);
    if (!row && !before) this.#never = true;
    else if (!row) {
      if (!this.#gone) this.#changes.push({ at, key: this.#key, column: "", was: "", is: null });
      this.#gone ||= at;
    } else {
      if (this.#gone) this.#changes.push({ at, key: this.#key, column: "", was: null, is: "" });
      this.#gone = 0;
      this.#never = false;
      if (before && same) this.#changes.push(...differences(columns, before, { ...row, key: this.#key }, at));
      if (!this.#opened || !same) this.#opened = inColumns(columns, this.#fields, this.#opened, row);
      this.#fields = columns;
      this.#row = row;
    }
    if (this.#changes.length > MOST) this.#changes.splice(0, this.#changes.length - MOST);
    this.#draw();
  }

  /** @param {string} name of a column */
  #unfold(name) {
    if (!this.#whole.delete(name)) this.#whole.add(name);
    this.#draw();
    one(`[data-unfold="${CSS.escape(name)}"]`, this.body)?.focus({ preventScroll: true });
  }

  #draw() {
    const { body } = this, view = this.#view, row = this.#row, data = view && tableData(view);
    if (!view) return;
    const columns = describe(this.#fields, view.formats, view.raw), docs = columns.filter((c) => c.kind === "document");
    /** @type {(HTMLElement|"")[]} */ const parts = [this.#fieldsPart(columns)];
    if (row) {
      for (const c of docs) parts.push(this.#document(c, row.cells[columns.indexOf(c)]));
      if (data) parts.push(references(this.live.base, named(data, columns, row)), referencedBy(this.live.base, naming(data, columns, row)));
    }
    parts.push(this.#log(), row ? this.#json(row) : "");
    keep(body, parts);
    this.node.classList.toggle("gone", this.#gone > 0);
  }

  /** @param {Column[]} columns */
  #fieldsPart(columns) {
    const row = this.#row, was = this.#opened, note = this.#gone ? [el("p", { class: "gone-note" }, `${this.#own ? "Deleted" : "It left the page"} at ${clock(this.#gone)}. This is how it was.`)] : [];
    if (!row) return section("fields", "", el("p", { class: "quiet" }, this.#never ? "There is no such row." : this.#gone ? "This row is not there any more." : "The row is being read."));
    const list = columns.map((c, i) => {
      if (c.kind === "document" && row.cells[i] !== null) return "";
      const whole = this.#whole.has(c.name), now = shownValue(c, row.cells[i], whole), changed = was && was.cells.length === row.cells.length && was.cells[i] !== row.cells[i];
      const before = changed ? shownText(c, was.cells[i]) : "";
      return el("div", {}, el("dt", { title: c.type }, this.#view?.raw ? c.name : c.head), el("dd", { class: "num" },
        ...(changed ? [el("span", { class: "was" }, whole ? before : folded(before)), el("mark", {}, now)] : [now]), ...unfold(c, row.cells[i], whole)));
    });
    return section("fields", "", ...note, el("dl", { class: "fields" }, ...list));
  }

  /** @param {Column} c @param {string|null} value */
  #document(c, value) {
    if (value === null) return "";
    return section(`doc-${c.name}`, c.name, el("span", { class: "quiet" }, c.type), code(pretty(value), `${c.name} as JSON`));
  }

  /** @param {Row} row */
  #json(row) {
    const tokens = rowTokens(this.#fields, row.cells), button = el("button", { class: "icon-btn", type: "button", "aria-label": "Copy the row as JSON", title: "Copy" }, icon("copy"));
    button.addEventListener("click", () => copy(tokens.map((t) => t.text).join("")));
    return section("json", "JSON", button, code(tokens, "The row as JSON"));
  }

  #log() {
    const list = [...this.#changes].reverse(), columns = new Map(describe(this.#fields, this.#view?.formats ?? {}, true).map((c) => [c.name, c]));
    const text = (/** @type {string} */ name, /** @type {string|null} */ v) => { const c = columns.get(name); return c ? clip(shownText(c, v)) : clip(v ?? "null"); };
    const lines = list.map((c) => el("li", {}, el("time", { class: "num", datetime: new Date(c.at).toISOString() }, clock(c.at)), !c.column
      ? el("span", {}, c.is === null ? (this.#own ? "row deleted" : "row left the page") : this.#own ? "row inserted" : "row came back")
      : el("span", {}, `${c.column} `, el("span", { class: "from" }, text(c.column, c.was)), icon("arrow-right"), text(c.column, c.is))));
    return section("log", "Changes", el("span", { class: "quiet" }, "since this page was opened"), lines.length ? el("ol", { class: "log" }, ...lines) : el("p", { class: "quiet" }, "None so far."));
  }

}

/** @param {PanelView} view @returns {TableData|null} */
const tableData = (view) => (view.node.dataset.table ? JSON.parse(view.node.dataset.table) : null);

/** @param {PanelView} view @param {Row|null} row */
function panelTitle(view, row) {
  const lead = view.table?.columns.findIndex((c) => c.as === "title") ?? -1;
  return row?.cells[Math.max(0, lead)] ?? one("h2", view.node)?.textContent ?? "Row";
}

/** A row as it would stand in other columns: what is not known of it is as it is now. @param {{name: string}[]} columns @param {{name: string}[]} old @param {Row|null} was @param {Row} now @returns {Row} */
function inColumns(columns, old, was, now) {
  return { key: now.key, cells: columns.map((c, i) => { const at = old.findIndex((f) => f.name === c.name); return was && at >= 0 ? was.cells[at] : now.cells[i]; }) };
}
