// Puts panels on the screen, each by the view that its type needs. What did not change is not touched, so scroll position,
// selection and focus stay where they are.
import { apply } from "./delta.js";
import { one, write } from "./dom.js";
import { figure } from "./figure.js";
import { ago, clock, describe } from "./format.js";
import { problem } from "./problem.js";
import { StatView } from "./statview.js";
import { TableView } from "./table.js";
import { mark } from "./wash.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./format.js").Column} Column
 */

export class PanelView {
  /** @type {Column[]} */ #columns = [];
  /** @type {Panel|undefined} */ #shown;
  /** @type {HTMLElement|null} */ #age;
  #failed = false; // an error is shown
  #stopped = 0; // when it came, where that was seen
  /** @type {(Panel|undefined)[]} the other panels that a stat shows */ #others = [];

  /** @param {HTMLElement} node a section with data-panel */
  constructor(node) {
    this.node = node;
    this.id = node.dataset.panel ?? "";
    this.#age = one("[data-panel-asof]", node);
    this.raw = node.hasAttribute("data-raw-names");
    this.formats = JSON.parse(node.dataset.formats || "{}");
    this.figure = figure(node, (n) => new PanelView(n));
    const tbody = one("tbody", node);
    this.table = tbody instanceof HTMLTableSectionElement ? new TableView(node, tbody) : null;
    this.stat = this.table || this.figure ? null : new StatView(node, this.formats);
  }

  /** What the server rendered of the panels that a stat shows besides its own; undefined for one that had no result yet. @returns {[string, Panel|undefined][]} */
  others() {
    const all = this.stat?.hydrate(), list = (this.stat?.companions ?? []).map((id) => /** @type {[string, Panel|undefined]} */ ([id, all?.get(id)]));
    this.#others = list.map(([, panel]) => panel);
    return list;
  }

  /** Reads the state that the server rendered; undefined where there was no result yet. @returns {Panel|undefined} */
  hydrate() {
    const { columns, rows, truncated } = this.node.dataset;
    if (!columns) return undefined;
    const fields = JSON.parse(columns);
    this.#columns = describe(fields, this.formats, this.raw);
    const first = apply(undefined, { columns: fields, rows: this.table ? [] : JSON.parse(rows || "[]"), truncated: truncated === "true" });
    this.#shown = this.table ? { ...first, rows: this.table.hydrate(this.#columns) } : first;
    this.figure?.show(this.#shown, this.#columns, Date.parse(document.body.dataset.at ?? "") || Date.now());
    return this.#shown;
  }

  /**
   * Brings the panel to this state; quietly where it is no change of what was shown, but something else in its place.
   * @param {Panel} panel @param {number} now by the database's clock @param {boolean} [quiet] @param {Map<string, Panel>} [panels] all of the page
   */
  update(panel, now, quiet = false, panels) {
    const before = this.#shown, others = (this.stat?.companions ?? []).map((id) => panels?.get(id));
    if (panel === before && others.every((o, i) => o === this.#others[i])) return false;
    [this.#shown, this.#others] = [panel, others];
    if (!before || before.columns !== panel.columns) this.#head(panel);
    this.table?.show(panel, now, quiet || !before);
    if (this.#columns.length) this.stat?.show(this.#columns, panel, quiet ? undefined : before, now, others);
    this.#state(panel, panel.error ?? elsewhere(others));
    if (panel.columns.length) this.figure?.show(panel, this.#columns, now);
    return true;
  }

  /** Times that count from now grow by themselves. @param {number} now */
  tick(now) {
    this.figure?.tick(now);
    this.table?.tick(now);
  }

  /** How old what is shown is: as old as the page, unless the panel is read apart. @param {number} ms of the page @param {number} [old] from when on it says so loudly */
  age(ms, old = 2000) {
    const { at, every } = this.#shown ?? { at: "", every: 0 };
    if (!this.#age) return;
    if (this.#failed) return write(this.#age, this.#stopped ? `stopped at ${clock(this.#stopped)}` : "");
    this.#age.classList.toggle("own", !!at);
    this.#age.classList.toggle("old", !at && ms >= old);
    write(this.#age, at ? `as of ${clock(Date.parse(at))}${every ? `, every ${ago(Math.max(2000, every)).words}` : ""}` : ago(Math.max(0, ms)).words);
  }

  /** While paused: marks what is not as it is shown. @param {Panel} panel */
  waiting(panel) { this.table?.waiting(panel); }

  /** @param {Panel} panel */
  #head(panel) {
    const { node } = this, fields = JSON.stringify(panel.columns.map(({ name, type, enum: labels }) => ({ name, type, enum: labels })));
    node.querySelector(".bones")?.remove();
    this.#columns = describe(panel.columns, this.formats, this.raw);
    this.table?.head(this.#columns, node.dataset.columns === fields);
    node.dataset.columns = fields;
  }

  /** The rule lights up when a frame touches the panel, at most once a second. */
  beat() {
    if (this.node.classList.contains("beat") || !this.node.classList.contains("panel")) return;
    mark([this.node], "beat", 1000);
  }

  /** The rule, the message, the line under a cut result. @param {Panel} panel @param {Panel["error"]} error */
  #state(panel, error) {
    const { node } = this, none = one("[data-empty]", node), has = panel.rows.length > 0;
    this.#failed = !!error;
    if (error) {
      if (has) this.#stopped ||= Date.now();
      node.dataset.state = problem(node, error, has);
    } else {
      this.#stopped = 0;
      problem(node, null, has);
      node.dataset.state = (this.table || this.figure) && !has && !this.raw ? "empty" : this.stat?.state ?? "";
    }
    if (panel.at || error) this.age(0);
    if (none) none.hidden = has || !!error;
    const cut = one("[data-cut]", node);
    if (cut) cut.hidden = !panel.truncated;
    node.classList.toggle("many", panel.rows.length > 8);
    write(one("[data-shown]", node), String(panel.rows.length));
  }
}

/** What is wrong with another panel, without its place in a query that is not this panel's. @param {(Panel|undefined)[]} others */
function elsewhere(others) {
  const error = others.find((o) => o?.error)?.error;
  return error ? { code: error.code, message: error.message } : null;
}
