// The wall (?kiosk): a screen that nobody touches, seen from far away. It stays awake, ends tables with whole rows, puts the
// pointer away, and may go round several dashboards.
import { all, one } from "./dom.js";
import { reachable } from "./reload.js";

const POINTER = 3000, EACH = 60, NARROW = 704; // ms until the pointer goes; seconds for each page of a round; px of a phone at most

/** @param {URLSearchParams} asked */
export function wall(asked) {
  const root = document.documentElement;
  root.classList.add("wall");
  awake();
  addEventListener("pointermove", unseen());
  const grid = one(".grid");
  if (grid) {
    document.fonts.ready.then(() => fit(grid));
    fit(grid);
    setInterval(() => fit(grid), 1000);
  }
  round(asked);
}

/** Keeps the screen on where the browser lets it; a lock ends whenever the page is hidden. */
function awake() {
  /** @type {WakeLockSentinel|null} */ let lock = null;
  const ask = async () => {
    if (document.hidden || (lock && !lock.released)) return;
    lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null; // a wall that may not stay awake still shows what it can
  };
  document.addEventListener("visibilitychange", ask);
  void ask();
}

/** The pointer goes a moment after it was last moved. */
function unseen() {
  const root = document.documentElement;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let timer;
  const moved = () => {
    root.classList.remove("unpointed");
    clearTimeout(timer);
    timer = setTimeout(() => root.classList.add("unpointed"), POINTER);
  };
  moved();
  return moved;
}

/**
 * Nobody scrolls: all panels share the height of the screen. Rows of charts and tables take what the others leave; where that is
 * too little, everything gets smaller, to three quarters at most; and what does not fit even then is left out from the end.
 * @param {HTMLElement} grid
 */
function fit(grid) {
  if (innerWidth < NARROW) return;
  if (grid.dataset.shape === shape(grid)) return clip(grid);
  let rows = /** @type {Row[]} */ ([]);
  for (const scale of [1, 0.9, 0.82, 0.75]) {
    document.documentElement.style.setProperty("--scale", String(scale));
    rows = lines(grid);
    while (rows.length > 1 && rows.at(-1)?.words && !fits(grid, rows)) rows.pop(); // words are for those who sit before it
    if (fits(grid, rows)) break;
  }
  while (rows.length > 1 && !fits(grid, rows)) rows.pop();
  grid.style.setProperty("--rows", rows.map((r) => (r.open ? `minmax(${least(r)}px, 1fr)` : "auto")).join(" "));
  const end = Math.max(...rows.map((r) => r.top));
  for (const panel of all(".panel", grid)) {
    const top = Number(panel.dataset.top), span = rows.filter((r) => r.top >= top && r.top < Number(panel.dataset.end)).length;
    panel.classList.toggle("beyond", top > end);
    panel.style.setProperty("--span", String(span || 1)); // no row that is left out
  }
  grid.classList.add("fitted");
  grid.dataset.shape = shape(grid);
  clip(grid);
}

/** What the places of the panels hang on: the screen, and what the panels that cannot give way hold. @param {HTMLElement} grid */
const shape = (grid) => [innerWidth, innerHeight, grid.clientHeight, ...all(".panel", grid).map((p) => (gives(p) ? "" : p.scrollHeight))].join(" ");

/** Can a panel be lower than what it holds? @param {HTMLElement} panel */
const gives = (panel) => !!panel.querySelector("[data-plot], .scroll tbody");

/**
 * One line of panels; tall: as those that cannot give way need it; open: it may be taller; words: it holds nothing else.
 * @typedef {{top: number, tall: number, open: boolean, words: boolean}} Row
 */
const LEAST = 12; // rem, of a row with a chart or a table

/** @param {Row} r */
const least = (r) => Math.max(r.tall, r.open ? LEAST * parseFloat(getComputedStyle(document.documentElement).fontSize) : 0);

/** @param {HTMLElement} grid @param {Row[]} rows */
const fits = (grid, rows) => rows.reduce((n, r) => n + least(r), (rows.length - 1) * parseFloat(getComputedStyle(grid).rowGap)) <= grid.clientHeight;

/** The lines as they stand without limits. @param {HTMLElement} grid @returns {Row[]} */
function lines(grid) {
  /** @type {Map<number, Row>} */ const found = new Map(), panels = all(".panel", grid);
  grid.style.removeProperty("--rows");
  grid.classList.remove("fitted");
  grid.classList.add("measured");
  for (const panel of panels) panel.classList.remove("beyond");
  for (const panel of panels) {
    const top = panel.offsetTop, row = found.get(top) ?? { top, tall: 0, open: false, words: true };
    panel.dataset.top = String(top);
    row.words &&= panel.dataset.type === "text";
    if (gives(panel)) row.open = true;
    else row.tall = Math.max(row.tall, panel.offsetHeight);
    found.set(top, row);
  }
  grid.classList.remove("measured");
  for (const panel of panels) panel.dataset.end = String(panel.offsetTop + panel.offsetHeight);
  return [...found.values()].sort((a, b) => a.top - b.top);
}

/** Tables and lists end with a whole row, and a table is written smaller where it is too wide. @param {HTMLElement} grid */
function clip(grid) {
  for (const list of all(".panel:not(.beyond) [data-list]", grid)) {
    const end = Math.min(bottom(list), bottom(list.closest(".panel") ?? list)) + 1;
    for (const row of list.children) row.classList.toggle("beyond", bottom(row) > end);
  }
  for (const scroll of all(".panel:not(.beyond) .panel-body > .scroll", grid)) {
    const body = /** @type {HTMLElement} */ (scroll.parentElement), row = scroll.querySelector("tbody tr");
    if (!row) continue;
    if ((scroll.firstElementChild?.clientWidth ?? 0) > body.clientWidth + 1) scroll.classList.add("dense");
    const tall = row.getBoundingClientRect().height, head = one("thead", scroll)?.getBoundingClientRect().height ?? 0;
    const rows = Math.max(1, Math.floor((body.getBoundingClientRect().height - head) / tall));
    scroll.style.setProperty("--fits", `${head + rows * tall}px`);
  }
}

/** @param {Element} node */
const bottom = (node) => node.getBoundingClientRect().bottom;

/**
 * The page after this one in a round: ?rotate=shop,stock&each=60. Pure.
 * @param {string} here the URL that is shown @returns {{url: string, seconds: number}|null}
 */
export function following(here) {
  const url = new URL(here), names = (url.searchParams.get("rotate") ?? "").split(",").map((n) => n.trim()).filter(Boolean);
  if (!names.length) return null;
  const at = url.pathname.lastIndexOf("/d/"), now = decodeURIComponent(url.pathname.slice(at + 3));
  const name = names[(names.indexOf(now) + 1) % names.length], seconds = Math.max(5, Number(url.searchParams.get("each")) || EACH);
  if (at < 0 || name === now) return null;
  url.pathname = `${url.pathname.slice(0, at)}/d/${encodeURIComponent(name)}`;
  for (const key of [...url.searchParams.keys()]) if (!["kiosk", "rotate", "each", "theme"].includes(key)) url.searchParams.delete(key);
  return { url: url.href, seconds };
}

/** Goes on only where the next page is there: a wall must not end on an error. @param {URLSearchParams} asked */
function round(asked) {
  const next = asked.has("rotate") ? following(location.href) : null;
  if (!next) return;
  setInterval(async () => { if (await reachable(next.url)) location.replace(next.url); }, next.seconds * 1000);
}
