package dashboard_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

const tables = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS varchar(5);
CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL, m mood, s short, j json, tags text[], at point);
CREATE TABLE "Order" (id uuid PRIMARY KEY, "select" int, "a,b" int, "-x" int, "q""t" int, person int REFERENCES people, created_at timestamptz NOT NULL);
CREATE INDEX ON "Order" (created_at);
CREATE TABLE lines (order_id int, line int, at timestamptz, PRIMARY KEY (order_id, line));
CREATE TABLE history (tid int, mtime timestamp);
CREATE TABLE tokens (token text PRIMARY KEY, n int);
CREATE TABLE bare (x int);
CREATE TABLE empty ();
CREATE VIEW v AS SELECT id, name FROM people ORDER BY name;
CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM people;
CREATE TABLE parts (id bigint PRIMARY KEY, x text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE SCHEMA rowcast;
CREATE FUNCTION rowcast.ring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER rowcast_bell AFTER INSERT ON people FOR EACH STATEMENT EXECUTE FUNCTION rowcast.ring('1');
CREATE TRIGGER rowcast_bell AFTER INSERT ON lines FOR EACH STATEMENT EXECUTE FUNCTION rowcast.ring('2');
ALTER TABLE lines DISABLE TRIGGER rowcast_bell;
INSERT INTO people (name) SELECT 'p' || i FROM generate_series(1, 9) i;
ANALYZE;
`

func TestTablePages(t *testing.T) {
	t.Parallel()
	db := database(t, tables)
	b := open(t, db, nil)
	for _, c := range []struct{ in, address, order, code string }{
		{"/t/public.people", "/t/public.people", `"id" DESC`, ""},
		{"/t/PUBLIC.People", "/t/public.people", `"id" DESC`, ""},
		{"/t/public.%22Order%22", "/t/public.%22Order%22", `"created_at" DESC, "id" DESC`, ""},
		{"/t/public.lines", "/t/public.lines", `"order_id" DESC, "line" DESC`, ""},
		{"/t/public.history", "/t/public.history", `"mtime" DESC NULLS LAST`, ""},
		{"/t/public.tokens", "/t/public.tokens", `"token" DESC`, ""},
		{"/t/public.bare", "/t/public.bare", "", ""},
		{"/t/public.empty", "/t/public.empty", "", ""},
		{"/t/public.v", "/t/public.v", "", ""},
		{"/t/public.mv", "/t/public.mv", "", ""},
		{"/t/public.parts", "/t/public.parts", `"id" DESC`, ""},
		{"/t/public.parts_1", "/t/public.parts_1", `"id" DESC`, ""},
		{"/t/public.people?sort=-id", "/t/public.people", `"id" DESC`, ""},
		{"/t/public.people?sort=name,-m&x=y", "/t/public.people?sort=name,-m", `"name", "m" DESC NULLS LAST, "id" DESC`, ""},
		{"/t/public.people?sort=tags,s", "/t/public.people?sort=tags,s", `"tags", "s", "id"`, ""},
		{"/t/public.%22Order%22?sort=-%22a,b%22,%22-x%22,select,%22q%22%22t%22", "/t/public.%22Order%22?sort=-%22a%2Cb%22,%22-x%22,select,%22q%22%22t%22",
			`"a,b" DESC NULLS LAST, "-x", "select", "q""t", "id"`, ""},
		{"/t/public.people?sort=j", "", "", "bad_request"},
		{"/t/public.people?sort=at", "", "", "bad_request"},
		{"/t/public.people?sort=ID", "", "", "bad_request"},
		{"/t/public.people?sort=" + url.QueryEscape("id; DROP TABLE people"), "", "", "bad_request"},
		{"/t/public.people?sort=,", "", "", "bad_request"},
		{"/t/public.nobody", "", "", "not_found"},
		{"/t/public.Order", "", "", "not_found"},
		{"/t/pg_catalog.pg_class", "", "", "not_found"},
		{"/t/rowcast.x", "", "", "not_found"},
	} {
		p, err := b.Page(t.Context(), c.in)
		if c.code != "" {
			var refused *dashboard.AddressError
			if !errors.As(err, &refused) || refused.Code != c.code {
				t.Errorf("%s: %v, want %s", c.in, err, c.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		_, order, _ := strings.Cut(p.Panels[0].SQL, "ORDER BY ")
		if p.Address != c.address || order != c.order || p.Panels[0].ID != "rows" {
			t.Errorf("%s: %s by %s, want %s by %s", c.in, p.Address, order, c.address, c.order)
		}
		rows, err := db.Query(t.Context(), "SELECT * FROM (\n"+p.Panels[0].SQL+"\n) q LIMIT 3")
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		}
	}
}

func TestTableColumns(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, tables), nil)
	p, err := b.Page(t.Context(), "/t/public.people")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Table.Live || p.Table.RowsEstimate != 9 || !p.Table.DefaultSort || !slices.Equal(p.Panels[0].Key, []string{"id"}) {
		t.Errorf("table %+v", p.Table)
	}
	id, mood, short := p.Table.Columns[0], p.Table.Columns[2], p.Table.Columns[3]
	if !id.PrimaryKey || !id.NotNull || id.Type != "integer" || !slices.Equal(mood.Enum, []string{"sad", "ok"}) || !short.Sortable {
		t.Errorf("columns %+v", p.Table.Columns)
	}
	if p, err = b.Page(t.Context(), "/t/public.%22Order%22"); err != nil {
		t.Fatal(err)
	}
	if c := p.Table.Columns[5]; c.References == nil || c.References.Table != "public.people" || c.References.Where() != "/t/public.people?where=id.is." {
		t.Errorf("column %+v", c)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, tables), map[string]string{"shop.yaml": shop, "bad.yaml": "x", "another.yaml": "title: zz\n" + board})
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range x.Tables {
		got = append(got, fmt.Sprint(e.Address, " ", e.RelKind, " ", e.Live, " ", e.RowsEstimate))
	}
	want := []string{
		"/t/public.%22Order%22 r false 0", "/t/public.bare r false 0", "/t/public.empty r false 0", "/t/public.history r false 0",
		"/t/public.lines r false 0", "/t/public.mv m false 1", "/t/public.parts p false 0", "/t/public.people r true 9",
		"/t/public.tokens r false 0", "/t/public.v v true -1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tables\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(x.Dashboards) != 3 || x.Dashboards[0].Title != "Shop" || !x.Dashboards[1].Broken || x.Dashboards[1].Problem == nil || x.Dashboards[2].Address != "/d/another" {
		t.Errorf("dashboards %+v", x.Dashboards)
	}
}

func TestOnlyWhatTheRoleMayRead(t *testing.T) {
	t.Parallel()
	owner := database(t, `CREATE SCHEMA s; CREATE TABLE s.open (id int PRIMARY KEY, secret text); CREATE TABLE s.closed (id int); CREATE SCHEMA h; CREATE TABLE h.t (id int);
		GRANT SELECT ON h.t TO public`)
	role := fmt.Sprintf("reader_%s", owner.Config().ConnConfig.Database)
	exec(t, owner, fmt.Sprintf(`CREATE ROLE %[1]q LOGIN; GRANT USAGE ON SCHEMA s TO %[1]q; GRANT SELECT (id) ON s.open TO %[1]q`, role))
	t.Cleanup(func() { exec(t, owner, fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role)) })
	b := open(t, as(t, owner, role), nil)
	x, err := b.Index(t.Context())
	if err != nil || len(x.Tables) != 1 || x.Tables[0].Name != "open" {
		t.Fatalf("%+v %v", x.Tables, err)
	}
	p, err := b.Page(t.Context(), "/t/s.open")
	if err != nil || strings.Contains(p.Panels[0].SQL, "secret") {
		t.Fatalf("%+v %v", p, err)
	}
	for _, hidden := range []string{"/t/s.closed", "/t/h.t", "/t/s.open?sort=secret"} {
		var refused *dashboard.AddressError
		if _, err := b.Page(t.Context(), hidden); !errors.As(err, &refused) || refused.Code != "forbidden" && refused.Code != "bad_request" {
			t.Errorf("%s: %v", hidden, err)
		}
	}
}

func TestCheckAsksPostgreSQL(t *testing.T) {
	t.Parallel()
	db := database(t, "CREATE TABLE orders (id int PRIMARY KEY, status text)")
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": `variables:
  - {name: status, default: all}
  - {name: s, query: SELECT stat FROM orders}
panels:
  - id: syntax
    query: |
      SELECT id
      FROM orders WHERE @status = 'all' AND id IN (1,,2)
  - id: column
    query: SELECT 'ä', statsu FROM orders
  - id: type
    query: SELECT @status
  - id: into
    query: SELECT 1 AS a INTO t2
  - id: fine
    query: SELECT id, status FROM orders WHERE @status = 'all' OR status = @status;
    key: idd
    watch: nowhere
    columns:
      stauts: {align: right}
  - id: clock
    query: SELECT now()
  - id: wrapper
    query: SELECT 1) q, (SELECT 2
`})})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`x.yaml:3:29: column "stat" does not exist`,
		`x.yaml:8:54: syntax error at or near ","`,
		`x.yaml:10:24: column "statsu" does not exist; Perhaps you meant to reference the column "orders.status"`,
		`x.yaml:14:`,
		`x.yaml:17:10: key: the query has no column "idd"; did you mean "id"?`,
		`x.yaml:20:7: columns: the query has no column "stauts"; did you mean "status"?`,
		`x.yaml:18:12: watch: there is no table "nowhere"`,
		`x.yaml:22:12: the query names the clock, so it is read every 1 min; write every: to choose the pace`,
		`x.yaml:24:20: syntax error at or near ")"`,
	}
	var got []string
	for _, p := range used(problems) {
		if p.Note != strings.Contains(p.What, "clock") {
			t.Errorf("note: %v", p)
		}
		got = append(got, p.String())
	}
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	b := open(t, db, map[string]string{"shop.yaml": shop})
	db.Close()
	x, err := b.Index(t.Context())
	var refused *dashboard.AddressError
	if !errors.As(err, &refused) || refused.Code != "unavailable" || len(x.Dashboards) != 1 {
		t.Fatalf("%+v %v", x, err)
	}
	if _, err := b.Page(t.Context(), "/t/public.x"); !errors.As(err, &refused) || refused.Code != "unavailable" {
		t.Fatal(err)
	}
	if _, err := b.Page(t.Context(), "/d/shop"); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkManyTables is the cost of the index and of a table page in a
// database of 10,000 tables.
func BenchmarkManyTables(b *testing.B) {
	db := database(b, "")
	for i := range 20 {
		exec(b, db, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..500 LOOP EXECUTE format('CREATE TABLE t_%d_%%s (id int PRIMARY KEY, x text)', i); END LOOP; END $$`, i))
	}
	exec(b, db, "ANALYZE pg_class; ANALYZE pg_attribute; ANALYZE pg_trigger; ANALYZE pg_index")
	book := open(b, db, nil)
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			if x, err := book.Index(b.Context()); err != nil || len(x.Tables) != 10_000 {
				b.Fatal(len(x.Tables), err)
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			if _, err := book.Page(b.Context(), "/t/public.t_3_33"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
