// The wire contract, read and written; see docs/protocol.md. Pure: it knows neither the page nor the network.

/**
 * @typedef {{name: string, type: string, enum?: string[]}} Field the labels of an enum are in their order
 * @typedef {(string|null)[]} WireRow the key, then one cell per column
 * @typedef {{code: string, message: string, hint?: string, fix?: string, position?: number, line?: number, column?: number}} Problem
 * @typedef {["-", string] | ["+", number, WireRow] | ["=", string, Record<string, string|null>] | [">", string, number]} Op
 * @typedef {{columns?: Field[], rows?: WireRow[], ops?: Op[], truncated?: boolean, error?: Problem|null, at?: string, every_ms?: number}} Change
 *
 * @typedef {{type: "watching", watch: string, page: string}} Watching
 * @typedef {{type: "snapshot", page: string, cursor: string, at: string, panels: Record<string, Change>}} Snapshot
 * @typedef {{type: "delta", page: string, from: string, cursor: string, at: string, panels: Record<string, Change>}} Delta
 * @typedef {{type: "status", page: string, state: string, at?: string, since?: string, age_ms?: number, next_ms?: number, safety_ms?: number, every_ms?: number, tables?: string[], reason?: string, message?: string}} Status
 * @typedef {{type: "reload", page: string, version?: string, definition?: string}} Reload
 * @typedef {{type: "error", watch?: string, code: string, message: string}} ErrorMessage
 * @typedef {{type: "bye", reason: string, retry_after_ms?: number}} Bye
 * @typedef {Watching|Snapshot|Delta|Status|Reload|ErrorMessage|Bye} Message
 */

export const SUBPROTOCOL = "rowcast.v1";

const KNOWN = new Set(["watching", "snapshot", "delta", "status", "reload", "error", "bye"]);

/**
 * Reads one text message; null for one that this client does not know, which it ignores. Throws on what is not JSON.
 * @param {string} text @returns {Message|null}
 */
export function parse(text) {
  const m = JSON.parse(text);
  return m && typeof m === "object" && KNOWN.has(m.type) ? m : null;
}

/**
 * Asks to watch a page; cursor is what is already shown, definition the mark of how it is drawn, each "" for none.
 * @param {string} page @param {string} cursor @param {string} [definition]
 */
export const watch = (page, cursor, definition) => JSON.stringify({ type: "watch", page, cursor: cursor || undefined, definition: definition || undefined });

/**
 * What a client does after a close: "stay" away, "stop" and say so, go to the "signin" page, come back when "told" to, or
 * "retry" with growing delays, "full" with long ones.
 * @param {number} code @returns {"stay"|"stop"|"signin"|"told"|"full"|"retry"}
 */
export function afterClose(code) {
  switch (code) {
    case 1000: return "stay";
    case 1001: case 1012: return "told";
    case 1003: case 1007: case 1009: return "stop";
    case 1008: return "signin";
    case 1013: return "full";
    default: return "retry";
  }
}

/** The longest delay where the server is away, so that a page is right within 5 s of its return; and where it has too many. */
export const AWAY = 4_000, FULL = 30_000;

/**
 * How long to wait before attempt n (from 0): growing, jittered, at most so long.
 * @param {number} n @param {() => number} random @param {number} most
 */
export const backoff = (n, random, most) => Math.min(most, 400 * 2 ** Math.min(n, 8)) * (0.5 + random() / 2);
