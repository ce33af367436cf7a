import assert from "node:assert/strict";
import { test } from "node:test";

test("times of day by the page's clock, not the reader's", async () => {
  Object.assign(globalThis, { document: { body: { dataset: { zone: "Asia/Tokyo" } } } });
  const { clock, date, moment } = await import("../js/clock.js");
  const at = Date.parse("2026-11-25T16:21:08Z");
  assert.equal(clock(at), "01:21:08");
  assert.equal(date(at), "26 November 2026");
  assert.equal(moment(at, at + 3_600_000), "01:21:08");
  assert.equal(moment(at, at + 86_400_000), "26 Nov, 01:21:08");
});

test("a zone that the browser does not know leaves the reader's", async () => {
  Object.assign(globalThis, { document: { body: { dataset: { zone: "Moon/Tranquility" } } } });
  const { clock } = await import("../js/clock.js?unknown");
  assert.match(clock(0), /^\d\d:\d\d:\d\d$/);
});
