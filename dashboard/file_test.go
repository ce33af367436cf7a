package dashboard_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

const shop = `title: Shop
description: What is selling right now
timezone: Europe/Berlin
variables:
  - name: status                  # a comment
    label: Status
    options: [all, pending, paid, shipped]
    default: all
  - name: search
panels:
  - id: revenue
    title: Revenue today
    type: stat
    query: SELECT sum(total) AS revenue FROM orders WHERE placed_at >= current_date
    unit: EUR
    width: 3
  - id: latest
    type: table
    query: |
      SELECT id, customer, status, total, placed_at FROM orders
      WHERE (@status = 'all' OR status = @status) AND customer = @search ORDER BY id DESC
    limit: 50
    key: id
    watch: [audit]
    every: 5m
    columns:
      status: {colors: {pending: amber, paid: green, shipped: blue}}
      total: {unit: EUR, align: right, decimals: 2}
`

func TestReadsTheWholeFormat(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"shop.yaml": shop, "notes.txt": "x", ".hidden.yaml": ":"})
	if p := b.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	p, err := b.Page(t.Context(), "/d/shop?utm_source=x&status=paid")
	if err != nil {
		t.Fatal(err)
	}
	if p.Address != "/d/shop?status=paid" || p.Title != "Shop" || p.TimeZone != "Europe/Berlin" || p.Kind != dashboard.KindDashboard || p.Slug != "shop" {
		t.Errorf("page %+v", p)
	}
	revenue, latest := p.Panels[0], p.Panels[1]
	if revenue.Every != time.Minute || !revenue.Clock || revenue.Unit != "EUR" || revenue.Width != 3 || revenue.Limit != 1000 || revenue.Ordered {
		t.Errorf("revenue %+v", revenue)
	}
	if latest.Title != "latest" || latest.Limit != 50 || !latest.Ordered || latest.Every != 5*time.Minute || latest.Clock ||
		!slices.Equal(latest.Key, []string{"id"}) || !slices.Equal(latest.Watch, []string{"audit"}) || latest.Width != 12 {
		t.Errorf("latest %+v", latest)
	}
	if !strings.Contains(latest.SQL, "($1 = 'all' OR status = $1) AND customer = $2 ORDER") {
		t.Errorf("bound: %s", latest.SQL)
	}
	if len(latest.Args) != 2 || *latest.Args[0] != "paid" || latest.Args[1] != nil {
		t.Errorf("arguments %v", latest.Args)
	}
	if f := latest.Columns["total"]; f.Unit != "EUR" || f.Align != "right" || *f.Decimals != 2 || latest.Columns["status"].Colors["paid"] != "green" {
		t.Errorf("formats %+v", latest.Columns)
	}
	if latest.Pos != (dashboard.Pos{File: "shop.yaml", Line: 20, Column: 7}) {
		t.Errorf("position %v", latest.Pos)
	}
}

func TestMistakesHavePlaces(t *testing.T) {
	t.Parallel()
	const head = "panels:\n  - id: a\n" // a panel of two lines, to be gone on with
	for _, c := range []struct{ name, text, want string }{
		{"field", head + "    qeury: SELECT 1\n", `x.yaml:3:5: a panel has no field "qeury"; did you mean "query"?`},
		{"top field", "titel: x\n", `x.yaml:1:1: a dashboard has no field "titel"; did you mean "title"?`},
		{"type", head + "    type: tabel\n    query: SELECT 1\n", `x.yaml:3:11: there is no panel type "tabel"`},
		{"variable", head + "    query: |\n      SELECT 1\n        WHERE @stat = 'ä'\n", `x.yaml:5:15: unknown variable @stat; declare it: variables: [{name: stat}]`},
		{"variable in a folded text", head + "    query: >-\n      SELECT 1\n      WHERE\n\n      x = @y\n", `x.yaml:7:11: unknown variable @y`},
		{"variable in quotes", head + "    query: \"SELECT \\\"a\\\",\\n  @y\"\n", `x.yaml:3:30: unknown variable @y`},
		{"variable in single quotes", head + "    query: 'SELECT ''a'', @y'\n", `x.yaml:3:27: unknown variable @y`},
		{"variable in plain lines", head + "    query: SELECT a\n      FROM t WHERE b = @y\n", `x.yaml:4:24: unknown variable @y`},
		{"same id", head + "    query: SELECT 1\n  - id: a\n    query: SELECT 2\n", `x.yaml:4:9: there are two panels "a"`},
		{"no id", "panels:\n  - query: SELECT 1\n", `x.yaml:2:5: the panel has no id`},
		{"no query", head, `x.yaml:2:5: the panel has no query; add query: SELECT …`},
		{"width", head + "    query: SELECT 1\n    width: wide\n", `x.yaml:4:12: width is a whole number from 1 to 12, not "wide"`},
		{"every", head + "    query: SELECT 1\n    every: 60\n", `x.yaml:4:12: every cannot be "60"; did you mean 60s?`},
		{"color", head + "    query: SELECT 1\n    columns: {s: {colors: {x: gren}}}\n", `a color cannot be "gren"; did you mean "green"?`},
		{"empty value", head + "    query:\n", `x.yaml:3:5: query has no value`},
		{"write", head + "    query: DELETE FROM t\n", `x.yaml:3:12: DELETE is not a query: a panel only reads`},
		{"two statements", head + "    query: SELECT 1; SELECT 2\n", `x.yaml:3:22: a panel takes one query`},
		{"time zone", "timezone: Europe/Berln\n" + head + "    query: SELECT 1\n", `x.yaml:1:11: there is no time zone "Europe/Berln"`},
		{"default", "variables:\n  - name: s\n    options: [all, paid]\n    default: al\n" + head + "    query: SELECT 1\n", `x.yaml:4:14: the default "al" is not one of the options; did you mean "all"?`},
		{"options' mapping", "variables:\n  - name: s\n    options: {query: SELECT 1}\n" + head + "    query: SELECT 1\n", `options is a list; write query: beside name:`},
		{"no panels", "title: x\n", `x.yaml:1:1: the dashboard has no panels`},
		{"empty", "# nothing\n", `x.yaml: the file is empty`},
		{"tabs", "panels:\n\t- id: a\n", `YAML indents with spaces`},
		{"same key", "title: a\ntitle: b\n", `x.yaml:2:1: not YAML: mapping key "title" already defined`},
		{"two documents", "title: a\n---\ntitle: b\n", `x.yaml:3:1: a file holds one dashboard`},
		{"table's unit", head + "    query: SELECT 1\n    unit: EUR\n", `x.yaml:4:11: a table's unit belongs to one of its columns`},
		{"a list", "- a\n", `x.yaml:1:1: a dashboard is a mapping of names to values, not a list`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			problems := open(t, nil, map[string]string{"x.yaml": c.text}).Problems()
			if len(problems) != 1 || !strings.Contains(problems[0].String(), c.want) {
				t.Fatalf("got %v\nwant %s", problems, c.want)
			}
		})
	}
}

func TestEveryMistakeIsListed(t *testing.T) {
	t.Parallel()
	text := "titel: x\npanels:\n  - id: a\n    type: tabel\n    query: SELECT @x\n  - id: a\n    query: SELECT 1\n    width: 99\n"
	problems := open(t, nil, map[string]string{"x.yaml": text}).Problems()
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if !slices.Equal(lines, []int{1, 4, 5, 6, 8}) {
		t.Fatal(problems)
	}
	want := "3 |   - id: a\n4 |     type: tabel\n5 |     query: SELECT @x\n  |                   ^"
	if problems[2].Excerpt != want {
		t.Errorf("excerpt\n%s\nwant\n%s", problems[2].Excerpt, want)
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	good := "panels: [{id: a, query: SELECT 1}]"
	dir := t.TempDir()
	for _, name := range []string{"a b.yaml", "x.yaml", "x.yml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(good), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := dashboard.Open(t.Context(), dashboard.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	problems := b.Problems()
	if len(problems) != 2 || problems[0].File != "a b.yaml" || problems[1].File != "x.yml" {
		t.Fatal(problems)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"shop.yaml": shop, "bad.yaml": "x"})
	for _, c := range []struct{ in, want, code string }{
		{"/d/shop", "/d/shop", ""},
		{"/d/%73hop?status=all#top", "/d/shop", ""},
		{"/d/shop?search=a+b%26&status=paid&kiosk", "/d/shop?status=paid&search=a%20b%26", ""},
		{"/d/shop?search=%c3%a4~'", "/d/shop?search=%C3%A4~%27", ""},
		{"/d/shop?status=paid&status=all", "/d/shop?status=paid", ""},
		{"/d/shop?status=lost", "", "bad_request"},
		{"/d/shop?search=%00", "", "bad_request"},
		{"/d/shop?search=%ff", "", "bad_request"},
		{"/d/shop?search=%", "", "bad_request"},
		{"/d/shpo", "", "not_found"},
		{"/x", "", "not_found"},
		{"http://x/d/shop", "", "bad_request"},
		{"/d/" + strings.Repeat("x", 5000), "", "bad_request"},
		{"/d/bad", "", "unavailable"},
		{"/t/public.orders", "", "unavailable"}, // there is no database
		{"/t/orders", "", "not_found"},
		{"/t/a.b.c", "", "bad_request"},
		{`/t/public.%22x`, "", "bad_request"},
	} {
		p, err := b.Page(t.Context(), c.in)
		var refused *dashboard.AddressError
		switch {
		case c.code != "" && (!errors.As(err, &refused) || refused.Code != c.code || refused.Message == ""):
			t.Errorf("%s: %v, want %s", c.in, err, c.code)
		case c.code == "" && (err != nil || p.Address != c.want):
			t.Errorf("%s: %v %v, want %s", c.in, p, err, c.want)
		}
	}
	_, err := b.Page(t.Context(), "/d/shpo")
	if want := `no dashboard named "shpo"; did you mean "shop"?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var refused *dashboard.AddressError
	if !errors.As(err, &refused) || refused.Meant != "/d/shop" {
		t.Errorf("what may have been meant is not told: %+v", refused)
	}
}

func TestExamplesAreGood(t *testing.T) {
	t.Parallel()
	// The shop's tables are not here, so its queries are only read.
	for dir, db := range map[string]dashboard.DB{"../dashboards": database(t, ""), "../internal/shop/dashboards": nil} {
		problems, err := dashboard.Check(t.Context(), dashboard.Config{Dir: dir, DB: db})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if !p.Note {
				t.Error(p)
			}
		}
	}
}
