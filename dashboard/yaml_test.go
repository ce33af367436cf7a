package dashboard_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

// whole is the file that the documentation begins with.
const whole = `title: Shop
description: What is selling right now
timezone: Europe/Berlin
variables:
  - name: status                  # @status in a query is a bind parameter, never pasted text
    label: Status
    options: [all, pending, paid, shipped]
    default: all
panels:
  - id: revenue
    title: Revenue today
    type: stat
    query: SELECT sum(total) AS revenue FROM orders WHERE placed_at >= current_date
    unit: EUR
    width: 3
    every: 60s
  - id: by_hour
    title: Orders by hour
    type: bar
    stacked: true
    every: 60s
    query: |
      SELECT date_trunc('hour', placed_at) AS hour, status, count(*) AS orders
      FROM orders WHERE placed_at > now() - interval '24 hours' GROUP BY 1, 2 ORDER BY 1, 2
    x: hour
    series: status
    y: orders
    width: 9
  - id: latest
    title: Latest orders
    type: table
    query: |
      SELECT id, customer, status, total, placed_at FROM orders
      WHERE @status = 'all' OR status = @status ORDER BY id DESC
    limit: 50
    columns:
      status: {colors: {pending: amber, paid: green, shipped: blue}}
      total: {unit: EUR, align: right}
`

func TestWholeDashboard(t *testing.T) {
	t.Parallel()
	b := bookOf(t, dashboard.Config{}, "shop.yaml", whole)
	if problems := b.Problems(); len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	p := page(t, b, "/d/shop?status=paid")
	if p.Title != "Shop" || p.Slug != "shop" || p.TimeZone != "Europe/Berlin" || p.Description != "What is selling right now" ||
		p.Kind != dashboard.KindDashboard || p.Problem != nil || p.Table != nil {
		t.Errorf("page is %+v", p)
	}
	v := p.Variables[0]
	if v.Name != "status" || v.Label != "Status" || v.Value() != "paid" || !slices.Equal(v.Defaults, []string{"all"}) || !v.Strict || v.Type != "select" ||
		fmt.Sprint(v.Options) != "[{all all} {pending pending} {paid paid} {shipped shipped}]" {
		t.Errorf("variable is %+v", v)
	}
	if len(p.Panels) != 3 {
		t.Fatalf("%d panels, want 3", len(p.Panels))
	}
	revenue, chart, latest := p.Panels[0], p.Panels[1], p.Panels[2]
	if revenue.ID != "revenue" || revenue.Type != "stat" || revenue.Unit != "EUR" || revenue.Width != 3 ||
		revenue.Every != time.Minute || revenue.Clock || revenue.Ordered || revenue.Limit != 1000 {
		t.Errorf("revenue is %+v", revenue)
	}
	if c := chart.Chart; c == nil || c.X != "hour" || !slices.Equal(c.Y, []string{"orders"}) || c.Series != "status" || !c.Stacked {
		t.Errorf("chart is %+v", chart)
	}
	if latest.Limit != 50 || !latest.Ordered || latest.Every != 0 || latest.Pos != (dashboard.Pos{File: "shop.yaml", Line: 33, Column: 7}) ||
		latest.Columns["status"].Colors["paid"] != "green" || latest.Columns["total"].Align != "right" {
		t.Errorf("latest is %+v", latest)
	}
	if want := "WHERE $1 = 'all' OR status = $1 ORDER BY id DESC"; !strings.Contains(latest.SQL, want) {
		t.Errorf("query is %q, want %q in it", latest.SQL, want)
	}
	if len(latest.Args) != 1 || *latest.Args[0] != "paid" {
		t.Errorf("arguments are %v", latest.Args)
	}
}

func TestDefaultsOfADashboard(t *testing.T) {
	t.Parallel()
	b := bookOf(t, dashboard.Config{TimeZone: "Asia/Tokyo", MaxRows: 77}, "a-b.yml", `
variables: [{name: who}, {name: state, options: [open, 7, true]}]
panels: [{id: x, query: "SELECT @who, @state"}, {id: n, type: stat, query: SELECT 1;}]
`)
	if problems := b.Problems(); len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	p := page(t, b, "/d/a-b")
	if p.Title != "a-b" || p.TimeZone != "Asia/Tokyo" {
		t.Errorf("page is %+v", p)
	}
	x, n := p.Panels[0], p.Panels[1]
	if x.Title != "x" || x.Type != "table" || x.Limit != 77 || x.Width != 12 || n.Width != 3 || n.SQL != "SELECT 1" {
		t.Errorf("panels are %+v and %+v", x, n)
	}
	if x.Args[0] != nil {
		t.Errorf("a variable without a default is %q, want NULL", *x.Args[0])
	}
	if *x.Args[1] != "open" {
		t.Errorf("a variable with options is %q, want the first one", *x.Args[1])
	}
	if got := page(t, b, "/d/a-b?state=7&who=").Address; got != "/d/a-b?state=7" {
		t.Errorf("address is %s", got)
	}
}

func TestAnchorsAndStyles(t *testing.T) {
	t.Parallel()
	b := bookOf(t, dashboard.Config{}, "x.yaml", "\ufefftitle: &t 'It''s \"x\"'\r\ndescription: *t\r\npanels:\r\n- {id: a, query: >-\r\n    SELECT 1\r\n    }\r\n",
		"y.yaml", `{"title": "JSON is YAML", "panels": [{"id": "a", "query": "SELECT '\u00e4'"}]}`,
		"z.yaml", "panels:\n  - id: a\n    key: id\n    watch: [orders, sales.\"Order\"]\n    query: >-\n      SELECT id\n      FROM orders\n",
	)
	if got := page(t, b, "/d/y").Panels[0].SQL; got != "SELECT 'ä'" {
		t.Errorf("query is %q", got)
	}
	z := page(t, b, "/d/z").Panels[0]
	if z.SQL != "SELECT id FROM orders" || !slices.Equal(z.Key, []string{"id"}) || !slices.Equal(z.Watch, []string{"orders", `sales."Order"`}) {
		t.Errorf("panel is %+v", z)
	}
}

func TestFilesThatAreNoDashboards(t *testing.T) {
	t.Parallel()
	good := "panels: [{id: a, query: SELECT 1}]"
	b := bookOf(t, dashboard.Config{}, "a.yaml", good, ".hidden.yaml", "broken", "notes.txt", "broken",
		"b c.yaml", good, "dir.yaml/x", "", "large.yaml", strings.Repeat("#", 300<<10))
	var got []string
	for _, p := range b.Problems() {
		got = append(got, p.String())
	}
	want := []string{
		"b c.yaml: the file's name cannot be an address; name it with letters, digits, - and _ only",
		"large.yaml: the file is larger than 256 KiB; split it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
