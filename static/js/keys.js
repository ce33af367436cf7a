// The keys. One list says what each does: from it come the keyboard, the sheet (?) and the palette's actions. Whoever has keys
// of its own adds them.
import { el, one, writing } from "./dom.js";

/**
 * press: values of KeyboardEvent.key, "mod+k" with Ctrl or ⌘; run: what it does, left out where a part of the page listens
 * itself and the key is only listed; when: whether it does something here; icon: of its line in the palette, left out for none
 * @typedef {{press: string[], text: string, group?: string, icon?: string, when?: () => boolean, run?: () => void}} Key
 */

const MAC = /Mac|iPhone|iPad/.test(navigator.platform ?? "");
/** @type {Record<string, string>} */
const NAMES = { " ": "Space", Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", mod: MAC ? "⌘" : "Ctrl" };
/** What a pressed key is for a button or a link. */
const PRESSES = new Set([" ", "Enter"]);

export class Keys {
  /** @type {Key[]} */ #list = [];

  constructor() {
    addEventListener("keydown", (e) => this.#pressed(e));
  }

  /** @param {...Key} keys */
  add(...keys) { this.#list.push(...keys); }

  /** What can be done here. */
  get list() { return this.#list.filter((k) => k.when?.() ?? true); }

  /** Shows all keys, or puts them away. */
  sheet() {
    const dialog = one("#keys");
    if (!(dialog instanceof HTMLDialogElement)) return;
    if (dialog.open) return dialog.close();
    /** @type {Map<string, Key[]>} */ const groups = new Map();
    for (const k of this.list) {
      const group = k.group ?? "Everywhere";
      groups.set(group, [...(groups.get(group) ?? []), k]);
    }
    const sections = [...groups].map(([group, keys]) => el("section", {}, el("h3", {}, group), el("dl", {}, ...keys.map((k) => el("div", {}, el("dt", {}, k.text), el("dd", {}, ...caps(k)))))));
    one("[data-keys]", dialog)?.replaceChildren(...sections);
    dialog.showModal();
  }

  /** @param {KeyboardEvent} e */
  #pressed(e) {
    const mod = e.metaKey || e.ctrlKey, dialog = document.querySelector("dialog[open]:not(.drawer)"); // an open row stands beside its page
    if (e.altKey || e.isComposing || (!mod && writing(e.target))) return;
    const name = mod ? `mod+${e.key.toLowerCase()}` : e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const key = this.list.find((k) => k.run && k.press.includes(name));
    if (!key || (dialog && !mod)) return;
    if (PRESSES.has(e.key) && e.target instanceof Element && e.target.closest("button, a, summary, [role=button], [role=slider]")) return;
    e.preventDefault();
    key.run?.();
  }
}

/** A key as it is printed on a keyboard. @param {Key} key @returns {HTMLElement[]} */
export const caps = (key) => key.press.slice(0, 1).flatMap((p) => (p === "+" ? [p] : p.split("+"))).map((p) => el("kbd", {}, NAMES[p] ?? (p.length === 1 ? p.toUpperCase() : p)));
