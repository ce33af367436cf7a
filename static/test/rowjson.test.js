import assert from "node:assert/strict";
import { test } from "node:test";
import { pretty, rowTokens } from "../js/rowjson.js";

const text = (tokens) => tokens.map((t) => t.text).join("");

test("a value over lines is the same value", () => {
  for (const json of ['{"a": {"b": [1, 2, {"c": null}]}, "d": "x, {y} \\"z\\"", "e": [], "f": {}}', "[]", "12", '"only text"', '[[1],[2]]', "true"]) {
    assert.deepEqual(JSON.parse(text(pretty(json))), JSON.parse(json), json);
    assert.equal(text(pretty(json)), JSON.stringify(JSON.parse(json), null, 2), json);
  }
  assert.equal(text(pretty("[12345678901234567890.10]")), "[\n  12345678901234567890.10\n]", "digits stay");
});

test("a row as JSON", () => {
  const columns = [["id", "int8"], ["total", "numeric"], ["paid", "bool"], ["note", "text"], ["data", "jsonb"], ["at", "timestamptz"], ["ratio", "float8"], ['odd "name"', "text"]].map(([name, type]) => ({ name, type }));
  const json = text(rowTokens(columns, ["9007199254740993", "19.90", "t", null, '{"a": [1]}', "2026-11-20 10:00:00+00", "NaN", "x"]));
  assert.match(json, /"id": 9007199254740993,/);
  assert.match(json, /"total": 19\.90,/);
  assert.deepEqual(JSON.parse(json), { id: 9007199254740992, total: 19.9, paid: true, note: null, data: { a: [1] }, at: "2026-11-20 10:00:00+00", ratio: "NaN", 'odd "name"': "x" });
  assert.equal(text(rowTokens([], [])), "{}");
});

test("names, texts and the rest are told apart", () => {
  assert.deepEqual(pretty('{"a": "b", "c": 1}').map((t) => t.kind), ["mark", "key", "mark", "text", "mark", "key", "mark", "word", "mark"]);
});
