package dashboard_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// orders are tables, and the order that shows their newest rows first.
var orders = []struct{ table, order string }{
	{"a (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)", `"id" DESC`},
	{"b (id bigint GENERATED ALWAYS AS IDENTITY, x int)", `"id" DESC`},
	{"c (id uuid PRIMARY KEY DEFAULT uuid_v7(), x int)", `"id" DESC`},
	{"d (id uuid PRIMARY KEY, updated_at timestamptz NOT NULL, created_at timestamptz NOT NULL)", `"created_at" DESC, "id" DESC`},
	{"e (id uuid PRIMARY KEY, updated_at timestamptz NOT NULL)", `"updated_at" DESC, "id" DESC`},
	{"f (id uuid PRIMARY KEY, updated_at timestamptz, placed_on date)", `"placed_on" DESC NULLS LAST, "id" DESC`},
	{"g (tenant int, id int, PRIMARY KEY (tenant, id))", `"tenant" DESC, "id" DESC`},
	{"h (name text, number bigint NOT NULL UNIQUE)", `"number" DESC`},
	{"i (name text, number bigint UNIQUE)", ``},
	{"j (born date, name text)", ``},
	{"k (name text PRIMARY KEY)", `"name" DESC`},
	{`l ("Id" int PRIMARY KEY)`, `"Id" DESC`},
	{"m (id uuid PRIMARY KEY, at timestamptz NOT NULL); CREATE INDEX ON m (id, at)", `"at" DESC, "id" DESC`},
	{"n (id uuid, at timestamptz NOT NULL, PRIMARY KEY (at, id))", `"at" DESC, "id" DESC`},
	// Too large to sort: what no index serves is left alone.
	{"big1 (id uuid PRIMARY KEY, created_at timestamptz NOT NULL)", `"id" DESC`},
	{"big2 (id uuid PRIMARY KEY, created_at timestamptz NOT NULL); CREATE INDEX ON big2 (created_at)", `"created_at" DESC, "id" DESC`},
	{"big3 (created_at timestamptz NOT NULL)", ``},
	{"big4 (id uuid PRIMARY KEY, created_at timestamptz NOT NULL); CREATE INDEX ON big4 (created_at) WHERE id IS NULL", `"id" DESC`},
}

func TestNewestRowsFirst(t *testing.T) {
	t.Parallel()
	var sql strings.Builder
	sql.WriteString("CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';")
	for _, o := range orders {
		sql.WriteString("CREATE TABLE " + o.table + ";\n")
	}
	sql.WriteString("UPDATE pg_class SET reltuples = 1e7 WHERE relname LIKE 'big_'")
	db := database(t, sql.String())
	b := open(t, db, nil)
	for _, o := range orders {
		name, _, _ := strings.Cut(o.table, " ")
		p := page(t, b, "/t/public."+name)
		_, order, _ := strings.Cut(p.Panels[0].SQL, "\nORDER BY ")
		if order != o.order || !p.Table.DefaultSort || p.Panels[0].Ordered != (o.order != "") {
			t.Errorf("%s is ordered by %q, want %q", o.table, order, o.order)
		}
		if strings.HasPrefix(name, "big") != (p.Table.RowsEstimate > 1e6) {
			t.Errorf("%s has an estimate of %d rows", name, p.Table.RowsEstimate)
		}
	}
}

func TestTableOfATable(t *testing.T) {
	t.Parallel()
	db := database(t, `
		CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE DOMAIN feeling AS mood;
		CREATE TABLE "Owner" (id int, part int, PRIMARY KEY (id, part));
		CREATE TABLE single (id int PRIMARY KEY);
		CREATE TABLE t (id numeric(10,2) PRIMARY KEY, gone int, f feeling, o int, p int, s int REFERENCES single,
			twice int GENERATED ALWAYS AS (o * 2) STORED, FOREIGN KEY (o, p) REFERENCES "Owner");
		ALTER TABLE t DROP COLUMN gone`)
	p := page(t, open(t, db, nil), "/t/public.t")
	var got []string
	for _, c := range p.Table.Columns {
		leads := ""
		if c.References != nil {
			leads = c.References.Where()
		}
		got = append(got, fmt.Sprint(c.Name, " ", c.Type, " ", c.NotNull, c.PrimaryKey, c.Sortable, " ", leads, c.Enum))
	}
	want := []string{
		"id numeric(10,2) true true true []", "f feeling false false true [sad ok]", "o integer false false true []",
		"p integer false false true []", "s integer false false true /t/public.single?where=id.is.[]", "twice integer false false true []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	rows := p.Panels[0]
	if rows.ID != "rows" || rows.Type != "table" || rows.Limit != 200 || !slices.Equal(rows.Key, []string{"id"}) ||
		!rows.Columns["id"].Key || !rows.Columns["s"].Key || rows.Columns["o"].Key || len(rows.Args) != 0 {
		t.Errorf("panel is %+v", rows)
	}
	if p.Kind != dashboard.KindTable || p.TimeZone != "UTC" || p.Table.RelKind != "r" || p.Table.Live {
		t.Errorf("page is %+v", p)
	}
	small := bookOf(t, dashboard.Config{DB: db, MaxRows: 20, TimeZone: "Asia/Tokyo"})
	if p := page(t, small, "/t/public.t"); p.Panels[0].Limit != 20 || p.TimeZone != "Asia/Tokyo" {
		t.Errorf("page is %+v", p)
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	db := database(t, `
		CREATE TABLE m (id int, at date NOT NULL) PARTITION BY RANGE (at);
		CREATE TABLE m1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
		CREATE TABLE m2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id);
		CREATE TABLE m2a PARTITION OF m2 DEFAULT;
		CREATE TABLE parent (id int PRIMARY KEY);
		CREATE TABLE child () INHERITS (parent);
		INSERT INTO m SELECT i, '2026-01-01'::date + i FROM generate_series(0, 57) i;
		ANALYZE`)
	b := open(t, db, nil)
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range x.Tables {
		got = append(got, fmt.Sprint(e.Name, " ", e.RelKind, " ", e.RowsEstimate))
	}
	if want := []string{"child r 0", "m p 58", "parent r 0"}; !slices.Equal(got, want) {
		t.Errorf("tables are %v, want %v", got, want)
	}
	if p := page(t, b, "/t/public.m2a"); p.Table.RowsEstimate != 27 {
		t.Errorf("a partition has a page of its own, with %d rows", p.Table.RowsEstimate)
	}
}

func TestBells(t *testing.T) {
	t.Parallel()
	var sql strings.Builder
	sql.WriteString(`CREATE SCHEMA rowcast; CREATE FUNCTION rowcast.ring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE FUNCTION public.ring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';`)
	live := map[string]string{"bell": "ENABLE", "always": "ENABLE ALWAYS"}
	dead := map[string]string{"off": "DISABLE", "replica": "ENABLE REPLICA", "foreign": "ENABLE"}
	for _, set := range []map[string]string{live, dead} {
		for name, state := range set {
			schema := map[bool]string{true: "public", false: "rowcast"}[name == "foreign"]
			fmt.Fprintf(&sql, `CREATE TABLE "%[1]s" (); CREATE TRIGGER rowcast_bell AFTER INSERT ON "%[1]s" FOR EACH STATEMENT EXECUTE FUNCTION %[2]s.ring();
				ALTER TABLE "%[1]s" %[3]s TRIGGER rowcast_bell;`, name, schema, state)
		}
	}
	// a view is as live as what it reads, through other views too
	sql.WriteString(`CREATE VIEW of_live AS SELECT FROM bell, always; CREATE VIEW of_view AS SELECT FROM of_live;
		CREATE VIEW of_both AS SELECT FROM of_live, "off"; CREATE VIEW of_none AS SELECT 1 AS n;
		CREATE MATERIALIZED VIEW copy AS SELECT FROM bell; CREATE VIEW of_copy AS SELECT FROM copy;`)
	live["of_live"], live["of_view"] = "a view", "a view"
	dead["of_both"], dead["of_none"], dead["copy"], dead["of_copy"] = "a view", "a view", "a view", "a view"
	b := open(t, database(t, sql.String()), nil)
	x, err := b.Index(t.Context())
	if err != nil || len(x.Tables) != len(live)+len(dead) {
		t.Fatalf("index is %+v, %v", x.Tables, err)
	}
	for _, e := range x.Tables {
		if e.Live != (live[e.Name] != "") || page(t, b, e.Address).Table.Live != e.Live {
			t.Errorf("%s is live: %t", e.Name, e.Live)
		}
	}
}

func TestPrivileges(t *testing.T) {
	t.Parallel()
	owner := database(t, `
		CREATE TABLE secret (id int PRIMARY KEY);
		CREATE VIEW shown AS SELECT id FROM secret;
		CREATE TABLE partly (id int PRIMARY KEY, at timestamptz NOT NULL, pin text);
		CREATE SCHEMA closed; CREATE TABLE closed.t (id int);
		GRANT SELECT ON closed.t TO public`)
	role := "clerk_" + owner.Config().ConnConfig.Database
	exec(t, owner, fmt.Sprintf(`CREATE ROLE %[1]q; GRANT SELECT ON shown TO %[1]q; GRANT SELECT (at, pin) ON partly TO %[1]q; GRANT INSERT ON secret TO %[1]q`, role))
	t.Cleanup(func() { exec(t, owner, fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role)) })
	pool := as(t, owner, role)
	b := open(t, pool, nil)
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range x.Tables {
		got = append(got, fmt.Sprint(e.Name, e.Columns))
	}
	if want := []string{"partly[at pin]", "shown[id]"}; !slices.Equal(got, want) {
		t.Errorf("tables are %v, want %v", got, want)
	}
	for address, want := range map[string]string{
		"/t/public.secret": `this server's role may not read the table "public.secret"`,
		"/t/closed.t":      `this server's role may not read the table "closed.t"`,
	} {
		if got := refused(t, b, address); got.Code != "forbidden" || got.Message != want {
			t.Errorf("%s: %s %q", address, got.Code, got.Message)
		}
	}
	// The key may not be read, so it neither orders nor identifies the rows.
	p := page(t, b, "/t/public.partly")
	if want := "SELECT \"at\", \"pin\"\nFROM \"public\".\"partly\"\nORDER BY \"at\" DESC"; p.Panels[0].SQL != want || len(p.Panels[0].Key) > 0 {
		t.Errorf("query is %q with the key %v, want %q", p.Panels[0].SQL, p.Panels[0].Key, want)
	}
	if _, err := pool.Exec(t.Context(), p.Panels[0].SQL); err != nil {
		t.Error(err)
	}
	if got := refused(t, b, "/t/public.partly?sort=id"); got.Code != "bad_request" {
		t.Errorf("sorted by what may not be read: %v", got)
	}
}

func TestAViewKeepsItsOrder(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, `
		CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL);
		CREATE VIEW ranked AS SELECT id, at FROM t ORDER BY at DESC LIMIT 10;
		CREATE VIEW heap AS SELECT id, row_number() OVER (ORDER BY at) AS n FROM t`), nil)
	for address, want := range map[string]bool{
		"/t/public.ranked": true, "/t/public.heap": false, "/t/public.heap?sort=-id": true, "/t/public.t": true,
	} {
		p := page(t, b, address)
		if p.Panels[0].Ordered != want {
			t.Errorf("%s is ordered: %t, want %t", address, p.Panels[0].Ordered, want)
		}
		if sorted := strings.Contains(p.Panels[0].SQL, "ORDER BY"); sorted != (len(p.Table.Sort) > 0) {
			t.Errorf("%s reads %s", address, p.Panels[0].SQL)
		}
	}
}

// Foreign keys are found from both ends, each once, however many partitions
// PostgreSQL keeps copies for.
func TestForeignKeysBothWays(t *testing.T) {
	t.Parallel()
	db := database(t, `
CREATE TABLE people (id int PRIMARY KEY, boss int REFERENCES people, UNIQUE (boss, id)) PARTITION BY RANGE (id);
CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (10);
CREATE TABLE people_2 PARTITION OF people FOR VALUES FROM (10) TO (20);
CREATE TABLE "Or.der" ("no,1" int PRIMARY KEY, buyer int REFERENCES people, a int, b int, FOREIGN KEY (a, b) REFERENCES people (boss, id)) PARTITION BY RANGE ("no,1");
CREATE TABLE order_1 PARTITION OF "Or.der" FOR VALUES FROM (0) TO (10);
CREATE TABLE own (buyer int REFERENCES people_1);
CREATE TABLE lines (o int REFERENCES "Or.der");
CREATE TABLE secret (buyer int REFERENCES people)`)
	role := fmt.Sprintf("keys_%s", db.Config().ConnConfig.Database)
	exec(t, db, fmt.Sprintf(`CREATE ROLE %[1]q LOGIN; GRANT SELECT ON people, people_1, "Or.der", order_1, own, lines TO %[1]q`, role))
	t.Cleanup(func() { exec(t, db, fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role)) })
	b := open(t, as(t, db, role), nil)
	for _, c := range []struct{ table, away, here string }{
		{"people", "[boss] > public.people[id]", `/t/public.%22Or.der%22[buyer] > [id]; /t/public.%22Or.der%22[a b] > [boss id]; /t/public.people[boss] > [id]`},
		{"people_1", "[boss] > public.people[id]", `/t/public.%22Or.der%22[buyer] > [id]; /t/public.%22Or.der%22[a b] > [boss id]; /t/public.own[buyer] > [id]; /t/public.people[boss] > [id]`},
		{"%22Or.der%22", "[buyer] > public.people[id]; [a b] > public.people[boss id]", `/t/public.lines[o] > [no,1]`},
		{"order_1", "[buyer] > public.people[id]; [a b] > public.people[boss id]", `/t/public.lines[o] > [no,1]`},
		{"lines", `[o] > public."Or.der"[no,1]`, ""},
	} {
		var away, here []string
		p := page(t, b, "/t/public."+c.table)
		for _, k := range p.Table.ForeignKeys {
			away = append(away, fmt.Sprint(k.Columns, " > ", k.Table, k.References))
		}
		for _, k := range p.Table.ReferencedBy {
			here = append(here, fmt.Sprint(k.Address, k.Columns, " > ", k.References))
		}
		if got := strings.Join(away, "; "); got != c.away {
			t.Errorf("%s leads to\n%s, want\n%s", c.table, got, c.away)
		}
		if got := strings.Join(here, "; "); got != c.here {
			t.Errorf("to %s lead\n%s, want\n%s", c.table, got, c.here)
		}
	}
}
