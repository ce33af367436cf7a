// Server-sent events in a socket's place: what they say of a session that ended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "../js/events.js";

/** @type {any} */ const scope = globalThis;

for (const [what, answer, want] of /** @type {[string, object, object][]} */ ([
  ["a session that ended", { ok: false, json: async () => ({ error: { code: "unauthorized", message: "sign in first" } }) }, { closed: 1008 }],
  ["a page that is not there", { ok: false, json: async () => ({ error: { code: "not_found", message: "no" } }) }, { said: "not_found" }],
  ["a network that fails", { ok: true }, { closed: 1006 }],
])) {
  test(what, async () => {
    /** @type {any} */ let source = null;
    scope.EventSource = class {
      /** @param {string} url */
      constructor(url) { source = this; assert.equal(url, "http://dash.example/live/api/v1/events?page=%2Fd%2Fshop&definition=q7%2B&v=1"); }
      close() {}
    };
    scope.fetch = async () => answer;
    const wire = open("ws://dash.example/live/live?v=1"), heard = {};
    wire.onclose = ({ code }) => Object.assign(heard, { closed: code });
    wire.onmessage = ({ data }) => Object.assign(heard, { said: JSON.parse(String(data)).code });
    wire.send(JSON.stringify({ type: "watch", page: "/d/shop", definition: "q7+" }));
    await source.onerror();
    assert.deepEqual(heard, want);
  });
}
