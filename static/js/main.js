// The entry: everything with a side effect starts here.
import { edges } from "./cells.js";
import { all, calm, copy, one, toast } from "./dom.js";
import { Keys } from "./keys.js";
import { LivePage } from "./page.js";
import { parameter } from "./parameters.js";
import { late, notYet } from "./reload.js";
import { rows } from "./rows.js";
import { theme } from "./theme.js";
import { variables } from "./variables.js";

const { body } = document;
const asked = new URLSearchParams(location.search);
if (asked.has("kiosk")) late(import("./wall.js")).then(({ wall }) => wall(asked, keys), () => {});
if (asked.has("embed")) document.documentElement.classList.add("embed");

const bar = variables(body.dataset);
const live = body.dataset.live ? new LivePage(body.dataset, bar?.views) : null;
if (live) bar?.connect(live);
const own = one("[data-table]");
/** @type {import("./tablepage.js").TablePage|null} */ let table = null;
if (live && own) late(import("./tablepage.js")).then(({ TablePage }) => { table = new TablePage(live, own); }, () => {});
const colors = theme(() => live?.theme());
const panels = all(".panel[id]");

/** @type {Record<string, (from?: HTMLElement) => void>} */
const actions = {
  pause: () => live?.pause(),
  retry: () => live?.retry(),
  theme: () => toast(`Theme: ${colors.next()}`),
  jump,
  keys: () => keys.sheet(),
  details: () => one("#details")?.togglePopover(),
  wall: () => location.assign(location.pathname + parameter(location.search, "kiosk", new URLSearchParams(location.search).has("kiosk") ? null : "") + location.hash),
  find: () => one("#find, [data-search]")?.focus(),
  hold: () => live?.hold(),
  close: (from) => from?.closest("dialog")?.close(),
  more: (from) => from?.closest(".panel")?.classList.add("whole"),
  copy: (from) => copy(from?.closest(".copyable")?.querySelector("pre")?.textContent ?? ""),
};

// Every key of the page. What has its keys elsewhere adds them here to be listed.
const page = () => !!live, board = () => panels.length > 0, chart = () => !!one("[data-plot]");
const keys = new Keys();
keys.add(
  { press: ["mod+k"], text: "Jump to a page, a panel, an action", run: actions.jump },
  { press: [" "], text: "Pause or resume this page", icon: "pause", when: page, run: actions.pause },
  { press: ["l"], text: "How live it is, and why", icon: "info", when: page, run: actions.details },
  { press: ["/"], text: "Find on the page of all pages", icon: "search", when: () => !!one("#find"), run: actions.find },
  { press: ["/"], group: "Table", text: "Search the rows", icon: "search", when: () => !!own, run: actions.find },
  { press: ["."], group: "Table", text: "Hold the table under the pointer, or let it run", when: () => page() && !!one("[data-type=table]"), run: actions.hold },
  { press: ["n"], group: "Table", text: "Next page of rows", when: () => !!own, run: () => table?.turn(1) },
  { press: ["p"], group: "Table", text: "Previous page of rows", when: () => !!own, run: () => table?.turn(-1) },
  { press: ["t"], text: "Light, dark or as the system", icon: "sun-moon", run: actions.theme },
  { press: ["w"], text: "Open on a wall, or leave it", icon: "monitor", when: page, run: actions.wall },
  { press: ["?"], text: "Show the keys", icon: "keyboard", run: actions.keys },
  { press: ["Escape"], text: "Close" },
  { press: ["]"], group: "Dashboard", text: "Next panel", when: board, run: () => step(1) },
  { press: ["["], group: "Dashboard", text: "Previous panel", when: board, run: () => step(-1) },
  ...[["ArrowLeft", "Point at the point before"], ["ArrowRight", "Point at the next"], ["+", "Zoom in"], ["-", "Zoom out"], ["0", "Show all of it"]].map(([press, text]) => ({ press: [press], group: "On a chart", text, when: chart })),
);
if (live) rows(live, keys);

/** @type {Promise<() => void>|undefined} */ let finder;
/** Opens the palette, or closes it. It is open before its code is there: what is typed meanwhile stands in it. */
function jump() {
  const dialog = one("#palette");
  if (!(dialog instanceof HTMLDialogElement)) return;
  if (dialog.open) return dialog.close();
  dialog.showModal();
  finder ??= late(import("./palette.js")).then(({ palette }) => palette(dialog, keys, { panels: () => panels.map((p) => ({ title: one("h2", p)?.textContent ?? "", go: () => goTo(p) })) }));
  finder.then((find) => find(), () => { finder = undefined; });
}

document.addEventListener("click", (e) => {
  const from = e.target instanceof Element ? e.target.closest("[data-do]") : null;
  if (from instanceof HTMLElement) actions[from.dataset.do ?? ""]?.(from);
  if (e.target instanceof HTMLDialogElement && (e.target.id === "keys" || e.target.id === "starter")) e.target.close();
});

/** @param {HTMLElement} panel */
function goTo(panel) {
  panel.tabIndex = -1;
  panel.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "start", behavior: calm.matches ? "instant" : "smooth" });
}

/** The panel after the one that has the focus. @param {number} by */
function step(by) {
  const at = panels.findIndex((p) => p.contains(document.activeElement));
  goTo(panels[at < 0 ? (by > 0 ? 0 : panels.length - 1) : (at + by + panels.length) % panels.length]);
}

edges();
if (one(".made")) history.replaceState(null, "", location.href); // to load this page again would send its form, and make another link

// A document is opened by a module of its own, which comes when it is needed first.
/** @type {Promise<import("./treeview.js").TreeView>|undefined} */ let trees;
document.addEventListener("click", (e) => {
  const button = e.target instanceof Element ? e.target.closest("td button.tree") : null;
  if (!(button instanceof HTMLElement)) return;
  trees ??= late(import("./treeview.js")).then(({ TreeView }) => new TreeView());
  trees.then((t) => t.open(button), () => {
    trees = undefined; // the next click tries again
    toast("The document could not be opened", "triangle-alert");
  });
});

// The demo's button, without leaving the page.
for (const form of all("form[data-demo]")) {
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const { action } = /** @type {HTMLFormElement} */ (form);
    const done = await fetch(action, { method: "POST", headers: { "X-Rowcast": "fetch" }, redirect: "manual" }).catch(() => null);
    if (!done || done.status >= 400) toast("The order was not inserted", "triangle-alert");
  });
}

if (one("#find, #known")) late(import("./index.js")).then(({ index }) => index(body.dataset.base ?? ""), () => {});

const notice = one("[data-retry]");
if (notice) notYet(notice, asked.has("kiosk"));
