// The wall (?kiosk): a screen that nobody touches, seen from far away. It stays awake, puts the pointer away, shows the screens
// that it needs in turn, and may go round several dashboards.
import { one } from "./dom.js";
import { only } from "./parameters.js";
import { reachable } from "./reload.js";
import { ledger, Screens } from "./screens.js";

const POINTER = 3000, EACH = 60, SCREEN = 20; // ms until the pointer goes; seconds for each page of a round, and for each screen of one page

/** @param {URLSearchParams} asked @param {import("./keys.js").Keys} keys */
export function wall(asked, keys) {
  const root = document.documentElement;
  root.classList.add("wall");
  awake();
  addEventListener("pointermove", unseen());
  const grid = one(".grid"), screens = grid && new Screens(grid);
  if (screens) {
    document.fonts.ready.then(() => screens.fit());
    screens.fit();
    setInterval(() => screens.fit(), 1000);
  }
  const rows = one(".ledger > .scroll"), look = rows && ledger(rows);
  if (look) {
    document.fonts.ready.then(look);
    setInterval(look, 1000);
  }
  round(asked, screens, keys);
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
  url.search = only(url.search, ["kiosk", "rotate", "each", "theme"]);
  return { url: url.href, seconds };
}

/**
 * After a while comes the next screen of this page, and after the last one the next page: only where that is there, for a wall must
 * not end on an error. A page that stands still does not turn.
 * @param {URLSearchParams} asked @param {Screens|null} screens @param {import("./keys.js").Keys} keys
 */
function round(asked, screens, keys) {
  const next = asked.has("rotate") ? following(location.href) : null, each = Number(asked.get("each"));
  const on = async () => {
    if (one("#live")?.dataset.state === "paused") return;
    if (next && (screens?.last ?? true) && (await reachable(next.url))) return location.replace(next.url);
    screens?.turn(1);
  };
  const wait = () => setInterval(on, (next?.seconds ?? (each ? Math.max(5, each) : SCREEN)) * 1000);
  let timer = wait();
  /** @param {number} by */
  const turn = (by) => {
    clearInterval(timer);
    timer = wait();
    screens?.turn(by);
  };
  if (screens) keys.add({ press: ["PageDown"], text: "Next screen of this wall", run: () => turn(1) }, { press: ["PageUp"], text: "Screen before", run: () => turn(-1) });
}
