package e2e_test

import "testing"

// What figures do not draw they say, and nothing is wider than its panel.
func testFiguresAreHonest(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TYPE stage AS ENUM ('pending', 'paid', 'delivered');
		CREATE TABLE sales (day date, stage stage, n int); INSERT INTO sales VALUES ('2026-11-20', 'paid', 1), ('2026-11-20', 'pending', 2), ('2026-11-21', 'delivered', 3)`,
		"--dashboards", dashboards(t, map[string]string{"figures.yaml": `title: Figures
panels:
  - {id: days, type: bar, width: 6, query: "SELECT day, n FROM sales ORDER BY day, n"}
  - {id: stages, type: bar, width: 6, stacked: true, series: stage, query: "SELECT day, stage, n FROM sales ORDER BY 1, 2", key: [day, stage, n]}
  - {id: ring, type: donut, width: 6, query: "SELECT stage, sum(n) AS n FROM sales GROUP BY 1 ORDER BY 1"}
  - {id: long, type: stat, width: 3, query: "SELECT repeat('wide', 30) AS text"}
  - {id: many, type: stat, width: 3, query: "SELECT 123456789012345678901234567890 AS n"}
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
	w.stayed()
}
