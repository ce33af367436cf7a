package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const manyPage = `title: Many
variables:
  - {name: several, label: Several, query: SELECT name FROM names ORDER BY name, multiple: true}
  - {name: single, label: Single, query: SELECT name FROM names ORDER BY name}
  - {name: broken, label: Broken, query: SELECT 1 / 0}
panels:
  - {id: list, query: "SELECT id, name FROM names WHERE id < 4 AND (@several IS NULL OR name = ANY(@several)) AND (@single::text IS NULL OR name = @single) AND (@broken::text IS NULL OR true) ORDER BY id"}
`

// A list of many options stays within the window, can be searched, and says
// where it was cut; what no address can hold is not chosen.
func testManyOptions(t *testing.T, b *browser) {
	server, _ := serve(t, `CREATE TABLE names (id int PRIMARY KEY, name text NOT NULL);
		INSERT INTO names SELECT i, 'a name of a town, number ' || lpad(i::text, 4, '0') FROM generate_series(1, 1200) i;`,
		"--dashboards", dashboards(t, map[string]string{"many.yaml": manyPage}))
	w := b.tab(t)
	w.do("a laptop", chromedp.EmulateViewport(1366, 640))
	w.watch(server.URL + "d/many")
	w.shows("1,2,3")
	for _, name := range []string{"several", "single"} {
		w.click(`[popovertarget="pick-` + name + `"]`)
		w.until("the box", `document.querySelector("#pick-`+name+`").contains(document.activeElement)`)
		if got := ask[string](w, `(({ top, bottom }) => top >= 0 && bottom <= innerHeight ? "" : top + " to " + bottom)(document.querySelector("#pick-`+name+`").getBoundingClientRect())`); got != "" {
			t.Errorf("the box of %s reaches from %s in a window of 640", name, got)
		}
		if got := ask[string](w, `document.querySelector("#pick-`+name+` .pick-note:not([hidden])")?.innerText`); got != "Only the first 1,000 are listed" {
			t.Errorf("the box of %s says %q of its cut list", name, got)
		}
		w.do("close the box", pressed(kb.Escape))
	}
	w.keep("many options")

	w.click(`[popovertarget="pick-several"]`)
	w.until("the box", `document.querySelector("#pick-several").contains(document.activeElement)`)
	w.click("#pick-several [data-pick=all]")
	w.says("too much for one address")
	w.until("the choice taken back", `document.querySelector('[popovertarget="pick-several"] b').innerText === "any" && !document.querySelector("#pick-several :checked")`)
	w.at("/d/many")
	w.pick("several", "a name of a town, number 0002")
	w.shows("2")
	w.do("close the box", pressed(kb.Escape))

	// One of many, by the keyboard alone.
	w.click(`[popovertarget="pick-single"]`)
	w.until("the box", `document.activeElement === document.querySelector("#pick-single input[type=search]")`)
	w.do("find it", chromedp.KeyEvent("0003"), pressed(kb.ArrowDown), pressed(" "))
	w.until("the address", `new URLSearchParams(location.search).get("single")?.endsWith("0003")`)
	w.shows("")
	w.do("close the box", pressed(kb.Escape))
	w.until("the choice", `document.querySelector('[popovertarget="pick-single"] b').innerText.endsWith("0003") && !document.querySelector(":popover-open")`)

	if got := ask[string](w, `(({ innerText }) => innerText)(document.querySelector("[data-variable=broken] .options-fail"))`); !strings.Contains(got, "cannot be read") {
		t.Errorf("a list that cannot be read says %q", got)
	}
	w.stayed()
}

// Back takes back what was typed, although the field has the focus still.
func testBackWhileTyping(t *testing.T, b *browser) {
	server, _ := serve(t, orders, "--dashboards", dashboards(t, map[string]string{"orders.yaml": ordersPage}))
	w := b.tab(t)
	w.watch(server.URL + "d/orders")
	w.do("type", chromedp.Focus(chromedp.CSS("input[name=find]")), pressed("u"))
	w.shows("3")
	w.at("/d/orders?find=u")
	w.run(`history.back()`)
	w.at("/d/orders")
	w.shows("1,2,3,4")
	w.until("the field to follow", `document.querySelector("input[name=find]").value === "" && document.activeElement.name === "find"`)
	w.do("leave it", pressed(kb.Tab))
	w.until("the field left", `document.activeElement.name !== "find"`)
	w.shows("1,2,3,4")
	w.at("/d/orders")
	w.stayed()
}

// Where a query fails for what was chosen, no figure keeps the numbers of what
// was chosen before; one that fails later keeps its last rows and says so.
func testFigureOfAFailedChoice(t *testing.T, b *browser) {
	var page strings.Builder
	page.WriteString("title: Shares\nvariables: [{name: n, label: N, type: integer, default: 4}]\npanels:\n")
	for _, kind := range []string{"stat", "line", "bar", "gauge", "donut", "progress"} {
		x := ""
		if kind == "line" || kind == "bar" {
			x = "id, "
		}
		fmt.Fprintf(&page, "  - {id: %s, type: %s, query: \"SELECT %s10.0 / (@n::int * v) AS share FROM shares\"}\n", kind, kind, x)
	}
	server, db := serve(t, `CREATE TABLE shares (id int PRIMARY KEY, v int NOT NULL); INSERT INTO shares VALUES (1, 1);`,
		"--dashboards", dashboards(t, map[string]string{"shares.yaml": page.String()}))
	w := b.tab(t)
	w.watch(server.URL + "d/shares")
	const numbers = `[...document.querySelectorAll("[data-panel]")].filter((p) => /2\.5/.test(p.innerText)).map((p) => p.dataset.panel).join()`
	const failed = `document.querySelectorAll(".panel[data-state=error]").length === 6`
	const all = `stat,line,bar,gauge,donut,progress`
	w.until("the numbers", numbers+` === "`+all+`"`)

	db.Exec(t, `UPDATE shares SET v = 0`)
	w.until("all to fail", failed)
	if got := ask[string](w, numbers); got != all {
		t.Errorf("after a failure the last numbers stand in %s", got)
	}
	w.says("These are its last rows")
	db.Exec(t, `UPDATE shares SET v = 1`)
	w.until("the numbers again", numbers+` === "`+all+`" && !document.querySelector(".panel[data-state=error]")`)

	w.do("another value", chromedp.Focus(chromedp.CSS("input[name=n]")), pressed(kb.End), pressed(kb.Backspace), pressed("0"), pressed(kb.Enter))
	w.at("/d/shares?n=0")
	w.until("all to fail", failed)
	w.until("no number of another value", numbers+` === ""`)
	w.do("the first value", pressed(kb.End), pressed(kb.Backspace), pressed("4"), pressed(kb.Enter))
	w.at("/d/shares")
	w.until("the numbers again", numbers+` === "`+all+`" && !document.querySelector(".panel[data-state=error]")`)
	w.stayed()

	// One that never had a result is not called one that cannot be drawn.
	w.open(server.URL + "d/shares?n=0")
	w.live()
	w.until("all to fail", failed)
	w.run(`window.called = 0; new MutationObserver(() => { called += /cannot be drawn/.test(document.body.innerText) }).observe(document.body, { subtree: true, childList: true, characterData: true, attributeFilter: ["hidden"] })`)
	w.do("a value that works", chromedp.Focus(chromedp.CSS("input[name=n]")), pressed(kb.End), pressed(kb.Backspace), pressed("4"), pressed(kb.Enter))
	w.until("the numbers", numbers+` === "`+all+`" && !document.querySelector(".panel[data-state=error]")`)
	if called := ask[float64](w, `called`); called > 0 {
		t.Errorf("%v times on its way the page says that something cannot be drawn", called)
	}
}
