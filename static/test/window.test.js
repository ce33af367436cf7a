import assert from "node:assert/strict";
import { test } from "node:test";
import { SMALL, breadth, including, range, seen } from "../js/window.js";

const sight = (count, top, bottom) => ({ count, tall: 32, top, bottom });

test("a small table is all there", () => {
  assert.deepEqual(range(sight(SMALL, 900, 1800)), { from: 0, to: SMALL });
  assert.deepEqual(range(sight(0, 0, 900)), { from: 0, to: 0 });
  assert.deepEqual(range({ count: 5000, tall: 0, top: 0, bottom: 900 }), { from: 0, to: 5000 }, "not laid out yet");
});

test("of a large one the rows in sight and some around", () => {
  for (const [top, bottom] of [[0, 700], [3200, 3900], [159_000, 160_000], [-5000, -4000], [400_000, 500_000], [0, 0]]) {
    const r = range(sight(5000, top, bottom)), s = seen(sight(5000, top, bottom));
    assert.ok(r.from >= 0 && r.to <= 5000 && r.to - r.from <= 160 && r.to - r.from >= 16, `${top}: ${r.from}..${r.to}`);
    assert.ok(s.from >= r.from && s.to <= r.to, `${top}: sees ${s.from}..${s.to} of ${r.from}..${r.to}`);
  }
});

test("a tall window is filled", () => {
  const r = range(sight(10_000, 0, 32 * 400));
  assert.ok(r.to >= 400);
});

test("a slow scroll changes nothing for some rows", () => {
  assert.deepEqual(range(sight(5000, 3200, 3840)), range(sight(5000, 3230, 3840)));
});

test("what must not go stays", () => {
  assert.deepEqual(including({ from: 100, to: 200 }, { from: 40, to: 41 }), { from: 40, to: 200 });
  assert.deepEqual(including({ from: 100, to: 200 }, { from: 150, to: 350 }), { from: 100, to: 350 });
  assert.deepEqual(including({ from: 100, to: 200 }, null), { from: 100, to: 200 });
  assert.deepEqual(including({ from: 9000, to: 9100 }, { from: 0, to: 1 }), { from: 9000, to: 9100 }, "too far away");
});

test("the broader text is measured", () => {
  assert.ok(breadth("WWWW") > breadth("iiiiii"));
  assert.ok(breadth("注文注文") > breadth("orders"));
  assert.ok(breadth("1,234.50") > breadth("34.50"));
});
