import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../js/count.js";

const guess = { rows: 73_202, exact: false }, exact = { rows: 73_288, exact: true };

test("a count does not give way to a guess", () => {
  const first = known(null, "t", guess, false, 0);
  assert.deepEqual(first, { ...guess, what: "t", at: 0, old: false });
  const counted = known(first, "t", exact, true, 1000);
  assert.deepEqual(counted, { ...exact, what: "t", at: 1000, old: false });
  assert.equal(known(counted, "t", guess, false, 2000), counted, "another page of the same rows");
  assert.equal(known(counted, "t", null, false, 2000), counted);
  const old = known(counted, "t", guess, true, 31_000);
  assert.deepEqual(old, { ...counted, old: true }, "the server only guesses by now");
  assert.deepEqual(known(old, "t", { rows: 73_301, exact: true }, true, 61_000), { rows: 73_301, exact: true, what: "t", at: 61_000, old: false });
});

test("a guess is shown where nothing better is known", () => {
  const counted = known(null, "t", exact, true, 0);
  assert.equal(known(counted, "t?where=a.is.1", guess, false, 1)?.exact, false, "other rows");
  assert.equal(known(counted, "t?where=a.is.1", null, false, 1), null);
  assert.equal(known(counted, "t", guess, true, 3_600_000)?.exact, false, "an hour later");
  assert.equal(known(counted, "t", { rows: 500_000, exact: false }, true, 1)?.rows, 500_000, "it is another order of size");
  const guessed = known(null, "t", guess, true, 0);
  assert.equal(known(guessed, "t", { rows: 80_000, exact: false }, false, 1), guessed, "one guess is as good as another");
  assert.equal(known(guessed, "t", { rows: 80_000, exact: false }, true, 1)?.rows, 80_000);
});
