// The tape beside the live word: the last sixty seconds of frames, one tick each, as tall as the frame was large.
import { color } from "./dom.js";

const SPAN = 60_000, NEW = 1200; // milliseconds
const KEPT = 1500; // frames: a page has at most twenty a second

export class Tape {
  /** @type {{at: number, tall: number}[]} tall: of the tape's height */ #frames = [];
  /** @type {Record<string, string>} */ #colors = {};
  #stopped = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) { this.canvas = canvas; }

  /** @param {number} now @param {number} size rows that changed */
  push(now, size) {
    this.#frames.push({ at: now, tall: 0.3 + Math.min(0.7, Math.log2(size + 1) / 5) });
    if (this.#frames.length > KEPT) this.#frames.shift();
  }

  /** Stands still at this moment, or runs again with 0. @param {number} at */
  stop(at) { this.#stopped = at && (this.#stopped || at); }

  /** Asks for the colours again: the theme changed. */
  theme() { this.#colors = {}; }

  /** @param {number} now */
  draw(now) {
    const c = this.canvas, w = c.clientWidth, h = c.clientHeight, g = c.getContext("2d");
    if (!w || !g) return;
    if (c.width !== Math.round(w * devicePixelRatio)) [c.width, c.height] = [Math.round(w * devicePixelRatio), Math.round(h * devicePixelRatio)];
    const t = this.#stopped || now, tick = Math.max(1, Math.round(devicePixelRatio));
    while (this.#frames.length && t - this.#frames[0].at > SPAN) this.#frames.shift();
    g.clearRect(0, 0, c.width, c.height);
    g.fillStyle = this.#color("--rule");
    g.fillRect(0, c.height - tick, c.width, tick);
    const { width, height } = c, place = (/** @type {number} */ at) => Math.round(((at - t) / SPAN + 1) * (width - tick));
    /** @type {Map<number, number>} */ const ticks = new Map(); // of frames at the same place the tallest one's
    for (const f of this.#frames) {
      const x = place(f.at);
      if (f.tall > (ticks.get(x) ?? 0)) ticks.set(x, f.tall);
    }
    const old = this.#stopped ? width : place(t - NEW);
    for (const [x, share] of ticks) {
      const tall = Math.round(share * height);
      g.fillStyle = this.#color(x > old ? "--accent" : "--ink-3");
      g.fillRect(x, height - tall, tick, tall);
    }
  }

  /** @param {string} name */
  #color(name) { return (this.#colors[name] ??= color(name)); }
}
