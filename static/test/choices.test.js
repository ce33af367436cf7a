import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { address, choices, chosenText, dayText, moments, optionRows, rangeText, said } from "../js/choices.js";

const golden = JSON.parse(readFileSync(new URL("../../views/testdata/variables.json", import.meta.url), "utf8"));

for (const c of golden.cases) {
  test(`variable: ${c.note}`, () => {
    assert.deepEqual(choices(c), c.choices);
    assert.equal(chosenText(c), c.text);
    assert.equal(address("/d/x", [c]), c.address);
  });
}
for (const s of golden.said) test(`said: ${s.note}`, () => assert.equal(said(s.variables.map((v) => ({ multiple: false, ...v }))), s.text));
test("days", () => { for (const [value, text] of golden.days) assert.equal(dayText(value), text); });
test("ranges", () => { for (const [value, text] of golden.ranges) assert.equal(rangeText(value), text); });
test("options of rows", () => { for (const r of golden.rows) assert.deepEqual(optionRows(r.rows), r.options, r.note); });
test("an address of several variables", () => {
  const [a, b] = [golden.cases[1], golden.cases[7]];
  assert.equal(address("/d/x", [a, { ...b, name: "w w" }]), "/d/x?v=paid&w%20w=a&w%20w=b");
});
test("both ends of a range, by the dashboard's clock", () => {
  const now = Date.parse("2026-11-20T14:30:59Z");
  assert.deepEqual(moments("last-15m", now, "UTC"), ["2026-11-20T14:15", "2026-11-20T14:30"]);
  assert.deepEqual(moments("last-2d", now, "Europe/Berlin"), ["2026-11-18T15:30", "2026-11-20T15:30"]);
  assert.deepEqual(moments("today", now, "Asia/Tokyo"), ["2026-11-20T22:30", "2026-11-20T23:30"]);
  assert.deepEqual(moments("2026-11-20T10:00..2026-11-21T00:00", now, "UTC"), ["2026-11-20T10:00", "2026-11-21T00:00"]);
});
