// A chart's canvas: uPlot, told what a scene holds. It is made once; what changes is taken to it.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { color, el } from "./dom.js";
import { pointing } from "./gestures.js";
import { AXIS, bars, font, HEAD, LARGER, marks, places, present, room, rules, token } from "./paint.js";
import { range } from "./scale.js";
import { lonely, stack } from "./series.js";

/**
 * @typedef {import("./paint.js").Scene} Scene
 * Whose canvas it is: which part of the axis is shown, and which of its points is pointed at.
 * @typedef {import("./gestures.js").Reader & {ends(): [number, number], pointed(): number|null}} Owner
 */

const GROUNDS = ["--paper", "--ink", "--ink-3", "--grid", "--accent", "--wash"];
/** A root em in px: it differs on a wall. */
export const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
/** uPlot's own handling of the mouse is not used. */
const unbound = () => null;
/** A point for a series that shows none: without one, uPlot fails when the series goes. */
const unseen = () => el("i", { hidden: "" });
const line = /** @type {uPlot.Series.PathBuilder} */ (uPlot.paths.linear?.());

export class Canvas {
  /** @type {uPlot} */ #u;

  /** @param {HTMLElement} host @param {Scene} scene @param {Owner} owner */
  constructor(host, scene, owner) {
    this.host = host;
    this.scene = scene;
    this.owner = owner;
    this.#u = this.#make();
  }

  /** How many pixels of the screen lie along the axis. */
  get pixels() { return this.#u.bbox.width; }
  /** How wide the plot is, in px. */
  get width() { return this.#u.bbox.width / devicePixelRatio; }
  /** @param {number} left px */
  value(left) { return this.#u.posToVal(left, "x"); }
  /** @param {number} x */
  left(x) { return this.#u.valToPos(x, "x"); }

  /** The scene holds other numbers, or others of them are shown. */
  update() {
    const u = this.#u, { plot, hidden } = this.scene, many = plot.series.length;
    this.#colors();
    u.batch(() => {
      const data = this.#data();
      while (u.series.length <= many) u.addSeries(this.#look(), u.series.length);
      while (u.series.length > many + 1) u.delSeries(u.series.length - 1);
      this.scene.order.forEach((i, n) => {
        u.series[n + 1].width = this.#width(i);
        const show = !hidden.has(plot.series[i].label);
        if (u.series[n + 1].show !== show) u.setSeries(n + 1, { show });
      });
      u.setData(data, true);
    });
  }

  /** The ends of the axis are other ones. */
  move() { this.#u.batch(() => this.#u.setScale("x", { min: 0, max: 1 })); } // the scale asks for them itself

  /** Another point is pointed at. */
  point() { this.#u.setCursor({ left: 0, top: 0 }, false); } // the cursor asks for it itself

  /** Lets all but one series step back, or none. @param {string|null} label */
  regard(label) {
    const { order, plot, hidden } = this.scene, n = order.findIndex((i) => plot.series[i].label === label);
    this.#u.setSeries(/** @type {number} */ (/** @type {unknown} */ (n < 0 || hidden.has(label ?? "") || order.length < 2 ? null : n + 1)), { focus: true }, false);
  }

  /** Marks a part of the axis, or none. @param {[number, number]|null} part */
  select(part) {
    const u = this.#u, [from, to] = part ? [this.left(part[0]), this.left(part[1])] : [0, 0], left = Math.max(0, Math.min(from, to));
    u.setSelect({ left, width: Math.min(this.width, Math.max(from, to)) - left, top: 0, height: part ? u.bbox.height / devicePixelRatio : 0 }, false);
  }

  /** Draws again what it holds. @param {boolean} [colors] they may be other ones */
  redraw(colors = false) {
    if (colors) this.#colors(true);
    this.#u.redraw(false);
  }

  /** The panel has another size. */
  resize() {
    const { width, height } = this.#size(), u = this.#u;
    if (width < 10 || height < 10) return;
    if (rem() !== this.scene.rem) {
      u.destroy();
      this.#u = this.#make();
    } else if (width !== u.width || height !== u.height) u.setSize({ width, height });
  }

  destroy() { this.#u.destroy(); }

  #size() {
    const { clientWidth: width, clientHeight: height } = this.host; // also where paper enlarges it
    return { width: Math.floor(width), height: Math.floor(height) };
  }

  #make() {
    const { scene, owner } = this, { options } = scene, plain = options.type === "bar" || !!options.stacked;
    scene.rem = rem();
    this.#colors(true);
    const px = scene.rem / 16, data = this.#data();
    const u = new uPlot({
      ...this.#size(), padding: [HEAD * scene.rem, 0, 0, 0], legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false },
        bind: { mousedown: unbound, mouseup: unbound, mousemove: unbound, mouseenter: unbound, mouseleave: unbound, click: unbound, dblclick: unbound },
        move: (u) => { const x = owner.pointed(); return x === null ? [-10, -10] : [u.valToPos(x, "x"), 0]; },
        points: plain ? { show: unseen } : { size: 7 * px, width: 0, fill: (_, n) => this.#color(n) },
      },
      scales: { x: { time: false, range: () => owner.ends() }, y: { range: (_, lo, hi) => range(lo, hi, options) } },
      axes: [{
        font: font(scene), stroke: () => scene.colors["--ink-3"], grid: { show: false }, ticks: { show: false }, gap: 6 * px, size: AXIS * LARGER * scene.rem,
        splits: (u) => places(u, scene).map((t) => t.at), values: (u) => places(u, scene).map((t) => t.text),
      }, { side: 1, size: (u) => room(u, scene), stroke: "transparent", grid: { show: false }, ticks: { show: false }, splits: (u) => marks(u, scene), values: (_, all) => all.map(() => "") }],
      series: [{}, ...scene.order.map((i) => ({ ...this.#look(), width: this.#width(i), show: !scene.hidden.has(scene.plot.series[i].label) }))],
      hooks: { drawAxes: [(u) => rules(u, scene)], draw: [(u) => present(u, scene)] },
    }, data, this.host);
    pointing(u.over, owner);
    this.host.classList.add("drawn");
    return u;
  }

  /** @returns {uPlot.AlignedData} */
  #data() {
    const { scene } = this, { series, xs } = scene.plot, { stacked, type } = scene.options;
    scene.order = series.map((_, i) => i);
    scene.layers = stacked ? stack(series, series.map((s) => !scene.hidden.has(s.label)), type === "area") : [];
    if (type !== "bar") scene.order.reverse(); // what is below covers what stands on it
    return /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ ([xs, ...scene.order.map((i) => (stacked ? scene.layers[i].to : series[i].values))]));
  }

  /** Reads the colours that are not known yet. @param {boolean} [anew] all of them */
  #colors(anew = false) {
    const { scene } = this, { type, thresholds = [] } = scene.options;
    if (anew) scene.colors = {};
    for (const t of GROUNDS) scene.colors[t] ??= color(t);
    for (const hue of [...scene.plot.series.map((s) => s.hue), ...thresholds.map((t) => t.color)]) scene.colors[hue] ??= color(type === "bar" && hue === "ink" ? "--ink-2" : token(hue));
  }

  /** @param {number} n a series in the order of drawing, from 1 */
  #of(n) { return this.scene.plot.series[this.scene.order[n - 1]]; }
  /** @param {number} n */
  #color(n) { return this.scene.colors[this.#of(n)?.hue ?? ""] ?? ""; }

  /** @param {number} i a series */
  #width(i) {
    const { options, plot, rem } = this.scene;
    return options.type === "bar" ? 0 : ((options.stacked || plot.series[i].rest ? 1 : 1.5) * rem) / 16;
  }

  /** How a series is drawn: it asks which it is. @returns {uPlot.Series} */
  #look() {
    const { scene } = this, { type, stacked } = scene.options, px = scene.rem / 16;
    if (type === "bar") return { fill: (_, n) => this.#color(n), points: { show: false }, paths: (u, n, from, to) => bars(u, scene, n, from, to) };
    return {
      stroke: (_, n) => (stacked ? scene.colors["--paper"] : this.#color(n)), spanGaps: false,
      fill: (u, n) => this.#wash(u, n) ?? "transparent", fillTo: 0, paths: (u, n, from, to) => this.#line(u, n, from, to),
      points: { show: !stacked, filter: (_, n) => lonely(this.#of(n)?.values ?? []), size: 4 * px, fill: (_, n) => this.#color(n), width: 0 },
    };
  }

  /** @param {uPlot} u @param {number} n @param {number} from @param {number} to */
  #line(u, n, from, to) {
    const s = u.series[n], { fill } = s;
    if (this.#wash(u, n) === null) s.fill = undefined; // its outline would be a copy of the whole line, for nothing to be seen
    try { return line(u, n, from, to); } finally { s.fill = fill; }
  }

  /** A wash says how much, from zero; null: nothing does. @param {uPlot} u @param {number} n */
  #wash(u, n) {
    const { options, plot, colors } = this.scene, one = plot.series.length === 1;
    if (options.stacked) return this.#color(n);
    if ((options.type !== "area" && !one) || (u.scales.y.min ?? 0) > 0) return null;
    return this.#of(n)?.hue === "ink" ? colors["--wash"] : `color-mix(in oklab, ${this.#color(n)} 16%, transparent)`;
  }
}
