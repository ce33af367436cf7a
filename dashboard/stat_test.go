package dashboard_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowcast/rowcast/dashboard"
)

const comparedStat = `variables: [{name: shop, default: all}]
panels:
  - id: revenue
    title: Revenue
    type: stat
    query: SELECT 1 AS revenue
    every: 30s
    watch: audit
    compare:
      query: SELECT 2 AS revenue WHERE @shop::text = 'all'
      label: on yesterday
      good: up
    sparkline: SELECT minute, n FROM minutes ORDER BY minute
    thresholds: {60: red, 30: amber}
    columns: {revenue: {bar: {max: 5}, link: "/t/public.orders?where=id.is.{revenue}", width: 20%, format: compact, hidden: true}}
  - id: plain
    type: stat
    query: SELECT 1 AS n, 2 AS before
    compare: before
`

// What a stat shows besides its own rows are panels of the page: they are read
// in the same snapshot, at the same pace, with the same variables.
func TestStatBringsPanels(t *testing.T) {
	t.Parallel()
	b, err := dashboard.Open(context.Background(), dashboard.Config{Source: source(map[string]string{"x.yaml": comparedStat})})
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.Page(context.Background(), "/d/x?shop=north")
	if err != nil {
		t.Fatal(err, b.Problems())
	}
	var ids []string
	for _, p := range page.Panels {
		ids = append(ids, p.ID+" of "+p.Of)
	}
	if d := cmp.Diff([]string{"revenue of ", "revenue.earlier of revenue", "revenue.spark of revenue", "plain of "}, ids); d != "" {
		t.Fatal(d)
	}
	revenue, earlier, spark := page.Panels[0], page.Panels[1], page.Panels[2]
	if d := cmp.Diff(&dashboard.Stat{
		Compare: &dashboard.Compare{Label: "on yesterday", Good: "up"}, Spark: true,
		Thresholds: []dashboard.Threshold{{From: 30, Color: "amber"}, {From: 60, Color: "red"}},
	}, revenue.Stat); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"revenue.earlier", "revenue.spark"}, revenue.Companions()); d != "" {
		t.Error(d)
	}
	if earlier.Limit != 1 || earlier.Every != 30*time.Second || !cmp.Equal(earlier.Watch, []string{"audit"}) || len(earlier.Args) != 1 || *earlier.Args[0] != "north" || !strings.Contains(earlier.SQL, "$1::text") {
		t.Errorf("%+v", earlier)
	}
	if !spark.Ordered || spark.Every != 30*time.Second || spark.SQL != "SELECT minute, n FROM minutes ORDER BY minute" {
		t.Errorf("%+v", spark)
	}
	five := 5.0
	if d := cmp.Diff(dashboard.Format{Bar: &dashboard.Bar{Max: &five}, Link: "/t/public.orders?where=id.is.{revenue}", Width: 20, Format: "compact", Hidden: true}, revenue.Columns["revenue"]); d != "" {
		t.Error(d)
	}
	if c := page.Panels[3].Stat.Compare; c == nil || c.Column != "before" || len(page.Panels[3].Companions()) != 0 {
		t.Errorf("%+v", page.Panels[3].Stat)
	}
}

// PostgreSQL prepares the queries of comparisons and sparklines too, and names
// of columns are looked up.
func TestCheckLooksIntoStats(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE sales (id int PRIMARY KEY, total int)`)
	for name, c := range map[string]struct{ lines, what, hint string }{
		"sparkline":         {"sparkline: SELECT id, ▸totl FROM sales", `column "totl" does not exist`, ""},
		"earlier query":     {"compare:\n      label: x\n      query: |\n        SELECT 1,\n          ▸idd FROM sales", `column "idd" does not exist`, ""},
		"comparison":        {"compare: ▸totl", `compare: the query has no column "totl"`, `did you mean "total"?`},
		"column's name":     {"compare: {good: up, column: ▸totl}", `compare: the query has no column "totl"`, `did you mean "total"?`},
		"column of a link":  {"columns: {id: {link: ▸'/x/{totl}'}}", `link: the query has no column "totl"`, `did you mean "total"?`},
		"clock, by its own": {"sparkline: ▸SELECT now(), 1", `the query names the clock, so it is read every 1 min`, `write every: to choose the pace`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, line, column := marked("panels:\n  - id: a\n    type: stat\n    query: SELECT id, total FROM sales\n    " + c.lines + "\n")
			problems, err := dashboard.Check(context.Background(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
			if err != nil || len(problems) != 1 {
				t.Fatalf("%v, %v", problems, err)
			}
			if p := problems[0]; p.Line != line || p.Column != column || p.What != c.what || c.hint != "" && p.Hint != c.hint {
				t.Errorf("%s, want %d:%d %s", p, line, column, c.what)
			}
		})
	}
}
