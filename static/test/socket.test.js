import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { AWAY, FULL, afterClose, backoff, parse, watch } from "../js/protocol.js";
import { Socket } from "../js/socket.js";

/** A socket whose other end is the test. */
class Wire {
  sent = [];
  closed = false;
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  say(m) { this.onmessage({ data: JSON.stringify(m) }); }
}
const setup = (fits = () => true) => {
  const seen = { wires: [], links: [], messages: [], signin: 0, cursor: "a:1" };
  const socket = new Socket({
    url: "ws://x/live", page: "/d/shop?b=1", cursor: () => seen.cursor, random: () => 1, now: () => 0,
    open: (_, protocol) => { assert.equal(protocol, "rowcast.v1"); const w = new Wire(); seen.wires.push(w); return w; },
    message: (m) => { seen.messages.push(m); return fits(m); }, link: (l) => seen.links.push(l), signin: () => seen.signin++,
  });
  socket.connect();
  seen.wires[0].onopen();
  return { socket, seen, wire: () => seen.wires.at(-1), kinds: () => seen.links.map((l) => l.kind) };
};
const watching = { type: "watching", watch: "/d/shop?b=1", page: "/d/shop" };
const status = { type: "status", page: "/d/shop", state: "live" };
beforeEach(() => { mock.timers.reset(); mock.timers.enable({ apis: ["setTimeout"] }); });

test("it watches with the cursor of what is shown", () => {
  const { wire } = setup();
  assert.deepEqual(wire().sent, [{ type: "watch", page: "/d/shop?b=1", cursor: "a:1" }]);
});
test("it names the mark of how the page is drawn, whenever it watches", () => {
  const wires = [], socket = new Socket({
    url: "ws://x/live", page: "/d/shop", definition: "q7", cursor: () => "a:1", random: () => 1, now: () => 0, link: () => {}, signin: () => {},
    open: () => { const w = new Wire(); wires.push(w); return w; }, message: () => true,
  });
  socket.connect();
  wires[0].onopen();
  assert.deepEqual(wires[0].sent, [{ type: "watch", page: "/d/shop", cursor: "a:1", definition: "q7" }]);
  wires[0].readyState = 1;
  socket.go("/d/shop?b=2");
  assert.deepEqual(wires[0].sent.at(-1), { type: "watch", page: "/d/shop?b=2", definition: "q7" });
});
test("before the answer, and of other pages, nothing is heard", () => {
  const { seen, wire } = setup();
  wire().say(status);
  wire().say({ ...watching, watch: "/d/other" });
  assert.equal(seen.messages.length, 0);
  wire().say(watching);
  wire().say({ ...status, page: "/d/other" });
  wire().say(status);
  wire().say({ type: "novelty", page: "/d/shop" });
  assert.deepEqual(seen.messages.map((m) => m.type), ["watching", "status"]);
});
test("what does not fit is asked for whole, on the same socket, and the rest until the answer is ignored", () => {
  const { seen, wire } = setup((m) => m.type !== "delta");
  wire().say(watching);
  wire().say({ type: "delta", page: "/d/shop", from: "z", cursor: "z", panels: {} });
  assert.deepEqual(wire().sent.at(-1), { type: "watch", page: "/d/shop?b=1" });
  wire().say(status);
  assert.equal(seen.messages.filter((m) => m.type === "status").length, 0);
  wire().say(watching);
  wire().say(status);
  assert.equal(seen.messages.at(-1).type, "status");
});
test("another page is watched on the same socket, whole, and nothing of the one before is heard", () => {
  const { socket, seen, wire } = setup();
  wire().readyState = 1;
  wire().say(watching);
  socket.go("/d/shop?b=2");
  assert.deepEqual(wire().sent.at(-1), { type: "watch", page: "/d/shop?b=2" });
  wire().say(status);
  wire().say({ ...watching, watch: "/d/shop?b=2", page: "/d/shop?b=2" });
  wire().say(status);
  wire().say({ ...status, page: "/d/shop?b=2" });
  assert.deepEqual(seen.messages.map((m) => m.page), ["/d/shop", "/d/shop?b=2", "/d/shop?b=2"]);
  assert.equal(seen.wires.length, 1);
});
test("15 s of silence replace the connection", () => {
  const { seen, wire, kinds } = setup();
  wire().say(watching);
  mock.timers.tick(14_999);
  assert.equal(kinds().at(-1), "open");
  mock.timers.tick(1);
  assert.ok(seen.wires[0].closed);
  assert.equal(kinds().at(-1), "waiting");
  mock.timers.tick(400);
  assert.equal(seen.wires.length, 2);
});
test("a restart is awaited as long as the server said", () => {
  const { seen, wire } = setup();
  wire().say(watching);
  wire().say({ type: "bye", reason: "restart", retry_after_ms: 1340 });
  wire().onclose({ code: 1012 });
  mock.timers.tick(1339);
  assert.equal(seen.wires.length, 1);
  mock.timers.tick(1);
  assert.equal(seen.wires.length, 2);
});
test("who has to be asked anew comes again at once, and nobody sees it", () => {
  const { seen, wire, kinds } = setup();
  wire().say(watching);
  wire().say(status);
  const said = kinds().length;
  wire().say({ type: "bye", reason: "again", retry_after_ms: 0 });
  assert.ok(seen.wires[0].closed);
  assert.equal(seen.wires.length, 2);
  wire().onopen();
  assert.deepEqual(wire().sent, [{ type: "watch", page: "/d/shop?b=1", cursor: "a:1" }]);
  wire().say(watching);
  wire().say(status);
  mock.timers.tick(3000);
  assert.equal(kinds().length, said);
  assert.equal(seen.messages.at(-1).type, "status");
});
test("where that does not work, it is said", () => {
  for (const [end, kind] of [[() => mock.timers.tick(2000), "connecting"], [(w) => w.onclose({ code: 1006 }), "waiting"], [(w) => w.onclose({ code: 1008 }), "stopped"]]) {
    const { wire, kinds } = setup();
    wire().say(watching);
    wire().say({ type: "bye", reason: "again", retry_after_ms: 0 });
    assert.equal(kinds().at(-1), "open");
    end(wire());
    assert.equal(kinds().at(-1), kind);
  }
});
test("delays grow, and are forgotten only after a whole answer", () => {
  const { seen, wire } = setup();
  const delays = [];
  for (let i = 0; i < 9; i++) {
    wire().onclose({ code: 1006 });
    delays.push(seen.links.at(-1).retryAt);
    mock.timers.tick(delays[i]);
    wire().onopen();
  }
  assert.deepEqual(delays, [400, 800, 1600, 3200, 4000, 4000, 4000, 4000, 4000]);
  wire().say(watching);
  wire().say(status);
  wire().onclose({ code: 1006 });
  assert.equal(seen.links.at(-1).retryAt, 400);
});
test("the close codes", () => {
  for (const [code, kind, signin] of [[1000, "stopped", 0], [1003, "stopped", 0], [1007, "stopped", 0], [1009, "stopped", 0], [1008, "stopped", 1], [1001, "waiting", 0], [1012, "waiting", 0], [1013, "waiting", 0], [1006, "waiting", 0], [1011, "waiting", 0], [4000, "waiting", 0]]) {
    const { seen, wire, kinds } = setup();
    wire().onclose({ code });
    assert.equal(kinds().at(-1), kind, String(code));
    assert.equal(seen.signin, signin);
  }
  assert.equal(afterClose(1013), "full");
});
test("what comes after a long silence is not news: it is asked for anew", () => {
  let now = 1;
  const wires = [], socket = new Socket({
    url: "ws://x/live", page: "/d/shop?b=1", cursor: () => "a:1", now: () => now, link: () => {}, signin: () => {},
    open: () => { const w = new Wire(); wires.push(w); return w; }, message: (m) => { heard.push(m.type); return true; },
  }), heard = [];
  socket.connect();
  wires[0].onopen();
  wires[0].say(watching);
  now += 8000;
  wires[0].say(status);
  assert.deepEqual(heard, ["watching", "status"]);
  now += 8001; // the machine slept, and its timers with it
  wires[0].say(status);
  assert.deepEqual(heard, ["watching", "status"]);
  assert.ok(wires[0].closed);
  assert.equal(wires.length, 2);
});
test("where two connections are closed before they are open, something else is opened in their place, once", async () => {
  const opened = [], wire = (kind) => () => { const w = new Wire(); opened.push([kind, w]); return w; };
  const socket = new Socket({
    url: "ws://x/live", page: "/d/shop?b=1", cursor: () => "", random: () => 1, now: () => 0, message: () => true, link: () => {}, signin: () => {},
    open: wire("socket"), instead: async () => wire("events"),
  });
  const fail = async () => { opened.at(-1)[1].onclose({ code: 1006 }); await Promise.resolve(); await Promise.resolve(); mock.timers.tick(30_000); };
  socket.connect();
  await fail();
  await fail();
  opened.at(-1)[1].onopen();
  await fail();
  await fail();
  assert.deepEqual(opened.map(([kind]) => kind), ["socket", "socket", "events", "socket", "events"]);
  opened.at(-1)[1].onopen();
  await fail();
  opened.at(-1)[1].onopen(); // a WebSocket that comes through ends it
  await fail();
  await fail();
  assert.deepEqual(opened.slice(5).map(([kind]) => kind), ["socket", "socket", "socket"]);
});
test("waking tries at once, but only where something waits", () => {
  const { seen, socket, wire } = setup();
  socket.wake();
  assert.equal(seen.wires.length, 1);
  wire().onclose({ code: 1006 });
  socket.wake();
  assert.equal(seen.wires.length, 2);
  wire().onclose({ code: 1000 });
  socket.wake();
  assert.equal(seen.wires.length, 2);
});
test("a delay never exceeds what it may be and is never nothing", () => {
  for (const most of [AWAY, FULL]) for (let n = 0; n < 40; n++) for (const r of [0, 0.5, 1]) assert.ok(backoff(n, () => r, most) <= most && backoff(n, () => r, most) >= 200);
});
test("however long the server was away, a page is there within 5 s of its return; where it is full it waits longer", () => {
  for (const [code, most] of [[1006, 4_000], [1011, 4_000], [1013, 30_000]]) {
    const { seen, wire } = setup();
    for (let n = 0; n < 30; n++) {
      wire().onclose({ code });
      assert.equal(seen.wires.length, n + 1);
      mock.timers.tick(seen.links.at(-1).retryAt);
      assert.equal(seen.wires.length, n + 2);
    }
    assert.equal(seen.links.findLast((l) => l.kind === "waiting").retryAt, most);
  }
});
test("messages", () => {
  assert.equal(watch("/d/a", "", ""), '{"type":"watch","page":"/d/a"}');
  assert.equal(parse('{"type":"novelty"}'), null);
  assert.equal(parse("null"), null);
  assert.throws(() => parse("{"));
});
test("what was to stand in for a WebSocket is not needed once one is open", async () => {
  const opened = [], answers = [], wire = (kind) => () => { const w = new Wire(); opened.push([kind, w]); return w; };
  const socket = new Socket({
    url: "ws://x/live", page: "/d/shop?b=1", cursor: () => "", random: () => 1, now: () => 0, message: () => true, link: () => {}, signin: () => {},
    open: wire("socket"), instead: () => new Promise((answer) => answers.push(answer)),
  });
  socket.connect();
  for (let i = 0; i < 2; i++) { opened.at(-1)[1].onclose({ code: 1006 }); mock.timers.tick(30_000); }
  opened.at(-1)[1].onopen();
  answers[0](wire("events")); // the question took longer than the way back
  await Promise.resolve();
  socket.connect();
  assert.deepEqual(opened.map(([kind]) => kind), ["socket", "socket", "socket", "socket"]);
});
test("what is said of a page that was asked for before is not said of this one", () => {
  const { socket, seen, wire } = setup(), other = { type: "error", watch: "/d/shop?b=2", code: "not_found", message: "no" };
  wire().readyState = 1;
  wire().say(watching);
  socket.go("/d/shop?b=2");
  socket.go("/d/shop?b=1");
  wire().say(watching);
  wire().say(other);
  assert.deepEqual(seen.messages.map((m) => m.type), ["watching", "watching"]);
  wire().say({ ...other, watch: "/d/shop?b=1" });
  assert.equal(seen.messages.at(-1).code, "not_found");
});
