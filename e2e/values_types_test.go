package e2e_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// samples are two values of each of PostgreSQL's own types, the second one at an
// edge; a sample in parentheses is an expression.
func samples() map[string][2]string {
	long := strings.Repeat("9", 1000)
	return map[string][2]string{
		"bool": {"t", "f"}, "int2": {"1", "-32768"}, "int4": {"1", "-2147483648"}, "int8": {"9007199254740993", "-9223372036854775808"},
		"float4": {"0.1", "-Infinity"}, "float8": {"5e-324", "NaN"}, "numeric": {long + "." + long, "NaN"}, "money": {"12.50", "-92233720368547758.08"},
		"text": {"a\tb\u202e\u2066c\u0001\u001b", ""}, "varchar": {`"quoted", \back`, "NULL"}, "bpchar": {"ab  ", "é"}, "name": {"Name", ""}, "char": {"x", `(chr(1)::"char")`},
		"bytea": {`\xdeadbeef00`, `\x`}, "uuid": {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"},
		"date": {"0044-03-15 BC", "infinity"}, "time": {"24:00:00", "00:00:00.000001"}, "timetz": {"12:00:00+15:59", "24:00:00-15:59:59"},
		"timestamp": {"4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"}, "timestamptz": {"4714-11-24 00:00:00+00 BC", "-infinity"},
		"interval": {"-178000000 years -11 mons 3 days -04:05:06.789", "00:00:00"},
		"json":     {`{"lone":"\ud800","dup":1,"dup":12345678901234567890.10}`, ` null `}, "jsonb": {`{"deep":[[[[null]]]],"big":1e400,"n":9007199254740993}`, `"\u2028</script>"`},
		"jsonpath": {`$.a[*]`, `strict $`}, "xml": {"<a>&amp;</a>", "plain"},
		"bit": {"1", "0"}, "varbit": {"10101", ""},
		"inet": {"::1", "10.0.0.0/8"}, "cidr": {"2001:db8::/32", "0.0.0.0/0"}, "macaddr": {"08:00:2b:01:02:03", "00:00:00:00:00:00"}, "macaddr8": {"08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff"},
		"point": {"(1,NaN)", "(-0,Infinity)"}, "box": {"(3,4),(1,2)", "(0,0),(0,0)"}, "circle": {"<(0,0),1e300>", "<(0,0),0>"}, "line": {"{1,-1,0}", "{0,1,-5e-324}"},
		"lseg": {"[(0,0),(1,1)]", "[(0,0),(0,0)]"}, "polygon": {"((0,0),(1,1),(2,0))", "((0,0))"}, "path": {"[(0,0)]", "((0,0),(1,1))"},
		"tsquery": {"'a' & 'b'", ""}, "tsvector": {"'a':1A 'b'", ""}, "gtsvector": {"(NULL)", "(NULL)"},
		"oid": {"26", "4294967295"}, "xid": {"3", "4294967295"}, "xid8": {"3", "18446744073709551615"}, "cid": {"0", "4294967295"}, "tid": {"(0,1)", "(4294967295,65535)"},
		"pg_lsn": {"16/B374D848", "0/0"}, "pg_snapshot": {"10:20:10,14", "10:10:"}, "txid_snapshot": {"10:20:10,14", "10:10:"}, "refcursor": {"cursor", ""},
		"aclitem": {"((acldefault('r', 10))[1])", "(makeaclitem(0, 10, 'SELECT', true))"}, "int2vector": {"1 2 3", ""}, "oidvector": {"26 4294967295", ""},
		"regclass": {"pg_class", "0"}, "regcollation": {`"C"`, "0"}, "regconfig": {"english", "0"}, "regdictionary": {"simple", "0"}, "regnamespace": {"pg_catalog", "0"},
		"regoper": {"||/", "0"}, "regoperator": {"+(integer,integer)", "0"}, "regproc": {"now", "0"}, "regprocedure": {"lower(text)", "0"}, "regrole": {"(10::regrole)", "0"}, "regtype": {`"char"`, "0"},
		"int4range": {"[1,5)", "empty"}, "int8range": {"[9007199254740993,)", "(,)"}, "numrange": {"[NaN,NaN]", "(-Infinity,1.50]"},
		"tsrange": {`["4713-01-01 00:00:00 BC",infinity)`, "empty"}, "tstzrange": {"(,)", `(-infinity,"2026-11-20 10:00:00+00"]`}, "daterange": {"[2026-11-20,infinity)", "empty"},
		"int4multirange": {"{[1,2),[5,)}", "{}"}, "int8multirange": {"{[1,9007199254740993)}", "{}"}, "nummultirange": {"{[1.50,NaN]}", "{}"},
		"tsmultirange": {`{[infinity,infinity]}`, "{}"}, "tstzmultirange": {"{(,)}", "{}"}, "datemultirange": {"{[2026-11-20,2026-11-22)}", "{}"},
		// What no text can be read into: what the catalog has of it, and where it has none, nothing.
		"pg_node_tree": {"((SELECT ev_action FROM pg_rewrite ORDER BY length(ev_action::text) LIMIT 1))", "(NULL)"},
		"pg_ndistinct": {"((SELECT stxdndistinct FROM pg_statistic_ext_data))", "(NULL)"}, "pg_dependencies": {"((SELECT stxddependencies FROM pg_statistic_ext_data))", "(NULL)"},
		"pg_mcv_list": {"((SELECT stxdmcv FROM pg_statistic_ext_data))", "(NULL)"}, "pg_brin_bloom_summary": {"(NULL)", "(NULL)"}, "pg_brin_minmax_multi_summary": {"(NULL)", "(NULL)"},
	}
}

// kinds are what can be made of a type T with values a and b, as type and value.
var kinds = []struct{ name, create, typ, value string }{
	{"plain", "", "T", "a"},
	{"arrays", "", "T[]", "ARRAY[a, NULL, b]"},
	{"grids", "", "T[]", "ARRAY[ARRAY[a, b], ARRAY[NULL, a]]"},
	{"domains", "CREATE DOMAIN made.N AS T", "made.N", "a"},
	{"composites", "CREATE TYPE made.N AS (v T, w text, x T[])", "made.N", "ROW(a, '', ARRAY[b, NULL])"},
	{"lists", "CREATE DOMAIN made.N AS T[]", "made.N", "ARRAY[b]"},
	{"rows", "CREATE TYPE made.N AS (v T)", "made.N[]", "ARRAY[ROW(a)::made.N, NULL]"},
	{"ranges", "CREATE TYPE made.N AS RANGE (subtype = T)", "made.N", "made.N(a, NULL, '()')"}, // of what has an order
}

// tablesOfTypes makes a table for each kind, with a column of each type that a
// column can have, and fills two rows. It answers with the tables' columns.
func tablesOfTypes(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	ctx := t.Context()
	run := func(sql string) {
		t.Helper()
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatalf("%v in %.500s", err, sql)
		}
	}
	run(`CREATE SCHEMA made; CREATE TABLE made.stats AS SELECT i % 3 AS a, i % 3 AS b FROM generate_series(1, 100) i;
		CREATE STATISTICS made.s (ndistinct, dependencies, mcv) ON a, b FROM made.stats; ANALYZE made.stats`)
	rows, err := conn.Query(ctx, `SELECT typname, typarray <> 0,
			EXISTS (SELECT FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = t.oid)
		FROM pg_type AS t
		WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm', 'd', 'e') AND typcategory <> 'A'
		   OR typname IN ('int2vector', 'oidvector') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	type known struct {
		Name           string
		Array, Ordered bool
	}
	types, err := pgx.CollectRows(rows, pgx.RowToStructByPos[known])
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string][]string{}
	for _, k := range kinds {
		var definitions, first, second []string
		for _, typ := range types {
			sample, ok := samples()[typ.Name]
			if !ok {
				t.Errorf("no sample of type %s", typ.Name)
				continue
			}
			if strings.Contains(k.create+k.typ, "T[]") && !typ.Array || k.name == "ranges" && !typ.Ordered {
				continue
			}
			qualified := `pg_catalog."` + typ.Name + `"`
			value := func(s string) string {
				if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && typ.Name != "point" && typ.Name != "box" && typ.Name != "tid" && typ.Name != "polygon" && typ.Name != "path" && !strings.Contains(s, ",)") {
					return s + "::" + qualified
				}
				return "'" + strings.ReplaceAll(s, "'", "''") + "'::" + qualified
			}
			name := k.name + "_" + typ.Name
			of := func(a, b string) string {
				return replace(k.value, map[string]string{"a": value(a), "b": value(b), "N": name})
			}
			if k.create != "" {
				run(replace(k.create, map[string]string{"T": qualified, "N": name}))
			}
			definitions = append(definitions, fmt.Sprintf(`"%s" %s`, typ.Name, replace(k.typ, map[string]string{"T": qualified, "N": name})))
			first, second = append(first, of(sample[0], sample[1])), append(second, of(sample[1], sample[0]))
			columns[k.name] = append(columns[k.name], typ.Name)
		}
		run(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, %s)", k.name, strings.Join(definitions, ", ")))
		run(fmt.Sprintf("INSERT INTO %s VALUES (1, %s)", k.name, strings.Join(first, ", ")))
		run(fmt.Sprintf("INSERT INTO %s VALUES (2, %s)", k.name, strings.Join(second, ", ")))
	}
	return columns
}

// replace puts texts in the place of single letters that stand alone.
func replace(s string, letters map[string]string) string {
	var b strings.Builder
	word := func(i int) bool {
		return i >= 0 && i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z')
	}
	for i := range len(s) {
		if with, ok := letters[s[i:i+1]]; ok && !word(i-1) && !word(i+1) {
			b.WriteString(with)
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// TestEveryType walks PostgreSQL's catalog: columns of each type that there is,
// of arrays, domains and composites of them. What their pages, their files and
// a single row say is PostgreSQL's own text, and what a filter offers works.
func TestEveryType(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := db.Conn(t)
	columns := tablesOfTypes(t, conn)
	files := map[string]string{}
	for _, k := range kinds {
		files[k.name+".yaml"] = yaml(k.name, question{id: "rows", query: "SELECT * FROM " + k.name + " ORDER BY id DESC"})
	}
	server := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", "127.0.0.1:0", "--dashboards", dashboards(t, files))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r := rand.New(rand.NewPCG(seed(t), 13))
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			conn := db.Conn(t)
			least := 60
			if k.name == "ranges" {
				least = 30
			}
			if n := len(columns[k.name]); n < least {
				t.Errorf("only %d columns", n)
			}
			c := &typeCheck{T: t, server: server.URL, table: k.name, conn: conn}
			c.watch(ctx)
			c.files(ctx)
			c.filters(ctx, r)
		})
	}
}

// typeCheck holds what a server says of a table against the table.
type typeCheck struct {
	*testing.T
	server, table string
	conn          *pgx.Conn
}

func (c *typeCheck) want(ctx context.Context) [][]delta.Cell {
	c.Helper()
	rows, err := answerTo(ctx, c.conn.PgConn(), question{query: "SELECT * FROM " + c.table + " ORDER BY id DESC"})
	if err != nil {
		c.Fatal(err)
	}
	return rows
}

// watch looks at the table's page and a dashboard with it, at first, when every
// value changes, and when rows come.
func (c *typeCheck) watch(ctx context.Context) {
	c.Helper()
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	var sights []*sight
	for _, page := range []string{"/t/public." + c.table, "/d/" + c.table} {
		s := &sight{viewer: newViewer(c.server, page), asked: []question{{id: "rows"}}}
		sights = append(sights, s)
		looking.Go(func() { _ = s.follow(ctx) })
	}
	for _, change := range []string{"", "UPDATE " + c.table + " SET id = 5 - id", "INSERT INTO " + c.table + " (id) VALUES (9)"} {
		if _, err := c.conn.Exec(ctx, change); err != nil {
			c.Fatal(err)
		}
		want := map[string][][]delta.Cell{"rows": c.want(ctx)}
		for _, s := range sights {
			limited, done := context.WithTimeout(ctx, 15*time.Second)
			diff := "nothing"
			err := s.until(limited, func(screen *delta.State, _ *delta.Status) bool {
				diff = s.unlike(screen, want)
				return diff == ""
			})
			done()
			if err != nil {
				c.Fatalf("%s after %q: %s", s.page, change, diff)
			}
		}
	}
}

// files reads everything that can be saved, and one row by its key.
func (c *typeCheck) files(ctx context.Context) {
	c.Helper()
	want := c.want(ctx)
	table := "t/public." + c.table
	for _, file := range []string{table + "/rows.json", table + "/all.json", "d/" + c.table + "/rows.json"} {
		var got struct{ Rows [][]*string }
		if err := json.Unmarshal(c.get(file), &got); err != nil {
			c.Errorf("%s: %v", file, err)
			continue
		}
		rows := make([][]delta.Cell, len(got.Rows))
		for i, r := range got.Rows {
			rows[i] = cellsOf(r)
		}
		c.same(file, rows, want)
	}
	for _, file := range []string{table + "/rows.csv?raw=1", table + "/all.csv?raw=1", "d/" + c.table + "/rows.csv?raw=1"} {
		r := csv.NewReader(strings.NewReader(string(c.get(file))))
		lines, err := r.ReadAll()
		if err != nil {
			c.Errorf("%s: %v", file, err)
			continue
		}
		rows := make([][]delta.Cell, len(lines)-1)
		for i, line := range lines[1:] {
			for j, text := range line {
				rows[i] = append(rows[i], delta.Cell{Text: text, Null: text == "" && want[i][j].Null}) // encoding/csv does not tell quotes
			}
		}
		c.same(file, rows, want)
	}
	var row struct{ Cells []*string }
	file := "api/v1/row?page=" + url.QueryEscape("/"+table) + "&key=" + url.QueryEscape(`["4"]`)
	if err := json.Unmarshal(c.get(file), &row); err != nil {
		c.Errorf("%s: %v", file, err)
		return
	}
	c.same(file, [][]delta.Cell{cellsOf(row.Cells)}, want[1:2])
}

func cellsOf(r []*string) (cells []delta.Cell) {
	for _, text := range r {
		if text == nil {
			cells = append(cells, delta.Cell{Null: true})
		} else {
			cells = append(cells, delta.Cell{Text: *text})
		}
	}
	return cells
}

func (c *typeCheck) same(what string, got, want [][]delta.Cell) {
	c.Helper()
	if !slices.EqualFunc(got, want, slices.Equal) {
		for i := range min(len(got), len(want)) {
			for j := range min(len(got[i]), len(want[i])) {
				if got[i][j] != want[i][j] {
					c.Errorf("%s: row %d, column %d is %.200q, not %.200q", what, i, j, got[i][j].Text, want[i][j].Text)
				}
			}
		}
		c.Errorf("%s: %d rows differ from %d", what, len(got), len(want))
	}
}

func (c *typeCheck) get(path string) []byte {
	c.Helper()
	status, body := c.ask(path)
	if status != http.StatusOK {
		c.Errorf("%s: %d %.300s", path, status, body)
	}
	return body
}

func (c *typeCheck) ask(path string) (status int, body []byte) {
	c.Helper()
	res, err := http.Get(c.server + path)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		c.Fatalf("%s: %v", path, err)
	}
	return res.StatusCode, body
}

// element is the first one of an array in the row that filters look for.
func (c *typeCheck) element(ctx context.Context, column string) string {
	c.Helper()
	first := "[1]"
	if c.table == "grids" {
		first += "[1]"
	}
	rows, err := answerTo(ctx, c.conn.PgConn(), question{query: `SELECT ("` + column + `")` + first + ` FROM ` + c.table + ` WHERE id = 4`})
	if err != nil {
		c.Fatal(err)
	}
	return rows[0][0].Text
}

// filters asks, with each operator that a column offers, for the value that is
// there: its row comes, or does not come, as the operator says. Only columns that
// are drawn are asked for, unless ROWCAST_TYPES is all.
func (c *typeCheck) filters(ctx context.Context, r *rand.Rand) {
	c.Helper()
	const drawn = 3
	var described struct {
		Table struct {
			Columns []struct {
				Name, Kind string
				Operators  []string
			}
		}
	}
	if err := json.Unmarshal(c.get("api/v1/page?page="+url.QueryEscape("/t/public."+c.table)), &described); err != nil {
		c.Fatal(err)
	}
	row := c.want(ctx)[1]
	chosen := r.Perm(len(row))[:drawn]
	for i, column := range described.Table.Columns {
		if len(row[i].Text) > 1000 || os.Getenv("ROWCAST_TYPES") != "all" && !slices.Contains(chosen, i) {
			continue
		}
		for _, op := range column.Operators {
			where := `"` + column.Name + `".` + op
			value := row[i].Text
			switch op {
			case "null", "notnull":
			case "last":
				where += ".15m"
			case "in":
				where += `."` + strings.ReplaceAll(value, `"`, `""`) + `"`
			case "contains":
				if column.Kind == "array" {
					if value = c.element(ctx, column.Name); value == "" {
						continue
					}
				}
				if column.Name == "json" {
					value = "{}"
				}
				where += "." + value
			default:
				where += "." + value
			}
			status, body := c.ask("api/v1/snapshot?page=" + url.QueryEscape("/t/public."+c.table+"?where="+url.QueryEscape(where)))
			m, err := delta.Decode([]byte(strings.TrimSpace(string(body))))
			switch {
			case status == http.StatusBadRequest && strings.Contains(string(body), "does not fit"):
				c.Errorf("%s: its own value is refused: %.300s", where, body)
			case status != http.StatusOK || err != nil:
				c.Errorf("%s: %d %.300s", where, status, body)
			case m.State.Panels["rows"].Err != nil:
				if op == "contains" && column.Name == "json" && m.State.Panels["rows"].Err.Code == "query_failed" {
					continue // what json may hold is not always a jsonb
				}
				c.Errorf("%s: %+v", where, m.State.Panels["rows"].Err)
			default:
				found := slices.ContainsFunc(m.State.Panels["rows"].Rows, func(r delta.Row) bool { return r.Key == `["4"]` })
				if want := !slices.Contains([]string{"isnt", "hasnt", "lt", "gt", "last"}, op) && (op != "null") != row[i].Null; found != want {
					c.Errorf("%s: found is %t", where, found)
				}
			}
		}
	}
}
