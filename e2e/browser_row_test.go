package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// field is what the open row says of a column.
func field(name string) string {
	return `[...document.querySelectorAll(".drawer .fields > div")].find((d) => d.querySelector("dt").innerText === ` + quoted(name) + `)?.querySelector("dd").innerText`
}

const title = `document.querySelector(".drawer[open] h2")?.innerText`

func testRowOpens(t *testing.T, b *browser) {
	w, db, _ := sell(t, b, "?columns=id,total,stage")
	w.clickOn(`document.querySelectorAll("tbody tr")[2].cells[1]`, 0)
	w.until("the row", title+` === "sales 448"`)
	w.until("its columns, shown or not", field("buyer_id")+` === "9" && `+field("note")+` === "null"`)
	if !ask[bool](w, `document.activeElement.closest(".drawer") !== null && document.querySelector('tr[aria-selected="true"]').cells[0].innerText === "448" && location.hash === "#row=" + encodeURIComponent('["448"]')`) {
		t.Error("the focus, the mark or the address does not say which row is open")
	}
	json := ask[string](w, `document.querySelector('.drawer [data-part="json"] pre').textContent`)
	for _, want := range []string{`"id": 448`, `"total": 448.00`, `"n": 9007199254740993`, `"note": null`, `"gift": true`} {
		if !strings.Contains(json, want) {
			t.Errorf("the row's JSON lacks %s:\n%s", want, json)
		}
	}

	// It is live, and remembers; the table behind it holds still.
	db.Exec(t, `UPDATE sales SET total = 99, stage = 'shipped' WHERE id = 448`)
	w.until("the change", `/448\.00\s*99\.00/.test(`+field("total")+`)`)
	w.until("what it went through", `/total 448\.00\s*99\.00/.test(document.querySelector(".drawer .log").innerText)`)
	db.Exec(t, `INSERT INTO sales VALUES (1000, 'paid', 1, NULL, 1, true, NULL)`)
	w.until("the pill", `document.querySelector("[data-pill=rows]").innerText.trim() === "1 new, 1 changed"`)
	if !ask[bool](w, column("id")+`[0] === "450" && document.querySelectorAll("td.waiting").length === 2`) {
		t.Error("the table behind an open row does not hold still")
	}
	w.clickOn(`document.querySelector("[data-pill=rows]")`, 0)
	w.until("the present", column("id")+`[0] === "1000" && `+title+` === "sales 448"`)

	// It lives on when its row is not on the page any more, and when it is nowhere.
	w.clickOn(`document.querySelector('input[aria-label="Filter total"]')`, 0)
	w.enter(">400")
	w.until("a page without it", `!`+column("id")+`.includes("448") && location.hash === "#row=" + encodeURIComponent('["448"]')`)
	db.Exec(t, `UPDATE sales SET note = 'still here' WHERE id = 448`)
	w.until("a change of a row out of sight", `/still here/.test(`+field("note")+`)`)
	db.Exec(t, `UPDATE sales SET note = repeat('long ', 4000) WHERE id = 448`)
	w.until("the beginning of a long text", `document.querySelector(".drawer [data-unfold=note]")?.innerText === "Show all 20,000 characters" && `+field("note")+`.length < 500`)
	w.clickOn(`document.querySelector(".drawer [data-unfold=note]")`, 0)
	w.until("all of it", field("note")+`.length > 19000 && document.activeElement.innerText === "Show less"`)
	db.Exec(t, `DELETE FROM sales WHERE id = 448`)
	w.until("its end", `document.querySelector(".drawer").innerText.includes("Deleted at") && document.querySelector(".drawer .log").innerText.includes("row deleted")`)

	w.do("leave the filter, and close", pressed(kb.Escape), pressed(kb.Escape))
	w.until("no open row", `!document.querySelector(".drawer[open]") && location.hash === ""`)
	w.run(`document.activeElement.blur()`)
	w.until("the present", `document.querySelector("[data-pill=rows]").hidden`)
	w.stayed()
}

// Keys alone: into the table, from row to row, into a row, on to the next, back.
func testRowKeys(t *testing.T, b *browser) {
	w, db, server := sell(t, b, "")
	w.run(`document.querySelector("tbody tr").focus()`)
	w.do("two rows down", pressed("j"), pressed(kb.ArrowDown))
	w.until("the third row", `document.activeElement.cells[0].innerText === "448"`)
	w.do("open it", pressed(kb.Enter))
	w.until("the row", title+` === "sales 448"`)
	w.do("the next ones", pressed("j"), pressed("j"))
	w.until("two rows down", title+` === "sales 446"`)
	w.do("the one before", pressed("k"))
	w.until("one row up", title+` === "sales 447"`)
	w.until("the row that it names", `document.querySelector(".drawer .refs a")?.innerText.includes("buyers 8")`)
	href := ask[string](w, `document.querySelector(".drawer .refs a").href`)
	w.do("the keys of the page, beside an open row", pressed("?"))
	w.until("the sheet", `keys.open && keys.innerText.includes("dragging the head")`)
	w.do("away with it", pressed(kb.Escape))
	w.until("the row alone", `!keys.open && `+title+` === "sales 447"`)
	w.press(" ")
	w.until("a page that is paused", `document.querySelector("#live").dataset.state === "paused"`)
	db.Exec(t, `UPDATE sales SET note = 'while it was paused' WHERE id = 447`)
	w.until("what waits", `/1 changed/.test(document.querySelector(".pause-pill:not([data-pill])").innerText)`)
	if got := ask[string](w, field("note")); got != "null" {
		t.Errorf("on a page that is paused an open row goes on: its note is %s", got)
	}
	w.press(" ")
	w.live()
	w.until("the present", `/while it was paused/.test(`+field("note")+`)`)
	w.do("close", pressed(kb.Escape))
	w.until("the focus on the row", `document.activeElement.matches("tbody tr") && document.activeElement.cells[0].innerText === "447"`)
	db.Exec(t, `DELETE FROM sales WHERE id IN (447, 446)`)
	w.until("the focus on the row below those that went", `document.activeElement.matches("tbody tr") && document.activeElement.cells[0].innerText === "445"`)
	w.stayed()

	w.watch(href)
	w.until("the row that was named", column("name")+`.join() === "buyer 8"`)

	// A link leads to a row, also to one that is not on the page.
	for _, id := range []string{"445", "7"} {
		w.open("about:blank")
		w.watch(server.URL + `t/public.sales#row=%5B%22` + id + `%22%5D`)
		w.until("the row of the link", title+` === "sales `+id+`" && `+field("id")+` === "`+id+`"`)
	}
	w.allow(`400|Failed to load`) // the key of another kind
	for _, key := range []string{`%5B%229999%22%5D`, `%5B%22none%22%5D`, `garbage%`} {
		w.open("about:blank")
		w.watch(server.URL + `t/public.sales#row=` + key)
		w.says("There is no such row")
		if ask[bool](w, `/deleted/.test(document.querySelector(".drawer")?.innerText)`) {
			t.Errorf("%s: what never was is said to be deleted", key)
		}
	}
}

// On a dashboard a row has the panel's fields; on a telephone it is a sheet that
// keeps the focus.
func testRowElsewhere(t *testing.T, b *browser) {
	server, db := serve(t, sales, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sales.yaml": `title: Sales
panels:
  - id: list
    title: Sales
    type: table
    query: SELECT id, stage, total, note FROM sales ORDER BY id DESC
    limit: 100
`}))
	w := b.tab(t)
	w.watch(server.URL + "d/sales")
	w.clickOn(`document.querySelectorAll("tbody tr")[1].cells[2]`, 0)
	w.until("the row", `!!document.querySelector(".drawer[open]") && `+field("Total")+` === "449.00"`)
	db.Exec(t, `UPDATE sales SET total = 5 WHERE id = 449`)
	w.until("the change", `/5\.00$/.test(`+field("Total")+`)`)
	w.until("the panel's pill", `document.querySelector("[data-pill=list]").innerText.trim() === "1 changed"`)
	w.do("close", pressed(kb.Escape))
	w.until("the present", `document.querySelector("[data-pill=list]").hidden && document.querySelectorAll("tbody tr")[1].cells[2].innerText === "5.00"`)

	phone := b.tab(t)
	phone.size(390, 844)
	phone.watch(server.URL + "t/public.sales")
	phone.clickOn(`document.querySelectorAll("tbody tr")[1]`, 0)
	phone.until("the sheet", `document.querySelector(".drawer")?.matches(":modal") && document.querySelector(".drawer").getBoundingClientRect().width === innerWidth`)
	phone.do("around", pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab), pressed(kb.Tab))
	if !ask[bool](phone, `document.activeElement === document.body || !!document.activeElement.closest(".drawer")`) {
		t.Error("the focus left the sheet")
	}
	phone.do("close", pressed(kb.Escape))
	phone.until("no sheet", `!document.querySelector(".drawer[open]")`)
}

// An open row has every digit, a name that a person would give it, and the rows
// that name it.
func testRowIsExact(t *testing.T, b *browser) {
	server, db := serve(t, `
CREATE TABLE "Meter.s" ("no,1" int PRIMARY KEY, f8 float8, f4 float4, n numeric, at timestamptz, big int8, up bool, boss int REFERENCES "Meter.s");
INSERT INTO "Meter.s" VALUES (7, 0.1::float8 + 0.2::float8, 1e-7, 1234567.890123456789012345678900, '2026-01-02 03:04:05.123456+00', 9007199254740993, true, NULL);
CREATE TABLE "Reading s" (id int PRIMARY KEY, "m,er" int REFERENCES "Meter.s", a int, b int, UNIQUE (b, a));
INSERT INTO "Reading s" VALUES (1, 7, 1, 2), (2, NULL, 3, 4);
CREATE TABLE pairs (id int PRIMARY KEY, x int, y int, FOREIGN KEY (x, y) REFERENCES "Reading s" (b, a));
INSERT INTO pairs VALUES (1, 2, 1), (2, 4, 3);
CREATE TABLE loose (what text, why text);
INSERT INTO loose VALUES ('one thing of quite a long name', 'and quite a long reason for it'), ('one more', 'two'), (NULL, NULL), (NULL, NULL);`, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.%22Meter.s%22")
	w.clickOn(`document.querySelector("tbody tr").cells[1]`, 0)
	w.until("the row", title+` === "Meter.s 7"`)
	for name, want := range map[string]string{
		"f8": "0.30000000000000004", "f4": "1e-07", "n": "1234567.890123456789012345678900", "at": "2026-01-02 03:04:05.123456+00", "big": "9007199254740993", "up": "true",
	} {
		if got := ask[string](w, field(name)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	db.Exec(t, `UPDATE "Meter.s" SET f8 = f8 + 1e-16`)
	w.until("the digits that differ", `document.querySelector(".drawer .log").innerText.replace(/\s+/g, " ").includes("f8 0.300000000000000040.30000000000000016")`)

	// The rows that name it, and those that name these.
	by := func(n int) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.drawer [data-part="refs-in"] li')][%d]`, n)
	}
	w.until("who names it", by(0)+`.innerText.replace(/\s+/g, " ") === 'boss rows of public."Meter.s"' && `+by(1)+`.innerText.replace(/\s+/g, " ") === 'm,er rows of public."Reading s"'`)
	w.open(ask[string](w, by(1)+`.querySelector("a").href`))
	w.until("those rows alone", column("id")+`.join() === "1"`)
	w.clickOn(`document.querySelector("tbody tr").cells[0]`, 0)
	w.until("who names it by two columns", by(0)+`?.innerText.replace(/\s+/g, " ") === 'x, y rows of public.pairs'`)
	w.open(ask[string](w, by(0)+`.querySelector("a").href`))
	w.until("those rows alone", column("id")+`.join() === "1"`)

	// Without a key it is called by what stands in it; what leaves the page is not said to be deleted.
	w.watch(server.URL + "t/public.loose?sort=what")
	w.clickOn(`document.querySelector("tbody tr").cells[0]`, 0)
	w.until("a name", title+` === "loose one more, two"`)
	w.do("the next one", pressed("j"))
	w.until("its name", title+` === "loose one thing of quite a lo…, and quite a long reason…"`)
	if !ask[bool](w, `document.querySelector('.drawer-head [aria-label^="Close"]').getBoundingClientRect().right <= document.querySelector(".drawer").getBoundingClientRect().right`) {
		t.Error("beside a long name there is no way out")
	}
	db.Exec(t, `UPDATE loose SET why = 'three' WHERE what LIKE 'one thing%'`)
	w.until("what is known", `/It left the page at/.test(`+drawerText+`) && /row left the page/.test(`+drawerText+`) && !/[Dd]eleted/.test(`+drawerText+`)`)
	w.do("close", pressed(kb.Escape))
	w.until("no open row", `!document.querySelector(".drawer[open]")`)
	w.clickOn(`[...document.querySelectorAll("tbody tr")].at(-1).cells[0]`, 0)
	w.until("no name", title+` === "loose, a row without a key"`)
	w.stayed()
}

const drawerText = `document.querySelector(".drawer").innerText`
