import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, build, filtered, items, listed, parse, sorted, widths, widthsText } from "../js/address.js";

const table = "/t/public.orders";

const addresses = [
  "/t/public.orders",
  "/t/public.orders?sort=-id",
  "/t/public.orders?sort=status,-placed_at",
  "/t/public.orders?sort=-%22-odd%22,%22a%2Cb%22",
  "/t/public.orders?where=total.ge.20&where=status.in.paid,pending",
  "/t/public.orders?where=shipped_at.null",
  "/t/public.orders?where=note.has.a.b%26c%20d",
  "/t/public.orders?where=%22a.b%22.is.x",
  "/t/public.orders?where=city.in.%22Paris%2C%20Texas%22,Rome",
  "/t/public.orders?where=city.in.,%20Rome",
  "/t/public.orders?search=50%25%20%22off%22",
  "/t/public.orders?columns=id,%22a%2Cb%22,total",
  "/t/public.orders?sort=id&where=id.gt.5&search=x&columns=id&rows=50&page=3",
];
for (const address of addresses) {
  test(`read and written back: ${address}`, () => assert.equal(build(table, parse(address)), address));
}

test("what an address says", () => {
  assert.deepEqual(parse("/t/x"), { ...NOTHING });
  assert.deepEqual(parse('/t/x?sort=-%22a.b%22,c&where=%22a%22%22b%22.has.x.y&rows=50&page=2').sort, [{ column: "a.b", desc: true }, { column: "c", desc: false }]);
  assert.deepEqual(parse('/t/x?where=%22a%22%22b%22.has.x.y').where, [{ column: 'a"b', op: "has", value: "x.y" }]);
  assert.deepEqual(parse("/t/x?where=a.notnull").where, [{ column: "a", op: "notnull", value: "" }]);
  assert.deepEqual(parse("/t/x?where=nonsense").where, []);
});

test("a click on a head: rising, falling, as before", () => {
  const shown = [{ column: "id", desc: true }];
  let q = sorted(NOTHING, "total", false, shown);
  assert.equal(build(table, q), `${table}?sort=total`);
  q = sorted(q, "total", false, q.sort);
  assert.equal(build(table, q), `${table}?sort=-total`);
  q = sorted(q, "total", false, q.sort);
  assert.equal(build(table, q), table);
  // the column that the table is in by itself turns round first
  q = sorted(NOTHING, "id", false, shown);
  assert.equal(build(table, q), `${table}?sort=id`);
});

test("more columns to sort by", () => {
  let q = sorted({ ...NOTHING, page: 4 }, "status", true, [{ column: "id", desc: true }]);
  assert.equal(build(table, q), `${table}?sort=status`, "from the first page on");
  q = sorted(q, "total", true, q.sort);
  q = sorted(q, "total", true, q.sort);
  assert.equal(build(table, q), `${table}?sort=status,-total`);
  q = sorted(q, "status", true, q.sort);
  assert.equal(build(table, q), `${table}?sort=-status,-total`);
  q = sorted(q, "status", true, q.sort);
  assert.equal(build(table, q), `${table}?sort=-total`);
  assert.equal(build(table, sorted(q, "id", false, q.sort)), `${table}?sort=id`, "without, the others go");
});

test("filters of one column are replaced where they stood", () => {
  const q = parse("/t/x?where=a.is.1&where=b.is.2&where=c.is.3&page=7");
  assert.equal(build(table, filtered(q, "b", [{ op: "ge", value: "4" }, { op: "le", value: "5" }])), `${table}?where=a.is.1&where=b.ge.4&where=b.le.5&where=c.is.3`);
  assert.equal(build(table, filtered(q, "b", [])), `${table}?where=a.is.1&where=c.is.3`);
  assert.equal(build(table, filtered(q, "d", [{ op: "null", value: "" }])), `${table}?where=a.is.1&where=b.is.2&where=c.is.3&where=d.null`);
});

test("lists", () => {
  assert.deepEqual(items('paid, "a, b" ,pending,', true), ["paid", "a, b", "pending"]);
  assert.deepEqual(items('"", " a "', true), ["", " a "]);
  assert.deepEqual(items("", true), []);
  assert.deepEqual(items(" a,,b "), [" a", "", "b "]);
  assert.equal(listed(["a, b", "c", 'd"']), '"a, b",c,"d"""');
  assert.deepEqual(items(listed(["a, b", "c", 'd"'])), ["a, b", "c", 'd"']);
});

test("widths", () => {
  assert.deepEqual([...widths('id:80,"a,b:c":1200,total:9')], [["id", 80], ["a,b:c", 1200]]);
  assert.deepEqual([...widths("id:9999")], [["id", 2000]]);
  assert.equal(widthsText(new Map([["id", 80.4], ['a:b', 100]])), 'id:80,"a:b":100');
  assert.deepEqual([...widths(widthsText(new Map([['x"', 90]])))], [['x"', 90]]);
});
