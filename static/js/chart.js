// A chart of lines, areas or bars, as its reader left it: a frame changes only its numbers; zoom, crosshair and the legend's
// choices stay. Loaded only by pages that have charts.
import { Canvas, rem } from "./canvas.js";
import { announce, attribute, one, write } from "./dom.js";
import { keys } from "./gestures.js";
import { Legend } from "./legend.js";
import { written } from "./notation.js";
import { size } from "./paper.js";
import { undrawn } from "./problem.js";
import { ahead } from "./scale.js";
import { ends, name, nearest, pace, plot, rest, shared, spot, within, words } from "./series.js";
import { Slide } from "./slide.js";
import { bounds } from "./timerange.js";

/**
 * @typedef {import("./series.js").Options} Options
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./delta.js").Panel} Panel
 * @typedef {import("./canvas.js").Owner} Owner
 */

const FEWEST = 8; // the narrowest drag that zooms, in px

/** @type {Set<Chart>} those of this page */ const charts = new Set();
addEventListener("beforeprint", () => repaint("light", true));
addEventListener("afterprint", () => repaint("", false));
document.fonts?.ready.then(() => charts.forEach((c) => c.theme()));
// A finger leaves its crosshair where it was lifted, so that it may be read; a press elsewhere takes it away.
addEventListener("pointerdown", (e) => { for (const c of charts) if (e.pointerType === "touch" && !c.host.contains(/** @type {Node} */ (e.target))) c.leave(); });

/** Paper is light, whatever the screen is. @param {string} scheme @param {boolean} paper */
function repaint(scheme, paper) {
  document.documentElement.style.colorScheme = scheme;
  for (const c of charts) c.print(paper);
}

/** @implements {Owner} */
export class Chart {
  /** @type {Canvas|null} */ #canvas = null;
  /** @type {Panel|null} */ #panel = null;
  /** @type {Column[]} */ #columns = [];
  /** @type {[number, number]|null} */ #zoom = null;
  /** @type {number|string|null} what is pointed at: a place on the axis, or a category's name */ #at = null;
  /** @type {[number, number]|null} a part that is being chosen */ #part = null;
  /** @type {[number, number]|null} what two fingers hold */ #held = null;
  /** @type {[number, number]} the first and the last point in sight */ #sight = [0, -1];
  /** @type {import("./series.js").Memory} */ #memory = new WeakMap();
  /** The database's clock, in milliseconds: how far it is ahead, and what it says where the chart stands. */
  #ahead = 0;
  #now = 0;
  #seen = true;
  #dirty = false;

  /** @param {HTMLElement} node the panel */
  constructor(node) {
    this.node = node;
    this.host = /** @type {HTMLElement} */ (one("[data-plot]", node));
    /** @type {Options} */ this.options = JSON.parse(node.dataset.chart || "{}");
    this.title = one("h2", node)?.textContent ?? "";
    this.note = one("[data-panel-note]", node);
    this.resting = this.note?.textContent ?? "";
    this.legend = new Legend(one("[data-legend]", node), () => { this.#canvas?.update(); this.#read(); }, (l) => this.#canvas?.regard(l));
    /** @type {import("./paint.js").Scene} */
    this.scene = { plot: plot([], [], this.options), options: this.options, hidden: this.legend.hidden, order: [], layers: [], colors: {}, running: false, truncated: false, rem: rem() };
    this.slide = new Slide(() => !!this.options.window && !this.#zoom && this.#seen && charts.has(this), () => this.#pixel() - (this.#clock() % this.#pixel()), () => this.#move());
    this.sizes = new ResizeObserver(() => this.#canvas?.resize());
    this.sizes.observe(this.host);
    this.sights = new IntersectionObserver((all) => this.#sighted(all[all.length - 1].isIntersecting), { rootMargin: "200px" });
    this.sights.observe(this.host);
    one("[data-unzoom]", node)?.addEventListener("click", () => { this.whole(); this.host.focus({ preventScroll: true }); });
    keys(this.host, this);
    this.host.addEventListener("blur", () => this.leave());
    charts.add(this);
  }

  /** Brings the chart to this state. @param {Panel} panel @param {Column[]} columns @param {number} now by the database's clock */
  show(panel, columns, now) {
    if (this.#columns !== columns) this.#memory = new WeakMap();
    [this.#panel, this.#columns, this.#now, this.#ahead] = [panel, columns, now, now - Date.now()];
    this.#ranged();
    if (this.#seen || !this.#canvas || this.host.hidden) this.#draw(); // what is hidden is never seen
    else this.#dirty = true;
    this.slide.go();
  }

  /** The clock goes on: a window moves, and what still runs is marked. @param {number} now */
  tick(now) {
    this.#ahead = now - Date.now();
    this.slide.go();
    if (this.options.to && !this.options.range?.includes("..")) this.#turn(now);
    if (this.options.window || this.scene.running === this.#running(now)) return;
    this.#now = now;
    this.scene.running = !this.scene.running;
    this.#canvas?.redraw();
  }

  /** A range of the calendar is another one from midnight on, whether or not a row changes then. @param {number} now */
  #turn(now) {
    const { to } = this.options;
    this.#now = now;
    this.#ranged();
    if (this.options.to === to) return;
    this.#canvas?.move();
    this.#moved();
    this.#describe();
  }

  /** The page is another one of its kind: with another time range the axis is another too. @param {{name: string, values: string[]}[]} variables */
  choose(variables) {
    const { options } = this, v = variables.find(({ name }) => name === options.rangeBy);
    if (!v || options.range === v.values[0]) return;
    options.range = v.values[0];
    this.#ranged();
    this.#zoomTo(null);
  }

  /** What the time range means now. */
  #ranged() {
    const { options } = this;
    if (options.range) Object.assign(options, { window: undefined, from: undefined, to: undefined }, bounds(options.range, this.#now, options.zone ?? "UTC", this.#zoned()));
  }

  /** Do the times on the axis have a zone? */
  #zoned() {
    const { x } = this.options;
    return (x ? this.#columns.find((c) => c.name === x) : this.#columns[0])?.kind === "moment";
  }

  /** Colours are other ones now. */
  theme() { this.#canvas?.redraw(true); }

  /** Draws for paper, also what is out of sight, or for the screen again. @param {boolean} paper */
  print(paper) {
    if (this.#dirty) this.#draw();
    size(this.host, Number(this.node.dataset.w) || 12, paper);
    this.#canvas?.resize();
    this.theme();
  }

  /** The panel is gone: nothing holds it any more. */
  destroy() {
    charts.delete(this);
    this.slide.stop();
    this.sizes.disconnect();
    this.sights.disconnect();
    this.#canvas?.destroy();
    this.#canvas = null;
  }

  /** @param {boolean} seen */
  #sighted(seen) {
    this.#seen = seen;
    if (seen && this.#dirty) this.#draw();
    this.slide.go();
  }

  #draw() {
    const { scene } = this, { axis, labels } = scene.plot, panel = this.#panel;
    if (!panel) return;
    this.#dirty = false;
    const p = plot(this.#columns, panel.rows.map((r) => r.cells), this.options, this.#memory, new Map(scene.plot.series.map((s) => [s.label, s.hue])));
    if (p.problem && this.#columns.length && !panel.error) undrawn(this.node, p.problem); // without columns it never had a result
    scene.plot = p;
    scene.truncated = panel.truncated;
    const twice = one("[data-shared]", this.node);
    if (twice) twice.hidden = !p.shared;
    write(twice, shared(p.shared));
    this.host.hidden = !!p.problem || !p.xs.length;
    if (this.host.hidden) { // no number is told of what is not there
      this.legend.show([]);
      for (const n of this.node.querySelectorAll("[data-readout] > *")) write(n, "");
      return;
    }
    scene.running = this.#running(this.#now);
    if (p.axis === "category" && this.#zoom) this.#zoom = follow(labels, p.labels, this.#zoom);
    this.legend.show(p.series);
    if (this.#canvas && axis !== p.axis) { this.#canvas.destroy(); this.#canvas = null; this.#zoom = null; }
    if (this.#canvas) this.#canvas.update();
    else this.#canvas = new Canvas(this.host, scene, this);
    queueMicrotask(() => { // letters on a canvas wait for the style of all that was written before: the next chart's for this one's words
      if (!this.#canvas) return;
      this.#moved();
      this.#describe();
    });
  }

  /** Tells whoever does not see it. */
  #describe() { attribute(this.host, "aria-label", `${this.title}. ${words(this.scene.plot, this.options, ...this.#sight)}.`); }

  // ---------- the axis ----------

  /** Both ends of what is shown of the axis. @returns {[number, number]} */
  ends() { return this.#zoom ?? this.#full(); }

  /** Both ends of the whole axis. @returns {[number, number]} */
  #full() {
    const { options, scene } = this, px = this.#pixel(), now = options.window ? Math.floor(this.#now / px) * px : this.#now;
    return ends(scene.plot, options, now / 1000 + (options.zone && !this.#zoned() ? ahead(options.zone, now) : 0));
  }

  /** How long a window takes for one pixel: it moves by whole ones, so that lines keep their shape. */
  #pixel() { return ((this.options.window ?? 0) * 1000) / Math.max(100, this.#canvas?.pixels ?? 0); }
  #clock() { return Date.now() + this.#ahead; }

  #move() {
    this.#now = this.#clock();
    this.scene.running = this.#running(this.#now);
    this.#canvas?.move();
    this.#moved();
  }

  /** Things stand elsewhere, or are other ones. */
  #moved() {
    const [lo, hi] = this.ends();
    this.#sight = within(this.scene.plot.xs, lo, hi);
    if (this.#part) this.#canvas?.select(this.#part);
    this.#read();
  }

  /** Does the newest bar's time still run? @param {number} now */
  #running(now) {
    const { axis, regular, xs } = this.scene.plot, last = xs[xs.length - 1];
    return this.options.type === "bar" && axis === "time" && regular && last * 1000 <= now && now < (last + pace(this.scene.plot)) * 1000;
  }

  /** @param {[number, number]|null} zoom */
  #zoomTo(zoom) {
    const [lo, hi] = this.#full(), back = one("[data-unzoom]", this.node);
    this.#zoom = zoom && zoom[1] - zoom[0] < hi - lo ? zoom : null;
    if (back) back.hidden = !this.#zoom;
    if (!this.#zoom && this.options.window) this.#now = Math.max(this.#now, this.slide.runs() ? this.#clock() : 0);
    this.#canvas?.move();
    this.#moved();
    this.#describe();
    this.slide.go();
  }

  #say() {
    const [first, last] = this.#sight, p = this.scene.plot;
    announce(first > last ? "No points here" : `From ${name(p, this.options, first)} to ${name(p, this.options, last)}`);
  }

  // ---------- what a reader does ----------

  /** @param {number} left */
  point(left) {
    const i = this.#canvas ? nearest(this.scene.plot.xs, this.#canvas.value(left)) : -1;
    if (i >= 0) this.#pointTo(i);
  }

  /** @param {number} i */
  #pointTo(i) {
    const { axis, labels, xs } = this.scene.plot, kind = this.#kind(), at = axis === "category" ? labels[i] : xs[i];
    if (this.#at === at) return;
    this.#meet(at);
    for (const c of charts) if (c !== this && c.#kind() === kind) c.#meet(at);
  }

  leave() {
    if (this.#at === null) return;
    const kind = this.#kind();
    for (const c of charts) if (c.#kind() === kind) c.#meet(null);
  }

  /** Axes of one kind share their crosshair: times, or numbers or names of one column. */
  #kind() {
    const { axis } = this.scene.plot;
    return axis === "time" ? axis : `${axis} ${this.options.x ?? this.#columns[0]?.name}`;
  }

  /** @param {number|string|null} at */
  #meet(at) {
    this.#at = at;
    this.#canvas?.point();
    this.#read();
  }

  /** The point that is pointed at, -1 for none. */
  #index() {
    const p = this.scene.plot, at = this.#at;
    if (at === null) return -1;
    const i = typeof at === "string" ? p.labels.indexOf(at) : spot(p, this.options, at), [lo, hi] = this.ends();
    return p.xs[i] >= lo && p.xs[i] <= hi ? i : -1;
  }

  pointed() {
    const i = this.#index();
    return i < 0 ? null : this.scene.plot.xs[i];
  }

  /** @param {number} left */
  press(left) {
    const at = this.#canvas?.value(left) ?? 0;
    this.#held = [at, at];
  }

  /** @param {number} left */
  drag(left) {
    if (!this.#held || !this.#canvas) return;
    const [lo, hi] = this.ends();
    this.#part = [this.#held[0], Math.max(lo, Math.min(hi, this.#canvas.value(left)))];
    this.#canvas.select(this.#part);
  }

  drop() {
    const part = this.#part, wide = part && this.#canvas ? Math.abs(this.#canvas.left(part[1]) - this.#canvas.left(part[0])) : 0;
    this.cancel();
    if (!part || wide < FEWEST) return;
    this.#zoomTo([Math.min(...part), Math.max(...part)]);
    this.#say();
  }

  cancel() {
    const was = !!this.#part;
    this.#part = this.#held = null;
    this.#canvas?.select(null);
    return was;
  }

  /** @param {number} a @param {number} b */
  grip(a, b) { if (this.#canvas) this.#held = [this.#canvas.value(a), this.#canvas.value(b)]; }

  /** What two fingers hold stays below them. @param {number} a @param {number} b */
  pinch(a, b) {
    const held = this.#held, canvas = this.#canvas;
    if (!held || !canvas || (b - a) * (held[1] - held[0]) <= 0 || Math.abs(b - a) < FEWEST) return;
    const each = (held[1] - held[0]) / (b - a), from = held[0] - a * each;
    this.#zoomTo(this.#kept([from, from + canvas.width * each]));
  }

  /** @param {number} by */
  step(by) {
    const i = this.#index(), [first, last] = this.#sight;
    this.#tell(i < 0 ? (by < 0 ? last : first) : Math.max(first, Math.min(last, i + by)));
  }

  /** @param {"first"|"last"} end */
  go(end) { this.#tell(this.#sight[end === "first" ? 0 : 1]); }

  /** @param {number} i */
  #tell(i) {
    const p = this.scene.plot, seen = p.series.filter((s) => !this.legend.hidden.has(s.label));
    if (!p.xs.length || i < 0 || i >= p.xs.length) return;
    this.#pointTo(i);
    announce(`${name(p, this.options, i)}: ${seen.map((s) => `${s.label} ${s.values[i] == null ? "none" : written(s.notation, /** @type {number} */ (s.values[i]), s.decimals)}`).join(", ")}`);
  }

  /** Shows less of the axis, or more, around what is pointed at. @param {number} by */
  closer(by) {
    const [lo, hi] = this.ends(), at = this.pointed() ?? (this.options.window ? hi : (lo + hi) / 2), least = this.scene.plot.step * 2 || (hi - lo) / 1000;
    const from = at - (at - lo) / by, to = at + (hi - at) / by;
    if (by > 1 && to - from < least) return;
    this.#zoomTo(this.#kept([from, to]));
    this.#say();
  }

  /** @param {number} by */
  shift(by) {
    if (!this.#zoom) return;
    const [lo, hi] = this.#zoom, far = ((hi - lo) / 4) * by;
    this.#zoomTo(this.#kept([lo + far, hi + far]));
    this.#say();
  }

  whole() {
    const was = !!this.#zoom;
    if (was) this.#zoomTo(null);
    if (was) this.#say();
    return was;
  }

  /** As wide a part, inside the whole axis. @param {[number, number]} part @returns {[number, number]} */
  #kept([from, to]) {
    const [lo, hi] = this.#full(), by = from < lo ? lo - from : to > hi ? Math.max(hi - to, lo - from) : 0;
    return [from + by, Math.min(hi, to + by)];
  }

  // ---------- what it says ----------

  /** The legend is the readout: at a point it counts that point, else all in sight of a sum or the newest of a line. */
  #read() {
    const { scene, options, legend } = this, p = scene.plot, at = this.#index(), [first, last] = this.#sight;
    if (!this.#canvas) return;
    const texts = p.series.map((s) => {
      const v = at >= 0 ? s.values[at] : rest(s.values, p.sums, first, last);
      return v == null ? "–" : written(s.notation, v, s.decimals);
    });
    legend.read(p.series, texts);
    const unit = options.unit ? ` ${options.unit}` : "", single = one("[data-readout]", this.node), all = this.#zoom ? " in view" : " in all";
    if (single) {
      const newest = p.series[0].values.findLastIndex((v, i) => v != null && i <= last && i >= first);
      write(single.querySelector("b"), texts[0] ?? "");
      write(single.querySelector("span"), `${unit}${at >= 0 ? `, ${name(p, options, at)}` : p.sums ? all : newest >= 0 ? `, ${name(p, options, newest)}` : ""}`);
    }
    let note = this.resting;
    if (at >= 0 && !single) {
      note = name(p, options, at);
      const whole = p.series.reduce((n, s) => n + (legend.hidden.has(s.label) ? 0 : s.values[at] ?? 0), 0);
      if (options.stacked) note += `, ${written(p.notation, whole, p.decimals)}${unit} in all`;
    }
    write(this.note, note);
  }
}

/** A zoom stays upon its categories when others come before them. @param {string[]} was @param {string[]} is @param {[number, number]} zoom @returns {[number, number]} */
function follow(was, is, zoom) {
  const first = Math.max(0, Math.ceil(zoom[0])), by = is.indexOf(was[first]) - first;
  return was[first] === undefined || by < -first ? zoom : [zoom[0] + by, zoom[1] + by];
}
