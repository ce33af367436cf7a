import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describe } from "../js/format.js";
import { parts, seam } from "../js/parts.js";
import { range, say, short, span, ticks, times } from "../js/scale.js";
import { lonely, moment, plot, rest, rhythm, stack } from "../js/series.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/chart.json", import.meta.url), "utf8"));
const formats = (fields) => Object.fromEntries(fields.filter((f) => f.format).map((f) => [f.name, f.format]));

for (const c of golden.plots) {
  test(`plot: ${c.note}`, () => {
    const got = plot(describe(c.fields, formats(c.fields), false), c.rows, c.chart);
    assert.equal(got.problem, c.problem ?? "");
    if (c.problem) return;
    const series = got.series.map((s) => ({ ...s, values: s.values.map((v) => (v === undefined ? "" : v)) }));
    assert.deepEqual({ ...got, series }, { axis: c.axis, xs: c.xs, labels: c.labels ?? [], offsets: c.offsets, step: c.step, regular: c.regular, series: c.series, decimals: c.decimals, problem: "" });
  });
}
test("ranges", () => {
  for (const c of golden.ranges) assert.deepEqual(range(c.low ?? null, c.high ?? null, c).map((v) => Math.round(v * 1e9) / 1e9), [c.lo, c.hi], JSON.stringify(c));
});
test("ticks", () => {
  for (const c of golden.ticks) assert.deepEqual(ticks(c.lo, c.hi, c.about, c.whole), c.ticks);
  for (const [n, by, text] of golden.shorts) assert.equal(short(n, by), text);
});
test("times", () => {
  for (const c of golden.times) {
    const got = times(c.lo, c.hi, c.most);
    assert.deepEqual(got.map((t) => t.text), c.texts, c.note);
    if (c.at) assert.deepEqual(got.map((t) => t.at), c.at);
  }
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
  const t = Date.UTC(2026, 10, 20, 11) / 1000;
  assert.equal(span(t, 3600, true), "11:00–12:00");
  assert.equal(span(t, 60, false), "11:00");
  assert.equal(span(t + 5, 0, false), "11:00:05");
  assert.equal(span(Date.UTC(2026, 10, 20) / 1000, 86400, true), "20 Nov");
  assert.equal(span(Date.UTC(2026, 10, 1) / 1000, 28 * 86400, true), "Nov 2026");
  assert.equal(say(-1234.5, 2), "−1,234.50");
  assert.equal(say(-0.001, 2), "0.00");
});
for (const c of golden.parts) {
  test(`parts: ${c.note}`, () => {
    const rows = c.rows.map((cells, i) => ({ key: String(i), cells }));
    assert.deepEqual(parts(describe(c.fields, formats(c.fields), false), rows, c.chart), { parts: c.parts ?? [], total: c.total ?? "", low: c.low ?? "", high: c.high ?? "", mark: c.mark ?? "", problem: c.problem ?? "" });
  });
}
test("an arc leaves a seam, unless it is the whole ring", () => {
  assert.deepEqual(["100", "50.25", "0.3"].map(seam), ["100", "49.65", "0"]);
});
test("a point between two gaps stands alone, one beside a point of others does not", () => {
  assert.deepEqual(lonely([1, null, 2, null, 3, undefined, 4, null]), [0, 2]);
  assert.deepEqual(lonely([5]), [0]);
});
test("a readout adds bars up and tells a line's newest", () => {
  assert.equal(rest([1, null, 2, undefined], { type: "bar" }), 3);
  assert.equal(rest([1, 2, null], { type: "line" }), 2);
  assert.equal(rest([null], { type: "line" }), undefined);
});
test("what was read once is not read again", () => {
  const seen = new Map(), columns = describe([{ name: "at", type: "date" }, { name: "n", type: "int4" }], {}, false), rows = [["2026-11-20", "1"], ["2026-11-21", "2"]];
  const first = plot(columns, rows, { type: "line" }, seen);
  assert.equal(seen.size, 2);
  assert.deepEqual(plot(columns, rows, { type: "line" }, seen), first);
});
