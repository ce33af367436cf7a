// The tape beside the live word: the last sixty seconds of frames, one tick each, as tall as the frame was large.
import { color } from "./dom.js";

const SPAN = 60_000;

export class Tape {
  /** @type {{at: number, size: number}[]} */ #frames = [];
  /** @type {Record<string, string>} */ #colors = {};
  #stopped = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) { this.canvas = canvas; }

  /** @param {number} now @param {number} size rows that changed */
  push(now, size) {
    this.#frames.push({ at: now, size });
    if (this.#frames.length > 240) this.#frames.shift();
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
    for (const f of this.#frames) {
      const x = Math.round(((f.at - t) / SPAN + 1) * (c.width - tick)), tall = Math.round((0.3 + Math.min(0.7, Math.log2(f.size + 1) / 5)) * c.height);
      g.fillStyle = this.#color(!this.#stopped && t - f.at < 1200 ? "--accent" : "--ink-3");
      g.fillRect(x, c.height - tall, tick, tall);
    }
  }

  /** @param {string} name */
  #color(name) { return (this.#colors[name] ??= color(name)); }
}
