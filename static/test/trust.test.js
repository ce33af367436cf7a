import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.matchMedia ??= () => ({ matches: false });
const { Frames } = await import("../js/frames.js");
const { match } = await import("../js/match.js");
const { pause } = await import("../js/reload.js");
const { following } = await import("../js/wall.js");
const { measured, told, took } = await import("../js/details.js");
const { linked, receive, start, verdict } = await import("../js/store.js");

test("times to the screen are those of frames that were painted", () => {
  const f = new Frames();
  assert.deepEqual(f.times(), { count: 0, last: -1, median: -1, p95: -1 });
  f.add(1000, ["a"], 5, false); // a snapshot: how old it is says nothing
  for (let i = 1; i <= 20; i++) {
    f.add(1000 * i, ["a"], 1, true);
    f.painted(f.drawn(), 1000 * i + i);
  }
  f.add(50_000, ["b"], 2, true); // not painted yet
  assert.deepEqual(f.times(), { count: 20, last: 20, median: 10, p95: 19 });
  assert.deepEqual(f.newest(2).map((x) => [x.at, x.took]), [[50_000, -1], [20_000, 20]]);
});
test("what was not measured says why, and looks like no measurement", () => {
  const f = new Frames(), last = () => f.newest(1)[0], add = (change) => f.add(1000, ["a"], 1, change);
  add(false);
  assert.deepEqual([last().took, last().why], [-1, "as it was"]);
  for (const now of [999, NaN]) { // before its snapshot, or by a clock that is not known
    add(true);
    f.painted(f.drawn(), now);
    assert.deepEqual([last().took, last().why], [-1, "clocks differ"]);
  }
  add(true);
  f.drawn("in background");
  assert.equal(last().why, "in background");
  add(true);
  f.painted(f.drawn(), 99_000, "in background"); // it was hidden in between
  assert.deepEqual([last().took, last().why], [-1, "in background"]);
  assert.deepEqual(f.times(), { count: 0, last: -1, median: -1, p95: -1 });
  for (let i = 0; i < 19; i++) { add(true); f.painted(f.drawn(), 1000); }
  assert.deepEqual(f.times(), { count: 19, last: 0, median: 0, p95: -1 });
  assert.match(measured(f.times()), /of 19 frames; 95 of 100 is told of 20 or more\.$/);
  add(true);
  f.painted(f.drawn(), 1000);
  assert.equal(f.times().p95, 0);
  assert.match(measured(f.times()), /of 20 frames\.$/);
  assert.deepEqual([0, 0.4, 1, 12.3, 9999, 32_000].map(took), ["< 1 ms", "< 1 ms", "1 ms", "12 ms", "9,999 ms", "32 s"]);
});
test("no more frames are kept after a week than after a minute", () => {
  const f = new Frames();
  for (let i = 0; i < 100_000; i++) f.add(i, ["a"], 1, true); // hidden: nothing is drawn
  assert.equal(f.newest(1e6).length, 100);
  assert.equal(f.drawn().length, 100);
  assert.equal(f.drawn().length, 0);
});

const found = (query, ...texts) => texts.map((t) => ({ t, m: match(query, t) })).filter(({ m }) => m).sort((a, b) => b.m.score - a.m.score).map(({ t }) => t);
test("words are found in any order, in any case, with or without marks", () => {
  assert.ok(match("hour ORDERS", "Orders by hour"));
  assert.ok(match("umsatze", "Umsätze"));
  assert.ok(match("", "anything"));
  assert.equal(match("orders day", "Orders by hour"), null);
});
test("beginnings of words come first, letters in their order last", () => {
  assert.deepEqual(found("ord", "public.reorder", "Orders", "public.orders"), ["Orders", "public.orders", "public.reorder"]);
  assert.deepEqual(found("pord", "public.orders", "public.stock"), ["public.orders"]);
  assert.equal(match("xord", "public.orders"), null);
});
test("what was found is marked, overlaps once", () => {
  assert.deepEqual(match("ord orders", "public.orders").ranges, [[7, 13]]);
  assert.deepEqual(match("é", "Café été").ranges.length, 1);
});

test("new code is loaded once, not again and again", () => {
  const none = { times: [], version: "", tried: 0, pairs: {}, why: "", scroll: 0, focus: "" }, half = () => 0.5;
  assert.equal(pause(none, "b", 0, half), 1500);
  assert.equal(pause(none, "", 0, half), 125);
  const tried = { ...none, times: [1000], version: "b", tried: 1000 };
  assert.equal(pause(tried, "b", 60_000, half), -1, "a server that still says so is not obeyed");
  assert.equal(pause(tried, "c", 61_000, half), 240_000 + 1500, "yet another version is another reason, once in five minutes");
  assert.equal(pause(tried, "", 61_000, half), 125, "and nothing to wait for where a dashboard was changed");
  assert.ok(pause(tried, "b", 1000 + 600_000, half) >= 0, "but it is tried again later");
});
test("one definition is loaded for another once, not again and again", () => {
  const half = () => 0.5, past = { times: [1000], version: "", tried: 0, pairs: { "a b": 1000 }, why: "", scroll: 0, focus: "" };
  assert.equal(pause(past, "", 2000, half, "a c"), 125);
  assert.equal(pause(past, "", 61_000, half, "a b"), 240_000 + 125, "two servers that do not agree");
  assert.equal(pause(past, "", 61_000, half, "b a"), 125, "the way back is another pair");
  assert.equal(pause(past, "", 61_000, half), 125, "and so is what nobody compared");
  assert.equal(pause(past, "", 301_000, half, "a b"), 125, "but it is tried again later");
});
test("a dashboard that is being written is not loaded without end", () => {
  const times = Array.from({ length: 10 }, (_, i) => i * 1000);
  assert.equal(pause({ times, version: "", tried: 0, pairs: {}, why: "", scroll: 0, focus: "" }, "", 10_000, () => 0), 110_000);
});

test("a wall goes round", () => {
  const at = "http://h/base/d/shop?kiosk&rotate=shop,stock%20room&each=20&status=paid";
  assert.deepEqual(following(at), { url: "http://h/base/d/stock%20room?kiosk&rotate=shop,stock%20room&each=20", seconds: 20 });
  assert.match(following(following(at).url).url, /\/d\/shop\?/);
  assert.equal(following("http://h/d/shop?kiosk"), null);
  assert.equal(following("http://h/d/shop?kiosk&rotate=shop"), null);
  assert.equal(following("http://h/d/shop?kiosk&rotate=a,b&each=0.001").seconds, 5);
  assert.match(following("http://h/d/shop?kiosk&rotate=a,b").url, /\/d\/a\?/);
});

const T = Date.parse("2026-11-20T10:00:00Z"), open = { kind: "open", retryAt: 0, why: "" };
const seen = (store, more = {}) => ({ store, verdict: verdict(store, T, true), paused: false, held: "", now: T, ...more });
const fresh = start({ page: "/d/shop", cursor: "a:1", at: new Date(T).toISOString(), panels: new Map() }, T);
const status = (state, more) => receive(linked(fresh, open), { type: "status", page: "/d/shop", state, at: new Date(T).toISOString(), age_ms: 0, next_ms: 5000, ...more }, T);
test("what stands behind each word", () => {
  assert.match(told(seen(status("live"))).text, /^Every commit up to \d\d:\d\d:\d\d is on this screen/);
  assert.match(told(seen(status("timed", { tables: ["public.x", 'public."Y"'], every_ms: 5000 }))).text, /public\.x, public\."Y" have no doorbell.*“rowcast watch public\.x 'public\."Y"'” gives.*materialized/);
  assert.match(told(seen(status("live"), { paused: true, held: "12 new" })).text, /12 new since then/);
  assert.match(told(seen(status("stale", { since: new Date(T).toISOString(), age_ms: 0, reason: "database_unreachable" }))).text, /The database does not answer/);
  assert.match(told(seen(fresh)).text, /snapshot of/);
});
