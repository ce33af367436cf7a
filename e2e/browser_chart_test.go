package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const readings = `
CREATE TABLE readings (at timestamptz, host text, ms numeric, PRIMARY KEY (at, host));
INSERT INTO readings SELECT t, h, 10 + extract(hour FROM t)::int FROM generate_series(timestamptz '2026-11-20 00:00+00', '2026-11-20 23:00+00', '1 hour') t, unnest('{a,b,c}'::text[]) h;
CREATE TABLE disks (name text PRIMARY KEY, used int NOT NULL);
INSERT INTO disks VALUES ('home', 40), ('logs', 70), ('root', 20);`

// everyType has a panel of each type that draws.
const everyType = `title: Every type
panels:
  - {id: sum, type: stat, width: 6, query: SELECT sum(used) AS used FROM disks}
  - {id: gauge, type: gauge, width: 6, query: "SELECT used FROM disks WHERE name = 'logs'"}
  - {id: line, type: line, width: 12, series: host, query: "SELECT at, host, ms FROM readings ORDER BY 1, 2", key: [at, host], thresholds: {30: amber}}
  - {id: area, type: area, stacked: true, width: 6, series: host, query: "SELECT at, host, ms FROM readings ORDER BY 1, 2", key: [at, host]}
  - {id: bar, type: bar, stacked: true, width: 6, series: host, query: "SELECT at, host, ms FROM readings ORDER BY 1, 2", key: [at, host]}
  - {id: names, type: bar, width: 6, query: "SELECT name, used FROM disks ORDER BY 1"}
  - {id: donut, type: donut, width: 6, query: "SELECT name, used FROM disks ORDER BY 1"}
  - {id: progress, type: progress, width: 6, max: 100, query: "SELECT name, used FROM disks ORDER BY 1"}
  - {id: text, type: text, width: 6, content: "Where to **ask** first."}
  - {id: rows, type: table, query: "SELECT at, host, ms FROM readings ORDER BY 1, 2", key: [at, host]}
`

// plots finds the charts that have time along their axis.
var plots = []string{"line", "area", "bar"}

// plot is a point of a panel's plot, as shares of its width and height.
func (w *tab) plot(panel string, x, y float64) (left, top float64) {
	w.Helper()
	at := ask[[]float64](w, fmt.Sprintf(`(() => { const r = document.querySelector('[data-panel="%s"] .u-over').getBoundingClientRect(); return [r.left + r.width * %f, r.top + r.height * %f] })()`, panel, x, y))
	return at[0], at[1]
}

func (w *tab) mouse(typ input.DispatchMouseEventType, x, y float64, buttons int64, clicks int64) {
	w.Helper()
	p := input.DispatchMouseEventParams{Type: typ, X: x, Y: y, Buttons: buttons, ClickCount: clicks}
	if buttons > 0 || typ == chromedp.MouseReleased {
		p.Button = input.MouseButtonLeft
	}
	if _, err := chromedp.Call(w.ctx, input.DispatchMouseEvent, p); err != nil {
		w.Fatalf("move the mouse: %v", err)
	}
}

// hover points at a place of a panel's plot.
func (w *tab) hover(panel string, x float64) {
	w.Helper()
	left, top := w.plot(panel, x, 0.5)
	w.mouse(chromedp.MouseMoved, left, top, 0, 0)
}

// drag chooses a part of a panel's plot.
func (w *tab) drag(panel string, from, to float64) {
	w.Helper()
	x0, y := w.plot(panel, from, 0.5)
	x1, _ := w.plot(panel, to, 0.5)
	w.mouse(chromedp.MouseMoved, x0, y, 0, 0)
	w.mouse(chromedp.MousePressed, x0, y, 1, 1)
	for i := range 5 {
		w.mouse(chromedp.MouseMoved, x0+(x1-x0)*float64(i+1)/5, y, 1, 0)
	}
	w.mouse(chromedp.MouseReleased, x1, y, 0, 1)
}

// twice is a double click.
func (w *tab) twice(x, y float64) {
	w.Helper()
	for i := range int64(2) {
		w.mouse(chromedp.MousePressed, x, y, 1, i+1)
		w.mouse(chromedp.MouseReleased, x, y, 0, i+1)
	}
}

// note is what a panel says beside its title.
func note(panel string) string {
	return fmt.Sprintf(`document.querySelector('[data-panel="%s"] [data-panel-note]').innerText`, panel)
}

// series is what a panel's legend says of a series.
func series(panel, label string) string {
	return fmt.Sprintf(`document.querySelector('[data-panel="%s"] [data-series="%s"] b').innerText`, panel, label)
}

func zoomed(panel string) string {
	return fmt.Sprintf(`!document.querySelector('[data-panel="%s"] [data-unzoom]').hidden`, panel)
}

// Zoom, what is pointed at, the choices in the legend, what is marked, the focus
// and the scroll position are the reader's: frames change numbers only.
func testChartsAreLeftAlone(t *testing.T, b *browser) {
	server, db := serve(t, readings, "--dashboards", dashboards(t, map[string]string{"types.yaml": everyType}))
	w := b.tab(t)
	w.size(1440, 1100)
	w.watch(server.URL + "d/types")
	w.until("the canvases", `document.querySelectorAll(".u-over").length === 4`)
	w.run(`scrollTo(0, 150)`)
	for _, panel := range plots {
		w.drag(panel, 0.25, 0.75)
		w.until(panel+" zoomed", zoomed(panel))
		w.click(fmt.Sprintf(`[data-panel="%s"] [data-series="b"]`, panel))
	}
	edges := map[string]string{}
	for _, panel := range plots {
		w.hover(panel, 0.02)
		w.until("an hour", note(panel)+` !== ""`)
		edges[panel] = ask[string](w, note(panel))
		if !strings.HasPrefix(edges[panel], "0") {
			t.Errorf("zoomed, the %s begins at %q", panel, edges[panel])
		}
	}
	w.hover("line", 0.5)
	w.until("the shared crosshair", note("line")+` === "11:00" && `+note("area")+`.startsWith("11:00") && `+note("bar")+`.startsWith("11:00–12:00")`)
	if !ask[bool](w, `document.querySelector('[data-panel="names"] .u-cursor-x').classList.contains("u-off")`) {
		t.Error("a crosshair of times is on an axis of names")
	}
	w.run(`
		const text = document.querySelector('[data-panel="text"] strong').firstChild;
		getSelection().setBaseAndExtent(text, 0, text, 3);
		document.querySelector('[data-panel="area"] [data-series="c"]').focus({ preventScroll: true });
		window.kept = ["canvas", "[data-series]", "[data-list] li", "[data-ring] circle", "[data-arc]", ".stat", ".big", ".prose *", "tbody tr"].flatMap((s) => [...document.querySelectorAll("[data-panel] " + s)]);
		window.made = [];
		window.pulled = [];
		window.where = scrollY;
		const made = (list) => { for (const m of list) for (const n of m.addedNodes) if (!m.target.closest("tbody")) window.made.push(m.target.outerHTML.slice(0, 200)) };
		for (const p of document.querySelectorAll("[data-panel]")) new MutationObserver(made).observe(p, { subtree: true, childList: true });
		for (const p of ["home", "logs", "root"]) for (const li of document.querySelectorAll('[data-panel="progress"] li')) if (li.innerText.startsWith(p))
			new MutationObserver(() => window.pulled.push(p)).observe(li, { subtree: true, childList: true, characterData: true, attributes: true })`)
	const hidden = `["line", "area", "bar"].every((p) => document.querySelector('[data-panel="' + p + '"] [data-series="b"]').getAttribute("aria-pressed") === "false")`
	before := ask[int](w, `kept.length`)
	for range 8 {
		db.Exec(t, `UPDATE readings SET ms = ms + 1 WHERE host IN ('a', 'b') AND at = '2026-11-20 11:00+00'`)
		db.Exec(t, `INSERT INTO readings SELECT max(at) + interval '1 hour', h, 99 FROM readings, unnest('{a,b,c}'::text[]) h GROUP BY h`)
		db.Exec(t, `UPDATE disks SET used = used + 1 WHERE name = 'logs'`)
	}
	for _, panel := range plots {
		w.until("the last change in the "+panel, series(panel, "a")+` === "29" && `+series(panel, "c")+` === "21"`)
		if !ask[bool](w, zoomed(panel)) {
			t.Errorf("the %s is not zoomed any more", panel)
		}
	}
	w.until("the last change of the others", `["sum", "gauge", "donut", "progress"].every((p) => /138|78/.test(document.querySelector('[data-panel="' + p + '"]').innerText))`)
	if !ask[bool](w, hidden) {
		t.Error("a series that was put away is back")
	}
	if got := ask[string](w, note("bar")); got != "11:00–12:00, 50 in all" {
		t.Errorf("the stack says %q: what is hidden must not count", got)
	}
	if !ask[bool](w, `!document.querySelector('[data-panel="line"] .u-cursor-x').classList.contains("u-off")`) {
		t.Error("the crosshair is gone")
	}
	if got := ask[string](w, `String(getSelection())`); got != "ask" {
		t.Errorf("%q is selected, want %q", got, "ask")
	}
	if !ask[bool](w, `document.activeElement === document.querySelector('[data-panel="area"] [data-series="c"]')`) {
		t.Error("the focus went elsewhere")
	}
	if !ask[bool](w, `scrollY === where`) {
		t.Error("the page scrolled by itself")
	}
	if got := ask[int](w, `kept.filter((n) => n.isConnected).length`); got != before {
		t.Errorf("of %d elements %d are left", before, got)
	}
	if got := ask[[]string](w, `made`); len(got) > 0 {
		t.Errorf("frames made new elements: %q", got)
	}
	if got := ask[[]string](w, `[...new Set(pulled)]`); !slices.Equal(got, []string{"logs"}) {
		t.Errorf("one number changed, the bars of %q were touched", got)
	}
	for _, panel := range plots { // the same part of the axis is at the same place
		w.hover(panel, 0.02)
		w.until("the hour at the edge of the "+panel, note(panel)+` !== ""`)
		if got := ask[string](w, note(panel)); got != edges[panel] {
			t.Errorf("the %s now begins at %q, before at %q", panel, got, edges[panel])
		}
	}
	w.stayed()
}

// What a mouse can do to a chart the keyboard can too, and both go back.
func testChartZoomAndLegend(t *testing.T, b *browser) {
	server, _ := serve(t, readings, "--dashboards", dashboards(t, map[string]string{"types.yaml": everyType}))
	w := b.tab(t)
	w.size(1440, 1100)
	w.watch(server.URL + "d/types")
	w.until("the canvases", `document.querySelectorAll(".u-over").length === 4`)
	w.drag("line", 0.3, 0.6)
	w.until("a zoom", zoomed("line"))
	if ask[bool](w, zoomed("area")) {
		t.Error("one chart's zoom is another's")
	}
	w.do("press Whole", chromedp.Click(chromedp.CSS(`[data-panel="line"] [data-unzoom]`)))
	w.until("all of it", `!(`+zoomed("line")+`)`)
	w.drag("line", 0.6, 0.3)
	w.until("a zoom, dragged to the left", zoomed("line"))
	w.twice(w.plot("line", 0.5, 0.5))
	w.until("a double click to go back", `!(`+zoomed("line")+`)`)

	const said = `document.querySelector("#say").innerText`
	w.run(`document.querySelector('[data-panel="line"] [data-plot]').focus()`)
	w.do("press Home", chromedp.KeyEvent(kb.Home))
	w.until("the first point, said", said+`.startsWith("00:00: a 10")`)
	w.do("press the right arrow", chromedp.KeyEvent(kb.ArrowRight))
	w.until("the next", said+`.startsWith("01:00: a 11") && `+note("area")+`.startsWith("01:00")`)
	w.do("press +", chromedp.KeyEvent("+"))
	w.until("a zoom by keys", zoomed("line")+` && `+said+`.startsWith("From 01:00 to 12:00")`)
	w.do("press 0", chromedp.KeyEvent("0"))
	w.until("all of it", `!(`+zoomed("line")+`) && `+said+` === "From 00:00 to 23:00"`)
	w.do("press Escape", chromedp.KeyEvent(kb.Escape))
	w.until("no crosshair", note("line")+` === ""`)

	pressed := `[...document.querySelectorAll('[data-panel="area"] [data-series]')].map((b) => b.getAttribute("aria-pressed")).join()`
	twice := func() {
		at := ask[[]float64](w, `(() => { const r = document.querySelector('[data-panel="area"] [data-series="b"]').getBoundingClientRect(); return [r.left + 5, r.top + 5] })()`)
		w.twice(at[0], at[1])
	}
	twice()
	w.until("only b", pressed+` === "false,true,false"`)
	twice()
	w.until("all again", pressed+` === "true,true,true"`)
	w.run(`document.querySelector('[data-panel="area"] [data-series="c"]').focus()`)
	w.do("press Alt-Enter", chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierAlt)))
	w.until("only c", pressed+` === "false,false,true"`)
	w.do("press Space", chromedp.KeyEvent(" "))
	w.until("none", pressed+` === "false,false,false"`)
	w.stayed()
}

// On a phone two fingers zoom, one points, and the page still scrolls.
func testChartTouch(t *testing.T, b *browser) {
	server, _ := serve(t, readings, "--dashboards", dashboards(t, map[string]string{"types.yaml": everyType}))
	w := b.tab(t)
	w.size(390, 844)
	if _, err := chromedp.Call(w.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 2}); err != nil {
		t.Fatal(err)
	}
	w.watch(server.URL + "d/types")
	w.until("the canvases", `document.querySelectorAll(".u-over").length === 4`)
	w.run(`document.querySelector('[data-panel="line"]').scrollIntoView({ block: "center" })`)
	touch := func(typ input.DispatchTouchEventType, xs ...float64) {
		t.Helper()
		p := input.DispatchTouchEventParams{Type: typ, TouchPoints: []*input.TouchPoint{}}
		for i, share := range xs {
			x, y := w.plot("line", share, 0.5)
			id := float64(i)
			p.TouchPoints = append(p.TouchPoints, &input.TouchPoint{X: x, Y: y, ID: &id})
		}
		if _, err := chromedp.Call(w.ctx, input.DispatchTouchEvent, p); err != nil {
			t.Fatal(err)
		}
	}
	touch(input.DispatchTouchEventTypeTouchStart, 0.4, 0.6)
	touch(input.DispatchTouchEventTypeTouchMove, 0.3, 0.7)
	touch(input.DispatchTouchEventTypeTouchMove, 0.2, 0.8)
	touch(input.DispatchTouchEventTypeTouchEnd)
	w.until("a zoom by two fingers", zoomed("line"))
	touch(input.DispatchTouchEventTypeTouchStart, 0.5)
	touch(input.DispatchTouchEventTypeTouchEnd)
	w.until("the point that was tapped", note("line")+` === "11:00" || `+note("line")+` === "12:00"`)
	time.Sleep(400 * time.Millisecond) // a second tap sooner would be a double tap
	for range 2 {
		touch(input.DispatchTouchEventTypeTouchStart, 0.5)
		touch(input.DispatchTouchEventTypeTouchEnd)
	}
	w.until("a double tap to go back", `!(`+zoomed("line")+`)`)

	x, y := w.plot("line", 0.5, 0.8)
	before := ask[float64](w, `scrollY`)
	for i := range 10 {
		typ := input.DispatchTouchEventTypeTouchMove
		if i == 0 {
			typ = input.DispatchTouchEventTypeTouchStart
		}
		p := input.DispatchTouchEventParams{Type: typ, TouchPoints: []*input.TouchPoint{{X: x, Y: y - float64(i)*20}}}
		if _, err := chromedp.Call(w.ctx, input.DispatchTouchEvent, p); err != nil {
			t.Fatal(err)
		}
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
	w.until("the page to scroll under a finger on a chart", fmt.Sprintf(`scrollY > %f`, before+100))
	if ask[bool](w, zoomed("line")) {
		t.Error("scrolling zoomed the chart")
	}
	w.stayed()
}

// A window goes on with the clock although nothing is committed, and stands still
// with the page.
func testChartWindow(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE hits (at timestamptz PRIMARY KEY, n int)`, "--dashboards", dashboards(t, map[string]string{"window.yaml": `title: Window
panels:
  - {id: hits, type: bar, window: 10s, query: "SELECT at, n FROM hits ORDER BY 1"}
  - {id: line, type: line, window: 1m, query: "SELECT at, n FROM hits ORDER BY 1"}
`}))
	db.Exec(t, `INSERT INTO hits SELECT clock_timestamp() - i * interval '1 s', 10 FROM generate_series(1, 5) i`)
	w := b.tab(t)
	w.watch(server.URL + "d/window")
	w.until("the canvases", `document.querySelectorAll(".u-over").length === 2`)
	const all = `document.querySelector('[data-panel="hits"] [data-readout]').innerText`
	if got := ask[string](w, all); !strings.HasSuffix(got, "0 in all") {
		t.Errorf("at first it says %q", got)
	}
	picture := `document.querySelector('[data-panel="line"] canvas').toDataURL()`
	w.run(`window.first = ` + picture)
	w.until("the line to move without a frame", picture+` !== first`)
	w.click("#live [data-do=pause]")
	w.until("the paused state", `document.querySelector("#live").dataset.state === "paused"`)
	w.run(`window.held = ` + picture + `; window.later = 0; setTimeout(() => { window.later = 1 }, 1300)`)
	w.until("some time", `later`)
	if !ask[bool](w, picture+` === held`) {
		t.Error("a paused window moves")
	}
	w.do("resume", pressed(" "))
	w.until("the old to leave on the left", all+` === "– in all" || `+all+` === "0 in all"`)
	db.Exec(t, `INSERT INTO hits VALUES (clock_timestamp(), 7)`)
	w.until("a new one", all+` === "7 in all"`)
	w.stayed()
}

// An axis may show the time range that the reader chose, wherever its points are,
// and follows another choice without a reload.
func testChartFollowsRange(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE hits (at timestamptz PRIMARY KEY, n int);
		INSERT INTO hits SELECT now() - i * interval '20 min', 1 FROM generate_series(1, 12) i`, "--dashboards", dashboards(t, map[string]string{"hits.yaml": `title: Hits
variables:
  - {name: period, type: range, default: last 1h}
panels:
  - {id: hits, type: bar, window: period, query: "SELECT at, n FROM hits ORDER BY 1"}
`}))
	w := b.tab(t)
	w.watch(server.URL + "d/hits")
	const all = `document.querySelector('[data-panel="hits"] [data-readout]').innerText`
	w.until("the last hour", `document.querySelector(".u-over") && (`+all+` === "3 in all" || `+all+` === "2 in all")`) // one is at its end
	w.run(`window.canvas = document.querySelector("canvas")`)
	w.pick("period", "Last 6 h")
	w.until("six hours", all+` === "12 in all"`)
	db.Exec(t, `INSERT INTO hits VALUES (now() - interval '7 hours', 5), (now() - interval '1 s', 2)`)
	w.until("the new in sight", all+` === "14 in all"`)
	w.open(server.URL + "d/hits?period=2026-01-01T10:00..2026-01-01T12:00")
	w.until("a range without points", `document.querySelector(".u-over") && `+all+` === "0 in all"`)

	// A day of the calendar is another one from midnight on, although no row changes.
	// The page's own code cannot be told another time: a second chart is made of the sources.
	sources := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		http.FileServer(http.Dir("../static")).ServeHTTP(rw, r)
	}))
	defer sources.Close()
	if _, err := chromedp.Call(w.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	w.open(server.URL + "d/hits?period=today")
	w.live()
	w.run(`
		const module = (name) => import("` + sources.URL + `/js/" + name);
		Promise.all([module("chart.js"), module("format.js")]).then(async ([{ Chart }, { describe }]) => {
			const node = document.querySelector('[data-panel="hits"]'), columns = describe([{ name: "at", type: "timestamptz" }, { name: "n", type: "int4" }], {}, false);
			const noon = Date.parse("2026-03-28T12:00:00Z"), rows = [{ key: "1", cells: ["2026-03-28 11:00:00+00", "7"] }, { key: "2", cells: ["2026-03-29 11:00:00+00", "8"] }];
			const read = () => node.querySelector("[data-readout]").innerText, chart = new Chart(node), days = [];
			chart.show({ columns, rows, truncated: false, error: null, at: "", every: 0 }, columns, noon);
			await null; // its words follow the drawing
			for (const hours of [0, 11.99, 12, 36]) { chart.tick(noon + hours * 36e5); days.push(read()); }
			chart.destroy();
			window.days = days.join();
		})`)
	w.until("the days", `window.days`)
	if got := ask[string](w, `days`); got != "7 in all,7 in all,8 in all,0 in all" {
		t.Errorf("the days show %s", got)
	}
}
