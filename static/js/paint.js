// What stands on a chart's canvas besides its lines: scales, bars, limits, and what is now.
import { clocks, name } from "./series.js";
import { PLAIN, tick } from "./notation.js";
import { categories, gutter, ticks, zoned } from "./scale.js";

/**
 * @typedef {import("../vendor/uplot/uPlot.esm.js")} uPlot
 * @typedef {import("./series.js").Plot} Plot
 * @typedef {import("./series.js").Options} Options
 * @typedef {import("./series.js").Layer} Layer
 * @typedef {import("./scale.js").Place} Place
 * What a chart shows now.
 * @typedef {{plot: Plot, options: Options, hidden: Set<string>, order: number[], layers: Layer[], colors: Record<string, string>, running: boolean, truncated: boolean, rem: number}} Scene
 * order: the series in the order of drawing; layers: of a stack; running: the newest bar's time still runs; truncated: what is newest may not be there
 */

export const HEAD = 0.9, AXIS = 1.6; // rem above and below the plot
const LABEL = 0.6875, BAR = 0.74, WIDEST = 4; // rem of its labels; of a step; rem

/** What is written on a chart is larger on a wall. */
export const LARGER = document.documentElement.classList.contains("wall") ? 1.36 : 1;
/** @type {Record<string, string>} where a colour's name is not its token's */
const TOKENS = { gray: "--grey", ink: "--line", blue: "--c1", purple: "--c5", pink: "--c4", olive: "--c6", navy: "--c7", brown: "--c8" };
/** @param {string} hue */
export const token = (hue) => TOKENS[hue] ?? `--${hue}`;

/** @param {Scene} s @param {number} [by] */
export const font = (s, by = 1) => `400 ${Math.round(s.rem * LABEL * LARGER * 10 * by) / 10}px "Inter Variable", sans-serif`;
/** Pixels of the canvas for one of the design's. @param {Scene} s */
const unit = (s) => (devicePixelRatio * s.rem) / 16;
/** The series that a reader did not put away. @param {Scene} s */
export const shown = (s) => s.plot.series.map((_, i) => i).filter((i) => !s.hidden.has(s.plot.series[i].label));

/** Where the scale is named. @param {uPlot} u @param {Scene} s */
export function marks(u, s) {
  const { min, max } = u.scales.y;
  return ticks(min ?? 0, max ?? 1, Math.max(2, Math.round(u.height / (2.6 * LARGER * s.rem))), !s.plot.decimals, s.plot.notation.style);
}
/** @param {number[]} all @param {import("./notation.js").Notation} [n] @returns {string[]} */
function named(all, n = PLAIN) {
  const by = all.length > 1 ? all[1] - all[0] : Math.abs(all[0]) || 1;
  return all.map((v) => tick(n, v, by));
}
/** How wide the scale's names are, in px. @param {uPlot} u @param {Scene} s */
export const room = (u, s) => gutter(named(marks(u, s), s.plot.notation)) * LARGER * s.rem;

/** Where the axis is named, and how. @param {uPlot} u @param {Scene} s @returns {Place[]} */
export function places(u, s) {
  const p = s.plot, { min = 0, max = 1 } = u.scales.x, wide = u.width - room(u, s), most = Math.max(2, Math.floor(wide / (4.5 * LARGER * s.rem)));
  /** @type {(t: Place) => boolean} */
  const inside = ({ at, text }) => { const x = ((at - min) / (max - min)) * wide, half = text.length * 0.2 * LARGER * s.rem; return x >= half && x <= wide + s.rem - half; };
  if (p.axis === "time" && p.xs.length === 1 && !s.options.window && !s.options.range) return [{ at: p.xs[0], text: name(p, s.options, 0) }];
  if (p.axis === "time") return zoned(min, max, most, clocks(p)).filter(inside);
  if (p.axis === "number") {
    const all = ticks(min, max, Math.min(8, most)), texts = named(all);
    return all.map((at, i) => ({ at, text: texts[i] })).filter(inside);
  }
  return categories(p.labels, Math.max(0, Math.ceil(min)), Math.min(p.labels.length - 1, Math.floor(max)), wide / (LARGER * s.rem));
}

/** How wide a bar is, or all of one step. @param {uPlot} u @param {Scene} s */
function barWidth(u, s) {
  const { step, axis, series } = s.plot, { options } = s, by = axis === "category" ? 1 : step || (options.window ? options.window / 24 : 1);
  const wide = Math.abs(u.valToPos(by, "x", true) - u.valToPos(0, "x", true)) * BAR, each = options.stacked ? 1 : series.length;
  return Math.max(1, Math.min(wide, WIDEST * s.rem * devicePixelRatio * Math.min(3, each)));
}

/** Bars of one series, side by side with the others' or upon them. @param {uPlot} u @param {Scene} s @param {number} n @param {number} from @param {number} to */
export function bars(u, s, n, from, to) {
  const p = s.plot, i = s.order[n - 1], path = new Path2D(), { stacked } = s.options, seen = shown(s), whole = barWidth(u, s);
  const slots = stacked ? 1 : Math.max(1, seen.length), slot = whole / slots, place = stacked ? 0 : seen.indexOf(i), zero = u.valToPos(0, "y", true);
  const seam = !stacked && slots > 1 && slot >= 4 * unit(s) ? unit(s) : 0;
  for (let k = from; k <= to; k++) {
    const v = stacked ? s.layers[i].to[k] : p.series[i].values[k], base = stacked ? s.layers[i].from[k] : 0;
    if (v == null || v === base) continue;
    const left = u.valToPos(p.xs[k], "x", true) - whole / 2, x = Math.round(left + place * slot), end = Math.round(left + (place + 1) * slot - seam);
    const y = Math.round(u.valToPos(v, "y", true)), y0 = Math.round(base ? u.valToPos(base, "y", true) : zero);
    const high = Math.max(1, Math.abs(y - y0)), cut = stacked && base && high > 2 * unit(s) ? Math.round(unit(s)) : 0; // the seam is paper on the side of zero
    path.rect(x, Math.min(y, y0) + (y > y0 ? cut : 0), Math.max(1, end - x), high - cut);
  }
  return { stroke: null, fill: path, clip: null, band: null, flags: 1 };
}

/** Rules across the whole panel, their labels standing on them at the right: the plot begins where the title begins. @param {uPlot} u @param {Scene} s */
export function rules(u, s) {
  const { ctx } = u, { left, top, height } = u.bbox, right = ctx.canvas.width, all = marks(u, s), texts = named(all, s.plot.notation), px = devicePixelRatio;
  const present = last(u, s), limits = (s.options.thresholds ?? []).map((t) => u.valToPos(t.from, "y", true)), em = s.rem * px * LARGER;
  ctx.save();
  ctx.font = font(s, px);
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.lineWidth = Math.max(1, Math.round(unit(s)));
  all.forEach((v, i) => {
    const y = Math.round(u.valToPos(v, "y", true)) + 0.5;
    if (v === 0 || y < top - 1 || y > top + height + 1) return;
    ctx.strokeStyle = s.colors["--grid"];
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    if ((present && crossed(y, present.y, em)) || limits.some((at) => Math.abs(y - at) < em * 0.8 || crossed(y, at, em))) return;
    ctx.fillStyle = s.colors["--ink-3"];
    ctx.fillText(texts[i], right, y - 2 * px);
  });
  ctx.restore();
}

/** Would a line at one height go through a name that stands on another? One at its own is below it. @param {number} y @param {number} line @param {number} em */
const crossed = (y, line, em) => line > y - em * 0.9 && line < y + em * 0.15 && Math.abs(line - y) > 1;

/** Limits are dotted, in their colour, and named where the scale is. @param {uPlot} u @param {Scene} s */
function limits(u, s) {
  const { ctx } = u, { left, top, height } = u.bbox, right = ctx.canvas.width, present = last(u, s);
  for (const { from, color } of s.options.thresholds ?? []) {
    const y = Math.round(u.valToPos(from, "y", true)) + 0.5;
    if (y < top - 1 || y > top + height + 1) continue;
    dotted(ctx, s, left, right, y, s.colors[color]);
    if (present && crossed(y, present.y, s.rem * devicePixelRatio * LARGER)) continue;
    ctx.font = font(s, devicePixelRatio);
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.fillText(tick(s.plot.notation, from, 10 ** -decimals(from)), right, y - 2 * devicePixelRatio);
  }
}
/** @param {number} n */
const decimals = (n) => /\.(\d+)$/.exec(String(n))?.[1].length ?? 0;

/** @param {CanvasRenderingContext2D} ctx @param {Scene} s @param {number} left @param {number} right @param {number} y @param {string} color */
function dotted(ctx, s, left, right, y, color) {
  ctx.fillStyle = ctx.strokeStyle = color;
  ctx.lineWidth = unit(s);
  ctx.setLineDash([2 * unit(s), 3 * unit(s)]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(right, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Where the newest number of a single line stands. @param {uPlot} u @param {Scene} s */
function last(u, s) {
  const p = s.plot, values = p.series[0]?.values, { min = 0, max = 0 } = u.scales.x;
  if (s.truncated || s.options.type === "bar" || p.series.length !== 1 || p.axis !== "time" || s.hidden.size) return undefined;
  const i = values.findLastIndex((v) => v != null), v = values[i];
  return v == null || p.xs[i] > max || p.xs[i] < min ? undefined : { x: u.valToPos(p.xs[i], "x", true), y: u.valToPos(v, "y", true) };
}

/** The zero line is ink, drawn last, so that seams of bars do not cut it; what is now is in the accent. @param {uPlot} u @param {Scene} s */
export function present(u, s) {
  const { ctx } = u, { left, top, height, width } = u.bbox, right = ctx.canvas.width, px = unit(s), zero = Math.round(u.valToPos(0, "y", true));
  ctx.save();
  if (zero >= top - 1 && zero <= top + height + 1) {
    ctx.fillStyle = s.colors["--ink"];
    ctx.fillRect(left, zero, right - left, Math.max(1, Math.round(px)));
  }
  limits(u, s);
  if (s.running) {
    const w = barWidth(u, s), x = u.valToPos(s.plot.xs[s.plot.xs.length - 1], "x", true) - w / 2, end = Math.min(left + width, x + w);
    ctx.fillStyle = s.colors["--accent"];
    if (end > left) ctx.fillRect(Math.round(Math.max(left, x)), Math.round(top + height), Math.round(end - Math.max(left, x)), Math.round(2 * px));
  }
  const at = last(u, s);
  if (at) {
    dotted(ctx, s, at.x, right, at.y, s.colors["--accent"]);
    for (const [fill, r] of /** @type {[string, number][]} */ ([["--paper", 5], ["--accent", 3.5]])) {
      ctx.fillStyle = s.colors[fill];
      ctx.beginPath();
      ctx.arc(at.x, at.y, r * px, 0, 7);
      ctx.fill();
    }
  }
  ctx.restore();
}
