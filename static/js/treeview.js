// A document opened from its cell: a tree beside it that stays open, and follows, while frames come.
import { attribute, el, icon, one, toast, write } from "./dom.js";
import { opened, tree } from "./jsontree.js";
import { value } from "./cells.js";

/** Which cell is open. @typedef {{panel: HTMLElement, key: string, col: string, button: HTMLElement}} Place */

const GAP = 4, EDGE = 8;

/** One for the page. */
export class TreeView {
  /** @type {Place|null} */ #place = null;
  #text = "";
  #observer = new MutationObserver(() => this.#follow());
  #head = el("h2");
  #gone = el("span", { class: "quiet" });
  #body = el("div", { class: "tree-body" });
  #node = el("div", { class: "tree-pop", popover: "auto", role: "dialog", tabindex: "-1" });

  constructor() {
    const copy = el("button", { type: "button", class: "icon-btn", "aria-label": "Copy the document", title: "Copy" }, icon("copy"));
    copy.addEventListener("click", () => navigator.clipboard.writeText(this.#text).then(() => toast("Copied"), () => toast("This browser does not let the page copy", "triangle-alert")));
    const close = el("button", { type: "button", class: "icon-btn", "aria-label": "Close", title: "Close" }, icon("x"));
    close.addEventListener("click", () => this.#node.hidePopover());
    this.#node.append(el("header", { role: "presentation" }, this.#head, this.#gone, el("span", { class: "grow" }), copy, close), this.#body);
    this.#node.addEventListener("beforetoggle", (e) => { if (/** @type {ToggleEvent} */ (e).newState === "closed") this.#closed(); });
    document.body.append(this.#node);
  }

  /** @param {HTMLElement} button in the document's cell */
  open(button) {
    const td = button.closest("td"), tr = button.closest("tr"), panel = button.closest("[data-panel]");
    if (!td || !(panel instanceof HTMLElement)) return;
    const col = td.dataset.col ?? "", name = one(`th[data-col="${col}"]`, panel)?.textContent?.trim() ?? "";
    this.#place = { panel, key: tr?.dataset.key ?? "", col, button };
    this.#text = value(td) ?? "";
    write(this.#head, name);
    attribute(this.#node, "aria-label", name);
    write(this.#gone, "");
    this.#body.replaceChildren(tree(this.#text));
    this.#node.showPopover();
    button.setAttribute("aria-expanded", "true");
    this.#beside(button.getBoundingClientRect());
    this.#node.focus({ preventScroll: true });
    this.#observer.observe(panel, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-raw", "data-key"] });
  }

  #closed() {
    this.#observer.disconnect();
    this.#place?.button.setAttribute("aria-expanded", "false");
    this.#place = null;
  }

  /** Below its cell where there is room, else above, and never out of the window. @param {DOMRect} cell */
  #beside(cell) {
    const { offsetWidth: wide, offsetHeight: tall } = this.#node, { innerWidth, innerHeight } = window;
    const below = cell.bottom + GAP + tall <= innerHeight - EDGE || cell.top < innerHeight / 2;
    const y = below ? Math.min(cell.bottom + GAP, Math.max(EDGE, innerHeight - EDGE - tall)) : Math.max(EDGE, cell.top - GAP - tall);
    this.#node.style.setProperty("--x", `${Math.max(EDGE, Math.min(cell.left, innerWidth - EDGE - wide))}px`);
    this.#node.style.setProperty("--y", `${y}px`);
  }

  /** The cell may hold something else now: the same places stay open. */
  #follow() {
    const at = this.#place, td = at && one(`tr[data-key="${CSS.escape(at.key)}"] > td[data-col="${at.col}"]`, at.panel);
    if (!at) return;
    write(this.#gone, td ? "" : "its row is gone");
    const text = td instanceof HTMLTableCellElement ? value(td) : this.#text;
    if (text === null || text === this.#text) return;
    this.#text = text;
    const old = /** @type {HTMLElement} */ (this.#body.firstElementChild), focused = document.activeElement?.closest("details"), top = this.#body.scrollTop;
    const fresh = tree(text, opened(old));
    const before = new Map([...old.querySelectorAll(".leaf")].map((n) => [/** @type {HTMLElement} */ (n).dataset.path, n.textContent]));
    this.#body.replaceChildren(fresh);
    for (const n of fresh.querySelectorAll(".leaf")) {
      const path = /** @type {HTMLElement} */ (n).dataset.path;
      if (before.has(path) && before.get(path) !== n.textContent) n.lastElementChild?.classList.add("flash");
    }
    this.#body.scrollTop = top;
    if (focused) /** @type {HTMLElement|null} */ (fresh.querySelector(`[data-path="${CSS.escape(focused.dataset.path ?? "")}"] > summary`))?.focus({ preventScroll: true });
  }
}
