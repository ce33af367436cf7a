import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

globalThis.matchMedia ??= () => ({ matches: false });
const { excerpt, said } = await import("../js/problem.js");

// The server marks mistakes alike: views/source_test.go reads the same cases.
for (const c of JSON.parse(readFileSync(new URL("../../views/testdata/source.json", import.meta.url), "utf8"))) {
  test(`a mistake is marked: ${c.note}`, () => assert.deepEqual(excerpt(c.query, c.position), c.lines));
}
test("an error says what helps, in order", () => {
  assert.equal(said({ code: "forbidden", message: "permission denied for table salaries", hint: "ask somebody", fix: "GRANT …" }, true),
    "Permission denied for table salaries. Ask somebody. These are its last rows. Whoever owns it can run:");
  assert.equal(said({ code: "timeout", message: "the query took longer than 5 s" }, false), "The query took longer than 5 s.");
});
