// The wall (?kiosk): a screen that nobody touches, seen from far away. It stays awake, ends tables with whole rows, puts the
// pointer away, and may go round several dashboards.
import { all, one } from "./dom.js";
import { reachable } from "./reload.js";

const POINTER = 3000, EACH = 60; // ms until the pointer goes; seconds for each page of a round

/** @param {URLSearchParams} asked */
export function wall(asked) {
  const root = document.documentElement;
  root.classList.add("wall");
  awake();
  addEventListener("pointermove", unseen());
  const grid = one(".grid");
  if (grid) {
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

/** Nobody scrolls: tables end with a whole row, and a panel of which next to nothing fits is left out. @param {HTMLElement} grid */
function fit(grid) {
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
}

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
