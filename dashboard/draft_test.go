package dashboard_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

const sales = `
CREATE TYPE status AS ENUM ('pending', 'paid', 'shipped', 'it''s "lost", @gone: {x}');
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text, vip bool NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status status NOT NULL, total numeric(10,2) NOT NULL,
  weight float8, note text, extra jsonb, placed_at timestamptz NOT NULL, shipped_at timestamptz);
CREATE INDEX ON orders (placed_at);
INSERT INTO customers SELECT i, 'c' || i, (ARRAY['DE', 'FR', 'ES'])[1 + i % 3], i % 5 = 0 FROM generate_series(1, 60) i;
INSERT INTO orders SELECT i, 1 + i % 60, (ARRAY['pending', 'paid', 'shipped'])[1 + i % 3]::status, i, NULL, 'n' || i, '{}', now() - i * interval '1 minute', NULL FROM generate_series(1, 500) i;
CREATE TABLE empty_log (at timestamptz NOT NULL, level text, message text);
CREATE TABLE nothing ();
CREATE TABLE old (day date, amount money);
INSERT INTO old VALUES ('1999-01-01', 5), ('infinity', 1), (NULL, NULL);
CREATE TABLE last_month (created timestamp, kind text); INSERT INTO last_month SELECT now() - interval '9 days', 'k' || i % 3 FROM generate_series(1, 9) i;
CREATE TABLE last_year (created timestamp); INSERT INTO last_year VALUES (now() - interval '300 days');
CREATE TABLE "rows" ("rows" text, "count" int); INSERT INTO "rows" SELECT 'r' || i % 3, i FROM generate_series(1, 30) i;
CREATE VIEW big_orders AS SELECT id, status, total, placed_at, note AS channel FROM orders WHERE total > 100;
CREATE VIEW broken AS SELECT id, (1 / (id - id))::text AS status, placed_at FROM orders;
CREATE MATERIALIZED VIEW by_country AS SELECT country, count(*) AS n FROM customers GROUP BY 1;
CREATE TABLE parted (id int, at timestamptz NOT NULL, vip bool) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
ANALYZE`

// TestDraftsAreDashboards holds that what is written for any table has no
// mistake, and that PostgreSQL answers all of its queries.
func TestDraftsAreDashboards(t *testing.T) {
	t.Parallel()
	var odd strings.Builder
	odd.WriteString(`CREATE SCHEMA "My.Schema";`)
	for i, name := range slices.DeleteFunc(slices.Clone(oddNames), func(s string) bool { return s == "orders" }) {
		fmt.Fprintf(&odd, `CREATE TABLE "My.Schema".%[1]s (%[1]s int PRIMARY KEY, %[2]s status, %[3]s timestamptz NOT NULL, "total" int);
			INSERT INTO "My.Schema".%[1]s VALUES (1, 'paid', now(), 7);`, quoted(name), quoted(oddNames[(i+3)%len(oddNames)]+"~"), quoted(oddNames[(i+5)%len(oddNames)]+"!"))
	}
	db := database(t, sales+";"+odd.String())
	b := open(t, db, nil)
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Tables) < 40 {
		t.Fatalf("only %d tables", len(x.Tables))
	}
	files := map[string]string{}
	for i, e := range x.Tables {
		text, err := b.Draft(t.Context(), page(t, b, e.Address))
		if err != nil {
			t.Errorf("%s: %v", e.Address, err)
			continue
		}
		files[fmt.Sprintf("d%d.yaml", i)] = text
	}
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(files)})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v %v\n%s", err, problems, files[problems[0].File])
	}
	drafted := open(t, db, files)
	for file := range files {
		p := page(t, drafted, "/d/"+strings.TrimSuffix(file, ".yaml"))
		for i := range p.Panels {
			if _, err := run(t.Context(), db, &p.Panels[i], ""); err != nil && p.Title != "Broken" {
				t.Errorf("%s: %v\n%s", p.Panels[i].ID, err, files[file])
			}
		}
	}
}

func TestDraftShowsTheBest(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, sales), nil)
	draft := func(address string) string {
		text, err := b.Draft(t.Context(), page(t, b, address))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	want := `# Save this in the folder of dashboards, as orders.yaml, and change what you like.
title: Orders
panels:
  - id: count
    title: Rows
    type: stat
    query: |
      SELECT count(*) AS rows
      FROM public.orders
    width: 3
  - id: sum
    title: Total
    type: stat
    query: |
      SELECT sum(NULLIF(total, 'NaN')) AS total
      FROM public.orders
    width: 3
  - id: breakdown
    title: By status
    type: donut
    query: |
      SELECT status, count(*) AS rows
      FROM public.orders
      GROUP BY 1
      ORDER BY 2 DESC
      LIMIT 12
    width: 6
    series: status
    y: rows
    columns:
      status: {colors: {pending: amber, paid: green, shipped: blue, "it's \"lost\", @gone: {x}": teal}}
  - id: over_time
    title: By hour
    type: bar
    query: |
      SELECT date_trunc('hour', placed_at) AS hour, count(*) AS rows
      FROM public.orders
      WHERE placed_at > now() - interval '24 hours'
      GROUP BY 1
      ORDER BY 1
    every: 60s # for what changes with the clock alone
    width: 12
    x: hour
    y: rows
  - id: newest
    title: Newest rows
    type: table
    query: |
      SELECT id, customer_id, status, total, weight, placed_at
      FROM public.orders
      ORDER BY id DESC
    width: 12
    limit: 50
    key: [id]
    columns:
      status: {colors: {pending: amber, paid: green, shipped: blue, "it's \"lost\", @gone: {x}": teal}}
`
	if got := draft("/t/public.orders?sort=total&where=id.is.7&columns=id&page=2"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for address, parts := range map[string][]string{
		"/t/public.customers":  {"By country", "SELECT country, count(*) AS rows", "ORDER BY id DESC"},
		"/t/public.empty_log":  {"date_trunc('hour', at)", "interval '24 hours'", "ORDER BY at DESC"},
		"/t/public.old":        {"date_trunc('month', day)", "FROM public.old\n      GROUP BY", "sum(amount) AS amount"},
		"/t/public.last_month": {"date_trunc('day', created)", "interval '30 days'", "By kind"},
		"/t/public.last_year":  {"date_trunc('month', created)", "interval '5 years'"},
		"/t/public.rows":       {`SELECT rows, count(*) AS row_count`, "y: row_count"},
		"/t/public.big_orders": {"By status", "ORDER BY placed_at DESC", "sum(NULLIF(total, 'NaN'))"},
		"/t/public.by_country": {"By country"},
		"/t/public.broken":     {"date_trunc('hour', placed_at)"},
		"/t/public.parted":     {"By vip", "date_trunc('hour', at)"},
		"/t/public.nothing":    {"SELECT count(*) AS rows"},
	} {
		got := draft(address)
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%s lacks %q:\n%s", address, part, got)
			}
		}
	}
}
