import assert from "node:assert/strict";
import { test } from "node:test";
import { folded, named, naming, rowAddress, rowTitle } from "../js/rowfacts.js";

const fields = ["no,1", "buyer", "a", "b"].map((name) => ({ name }));
const data = {
  name: "Or.der", address: '/t/public.%22Or.der%22', key: ["no,1"],
  columns: [{ name: "no,1", operators: ["is"] }, { name: "tags", operators: ["contains"] }],
  foreign_keys: [
    { columns: ["buyer"], table: "public.people", address: "/t/public.people", references: ["id"] },
    { columns: ["a", "b"], table: "public.pairs", address: "/t/public.pairs", references: ["y", "x"] },
  ],
  referenced_by: [
    { columns: ["o"], table: "public.lines", address: "/t/public.lines", references: ["no,1"] },
    { columns: ["p", "q"], table: "public.notes", address: "/t/public.notes", references: ["b", "a"] },
  ],
};
const row = (...cells) => ({ key: "[]", cells });

test("a row names others, and is named by them", () => {
  const whole = row("7", "1", "2 3", "");
  assert.deepEqual(named(data, fields, whole).map((l) => l.address), ["/t/public.people?where=id.is.1", "/t/public.pairs?where=y.is.2%203&where=x.is."]);
  assert.deepEqual(naming(data, fields, whole).map((l) => l.address), ["/t/public.lines?where=o.is.7", "/t/public.notes?where=p.is.&where=q.is.2%203"]);
  assert.deepEqual(named(data, fields, whole)[1].values, ["2 3", ""]);
});

test("a key with a NULL in it names nothing, and what is not known names nothing", () => {
  const some = row("7", null, "2", null);
  assert.deepEqual(named(data, fields, some), []);
  assert.deepEqual(naming(data, fields, some).map((l) => l.table), ["public.lines"]);
  assert.deepEqual(naming(data, fields.slice(1), row("1", "2", "3")).map((l) => l.table), ["public.notes"]);
});

test("a row's own address and title", () => {
  assert.equal(rowAddress(data, fields, row("7"), "x"), "/t/public.%22Or.der%22?where=%22no%2C1%22.is.7");
  assert.equal(rowAddress(data, [], null, '["8"]'), "/t/public.%22Or.der%22?where=%22no%2C1%22.is.8");
  for (const key of ['["8","9"]', "[8]", "garbage%", '"8"']) assert.equal(rowAddress(data, [], null, key), "", key);
  assert.equal(rowAddress({ ...data, key: ["tags"] }, [{ name: "tags" }], row("{1}"), '["{1}"]'), "", "no filter tells arrays apart");
  assert.equal(rowTitle(data, fields, row("7"), "x"), "Or.der 7");
  assert.equal(rowTitle({ ...data, key: ["a", "b"] }, [], null, '["1","2"]'), "Or.der 1, 2");
  assert.equal(rowTitle(data, [], null, "garbage"), "Or.der garbage");
});

test("a row without a key is called by what stands first in it, never by its hash", () => {
  const bare = { ...data, key: [] }, hash = '["h","5d41402abc4b2a76","0"]';
  assert.equal(rowAddress(bare, fields, row("7"), '["7"]'), "");
  assert.equal(rowTitle(bare, fields, row(null, "one", "", "x".repeat(30)), hash), `Or.der one, ${"x".repeat(23)}…`);
  assert.equal(rowTitle(bare, fields, row("1", "2", "3", "4"), hash), "Or.der 1, 2, 3");
  assert.equal(rowTitle(bare, fields, row(null, "", null, null), hash), "Or.der, a row without a key");
});

test("a long value begins, a short one is whole, no letter is cut in two", () => {
  assert.equal(folded("x".repeat(400)), "x".repeat(400));
  assert.equal(folded("x".repeat(20_000)), `${"x".repeat(300)}…`);
  assert.equal(folded(`${"x".repeat(299)}${"🦀".repeat(500)}`), `${"x".repeat(299)}…`);
});
