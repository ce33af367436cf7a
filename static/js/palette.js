// The palette (Ctrl-K): pages and actions, found by typing.
import { all, one } from "./dom.js";

/** @param {(action: string) => void} act does one of the actions */
export function palette(act) {
  const dialog = one("#palette");
  if (!(dialog instanceof HTMLDialogElement)) return { toggle() {} };
  const input = /** @type {HTMLInputElement} */ (one("input", dialog)), items = all(".item", dialog), none = one(".none", dialog);
  items.forEach((item, i) => (item.id = `palette-${i}`));
  const shown = () => items.filter((i) => !i.hidden);
  /** @param {HTMLElement|undefined} item */
  const select = (item) => {
    items.forEach((i) => i.setAttribute("aria-selected", String(i === item)));
    input.setAttribute("aria-activedescendant", item?.id ?? "");
    item?.scrollIntoView({ block: "nearest" });
  };
  const filter = () => {
    const q = input.value.trim().toLowerCase();
    for (const i of items) i.hidden = !(i.textContent ?? "").toLowerCase().includes(q);
    for (const g of all(".group", dialog)) g.hidden = !following(g).some((i) => !i.hidden);
    if (none) none.hidden = shown().length > 0;
    select(shown()[0]);
  };
  /** @param {HTMLElement|undefined} item */
  const go = (item) => {
    if (!item) return;
    dialog.close();
    if (item.dataset.href) location.assign(item.dataset.href);
    else if (item.dataset.action) act(item.dataset.action);
  };
  input.addEventListener("input", filter);
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
    else if (e.target instanceof Element) go(items.find((i) => i.contains(/** @type {Element} */ (e.target))));
  });
  dialog.addEventListener("keydown", (e) => {
    const list = shown(), at = list.findIndex((i) => i.getAttribute("aria-selected") === "true");
    if (e.key === "ArrowDown") select(list[Math.min(list.length - 1, at + 1)]);
    else if (e.key === "ArrowUp") select(list[Math.max(0, at - 1)]);
    else if (e.key === "Enter") go(list[at]);
    else return;
    e.preventDefault();
  });
  return {
    toggle() {
      if (dialog.open) return dialog.close();
      input.value = "";
      filter();
      dialog.showModal();
    },
  };
}

/** The items below a heading. @param {HTMLElement} group */
function following(group) {
  const list = [];
  for (let n = group.nextElementSibling; n instanceof HTMLElement && !n.classList.contains("group"); n = n.nextElementSibling) if (n.classList.contains("item")) list.push(n);
  return list;
}
