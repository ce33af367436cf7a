import assert from "node:assert/strict";
import { test } from "node:test";
import { only, parameter } from "../js/parameters.js";

test("a parameter leaves the others as they are written", () => {
  assert.equal(parameter("", "kiosk", ""), "?kiosk");
  assert.equal(parameter("?columns=id,customer_id&where=a.is.x%20y", "kiosk", ""), "?columns=id,customer_id&where=a.is.x%20y&kiosk");
  assert.equal(parameter("?kiosk=&columns=id,b", "kiosk", null), "?columns=id,b");
  assert.equal(parameter("?kiosk=", "kiosk", null), "");
  assert.equal(parameter("?widths=id:40&columns=id,b&kiosk", "widths", 'id:80,"a,b:&":120'), '?columns=id,b&kiosk&widths=id:80,%22a,b:%26%22:120');
  assert.equal(new URLSearchParams(parameter("", "widths", '"a,b+ &":120')).get("widths"), '"a,b+ &":120');
});

test("only some parameters", () => {
  assert.equal(only("?kiosk&rotate=shop,a%20b&status=paid", ["kiosk", "rotate"]), "?kiosk&rotate=shop,a%20b");
  assert.equal(only("?status=paid", ["kiosk"]), "");
});
