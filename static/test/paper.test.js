import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.matchMedia ??= /** @type {any} */ (() => ({ matches: false }));
globalThis.addEventListener = () => {};
globalThis.document = /** @type {any} */ ({ documentElement: { classList: { contains: () => false, add() {}, remove() {} } } });
const { fitting, missing, size } = await import("../js/paper.js");

test("a table on paper", () => {
  assert.deepEqual(fitting([100, 200], 688), { scale: 1, columns: 2 });
  assert.deepEqual(fitting([400, 400], 688), { scale: 0.86, columns: 2 }, "smaller where that is enough");
  assert.deepEqual(fitting([400, 400, 400], 688), { scale: 0.7, columns: 2 }, "else the last columns go");
  assert.deepEqual(fitting([2000, 10], 688), { scale: 0.7, columns: 1 }, "one is always there");
});

test("columns that are not on paper are named", () => {
  assert.equal(missing(["placed_at"]), "And 1 more column: placed_at.");
  assert.equal(missing([..."abcdefgh"]), "And 8 more columns: a, b, c, d, e, f, …");
});

test("a chart has its part of the sheet", () => {
  const style = new Map(), host = /** @type {any} */ ({ style: { setProperty: (n, v) => style.set(n, v), removeProperty: (n) => style.delete(n) } });
  for (const [columns, width] of [[12, 688], [6, 327], [3, 330]]) {
    size(host, columns, true);
    assert.ok(Math.abs(parseFloat(style.get("inline-size")) - width) < 1, `${columns}: ${style.get("inline-size")}`);
  }
  size(host, 12, false);
  assert.equal(style.size, 0);
});
