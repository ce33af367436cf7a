package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const halls = `CREATE TABLE halls (id int PRIMARY KEY, name text, size numeric);
INSERT INTO halls SELECT n, 'hall number ' || n, 1234567890123456 * (100 - n) FROM generate_series(1, 14) n`

const hallPage = `title: Halls
description: A sentence that is longer than what there is room for beside the name of the page and all else on its line
panels:
  - {id: a, title: A, type: stat, query: SELECT count(*) AS n FROM halls, width: 3}
  - {id: b, title: B, type: stat, query: "SELECT 5 AS n, NULL::int AS more", width: 3}
  - {id: c, title: C, type: gauge, query: SELECT 5 AS n, max: 9, width: 3}
  - {id: d, title: D, type: stat, query: SELECT 5 AS n, width: 3}
  - {id: sizes, title: Sizes, type: line, query: "SELECT id, size FROM halls ORDER BY id", x: id, y: size, width: 7}
  - {id: all, title: All, type: table, query: "SELECT id, name, size FROM halls ORDER BY id", width: 5, height: 2}
  - {id: many, title: Many, type: donut, query: "SELECT name, size FROM halls ORDER BY id", width: 4}
  - {id: text, title: Text, type: text, content: Some words., width: 12}
`

// hall serves the halls with their dashboard.
func hall(t *testing.T) (*process, *pgtest.DB) {
	t.Helper()
	return serve(t, halls, "--dashboards", dashboards(t, map[string]string{"halls.yaml": hallPage}), "--watch", "public.*")
}

// A wall's screens are used: what can fill one stands by what cannot, although a
// table reaches over two lines there; and its head is one line.
func testFullWall(t *testing.T, b *browser) {
	server, db := hall(t)
	w := b.tab(t)
	w.size(1920, 1080)
	w.watch(server.URL + "d/halls?kiosk&each=600")
	const panel = `((id) => document.querySelector('[data-panel="' + id + '"]'))`
	w.until("two screens", `document.querySelectorAll(".screens i").length === 2 && `+panel+`("sizes").querySelector("canvas")`)
	for what, js := range map[string]string{
		"a row of numbers stands above the chart and the table": `["a", "b", "c", "d", "sizes", "all"].every((id) => ` + panel + `(id).checkVisibility()) && !` + panel + `("many").checkVisibility()`,
		"the chart takes what is left":                          `innerHeight - ` + panel + `("sizes").getBoundingClientRect().bottom < innerHeight / 12 && ` + panel + `("sizes").clientHeight > innerHeight / 2.5`,
		"the table has as many rows as have room":               `innerHeight - [...` + panel + `("all").querySelectorAll("tbody tr")].findLast((r) => r.getBoundingClientRect().bottom <= innerHeight).getBoundingClientRect().bottom < innerHeight / 8`,
		"the head is one line":                                  `document.querySelector(".page-head").clientHeight < 3.5 * parseFloat(getComputedStyle(document.documentElement).fontSize) && document.querySelector(".clock").getBoundingClientRect().right <= innerWidth`,
		"a note that is NULL is no word":                        panel + `("b").querySelector("[data-note]").textContent === ""`,
	} {
		if !ask[bool](w, js) {
			t.Errorf("it is not so that %s", what)
		}
	}
	w.press(" ")
	db.Exec(t, `UPDATE halls SET name = 'renamed' WHERE id = 3`)
	w.until("what is held, on a wall too", `/changed/.test(document.querySelector("[data-note]").innerText) && document.querySelector("#live").dataset.state === "paused"`)
	w.press(" ")
	w.live()
	db.Exec(t, `ALTER TABLE halls RENAME size TO area`)
	db.Exec(t, `UPDATE halls SET area = area + 1 WHERE id = 1`)
	w.until("the errors", `document.querySelectorAll('.panel[data-state="error"]').length === 3`)
	if small := ask[[]string](w, tooSmall); len(small) > 0 {
		t.Errorf("what is wrong is not read from afar: %s", strings.Join(small, ", "))
	}
	if ask[bool](w, `[...document.querySelectorAll(".problem > .code")].some((n) => n.checkVisibility())`) {
		t.Error("a wall shows queries")
	}
}

// On a phone a donut's list stands below its ring where it has no room beside
// it, a total is exact, and the part of many others names them.
func testCrowdedDonut(t *testing.T, b *browser) {
	server, db := hall(t)
	w := b.tab(t)
	w.size(390, 844)
	w.watch(server.URL + "d/halls")
	const many = `document.querySelector('[data-panel="many"]')`
	look := func(sum string) {
		t.Helper()
		w.until("the sum", many+`.querySelector("[data-total]").textContent === `+quoted(sum))
		for what, js := range map[string]string{
			"numbers and shares stand apart": `[...` + many + `.querySelectorAll("li")].every((li) => { const [name, share, n] = [...li.querySelectorAll("[data-label], .pc, .ct")].map((e) => e.getBoundingClientRect()); return name.right <= share.left && share.right <= n.left && n.right <= innerWidth })`,
			"the sum stands on no arc":       many + `.querySelector("[data-total]").getBoundingClientRect().top >= ` + many + `.querySelector("[data-ring]").getBoundingClientRect().bottom`,
			"the others are named":           many + `.querySelector('[data-key="others"] .chip').title === "hall number 9, hall number 10, hall number 11, hall number 12, hall number 13, hall number 14"`,
		} {
			if !ask[bool](w, js) {
				t.Errorf("it is not so that %s", what)
			}
		}
	}
	look("1,598,765,417,709,875,520")
	db.Exec(t, `UPDATE halls SET size = size + 1 WHERE id IN (1, 12)`)
	look("1,598,765,417,709,875,522")
	w.stayed()
}

// A chart that cannot be drawn any more says why, in the words of a first paint,
// and is drawn again once it can be.
func testChartComesBack(t *testing.T, b *browser) {
	server, db := hall(t)
	w := b.tab(t)
	w.watch(server.URL + "d/halls")
	const sizes, many = `document.querySelector('[data-panel="sizes"]')`, `document.querySelector('[data-panel="many"]')`
	w.until("the chart", sizes+`.querySelector("canvas")?.checkVisibility()`)
	db.Exec(t, `ALTER TABLE halls ALTER size TYPE text`)
	db.Exec(t, `UPDATE halls SET size = '5' WHERE id = 1`)
	w.until("why it is not drawn", sizes+`.querySelector("[data-text]").checkVisibility() && `+sizes+`.dataset.state === "error" && `+many+`.dataset.state === "error"`)
	first := b.tab(t)
	first.open(server.URL + "d/halls")
	for _, id := range []string{"sizes", "many"} {
		said := fmt.Sprintf(`document.querySelector('[data-panel="%s"] .state').innerText`, id)
		if got, want := ask[string](w, said), ask[string](first, said); got != want || !strings.Contains(got, "(its type is text)") && !strings.Contains(got, "no column of numbers") {
			t.Errorf("%s says\n%s\nand at first\n%s", id, got, want)
		}
	}
	db.Exec(t, `ALTER TABLE halls ALTER size TYPE numeric USING size::numeric`)
	db.Exec(t, `UPDATE halls SET size = 6 WHERE id = 1`)
	w.until("the chart again", sizes+`.querySelector("canvas")?.checkVisibility() && !`+sizes+`.querySelector("[data-text]").checkVisibility() && `+many+`.querySelector("[data-ring]").checkVisibility() && `+sizes+`.dataset.state === ""`)
	w.stayed()

	const short = `(` + sizes + `.getBoundingClientRect().right - ` + sizes + `.querySelector("canvas").getBoundingClientRect().right)`
	w.size(1016, 700) // between the margins of an A4 sheet that lies
	w.until("the chart of that width", `Math.abs(`+short+`) < 2`)
	w.run(`dispatchEvent(new Event("beforeprint"))`)
	if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	w.until("it on landscape paper, as broad as its panel", short+` > -2 && `+short+` < 20`)
}
