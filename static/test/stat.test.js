import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describe } from "../js/format.js";
import { stat } from "../js/stat.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/stat.json", import.meta.url), "utf8"));
const result = (r) => r && { columns: describe(r.fields, Object.fromEntries(r.fields.filter((f) => f.format).map((f) => [f.name, f.format])), false), rows: r.rows.map((cells) => ({ cells })) };
const NONE = { way: "", mood: "", text: "", more: "", than: "" };

for (const c of golden.cases) {
  test(`stat: ${c.note}`, () => {
    const { columns, rows } = result(c), { null: isNull = false, change, ...want } = c.stat;
    assert.deepEqual(stat(columns, rows, c.unit ?? "", c.options ?? {}, 0, result(c.earlier), result(c.spark)), {
      whole: "", fraction: "", unit: "", note: "", title: "", level: "", limit: "", size: "", trend: null, ...want, isNull, change: change ? { ...NONE, ...change } : null,
    });
  });
}
