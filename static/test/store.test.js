import assert from "node:assert/strict";
import { test } from "node:test";
import { linked, receive, shifted, start, verdict } from "../js/store.js";

const T = Date.parse("2026-11-20T10:00:00Z");
const open = { kind: "open", retryAt: 0, why: "" };
const status = (state, more = {}) => ({ type: "status", page: "/d/shop", state, at: new Date(T).toISOString(), age_ms: 0, next_ms: 5000, ...more });
const fresh = () => start({ page: "/d/shop", cursor: "a:1", at: new Date(T).toISOString(), panels: new Map() }, T);
const live = (at = T) => receive(linked(fresh(), open), status("live"), at);

test("a first paint is a snapshot, and says so only while it may still become live", () => {
  assert.equal(verdict(fresh(), T + 100, true).state, "snapshot");
  assert.equal(verdict(fresh(), T + 4000, true).state, "stale");
});
test("live is said only after the server's proof", () => {
  assert.notEqual(verdict(linked(fresh(), open), T + 100, true).state, "live");
  assert.equal(verdict(live(), T + 100, true).state, "live");
});
test("silence beyond the promise is stale, to the millisecond", () => {
  assert.equal(verdict(live(), T + 7500, true).state, "live");
  const v = verdict(live(), T + 7501, true);
  assert.equal(v.state, "stale");
  assert.match(v.banner.text, /8 s old/);
});
test("a server that promises more is believed", () => {
  const s = receive(linked(fresh(), open), status("live", { next_ms: 20_000 }), T);
  assert.equal(verdict(s, T + 22_000, true).state, "live");
});
test("the server's own word for stale, with its reason", () => {
  const s = receive(live(), status("stale", { since: new Date(T - 4100).toISOString(), age_ms: 4100, reason: "database_unreachable", at: undefined }), T);
  const v = verdict(s, T + 1000, true);
  assert.equal(v.state, "stale");
  assert.match(v.banner.text, /The database does not answer; what you see is 5 s old\./);
});
test("timed says how often", () => assert.equal(verdict(receive(live(), status("timed", { every_ms: 5000 }), T), T, true).word, "Every 5 s"));
test("a page by the clock is as old as its last read", () => {
  const s = receive(live(), status("timed", { every_ms: 5000, at: new Date(T - 4000).toISOString(), age_ms: 4000 }), T);
  assert.equal(s.proven, T - 4000);
  const frame = { type: "delta", page: "/d/shop", from: "a:1", cursor: "a:2", at: new Date(T + 900).toISOString(), panels: {} };
  assert.equal(receive(s, frame, T + 1000).proven, T + 900);
});
test("a state from the future is shown by its message and is never live", () => {
  const v = verdict(receive(live(), status("frozen", { message: "held by hand" }), T), T, true);
  assert.equal(v.word, "Held by hand");
  assert.notEqual(v.state, "live");
});
test("a lost connection is reconnecting first, then stale with the next try", () => {
  const s = linked(live(), { kind: "waiting", retryAt: T + 14_000, why: "" });
  assert.equal(verdict(s, T + 1000, true).state, "reconnecting");
  const v = verdict(s, T + 10_000, true);
  assert.equal(v.state, "stale");
  assert.match(v.banner.text, /Next try in 4 s/);
});
test("after a reconnect nothing is live before a new proof", () => {
  const s = linked(linked(live(), { kind: "connecting", retryAt: 0, why: "" }), open);
  assert.notEqual(verdict(s, T + 100, true).state, "live");
});
test("a clock that is set back makes nothing younger", () => {
  const day = 86_400_000, s = shifted(live(), -day);
  assert.equal(verdict(s, T - day + 7500, true).state, "live");
  const v = verdict(s, T - day + 9000, true);
  assert.equal(v.state, "stale");
  assert.match(v.banner.text, /9 s old/);
  const lost = shifted(linked(live(), { kind: "waiting", retryAt: T + 14_000, why: "" }), -day);
  assert.match(verdict(lost, T - day + 10_000, true).banner.text, /Next try in 4 s/);
});
test("wherever the two clocks stand, an age is what the server says it is", () => {
  for (const off of [-86_400_000, -300_000, 0, 300_000, 86_400_000]) {
    const s = receive(linked(start({ page: "/d/shop", cursor: "a:1", at: new Date(T).toISOString(), panels: new Map() }, T + off), open), status("stale", { since: new Date(T - 4000).toISOString(), age_ms: 4000 }), T + off);
    const v = verdict(s, T + off + 1000, true);
    assert.match(v.banner.text, /5 s old/, String(off));
    assert.equal(s.ahead, 4000 - off);
  }
});
const sent = (ms) => status("live", { at: new Date(T + ms - 240).toISOString(), age_ms: 240 });
test("what comes late is as old as it is, and live no longer than in silence", () => {
  let s = receive(linked(fresh(), open), sent(0), T + 20);
  s = receive(s, sent(1000), T + 1000 + 2000);
  assert.equal(verdict(s, T + 3000, true).state, "live");
  assert.ok(Math.abs(s.proven - (T + 780)) < 2, String(s.proven - T));
  assert.equal(verdict(s, T + 3000 + 5600, true).state, "stale");
  s = receive(s, sent(5000), T + 5000 + 9000);
  const v = verdict(s, T + 14_000, true);
  assert.equal(v.state, "stale");
  assert.match(v.banner.text, /The line to the server is slow; what you see is .* old/);
  assert.match(v.banner.head, /Stale since/);
  s = receive(s, sent(15_000), T + 15_030);
  assert.equal(verdict(s, T + 15_030, true).state, "live");
  assert.ok(Math.abs(s.ahead + 20) < 5, String(s.ahead));
});
test("a clock that is set is no slow line", () => {
  const day = 86_400_000;
  let s = receive(linked(fresh(), open), sent(0), T, 50);
  s = receive(s, sent(5000), T + 5000 + day, 5050); // this device's, forward
  assert.equal(verdict(s, T + 5000 + day, true).state, "live");
  assert.ok(Math.abs(s.ahead + day) < 2, String(s.ahead));
  s = receive(s, sent(10_000 - day), T + 10_000 + day, 10_050); // the database's, back
  assert.equal(verdict(s, T + 10_000 + day, true).state, "live");
  s = receive(s, sent(15_000 + day), T + 15_000 + day, 15_050); // and forward
  assert.equal(verdict(s, T + 15_000 + day, true).state, "live");
  assert.ok(Math.abs(s.ahead) < 2, String(s.ahead));
});
test("two clocks that drift apart are no slow line", () => {
  let s = receive(linked(fresh(), open), sent(0), T);
  for (let h = 1; h < 24 * 90; h++) s = receive(s, sent(h * 3_600_000), T + h * 3_600_000 * 1.0001);
  assert.ok(s.pace.late < 1000, String(s.pace.late));
});
test("no network", () => assert.equal(verdict(linked(live(), { kind: "waiting", retryAt: T, why: "" }), T, false).state, "offline"));
test("no network, though the line counts as open", () => {
  assert.equal(verdict(live(), T + 7500, false).state, "live"); // a server of this machine needs none
  assert.equal(verdict(live(), T + 7501, false).state, "offline");
});
test("a page that is gone", () => {
  const v = verdict(receive(linked(fresh(), open), { type: "error", watch: "/d/shop", code: "not_found", message: 'no dashboard named "shop"' }, T), T, true);
  assert.equal(v.state, "offline");
  assert.match(v.banner.head, /gone/);
});
