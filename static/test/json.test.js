import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "../js/json.js";

/** Back to text, token by token. */
const write = (n) => (!("entries" in n) ? n.text : n.kind === "object" ? `{${n.entries.map((e) => `${e.key}:${write(e.node)}`).join()}}` : `[${n.entries.map((e) => write(e.node)).join()}]`);

for (const s of [
  `{"a":12345678901234567890.10,"a":-1e400,"b":[true,false,null,"q\\"\\\\{[","ü"],"":{}}`, "[]", "12", `"x"`, "null", "[[[[1]]]]", `[1,[2,{"k":[]}],""]`,
]) test(`json: ${s}`, () => assert.equal(write(read(s)), s));

for (const s of ["", "{", "[1,]", `{"a"}`, `{a:1}`, "[1 2]", "1 2", "nul", "x", `{"a":1}}`, `"`, "[", `{"a":1,}`, "]"]) test(`no json: ${s}`, () => assert.equal(read(s), null));

test("json: white space goes", () => assert.equal(write(read(` { "a" :\n[ 1 ,\t2 ] } `)), `{"a":[1,2]}`));

test("json: what is too deep stands as text, and costs no stack", () => {
  let n = read("[".repeat(50_000) + "]".repeat(50_000));
  for (let i = 0; i < 64; i++) n = n.entries[0].node;
  assert.equal(n.kind, "word");
  assert.equal(n.text.length, 2 * (50_000 - 64));
});
