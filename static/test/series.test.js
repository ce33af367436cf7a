import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describe } from "../js/format.js";
import { long, parts, seam } from "../js/parts.js";
import { PLAIN, tick } from "../js/notation.js";
import { ahead, categories, gutter, range, say, short, span, ticks, times, zoned } from "../js/scale.js";
import { clocks, ends, lonely, moment, name, nearest, plot, rest, rhythm, shared, spot, stack, within, words } from "../js/series.js";
import { bounds } from "../js/timerange.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/chart.json", import.meta.url), "utf8"));
const formats = (fields) => Object.fromEntries(fields.filter((f) => f.format).map((f) => [f.name, f.format]));

for (const c of golden.plots) {
  test(`plot: ${c.note}`, () => {
    const got = plot(describe(c.fields, formats(c.fields), false), c.rows, c.chart);
    assert.equal(got.problem, c.problem ?? "");
    if (c.problem) return;
    const series = got.series.map((s) => ({ ...s, values: s.values.map((v) => (v === undefined ? "" : v)) }));
    assert.deepEqual({ ...got, series }, { axis: c.axis, xs: c.xs, labels: c.labels ?? [], offsets: c.offsets, step: c.step, regular: c.regular, series: c.series.map((s) => ({ decimals: 0, of: [], rest: false, ...s, notation: { ...PLAIN, ...s.notation } })), decimals: c.decimals, notation: { ...PLAIN, ...c.notation }, shared: c.shared ?? 0, sums: !!c.sums, problem: "" });
    if (c.words) assert.equal(words(got, c.chart, 0, got.xs.length - 1), c.words);
  });
}
test("ranges", () => {
  for (const c of golden.ranges) assert.deepEqual(range(c.low ?? null, c.high ?? null, c).map((v) => Math.round(v * 1e9) / 1e9), [c.lo, c.hi], JSON.stringify(c));
});
test("ticks", () => {
  for (const c of golden.ticks) assert.deepEqual(ticks(c.lo, c.hi, c.about, c.whole, c.style), c.ticks);
  for (const [n, by, style, text] of golden.scales) assert.equal(tick(style === "$" ? { ...PLAIN, before: "$" } : { ...PLAIN, style }, n, by), text);
  for (const [n, by, text] of golden.shorts) assert.equal(short(n, by), text);
});
test("times", () => {
  for (const c of golden.times) {
    const got = times(c.lo, c.hi, c.most);
    assert.deepEqual(got.map((t) => t.text), c.texts, c.note);
    if (c.at) assert.deepEqual(got.map((t) => t.at), c.at);
  }
});
test("stacks", () => {
  for (const c of golden.stacks) {
    const all = c.values.map((values) => ({ values: values.map((v) => (v === "" ? undefined : v)) }));
    assert.deepEqual(stack(all, all.map(() => true), c.area).map((s) => [s.from, s.to]), c.values.map((_, i) => [c.from[i], c.to[i]]), c.note);
  }
});
test("on the screen a series gives way only to one that is greater by a tenth, which takes its colour", () => {
  const columns = describe([{ name: "x", type: "text" }, { name: "who", type: "text" }, { name: "n", type: "int4" }], {}, false), names = [..."abcdefghijk"];
  const draw = (sizes, before) => plot(columns, names.map((n, i) => ["x", n, String(sizes[i])]), { type: "bar", series: "who" }, undefined, before);
  const hues = (p) => new Map(p.series.map((s) => [s.label, s.hue])), sizes = [100, 10, 20, 90, 80, 70, 60, 50, 40, 39, 5];
  const first = hues(draw(sizes));
  assert.equal([...first.keys()].join(" "), "a d e f g h i j others");
  assert.deepEqual(hues(draw(sizes.with(2, 42), first)), first);
  const after = hues(draw(sizes.with(2, 50), first));
  assert.equal([...after.keys()].join(" "), "a c d e f g h i others");
  for (const [name, hue] of after) assert.equal(hue, first.get(name === "c" ? "j" : name), name);
});
test("a stack leaves no room for what is hidden, and hangs what is below zero", () => {
  const all = [{ label: "a", hue: "", values: [1, 2, null] }, { label: "b", hue: "", values: [10, -4, null] }, { label: "c", hue: "", values: [5, 5, undefined] }];
  assert.deepEqual(stack(all, [true, true, true]).map((s) => [s.from, s.to]), [[[0, 0, null], [1, 2, null]], [[1, 0, null], [11, -4, null]], [[11, 2, null], [16, 7, null]]]);
  assert.deepEqual(stack(all, [true, false, true])[2], { from: [1, 2, null], to: [6, 7, null] });
});
test("moments", () => {
  assert.deepEqual(moment("2026-11-20 14:00:00.123456+05:30"), { at: Date.UTC(2026, 10, 20, 8, 30) / 1000 + 0.123, offset: 19800 });
  assert.deepEqual(moment("1969-12-31"), { at: -86400, offset: 0 });
  for (const s of ["infinity", "", "0044-03-15 BC", "14:00"]) assert.equal(moment(s), undefined);
});
test("a rhythm is a step that most have and all are multiples of", () => {
  assert.deepEqual(rhythm([0, 60, 120, 300]), [60, true]);
  assert.deepEqual(rhythm([0, 60, 150, 300]), [60, false]);
  assert.deepEqual(rhythm([5]), [0, false]);
});
test("spans and numbers read as people say them", () => {
  for (const c of golden.spans) assert.equal(span(c.wall, c.step, c.lasts, c.wide), c.text);
  assert.equal(say(-1234.5, 2), "−1,234.50");
  assert.equal(say(-0.001, 2), "0.00");
});
for (const c of golden.zoned) {
  test(`times by their clocks: ${c.note}`, () => {
    const got = zoned(c.lo, c.hi, c.most, c.clocks);
    assert.deepEqual(got.map((t) => t.text), c.texts);
    if (c.at) assert.deepEqual(got.map((t) => t.at), c.at);
  });
}
for (const c of golden.ends) {
  test(`ends: ${c.note}`, () => {
    const now = (c.now ?? 0) / 1000 + (c.zone ? ahead(c.zone, c.now) : 0);
    assert.deepEqual(ends({ axis: c.axis, xs: c.xs, step: c.step, offsets: [] }, { ...c, ...(c.range ? bounds(c.range, 0, "UTC", true) : {}) }, now), [c.lo, c.hi]);
  });
}
test("what a time range means now", () => {
  for (const { range, now, zone, zoned, ...want } of golden.bounds) assert.deepEqual(bounds(range, now, zone, zoned), want, `${range} in ${zone}`);
});
test("gutters", () => {
  for (const c of golden.gutters) assert.equal(gutter(c.texts), Number(c.rem));
});
test("a zone's clock, in summer and winter", () => {
  const [winter, summer] = ["2026-11-20", "2026-07-20"].map(Date.parse);
  for (const [zone, ...want] of [["Europe/Berlin", 3600, 7200], ["America/New_York", -18000, -14400], ["Asia/Kolkata", 19800, 19800], ["UTC", 0, 0]]) {
    assert.deepEqual([ahead(zone, winter), ahead(zone, summer)], want, zone);
  }
});
test("clocks change where the times say so", () => {
  assert.deepEqual(clocks({ xs: [1, 2, 3, 4], offsets: [7200, 7200, 3600, 3600] }), [{ from: -Infinity, offset: 7200 }, { from: 3, offset: 3600 }]);
  assert.deepEqual(clocks({ xs: [], offsets: [] }), [{ from: -Infinity, offset: 0 }]);
});
test("names that do not fit are cut, and left out where a cut would leave too little", () => {
  for (const c of golden.categories) {
    const got = categories(c.labels, 0, c.labels.length - 1, c.wide);
    assert.deepEqual([got.map((t) => t.text), got.map((t) => t.at)], [c.texts, c.at]);
  }
  assert.deepEqual(categories(["a", "b", "c", "d"], 1, 2, 20).map((c) => c.at), [1, 2]); // of a part of the axis
});
test("the points between two ends", () => {
  assert.deepEqual(within([1, 2, 3, 4], 2, 3), [1, 2]);
  assert.deepEqual(within([1, 2, 3, 4], 0, 9), [0, 3]);
  assert.deepEqual(within([1, 4], 2, 3), [1, 0]);
});
test("the nearest point, and the earlier of two as near", () => {
  assert.deepEqual([-5, 1.4, 2, 9].map((v) => nearest([1, 3], v)), [0, 0, 0, 1]);
  assert.equal(nearest([], 1), -1);
});
test("another chart's moment is in the bar whose time holds it, or at the nearest point, or not there", () => {
  const hours = { axis: "time", regular: true, step: 3600, xs: [0, 3600, 10800] };
  assert.deepEqual([-1, 0, 3599, 3600, 7300, 10800, 14399, 14401].map((v) => spot(hours, { type: "bar" }, v)), [-1, 0, 0, 1, -1, 2, 2, -1]);
  assert.deepEqual([-3601, -3599, 1900, 20000].map((v) => spot(hours, { type: "line" }, v)), [-1, 0, 1, -1]);
  assert.equal(spot({ axis: "time", regular: false, step: 0, xs: [] }, { type: "line" }, 5), -1);
});
test("a point is called by its name, number or time", () => {
  assert.equal(name({ axis: "category", labels: ["NL"] }, {}, 0), "NL");
  assert.equal(name({ axis: "number", xs: [1234567.5] }, {}, 0), "1,234,567.5");
  assert.equal(name({ axis: "time", xs: [1795162200, 1795179600], offsets: [0, 0], step: 17400, regular: true }, { type: "bar" }, 0), "08:10–08:20");
  assert.equal(name({ axis: "time", xs: [1795168800, 1795172400], offsets: [3600, 3600], step: 3600, regular: true }, { type: "bar" }, 0), "11:00–12:00");
});
for (const c of golden.parts) {
  test(`parts: ${c.note}`, () => {
    const rows = c.rows.map((cells, i) => ({ key: String(i), cells }));
    assert.deepEqual(parts(describe(c.fields, formats(c.fields), false), rows, c.chart), { parts: c.parts ?? [], total: c.total ?? "", low: c.low ?? "", high: c.high ?? "", mark: c.mark ?? "", problem: c.problem ?? "" });
  });
}
test("a number that has no room is written smaller", () => {
  assert.deepEqual(["1,234", "1,234.5", "1,234,567", "12,345,678", "1,234,567,890"].map(long), ["", "1", "1", "2", "3"]);
});
test("an arc leaves a seam, unless it is the whole ring", () => {
  assert.deepEqual(["100", "50.25", "0.3"].map(seam), ["101", "49.65", "0"]);
});
test("a point between two gaps stands alone, one beside a point of others does not", () => {
  assert.deepEqual(lonely([1, null, 2, null, 3, undefined, 4, null]), [0, 2]);
  assert.deepEqual(lonely([5]), [0]);
});
test("a readout adds bars up and tells a line's newest", () => {
  assert.equal(rest([1, null, 2, undefined], true), 3);
  assert.equal(rest([1, 2, null], false), 2);
  assert.equal(rest([null], false), undefined);
});
test("rows that are not drawn are counted", () => {
  assert.equal(shared(1), "1 row shares its point with a later one, which alone is drawn. Name a series, or group the query.");
  assert.ok(shared(1200).startsWith("1,200 rows share their point"));
});
test("what was read once is not read again", () => {
  const seen = new Map(), columns = describe([{ name: "at", type: "date" }, { name: "n", type: "int4" }], {}, false), rows = [["2026-11-20", "1"], ["2026-11-21", "2"]];
  const first = plot(columns, rows, { type: "line" }, seen);
  assert.equal(seen.size, 2);
  seen.get(rows[0]).ys[0] = 7; // it is believed
  assert.equal(plot(columns, rows, { type: "line" }, seen).series[0].values[0], 7);
  seen.get(rows[0]).ys[0] = 1;
  assert.deepEqual(plot(columns, rows, { type: "line" }, seen), first);
});
