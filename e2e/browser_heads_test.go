package e2e_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// headNames are what stands in the heads, in their order.
const headNames = `[...document.querySelectorAll("thead tr:first-child th")].map((th) => (th.querySelector("a, span")?.firstChild.data ?? "").trim()).join()`

// headCell is the head of a column, whether one can sort by it or not.
func headCell(name string) string {
	return `[...document.querySelectorAll("thead tr:first-child th")].find((th) => th.querySelector("a, span").firstChild.data.trim() === ` + quoted(name) + `)`
}

// place is where a head is: so much of its width from its left, and its middle.
func (w *tab) place(name string, share float64) (x, y float64) {
	w.Helper()
	at := ask[[]float64](w, fmt.Sprintf(`(() => { const r = (%s).getBoundingClientRect(); return [r.x + r.width * %g, r.y + r.height / 2] })()`, headCell(name), share))
	return at[0], at[1]
}

// lift takes a head with the mouse, and holds it over another.
func (w *tab) lift(name, over string, share float64) (x, y float64) {
	w.Helper()
	x, y = w.place(name, 0.4)
	w.mouse(chromedp.MouseMoved, x, y, 0, 0)
	w.mouse(chromedp.MousePressed, x, y, 1, 1)
	w.mouse(chromedp.MouseMoved, x+9, y, 1, 0)
	x, y = w.place(over, share)
	w.mouse(chromedp.MouseMoved, x, y, 1, 0)
	return x, y
}

const carried = `document.querySelectorAll(".carry-mark, .carry-name").length === 2`

func testHeadsAreCarried(t *testing.T, b *browser) {
	w, db, server := sell(t, b, "")
	heads := func(want string) {
		t.Helper()
		w.until("the columns "+want, headNames+` === `+quoted(want))
	}

	// Frames that come meanwhile change what is under it, and nothing else.
	x, y := w.lift("gift", "stage", 0.2)
	w.until("the mark left of the head", carried+` && Math.abs(document.querySelector(".carry-mark").getBoundingClientRect().left - `+headCell("stage")+`.getBoundingClientRect().left) < 3`)
	db.Exec(t, `UPDATE sales SET note = 'while it was carried' WHERE id = 450; INSERT INTO sales VALUES (1000, 'paid', 1, 'one more', 1, true, NULL)`)
	w.until("the frame", column("note")+`.slice(0, 2).join() === "one more,while it was carried" && `+carried)
	w.mouse(chromedp.MouseReleased, x, y, 0, 1)
	heads("id,gift,stage,total,note,buyer_id,data,placed_at")
	w.asks("columns=id,gift,stage,total,note,buyer_id,data,placed_at")
	if ask[bool](w, `!!document.querySelector(".carry-mark, .carry-name, .carrying")`) {
		t.Error("the mark stays")
	}

	// Beside itself it stays; with Escape it goes nowhere, and only that happens.
	x, y = w.lift("total", "note", 0.3)
	w.until("no mark where it stays", carried+` && document.querySelector(".carry-mark").hidden`)
	w.mouse(chromedp.MouseReleased, x, y, 0, 1)
	w.clickOn(`document.querySelectorAll("tbody tr")[2].cells[0]`, 0)
	w.until("an open row", title+` === "sales 449"`)
	w.lift("total", "id", 0.2)
	w.until("the mark", carried)
	w.do("think better of it", pressed(kb.Escape))
	w.until("nothing carried", `!document.querySelector(".carry-mark")`)
	x, y = w.place("total", 0.4)
	w.mouse(chromedp.MouseMoved, x, y, 1, 0)
	w.mouse(chromedp.MouseReleased, x, y, 0, 1)
	w.until("the row as it was", title+` === "sales 449" && !location.search.includes("sort")`)
	w.do("close the row", pressed(kb.Escape))
	w.until("no open row", `!document.querySelector(".drawer[open]")`)

	// A click sorts, and a column is as wide as its handle makes it, as ever.
	w.clickOn(head("total"), 0)
	w.asks("sort=total&columns=id,gift,stage,total,note,buyer_id,data,placed_at")
	w.pull(headCell("total")+`.querySelector(".grip")`, 30, 0)
	w.until("its width", `location.search.includes("widths=total")`)
	heads("id,gift,stage,total,note,buyer_id,data,placed_at")

	// To the last place, and back by the history.
	x, y = w.lift("id", "placed_at", 0.9)
	w.mouse(chromedp.MouseReleased, x, y, 0, 1)
	heads("gift,stage,total,note,buyer_id,data,placed_at,id")
	w.run(`history.back()`)
	heads("id,gift,stage,total,note,buyer_id,data,placed_at")
	w.stayed()

	// A finger that rests carries, one that does not scrolls or taps.
	if _, err := chromedp.Call(w.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatalf("fingers: %v", err)
	}
	w.watch(server.URL + "t/public.sales")
	w.until("the page's own code", `!!document.querySelector(".filter")`)
	touch := func(typ input.DispatchTouchEventType, points ...*input.TouchPoint) {
		t.Helper()
		if _, err := chromedp.Call(w.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: typ, TouchPoints: append([]*input.TouchPoint{}, points...)}); err != nil {
			t.Fatalf("touch: %v", err)
		}
	}
	x, y = w.place("note", 0.4)
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y})
	w.until("it to be carried", carried)
	x, y = w.place("id", 0.2)
	touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: x + 50, Y: y})
	touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: x, Y: y})
	touch(input.DispatchTouchEventTypeTouchEnd)
	heads("note,id,stage,total,buyer_id,gift,data,placed_at")
	x, y = w.place("total", 0.4)
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y})
	touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: x - 60, Y: y})
	touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: x - 120, Y: y})
	touch(input.DispatchTouchEventTypeTouchEnd)
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y}) // beside the head's words
	touch(input.DispatchTouchEventTypeTouchEnd)
	w.asks("sort=total&columns=note,id,stage,total,buyer_id,gift,data,placed_at")
	w.stayed()
}

// A head that is held at the end of what is seen scrolls the others by.
func testHeadsAreCarriedFar(t *testing.T, b *browser) {
	setup := `CREATE TABLE broad (id int PRIMARY KEY`
	for i := range 40 {
		setup += fmt.Sprintf(", column_%d text DEFAULT 'a value of it'", i)
	}
	server, _ := serve(t, setup+`); INSERT INTO broad (id) SELECT generate_series(1, 3);`, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.broad")
	w.until("the page's own code", `!!document.querySelector(".filter")`)
	w.run(`window.box = document.querySelector(".scroll")`)
	x, y := w.place("column_2", 0.5)
	w.mouse(chromedp.MouseMoved, x, y, 0, 0)
	w.mouse(chromedp.MousePressed, x, y, 1, 1)
	right := ask[float64](w, `box.getBoundingClientRect().right`) - 8
	w.mouse(chromedp.MouseMoved, right, y, 1, 0)
	w.until("the last columns", `box.scrollLeft >= box.scrollWidth - box.clientWidth - 1`)
	x, y = w.place("column_39", 0.8)
	w.mouse(chromedp.MouseMoved, x, y, 1, 0)
	w.mouse(chromedp.MouseReleased, x, y, 0, 1)
	w.until("the column at the end", headNames+`.endsWith("column_38,column_39,column_2")`)
	w.stayed()
}
