package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func testTableColumns(t *testing.T, b *browser) {
	w, _, _ := sell(t, b, "")
	const shown = `[...document.querySelectorAll("thead tr:first-child th")].map((th) => (th.querySelector("a, span")?.firstChild.data ?? "").trim()).join()`
	const all = "id,stage,total,note,buyer_id,gift,data,placed_at"
	heads := func(want string) {
		t.Helper()
		w.until("the columns "+want, shown+` === `+quoted(want))
		w.until("as many cells", `document.querySelector("tbody tr").cells.length === `+fmt.Sprint(strings.Count(want, ",")+1))
	}
	heads(all)
	tick := func(name string) string { return `document.querySelector('.columns input[value="` + name + `"]')` }
	w.clickOn(`document.querySelector("[data-columns-button]")`, 0)
	w.clickOn(tick("note"), 0)
	heads("id,stage,total,buyer_id,gift,data,placed_at")
	w.clickOn(tick("data"), 0)
	heads("id,stage,total,buyer_id,gift,placed_at")
	w.until("the button to say so", `document.querySelector("[data-columns-button]").innerText.includes("6 of 8")`)

	// Order, by the keyboard and by dragging.
	w.run(tick("gift") + `.focus()`)
	w.do("move it up", chromedp.KeyEvent(kb.ArrowUp, chromedp.KeyModifiers(chromedp.ModifierAlt)))
	heads("id,stage,total,gift,buyer_id,placed_at")
	if !ask[bool](w, `document.activeElement === `+tick("gift")) {
		t.Error("the focus did not move with the column")
	}
	w.pull(`document.querySelector('.columns [data-name="placed_at"] .handle')`, 0, -ask[float64](w, `(document.querySelector('.columns [data-name="placed_at"]').offsetTop - document.querySelector('.columns [data-name="stage"]').offsetTop)`))
	heads("id,placed_at,stage,total,gift,buyer_id")
	w.do("close the menu", pressed(kb.Escape))
	w.run(head("stage") + `.focus()`)
	w.do("move the column", chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)))
	heads("id,placed_at,total,stage,gift,buyer_id")
	w.do("and again, as the focus went with it", chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)))
	heads("id,placed_at,total,gift,stage,buyer_id")
	w.do("and back", chromedp.KeyEvent(kb.ArrowLeft, chromedp.KeyModifiers(chromedp.ModifierShift)))
	heads("id,placed_at,total,stage,gift,buyer_id")

	// Width, by the pointer and by the keyboard; it is in the address and survives another order.
	const width = `Math.round(document.querySelectorAll("thead tr:first-child th")[2].offsetWidth)`
	wide := ask[int](w, width)
	w.pull(`document.querySelectorAll("thead tr:first-child th")[2].querySelector(".grip")`, 60, 0)
	w.until("a wider column", width+` === `+fmt.Sprint(wide+60))
	w.run(head("total") + `.focus()`)
	w.do("narrower", pressed("-"))
	w.until("a narrower column", width+` === `+fmt.Sprint(wide+44))
	if got, want := ask[string](w, `new URLSearchParams(location.search).get("widths")`), fmt.Sprintf("total:%d", wide+44); got != want {
		t.Errorf("the address has widths=%s, want %s", got, want)
	}
	w.clickOn(head("id"), 0)
	w.until("the other order", column("id")+`[0] === "1"`)
	if got := ask[int](w, width); got != wide+44 {
		t.Errorf("in another order the column is %d wide, want %d", got, wide+44)
	}
	w.stayed()
	w.watch(ask[string](w, `location.href`))
	w.until("the width of the link", width+` === `+fmt.Sprint(wide+44))
	heads("id,placed_at,total,stage,gift,buyer_id")
	w.run(head("total") + `.focus()`)
	w.do("as wide as it fits", pressed("0"))
	w.until("no widths", `!location.search.includes("widths")`)
	w.clickOn(`document.querySelector("[data-columns-button]")`, 0)
	w.clickOn(`[...document.querySelectorAll(".columns button")].at(-1)`, 0)
	heads(all)
}

// A column of a table that is wider than the window is as wide as the reader made it.
func testWideTableSized(t *testing.T, b *browser) {
	setup := `CREATE TABLE broad (id int PRIMARY KEY`
	for i := range 40 {
		setup += fmt.Sprintf(", column_%d text DEFAULT 'a value of it'", i)
	}
	server, _ := serve(t, setup+`); INSERT INTO broad (id) SELECT generate_series(1, 3);`, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.broad?widths=id:300,column_3:52")
	const width = `[0, 4].map((i) => Math.round(document.querySelectorAll("thead tr:first-child th")[i].offsetWidth)).join()`
	w.until("the widths of the link", width+` === "300,52"`)
	w.pull(`document.querySelector("thead th .grip")`, -100, 0)
	w.until("a narrower column", width+` === "200,52"`)

	// Paper has room for some of its columns, and names others that it leaves out.
	ask[bool](w, `dispatchEvent(new Event("beforeprint"))`)
	if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	const columns = `(() => {
		const note = [...document.querySelectorAll("[data-missing]")].find((n) => n.checkVisibility());
		const shown = [...document.querySelectorAll("thead tr:first-child th")].filter((th) => th.checkVisibility()).length;
		return [shown > 3 && shown < 41, note?.innerText.startsWith("And " + (41 - shown) + " more columns: column_" + (shown - 1) + ", ")].join();
	})()`
	if got := ask[string](w, columns); got != "true,true" {
		t.Errorf("on paper: %s", got)
	}
}
