// The connection: it watches one page, comes back by itself, and says what state it is in. Messages that do not belong to
// the page that is watched never leave this file.
import { AWAY, FULL, SUBPROTOCOL, afterClose, backoff, parse, watch } from "./protocol.js";
import { SILENCE } from "./store.js";

/** Where nothing was heard for longer, what comes then was sent while nobody listened: it says "live" of another time. */
const OLD = 8000;

/** So long the reader is not told that the page comes again, when the server asked for it and nothing is wrong. */
const UNSEEN = 2000;

/**
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./store.js").Link} Link
 * @typedef {{
 *   url: string, page: string, definition?: string,
 *   cursor: () => string, message: (m: Message) => boolean, link: (l: Link) => void, signin: () => void,
 *   open?: (url: string, protocol: string) => Wire, instead?: () => Promise<typeof import("./events.js").open|null>,
 *   random?: () => number, now?: () => number,
 * }} Options definition: the mark of how the page is drawn, if it has one; cursor: what is shown now; message: takes a message, false if it did not fit; link: told of every change;
 * signin: the session ended; instead: opens what does as a WebSocket where none comes through, null where the server is away
 *
 * What a WebSocket is to this file.
 * @typedef {{
 *   readonly readyState: number, onopen: ((e: any) => void)|null, onmessage: ((e: any) => void)|null, onclose: ((e: any) => void)|null,
 *   send(text: string): void, close(): void,
 * }} Wire
 */

export class Socket {
  /** @type {Wire|null} */ #ws = null;
  /** @type {typeof import("./events.js").open|null} */ #instead = null;
  #opened = false;
  #unopened = 0; // connections in a row that were closed before they were open
  #heard = 0;
  #attempt = 0;
  #told = 0; // delay that the server asked for
  #why = "";
  #answered = false;
  #page = "";
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #silence;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #unseen; // while it comes again unseen
  /** @type {Required<Options>} */ #o;

  /** @param {Options} options */
  constructor(options) {
    this.#o = { open: (url, protocol) => /** @type {Wire} */ (/** @type {unknown} */ (new WebSocket(url, protocol))), instead: async () => null, random: Math.random, now: Date.now, definition: "", ...options };
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drop();
    this.#answered = false;
    this.#told = this.#heard = 0;
    this.#opened = false;
    this.#say("connecting", 0);
    let ws;
    try {
      ws = (this.#instead ?? this.#o.open)(this.#o.url, SUBPROTOCOL);
    } catch {
      this.#retry();
      return;
    }
    this.#ws = ws;
    ws.onopen = () => {
      if (ws !== this.#ws) return;
      this.#opened = true;
      this.watch(this.#o.cursor());
    };
    ws.onmessage = (e) => { if (ws === this.#ws) this.#message(e.data); };
    ws.onclose = (e) => { if (ws === this.#ws) this.#closed(e.code); };
    this.#listen();
  }

  /** Watches the page (again). @param {string} cursor "" for the whole page */
  watch(cursor) {
    this.#answered = false;
    this.#ws?.send(watch(this.#o.page, cursor, this.#o.definition));
  }

  /** Watches another page from now on. @param {string} page */
  go(page) {
    this.#o.page = page;
    if (this.#ws?.readyState === 1) this.watch("");
    else if (this.#ws === null) this.connect();
  }

  /** Something happened that makes a try worthwhile: the tab came back, or the network. */
  wake() {
    if (this.#ws === null && this.#timer !== undefined) this.connect();
  }

  /** Ends the connection until it is asked for again. */
  leave() {
    clearTimeout(this.#unseen);
    this.#unseen = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drop();
  }

  /** Is there a connection, or one on its way? */
  get active() { return this.#ws !== null; }

  /** Comes again because the server has to be shown anew who it is: what was open goes on as if it were. */
  #again() {
    this.#unseen = setTimeout(() => { this.#unseen = undefined; this.#say("connecting", 0); }, UNSEEN);
    this.connect();
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => { this.#drop(); this.#retry(); }, SILENCE);
  }

  #drop() {
    clearTimeout(this.#silence);
    const ws = this.#ws;
    this.#ws = null;
    ws?.close();
  }

  /** @param {unknown} data */
  #message(data) {
    this.#listen();
    const now = this.#o.now(), old = this.#heard && now - this.#heard > OLD;
    if (old) return this.connect();
    this.#heard = now;
    let m;
    try {
      m = typeof data === "string" ? parse(data) : null;
    } catch {
      this.#drop();
      this.#retry();
      return;
    }
    if (!m) return;
    if (m.type === "bye" && m.reason === "again" && this.#answered) return this.#again();
    if (m.type === "bye") {
      this.#told = m.retry_after_ms ?? 0;
      return;
    }
    if (m.type === "error") this.#why = m.message;
    if (!this.#answered) {
      const answer = (m.type === "watching" || m.type === "error") && (m.watch === this.#o.page || (m.type === "error" && m.watch === undefined));
      if (!answer) return;
      this.#answered = true;
      this.#page = m.type === "watching" ? m.page : "";
      this.#say("open", 0);
    } else if ("page" in m && m.type !== "watching" && m.page !== this.#page) return;
    else if (m.type === "error" && m.watch !== undefined && m.watch !== this.#o.page) return; // of a page that was asked for before
    if (m.type === "status") this.#attempt = 0; // only a whole answer is a success
    if (!this.#o.message(m)) this.watch("");
  }

  /** @param {number} code */
  #closed(code) {
    clearTimeout(this.#silence);
    this.#ws = null;
    switch (afterClose(code)) {
      case "stay": case "stop":
        this.#say("stopped", 0);
        return;
      case "signin":
        this.#why ||= "The session ended, or this page may not be watched from here.";
        this.#say("stopped", 0);
        this.#o.signin();
        return;
      case "told":
        this.#retry(this.#told || undefined);
        return;
      case "full":
        this.#retry(backoff(this.#attempt, this.#o.random, FULL));
        return;
      default:
        this.#retry();
    }
  }

  #retry(delay = backoff(this.#attempt, this.#o.random, AWAY)) {
    this.#attempt++;
    this.#unopened = this.#instead ? 1 : this.#opened ? 0 : this.#unopened + 1; // after something else a WebSocket is tried again
    this.#instead = null;
    if (this.#unopened > 1) this.#o.instead().then((open) => { if (!this.#opened) this.#instead = open; }, () => {}); // one that opened meanwhile needs nothing in its place
    this.#timer = setTimeout(() => { this.#timer = undefined; this.connect(); }, delay);
    this.#say("waiting", this.#o.now() + delay);
  }

  /** @param {Link["kind"]} kind @param {number} retryAt */
  #say(kind, retryAt) {
    const unseen = this.#unseen;
    if (unseen !== undefined && kind === "connecting") return;
    clearTimeout(unseen);
    this.#unseen = undefined;
    if (unseen === undefined || kind !== "open") this.#o.link({ kind, retryAt, why: this.#why });
  }
}
