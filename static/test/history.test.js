import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../js/history.js";

const columns = [{ name: "id", type: "int4" }, { name: "v", type: "text" }];
const panel = (...rows) => ({ columns, rows: rows.map(([id, v]) => ({ key: id, cells: [id, v] })), truncated: false, error: null, at: "", every: 0 });

test("what a row went through", () => {
  const h = new History();
  h.begin(panel(["1", "a"], ["2", "b"]));
  h.note(panel(["1", "c"], ["2", "b"]), 10);
  h.note(panel(["3", "n"], ["1", null], ["2", "b"]), 20);
  assert.deepEqual(h.of("1"), [{ at: 10, key: "1", column: "v", was: "a", is: "c" }, { at: 20, key: "1", column: "v", was: "c", is: null }]);
  assert.deepEqual(h.of("2"), []);
  assert.deepEqual(h.of("3"), [], "it came: nothing of it changed");
});

test("other columns are no change", () => {
  const h = new History();
  h.begin(panel(["1", "a"]));
  h.note({ ...panel(["1", "z"]), columns: [...columns] }, 10);
  assert.deepEqual(h.of("1"), []);
});

test("what left is forgotten", () => {
  const h = new History();
  h.begin(panel(["1", "0"], ["2", "x"]));
  for (let i = 1; i <= 150; i++) h.note(panel(["1", String(i)], ["2", "x"]), i);
  h.note(panel(["2", "x"], ["3", "y"]), 200);
  assert.deepEqual(h.of("1"), []);
});

test("the memory is bounded", () => {
  const h = new History();
  h.begin(panel(["1", "0"], ["2", "x"]));
  h.note(panel(["1", "0"], ["2", "y"]), 1);
  for (let i = 1; i <= 6000; i++) h.note(panel(["1", String(i)], ["2", "y"]), i);
  assert.equal(h.of("1").length, 100);
  assert.equal(h.of("1").at(-1).is, "6000");
  assert.equal(h.of("2").length, 0, "long ago");
});
