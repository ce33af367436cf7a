import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { Lost, missed, steady } from "../js/delta.js";
import { receive, start } from "../js/store.js";

const folder = new URL("../../delta/testdata/", import.meta.url);
const empty = () => start({ page: "/d/shop?status=paid", cursor: "", at: "", panels: new Map() }, 0);

// Cases of the server's side: what its clients must show, and when they must notice that they lost their place.
const names = readdirSync(folder).filter((n) => n.endsWith(".json"));
test("there are golden deltas", () => assert.ok(names.length > 20));
for (const name of names) {
  const c = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  if (!c.before || !c.delta) continue;
  test(`${name}: ${c.note}`, () => {
    const before = receive(empty(), c.before, 0), copy = structuredClone([...before.panels]);
    if (c.lost) assert.throws(() => receive(before, c.delta, 0), Lost);
    else {
      const got = receive(before, c.delta, 0), want = receive(empty(), c.after, 0);
      assert.deepEqual([...got.panels].sort(), [...want.panels].sort());
      assert.equal(got.cursor, want.cursor);
      assert.equal(got.at, want.at);
    }
    assert.deepEqual([...before.panels], copy, "the state before was changed");
  });
}

test("what a paused reader missed", async () => {
  const panel = (rows) => ({ columns: [{ name: "a", type: "int4" }], rows: rows.map(([key, a]) => ({ key, cells: [a] })), truncated: false, error: null, at: "", every: 0 });
  const shown = new Map([["p", panel([["1", "a"], ["2", "b"], ["3", "c"]])]]), now = new Map([["p", panel([["4", "d"], ["1", "x"], ["3", "c"]])]]);
  shown.set("@status", panel([["1", "a"]]));
  now.set("@status", panel([["2", "b"]])); // a variable's options are no rows that somebody reads
  assert.deepEqual(missed(shown, now), { added: 1, changed: 1, removed: 1, moved: false });
  const turned = new Map([["p", panel([["3", "c"], ["1", "a"], ["2", "b"]])]]);
  assert.deepEqual(missed(shown, turned), { added: 0, changed: 0, removed: 0, moved: true });
  const pushed = new Map([["p", panel([["4", "d"], ["1", "a"], ["2", "b"]])]]);
  assert.deepEqual(missed(shown, pushed), { added: 1, changed: 0, removed: 0, moved: false }, "the third row only fell off the end");
  assert.deepEqual(missed(shown, new Map([["p", panel([["1", "a"], ["2", "b"]])]])), { added: 0, changed: 0, removed: 1, moved: false });
  globalThis.matchMedia ??= () => ({ matches: false });
  const { tell } = await import("../js/hold.js");
  assert.equal(tell(missed(shown, now)), "1 new, 1 changed, 1 gone");
  assert.deepEqual(missed(shown, shown), { added: 0, changed: 0, removed: 0, moved: false });
});

test("rows that stand where they are take new values", () => {
  const panel = (rows) => ({ columns: [{ name: "a", type: "int4" }], rows: rows.map(([key, a]) => ({ key, cells: [a] })), truncated: false, error: null, at: "", every: 0 });
  const shown = panel([["1", "a"], ["2", "b"], ["3", "c"]]), now = panel([["4", "d"], ["3", "z"], ["1", "x"]]);
  assert.deepEqual(steady(shown, now).rows.map((r) => [r.key, r.cells[0]]), [["1", "x"], ["2", "b"], ["3", "z"]]);
  assert.equal(steady(shown, shown), shown, "nothing changed");
});

test("rows that a new snapshot repeats keep their identity", () => {
  const snapshot = (cursor, total) => ({ type: "snapshot", page: "/d/shop", cursor, at: "2026-11-20T10:00:00Z", panels: { p: { columns: [{ name: "total", type: "numeric" }], rows: [["1", "5.00"], ["2", total]] } } });
  const one = receive(empty(), snapshot("a:1", "6.00"), 0), two = receive(one, snapshot("b:1", "7.00"), 0);
  const [a, b] = [one.panels.get("p"), two.panels.get("p")];
  assert.equal(a.rows[0], b.rows[0]);
  assert.notEqual(a.rows[1], b.rows[1]);
  assert.equal(a.columns, b.columns);
});
