// The screens of a wall: pure, in node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deal, shares } from "../js/deal.js";

let top = 0;
const line = (panels, tall, more = {}) => ({ top: top++, tall, most: tall, open: false, whole: true, panels: [...panels], ...more });
const open = (panels, most = Infinity, more = {}) => line(panels, 0, { open: true, most, ...more });
const dealt = (all, room) => deal(all.flatMap((l) => l.panels), (rest) => all.map((l) => ({ ...l, panels: l.panels.filter((p) => rest.includes(p)) })).filter((l) => l.panels.length), room, 10, 100).map((s) => s.join("")).join(" ");

test("a wall of several screens holds every panel, on the fewest that there can be", () => {
  assert.equal(dealt([line("a", 100), line("b", 100), line("c", 100)], 320), "abc");
  assert.equal(dealt([line("a", 150), line("b", 150), line("c", 160)], 319), "ab c");
  assert.equal(dealt([open("a"), open("b")], 209), "a b", "an open line has a least height");
  assert.equal(dealt([open("a", 50), open("b", 50)], 110), "ab", "but no more than it can fill");
  assert.equal(dealt([open("a", Infinity, { tall: 150 })], 150), "a");
  assert.equal(dealt([line("a", 500), line("b", 10)], 200), "a b", "a line alone that is too tall stands alone");
  assert.equal(dealt([], 200), "");
});

test("none of them is left half empty where another way is as short", () => {
  assert.equal(dealt([line("a", 80), open("b"), line("c", 200)], 310), "ab c", "what can fill stands by what cannot");
  assert.equal(dealt([open("a"), open("b"), open("c", 40)], 250), "a bc", "a short end is no screen of its own");
  assert.equal(dealt([line("a", 100), open("b", Infinity, { whole: false }), line("c", 150)], 310), "ab c", "a panel is cut short where that fills a screen");
  assert.equal(dealt([line("a", 290), line("b", 150, { whole: false }), line("c", 140)], 310), "a bc", "and stays whole where it does not");
});

test("lines share what is left, and none takes what it cannot fill", () => {
  assert.deepEqual(shares([line("a", 90), open("b"), open("c")], 310, 10, 20), [90, 100, 100]);
  assert.deepEqual(shares([open("b", 60), open("c")], 310, 10, 20), [60, 240]);
  assert.deepEqual(shares([open("b", 60), open("c", 50)], 310, 10, 20), [60, 50]);
});
