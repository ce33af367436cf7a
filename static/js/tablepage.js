// The page of one table: what its heads, its filters, its search and its pages ask for goes into the address, and the address decides
// what is shown. Nothing here touches rows.
import { NOTHING, build, filtered, parse, sorted } from "./address.js";
import { clock } from "./clock.js";
import { Columns } from "./columns.js";
import { known } from "./count.js";
import { announce, attribute, el, icon, one, toast, write } from "./dom.js";
import { Filters } from "./filters.js";
import { sentence, shownRows, tally } from "./format.js";
import { keys, open } from "./menu.js";
import { group } from "./number.js";

/**
 * @typedef {import("./address.js").Query} Query
 * @typedef {import("./typed.js").TableColumn} TableColumn
 * @typedef {import("./count.js").Count} Count
 * @typedef {{columns: string[], table: string, address: string, references: string[]}} ForeignKey
 * What the server says of a table besides its rows.
 * @typedef {{address: string, schema: string, name: string, columns: TableColumn[], key: string[], shown: string[],
 *   foreign_keys: ForeignKey[], referenced_by: ForeignKey[],
 *   sort: import("./address.js").Term[], rows: number, page_sizes: number[], page: number, count: Count|null,
 *   csv: string, json: string, page_csv: string}} TableData
 */

const TYPING = 300; // ms without a key before a search is made
const RECOUNT = 30_000;

export class TablePage {
  /** @type {TableData} */ #data;
  /** @type {Query} */ #query = NOTHING;
  #last = 0; // when the reader last went on in the search
  #counted = 0;
  #counts = 0; // how often a count was asked for
  /** @type {import("./count.js").Known|null} */ #known = null;
  #pages = -1; // as far as they were counted
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #typing;

  /** @param {import("./page.js").LivePage} live @param {HTMLElement} node the section with data-table */
  constructor(live, node) {
    this.live = live;
    this.node = node;
    this.#data = JSON.parse(node.dataset.table ?? "{}");
    this.#query = parse(live.store.page);
    const view = live.view(node.dataset.panel ?? ""), table = view?.table;
    if (!table) throw new Error("a table page without its table");
    this.table = table;
    this.filters = new Filters(/** @type {HTMLTableSectionElement} */ (table.table.tHead), (c, list) => this.#ask(c, list), (c, list) => this.#go(filtered(this.#query, c.name, list)));
    this.columns = new Columns(table, (names) => this.#go({ ...this.#query, columns: names }));
    table.onhead = () => this.#dress();
    view.onshown = () => { this.#foot(); this.#pager(); this.#nothing(); };
    table.table.tHead?.addEventListener("click", (e) => this.#sort(e));
    this.#searching();
    this.#paging();
    this.#menus();
    this.#show(this.#data, live.store.page);
    live.onmove((d) => { if ("table" in d && d.table) this.#show(/** @type {TableData} */ (d.table), d.address); });
    setInterval(() => { if (!document.hidden && Date.now() - this.#counted > RECOUNT) this.#count(); }, 5000);
  }

  /** What the server says of the table now. */
  get data() { return this.#data; }

  /** The cursor goes into the search. */
  search() { one("[data-search]")?.focus(); }

  /** @param {number} by pages */
  turn(by) {
    const page = this.#query.page + by;
    if (page >= 1 && (by < 0 || this.#fuller())) this.#go({ ...this.#query, page });
  }

  /** @param {Query} q @param {boolean} [instead] */
  #go(q, instead = false) {
    this.#query = q;
    const address = build(this.#data.address, q);
    this.live.go(address, instead);
    this.#dress();
  }

  /** @param {TableData} data @param {string} address */
  #show(data, address) {
    this.#data = data;
    this.#query = parse(address);
    const first = (data.page - 1) * data.rows + 1;
    this.node.dataset.first = String(first);
    write(one("[data-shown]"), shownRows(first, this.table.rows.length));
    this.#dress();
    const { where, search } = this.#query, set = new Set(where.map((f) => f.column)).size, clear = one("[data-clear]"), field = one("[data-search]");
    if (clear) {
      clear.hidden = !set;
      write(one("span", clear), set === 1 ? "1 filter" : `${set} filters`);
    }
    if (field instanceof HTMLInputElement && document.activeElement !== field) field.value = search;
    for (const a of document.querySelectorAll("[data-save]")) a.setAttribute("href", { csv: data.page_csv, json: data.page_csv.replace(/rows\.csv/, "rows.json"), "all-csv": data.csv, "all-json": data.json }[/** @type {HTMLElement} */ (a).dataset.save ?? ""] ?? "");
    this.#total(data.count, false);
    this.#count();
  }

  /** Heads, filters and pages as the address has them; also when the heads were made anew. */
  #dress() {
    const { table } = this, { columns, sort } = this.#data, byName = new Map(columns.map((c) => [c.name, c]));
    const terms = this.#query.sort.length ? this.#query.sort : sort.filter(() => parse(this.live.store.page).sort.length === 0);
    for (const [i, c] of table.columns.entries()) {
      const th = table.table.tHead?.rows[0]?.cells[i];
      if (th) this.#head(th, byName.get(c.name), c.head, terms);
    }
    this.columns.show(columns, this.#query.columns.length ? this.#query.columns : columns.map((c) => c.name));
    this.filters.show(table.columns.map((c) => byName.get(c.name)), this.#query.where);
    this.#pager();
    const rows = one("[data-rows]");
    if (rows instanceof HTMLSelectElement) {
      const sizes = this.#data.page_sizes.map(String);
      if (rows.options.length !== sizes.length) rows.replaceChildren(...sizes.map((n) => el("option", { value: n }, n)));
      rows.value = String(this.#query.rows || this.#data.rows);
    }
  }

  /** Where the arrows lead; whether a page follows is known once this one's rows are here. */
  #pager() {
    const { page } = this.#query;
    for (const [which, to, on] of /** @type {const} */ ([["back", page - 1, page > 1], ["on", page + 1, this.#fuller()]])) {
      const a = one(`[data-page-${which}]`);
      if (!a) continue;
      attribute(a, "href", on ? this.live.base + build(this.#data.address, { ...this.#query, page: to }) : "");
      attribute(a, "aria-disabled", on ? "" : "true");
      attribute(a, "role", on ? "" : "link");
    }
  }

  /** @param {HTMLTableCellElement} th @param {TableColumn|undefined} c @param {string} text @param {import("./address.js").Term[]} terms */
  #head(th, c, text, terms) {
    if (!c?.sortable) return void th.querySelector("span")?.setAttribute("tabindex", "0"); // it is moved and sized by keys
    let a = th.querySelector("a.th");
    if (!a) {
      a = el("a", { class: "th", title: c.type }, text);
      th.replaceChildren(a);
    }
    const at = terms.findIndex((t) => t.column === c.name), way = at < 0 ? "" : terms[at].desc ? "descending" : "ascending";
    attribute(a, "href", this.live.base + build(this.#data.address, sorted(this.#query, c.name, false, terms)));
    attribute(th, "aria-sort", way);
    const mark = `${way}${terms.length > 1 ? at + 1 : ""}`;
    if (/** @type {HTMLElement} */ (a).dataset.mark === mark) return;
    /** @type {HTMLElement} */ (a).dataset.mark = mark;
    a.querySelectorAll(".icon, .nth").forEach((n) => n.remove());
    if (way) a.append(icon(way === "ascending" ? "arrow-up" : "arrow-down"));
    if (way && terms.length > 1) a.append(el("span", { class: "nth num" }, String(at + 1)));
  }

  /** @param {MouseEvent} e */
  #sort(e) {
    const th = e.target instanceof Element && !e.target.closest(".grip") ? e.target.closest("th") : null, c = this.table.columns[th?.cellIndex ?? -1];
    if (!c || !th?.querySelector("a.th") || e.ctrlKey || e.metaKey || e.button) return; // beside its words a head is a head, too
    e.preventDefault();
    this.#go(sorted(this.#query, c.name, e.shiftKey, this.#data.sort));
    const term = this.#query.sort.find((t) => t.column === c.name);
    announce(term ? `Sorted by ${c.name}, ${term.desc ? "descending" : "ascending"}` : "In the table's own order");
  }

  /** Asks whether the server understands a filter, so that a slip of the pen does not take the page away. @param {TableColumn} column @param {import("./typed.js").Condition[]} list */
  async #ask(column, list) {
    const q = filtered(this.#query, column.name, list);
    const answer = await fetch(`${this.live.base}/api/v1/page?page=${encodeURIComponent(build(this.#data.address, q))}`).catch(() => null);
    if (!answer) return "The server does not answer";
    return answer.ok ? "" : sentence((await answer.json().catch(() => null))?.error?.message ?? "The server refused this filter");
  }

  #searching() {
    const field = one("[data-search]");
    if (!(field instanceof HTMLInputElement)) return;
    const search = () => {
      clearTimeout(this.#typing);
      const text = field.value.trim(), instead = Date.now() - this.#last < 3000;
      if (text === this.#query.search) return;
      this.#last = Date.now();
      this.#go({ ...this.#query, search: text, page: 1 }, instead);
    };
    field.addEventListener("input", () => { clearTimeout(this.#typing); this.#typing = setTimeout(search, TYPING); });
    field.addEventListener("change", search);
    field.addEventListener("keydown", (e) => {
      if (e.key === "Enter") search();
      if (e.key !== "Escape") return;
      field.value = "";
      search();
      field.blur();
    });
  }

  #paging() {
    const step = (/** @type {string} */ which, /** @type {number} */ by) => one(`[data-page-${which}]`)?.addEventListener("click", (e) => {
      if (e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      this.turn(by);
    });
    step("back", -1);
    step("on", 1);
    const rows = one("[data-rows]");
    rows?.addEventListener("change", () => {
      const n = Number(/** @type {HTMLSelectElement} */ (rows).value), first = (this.#query.page - 1) * (this.#query.rows || this.#data.rows);
      this.#go({ ...this.#query, rows: n, page: Math.floor(first / n) + 1 });
    });
    one("[data-clear]")?.addEventListener("click", () => this.#go({ ...this.#query, where: [], page: 1 }));
  }

  #menus() {
    const button = one("[data-save-button]"), menu = one("#save");
    if (button && menu) {
      keys(menu);
      button.removeAttribute("popovertarget"); // from here on it opens where it belongs
      button.addEventListener("click", () => open(menu, button));
      menu.addEventListener("click", () => menu.hidePopover());
    }
    one("[data-heads-button]")?.addEventListener("click", (e) => { // where rows are folded their heads are put away
      const shown = this.table.table.classList.toggle("heads");
      if (e.currentTarget instanceof Element) attribute(e.currentTarget, "aria-expanded", String(shown));
    });
    one("[data-starter-button]")?.addEventListener("click", () => this.#starter());
  }

  /** A dashboard on this table, to begin with. */
  async #starter() {
    const dialog = /** @type {HTMLDialogElement|null} */ (one("#starter")), pre = dialog && one("pre", dialog);
    if (!dialog || !pre) return;
    const text = await fetch(`${this.live.base}${this.#data.address}/dashboard.yaml`).then((r) => (r.ok ? r.text() : null)).catch(() => null);
    if (text === null) return toast("The server did not write a dashboard for this table", "triangle-alert");
    write(pre, text);
    if (!dialog.open) dialog.showModal();
  }

  /** Is there a page after this one? */
  #fuller() { return this.table.rows.length >= (this.#query.rows || this.#data.rows); }

  /** Counts what the filters leave, now and then: it is asked for, not watched. */
  async #count() {
    this.#counted = Date.now();
    const page = this.live.store.page, turn = ++this.#counts;
    const count = await fetch(`${this.live.base}/api/v1/count?page=${encodeURIComponent(page)}`).then((r) => (r.ok ? r.json() : null)).catch(() => null);
    if (turn !== this.#counts || this.live.store.page !== page) return;
    if (count) this.#total(count, true);
    else this.#counted -= RECOUNT - 3000; // nobody could say: asked again soon
  }

  /** @param {Count|null} count @param {boolean} asked just now */
  #total(count, asked) {
    const { where, search } = this.#query;
    const k = (this.#known = known(this.#known, build(this.#data.address, { ...NOTHING, where, search }), count, asked, Date.now()));
    this.#pages = k ? Math.ceil(k.rows / this.#data.rows) : -1;
    this.#nothing();
    this.#foot();
  }

  /** Of how many: where all rows are on one page they are counted as they come and go. A count may come before the rows that it is of. */
  #foot() {
    const total = one("[data-total]"), n = this.table.rows.length, whole = this.#data.page === 1 && n < this.#data.rows, k = whole ? null : this.#known;
    if (!total) return;
    attribute(total, "title", !k ? "" : k.exact ? `Counted at ${clock(k.at)}` : "Estimated by PostgreSQL");
    write(total, whole ? (n ? tally({ rows: n, exact: true }) : "") : !k ? "…" : k.rows ? tally(k) : ""); // "No rows" says it
    write(one("[data-total-word]"), `${this.#query.where.length || this.#query.search ? "that match" : (whole ? n : k?.rows) === 1 ? "row" : "rows"}${k?.old ? ` at ${clock(k.at).slice(0, 5)}` : ""}`);
  }

  /** Why there is no row, and the ways out; the server says it alike (views/table_empty.go). */
  #nothing() {
    const place = one("[data-empty]", this.node), ways = place && one("[data-empty-ways]", place), { page, rows } = this.#data;
    if (!place || !ways || this.table.rows.length) return;
    const narrowed = this.#query.where.length > 0 || this.#query.search !== "", n = this.#pages, [head, text] = page > 1
      ? ["No such page", n < 0 || n >= page ? "The rows end before it." : n > 1 ? `There are ${group(String(n))} pages of ${rows} rows.` : "All rows are on the first page."]
      : narrowed ? ["No row matches", "One appears here once it does."] : ["No rows", "The table is empty. A row appears here once it commits."];
    const [p, q] = place.querySelectorAll("p"), to = (/** @type {string} */ words, /** @type {Query} */ query) => {
      const b = el("button", { class: "btn", type: "button" }, words);
      b.addEventListener("click", () => { this.#go(query); one(".scroll", this.node)?.focus(); });
      return b;
    };
    write(one("b", p), head);
    write(q, text);
    const made = page > 1 ? [...(n > 1 && n < page ? [to("The last page", { ...this.#query, page: n })] : []), to("The first page", { ...this.#query, page: 1 })]
      : narrowed ? [to("Clear", { ...this.#query, where: [], search: "" })] : [];
    if (ways.textContent !== made.map((b) => b.textContent).join("")) ways.replaceChildren(...made);
  }
}
