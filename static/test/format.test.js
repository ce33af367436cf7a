import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describe, format, stat } from "../js/format.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/format.json", import.meta.url), "utf8"));
const formats = (fields) => Object.fromEntries(fields.filter((f) => f.format).map((f) => [f.name, f.format]));

for (const c of golden.cases) {
  test(`cell: ${c.note}`, () => {
    const [column] = describe([c], formats([c]), !!c.raw);
    assert.deepEqual(format(column, c.value, Date.parse(golden.now)), {
      text: c.text, dim: c.dim ?? "", title: c.title ?? "", className: c.class ?? "", glyph: c.glyph ?? "", time: c.time ?? "", isNull: !!c.null,
    });
  });
}
for (const r of golden.columns) {
  test(`columns: ${r.note}`, () => {
    const got = describe(r.fields, formats(r.fields), !!r.raw).map(({ head, className, as }) => ({ head, class: className, as }));
    assert.deepEqual(got, r.fields.map(({ head, class: c, as }) => ({ head, class: c, as })));
  });
}
test("stat", () => {
  const columns = describe([{ name: "revenue", type: "numeric" }, { name: "orders", type: "int8" }, { name: "best", type: "text" }], {}, false);
  assert.deepEqual(stat(columns, ["7268.65", "1166", "Ink"], 0), { whole: "7,268", fraction: ".65", note: "1,166 orders, Ink", title: "" });
  assert.deepEqual(stat(columns, undefined, 0), { whole: "–", fraction: "", note: "no rows", title: "" });
});
