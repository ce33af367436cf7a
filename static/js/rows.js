// What a reader does with a row: goes from one to the next, and opens it. The drawer's own code is loaded with the first row.
import { one, toast } from "./dom.js";
import { late } from "./reload.js";

/** @typedef {import("./page.js").LivePage} LivePage */

const BUSY = "a, button, summary, details, input, select, textarea, label";

/** @param {LivePage} live @param {import("./keys.js").Keys} list where its keys are listed */
export function rows(live, list) {
  const any = () => !!one("[data-panel] tbody tr[data-key]");
  list.add(
    { press: ["j"], group: "Table", text: "Next row", when: any },
    { press: ["k"], group: "Table", text: "Row before", when: any },
    { press: ["Enter"], group: "Table", text: "Open the row, or sort by the head, that has the focus", when: any },
    { press: ["-"], group: "Table", text: "Upon a head: narrower, or wider with +, as it fits with 0", when: () => !!one("[data-table]") },
    { press: ["Shift+ArrowRight"], group: "Table", text: "Upon a head: move the column, as dragging the head does", when: () => !!one("[data-table]") },
    { press: ["Shift+Enter"], group: "Table", text: "Upon a head: sort by it, too", when: () => !!one("[data-table]") },
  );
  /** @type {Promise<import("./drawer.js").Drawer>|null} */ let drawer = null;
  /** @param {(d: import("./drawer.js").Drawer) => void} act */
  const load = (act) => {
    drawer ??= late(import("./drawer.js")).then(({ Drawer }) => new Drawer(live));
    drawer.then(act, () => {
      drawer = null; // the next one tries again
      toast("The row could not be opened", "triangle-alert");
    });
  };

  /** @param {Element|null} tr */
  const open = (tr) => {
    const view = tr instanceof HTMLElement ? viewOf(live, tr) : undefined, key = tr instanceof HTMLElement ? tr.dataset.key : undefined;
    if (view?.table && key !== undefined) load((d) => d.open(view, key));
  };

  document.addEventListener("click", (e) => {
    const at = e.target instanceof Element ? e.target : null, tr = at?.closest("[data-panel] tbody tr[data-key]") ?? null;
    if (!tr || e.defaultPrevented || at?.closest(BUSY) || !getSelection()?.isCollapsed) return;
    open(tr);
  });

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !(e.target instanceof Element)) return;
    if (e.target.closest("input, select, textarea, [contenteditable], [popover], dialog:not(.drawer)")) return;
    const tr = e.target.closest("tbody tr[data-key]"), by = { j: 1, k: -1, ...(tr && { ArrowDown: 1, ArrowUp: -1 }) }[e.key];
    if (tr === e.target && e.key === "Enter") open(tr);
    else if (by && drawer) drawer.then((d) => d.key || step(live, tr, by), () => {}).then((key) => { if (typeof key === "string") drawer?.then((d) => d.step(by)); });
    else if (by) step(live, tr, by);
    else return;
    e.preventDefault();
  });

  const asked = /^#row=(.+)$/.exec(location.hash);
  const node = asked && one("[data-panel][data-table], [data-panel]");
  if (asked && node) load((d) => { const view = live.view(node.dataset.panel ?? ""); if (view?.table) d.open(view, decoded(asked[1])); });
}

/** A text as a fragment has it, or as it stands where it was not written by a browser. @param {string} s */
function decoded(s) {
  try { return decodeURIComponent(s); } catch { return s; }
}

/** The focus goes to the next row, or to the first in sight. @param {LivePage} live @param {Element|null} tr @param {number} by */
function step(live, tr, by) {
  const from = tr ?? one("[data-panel] tbody tr[tabindex='0']"), view = from instanceof HTMLElement ? viewOf(live, from) : undefined;
  if (!view?.table || !(from instanceof HTMLElement)) return;
  const next = tr ? view.table.rows[view.table.place(from.dataset.key ?? "") + by]?.key : from.dataset.key;
  if (next !== undefined) view.table.focus(next);
}

/** @param {LivePage} live @param {HTMLElement} tr */
const viewOf = (live, tr) => live.view(/** @type {HTMLElement|null} */ (tr.closest("[data-panel]"))?.dataset.panel ?? "");
