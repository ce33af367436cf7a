// The page's state, and what may be said about it. Pure: messages and times go in, a new state and a verdict come out.
import { clock, moment } from "./clock.js";
import { apply, Lost } from "./delta.js";
import { ago, sentence } from "./format.js";

/**
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./protocol.js").Status} Status
 *
 * The connection: "connecting" until the server answered, "open", "waiting" to try again, "stopped" for good.
 * @typedef {{kind: "connecting"|"open"|"waiting"|"stopped", retryAt: number, why: string}} Link
 *
 * @typedef {{
 *   page: string, cursor: string, at: number, panels: Map<string, Panel>,
 *   status: Status|null, heard: number, proven: number, link: Link, refused: {code: string, message: string}|null,
 *   ahead: number, started: number, pace: Pace|null,
 * }} Store at: of the newest frame; heard: when a status last came; proven: up to when what is shown was the truth;
 * ahead: the database's clock minus this one's; all in milliseconds
 *
 * How long messages are on their way, by a clock that nobody sets. sent: when the newest status was, by the database's clock; came: when
 * it did; quick: the first minus the second, of the one that was quickest; late: how much longer the newest one took.
 * @typedef {{sent: number, came: number, quick: number, late: number}} Pace
 *
 * @typedef {"snapshot"|"live"|"timed"|"reconnecting"|"stale"|"offline"} State
 * @typedef {{state: State, word: string, note: string, banner: {kind: "warn"|"bad", head: string, text: string}|null}} Verdict
 */

/**
 * How long a silent connection is still called live beyond what the server promised: 3 s are allowed, and a page looks at its clock
 * four times a second and is drawn a moment later.
 */
export const GRACE = 2500;
/** How long a connection may be gone before what is shown is called stale. */
export const PATIENCE = 3000;
/** Two clocks drift apart by no more than this, so what the quickest message showed grows old. */
const DRIFT = 2e-4;
/** A connection that was silent for so long is replaced. */
export const SILENCE = 15_000;

/**
 * @param {{page: string, cursor: string, at: string, panels: Map<string, Panel>}} first what was rendered @param {number} now
 * @returns {Store}
 */
export const start = (first, now) => ({
  page: first.page, cursor: first.cursor, at: Date.parse(first.at) || 0, panels: first.panels, status: null, heard: 0,
  proven: Date.parse(first.at) || now, link: { kind: "connecting", retryAt: 0, why: "" }, refused: null, ahead: 0, started: now, pace: null,
});

/** @param {Store} s @param {Link} link @returns {Store} */
export const linked = (s, link) => ({ ...s, link, status: link.kind === "open" ? null : s.status, refused: link.kind === "open" ? null : s.refused });

/**
 * The clock was set back, by so much: what was noted by it moves along, or nothing would be old for as long.
 * @param {Store} s @param {number} by milliseconds, less than none @returns {Store}
 */
export const shifted = (s, by) => ({
  ...s, heard: s.heard && s.heard + by, proven: s.proven + by, started: s.started + by, ahead: s.ahead - by,
  link: { ...s.link, retryAt: s.link.retryAt && s.link.retryAt + by },
});

/** Another page is to be shown: nothing is known of it yet, and what is shown stays until its snapshot comes. @param {Store} s @param {string} page @returns {Store} */
export const moved = (s, page) => ({ ...s, page, cursor: "", status: null, refused: null });

/**
 * Takes one message of the page that is watched. Throws {@link Lost} where it does not fit what is held.
 * @param {Store} s @param {Message} m @param {number} now @param {number} ticks now by a clock that nobody sets @returns {Store}
 */
export function receive(s, m, now, ticks = now) {
  switch (m.type) {
    case "watching":
      return { ...s, refused: null };
    case "snapshot": {
      /** @type {Map<string, Panel>} */
      const panels = new Map();
      for (const [id, change] of Object.entries(m.panels)) panels.set(id, reuse(s.panels.get(id), apply(undefined, change)));
      return framed({ ...s, cursor: m.cursor, panels }, m.at, now, ticks);
    }
    case "delta": {
      if (m.from !== s.cursor) throw new Lost("a delta from another state");
      const panels = new Map(s.panels);
      for (const [id, change] of Object.entries(m.panels)) panels.set(id, apply(panels.get(id), change));
      return framed({ ...s, cursor: m.cursor, panels }, m.at, now, ticks);
    }
    case "status": {
      const at = Date.parse(m.at ?? ""), age = m.age_ms ?? 0, known = !Number.isNaN(at) && m.age_ms !== undefined;
      const pace = known ? paced(s.pace, at + age, ticks) : s.pace;
      return { ...s, status: m, heard: now, proven: now - age - (pace?.late ?? 0), pace, ahead: known && pace ? pace.quick + ticks - now : s.ahead };
    }
    case "error":
      return { ...s, refused: { code: m.code, message: m.message } };
    default:
      return s;
  }
}

/**
 * What a status that was sent then says of the line. Where the database's clock went back it was set, and all begins anew.
 * @param {Pace|null} p @param {number} sent @param {number} came @returns {Pace}
 */
function paced(p, sent, came) {
  const seen = sent - came, quick = p && sent > p.sent - 1000 ? Math.max(seen, p.quick - DRIFT * (came - p.came)) : seen;
  return { sent, came, quick, late: quick - seen };
}

/** What came with a frame was no longer on its way than the frame is old. @param {Store} s @param {string} at @param {number} now @param {number} ticks @returns {Store} */
function framed(s, at, now, ticks) {
  const t = Date.parse(at) || s.at, p = s.pace;
  const pace = p && { ...p, late: Math.max(0, Math.min(p.late, p.quick - (t - ticks))) };
  return { ...s, at: t, pace, proven: s.heard ? Math.max(s.proven, Math.min(now, t - s.ahead)) : s.proven };
}

/**
 * A snapshot that comes after a reconnect mostly repeats what is shown: equal rows keep their identity.
 * @param {Panel|undefined} old @param {Panel} next @returns {Panel}
 */
function reuse(old, next) {
  if (!old) return next;
  const same = old.columns.length === next.columns.length && old.columns.every((c, i) => c.name === next.columns[i].name && c.type === next.columns[i].type && String(c.enum) === String(next.columns[i].enum));
  if (!same) return next;
  const before = new Map(old.rows.map((r) => [r.key, r]));
  const rows = next.rows.map((r) => {
    const b = before.get(r.key);
    return b && b.cells.length === r.cells.length && b.cells.every((c, i) => c === r.cells[i]) ? b : r;
  });
  return { ...next, columns: old.columns, rows };
}

/**
 * What the page may say of itself now.
 * @param {Store} s @param {number} now @param {boolean} online @returns {Verdict}
 */
export function verdict(s, now, online) {
  const age = now - s.proven, { link, status } = s;
  if (s.refused) return refused(s.refused);
  if (link.kind === "stopped") return { state: "offline", word: "Offline", note: "", banner: { kind: "bad", head: "The server ended this connection.", text: `${sentence(link.why)} Load the page again to go on.`.trim() } };
  // A line may still count as open when the network is gone: then it is silent.
  const limit = (status?.next_ms ?? 5000) + GRACE, late = s.pace?.late ?? 0, silent = !!status && now - s.heard > limit;
  if (!online && (link.kind !== "open" || silent)) {
    return { state: "offline", word: "Offline", note: "no network", banner: { kind: "bad", head: `Offline since ${moment(s.proven, now)}.`, text: "This browser has no network. The page catches up by itself." } };
  }
  if (link.kind !== "open" || !status) return unconnected(s, now, age);
  if (silent) return stale(s, age, s.proven, "The server is silent", "The page connects again by itself.");
  if (now - s.heard + late > limit) return stale(s, age, s.proven, "The line to the server is slow", "The page catches up as fast as it lets.");
  switch (status.state) {
    case "live": return { state: "live", word: "Live", note: "", banner: null };
    case "timed": return { state: "timed", word: `Every ${seconds(status.every_ms ?? 5000)}`, note: "", banner: null };
    case "stale": {
      const since = Date.parse(status.since ?? "");
      const old = (status.age_ms ?? age) + (now - s.heard);
      return stale(s, old, Number.isNaN(since) ? now - old : since - s.ahead, why(status), NEXT[status.reason ?? ""] ?? "The page catches up by itself.");
    }
    default: return { state: "timed", word: sentence(status.message ?? status.state).replace(/\.$/, ""), note: "", banner: null };
  }
}

/** @type {Record<string, string>} */
const WHY = {
  starting: "The server is starting", database_unreachable: "The database does not answer", bell_missing: "A table lost its doorbell",
  not_armed: "The doorbell could not be armed", queue_full: "The database's notification queue is filling up", behind: "The server cannot keep up",
};
/**
 * The server's own words where they say more than the reason does; what a driver says of a connection is for the server's log.
 * @param {Status} s
 */
function why({ reason = "", message }) {
  return (reason === "database_unreachable" ? "" : message) || WHY[reason] || "The data is not proven";
}

/** @type {Record<string, string>} */
const NEXT = { bell_missing: "Until it is back, rows are read by the clock.", queue_full: "Until it drains, rows are read by the clock." };

/** @param {Store} s @param {number} now @param {number} age @returns {Verdict} */
function unconnected(s, now, age) {
  const next = s.link.kind === "waiting" ? Math.max(0, s.link.retryAt - now) : 0, soon = next >= 1000 ? `in ${Math.ceil(next / 1000)} s` : "now";
  if (!s.heard && now - s.started < PATIENCE) return { state: "snapshot", word: "Snapshot", note: s.at ? clock(s.at) : "", banner: null };
  const gone = s.heard ? now - Math.max(s.heard, s.proven) : now - s.started;
  if (gone < PATIENCE + (s.status?.next_ms ?? 0)) return { state: "reconnecting", word: "Reconnecting", note: soon, banner: null };
  return stale(s, age, s.proven, "The server does not answer", `Next try ${soon}.`);
}

/** @param {Store} s @param {number} age @param {number} since @param {string} why @param {string} next @returns {Verdict} */
function stale(s, age, since, why, next) {
  const old = ago(Math.max(1500, age)).words;
  return { state: "stale", word: "Stale", note: old, banner: { kind: "warn", head: `Stale since ${moment(since, since + age)}.`, text: `${sentence(why).replace(/\.$/, "")}${s.at ? `; what you see is ${old} old` : ""}. ${next}` } };
}

/** @param {{code: string, message: string}} r @returns {Verdict} */
function refused(r) {
  const heads = /** @type {Record<string, string>} */ ({ not_found: "This page is gone.", forbidden: "Not for this role.", unauthorized: "You are not signed in.", too_many: "Too many viewers.", unavailable: "Not available now." });
  return { state: "offline", word: "Offline", note: "", banner: { kind: "bad", head: heads[r.code] ?? "The server refused this page.", text: sentence(r.message) } };
}

/** @param {number} ms */
const seconds = (ms) => (ms >= 60_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 100) / 10} s`);
