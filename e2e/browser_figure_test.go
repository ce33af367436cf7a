package e2e_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

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
