package e2e_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const sales = `
CREATE TYPE stage AS ENUM ('pending', 'paid', 'shipped');
CREATE TABLE buyers (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO buyers SELECT i, 'buyer ' || i FROM generate_series(1, 20) i;
CREATE TABLE sales (id int PRIMARY KEY, stage stage NOT NULL, total numeric(10,2) NOT NULL, note text, buyer_id int REFERENCES buyers, gift bool NOT NULL, data jsonb, placed_at timestamptz NOT NULL DEFAULT now());
INSERT INTO sales SELECT i, (ARRAY['pending', 'paid', 'shipped']::stage[])[1 + i % 3], i, CASE WHEN i % 5 = 0 THEN 'by hand' END, 1 + i % 20, i % 2 = 0, '{"n": 9007199254740993, "list": [1, 2]}' FROM generate_series(1, 450) i;`

// sell opens the page of a table of 450 sales.
func sell(t *testing.T, b *browser, query string) (*tab, *pgtest.DB, *process) {
	t.Helper()
	server, db := serve(t, sales, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.sales" + query)
	w.until("the page's own code", `!!document.querySelector(".filter")`)
	return w, db, server
}

// column is what the rows in the page have in a column, by its name.
func column(name string) string {
	return `(() => { const i = [...document.querySelectorAll("thead tr:first-child th")].findIndex((th) => th.innerText.trim().replace(/\s*\d*$/, "") === ` + quoted(name) + `);
		return [...document.querySelectorAll("tbody tr:not(.leaving)")].map((tr) => tr.cells[i]?.innerText.trim()) })()`
}

// asks waits until the address bar asks for this, widths and the like apart.
func (w *tab) asks(query string) {
	w.Helper()
	w.until("the address ?"+query, `location.search === `+quoted(query)+` || location.search === "?" + `+quoted(query))
}

// head is the link in the head of a column.
func head(name string) string {
	return `[...document.querySelectorAll("thead a.th")].find((a) => a.firstChild.data.trim() === ` + quoted(name) + `)`
}

// clickOn clicks in the middle of what the expression gives, with modifiers.
func (w *tab) clickOn(js string, modifiers chromedp.Modifier) {
	w.Helper()
	w.point(js)
	at := ask[[]float64](w, `(() => { const r = (`+js+`).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`)
	for _, typ := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		p := input.DispatchMouseEventParams{Type: typ, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1, Modifiers: int64(modifiers)}
		if _, err := chromedp.Call(w.ctx, input.DispatchMouseEvent, p); err != nil {
			w.Fatalf("click: %v", err)
		}
	}
}

// pull drags an element from its middle by so many points.
func (w *tab) pull(js string, dx, dy float64) {
	w.Helper()
	at := ask[[]float64](w, `(() => { const r = (`+js+`).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`)
	w.mouse(chromedp.MouseMoved, at[0], at[1], 0, 0)
	w.mouse(chromedp.MousePressed, at[0], at[1], 1, 1)
	w.mouse(chromedp.MouseMoved, at[0]+dx/2, at[1]+dy/2, 1, 0)
	w.mouse(chromedp.MouseMoved, at[0]+dx, at[1]+dy, 1, 0)
	w.mouse(chromedp.MouseReleased, at[0]+dx, at[1]+dy, 0, 1)
}

// enter types into what has the focus, and ends the line.
func (w *tab) enter(text string) {
	w.Helper()
	w.do("type "+text, chromedp.KeyEvent(text+kb.Enter))
}

func testTableSorts(t *testing.T, b *browser) {
	w, db, _ := sell(t, b, "")
	first := func(want string) {
		t.Helper()
		w.until("the first rows "+want, column("id")+`.slice(0, 3).join() === `+quoted(want))
	}
	sorts := func(want string) {
		t.Helper()
		const said = `[...document.querySelectorAll("thead th[aria-sort]")].map((th) => th.querySelector("a").firstChild.data.trim() + " " + th.ariaSort).join()`
		w.until("the heads to say "+want, said+` === `+quoted(want))
	}
	first("450,449,448")
	sorts("id descending")
	w.clickOn(head("total"), 0)
	w.asks("sort=total")
	first("1,2,3")
	sorts("total ascending")
	w.clickOn(head("total"), 0)
	w.asks("sort=-total")
	first("450,449,448")
	sorts("total descending")

	// It is live in this order: a row that is worth more comes to the top.
	w.point(`document.querySelector(".brand")`)
	db.Exec(t, `UPDATE sales SET total = 1000 WHERE id = 7`)
	first("7,450,449")

	w.clickOn(head("total"), 0)
	w.asks("")
	sorts("id descending")

	w.clickOn(head("stage"), 0)
	w.asks("sort=stage")
	w.clickOn(head("total"), chromedp.ModifierShift)
	w.asks("sort=stage,total")
	sorts("stage ascending,total ascending")
	first("3,6,9")
	w.clickOn(head("total"), chromedp.ModifierShift)
	w.asks("sort=stage,-total")
	first("450,447,444")

	// Back and forward lead through it, and a link shows the same to others.
	w.run(`history.back()`)
	w.asks("sort=stage,total")
	first("3,6,9")
	w.run(`history.forward()`)
	w.asks("sort=stage,-total")
	first("450,447,444")
	w.stayed()
	w.watch(ask[string](w, `location.href`))
	first("450,447,444")
	sorts("stage ascending,total descending")

	// From the keyboard.
	w.run(head("id") + `.focus()`)
	w.do("sort by the head that has the focus", pressed(kb.Enter))
	w.asks("sort=id")
	first("1,2,3")
	w.stayed()
}

// On a telephone the heads are folded away, and can be had.
func testTableSortsOnPhone(t *testing.T, b *browser) {
	server, _ := serve(t, sales, "--watch", "public.*")
	w := b.tab(t)
	w.size(390, 844)
	w.watch(server.URL + "t/public.sales")
	w.until("the page's own code", `!!document.querySelector(".filter")`)
	w.click("[data-heads-button]")
	w.clickOn(head("total"), 0)
	w.asks("sort=total")
	w.until("the other order", `document.querySelector("tbody tr").dataset.key === '["1"]'`)
	w.clickOn(`document.querySelector('input[aria-label="Filter total"]')`, 0)
	w.enter(">448")
	w.asks("sort=total&where=total.gt.448")
	w.until("the rows that match", `[...document.querySelectorAll("tbody tr")].map((tr) => tr.dataset.key).join() === '["449"],["450"]'`)
	w.click("[data-heads-button]")
	w.until("the heads to be put away", `document.querySelector("[data-heads-button]").ariaExpanded === "false"`)
	w.stayed()
}

func testTableFilters(t *testing.T, b *browser) {
	w, db, server := sell(t, b, "")
	w.allow("400 .Bad Request.*placed_at.is.not")
	filter := func(name string) string { return `document.querySelector('input[aria-label="Filter ` + name + `"]')` }
	w.clickOn(filter("total"), 0)
	w.enter("445..448")
	w.asks("where=total.ge.445&where=total.le.448")
	w.until("the rows that match", column("id")+`.join() === "448,447,446,445"`)
	w.until("their count", `document.querySelector(".ledger-foot").innerText.replace(/\s+/g, " ").includes("1–4 of 4 that match")`)
	w.until("the filter to be shown as set", filter("total")+`.closest(".filter").matches(".on") && `+filter("total")+`.value === "445..448" && document.querySelector("[data-clear]").innerText.trim() === "1 filter"`)

	// Live: one leaves, one enters in its place.
	w.point(`document.querySelector(".brand")`)
	db.Exec(t, `UPDATE sales SET total = 1 WHERE id = 447; UPDATE sales SET total = 446.5 WHERE id = 3`)
	w.until("the rows that match now", column("id")+`.join() === "448,446,445,3"`)
	db.Exec(t, `UPDATE sales SET total = 9 WHERE id = 3`)
	w.until("one fewer", column("id")+`.join() === "448,446,445"`)

	// What cannot be meant is said, and takes nothing away.
	w.clickOn(filter("total"), 0)
	w.run(filter("total") + `.select()`)
	const top = `document.querySelector("thead").getBoundingClientRect().height`
	y := ask[float64](w, top) // not of a row: rows slide
	w.enter("many")
	w.until("the fault", filter("total")+`.getAttribute("aria-invalid") === "true"`)
	if now := ask[float64](w, top); now != y {
		t.Errorf("a refused filter takes the heads from %v px to %v", y, now)
	}
	w.live()
	w.do("think better of it", pressed(kb.Escape))
	w.until("the filter as it was", filter("total")+`.value === "445..448" && !document.querySelector(".wrong")`)
	w.clickOn(filter("placed_at"), 0)
	w.enter("=not a time")
	w.until("the server's word", `/not a time/.test(`+filter("placed_at")+`.closest(".filter").querySelector(".fault").innerText)`)
	w.live()
	w.do("think better of it", pressed(kb.Escape))

	// An operator from its menu, by the keyboard; two filters at once.
	w.run(filter("note") + `.previousElementSibling.focus()`)
	w.do("open the operators", pressed(kb.Enter))
	w.until("the menu", `document.activeElement.getAttribute("aria-checked") === "true" && document.activeElement.innerText.includes("contains")`)
	w.do("choose the last one", pressed(kb.End), pressed(kb.ArrowUp), pressed(kb.Enter))
	w.asks("where=total.ge.445&where=total.le.448&where=note.null")
	w.until("rows without a note", column("id")+`.join() === "448,446"`)

	w.clickOn(filter("total"), 0)
	w.run(filter("total") + `.select()`)
	w.enter("many")
	w.until("the fault", `!!document.querySelector(".wrong")`)
	w.clickOn(`document.querySelector("[data-clear]")`, 0)
	w.asks("")
	w.until("neither the fault nor what it was about", `!document.querySelector(".wrong") && `+filter("total")+`.value === ""`)

	// Enums are chosen, several at once.
	w.clickOn(`document.querySelector('.choice[aria-label="Filter stage"]')`, 0)
	w.clickOn(`[...document.querySelectorAll("#filter-menu label")].find((l) => l.innerText === "paid")`, 0)
	w.asks("where=stage.is.paid")
	w.clickOn(`[...document.querySelectorAll("#filter-menu label")].find((l) => l.innerText === "shipped")`, 0)
	w.asks("where=stage.in.paid,shipped")
	w.until("those stages alone", `new Set(`+column("stage")+`).size === 2`)
	w.do("close the menu", pressed(kb.Escape))
	w.clickOn(`document.querySelector('.choice[aria-label="Filter gift"]')`, 0)
	w.clickOn(`[...document.querySelectorAll("#filter-menu label")].find((l) => l.innerText === "true")`, 0)
	w.asks("where=stage.in.paid,shipped&where=gift.is.true")
	w.until("gifts alone", `new Set(`+column("gift")+`).size === 1`)
	w.do("close the menu", pressed(kb.Escape))
	w.clickOn(filter("placed_at"), 0)
	w.enter("15m")
	w.asks("where=stage.in.paid,shipped&where=gift.is.true&where=placed_at.last.15m")
	w.stayed()

	// What is typed with its operator is shown with it once.
	w.clickOn(filter("total"), 0)
	w.enter(">=2")
	w.asks("where=stage.in.paid,shipped&where=total.ge.2&where=gift.is.true&where=placed_at.last.15m") // the server's order
	w.until("one sign", filter("total")+`.value === "2" && `+filter("total")+`.previousElementSibling.innerText === ">="`)
	w.run(filter("total") + `.select()`)
	w.do("empty it", pressed(kb.Backspace), pressed(kb.Enter))
	w.asks("where=stage.in.paid,shipped&where=gift.is.true&where=placed_at.last.15m")

	// A link shows the same.
	w.watch(ask[string](w, `location.href`))
	w.until("the filters of the link", filter("placed_at")+`?.value === "15m" && document.querySelectorAll(".filter.on").length === 3`)

	// Several conditions on one column are shown, and typed on, all.
	w.watch(server.URL + "t/public.sales?where=total.gt.440&where=total.isnt.445&where=total.isnt.446&where=note.has.in%20stock")
	w.until("all conditions", filter("total")+`?.value === '"445" & != 446 & > 440' || `+filter("total")+`?.value === "445 & != 446 & > 440"`)
	w.clickOn(filter("total"), 0)
	w.do("type on", pressed(kb.End), chromedp.KeyEvent(" & != 447"), pressed(kb.Enter))
	w.until("one more", `new URLSearchParams(location.search).getAll("where").join() === "total.isnt.445,total.isnt.446,total.isnt.447,total.gt.440,note.has.in stock"`)
}

func testTableSearchAndPages(t *testing.T, b *browser) {
	w, db, server := sell(t, b, "")
	foot := func(want string) {
		t.Helper()
		w.until("the foot to say "+want, `document.querySelector(".ledger-foot").innerText.replace(/\s+/g, " ").includes(`+quoted(want)+`)`)
	}
	foot("1–200 of 450 rows")
	w.clickOn(`document.querySelector("[data-page-on]")`, 0)
	w.asks("page=2")
	foot("201–400 of 450 rows")
	w.until("the second page", column("id")+`[0] === "250"`)
	w.do("the next by the key", pressed("n"))
	w.asks("page=3")
	foot("401–450 of 450 rows")
	w.until("no page after the last", `document.querySelector("[data-page-on]").ariaDisabled === "true"`)
	w.do("back by the key", pressed("p"))
	w.asks("page=2")
	w.run(`const rows = document.querySelector("[data-rows]"); rows.value = "50"; rows.dispatchEvent(new Event("change"))`)
	w.asks("rows=50&page=5")
	foot("201–250 of 450 rows")
	w.until("fifty rows", `document.querySelectorAll("tbody tr").length === 50`)

	w.do("to the search by the key", pressed("/"))
	w.run(`document.activeElement.select()`) // the browser's protocol types the key, too
	w.do("search", chromedp.KeyEvent("hand"))
	w.asks("search=hand&rows=50")
	foot("1–50 of 90 that match")
	w.until("what is found", `document.activeElement.matches("[data-search]") && new Set(`+column("note")+`).size === 1`)
	db.Exec(t, `UPDATE sales SET note = 'with a second hand' WHERE id = 449`)
	w.until("what is found now", column("id")+`.includes("449")`)
	w.do("give it up", pressed(kb.Escape))
	w.asks("rows=50")

	// Nothing to see, and the way out.
	nothing := func(words, way string) {
		t.Helper()
		w.until(words, `document.querySelector("[data-empty]").innerText.includes(`+quoted(words)+`)`)
		w.run(`[...document.querySelectorAll("[data-empty-ways] button")].find((b) => b.innerText === ` + quoted(way) + `).click()`)
	}
	w.watch(server.URL + "t/public.sales?page=1500")
	nothing("There are 3 pages of 200 rows", "The last page")
	w.asks("page=3")
	foot("401–450 of 450 rows")
	w.before(`const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
		Object.defineProperty(WebSocket.prototype, "onmessage", { set(f) { set.call(this, (e) => window.held ? window.held.push(() => f(e)) : f(e)) } })`)
	w.watch(server.URL + "t/public.sales?where=total.gt.5000&search=nobody")
	if page := served(t, server.URL+"t/public.sales?search=nobody"); !strings.Contains(page, "No row matches") {
		t.Error("the server does not say that no row matches")
	}
	w.run(`window.held = []`)
	nothing("No row matches", "Clear")
	w.until("a count that comes before the rows", `performance.getEntriesByType("resource").some((e) => /count\?page=%2Ft%2Fpublic.sales$/.test(e.name))`)
	w.run(`for (const f of window.held.splice(0)) f(); window.held = null`)
	w.until("all rows again", `document.querySelector("[data-search]").value === ""`)
	foot("1–200 of 450 rows")
	w.stayed()
}

func testTableSaves(t *testing.T, b *browser) {
	w, _, server := sell(t, b, "?where=total.gt.440&sort=id&columns=id,note")
	w.clickOn(`document.querySelector("[data-save-button]")`, 0)
	w.until("the menu", `document.querySelector("#save").matches(":popover-open")`)
	hrefs := ask[map[string]string](w, `Object.fromEntries([...document.querySelectorAll("[data-save]")].map((a) => [a.dataset.save, a.href]))`)
	for name, href := range hrefs {
		body := served(t, href)
		if n := strings.Count(body, "44"); n != 9 || !strings.Contains(body, "by hand") || strings.Contains(body, "440") {
			t.Errorf("%s, %s: %.300s", name, strings.TrimPrefix(href, server.URL), body)
		}
	}
	if len(hrefs) != 4 {
		t.Errorf("there are %d ways to save", len(hrefs))
	}
	// They follow the filters.
	w.do("close the menu", pressed(kb.Escape))
	w.clickOn(`document.querySelector("[data-clear]")`, 0)
	w.until("other addresses", `![...document.querySelectorAll("[data-save]")].some((a) => a.href.includes("where"))`)
	if u, err := url.Parse(ask[string](w, `document.querySelector("[data-save=csv]").href`)); err != nil || u.Query().Get("columns") != "id,note" {
		t.Errorf("the columns are lost in %v", u)
	}
}

// From a table to a dashboard on it: what is written can be saved as it is.
func testTableStarter(t *testing.T, b *browser) {
	w, _, server := sell(t, b, "")
	w.clickOn(`document.querySelector("[data-starter-button]")`, 0)
	w.until("the dashboard", `document.querySelector("#starter").open && document.querySelector("#starter pre").textContent.includes("panels:")`)
	if got, want := ask[string](w, `document.querySelector("#starter pre").textContent`), served(t, server.URL+"t/public.sales/dashboard.yaml"); got != want {
		t.Errorf("the page shows\n%s\nand the server writes\n%s", got, want)
	}
	w.do("close", pressed(kb.Escape))
	w.until("the page", `!document.querySelector("#starter").open`)
	w.stayed()
}
