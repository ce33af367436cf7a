// The line under the heads: for each column an operator and a value, as one would type it. Enums and booleans are chosen.
import { items, listed } from "./address.js";
import { announce, attribute, el, icon, write } from "./dom.js";
import { keys, open } from "./menu.js";
import { OPERATORS, conditions, hint, offered, read, usual, written, wrong } from "./typed.js";

/**
 * @typedef {import("./typed.js").TableColumn} TableColumn
 * @typedef {import("./typed.js").Condition} Condition
 * @typedef {{column: TableColumn, box: HTMLElement, op: HTMLButtonElement, value: HTMLInputElement|HTMLButtonElement, fault: HTMLElement, set: Condition[], chosen: string, tried: string, wish: number}} Line wish: which one it is of its reader's
 */

export class Filters {
  /** @type {Map<string, Line>} */ #lines = new Map();
  #menu = el("div", { class: "menu", id: "filter-menu", popover: "" });

  /**
   * @param {HTMLTableSectionElement} head
   * @param {(column: TableColumn, list: Condition[]) => Promise<string>} ask what is wrong with a column's filter, or ""
   * @param {(column: TableColumn, list: Condition[]) => void} change the filter is another one now
   */
  constructor(head, ask, change) {
    this.head = head;
    this.ask = ask;
    this.change = change;
    (head.closest("main") ?? document.body).append(this.#menu);
    keys(this.#menu);
  }

  /** Shows the filters of these columns, in this order. @param {(TableColumn|undefined)[]} columns @param {import("./address.js").Filter[]} where */
  show(columns, where) {
    const row = this.#row(), names = columns.map((c) => c?.name ?? "").join("\n");
    if (row.dataset.names !== names) {
      row.dataset.names = names;
      this.#lines.clear();
      row.replaceChildren(...columns.map((c) => el("td", {}, ...(c ? [this.#line(c)] : []))));
    }
    for (const line of this.#lines.values()) {
      line.set = where.filter((f) => f.column === line.column.name).map(({ op, value }) => ({ op, value }));
      this.#write(line);
    }
  }

  /** The cursor goes into the filter of a column. @param {string} name */
  focus(name) { this.#lines.get(name)?.value.focus(); }

  #row() {
    const old = this.head.querySelector("tr.filter-row");
    if (old instanceof HTMLTableRowElement) return old;
    const row = /** @type {HTMLTableRowElement} */ (el("tr", { class: "filter-row" }));
    this.head.rows[0].after(row);
    return row;
  }

  /** @param {TableColumn} c */
  #line(c) {
    const choice = c.enum?.length || c.kind === "bool";
    const op = /** @type {HTMLButtonElement} */ (el("button", { type: "button", class: "op", "aria-haspopup": "true", "aria-expanded": "false" }));
    const value = /** @type {HTMLInputElement|HTMLButtonElement} */ (choice
      ? el("button", { type: "button", class: "choice", "aria-haspopup": "true", "aria-expanded": "false" })
      : el("input", { type: "text", "aria-label": `Filter ${c.name}`, autocomplete: "off", spellcheck: "false", size: "1" }));
    const fault = el("span", { class: "fault", id: `fault-${this.#lines.size}` }), box = el("span", { class: "filter" }, op, value, fault);
    /** @type {Line} */ const line = { column: c, box, op, value, fault, set: [], chosen: "", tried: "", wish: 0 };
    this.#lines.set(c.name, line);
    op.addEventListener("click", () => this.#operators(line));
    if (value instanceof HTMLInputElement) {
      value.addEventListener("change", () => this.#typed(line));
      value.addEventListener("keydown", (e) => {
        if (e.key === "Enter") this.#typed(line);
        if (e.key === "Escape") { this.#write(line, true); value.blur(); }
        e.stopPropagation();
      });
      value.addEventListener("input", () => {
        line.tried = "\0";
        this.#fault(line, "");
        attribute(value, "title", read(conditions(value.value, this.#operator(line), c), c) || hint(c));
      });
    } else value.addEventListener("click", () => this.#choices(line));
    return box;
  }

  /** The operator that counts where none is typed. @param {Line} line */
  #operator({ set, chosen, column }) { return set.length ? written(set).op : chosen || usual(column); }

  /** @param {Line} line @param {boolean} [again] also what is being typed */
  #write(line, again = false) {
    const { column, box, op, value, set } = line, w = written(set), same = set.every((f) => f.op === w.op);
    const own = document.activeElement !== value || this.#taken(line); // nobody is typing here
    const now = this.#operator(line), [sign, words] = OPERATORS[now] ?? [now, now];
    box.classList.toggle("on", set.length > 0);
    write(op, sign);
    attribute(op, "aria-label", `${sign} ${words}, operator for ${column.name}`);
    attribute(op, "title", words);
    attribute(value, "title", read(set, column) || (value instanceof HTMLButtonElement ? "" : hint(column)));
    if (value instanceof HTMLButtonElement) {
      const text = same ? picks(set).join(", ") : w.text;
      write(value, text);
      attribute(value, "aria-label", `${text ? `${text}, f` : "F"}ilter ${column.name}`);
    } else if (value.value !== w.text && (again || own)) {
      value.value = w.text;
      this.#fault(line, ""); // it was about what is not there any more
    }
    if (set.length || again) this.#fault(line, "");
    if (again || own) line.tried = w.text;
  }

  /** Is what was typed, its operator with it, what the filter now is? Then the operator need not stand there twice. @param {Line} line */
  #taken(line) {
    const plain = (/** @type {Condition[]} */ list) => list.map((f) => JSON.stringify(f)).sort().join();
    return line.tried === line.value.value && plain(conditions(line.tried, this.#operator(line), line.column)) === plain(line.set);
  }

  /** @param {Line} line @param {string} what */
  #fault({ box, value, fault }, what) {
    attribute(value, "aria-invalid", what ? "true" : "");
    attribute(value, "aria-describedby", what ? fault.id : "");
    write(fault, what);
    if (what) announce(what);
    box.classList.toggle("wrong", what !== "");
  }

  /** @param {Line} line */
  #typed(line) {
    const { value, column, set } = line;
    const w = written(set), op = this.#operator(line), text = value instanceof HTMLInputElement ? value.value : "";
    if (set.length && text.trim() === w.text) return;
    if (text === line.tried) return; // a line that ended changes, too
    line.tried = text;
    if (text.trim() === "" && (op === "null" || op === "notnull")) return void this.#set(line, []);
    this.#set(line, conditions(text, op, column));
  }

  /** @param {Line} line @param {Condition[]} list */
  async #set(line, list) {
    const wish = ++line.wish, other = JSON.stringify(list) !== JSON.stringify(line.set), what = wrong(list, line.column) || (other ? await this.ask(line.column, list) : "");
    if (wish !== line.wish) return; // an answer that comes late is not about what is wanted now
    this.#fault(line, what);
    if (what) return;
    line.chosen = "";
    if (other) this.change(line.column, list);
  }

  /** The menu of operators. @param {Line} line */
  #operators(line) {
    const { column, op, value, set } = line, now = this.#operator(line);
    const choose = (/** @type {string} */ o) => {
      this.#menu.hidePopover();
      if (o === "null" || o === "notnull") return void this.#set(line, [{ op: o, value: "" }]);
      const text = value instanceof HTMLInputElement ? value.value.trim() : "";
      line.chosen = o;
      if (value instanceof HTMLButtonElement) return void (set.length && !["null", "notnull"].includes(set[0].op) ? this.#set(line, picked(o, picks(set))) : this.#choices(line));
      if (text) this.#set(line, conditions(text, o, column));
      else this.#write(line);
      value.focus();
    };
    this.#menu.replaceChildren(el("div", { class: "head" }, column.name), ...offered(column).map((o) => {
      const b = el("button", { type: "button", role: "menuitemradio", "aria-checked": String(o === now) }, el("span", { class: "op" }, OPERATORS[o]?.[0] ?? o), OPERATORS[o]?.[1] ?? o);
      b.addEventListener("click", () => choose(o));
      return b;
    }), ...(set.length ? [el("hr"), this.#clear(line)] : []));
    attribute(this.#menu, "role", "menu");
    attribute(this.#menu, "aria-label", `Operator for ${column.name}`);
    open(this.#menu, op);
  }

  /** @param {Line} line */
  #clear(line) {
    const b = el("button", { type: "button", role: "menuitem" }, icon("x"), "Clear");
    b.addEventListener("click", () => { this.#menu.hidePopover(); this.#set(line, []); });
    return b;
  }

  /** The menu of values: several of an enum, one of a boolean. @param {Line} line */
  #choices(line) {
    const { column, value, set } = line, list = column.enum ?? ["true", "false"];
    const has = new Set(picks(set));
    const apply = () => this.#set(line, picked(set[0]?.op === "isnt" || line.chosen === "isnt" ? "isnt" : "is", list.filter((v) => has.has(v))));
    this.#menu.replaceChildren(el("div", { class: "head" }, column.name), ...list.map((v) => {
      const tick = /** @type {HTMLInputElement} */ (el("input", { class: "tick", type: "checkbox" }));
      tick.checked = has.has(v);
      tick.addEventListener("change", () => {
        if (tick.checked && column.kind === "bool") has.clear();
        if (tick.checked) has.add(v);
        else has.delete(v);
        for (const [i, other] of [...this.#menu.querySelectorAll("input")].entries()) other.checked = has.has(list[i]);
        apply();
      });
      return el("label", {}, tick, v);
    }));
    attribute(this.#menu, "role", "group");
    attribute(this.#menu, "aria-label", `Values of ${column.name}`);
    open(this.#menu, /** @type {HTMLButtonElement} */ (value));
  }
}

/** The values that conditions on a choice name. @param {Condition[]} set */
const picks = (set) => set.flatMap((f) => (f.op === "in" ? items(f.value) : ["is", "isnt"].includes(f.op) ? [f.value] : []));

/** One value, or several. @param {string} op "is", "isnt" or "in" @param {string[]} values @returns {Condition[]} */
function picked(op, values) {
  if (!values.length) return [];
  if (op === "isnt") return values.map((value) => ({ op, value }));
  return values.length === 1 ? [{ op: "is", value: values[0] }] : [{ op: "in", value: listed(values) }];
}
