// Lines, areas and bars on a canvas. A frame changes only a chart's numbers: zoom, crosshair and the legend's choices stay.
// Loaded only by pages that have charts.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { announce, color, el, one, write } from "./dom.js";
import { lonely, plot, range, rest, say, short, span, stack, sums, ticks, times } from "./series.js";

/**
 * @typedef {import("./series.js").Plot} Plot
 * @typedef {import("./series.js").Options} Options
 * @typedef {import("./format.js").Column} Column
 * @typedef {import("./delta.js").Panel} Panel
 */

const AXIS = 1.6, HEAD = 0.9, GUTTER = 2.25, LABEL = 0.6875; // rem: below, above, right of the plot; the size of its labels
const BAR = 0.74, WIDEST = 4, FEWEST = 8; // of a step; rem; the narrowest drag that zooms, in px

/** @type {Record<string, string>} where a colour's name is not its token's */
const TOKENS = { ink: "--line", green: "--ok", blue: "--c1", purple: "--c5", pink: "--c4", olive: "--c6", navy: "--c7", brown: "--c8" };
/** @param {string} hue */
const token = (hue) => TOKENS[hue] ?? `--${hue}`;

/** @type {Set<Chart>} */ const charts = new Set();
addEventListener("beforeprint", () => repaint("light"));
addEventListener("afterprint", () => repaint(""));
document.fonts?.ready.then(() => charts.forEach((c) => c.theme()));

/** Paper is light, whatever the screen is. @param {string} scheme */
function repaint(scheme) {
  document.documentElement.style.colorScheme = scheme;
  for (const c of charts) c.theme(true);
}

/** What is written on a chart is larger on a wall. */
const LARGER = document.documentElement.classList.contains("wall") ? 1.36 : 1;
const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

export class Chart {
  /** @type {uPlot|null} */ #u = null;
  /** @type {Plot|null} */ #plot = null;
  /** @type {Panel|null} */ #panel = null;
  /** @type {Column[]} */ #columns = [];
  /** @type {Set<string>} labels of the series that the reader put away */ #hidden = new Set();
  /** @type {[number, number]|null} */ #zoom = null;
  /** @type {{from: (number|null)[], to: (number|null|undefined)[]}[]} */ #stacked = [];
  /** @type {number[]} the series in the order of drawing */ #order = [];
  /** @type {Record<string, string>} */ #colors = {};
  #shape = "";
  #now = 0;
  #seen = true;
  #dirty = false;
  #rest = "";
  /** @type {import("./series.js").Moments} */ #moments = new Map();

  /** @param {HTMLElement} node the panel */
  constructor(node) {
    this.node = node;
    this.host = /** @type {HTMLElement} */ (one("[data-plot]", node));
    /** @type {Options} */ this.options = JSON.parse(node.dataset.chart || "{}");
    this.legend = one("[data-legend]", node);
    this.note = one("[data-panel-note]", node);
    this.#rest = this.note?.textContent ?? "";
    charts.add(this);
    new ResizeObserver(() => this.#resize()).observe(this.host);
    new IntersectionObserver(([e]) => { this.#seen = e.isIntersecting; if (this.#seen && this.#dirty) this.#draw(); }, { rootMargin: "200px" }).observe(this.host);
    this.legend?.addEventListener("click", (e) => {
      const button = e.target instanceof Element ? e.target.closest("[data-series]") : null;
      if (button instanceof HTMLElement) this.#toggle(button.dataset.series ?? "");
    });
    one("[data-unzoom]", node)?.addEventListener("click", () => this.#zoomTo(null));
    this.host.addEventListener("keydown", (e) => this.#key(e));
    this.host.addEventListener("blur", () => this.#point(-1));
  }

  /** Brings the chart to this state. @param {Panel} panel @param {Column[]} columns @param {number} now by the database's clock */
  show(panel, columns, now) {
    this.#panel = panel;
    this.#columns = columns;
    this.#now = now;
    if (this.#seen || !this.#u) this.#draw();
    else this.#dirty = true;
  }

  /** What still runs is marked by the clock. @param {number} now */
  tick(now) {
    const was = this.#running();
    this.#now = now;
    if (was !== this.#running()) this.#u?.redraw(false);
  }

  /** Colours are other ones now. @param {boolean} [all] also what is out of sight */
  theme(all = false) {
    if (!this.#u) return;
    if (all && this.#dirty) this.#draw();
    this.#build();
  }

  #draw() {
    const panel = this.#panel;
    if (!panel) return;
    this.#dirty = false;
    const p = plot(this.#columns, panel.rows.map((r) => r.cells), this.options, this.#moments);
    if (this.#moments.size > 4 * p.xs.length + 1000) this.#moments.clear();
    this.#wrong(p.problem);
    this.#plot = p;
    this.host.hidden = !!p.problem || !p.xs.length;
    if (this.host.hidden) return;
    const shape = JSON.stringify([p.axis, p.series.map((s) => [s.label, s.hue])]);
    if (!this.#u || shape !== this.#shape) {
      this.#shape = shape;
      this.#keys();
      this.#build();
    } else {
      this.#u.setData(this.#data(), true);
      this.#read();
    }
  }

  /** @param {string} problem */
  #wrong(problem) {
    const node = one("[data-problem]", this.node);
    if (!problem || !node || this.#panel?.error) return;
    this.node.dataset.state = "error";
    node.hidden = false;
    write(one("[data-head]", node), "This cannot be drawn");
    write(one("[data-text]", node), problem);
    const none = one("[data-empty]", this.node);
    if (none) none.hidden = true;
  }

  /** @returns {uPlot.AlignedData} */
  #data() {
    const p = /** @type {Plot} */ (this.#plot), shown = p.series.map((s) => !this.#hidden.has(s.label));
    this.#order = p.series.map((_, i) => i);
    this.#stacked = this.options.stacked ? stack(p.series, shown) : [];
    if (this.options.stacked && this.options.type === "area") this.#order.reverse(); // what is below covers what stands on it
    return /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ ([p.xs, ...this.#order.map((i) => (this.options.stacked ? this.#stacked[i].to : p.series[i].values))]));
  }

  /** Both ends of the whole axis. @returns {[number, number]} */
  #full() {
    const { xs, step, axis } = /** @type {Plot} */ (this.#plot), first = xs[0] ?? 0, last = xs.at(-1) ?? 1;
    const half = axis === "category" ? 0.5 : this.options.type === "bar" || first === last ? (step || 1) / 2 : 0;
    return [first - half, last + half];
  }

  #build() {
    const data = this.#data(), { width, height } = this.host.getBoundingClientRect();
    const p = /** @type {Plot} */ (this.#plot), bar = this.options.type === "bar", px = rem() / 16, at = this.#u?.cursor.left ?? -1;
    this.#colors = Object.fromEntries(["--paper", "--ink", "--ink-3", "--grid", "--accent", "--wash"].map((t) => [t, color(t)]));
    for (const s of p.series) this.#colors[s.hue] = color(bar && s.hue === "ink" ? "--ink-2" : token(s.hue));
    this.#u?.destroy();
    this.#u = new uPlot({
      width: Math.floor(width), height: Math.floor(height),
      padding: [HEAD * rem(), 0, 0, 0],
      legend: { show: false },
      cursor: {
        y: false, drag: { x: true, y: false, setScale: false },
        move: (u, left, top) => { const i = u.posToIdx(left), v = u.data[0][i]; return [left < 0 || v === undefined ? left : u.valToPos(v, "x"), top]; },
        points: bar || this.options.stacked ? { show: false } : { size: 7 * px, width: 0, fill: (_, i) => this.#colors[p.series[this.#order[i - 1]]?.hue] },
        bind: { dblclick: () => () => { this.#zoomTo(null); return null; } },
        sync: p.axis === "category" ? undefined : { key: `rowcast-${p.axis}`, setSeries: false, scales: ["x", null], filters: { pub: follows, sub: follows } },
      },
      scales: { x: { time: false, range: () => this.#zoom ?? this.#full() }, y: { range: (_, lo, hi) => range(lo, hi, this.options) } },
      axes: [{
        font: this.#font(), stroke: this.#colors["--ink-3"], grid: { show: false }, ticks: { show: false }, gap: 6 * px, size: AXIS * LARGER * rem(),
        splits: (u) => this.#places(u).map((t) => t.at), values: (u) => this.#places(u).map((t) => t.text),
      }, { side: 1, size: GUTTER * LARGER * rem(), stroke: "transparent", grid: { show: false }, ticks: { show: false }, splits: (u) => this.#marks(u) }],
      series: [{}, ...this.#order.map((i) => this.#look(i, bar, px))],
      hooks: {
        drawAxes: [(u) => this.#scale(u)],
        draw: [(u) => this.#present(u)],
        setCursor: [() => this.#read()],
        setSelect: [(u) => this.#select(u)],
      },
    }, data, this.host);
    this.host.classList.add("drawn");
    if (at >= 0) this.#u.setCursor({ left: at, top: 0 }, false);
    this.#read();
  }

  #font() { return `400 ${Math.round(rem() * LABEL * LARGER * 10) / 10}px "Inter Variable", sans-serif`; }

  /** @param {number} i @param {boolean} bar @param {number} px @returns {uPlot.Series} */
  #look(i, bar, px) {
    const { series } = /** @type {Plot} */ (this.#plot), s = series[i], c = this.#colors[s.hue], show = !this.#hidden.has(s.label), { type, stacked } = this.options;
    if (bar) return { show, label: s.label, fill: c, stroke: this.#colors["--paper"], width: series.length > 1 ? px : 0, points: { show: false }, paths: (u, n, from, to) => this.#bars(u, n, from, to) };
    const wash = stacked ? c : s.hue === "ink" ? this.#colors["--wash"] : `color-mix(in oklab, ${c} 16%, transparent)`;
    return {
      show, label: s.label, width: (stacked ? 1 : 1.5) * px, stroke: stacked ? this.#colors["--paper"] : c, spanGaps: false,
      fill: type === "area" || series.length === 1 ? (u) => ((u.scales.y.min ?? 0) > 0 && !stacked ? "transparent" : wash) : undefined, // a wash says how much, from zero
      fillTo: 0,
      points: { show: !stacked, filter: () => (stacked ? null : lonely(this.#plot?.series[i].values ?? [])), size: 4 * px, fill: c, width: 0 },
    };
  }

  /** Bars of one series, side by side with the others' or upon them. @param {uPlot} u @param {number} n @param {number} from @param {number} to @returns {uPlot.Series.Paths} */
  #bars(u, n, from, to) {
    const p = /** @type {Plot} */ (this.#plot), i = this.#order[n - 1], path = new Path2D(), { stacked } = this.options;
    const shown = p.series.map((_, k) => k).filter((k) => !this.#hidden.has(p.series[k].label)), whole = this.#width(u);
    const slots = stacked ? 1 : Math.max(1, shown.length), slot = whole / slots, place = stacked ? 0 : shown.indexOf(i), zero = u.valToPos(0, "y", true);
    for (let k = from; k <= to; k++) {
      const v = stacked ? this.#stacked[i].to[k] : p.series[i].values[k], base = stacked ? this.#stacked[i].from[k] : 0;
      if (v == null || v === base) continue;
      const x = Math.round(u.valToPos(p.xs[k], "x", true) - whole / 2 + place * slot), end = Math.round(u.valToPos(p.xs[k], "x", true) - whole / 2 + (place + 1) * slot);
      const y = u.valToPos(v, "y", true), y0 = base ? u.valToPos(base, "y", true) : zero;
      path.rect(x, Math.min(y, y0), Math.max(1, end - x), Math.abs(y - y0));
    }
    return { stroke: path, fill: path, clip: null, band: null, flags: 3 };
  }

  /** How wide a bar is, or all of one step. @param {uPlot} u */
  #width(u) {
    const { step, axis, series } = /** @type {Plot} */ (this.#plot), by = axis === "category" ? 1 : step || 1;
    const wide = Math.abs(u.valToPos(by, "x", true) - u.valToPos(0, "x", true)) * BAR, each = this.options.stacked ? 1 : series.length;
    return Math.max(1, Math.min(wide, WIDEST * rem() * devicePixelRatio * Math.min(3, each)));
  }

  /** Where the axis is named, and how. @param {uPlot} u @returns {{at: number, text: string}[]} */
  #places(u) {
    const p = /** @type {Plot} */ (this.#plot), { min = 0, max = 1 } = u.scales.x, wide = u.width - GUTTER * LARGER * rem(), most = Math.max(2, Math.floor(wide / (4.5 * LARGER * rem())));
    const inside = /** @param {number} at */ (at) => u.valToPos(at, "x") >= rem() && u.valToPos(at, "x") <= wide - rem() * 0.5;
    if (p.axis === "time") {
      const off = p.offsets.at(-1) ?? 0;
      return times(min + off, max + off, most).map((t) => ({ at: t.at - off, text: t.text })).filter((t) => inside(t.at));
    }
    if (p.axis === "number") return ticks(min, max, Math.min(8, most)).map((v, _, all) => ({ at: v, text: short(v, all.length > 1 ? all[1] - all[0] : v || 1) })).filter((t) => inside(t.at));
    const longest = Math.min(16, Math.max(1, ...p.labels.map((l) => l.length))), fit = Math.max(1, Math.floor(wide / ((longest * 0.42 + 1) * LARGER * rem()))), first = Math.max(0, Math.ceil(min)), last = Math.min(p.labels.length - 1, Math.floor(max));
    const every = Math.max(1, Math.ceil((last - first + 1) / fit));
    return p.labels.map((text, at) => ({ at, text: text.length > 16 ? `${text.slice(0, 15)}…` : text })).filter(({ at }) => at >= first && at <= last && (at - first) % every === 0);
  }

  /** Where the scale is named. @param {uPlot} u */
  #marks(u) {
    const { min, max } = u.scales.y;
    return ticks(min ?? 0, max ?? 1, Math.max(2, Math.round(u.height / (2.6 * LARGER * rem()))), !this.#plot?.decimals);
  }

  /** Rules across the whole panel, their labels standing on them at the right: the plot begins where the title begins. @param {uPlot} u */
  #scale(u) {
    const { ctx } = u, { left, top, height } = u.bbox, right = ctx.canvas.width, marks = this.#marks(u), by = marks.length > 1 ? marks[1] - marks[0] : Math.abs(marks[0]) || 1;
    const present = this.#last(u), px = devicePixelRatio;
    ctx.save();
    ctx.font = this.#font().replace(/([\d.]+)px/, (_, n) => `${n * px}px`);
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.lineWidth = Math.max(1, Math.round((px * rem()) / 16));
    for (const v of marks) {
      const y = Math.round(u.valToPos(v, "y", true)) + 0.5;
      if (v === 0 || y < top - 1 || y > top + height + 1) continue;
      ctx.strokeStyle = this.#colors["--grid"];
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
      if (present && Math.abs(y - present.y) < rem() * 0.9 * px) continue;
      ctx.fillStyle = this.#colors["--ink-3"];
      ctx.fillText(short(v, by), right, y - 2 * px);
    }
    ctx.restore();
  }

  /** Where the newest number of a single line stands. @param {uPlot} u */
  #last(u) {
    const p = /** @type {Plot} */ (this.#plot), values = p.series[0]?.values;
    if (this.options.type === "bar" || p.series.length !== 1 || p.axis !== "time" || this.#hidden.size) return null;
    const i = values.findLastIndex((v) => v != null), v = values[i];
    if (v == null || p.xs[i] > (u.scales.x.max ?? 0) || p.xs[i] < (u.scales.x.min ?? 0)) return null;
    return { x: u.valToPos(p.xs[i], "x", true), y: u.valToPos(v, "y", true) };
  }

  /** Does the newest bar's time still run? */
  #running() {
    const p = this.#plot, last = p?.xs.at(-1);
    return !!p && this.options.type === "bar" && p.axis === "time" && p.regular && last !== undefined && last * 1000 <= this.#now && this.#now < (last + p.step) * 1000;
  }

  /** The zero line is ink, drawn last, so that seams of bars do not cut it; what is now is in the accent. @param {uPlot} u */
  #present(u) {
    const { ctx } = u, { left, top, height } = u.bbox, right = ctx.canvas.width, px = (devicePixelRatio * rem()) / 16;
    const zero = Math.round(u.valToPos(0, "y", true)), rule = Math.max(1, Math.round(px));
    if (zero >= top - 1 && zero <= top + height + 1) {
      ctx.fillStyle = this.#colors["--ink"];
      ctx.fillRect(left, zero, right - left, rule);
    }
    ctx.fillStyle = this.#colors["--accent"];
    if (this.#running()) {
      const w = this.#width(u), x = u.valToPos(/** @type {number} */ (this.#plot?.xs.at(-1)), "x", true);
      ctx.fillRect(Math.round(x - w / 2), Math.round(top + height), Math.round(w), Math.round(2 * px));
    }
    const at = this.#last(u);
    if (!at) return;
    ctx.save();
    ctx.strokeStyle = this.#colors["--accent"];
    ctx.lineWidth = px;
    ctx.setLineDash([2 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(at.x, at.y);
    ctx.lineTo(right, at.y);
    ctx.stroke();
    for (const [fill, r] of /** @type {[string, number][]} */ ([["--paper", 5], ["--accent", 3.5]])) {
      ctx.fillStyle = this.#colors[fill];
      ctx.beginPath();
      ctx.arc(at.x, at.y, r * px, 0, 7);
      ctx.fill();
    }
    ctx.restore();
  }

  /** The legend is the readout: at a point it counts that point, else all of a sum or the newest of a line. */
  #read() {
    const p = this.#plot, u = this.#u;
    if (!p || !u) return;
    const at = (u.cursor.left ?? -1) >= 0 && u.cursor.idx != null && u.cursor.idx < p.xs.length ? u.cursor.idx : -1;
    const texts = p.series.map((s) => {
      const v = at >= 0 ? s.values[at] : rest(s.values, this.options);
      return v == null ? "–" : say(v, p.decimals);
    });
    p.series.forEach((s, i) => write(this.legend?.querySelector(`[data-series="${CSS.escape(s.label)}"] b`), texts[i]));
    const unit = this.options.unit ? ` ${this.options.unit}` : "", single = one("[data-readout]", this.node);
    const name = at >= 0 ? this.#name(at) : "";
    if (single) {
      const last = p.series[0].values.findLastIndex((v) => v != null);
      write(single.querySelector("b"), texts[0] ?? "");
      write(single.querySelector("span"), `${unit}${at >= 0 ? `, ${name}` : sums(this.options) ? " in all" : last >= 0 ? `, ${this.#name(last)}` : ""}`);
    }
    let note = this.#rest;
    if (at >= 0 && !single) {
      note = name;
      const shown = p.series.filter((s) => !this.#hidden.has(s.label));
      if (this.options.stacked) note += `, ${say(shown.reduce((n, s) => n + (s.values[at] ?? 0), 0), p.decimals)}${unit} in all`;
    }
    write(this.note, note);
  }

  /** How a reader names a point. @param {number} i */
  #name(i) {
    const p = /** @type {Plot} */ (this.#plot);
    if (p.axis === "category") return p.labels[i];
    if (p.axis === "number") return String(p.xs[i]);
    const text = span(p.xs[i] + p.offsets[i], p.regular ? p.step : 0, this.options.type === "bar"), wall = (p.xs[i] + p.offsets[i]) * 1000;
    const long = /** @type {number} */ (p.xs.at(-1)) - p.xs[0] > 86400 * 1.5 && text.includes(":");
    return long ? `${new Date(wall).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })}, ${text}` : text;
  }

  /** The legend's entries. */
  #keys() {
    const { series } = /** @type {Plot} */ (this.#plot);
    this.legend?.replaceChildren(...series.map((s) => el("li", {}, el("button", { type: "button", "data-series": s.label, "aria-pressed": String(!this.#hidden.has(s.label)) }, el("i", { class: "glyph swatch", "data-hue": s.hue }), el("span", {}, s.label), el("b", { class: "num" })))));
  }

  /** @param {string} label */
  #toggle(label) {
    const u = this.#u, { series } = /** @type {Plot} */ (this.#plot);
    if (!u) return;
    if (!this.#hidden.delete(label)) this.#hidden.add(label);
    this.legend?.querySelector(`[data-series="${CSS.escape(label)}"]`)?.setAttribute("aria-pressed", String(!this.#hidden.has(label)));
    const data = this.#data();
    u.batch(() => {
      this.#order.forEach((i, n) => u.setSeries(n + 1, { show: !this.#hidden.has(series[i].label) }));
      u.setData(data, true);
    });
    this.#read();
  }

  /** A drag along the axis becomes what is shown of it. @param {uPlot} u */
  #select(u) {
    const { left, width } = u.select;
    if (width < FEWEST) return;
    const from = u.posToVal(left, "x"), to = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#zoomTo([from, to]);
  }

  /** @param {[number, number]|null} zoom */
  #zoomTo(zoom) {
    this.#zoom = zoom;
    const back = one("[data-unzoom]", this.node);
    if (back) back.hidden = !zoom;
    this.#u?.setData(this.#data(), true);
    this.#read();
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    const u = this.#u, p = this.#plot;
    if (!u || !p || e.metaKey || e.ctrlKey || e.altKey) return;
    const last = p.xs.length - 1, at = (u.cursor.left ?? -1) >= 0 ? u.cursor.idx ?? last : -1;
    const to = { ArrowLeft: at < 0 ? last : at - 1, ArrowRight: at < 0 ? 0 : at + 1, Home: 0, End: last, Escape: -1 }[e.key];
    if (to === undefined) return;
    if (e.key === "Escape" && at < 0) this.#zoomTo(null);
    e.preventDefault();
    this.#point(to < 0 && e.key !== "Escape" ? 0 : Math.min(last, to));
    if (to >= 0) announce(`${this.#name(Math.min(last, to))}: ${p.series.filter((s) => !this.#hidden.has(s.label)).map((s) => `${s.label} ${s.values[Math.min(last, to)] ?? "none"}`).join(", ")}`);
  }

  /** @param {number} i -1 for none */
  #point(i) {
    const u = this.#u, x = this.#plot?.xs[i];
    u?.setCursor(x === undefined ? { left: -10, top: -10 } : { left: u.valToPos(x, "x"), top: 1 });
  }

  #resize() {
    const { width, height } = this.host.getBoundingClientRect();
    if (this.#u && width > 10 && (Math.floor(width) !== this.#u.width || Math.floor(height) !== this.#u.height)) this.#u.setSize({ width: Math.floor(width), height: Math.floor(height) });
  }
}

/** Only pointing goes from chart to chart, not dragging. @param {string} type */
const follows = (type) => type === "mousemove" || type === "mouseleave";
