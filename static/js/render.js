// Puts panels on the screen, each by the view that its type needs. What did not change is not touched, so scroll position,
// selection and focus stay where they are.
import { clock } from "./clock.js";
import { apply, missed, steady } from "./delta.js";
import { attribute, one, write } from "./dom.js";
import { figure } from "./figure.js";
import { ago, describe, shownRows } from "./format.js";
import { History } from "./history.js";
import { Hold } from "./hold.js";
import { problem } from "./problem.js";
import { StatView } from "./statview.js";
import { TableView } from "./table.js";
import { mark } from "./wash.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./format.js").Column} Column
 */

/** Why a panel is not there yet. */
const TURN = "It takes long. What takes long is read apart from the others, one query after another.";
const NOTHING = { added: 0, changed: 0, removed: 0, moved: false };

export class PanelView {
  /** @type {Column[]} */ #columns = [];
  /** @type {Panel|undefined} what is on the screen */ #shown;
  /** @type {Panel|undefined} what the server last said */ #latest;
  #ahead = 0; // the database's clock minus this one's
  #paused = false; // the whole page is
  /** @type {HTMLElement|null} */ #age;
  #failed = false; // an error is shown
  #stopped = 0; // when it came, where that was seen
  #late = false; // the page is there, and this panel is not yet
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
    this.hold = this.table && new Hold(this.table, () => this.#settle(), () => this.present(true));
    this.history = this.table && new History();
    /** @type {((panel: Panel) => void)|null} called with every state, held or not */ this.onlatest = null;
    /** @type {(() => void)|null} called when the page runs again */ this.onrun = null;
    /** @type {(() => void)|null} called when other rows are on the screen */ this.onshown = null;
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
    this.#latest = this.#shown;
    this.history?.begin(this.#shown);
    this.figure?.show(this.#shown, this.#columns, Date.parse(document.body.dataset.at ?? "") || Date.now());
    return this.#shown;
  }

  /** What is on the screen, which may be older than what is known. */
  get shown() { return this.#shown; }
  /** What the server last said, as far as the page runs. */
  get latest() { return this.#latest; }

  /**
   * Brings the panel to this state, if nothing holds it still; quietly where it is no change of what was shown, but something else
   * in its place.
   * @param {Panel} panel @param {number} now by the database's clock @param {boolean} [quiet] @param {Map<string, Panel>} [panels] all of the page
   */
  update(panel, now, quiet = false, panels) {
    const others = (this.stat?.companions ?? []).map((id) => panels?.get(id)), same = others.every((o, i) => o === this.#others[i]);
    this.#ahead = now - Date.now();
    if (panel === this.#latest && same && (!quiet || panel === this.#shown)) return false;
    [this.#latest, this.#others] = [panel, others];
    if (!same && !quiet) return this.#show(panel, false), true; // a stat holds nothing still
    if (quiet || !this.#shown) this.history?.begin(panel);
    else this.history?.note(panel, now);
    this.onlatest?.(panel);
    if (!quiet) return this.#settle();
    const top = this.#shown?.rows[0]?.key !== panel.rows[0]?.key;
    this.hold?.clear();
    this.#show(panel, true);
    if (top) this.#top();
    return true;
  }

  /**
   * Its rows come later than those of the others: it says so. What it shows is another page's, or as old as it is.
   * @param {boolean} other @param {number} at when what it shows was read
   */
  wait(other, at) {
    const shown = this.#shown, { node } = this, none = one("[data-empty]", node);
    this.#late = true;
    if (node.dataset.state === "loading") return;
    if (shown && other) {
      this.hold?.clear();
      this.#show({ ...shown, rows: [], truncated: false, error: null, at: "", every: 0 }, true);
      this.#shown = this.#latest = undefined;
    } else if (shown && !shown.at) this.#shown = { ...shown, at: new Date(at).toISOString() };
    node.dataset.state = "loading";
    if (none) none.hidden = true;
    this.age(0);
  }

  /** Shows what is known, whatever held it. @param {boolean} [top] and the first row */
  present(top = false) {
    this.hold?.clear();
    if (this.#latest && this.#latest !== this.#shown) this.#show(this.#latest, false);
    this.hold?.tell(NOTHING);
    if (top) this.#top();
  }

  /** The whole page stands still, or runs again. @param {boolean} paused */
  pause(paused) {
    this.#paused = paused;
    this.hold?.mute(paused);
    if (!paused) this.onrun?.();
  }

  get paused() { return this.#paused; }

  /** Shows as much of what is known as the reader can bear now. @returns {boolean} whether anything changed on the screen */
  #settle() {
    const panel = this.#latest, shown = this.#shown, { table, hold } = this;
    if (!panel || panel === shown || this.#paused) return false;
    const level = hold && shown ? hold.level : "";
    if (!level || !shown || !table || !hold) {
      this.#show(panel, false);
      hold?.tell(NOTHING);
      return true;
    }
    const runs = level === "steady" && shown.columns === panel.columns ? steady(shown, panel) : shown;
    if (runs !== shown) {
      table.show(runs, Date.now() + this.#ahead, false);
      this.#shown = runs;
    }
    if (level === "still") table.waiting(panel);
    this.#state({ ...panel, rows: runs.rows }, panel.error);
    hold.tell(missed(new Map([["", runs]]), new Map([["", panel]])));
    return runs !== shown;
  }

  /** @param {Panel} panel @param {boolean} quiet */
  #show(panel, quiet) {
    const before = this.#shown, now = Date.now() + this.#ahead;
    this.#shown = panel;
    this.#late = false;
    if (!before || before.columns !== panel.columns) this.#head(panel);
    this.table?.show(panel, now, quiet || !before);
    if (panel.columns.length || before) this.stat?.show(this.#columns, panel, quiet ? undefined : before, now, this.#others);
    this.#state(panel, panel.error ?? elsewhere(this.#others));
    if (panel.columns.length || before) this.figure?.show(panel, this.#columns, now);
  }

  /** Back to the first row. */
  #top() {
    const { table } = this;
    if (!table) return;
    if (table.scroll.scrollTop) table.scroll.scrollTop = 0;
    else if (table.tbody.getBoundingClientRect().top < 0) this.node.scrollIntoView({ block: "start" });
  }

  /** Times that count from now grow by themselves. @param {number} now */
  tick(now) {
    this.figure?.tick(now);
    this.table?.tick(now);
    this.hold?.check();
  }

  /** How old what is shown is: as old as the page, unless the panel is read apart. @param {number} ms of the page @param {number} [old] from when on it says so loudly */
  age(ms, old = 2000) {
    if (!this.#age) return;
    attribute(this.#age, "title", this.#late ? TURN : "");
    if (!this.#shown) { // nothing has no age
      this.#age.classList.toggle("own", this.#late);
      return write(this.#age, this.#late ? "waits for its turn" : "");
    }
    const { at, every } = this.#shown;
    this.#age.classList.toggle("own", !!at || this.#failed);
    this.#age.classList.toggle("old", !at && !this.#failed && ms >= old);
    if (this.#failed) return write(this.#age, this.#stopped ? `stopped at ${clock(this.#stopped)}` : "");
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
    this.onshown?.();
    write(one("[data-shown]", node), shownRows(Number(node.dataset.first ?? 1), panel.rows.length));
  }
}

/** What is wrong with another panel, without its place in a query that is not this panel's. @param {(Panel|undefined)[]} others */
function elsewhere(others) {
  const error = others.find((o) => o?.error)?.error;
  return error ? { code: error.code, message: error.message } : null;
}
