// The legend of a chart, which is its readout too: a series each, that a click puts away and another brings back.
import { attribute, el, one, write } from "./dom.js";
import { namely } from "./series.js";

/** @typedef {import("./series.js").Series} Series */

const HINT = "Click: on or off. Double click or Alt-click: only this one";
/** Says of what a series is the sum, and what a click does. @param {Series} s */
const hint = ({ of }) => (of.length ? `${namely(of)}. ${HINT}` : HINT);

export class Legend {
  /** @type {Set<string>} labels of the series that the reader put away: also of those that are not there just now */ hidden = new Set();
  /** @type {Map<string, HTMLElement>} */ #entries = new Map();
  #rest = 0;

  /** @param {HTMLElement|null} list @param {() => void} changed @param {(label: string|null) => void} regard a series is looked at, or none */
  constructor(list, changed, regard) {
    this.list = list;
    this.changed = changed;
    for (const type of ["pointerover", "focusin"]) list?.addEventListener(type, (e) => regard(label(e) ?? null));
    for (const type of ["pointerleave", "focusout"]) list?.addEventListener(type, () => regard(null));
    this.more = (list && one(".unfold", list)) ?? el("li", { class: "unfold" }, el("button", { type: "button", "data-more": "", "aria-expanded": "false" }));
    this.more.addEventListener("click", () => this.#open(!list?.classList.contains("open")));
    for (const li of list?.children ?? []) if (li instanceof HTMLElement && li !== this.more) this.#entries.set(one("button", li)?.dataset.series ?? "", li);
    list?.addEventListener("click", (e) => { if (!e.altKey) this.#toggle(label(e)); else this.#alone(label(e)); });
    list?.addEventListener("dblclick", (e) => this.#alone(label(e)));
    list?.addEventListener("keydown", (e) => {
      if (!e.altKey || (e.key !== "Enter" && e.key !== " ")) return;
      e.preventDefault();
      this.#alone(label(e));
    });
  }

  /** Brings the entries to these series; those that stay are not touched. @param {Series[]} all */
  show(all) {
    const { list } = this, labels = new Set(all.map((s) => s.label));
    for (const [l, li] of this.#entries) if (!labels.has(l)) { li.remove(); this.#entries.delete(l); }
    let cursor = list?.firstElementChild ?? null;
    const place = (/** @type {HTMLElement} */ li) => {
      if (li === cursor) cursor = li.nextElementSibling;
      else list?.insertBefore(li, cursor);
    };
    const first = all.findIndex((s) => s.rest);
    this.#rest = first < 0 ? 0 : all.length - first;
    all.forEach((s, i) => {
      const li = this.#entries.get(s.label) ?? this.#make(s.label), swatch = one(".swatch", li);
      if (swatch && swatch.dataset.hue !== s.hue) swatch.dataset.hue = s.hue;
      li.classList.toggle("rest", s.rest);
      write(one("span", li), s.of.length ? `${s.of.length} ${s.label}` : s.label);
      attribute(/** @type {Element} */ (li.firstElementChild), "title", hint(s));
      if (i === first) place(this.more);
      place(li);
    });
    if (first < 0) this.more.remove();
    this.#open(!!list?.classList.contains("open"));
    this.#press();
  }

  /** Shows the series that have no colour, or how many they are. @param {boolean} open */
  #open(open) {
    const button = one("button", this.more);
    this.list?.classList.toggle("open", open);
    if (button) attribute(button, "aria-expanded", String(open));
    write(button, open ? "Fewer" : `${this.#rest} more`);
  }

  /** What each series says, in their order. @param {Series[]} all @param {string[]} texts */
  read(all, texts) {
    all.forEach((s, i) => {
      const said = one("b", this.#entries.get(s.label)), long = texts[i].length - 0.6 * (texts[i].match(/[.,\s]/g)?.length ?? 0);
      write(said, texts[i]);
      if (said && long > Number(said.style.getPropertyValue("--digits"))) said.style.setProperty("--digits", String(long));
    });
  }

  /** @param {string} l */
  #make(l) {
    const li = el("li", {}, el("button", { type: "button", "data-series": l, "aria-pressed": "true", title: "" }, el("i", { class: "glyph swatch" }), el("span"), el("b", { class: "num" })));
    this.#entries.set(l, li);
    return li;
  }

  /** @param {string|undefined} l */
  #toggle(l) {
    if (l === undefined) return;
    if (!this.hidden.delete(l)) this.hidden.add(l);
    this.#press();
    this.changed();
  }

  /** Only this one, or all again if it is alone already. @param {string|undefined} l */
  #alone(l) {
    if (l === undefined) return;
    const others = [...this.#entries.keys()].filter((o) => o !== l), alone = !this.hidden.has(l) && others.every((o) => this.hidden.has(o));
    this.hidden.clear();
    if (!alone) for (const o of others) this.hidden.add(o);
    this.#press();
    this.changed();
  }

  #press() {
    for (const [l, li] of this.#entries) {
      const button = one("button", li), on = String(!this.hidden.has(l));
      if (button && button.getAttribute("aria-pressed") !== on) button.setAttribute("aria-pressed", on);
    }
  }
}

/** The series that an event is about. @param {Event} e */
const label = (e) => (e.target instanceof Element ? e.target.closest("[data-series]")?.getAttribute("data-series") ?? undefined : undefined);
