package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// crowded are numbers that are cut or lie on their gauge's arc, and parts of lists that cross each other.
const crowded = `(() => {
	const box = (n) => { const r = document.createRange(); r.selectNodeContents(n); return r.getBoundingClientRect(); }, wrong = [];
	for (const n of document.querySelectorAll("#panel-many .big, #panel-tail .big, .gauge .big")) {
		const r = box(n), b = n.getBoundingClientRect();
		if (r.right > b.right + 1.5 || r.bottom > b.bottom + 8 || n.scrollWidth > n.clientWidth + 1) wrong.push(n.textContent + " is cut");
	}
	for (const g of document.querySelectorAll(".gauge")) {
		const arc = g.querySelector(".track").getBoundingClientRect(), inner = (arc.width / 88) * 40.5;
		for (const n of g.querySelectorAll("[data-value], .unit:not(:empty)")) {
			const r = box(n), up = arc.bottom - (r.top + r.height * 0.2);
			for (const x of [r.left, r.right]) if (up > 0 && Math.hypot(x - arc.left - arc.width / 2, up) > inner) wrong.push(n.textContent + " lies on its arc");
		}
	}
	for (const li of document.querySelectorAll("#panel-shares li, #panel-fold li, #panel-ring li, #panel-owed li")) {
		const parts = [...li.children].map((n) => n.getBoundingClientRect());
		if (parts.some((r) => r.width < 16)) wrong.push(li.innerText + " has no room");
		parts.slice(1).forEach((r, i) => { if (r.left < parts[i].right - 0.5 || Math.abs(r.top + r.height / 2 - parts[i].top - parts[i].height / 2) > 6) wrong.push(li.innerText.replace(/\s+/g, " ") + " is crossed"); });
	}
	return wrong;
})()`

// What figures do not draw they say, and nothing is wider than its panel.
func testFiguresAreHonest(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TYPE stage AS ENUM ('pending', 'paid', 'delivered');
		CREATE TABLE sales (day date, stage stage, n int);
		CREATE TABLE traffic AS SELECT day, site, 100 + 10 * n AS visits, n * interval '20 min' AS took, (n * 100.5)::numeric::money AS owed FROM generate_series(1, 12) n, format('s%s', lpad(n::text, 2, '0')) site, unnest('{2026-11-20,2026-11-21}'::date[]) day;
		INSERT INTO sales VALUES ('2026-11-20', 'paid', 1), ('2026-11-20', 'pending', 2), ('2026-11-21', 'delivered', 3)`,
		"--dashboards", dashboards(t, map[string]string{"figures.yaml": `title: Figures
panels:
  - {id: days, type: bar, width: 6, query: "SELECT day, n FROM sales ORDER BY day, n"}
  - {id: stages, type: bar, width: 6, stacked: true, series: stage, query: "SELECT day, stage, n FROM sales ORDER BY 1, 2", key: [day, stage, n]}
  - {id: ring, type: donut, width: 6, query: "SELECT stage, sum(n) AS n FROM sales GROUP BY 1 ORDER BY 1"}
  - {id: long, type: stat, width: 3, query: "SELECT repeat('wide', 30) AS text"}
  - {id: many, type: stat, width: 3, query: "SELECT 123456789012345678901234567890 AS n"}
  - {id: tail, type: stat, width: 3, query: "SELECT 1234567890123.45 AS n"}
  - {id: arc, type: gauge, query: "SELECT 1689 AS n", max: 2000}
  - {id: arc_unit, type: gauge, unit: orders, query: "SELECT 12345 AS n", max: 20000}
  - {id: arc_long, type: gauge, unit: orders, query: "SELECT 1234567890123.45 AS n", max: 2000000000000}
  - {id: shares, type: progress, query: "SELECT 'a rather long name of a part of the whole, and more ' || n AS name, n * 100000 AS n FROM generate_series(1, 4) n"}
  - {id: fold, type: donut, query: "SELECT 'part ' || n AS part, n FROM generate_series(1, 14) n"}
  - {id: lines, type: line, width: 6, series: site, y: visits, query: "SELECT day, site, visits FROM traffic ORDER BY 1, 2", key: [day, site]}
  - {id: sums, type: area, stacked: true, width: 6, series: site, y: visits, query: "SELECT day, site, visits FROM traffic ORDER BY 1, 2", key: [day, site]}
  - {id: waits, type: bar, width: 6, query: "SELECT site, took FROM traffic WHERE day = '2026-11-21' ORDER BY 1"}
  - {id: owed, type: progress, width: 6, query: "SELECT site, owed FROM traffic WHERE day = '2026-11-21' ORDER BY 1 LIMIT 3"}
  - {id: wait, type: stat, width: 3, query: "SELECT interval '3 days 04:00:00' AS wait"}
  - {id: moment, type: stat, width: 3, query: "SELECT timestamp '2024-01-01 10:00:00' AS last"}
`}))
	w := b.tab(t)
	// An observer may tell of leaving and coming at once: what is last holds.
	w.before(`window.IntersectionObserver = class { constructor(f) { this.f = f } observe() { this.f([{isIntersecting: false}, {isIntersecting: true}], this) } unobserve() {} disconnect() {} }`)
	w.size(390, 844)
	w.open(server.URL + "d/figures")
	w.live()
	w.run(`window.mark = "here"; window.p = (id) => document.querySelector("#panel-" + id); window.hues = (id) => [...p(id).querySelectorAll("i[data-hue]")].map((i) => i.dataset.hue).join(" ")`)
	w.until("the row that is not drawn", `p("days").querySelector("[data-shared]:not([hidden])")?.innerText.startsWith("1 row shares its point")`)
	w.until("an enum's order and colours", `hues("stages") === "amber teal green" && hues("ring") === "amber teal green"`)
	if got := ask[string](w, `p("moment").querySelector("[data-value]").innerText`); got != "2024-01-01 10:00:00" {
		t.Errorf("a moment is %q", got)
	}
	if got := ask[string](w, `p("fold").querySelector("[data-list]").innerText.split("\n").filter((s) => /part|others/.test(s)).join()`); got != "part 7,part 8,part 9,part 10,part 11,part 12,part 13,part 14,6 others" {
		t.Errorf("a donut of 14 parts lists %s", got)
	}
	for _, sheet := range []struct {
		media string
		width int64
	}{{"print", 688}, {"print", 1010}, {"", 390}, {"", 720}, {"", 1440}} {
		if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: sheet.media}); err != nil {
			t.Fatal(err)
		}
		w.size(sheet.width, 844)
		if wrong := ask[[]string](w, crowded); len(wrong) > 0 {
			t.Errorf("at %d %s: %s", sheet.width, sheet.media, strings.Join(wrong, ", "))
		}
	}
	for _, width := range []int64{390, 1440} {
		w.size(width, 844)
		if wide := ask[string](w, `[...document.querySelectorAll("[data-kind=stat]")].filter((s) => [...s.querySelectorAll(".stat, .big")].some((n) => n.getBoundingClientRect().right > s.getBoundingClientRect().right + 1)).map((s) => s.id).join(" ") + (document.documentElement.scrollWidth > innerWidth ? " page" : "")`); wide != "" {
			t.Errorf("at %d too wide: %s", width, wide)
		}
	}
	db.Exec(t, `INSERT INTO sales VALUES ('2026-11-21', 'delivered', 4)`)
	w.until("another", `p("days").querySelector("[data-shared]").innerText.startsWith("2 rows share their point")`)
	manySeries(t, w, db)
	w.stayed()
}

// Of more series than can be told apart the greatest have colours and keep them; what has no numbers of its own is drawn as one.
func manySeries(t *testing.T, w *tab, db *pgtest.DB) {
	w.run(`window.keys = (id) => [...p(id).querySelectorAll("[data-legend] > li")].filter((li) => li.checkVisibility()).map((li) => li.innerText.replace(/\s+/g, " ").trim()).join("|");
		window.colours = (id) => [...p(id).querySelectorAll("[data-series]")].map((b) => b.dataset.series + ":" + b.querySelector("i").dataset.hue).join(" ")`)
	w.until("eight lines, and how many more", `keys("lines") === "s05 150|s06 160|s07 170|s08 180|s09 190|s10 200|s11 210|s12 220|4 more"`)
	w.until("an area of eight and the others", `keys("sums") === "s05 150|s06 160|s07 170|s08 180|s09 190|s10 200|s11 210|s12 220|4 others 500"`)
	w.run(`p("lines").querySelector("[data-more]").click()`)
	w.until("all of them", `keys("lines").endsWith("220|Fewer|s01 110|s02 120|s03 130|s04 140")`)
	w.until("time on the scale, and its readout", `p("waits").querySelector("[data-readout]").innerText === "1 d 2 h in all"`)
	w.until("money", `p("owed").innerText.includes("$301.50")`)
	was := ask[string](w, `colours("sums")`)
	db.Exec(t, `UPDATE traffic SET visits = visits + 12 WHERE site = 's04'`)
	w.until("a frame", `keys("sums").endsWith("4 others 512")`)
	if is := ask[string](w, `colours("sums")`); is != was {
		t.Errorf("one that is hardly greater took a colour: %s, was %s", is, was)
	}
	db.Exec(t, `UPDATE traffic SET visits = 400 WHERE site = 's04'`)
	w.until("one that is greater", `keys("sums").startsWith("s04 400|s06 160")`)
	if is := ask[string](w, `colours("sums")`); is != strings.Replace(was, "s05:", "s04:", 1) {
		t.Errorf("others changed colours: %s, was %s", is, was)
	}
}
