// The colours keep their promises: text and marks have contrast on every ground, and what a colour means can be told apart with
// every kind of sight (Machado, Oliveira, Fernandes 2009, severity 1; distances in OKLab × 100).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** @typedef {[number, number, number]} Triple linear sRGB, or OKLab */

const css = readFileSync(new URL("../css/tokens.css", import.meta.url), "utf8");

/** @param {number} L @param {number} C @param {number} h @returns {Triple} */
function linear(L, C, h) {
  const a = C * Math.cos((h * Math.PI) / 180), b = C * Math.sin((h * Math.PI) / 180);
  const [l, m, s] = [L + 0.3963377774 * a + 0.2158037573 * b, L - 0.1055613458 * a - 0.0638541728 * b, L - 0.0894841775 * a - 1.291485548 * b].map((x) => x ** 3);
  return clamped([4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s]);
}

/** @param {number[]} c @returns {Triple} */
const clamped = (c) => /** @type {Triple} */ (c.map((x) => Math.min(1, Math.max(0, x))));

/** @param {Triple} c @returns {Triple} */
function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b), m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b), s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/** @param {number} c */
const gamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
/** @param {number} c */
const degamma = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
/** @param {Triple} c */
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

/** @param {Triple} a @param {Triple} b */
function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

const SIGHTS = Object.entries({
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
});

/** @param {string} s "0.5 0.1 20" or "0.5 0.1 20 / 0.3" */
function parsed(s) {
  const [L, C, h, alpha = "1"] = s.split(/[ /]+/);
  return { color: linear(Number(L), Number(C), Number(h ?? 0)), alpha: Number(alpha) };
}

/** The tokens of one theme; what lets its ground through stands on paper. @param {0|1} n */
function theme(n) {
  /** @type {Map<string, {color: Triple, alpha: number}>} */ const tokens = new Map();
  for (const [, name, ...both] of css.matchAll(/--([\w-]+):\s*light-dark\(oklch\(([^)]*)\),\s*oklch\(([^)]*)\)\)/g)) tokens.set(name, parsed(both[n]));
  /** @param {string} name @param {string} [ground] @returns {Triple} */
  const at = (name, ground = "paper") => {
    const { color, alpha } = tokens.get(name) ?? assert.fail(`no token ${name}`);
    if (alpha === 1) return color;
    const under = at(ground);
    return /** @type {Triple} */ (color.map((c, i) => degamma(gamma(c) * alpha + gamma(under[i]) * (1 - alpha))));
  };
  return at;
}

for (const [name, at] of /** @type {[string, ReturnType<typeof theme>][]} */ ([["light", theme(0)], ["dark", theme(1)]])) {
  test(`${name}: text and marks have contrast`, () => {
    /** @param {string} what @param {Triple} a @param {Triple} b @param {number} least */
    const need = (what, a, b, least) => assert.ok(contrast(a, b) >= least, `${what}: ${contrast(a, b).toFixed(2)}, at least ${least}`);
    for (const ground of ["paper", "raised", "sunken"]) {
      for (const text of ["ink", "ink-2", "ink-3", "accent", "ok", "warn", "bad", "info"]) need(`${text} on ${ground}`, at(text), at(ground), 4.5);
    }
    for (const soft of ["warn", "bad"]) need(`${soft} on ${soft}-soft`, at(soft), at(`${soft}-soft`), 4.5);
    for (const wash of ["flash-up", "flash-down", "flash-set", "accent-mark", "accent-soft", "hover"]) for (const text of ["ink", "ink-2"]) need(`${text} on ${wash}`, at(text), at(wash), 4.5);
    need("on-solid on solid", at("on-solid"), at("solid"), 4.5);
    for (const mark of ["control", "amber", "green", "teal", "grey", "red", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]) need(`${mark} on paper`, at(mark), at("paper"), 3);
  });

  for (const [sight, rows] of SIGHTS) {
    /** @param {string} token @returns {Triple} */
    const seen = (token) => oklab(clamped(rows.map((r) => r.reduce((sum, x, i) => sum + x * at(token)[i], 0))));
    /** @param {string[]} tokens @param {number} least */
    const apart = (tokens, least) => tokens.forEach((a, i) => tokens.slice(i + 1).forEach((b) => {
      const x = seen(a), y = seen(b), d = 100 * Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
      assert.ok(d >= least, `${a} and ${b}: ${d.toFixed(1)} apart, at least ${least}`);
    }));
    test(`${name}, ${sight}: meanings are apart`, () => {
      apart(["ok", "warn", "bad"], 6.5);
      apart(["amber", "teal", "grey", "red", "green", "c1"], 8);
      apart(["flash-up", "flash-down"], 5.5);
      if (sight === "protan" || sight === "deutan") assert.ok(Math.abs(seen("flash-up")[0] - seen("flash-down")[0]) > 0.05, "what rose and what fell differ in lightness");
    });
    test(`${name}, ${sight}: categories are apart`, () => {
      apart(["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"], 8);
      apart(["c1", "c2", "c3", "c4", "c5"], 10);
    });
  }
}
