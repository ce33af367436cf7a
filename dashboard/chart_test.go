package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowcast/rowcast/dashboard"
)

// onePanel reads one dashboard with one panel, whose lines are given.
func onePanel(t *testing.T, lines ...string) (*dashboard.Book, []dashboard.Problem) {
	t.Helper()
	file := "title: Charts\npanels:\n  - id: one\n"
	for _, l := range lines {
		file += "    " + l + "\n"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "charts.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := dashboard.Open(context.Background(), dashboard.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return b, b.Problems()
}

func TestCharts(t *testing.T) {
	b, problems := onePanel(t, "type: bar", "query: SELECT hour, status, n FROM t", "x: hour", "y: n", "series: status", "stacked: true", "max: 12.5", "min: -1", "unit: orders",
		"columns: {n: {label: N}, status: {colors: {shipped: gray, paid: teal, pending: amber}}}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	page, err := b.Page(context.Background(), "/d/charts")
	if err != nil {
		t.Fatal(err)
	}
	low, high := -1.0, 12.5
	want := &dashboard.Chart{X: "hour", Y: []string{"n"}, Series: "status", Stacked: true, Min: &low, Max: &high, Order: []string{"shipped", "paid", "pending"}}
	if d := cmp.Diff(want, page.Panels[0].Chart); d != "" {
		t.Error(d)
	}
	if p := page.Panels[0]; p.Unit != "orders" || p.Width != 6 {
		t.Errorf("unit %q, width %d", p.Unit, p.Width)
	}
}

func TestChartWindow(t *testing.T) {
	b, problems := onePanel(t, "type: line", "query: SELECT at, ms FROM t", "window: 15m", "thresholds: {500: red, 200: amber}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	page, err := b.Page(context.Background(), "/d/charts")
	if err != nil {
		t.Fatal(err)
	}
	want := &dashboard.Chart{Window: 15 * time.Minute, Thresholds: []dashboard.Threshold{{From: 200, Color: "amber"}, {From: 500, Color: "red"}}}
	if d := cmp.Diff(want, page.Panels[0].Chart); d != "" {
		t.Error(d)
	}
}

func TestChartOfARange(t *testing.T) {
	file := "title: C\nvariables:\n  - {name: period, type: %s}\npanels:\n  - {id: one, type: line, window: period, query: SELECT at FROM t WHERE at >= @period_from}\n"
	good := source(map[string]string{"c.yaml": fmt.Sprintf(file, "range")})
	b, err := dashboard.Open(t.Context(), dashboard.Config{Source: good})
	if err != nil || len(b.Problems()) > 0 {
		t.Fatal(err, b.Problems())
	}
	page, err := b.Page(t.Context(), "/d/c?period=last-6h")
	if err != nil {
		t.Fatal(err)
	}
	if c := page.Panels[0].Chart; c.Range != "period" || c.Window != 0 {
		t.Errorf("%+v", c)
	}
	problems, err := dashboard.Check(t.Context(), dashboard.Config{Source: source(map[string]string{"c.yaml": strings.ReplaceAll(fmt.Sprintf(file, "date"), "@period_from", "@period::date")})})
	if err != nil || len(problems) != 1 || problems[0].What != `the variable "period" holds no time range` {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestParts(t *testing.T) {
	b, problems := onePanel(t, "type: progress", "query: SELECT disk, used, size FROM t", "y: used", "series: disk", "max: size", "thresholds: {90: red, 80.5: amber}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	page, err := b.Page(context.Background(), "/d/charts")
	if err != nil {
		t.Fatal(err)
	}
	want := &dashboard.Chart{Y: []string{"used"}, Series: "disk", MaxBy: "size", Thresholds: []dashboard.Threshold{{From: 80.5, Color: "amber"}, {From: 90, Color: "red"}}}
	if d := cmp.Diff(want, page.Panels[0].Chart); d != "" || page.Panels[0].HasAxes() {
		t.Error(d)
	}
}

func TestText(t *testing.T) {
	b, problems := onePanel(t, "type: text", "content: |", "  # Hi", "  there")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	page, err := b.Page(context.Background(), "/d/charts")
	if err != nil {
		t.Fatal(err)
	}
	if p := page.Panels[0]; p.Content != "# Hi\nthere" || p.SQL != "" || p.Chart != nil {
		t.Errorf("%+v", p)
	}
}

func TestChartMistakes(t *testing.T) {
	const query = "query: SELECT 1"
	for _, c := range []struct {
		lines []string
		at    string
		what  string
	}{
		{[]string{"type: table", query, "x: hour"}, "charts.yaml:6:8", `a panel of type table has no field "x"`},
		{[]string{query, "stacked: true"}, "charts.yaml:5:14", `a panel of type table has no field "stacked"`},
		{[]string{"type: line", query, "stacked: true"}, "charts.yaml:6:14", "use type: area"},
		{[]string{"type: area", query, "stacked: maybe"}, "charts.yaml:6:14", "stacked is true or false"},
		{[]string{"type: line", query, "x: at", "y: [n, at]"}, "charts.yaml:7:8", `the column "at" cannot be along the axis and up it`},
		{[]string{"type: line", query, "y: [n, n]"}, "charts.yaml:6:8", `y has the column "n" twice`},
		{[]string{"type: line", query, "y: [n, m]", "series: host"}, "charts.yaml:7:13", "several columns in y or a column of series, not both"},
		{[]string{"type: line", query, "y: n", "series: n"}, "charts.yaml:7:13", `the column "n" cannot name the series and be drawn too`},
		{[]string{"type: table", query, "window: 15m"}, "charts.yaml:6:13", "line, area and bar"},
		{[]string{"type: line", query, "window: 15"}, "charts.yaml:6:13", "did you mean 15s?"},
		{[]string{"type: line", query, "window: soon"}, "charts.yaml:6:13", `window cannot be "soon"`},
		{[]string{"type: line", query, "window: 1s"}, "charts.yaml:6:13", "write a time from 10s to"},
		{[]string{"type: area", query, "thresholds: {9: rde}"}, "charts.yaml:6:21", `did you mean "red"?`},
		{[]string{"type: line", query, "min: low"}, "charts.yaml:6:10", `min is a number, not "low"`},
		{[]string{"type: line", query, "min: 10", "max: 5"}, "charts.yaml:7:10", "max must be above min"},
		{[]string{"type: bar", query, "min: 10"}, "charts.yaml:6:10", "so it begins at zero"},
		{[]string{"type: bar", query, "x: [a, b]"}, "charts.yaml:6:8", "x is a text, not a list"},
		{[]string{"type: donut", query, "x: hour"}, "charts.yaml:6:8", `a panel of type donut has no field "x"`},
		{[]string{"type: gauge", query, "max: -1"}, "charts.yaml:6:10", "max must be above 0"},
		{[]string{"type: gauge", query, "thresholds: {high: red}"}, "charts.yaml:6:18", `a threshold is a number, not "high"`},
		{[]string{"type: gauge", query, "thresholds: {9: rde}"}, "charts.yaml:6:21", `did you mean "red"?`},
		{[]string{"type: progress", query, "y: [a, b]"}, "charts.yaml:6:8", "y is a text, not a list"},
		{[]string{"type: text"}, "charts.yaml:3:5", "the text has no content"},
		{[]string{"type: text", "content: Hi", query}, "charts.yaml:6:12", "has content:, not a query"},
		{[]string{"type: text", "content: Hi", "unit: EUR"}, "charts.yaml:6:11", `has no field "unit"`},
		{[]string{"type: bars", query}, "charts.yaml:4:11", `did you mean "bar"?`},
	} {
		_, problems := onePanel(t, c.lines...)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), c.at+":") || !strings.Contains(problems[0].String(), c.what) {
			t.Errorf("%v: %v, want %s: …%s…", c.lines, problems, c.at, c.what)
		}
	}
}
