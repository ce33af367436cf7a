// A live page: the socket's messages go into the store, the store goes to the screen, once a display frame at most.
import { clock } from "./clock.js";
import { Lost, missed } from "./delta.js";
import { all, announce, one, toast, write } from "./dom.js";
import { LiveControl } from "./live.js";
import { parameter } from "./parameters.js";
import { late, reachable, reload, restored } from "./reload.js";
import { PanelView } from "./render.js";
import { Socket } from "./socket.js";
import { GRACE, linked, moved, receive, shifted, start, verdict } from "./store.js";

/** @typedef {import("./delta.js").Panel} Panel @typedef {import("./protocol.js").Message} Message */

const FRAME = 16, LATE = 100, GAP = 10_000, ONWARD = 6000, AGAIN = 3000;
/** A clock that lost more than this since it was last looked at was set back; less is what two clocks differ in. */
const SET = 20;
const NOTHING = { added: 0, changed: 0, removed: 0, moved: false };
/** Parameters of the browser's own, which stay while a reader goes from page to page. */
const OWN = ["kiosk", "embed", "rotate", "each", "theme", "widths"];

/**
 * What /api/v1/page says of a page.
 * @typedef {{address: string, kind: string, title: string, variables?: {name: string, values: string[]}[]}} Description
 *
 * What shows a panel.
 * @typedef {Pick<PanelView, "id"|"node"|"hydrate"|"update"|"tick"|"age"|"waiting"|"beat"> & {figure: PanelView["figure"]|null}
 *   & Partial<Pick<PanelView, "others"|"shown"|"pause"|"present"|"hold"|"table"|"wait">>} View
 */

export class LivePage {
  /** @type {View[]} */ #views = all("[data-panel]:not([data-type=text])").map((n) => new PanelView(n));
  #control = new LiveControl();
  /** @type {Map<string, Panel>} what is on the screen */ #shown = new Map();
  #paused = false;
  #drawn = 0;
  #was = 0; // the time of what is shown
  #waiting = false;
  #second = NaN; // since 1970, that was written last
  #held = NOTHING;
  #stopped = 0; // when it was paused
  #ticked = Date.now();
  #looked = { now: Date.now(), ticks: performance.now() }; // at the clock that may be set, and at the one that nobody sets
  #woken = 0;
  #base = "";
  #at = ""; // the address bar as it was last read
  #quiet = false; // what comes next is another page, not a change of this one
  #went = 0; // when that was asked for, until it is there
  /** @type {((d: Description) => void)[]} */ #listeners = [];
  /** @type {Description|null} of the page that was gone to last */ #described = null;
  #asked = 0; // how often a description was
  #definition = ""; // the mark of what the server drew

  /** @param {DOMStringMap} data of the body @param {View[]} [further] what shows panels elsewhere than in their places */
  constructor(data, further = []) {
    this.#views.push(...further);
    this.#base = (data.live ?? "/live").replace(/\/live$/, "");
    let whole = this.#views.length > 0;
    this.#at = this.#here();
    this.#definition = data.definition ?? "";
    for (const v of this.#views) {
      for (const [id, panel] of [/** @type {const} */ ([v.id, v.hydrate()]), ...(v.others?.() ?? [])]) {
        if (panel) this.#shown.set(id, panel);
        else whole = false;
      }
    }
    // A panel that had no result yet, or an error, is not fully known from the page: begin with a snapshot then.
    whole &&= this.#views.every((v) => (v.node.dataset.state ?? "") !== "error" && !["timeout", "denied"].includes(v.node.dataset.state ?? ""));
    this.store = start({ page: data.page ?? "", cursor: whole ? data.cursor ?? "" : "", at: data.at ?? "", panels: new Map(this.#shown) }, Date.now());
    this.#was = this.store.at;
    const at = new URL(data.live ?? "/live", location.href);
    if (data.version) at.searchParams.set("v", data.version);
    at.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Socket({
      url: at.href, page: this.store.page, definition: this.#definition, cursor: () => this.store.cursor,
      message: (m) => this.#receive(m),
      link: (l) => { this.store = linked(this.store, l); this.#say(); },
      instead: async () => ((await reachable(`${this.#base}/healthz`)) ? (await late(import("./events.js"))).open : null),
      signin: () => { if (data.signin) location.assign(`${data.signin}?again&next=${encodeURIComponent(this.#here())}`); },
    });
    this.socket.connect();
    this.#tick();
    setInterval(() => this.#tick(), 1000);
    setInterval(() => { if (!document.hidden) this.#say(); }, 250);
    addEventListener("popstate", () => { if (this.#here() !== this.#at) this.#move(this.#here()); }); // not where only the fragment changed
    for (const type of ["online", "offline", "focus"]) addEventListener(type, () => this.#wake());
    addEventListener("pagehide", () => this.socket.leave()); // a page without a connection may come back as it was left
    addEventListener("pageshow", (e) => { if (e.persisted) this.socket.connect(); });
    restored(() => this.#busy());
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  /**
   * Shows another page of the same kind in this one's place, without a reload: the same dashboard with other values, the same table
   * in another order. What is shown stays until the new rows come.
   * @param {string} address without the base path @param {boolean} [again] a further step of the same change: no new entry of the history
   */
  go(address, again = false) {
    if (again) history.replaceState(null, "", this.#url(address));
    else history.pushState(null, "", this.#url(address));
    this.#move(address);
  }

  /** Calls back with what the server says of a page whenever one was gone to, and at once where that is so already. @param {(d: Description) => void} listener */
  onmove(listener) {
    this.#listeners.push(listener);
    if (this.#described) listener(this.#described);
  }

  /** The path that a proxy puts before every URL. */
  get base() { return this.#base; }

  /** The panel of this name, if the page has it. @param {string} id @returns {PanelView|undefined} */
  view(id) {
    const v = this.#views.find((v) => v.id === id);
    return v instanceof PanelView ? v : undefined;
  }

  /** The address in the address bar. */
  #here() { return location.pathname.slice(this.#base.length) + location.search; }

  /** The URL of an address, with the browser's own parameters. @param {string} address */
  #url(address) {
    const now = new URLSearchParams(location.search), [path, search = ""] = address.split("?"), asked = new URLSearchParams(search);
    return this.#base + path + OWN.reduce((s, name) => (now.has(name) && !asked.has(name) ? parameter(s, name, now.get(name)) : s), search && `?${search}`);
  }

  /** @param {string} address */
  #move(address) {
    this.#at = this.#here();
    if (this.#paused) {
      toast("The page runs again: it shows what was asked for", "info");
      this.#control.unmeasured();
    }
    this.#stand(false);
    this.#quiet = true;
    this.#went = this.#now();
    this.store = moved(this.store, address);
    this.socket.go(address);
    document.body.ariaBusy = "true";
    this.#describe(address);
    this.#say();
  }

  /** @param {string} address */
  async #describe(address) {
    const at = `${this.#base}/api/v1/page?page=${encodeURIComponent(address)}`, asked = ++this.#asked;
    const answer = await fetch(at).catch(() => null), d = answer?.ok ? await answer.json().catch(() => null) : null;
    if (this.#asked !== asked) return; // the reader went on
    if (!d) {
      if (!answer || answer.ok || answer.status === 429 || answer.status >= 500) setTimeout(() => { if (this.#asked === asked) this.#describe(address); }, AGAIN);
      return;
    }
    this.#described = d;
    history.replaceState(null, "", this.#url(d.address));
    this.#at = this.#here();
    for (const v of this.#views) v.figure?.choose(d.variables ?? []);
    for (const listener of this.#listeners) listener(d);
  }

  /** Stops what is shown, or lets it run again; where the connection is broken, tries it now. */
  pause() {
    const { state } = this.#verdict();
    if (state === "stale" || state === "offline" || state === "reconnecting") return this.retry();
    this.#stand(!this.#paused);
    this.#stopped = this.#now();
    this.#held = NOTHING;
    if (!this.#paused) {
      this.#control.unmeasured();
      this.#draw();
      for (const v of this.#views) v.present?.(); // also what a table held by itself
    } else this.#draw(); // and what a table held before counts
    this.#say();
  }

  /** Lets a table that was held run again, wherever the pointer is by now, else holds the one pointed at or with the focus; where there is none, the page. */
  hold() {
    const v = this.#paused ? undefined : this.#views.find((v) => v.hold?.has("key")) ?? this.#views.find((v) => v.hold && (v.table?.scroll.matches(":hover") || v.table?.scroll.contains(document.activeElement)));
    if (!v?.hold) return this.pause();
    v.hold.set("key", !v.hold.has("key"));
    announce(v.hold.has("key") ? "The table holds still" : "The table runs again");
  }

  /** @param {boolean} paused */
  #stand(paused) {
    this.#paused = paused;
    for (const v of this.#views) v.pause?.(paused);
  }

  retry() { this.socket.connect(); }
  theme() {
    this.#control.theme();
    for (const v of this.#views) v.figure?.theme();
    this.#say();
  }

  /**
   * The time. Where the clock was set back since it was last looked at, all that was noted by it moves along, by just so much: a
   * page looked once a second, and by what it had missed of that second a silence was noticed later.
   */
  #now() {
    const now = Date.now(), ticks = performance.now(), by = now - this.#looked.now - (ticks - this.#looked.ticks);
    if (by < -SET) {
      this.store = shifted(this.store, by);
      [this.#stopped, this.#woken, this.#went] = [this.#stopped + by, this.#woken + by, this.#went && this.#went + by];
    }
    this.#looked = { now, ticks };
    return now;
  }

  #verdict() {
    const now = this.#now(); // before the store is looked at
    return verdict(this.store, now, navigator.onLine);
  }
  /** On the way to another page nothing is said that is over in a moment. */
  #say() {
    const now = this.#now(), { refused, link } = this.store;
    if (this.#went && !refused && link.kind === "open" && now - this.#went < ONWARD) return;
    this.#control.show(this.store, this.#verdict(), this.#paused, this.#held, now);
  }
  #wake() {
    if (!document.hidden && navigator.onLine) this.#look();
    if (!document.hidden && this.#waiting) this.#draw();
    this.#say();
  }

  /** Connects where there is no connection, or one that slept with the machine. */
  #look() {
    const now = this.#now(), { heard, status } = this.store;
    const silent = this.socket.active && heard > 0 && now - heard > (status?.next_ms ?? 5000) + GRACE;
    if (!silent) return this.socket.wake();
    if (now - this.#woken < GAP) return;
    this.#woken = now;
    this.socket.connect();
  }

  /** Is the reader in the middle of something that a reload would end? */
  #busy() {
    if (document.documentElement.classList.contains("wall")) return false;
    return this.#paused || !!document.querySelector("dialog[open], [popover]:popover-open, .split.open") || !!document.activeElement?.closest("input, select, textarea");
  }

  /** @param {Message} m @returns {boolean} false if it did not fit what is held */
  #receive(m) {
    if (m.type === "reload") return reload(m.version ?? "", undefined, m.definition && `${this.#definition} ${m.definition}`), true;
    const came = m.type === "delta" && !!this.store.status; // by itself, not in the answer to what was asked for
    const now = this.#now();
    try {
      this.store = receive(this.store, m, now, performance.now());
    } catch (e) {
      if (e instanceof Lost) return false;
      throw e;
    }
    if (m.type === "status" && this.store.cursor) this.#went = 0;
    if (m.type === "snapshot" || m.type === "delta") {
      this.#control.frame(this.store.at, Object.keys(m.panels), size(m), now, came);
      this.#schedule();
    }
    if (m.type !== "delta") this.#say();
    if (m.type === "error" && !this.#went && (m.code === "forbidden" || (this.store.page.startsWith("/d/") && ["not_found", "bad_request"].includes(m.code)))) reload(""); // it says when it is back; and what may not be read is not shown
    if (m.type === "error") document.body.ariaBusy = null; // nothing else comes
    if (m.type === "status") this.#age(now);
    return true;
  }

  /**
   * Draws at once if nothing was drawn in this display frame, else with the next one. A hidden page has no display frames, and
   * a busy one may wait long for one: then a timer draws.
   */
  #schedule() {
    if (this.#waiting) return;
    if (!document.hidden && performance.now() - this.#drawn >= FRAME) return this.#draw();
    this.#waiting = true;
    const draw = () => { if (this.#waiting) this.#draw(); };
    requestAnimationFrame(draw);
    setTimeout(draw, LATE);
  }

  #draw() {
    this.#waiting = false;
    this.#drawn = performance.now();
    const { panels, at, cursor } = this.store;
    if (this.#quiet && cursor && !panels.size) return; // what was shown stays until there is something else
    if (this.#paused) {
      this.#held = missed(new Map(this.#views.flatMap((v) => (v.shown ? [[v.id, v.shown]] : []))), panels);
      for (const v of this.#views) { const p = panels.get(v.id); if (p) v.waiting(p); }
      this.#say();
      return;
    }
    const live = this.#shown.size > 0 && !this.#quiet;
    for (const v of this.#views) {
      const panel = panels.get(v.id);
      if (!panel && cursor) v.wait?.(this.#quiet, this.#was);
      try {
        if (panel && v.update(panel, Date.now() + this.store.ahead, this.#quiet, panels) && live) v.beat();
      } catch (e) {
        reportError(e); // one that cannot be drawn does not stop the others
      }
    }
    this.#was = at;
    if (cursor) {
      this.#quiet = false;
      document.body.ariaBusy = null;
    }
    this.#shown = panels;
    this.#held = NOTHING;
    this.#control.drawn(() => (this.store.heard ? Date.now() + this.store.ahead : NaN));
    const time = one("[data-asof]"), second = Math.floor(at / 1000);
    if (second !== this.#second) write(time, clock(at)); // to write a time is slower than to draw a panel that did not change
    this.#second = second;
    if (time?.parentElement) time.parentElement.hidden = false; // the first paint may have come before the first snapshot
    time?.setAttribute("datetime", new Date(at).toISOString());
  }

  /** @param {number} now */
  #age(now) {
    if (!this.store.heard && this.store.link.kind === "connecting") return; // nothing is known of it yet
    const { state } = this.#verdict(), { proven, status } = this.store, since = this.#paused ? this.#stopped : state === "live" ? now : proven;
    for (const v of this.#views) v.age(now - since, state === "timed" && !this.#paused ? (status?.every_ms ?? 5000) + GRACE : 2000);
  }

  #tick() {
    const now = this.#now(), slept = now - this.#ticked > GAP;
    this.#ticked = now;
    if (document.hidden) return;
    if (slept) this.#wake();
    this.#age(now);
    write(one("[data-clock]"), clock(Date.now()).slice(0, 5));
    if (this.#paused || document.body.classList.contains("stale-data")) return; // what is old does not grow by itself
    if (this.store.heard) for (const v of this.#views) v.tick(Date.now() + this.store.ahead);
  }
}

/** How many rows a frame touched. @param {import("./protocol.js").Snapshot|import("./protocol.js").Delta} m */
const size = (m) => Object.values(m.panels).reduce((n, p) => n + (p.ops?.length ?? p.rows?.length ?? 0), 0);
