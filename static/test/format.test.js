import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ends, extent } from "../js/bars.js";
import { describe, format, shownRows, tally } from "../js/format.js";
import { target } from "../js/link.js";
import { deal } from "../js/status.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/format.json", import.meta.url), "utf8"));
const formats = (fields) => Object.fromEntries(fields.filter((f) => f.format).map((f) => [f.name, f.format]));

for (const c of golden.cases) {
  test(`cell: ${c.note}`, () => {
    const [column] = describe([c], formats([c]), !!c.raw);
    assert.deepEqual(format(column, c.value, Date.parse(golden.now)), {
      text: c.text, dim: c.dim ?? "", title: c.title ?? "", className: c.class ?? "", glyph: c.glyph ?? "", time: c.time ?? "", href: c.href ?? "", isNull: !!c.null, isBlank: !!c.blank, isTree: !!c.tree,
    });
  });
}
for (const r of golden.columns) {
  test(`columns: ${r.note}`, () => {
    const got = describe(r.fields, formats(r.fields), !!r.raw).map(({ head, className, as }) => ({ head, class: className, as }));
    assert.deepEqual(got, r.fields.map(({ head, class: c, as }) => ({ head, class: c, as })));
  });
}
test("deal", () => {
  for (const d of golden.deals) assert.deepEqual(deal(d.labels), d.colors);
});
for (const b of golden.bars) {
  test(`bars: ${b.note}`, () => {
    const [column] = describe([{ name: "n", type: b.type ?? "float8" }], { n: { bar: b.bar, thresholds: b.thresholds } }, false);
    const rows = b.values.map((v) => ({ cells: [v] })), scale = ends(column, rows.map((r) => r.cells[0]));
    assert.deepEqual(rows.map((r) => { const e = extent(column, r.cells[0], scale); return [e.at, e.size, e.hue]; }), b.bars);
  });
}
test("links", () => {
  for (const l of golden.links) {
    const [column] = describe([{ name: "id", type: "text" }, { name: "name", type: "text" }], { id: { link: l.link } }, false);
    assert.equal(l.id === null ? "" : target(column.link, [l.id, l.name]), l.href, l.link);
  }
});

test("counts, counted or estimated", () => {
  for (const [rows, exact, want] of [[5840, true, "5,840"], [5840, false, "~5,840"], [184_902, false, "~185 k"], [184_902, true, "184,902"], [999_700, false, "~1.0 M"], [2_104_880, false, "~2.1 M"], [3e9, false, "~3.0 G"], [0, true, "0"]]) {
    assert.equal(tally({ rows, exact }), want);
  }
});

test("which rows are shown", () => {
  assert.deepEqual([[1, 200], [201, 1], [1001, 200], [1, 0]].map(([first, n]) => shownRows(first, n)), ["1–200", "201", "1,001–1,200", "No rows"]);
});
