// Menus that open below what they belong to. The popover attribute does opening, closing and focus; this puts them in place and
// moves through them with the arrow keys.

const ITEMS = "button:not([disabled]), a[href], input:not([disabled])";

/** Opens a menu below a button, or closes it there. @param {HTMLElement} menu with a popover attribute @param {HTMLElement} from */
export function open(menu, from) {
  if (menu.matches(":popover-open")) return menu.hidePopover();
  const r = from.getBoundingClientRect();
  menu.showPopover();
  const wide = menu.offsetWidth, tall = menu.offsetHeight, gap = 4;
  const below = r.bottom + gap + tall <= innerHeight || r.top < tall + gap;
  menu.style.setProperty("--x", `${Math.max(gap, Math.min(r.left, innerWidth - wide - gap))}px`);
  menu.style.setProperty("--y", `${below ? Math.min(r.bottom + gap, Math.max(gap, innerHeight - tall - gap)) : r.top - tall - gap}px`);
  from.setAttribute("aria-expanded", "true");
  const closed = (/** @type {Event} */ e) => { // told at once: "toggle" says nothing where it opens elsewhere in the same moment
    if (/** @type {ToggleEvent} */ (e).newState !== "closed") return;
    menu.removeEventListener("beforetoggle", closed);
    from.setAttribute("aria-expanded", "false");
    if (!document.activeElement || document.activeElement === document.body || menu.contains(document.activeElement)) from.focus({ preventScroll: true });
  };
  menu.addEventListener("beforetoggle", closed);
  /** @type {HTMLElement|null} */ (menu.querySelector(`[aria-checked="true"], input:checked`) ?? menu.querySelector(ITEMS))?.focus({ preventScroll: true });
}

/** Moves through a menu with the arrow keys. @param {HTMLElement} menu */
export function keys(menu) {
  menu.addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key], list = [...menu.querySelectorAll(ITEMS)].filter((n) => n instanceof HTMLElement && n.offsetHeight > 0);
    const edge = { Home: 0, End: list.length - 1 }[e.key];
    if ((by === undefined && edge === undefined) || e.altKey || !list.length || (e.target instanceof HTMLInputElement && e.target.type !== "checkbox" && edge !== undefined)) return;
    e.preventDefault();
    const at = list.indexOf(/** @type {Element} */ (document.activeElement));
    /** @type {HTMLElement} */ (list[edge ?? (at + (by ?? 0) + list.length) % list.length]).focus();
  });
}
