// Loading the page again, on a page that is not there.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

/** @type {any} */ const scope = globalThis;
const kept = new Map(), page = { loads: 0, busy: false, answer: () => {} };
Object.assign(scope, {
  matchMedia: () => ({ matches: false }), scrollY: 0, scrollTo: () => {}, document: { activeElement: null, querySelector: () => null },
  location: { href: "http://h/d/shop", reload: () => page.loads++ },
  sessionStorage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) },
  fetch: () => new Promise((answer) => { page.answer = () => answer({ status: 200 }); }),
});
const { late, reload, restored } = await import("../js/reload.js");
const settle = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };
mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });

test("a reader who began something while the server was asked is left alone", async () => {
  restored(() => page.busy);
  reload("");
  mock.timers.tick(300);
  page.busy = true; // between the question and its answer
  page.answer();
  await settle();
  assert.equal(page.loads, 0);
  page.busy = false;
  mock.timers.tick(1000);
  page.answer();
  await settle();
  assert.equal(page.loads, 1);
});
test("a part that does not come is asked for with the page, and then seldom", async () => {
  const again = `../js/reload.js?${Date.now()}`, fresh = async () => (await import(`${again}${kept.size}${page.loads}`)).late; // a page of its own each
  const fail = async () => {
    const part = (await fresh())(Promise.reject(new Error("no network")));
    await assert.rejects(part, /no network/);
    await settle();
  };
  const wait = async (ms) => { mock.timers.tick(ms); page.answer(); await settle(); };
  page.loads = 0;
  await fail();
  await wait(0);
  await wait(300);
  assert.equal(page.loads, 1);
  await fail();
  await wait(299_000);
  await wait(300);
  assert.equal(page.loads, 1, "it did not help: not again and again");
  await wait(1000);
  await wait(300);
  assert.equal(page.loads, 2);
  assert.equal(await late(Promise.resolve("here")), "here");
});
test("a page that two servers in turn have otherwise is loaded once for each", async () => {
  const again = `../js/reload.js?pairs${Date.now()}`;
  /** What a page does that is drawn by one definition and told of another; so many ms later. */
  const told = async (pair, ms) => {
    const fresh = await import(`${again}${pair}${page.loads}${ms}`); // a page of its own
    fresh.reload("", undefined, pair);
    mock.timers.tick(ms);
    page.answer();
    await settle();
  };
  page.loads = 0;
  await told("a b", 300);
  await told("b a", 300);
  assert.equal(page.loads, 2);
  await told("a b", 290_000);
  await told("b a", 1000);
  assert.equal(page.loads, 2, "they go on saying so");
  assert.deepEqual(Object.keys(JSON.parse(kept.get("rowcast.reloads")).pairs), ["a b", "b a"]);
});
