// The list of all pages: what is typed narrows it, and its lamps follow what the server knows.
import { all, one, write } from "./dom.js";
import { match } from "./match.js";

const EVERY = 5000;

/**
 * @typedef {{title: string, whole: string, fraction?: string, unit?: string, line?: string, since?: string}} Peek a dashboard's first number
 * @typedef {{address: string, title: string, kind: string, live?: boolean, rows_estimate?: number, peek?: Peek}} Listed
 */

/** @param {string} base path before every address */
export function index(base) {
  const find = one("#find");
  if (find instanceof HTMLInputElement) {
    find.addEventListener("input", () => narrow(find.value.trim()));
    if (find.value) narrow(find.value.trim()); // typed before this code was there
  }
  const lamp = one("#known");
  if (!lamp) return;
  let asked = 0, shown = 0;
  const look = async () => {
    if (document.hidden) return;
    const turn = ++asked, [pages, ready] = await Promise.all([json(`${base}/api/v1/pages`), json(`${base}/readyz`)]);
    if (turn < shown) return; // a later answer was quicker
    shown = turn;
    const state = !ready ? "offline" : ready.status === "ok" && pages ? "timed" : "stale";
    lamp.dataset.state = state;
    write(one("[data-word]", lamp), { offline: "Offline", timed: "Every 5 s", stale: "Stale" }[state]);
    write(one("[data-note]", lamp), { offline: "the server does not answer", timed: "", stale: "the database does not answer" }[state]);
    if (pages) mark(pages.pages, base);
    if (state === "timed" && one("[data-away]")) location.reload(); // the tables were not known, and now they are
  };
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
  void look();
}

/** @param {string} query */
function narrow(query) {
  const lines = all("[data-find]"), none = one("#none");
  for (const line of lines) line.hidden = !match(query, line.dataset.find ?? "");
  for (const group of all("tbody")) group.hidden = all("[data-find]", group).every((l) => l.hidden);
  for (const section of all("[data-found]")) section.hidden = all("[data-find]", section).every((l) => l.hidden);
  if (!none) return;
  none.hidden = lines.some((l) => !l.hidden);
  write(none, `Nothing is named “${query}”. Columns were searched too.`);
}

/** The lamps of the tables that are listed; what is new comes with the next load. @param {Listed[]} pages @param {string} base */
function mark(pages, base) {
  const known = new Map(pages.map((p) => [base + p.address, p]));
  peek(known);
  for (const tr of all("tr[data-find]")) {
    const page = known.get(one("a", tr)?.getAttribute("href") ?? ""), dot = one(".dot", tr);
    if (!page || !dot) continue;
    dot.classList.toggle("timed", !page.live);
    write(dot.nextElementSibling, page.live ? "live" : "by the clock");
    dot.nextElementSibling?.classList.toggle("dim", !page.live);
  }
}

/** The first numbers of dashboards: of the present where somebody watches them, else as they were last seen. @param {Map<string, Listed>} known */
function peek(known) {
  for (const card of all(".board")) {
    const p = known.get(card.getAttribute("href") ?? "")?.peek, node = one("[data-peek]", card);
    if (!p || !node) continue;
    for (const name of /** @type {const} */ (["title", "since", "whole", "fraction", "unit"])) write(one(`[data-${name}]`, node), p[name] ?? "");
    node.querySelector("path")?.setAttribute("d", p.line ?? "");
    node.hidden = false;
  }
}

/** @param {string} url @returns {Promise<any>} null where there is no answer */
const json = (url) => fetch(url, { cache: "no-store" }).then((r) => (r.ok ? r.json() : null)).catch(() => null);
