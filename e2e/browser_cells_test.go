package e2e_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const things = `
CREATE TYPE state AS ENUM ('cart', 'paid', 'failed');
CREATE TABLE things (
	id int PRIMARY KEY, name text, state state, ok bool, note text, meta jsonb, token uuid, site text, tags text[], during int4range,
	load numeric, change float8, size int8, took interval, made_at timestamptz, raw bytea);
INSERT INTO things
SELECT i, 'Thing ' || i, 'paid', true, '', '{"a": {"big": 12345678901234567890.10, "b": [1, 2]}, "c": "<b onclick=x>"}', '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
	'https://example.com/things?q=1', '{red,"a b",NULL}', '[1,5)', 40 + i, -i, 1536, '200 s', '2026-01-02 03:04:05+00', '\x0123456789abcdef0123456789'
FROM generate_series(1, 5) i;
UPDATE things SET note = NULL, ok = NULL, meta = NULL WHERE id = 2;
UPDATE things SET ok = false, state = 'failed', site = 'javascript:alert(1)' WHERE id = 3;`

const thingsPage = `title: Things
panels:
  - id: list
    title: Things
    type: table
    query: SELECT * FROM things ORDER BY id
    columns:
      load: {bar: true, thresholds: {80: amber, 95: red}, unit: "%"}
      change: {bar: true, decimals: 1}
      size: {format: bytes}
      took: {format: duration}
      name: {link: "/t/public.things?sort=id&x={token}"}
      raw: {hidden: true}
`

// row finds the row with an id; column its cell by the head's index.
const findRow = `
	window.row = (id) => [...document.querySelectorAll("tbody tr:not(.leaving)")].find((tr) => tr.dataset.key === '["' + id + '"]');
	window.at = (id, name) => row(id)?.querySelector('td[data-col="' + JSON.parse(document.querySelector("[data-panel=list], [data-panel=rows]").dataset.columns).findIndex((c) => c.name === name) + '"]')`

func openThings(t *testing.T, b *browser, page string) (*tab, *pgtest.DB) {
	t.Helper()
	server, db := serve(t, things, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"things.yaml": thingsPage}))
	w := b.tab(t)
	w.watch(server.URL + page)
	w.run(findRow)
	return w, db
}

// What the server rendered and what the browser makes later are the same
// elements, for every type.
func testCells(t *testing.T, b *browser) {
	for _, page := range []string{"d/things", "t/public.things"} {
		w, db := openThings(t, b, page)
		db.Exec(t, `INSERT INTO things SELECT 100 + id, name, state, ok, note, meta, token, site, tags, during, load, change, size, took, made_at, raw FROM things`)
		w.until("the copies", `row(103) && row(101)`)
		differ := ask[[]string](w, `[1, 2, 3].flatMap((id) => [...row(id).cells].slice(1).flatMap((td, i) => {
			const clean = (n) => n.outerHTML.replace(/ (flash|again|up|down)\b/g, "").replace(/>\s+/g, ">").replace(/\s+<\//g, "</");
			const [a, b] = [clean(td), clean(row(100 + id).cells[i + 1])];
			return a === b ? [] : [a + "\n" + b];
		}))`)
		for _, d := range differ {
			t.Errorf("%s: the server's cell and the browser's differ:\n%s", page, d)
		}
		for _, c := range []struct{ what, js string }{
			{"an enum is a chip with its own shape", `at(1, "state").querySelector("i.glyph.teal") && at(3, "state").querySelector("i.glyph.red") && at(1, "state").innerText.trim() === "paid"`},
			{"booleans have shapes", `at(1, "ok").querySelector("i.glyph.yes") && at(3, "ok").querySelector("i.glyph.no") && !at(2, "ok").querySelector("i")`},
			{"null is not empty", `at(2, "note").querySelector(".v.null").innerText === "null" && at(1, "note").querySelector(".v.blank").textContent.trim() === ""`},
			{"empty has a quiet mark", `getComputedStyle(at(1, "note").querySelector(".v"), "::before").content.startsWith('"“”"')`},
			{"a uuid is whole in the page", `at(1, "token").innerText === "3f2504e0-4f89-41d3-9a0c-0305e82c3301"`},
			{"a uuid is short on the screen", `at(1, "token").scrollWidth > at(1, "token").clientWidth && at(1, "token").clientWidth < 140`},
			{"an array is a list", `at(1, "tags").innerText === "red, a b, null"`},
			{"numbers stand right", `getComputedStyle(at(1, "load")).textAlign === "end" && getComputedStyle(at(1, "load")).fontVariantNumeric.includes("tabular-nums")`},
			{"markup in a document is text", `!document.querySelector("tbody b")`},
		} {
			if !ask[bool](w, `!!(`+c.js+`)`) {
				t.Errorf("%s: %s: %s", page, c.what, c.js)
			}
		}
		// The first column stays, and shows its edge only then.
		w.size(700, 900)
		w.run(`window.box = document.querySelector(".scroll")`)
		const edge = `getComputedStyle(at(1, "id")).boxShadow.split("inset").length`
		before, left := ask[int](w, edge), ask[float64](w, `at(1, "id").getBoundingClientRect().left`)
		w.run(`box.scrollLeft = 300`)
		w.until("the edge of the first column", edge+` > `+digit(before))
		if moved := left - ask[float64](w, `at(1, "id").getBoundingClientRect().left`); moved > 12 || moved < -12 {
			t.Errorf("%s: scrolled sideways, the first column moved by %v", page, moved)
		}
		w.keep("scrolled sideways")
		w.run(`box.scrollLeft = 0`)
		w.until("no edge", edge+` === `+digit(before))
		if page == "d/things" && ask[bool](w, `!!at(1, "raw").offsetParent`) {
			t.Error("a hidden column is shown")
		}
		w.stayed()
		w.close()
	}
}

func digit(n int) string { return string(rune('0' + n)) }

// Addresses are links, those that are not what they seem are text, and a link
// of the file follows the row.
func testCellLinks(t *testing.T, b *browser) {
	w, db := openThings(t, b, "d/things")
	const site = `at(1, "site")`
	if got := ask[string](w, `(({ href, target, rel, innerText }) => [href, target, rel, innerText].join("|"))(`+site+`.querySelector("a"))`); got != "https://example.com/things?q=1|_blank|noopener noreferrer|example.com/things?q=1" {
		t.Errorf("the link is %s", got)
	}
	if ask[bool](w, `!!at(3, "site").querySelector("a")`) {
		t.Error("a script became a link")
	}
	w.run(`window.link = ` + site + `.querySelector("a")`)
	db.Exec(t, `UPDATE things SET site = 'https://example.org/' WHERE id = 1`)
	w.until("the link's other address, in the same element", site+`.querySelector("a") === link && link.href === "https://example.org/" && link.innerText === "example.org"`)
	for _, hostile := range []string{
		`javascript:alert(1)`, `https://example.com/"onclick=alert(1) x="`, `https://example.com@evil.test/`, "https://example.com/\u202egnp.exe",
		`https://example.com/<img src=x onerror=alert(1)>`, " https://example.com/", "https://example.com/ https://evil.test/", "data:text/html,x",
	} {
		db.Exec(t, `UPDATE things SET site = $1 WHERE id = 1`, hostile)
		w.until("the text "+hostile, site+`.textContent === `+quoted(hostile))
		if ask[bool](w, `!!`+site+`.querySelector("a, img, b")`) {
			t.Errorf("%q became a link", hostile)
		}
	}

	const name = `at(1, "name").querySelector("a")`
	if got := ask[string](w, name+`.getAttribute("href")`); got != "/t/public.things?sort=id&x=3f2504e0-4f89-41d3-9a0c-0305e82c3301" {
		t.Errorf("the file's link leads to %s", got)
	}
	w.run(`window.link = ` + name)
	db.Exec(t, `UPDATE things SET token = '00000000-0000-4000-8000-000000000000' WHERE id = 1`)
	w.until("the link to follow its row", `link === `+name+` && link.getAttribute("href").endsWith("x=00000000-0000-4000-8000-000000000000")`)
	db.Exec(t, `UPDATE things SET token = NULL WHERE id = 1`)
	w.until("no link without its value", `!`+name+` && at(1, "name").textContent === "Thing 1"`)
	w.stayed()
}

// A document that a reader opened stays open, follows its cell, and loses no
// digit.
func testDocumentTree(t *testing.T, b *browser) {
	w, db := openThings(t, b, "t/public.things")
	w.run(`navigator.clipboard.writeText = async (text) => { window.copied = text }`)
	w.run(`at(1, "meta").querySelector("button.tree").focus()`)
	w.do("open the document", pressed("\r"))
	const pop = `document.querySelector(".tree-pop:popover-open")`
	w.until("the tree", pop+` && `+pop+`.innerText.includes("12345678901234567890.10")`)
	if ask[bool](w, `!!`+pop+`.querySelector(".tree-body b")`) {
		t.Error("markup of a document became elements")
	}
	w.keep("a document opened")
	// A reader opens a list, which stays open.
	w.run(`window.list = ` + pop + `.querySelector('[data-path="$/0/1"], [data-path="$/0/0"]'); list.querySelector("summary").click()`)
	w.until("the list", pop+`.querySelectorAll("details[open]").length === 3`)
	db.Exec(t, `UPDATE things SET meta = '{"a": {"big": 0.30000000000000000001, "b": [1, 2]}, "c": "x"}' WHERE id = 1`)
	db.Exec(t, `INSERT INTO things (id) VALUES (50)`)
	w.until("the new number", pop+` && `+pop+`.innerText.includes("0.30000000000000000001")`)
	if !ask[bool](w, pop+`.querySelectorAll("details[open]").length === 3 && !!`+pop+`.querySelector(".flash")`) {
		t.Error("the tree was closed by a frame, or does not mark what changed")
	}
	w.run(pop + `.querySelector("[title=Copy]").click()`)
	w.until("the copy", `window.copied?.startsWith('{"a": {"b": [1, 2], "big": 0.30000000000000000001}')`)
	db.Exec(t, `DELETE FROM things WHERE id = 1`)
	w.until("the word that the row is gone", pop+` && `+pop+`.innerText.includes("its row is gone")`)
	w.do("close the document", pressed("\x1b"))
	w.until("the tree closed", `!`+pop)
	w.stayed()
}

// A bar and a threshold change where they stand, and a bar that grows makes the
// others shorter.
func testBars(t *testing.T, b *browser) {
	w, db := openThings(t, b, "d/things")
	const bar = `at(1, "load").querySelector("rect")`
	w.run(`window.bars = [1, 2].map((id) => at(id, "load").querySelector("rect")); window.touched = 0;
		new MutationObserver((list) => { for (const m of list) window.touched += m.addedNodes.length + m.removedNodes.length }).observe(document.querySelector("tbody"), { subtree: true, childList: true })`)
	if got := ask[string](w, `bars.map((r) => r.getAttribute("width")).join()`); got != "91.11%,93.33%" {
		t.Errorf("the bars are %s long", got)
	}
	db.Exec(t, `UPDATE things SET load = 90 WHERE id = 1`)
	w.until("the bars by the new largest", `bars.map((r) => r.getAttribute("width")).join() === "100%,46.67%"`)
	w.until("the threshold", bar+` === bars[0] && bars[0].dataset.hue === "amber" && at(1, "load").querySelector("i.glyph.amber") && at(1, "load").matches(".over.amber")`)
	if got := ask[string](w, `getComputedStyle(at(1, "load").querySelector(".v")).fontWeight`); got != "600" {
		t.Errorf("a number beyond its threshold has the weight %s", got)
	}
	if got := ask[int](w, `touched`); got > 3 { // the shape before the number
		t.Errorf("%d nodes were touched", got)
	}
	db.Exec(t, `UPDATE things SET load = 10 WHERE id = 1`)
	w.until("all as before", `!at(1, "load").querySelector("i") && !at(1, "load").matches(".over") && bars[0].dataset.hue === "ink"`)
	if got := ask[string](w, `(({ x, width }) => [x.baseVal.valueAsString, width.baseVal.valueAsString].join())(at(5, "change").querySelector("rect"))`); got != "0%,100%" {
		t.Errorf("the bar of the least number is at %s", got)
	}
	w.stayed()
}

const statsPage = `title: Stats
panels:
  - id: revenue
    title: Revenue
    type: stat
    query: SELECT sum(total) AS revenue, (SELECT total FROM goals WHERE id = 1) AS goal, count(*) AS orders FROM sales
    compare: {column: goal, good: up}
    sparkline: SELECT id, total FROM sales ORDER BY id
    thresholds: {0: red, 100: amber, 200: green}
    unit: EUR
  - id: orders
    title: Orders
    type: stat
    query: SELECT count(*) AS orders FROM sales
    compare: {query: SELECT total AS orders FROM goals WHERE id = 2, label: on last week, good: down}
`

// A stat's change, its level and its sparkline follow commits where they stand,
// also those that change only what it is compared with.
func testStatCompared(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE sales (id int PRIMARY KEY, total numeric(10,2)); INSERT INTO sales VALUES (1, 30), (2, 60), (3, 30);
		CREATE TABLE goals (id int PRIMARY KEY, total int); INSERT INTO goals VALUES (1, 100), (2, 4)`,
		"--dashboards", dashboards(t, map[string]string{"stats.yaml": statsPage}))
	w := b.tab(t)
	w.open(server.URL + "d/stats")
	w.live()
	w.run(`window.mark = "here"; window.p = (id) => document.querySelector("#panel-" + id);
		window.line = (id) => p(id).querySelector("[data-change]").innerText.replace(/\s+/g, " ").trim() + " " + p(id).querySelector("[data-change]").className + " " + p(id).querySelector("[data-change]").dataset.way;
		window.trace = p("revenue").querySelector(".trace")`)
	w.until("the change, from the server", `line("revenue") === "20.0% +20.00 on goal delta good up" && line("orders") === "25.0% −1 on last week delta good down"`)
	if got := ask[string](w, `[trace.getAttribute("d"), p("revenue").dataset.state, p("revenue").querySelector("[data-limit]").innerText.trim(), document.querySelectorAll("section.panel").length].join("|")`); got != "M0 100L50 0L100 100|warn|under 200 EUR|2" {
		t.Errorf("the stat is %s", got)
	}
	db.Exec(t, `INSERT INTO sales VALUES (4, 90)`)
	w.until("the new number and its line", `p("revenue").querySelector("[data-value]").innerText === "210.00" && trace.getAttribute("d") === "M0 100L33.33 50L66.67 100L100 0"`)
	if !ask[bool](w, `trace.isConnected && p("revenue").dataset.state === "" && p("revenue").querySelector("[data-limit]").hidden && !!p("revenue").querySelector(".glyph.green:not([hidden])")`) {
		t.Error("the stat is still in trouble, or another element")
	}
	w.until("the change of both", `line("revenue") === "110.0% +110.00 on goal delta good up" && line("orders") === "no change on last week delta same"`)
	db.Exec(t, `UPDATE goals SET total = total * 3`)
	w.until("what only the comparison changed", `line("revenue") === "30.0% −90.00 on goal delta poor down" && line("orders") === "66.7% −8 on last week delta good down"`)

	// Paused, what a stat shows besides its number does not count as rows.
	w.click("#live [data-do=pause]")
	w.until("the paused state", `document.querySelector("#live").dataset.state === "paused"`)
	db.Exec(t, `UPDATE sales SET total = 91 WHERE id = 4`)
	w.until("the change that waits", `document.body.innerText.includes("1 changed")`)
	w.do("resume", pressed(" "))
	w.until("the newest", `p("revenue").querySelector("[data-value]").innerText === "211.00"`)
	w.stayed()
	csv := ask[string](w, `(() => { const r = new XMLHttpRequest(); r.open("GET", "/d/stats/revenue.spark.csv", false); r.send(); return r.responseText })()`)
	if !strings.HasPrefix(csv, "id,total\r\n1,30.00") {
		t.Errorf("the sparkline's rows are %q", csv)
	}
}
