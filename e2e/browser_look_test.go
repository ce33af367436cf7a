package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const lookPage = `title: Look
panels:
  - {id: whole, title: Whole, type: line, query: "SELECT date_trunc('minute', now()) - n * interval '1 minute' AS t, n FROM generate_series(0, 9) n ORDER BY 1", x: t, window: 20m, width: 6}
  - {id: cut, title: Cut, type: line, query: "SELECT date_trunc('minute', now()) - n * interval '1 minute' AS t, n FROM generate_series(0, 9) n ORDER BY 1", x: t, window: 20m, limit: 5, width: 6}
  - {id: alone, title: Alone, type: stat, query: SELECT 5 AS n, thresholds: {0: green, 9: red}, width: 3}
  - {id: noted, title: Noted, type: stat, query: "SELECT 5 AS n, 'of 9' AS note", thresholds: {0: green, 9: red}, width: 3}
  - {id: load, title: Load, type: gauge, query: SELECT 8 AS n, max: 9, thresholds: {7: red}, width: 3}
  - id: text
    title: Text
    type: text
    content: A word of ` + longWord + ` and its end.
    width: 3
  - {id: moves, title: Moves, type: bar, stacked: true, query: "SELECT area, state, count(*) AS n FROM parts GROUP BY 1, 2 ORDER BY 1, 2", x: area, series: state, y: n, width: 6}
  - {id: parts, title: Parts, type: table, query: "SELECT id, area, state FROM parts ORDER BY id", width: 6}
`

const longWord = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsvorsitzendenstellvertreter"

// Small things that were wrong to the eye once: a mark of the present where the
// data ends before it, a check mark without words, a word that leaves its panel,
// two buttons for one thing; and a series that goes ends no frame.
func testLook(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE parts (id int PRIMARY KEY, area text, state text); INSERT INTO parts SELECT n, 'area ' || n % 3, 'state ' || n % 4 FROM generate_series(1, 12) n`,
		"--dashboards", dashboards(t, map[string]string{"look.yaml": lookPage}), "--watch", "public.*")
	w := b.tab(t)
	w.allow(`WebSocket connection to|Failed to (fetch|load resource)|ERR_CONNECTION`)
	w.watch(server.URL + "d/look")
	w.until("the charts", `[...document.querySelectorAll("[data-plot]")].every((p) => p.querySelector("canvas"))`)
	const in = `((id, what) => document.querySelector('[data-panel="' + id + '"] ' + what))`
	const nows = `((id) => { // points of the canvas that have the accent's colour
		const probe = document.body.appendChild(document.createElement("canvas")).getContext("2d", { willReadFrequently: true });
		probe.fillStyle = getComputedStyle(document.querySelector(".mark .come")).fill;
		probe.fillRect(0, 0, 1, 1);
		const [r, g, b] = probe.getImageData(0, 0, 1, 1).data, c = ` + in + `(id, "canvas"), all = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		probe.canvas.remove();
		let n = 0;
		for (let i = 0; i < all.length; i += 4) if (all[i] === r && all[i + 1] === g && all[i + 2] === b && all[i + 3] > 250) n++;
		return n;
	})`
	for what, js := range map[string]string{
		"the present is marked on a whole line":         nows + `("whole") > 8 && !!` + in + `("whole", ".still.now")`,
		"not on one whose newest points are cut":        nows + `("cut") === 0 && !` + in + `("cut", ".still.now") && ` + in + `("cut", "[data-cut]").checkVisibility()`,
		"a check mark has words":                        in + `("noted", "[data-glyph]").checkVisibility() && !` + in + `("alone", "[data-glyph]").checkVisibility()`,
		"a gauge past its threshold has a shape":        `getComputedStyle(` + in + `("load", ".gauge"), "::before").clipPath.startsWith("polygon")`,
		"a long word stays in its panel":                in + `("text", ".prose").scrollWidth <= ` + in + `("text", ".prose").clientWidth + 1`,
		"there is no button to try what has not failed": `![...document.querySelectorAll("button")].some((n) => n.checkVisibility() && /Try now|Retry/.test(n.innerText))`,
	} {
		w.until(what, js) // what is drawn comes with the next frame of the screen
	}
	db.Exec(t, `UPDATE parts SET state = 'state 0' WHERE state = 'state 3'`)
	w.until("a series less, and the panels after it", `![...document.querySelectorAll("[data-series]")].some((n) => n.dataset.series === "state 3") && !document.querySelector('[data-panel="parts"] tbody').innerText.includes("state 3")`)
	w.live()

	server.finish(t)
	w.until("the page to say that nothing comes", `!banner.hidden`)
	if n := ask[int](w, `[...document.querySelectorAll("button")].filter((n) => n.checkVisibility() && /Try now|Retry/.test(n.innerText)).length`); n != 1 {
		t.Errorf("%d buttons try again", n)
	}
}

// tooSmall are texts of a wall whose letters would have less than 50 px on a screen of 3840.
const tooSmall = `(() => {
	const texts = document.createTreeWalker(document.querySelector(".page"), NodeFilter.SHOW_TEXT), small = new Set();
	for (let n = texts.nextNode(); n; n = texts.nextNode()) {
		const on = n.parentElement, size = parseFloat(getComputedStyle(on).fontSize) / innerWidth * 3840;
		if (n.data.trim() && !(on instanceof HTMLScriptElement || on instanceof HTMLTemplateElement) && on.checkVisibility({ visibilityProperty: true }) && on.getBoundingClientRect().width > 2 && size < 49.5) small.add(n.data.trim() + " " + Math.round(size * 10) / 10);
	}
	return [...small];
})()`

// A wall that is too small for a dashboard shows all of it in turn, and a wall
// whose page stands still does not turn.
func testWallOfSeveralScreens(t *testing.T, b *browser) {
	server, _ := serve(t, `CREATE TABLE parts (id int PRIMARY KEY, area text, state text); INSERT INTO parts SELECT n, 'area ' || n % 3, 'state ' || n % 4 FROM generate_series(1, 40) n`,
		"--dashboards", dashboards(t, map[string]string{"look.yaml": lookPage}), "--watch", "public.*")
	w := b.tab(t)
	w.size(1280, 500)
	w.before(`window.clocks = []; const timer = setInterval; window.setInterval = (f, ms, ...more) => { if (ms >= 5000) clocks.push(f); return timer(f, ms, ...more) }`)
	w.watch(server.URL + "d/look?kiosk&each=600")
	const seen = `[...document.querySelectorAll(".panel")].filter((n) => n.checkVisibility()).map((n) => n.dataset.panel).join()`
	const at = `[...document.querySelectorAll(".screens i")].findIndex((n) => n.classList.contains("at"))`
	w.until("the screens", `document.querySelectorAll(".screens i").length > 1 && `+at+` === 0`)
	first, n := ask[string](w, seen), ask[int](w, `document.querySelectorAll(".screens i").length`)
	all := map[string]bool{}
	for i := range n {
		w.until("the next screen", at+" === "+string(rune('0'+i)))
		if !ask[bool](w, `[...document.querySelectorAll(".panel")].filter((n) => n.checkVisibility()).every((n) => n.getBoundingClientRect().bottom <= innerHeight + 1)`) {
			t.Errorf("screen %d shows half panels", i+1)
		}
		if small := ask[[]string](w, tooSmall); len(small) > 0 {
			t.Errorf("screen %d is not read from afar: %s", i+1, strings.Join(small, ", "))
		}
		for _, id := range ask[[]string](w, seen+`.split(",")`) {
			if all[id] {
				t.Errorf("panel %s is on two screens", id)
			}
			all[id] = true
		}
		w.do("press PageDown", chromedp.KeyEvent(kb.PageDown))
	}
	if len(all) != 8 {
		t.Errorf("the wall shows %v of 8 panels", all)
	}
	w.until("the first again", seen+` === `+quoted(first))
	w.run(`clocks.forEach((f) => f())`)
	w.until("the next by the clock", at+` === 1`)
	w.press(" ")
	w.until("a page that stands still", `live.dataset.state === "paused"`)
	w.run(`window.looked = false; Promise.all(clocks.map((f) => f())).then(() => { looked = true })`)
	w.until("the clock to have looked", `looked`)
	if ask[int](w, at) != 1 {
		t.Error("a page that stands still turned")
	}
}
