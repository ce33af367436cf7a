// Loading the page again: because its dashboard changed, or because the server has newer code. Never in a loop, never into the
// browser's own error page, and not while the reader is in the middle of something.
import { one, toast } from "./dom.js";

const KEY = "rowcast.reloads", MOST = 10, PAUSE = 120_000; // at most so many in such a time
const ONCE = 300_000; // newer code is loaded so often at most, whatever its version, and one definition for another: two servers may answer in turn
const AGAIN = 600_000; // the same new version is tried again after this: another server may have answered with the old one
const SILENT = 10_000; // a server that does not answer in this time is not there
const TOLD = { updated: "rowcast was updated", changed: "This page was changed", gone: "What was chosen here is not there any more", missing: "The page was loaded again: a part of it had not come" };

/**
 * missing: when it was last loaded for that reason; pairs: the same for each definition that was shown and the one that was told of
 * @typedef {{times: number[], version: string, tried: number, missing: number, pairs: Record<string, number>, why: ""|keyof typeof TOLD, scroll: number, focus: string}} Past
 */

/** @returns {Past} */
function past() {
  const none = { times: [], version: "", tried: 0, missing: 0, pairs: {}, why: /** @type {""} */ (""), scroll: 0, focus: "" };
  try { return { ...none, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") }; } catch { return none; }
}

/** @param {Past} p */
function keep(p) {
  try { sessionStorage.setItem(KEY, JSON.stringify(p)); } catch { /* then it may come sooner */ }
}

/**
 * When to load again: milliseconds from now, -1 for not at all. Pure.
 * @param {Past} p @param {string} version of the server's code where that is the reason, else "" @param {number} now @param {() => number} random
 * @param {string} [pair] of definitions, where that is the reason
 */
export function pause(p, version, now, random, pair = "") {
  if (version && version === p.version && now - p.tried < AGAIN) return -1;
  const times = p.times.filter((t) => now - t < PAUSE), wait = times.length >= MOST ? times[times.length - MOST] + PAUSE - now : 0;
  return Math.max(0, wait, version && p.tried ? p.tried + ONCE - now : 0, (p.pairs[pair] ?? -ONCE) + ONCE - now) + random() * (version ? 3000 : 250); // many browsers hear it at once
}

let coming = Infinity; // when
let busy = () => false; // is the reader in the middle of something?

/**
 * Loads the page again soon, once its reader is not in the middle of something.
 * @param {string} version of the server's code where that changed, else "" @param {keyof typeof TOLD} [why]
 * @param {string} [pair] the mark of the definition that is shown and that of the server's own, where they are the reason
 */
export function reload(version, why = version ? "updated" : "changed", pair = "") {
  const wait = pause(past(), version, Date.now(), Math.random, pair), at = Date.now() + wait;
  if (at >= coming || wait < 0) return;
  coming = at;
  const attempt = async () => {
    const p = past(), now = Date.now();
    if (busy() || !(await reachable()) || busy()) return void setTimeout(attempt, 1000); // asking takes its time
    const pairs = Object.fromEntries(Object.entries({ ...p.pairs, ...(pair && { [pair]: now }) }).filter(([, at]) => now - at < ONCE));
    keep({ times: [...p.times.filter((t) => now - t < PAUSE), now], version: version || p.version, tried: version ? now : p.tried, missing: why === "missing" ? now : p.missing, pairs, why, scroll: scrollY, focus: document.activeElement?.id ?? "" });
    location.reload();
  };
  setTimeout(attempt, wait);
}

/**
 * A part of the page's code that is loaded by itself. A browser may remember until the page is loaded again that it did not come: so that
 * is done, and where it does not help, now and then.
 * @template T @param {Promise<T>} part @returns {Promise<T>}
 */
export function late(part) {
  part.catch(() => setTimeout(() => reload("", "missing"), Math.max(0, past().missing + ONCE - Date.now())));
  return part;
}

/** The status that a page would come with, 0 for none at all: a browser's own error page never comes back by itself. */
export const answer = (url = location.href) => fetch(url, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(SILENT) }).then((r) => r.status, () => 0);

/** Would the page come? @param {string} [url] */
export async function reachable(url) {
  const status = await answer(url);
  return status > 0 && status < 500;
}

/**
 * What says "not yet" comes by itself, once there is another answer: soon where a page of this tab went, or on a wall, else slowly.
 * Where only what was chosen went, the page comes without it.
 * @param {HTMLElement} notice @param {boolean} wall
 */
export function notYet(notice, wall) {
  const { retry, status } = notice.dataset, p = past(), went = p.why === "changed" || p.why === "gone", without = one("[data-without]", notice);
  if (went && without instanceof HTMLAnchorElement) {
    keep({ ...p, why: "gone" });
    return location.replace(without.href);
  }
  const seconds = wall || went ? Math.min(3, Number(retry)) : Number(retry);
  if (seconds > 0) setInterval(async () => { if (![0, Number(status)].includes(await answer())) location.reload(); }, seconds * 1000 * (1 + Math.random() / 4));
}

/** After a reload of our own: where the reader was, and why it came. @param {() => boolean} middle is the reader in the middle of something? Asked before the next. */
export function restored(middle) {
  busy = middle;
  const p = past();
  if (!p.why) return;
  keep({ ...p, why: "" });
  const { why, scroll, focus } = p;
  if (scroll) scrollTo({ top: scroll, behavior: "instant" });
  if (focus) one(`#${CSS.escape(focus)}`)?.focus({ preventScroll: true });
  toast(TOLD[why], "info");
}
