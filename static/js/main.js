// The entry: everything with a side effect starts here.
import { edges } from "./cells.js";
import { all, one, toast, writing } from "./dom.js";
import { LivePage } from "./page.js";
import { palette } from "./palette.js";
import { theme } from "./theme.js";
import { TreeView } from "./treeview.js";
import { variables } from "./variables.js";

const { body } = document;
const asked = new URLSearchParams(location.search);
if (asked.has("kiosk")) {
  document.documentElement.classList.add("wall");
  navigator.wakeLock?.request("screen").catch(() => {}); // a wall that may not stay awake still shows what it can
}

// On a wall nobody scrolls: tables end with a whole row, and a panel of which next to nothing fits is left out.
const grid = one("html.wall .grid");
if (grid) {
  const fit = () => {
    const end = grid.getBoundingClientRect().bottom + 1;
    for (const panel of all(".panel", grid)) {
      const scroll = one(".scroll", panel), row = scroll?.querySelector("tbody tr");
      const { bottom, top } = (scroll ?? panel).getBoundingClientRect();
      if (!scroll || !row) {
        panel.classList.toggle("beyond", bottom > end);
        continue;
      }
      const tall = row.getBoundingClientRect().height, head = one("thead", scroll)?.getBoundingClientRect().height ?? 0;
      const rows = Math.floor((end - top - head) / tall);
      panel.classList.toggle("beyond", rows < 2);
      scroll.style.setProperty("--fits", `${Math.max(0, head + rows * tall)}px`);
    }
  };
  fit();
  setInterval(fit, 1000);
}

const bar = variables(body.dataset);
const live = body.dataset.live ? new LivePage(body.dataset, bar?.views) : null;
if (live) bar?.connect(live);
const colors = theme(() => live?.theme());

/** @type {Record<string, (from?: HTMLElement) => void>} */
const actions = {
  pause: () => live?.pause(),
  retry: () => live?.retry(),
  theme: () => toast(`Theme: ${colors.next()}`),
  jump: () => jump.toggle(),
  keys: () => /** @type {HTMLDialogElement|null} */ (one("#keys"))?.showModal(),
  wall: () => {
    const url = new URL(location.href);
    url.searchParams.set("kiosk", "");
    location.assign(url);
  },
  more: (from) => from?.closest(".panel")?.classList.add("whole"),
  copy: (from) => copy(from?.closest(".copyable")?.querySelector("pre")?.textContent ?? ""),
};
const jump = palette((action) => actions[action]?.());

document.addEventListener("click", (e) => {
  const from = e.target instanceof Element ? e.target.closest("[data-do]") : null;
  if (from instanceof HTMLElement) actions[from.dataset.do ?? ""]?.(from);
  if (e.target instanceof HTMLDialogElement && e.target.id === "keys") e.target.close();
});

/** @type {Record<string, string>} */
const KEYS = { " ": "pause", ".": "pause", t: "theme", w: "wall", "?": "keys" };
addEventListener("keydown", (e) => {
  if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k") {
    e.preventDefault();
    jump.toggle();
    return;
  }
  if (e.metaKey || e.ctrlKey || e.altKey || writing(e.target)) return;
  if (e.key === "/" && one("#find")) {
    e.preventDefault();
    one("#find")?.focus();
    return;
  }
  const pressed = e.key === " " && e.target instanceof Element && e.target.closest("button, a, summary, [role=button]");
  const action = KEYS[e.key];
  if (!action || pressed || (action === "pause" && !live)) return;
  e.preventDefault();
  actions[action]();
});

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("This browser does not let the page copy", "triangle-alert");
  }
}

edges();
new TreeView();

// The demo's button, without leaving the page.
for (const form of all("form[data-demo]")) {
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const { action } = /** @type {HTMLFormElement} */ (form);
    const answer = await fetch(action, { method: "POST", headers: { "X-Rowcast": "fetch" }, redirect: "manual" }).catch(() => null);
    if (!answer || answer.status >= 400) toast("The order was not inserted", "triangle-alert");
  });
}

// The index: what is typed narrows the list.
const find = one("#find"), none = one("#none");
if (find instanceof HTMLInputElement) {
  find.addEventListener("input", () => {
    const q = find.value.trim().toLowerCase(), lines = all("[data-find]");
    for (const line of lines) line.hidden = !(line.dataset.find ?? "").toLowerCase().includes(q);
    for (const group of all("tbody")) group.hidden = all("[data-find]", group).every((l) => l.hidden);
    for (const section of all("[data-found]")) section.hidden = all("[data-find]", section).every((l) => l.hidden);
    if (!none) return;
    none.hidden = lines.some((l) => !l.hidden);
    none.textContent = `Nothing is named “${find.value.trim()}”. Columns were searched too.`;
  });
}

// A page that says "not yet" tries again by itself.
const again = Number(one("[data-retry]")?.dataset.retry ?? 0);
if (again > 0) setTimeout(() => location.reload(), again * 1000 * (1 + Math.random() / 4));
