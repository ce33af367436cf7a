import assert from "node:assert/strict";
import { test } from "node:test";
import { conditions, offered, read, usual, written, wrong } from "../js/typed.js";

const column = (kind, operators, more = {}) => ({ name: "c", type: "", kind, not_null: false, primary_key: false, sortable: true, operators: [...operators, "null", "notnull"], ...more });
const compare = ["is", "isnt", "lt", "le", "gt", "ge"];
const number = column("number", compare), text = column("text", ["has", "hasnt", "is", "isnt", "starts", "ends", "in"]), time = column("time", ["last", ...compare]), json = column("json", ["has", "contains"]);

const cases = [
  ["20", "ge", number, ["ge 20"]],
  [">=20", "is", number, ["ge 20"]],
  ["> 1,284.50", "is", number, ["gt 1284.50"]],
  ["20..50", "is", number, ["ge 20", "le 50"]],
  ["20 .. 50", "..", number, ["ge 20", "le 50"]],
  ["!= 3", "is", number, ["isnt 3"]],
  ["null", "is", number, ["null "]],
  ["!null", "is", number, ["notnull "]],
  ["", "is", number, []],
  ["", "null", number, ["null "]],
  ["leave with", "has", text, ["has leave with"]],
  ["=exactly", "has", text, ["is exactly"]],
  ["a..b", "has", text, ["has a..b"]],
  ["null island", "has", text, ["has null island"]],
  ["in: paid, \"a, b\"", "has", text, ["in paid,\"a, b\""]],
  ["inside", "has", text, ["has inside"]],
  ["in stock", "has", text, ["has in stock"]],
  ["$100", "has", text, ["has $100"]],
  ["^foo", "has", text, ["has ^foo"]],
  ["^=foo", "has", text, ["starts foo"]],
  ["$= .pdf", "has", text, ["ends .pdf"]],
  ["\"null\"", "has", text, ["has null"]],
  ["salt & pepper", "has", text, ["has salt & pepper"]],
  ["!= \"a & = b\"", "has", text, ["isnt a & = b"]],
  [">5 & != 7 & != 8", "is", number, ["gt 5", "isnt 7", "isnt 8"]],
  ["!~ \"in: x\" & != y & !null", "has", text, ["hasnt in: x", "isnt y", "notnull "]],
  ["15m", "ge", time, ["last 15m"]],
  ["15 min", "ge", time, ["last 15m"]],
  ["last 2 h", "ge", time, ["last 2h"]],
  ["2026-11-20", "ge", time, ["ge 2026-11-20"]],
  ["@> {\"a\": 1}", "has", json, ["contains {\"a\": 1}"]],
];
for (const [typed, op, c, want] of cases) {
  test(`"${typed}" after ${op} for ${c.kind}`, () => assert.deepEqual(conditions(typed, op, c).map((f) => `${f.op} ${f.value}`), want));
}

test("null is null in every column, and is read so", () => {
  for (const c of [{ ...text, not_null: true }, { ...number, not_null: true }, { ...json, not_null: true }]) {
    for (const [typed, op, words] of [["null", "null", "c is null"], ["!null", "notnull", "c is not null"]]) {
      assert.deepEqual(conditions(typed, usual(c), c), [{ op, value: "" }], `${typed} in ${c.kind}`);
      assert.equal(read(conditions(typed, usual(c), c), c), words);
    }
  }
});

test("what is offered", () => {
  assert.deepEqual(offered(column("number", compare, { not_null: true })), ["is", "isnt", "lt", "le", "gt", "ge", ".."]);
  assert.equal(usual(number), "is");
  assert.equal(usual(text), "has");
  assert.equal(usual(time), "ge");
});

test("what cannot be meant", () => {
  assert.equal(wrong([{ op: "ge", value: "many" }], number), "c is a number");
  assert.equal(wrong([{ op: "ge", value: "-1.5e3" }, { op: "le", value: ".5" }], number), "");
  assert.match(wrong([{ op: "last", value: "soon" }], time), /15m/);
  assert.equal(wrong([{ op: "has", value: "many" }], text), "");
});

test("written as it is typed", () => {
  assert.deepEqual(written([{ op: "le", value: "5" }, { op: "ge", value: "2" }]), { op: "..", text: "2..5" });
  assert.deepEqual(written([{ op: "in", value: 'paid,"a, b"' }]), { op: "in", text: 'paid, "a, b"' });
  assert.deepEqual(written([{ op: "gt", value: "5" }, { op: "isnt", value: "7" }, { op: "isnt", value: "8" }]), { op: "gt", text: "5 & != 7 & != 8" });
  for (const [typed, op, c] of cases) {
    const list = conditions(typed, op, c);
    if (!list.length) continue;
    const w = written(list);
    assert.deepEqual(conditions(w.text, w.op, c), list, typed);
  }
  const odd = [{ op: "in", value: ', a,"b,","""",x & y' }], w = written(odd);
  assert.deepEqual(conditions(w.text, w.op, text), odd, w.text);
});
