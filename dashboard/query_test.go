package dashboard

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBind(t *testing.T) {
	t.Parallel()
	known := texts("a", "status")
	for _, c := range []struct{ name, sql, want string }{
		{"twice the same", "SELECT @a, @status, @a", "SELECT $1, $2, $1"},
		{"cast", "SELECT @a::int, '@a'::text", "SELECT $1::int, '@a'::text"},
		{"strings", `SELECT '@x''@y', E'\'@z', U&'@q', "@col", @a`, `SELECT '@x''@y', E'\'@z', U&'@q', "@col", $1`},
		{"an E string that goes on", "SELECT E'a'\n'\\'@x', @a", "SELECT E'a'\n'\\'@x', $1"},
		{"dollar quotes", "SELECT $$@x$$, $q$@y $$ @z$q$, @a", "SELECT $$@x$$, $q$@y $$ @z$q$, $1"},
		{"comments", "SELECT @a -- @x\n, /* @y /* @z */ @q */ @a", "SELECT $1 -- @x\n, /* @y /* @z */ @q */ $1"},
		{"operators", "SELECT a @> b, a <@ b, d @@ q, d @@ @a, j @? p, a<@b, @ -5, @-5", "SELECT a @> b, a <@ b, d @@ q, d @@ $1, j @? p, a<@b, @ -5, @-5"},
		{"no space before it", "SELECT 1 WHERE x=@a AND y>=@a AND z||@a", "SELECT 1 WHERE x=$1 AND y>=$1 AND z||$1"},
		{"right after a word", "SELECT x@a", "SELECT x $1"},
		{"a semicolon at the end", "SELECT 1; -- done", "SELECT 1"},
		{"a text that is a day's name", "SELECT 'today', 'now'::text, 'x' || 'today' FROM t WHERE due = @a", "SELECT 'today', 'now'::text, 'x' || 'today' FROM t WHERE due = $1"},
		{"a comment at the end", "SELECT 1 -- done", "SELECT 1 -- done"},
		{"words that look like writes", "SELECT update, substring(s for delete) FROM insert", "SELECT update, substring(s for delete) FROM insert"},
		{"in parentheses", "(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			q, faults := bind(c.sql, known)
			if len(faults) > 0 || q.sql != c.want {
				t.Fatalf("got %q %v, want %q", q.sql, faults, c.want)
			}
		})
	}
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql, what, hint string
		at              int
	}{
		{"SELECT @stats", "unknown variable @stats", `did you mean "status"?`, 7},
		{"SELECT $1", "$1 is not a variable", "write @name", 7},
		{"SELECT 'x", "the string that begins here does not end", "", 7},
		{"SELECT /* /* */", "the comment that begins here does not end", "", 7},
		{`SELECT "x`, "the quoted name that begins here", "", 7},
		{"SELECT $$x", "the string that begins here", "", 7},
		{"SELECT 1; SELECT 2", "a panel takes one query", "a panel of its own", 10},
		{"  ", "the query is empty", "SELECT", 0},
		{"-- nothing", "the query is empty", "SELECT", 0},
		{"INSERT INTO t VALUES (1)", "INSERT is not a query: a panel only reads", "SELECT", 0},
		{"drop table t", "DROP is not a query", "", 0},
		{"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "DELETE in WITH writes", "never writes", 11},
		{"WITH x AS MATERIALIZED (UPDATE t SET a = 1 RETURNING *) SELECT 1", "UPDATE in WITH writes", "", 24},
		{"SELECT * FROM t FOR UPDATE", "FOR UPDATE locks rows", "leave it out", 16},
		{"SELECT 'today'::date", "'today' would stay what it is", "current_date", 7},
		{"SELECT 'Now' :: timestamp with time zone", "'Now' would stay", "now()", 7},
		{"SELECT date 'yesterday'", "would stay", "", 12},
		{"SELECT timestamp with time zone 'now'", "would stay", "", 32},
		{"SELECT CAST('tomorrow' AS date)", "would stay", "", 12},
		{"SELECT x<@status", "can be read in two ways", "space", 8},
	} {
		t.Run(c.sql, func(t *testing.T) {
			t.Parallel()
			_, faults := bind(c.sql, texts("status"))
			if len(faults) != 1 || faults[0].at != c.at || !strings.Contains(faults[0].what, c.what) || !strings.Contains(faults[0].hint, c.hint) {
				t.Fatalf("got %+v, want %q (%q) at %d", faults, c.what, c.hint, c.at)
			}
		})
	}
}

func TestClockAndOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql            string
		clock, ordered bool
	}{
		{"SELECT now()", true, false},
		{"SELECT NOW ( )", true, false},
		{"SELECT pg_catalog.now()", true, false},
		{"SELECT 1 WHERE x > CURRENT_DATE ORDER BY 1", true, true},
		{"SELECT age(born) FROM t", true, false},
		{"SELECT random()", true, false},
		{"SELECT localtimestamp", true, false},
		{"SELECT clock_timestamp()", true, false},
		{"SELECT 'now()', \"now\", $$now()$$ -- now()\n/* current_date */", false, false},
		{"SELECT age, now, t.current_date FROM t", false, false},
		{"SELECT row_number() OVER (ORDER BY a) FROM (SELECT a FROM t ORDER BY a) t", false, false},
		{"WITH t AS (SELECT 1) SELECT * FROM t ORDER\nBY 1", false, true},
		{"SELECT 'order by'", false, false},
		{"(SELECT 1 ORDER BY 1)", false, true},
		{"((SELECT 1 ORDER BY 1));", false, true},
		{"(SELECT 1 ORDER BY 1) UNION ALL (SELECT 2 ORDER BY 1)", false, false},
		{"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", false, true},
		{"SELECT \"order\" AS by, array_agg(a ORDER BY a), x[1] FROM t WINDOW w AS (ORDER BY a)", false, false},
		{"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a), a.now, t.\"current_date\" FROM t", false, false},
		{"SELECT order_by FROM by -- ORDER BY x", false, false},
	} {
		q, faults := bind(c.sql, nil)
		if len(faults) > 0 || q.clock != c.clock || q.ordered != c.ordered {
			t.Errorf("%s: clock %t ordered %t faults %v", c.sql, q.clock, q.ordered, faults)
		}
	}
}

// texts are symbols of text variables.
func texts(names ...string) (all []symbol) {
	for _, name := range names {
		all = append(all, (&Variable{Name: name, Type: VariableText}).symbols()...)
	}
	return all
}

// pageAt is the page of an address, without a database.
func pageAt(def *definition, a address) (*Page, error) {
	variables, err := def.choose(a)
	if err != nil {
		return nil, err
	}
	return def.page(variables)
}

// FuzzBind holds what every text must keep: tokens cover it in order, and each
// byte of the bound text comes from a byte of the written one.
func FuzzBind(f *testing.F) {
	for _, s := range []string{"SELECT @a::int", "E'\\'' @a", "$t$ @a $t$", "/*/**/*/@a;", "a<@a", "\"@a", "x=@a--", "1@a$2", "U&'@a'", "x@b_to>@b_from,@a@b", "@b_from@b_from"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		at := 0
		for _, x := range lex(sql) {
			if x.start < at || x.end <= x.start || x.end > len(sql) || sql[x.start:x.end] != x.text {
				t.Fatalf("token %+v after %d", x, at)
			}
			at = x.end
		}
		q, faults := bind(sql, slices.Concat(texts("a"), (&Variable{Name: "b", Type: VariableRange}).symbols()))
		for _, fault := range faults {
			if fault.at < 0 || fault.at > len(sql) || fault.what == "" {
				t.Fatalf("fault %+v", fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		params := 0
		for _, x := range lex(q.sql) {
			switch x.kind {
			case tokenParam:
				params++
				if from := written(q.binds, x.start); sql[from] != '@' {
					t.Fatalf("%q at %d of %q comes from %d of %q", x.text, x.start, q.sql, from, sql)
				}
			case tokenVariable:
				t.Fatalf("variable left in %q", q.sql)
			default:
				if from := written(q.binds, x.start); !strings.HasPrefix(sql[from:], x.text) {
					t.Fatalf("%q at %d of %q comes from %d of %q", x.text, x.start, q.sql, from, sql)
				}
			}
		}
		if params != len(q.binds) {
			t.Fatalf("%d parameters for %d variables in %q", params, len(q.binds), q.sql)
		}
	})
}

// FuzzFile holds that no file breaks the reader, that every mistake has a place
// inside the file, and that a good one is complete.
func FuzzFile(f *testing.F) {
	for _, s := range []string{
		"title: x\npanels:\n- id: a\n  query: SELECT 1\n", "panels: [{id: a, query: 'SELECT ''1'}]", "a: &a [*a]", "? x\n: y",
		"panels:\n- {id: a, type: bar, query: |\n  SELECT}", "variables: [{name: a, options: [1, true]}]\npanels: [{id: x, query: SELECT @a}]",
		"panels: &p\n- id: a\n  query: >\n    SELECT\n\n    @x\n", "- - - -", "\r#\r0", "!!x y", "\"\\x", "panels: [{id: a, query: \"SELECT\\n\\u0040x\"}]",
	} {
		f.Add(s)
	}
	real, err := filepath.Glob("../internal/shop/dashboards/*.yaml")
	if err != nil || len(real) == 0 {
		f.Fatalf("the shop has no dashboards: %v", err)
	}
	for _, file := range real {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, source string) {
		def, problems := read("x.yaml", "x", source, limits{rows: 10, timeZone: "UTC"})
		if (def == nil) == (len(problems) == 0) {
			t.Fatalf("definition %v, problems %v", def, problems)
		}
		lines := strings.Split(strings.ReplaceAll(source, "\r", "\n"), "\n")
		for _, p := range problems {
			whole := strings.HasPrefix(p.What, "the file ") // is too large, not UTF-8, empty: it has no line for that
			if p.What == "" || p.Line < 0 || p.Line > len(lines)+1 || p.Line > 0 && p.Column < 1 || p.Line == 0 && !whole {
				t.Fatalf("problem %+v", p)
			}
		}
		if def == nil {
			return
		}
		p, err := pageAt(def, address{})
		if err != nil || len(p.Panels) == 0 {
			t.Fatalf("page %v: %v", p, err)
		}
		for _, n := range p.Panels {
			if n.ID == "" || n.SQL+n.Content == "" || n.Limit < 1 || n.Width < 1 || n.OptionsOf == "" && !slices.Contains(Types(), n.Type) {
				t.Fatalf("panel %+v", n)
			}
			for i := range n.SQL {
				n.Locate(i)
			}
		}
	})
}

// FuzzAddress holds that an address in its canonical form stays as it is.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"/d/shop?q=a+b&status=paid", "/d/%73hop?q=%C3%A4#x", "/t/public.%22Order%22?sort=-%22-a%22,b", "/d/x?q=%00", "/t/a.b?sort=,", "/d/shop?q=%zz",
		"/t/a.b?where=id.is.7&where=%22a.b%22.in.%22x,y%22,z&where=s.null&search=%20100%25&columns=%22-x%22,y&rows=50&page=3",
		"/t/a.b?where=x.in.,&where=x.has.", "/t/a.b?where=.is.x&page=0",
		"/d/shop?kinds=c&kinds=a&tags=y&tags=x&tags=x", "/d/shop?kinds=&n=+007.50&whole=", "/d/shop?day=2026-02-29&range=last-120m",
		"/d/shop?range=2026-11-20T10:00..2026-11-21&n=-0.0&whole=-9223372036854775808&day=2026-11-20", "/d/shop?range=today"} {
		f.Add(s)
	}
	def, problems := read("shop.yaml", "shop", `
variables:
  - {name: status, options: [all, paid]}
  - {name: q}
  - {name: kinds, multiple: true, options: [a, b, c], default: [a]}
  - {name: tags, multiple: true, query: SELECT 1}
  - {name: n, type: number}
  - {name: whole, type: integer, default: 7}
  - {name: day, type: date}
  - {name: range, type: range}
panels: [{id: a, query: SELECT 1}]`, limits{rows: 10, timeZone: "UTC"})
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		var canonical string
		if a.kind == KindDashboard {
			p, err := pageAt(def, a)
			if err != nil {
				return
			}
			canonical = p.Address
			b, err := parseAddress(canonical)
			if err != nil {
				t.Fatalf("%q from %q: %v", canonical, s, err)
			}
			again, err := pageAt(def, b)
			if err != nil || again.Address != canonical {
				t.Fatalf("%q from %q becomes %v: %v", canonical, s, again, err)
			}
			return
		}
		q, err := parseTableQuery(a)
		if err != nil {
			return
		}
		canonical = asked(a, q).address()
		if len(canonical) > longestAddress {
			return
		}
		b, err := parseAddress(canonical)
		if err != nil || b.schema != a.schema || b.table != a.table {
			t.Fatalf("%q from %q: %+v %v", canonical, s, b, err)
		}
		r, err := parseTableQuery(b)
		if err != nil || !slices.Equal(r.sort, q.sort) || len(r.where) != len(q.where) || r.search != q.search || !slices.Equal(r.columns, q.columns) {
			t.Fatalf("%q from %q asks for %+v, not %+v: %v", canonical, s, r, q, err)
		}
		if again := asked(b, r).address(); again != canonical {
			t.Fatalf("%q from %q leads to %q", canonical, s, again)
		}
	})
}

// asked is a table page of which nothing but its address is known.
func asked(a address, q tableQuery) *Table {
	for i := range q.where {
		if _, ok := parseItems(q.where[i].Value); !ok {
			q.where[i].Op = opIs // a list that would have been refused
		}
	}
	return &Table{
		quoted: quote(a.schema) + "." + quote(a.table), Sort: q.sort, DefaultSort: len(q.sort) == 0, Where: q.where, Search: q.search,
		Shown: q.columns, AllColumns: len(q.columns) == 0, Rows: q.rows, Page: q.page,
	}
}

// TestAddressesAreAsTheBrowserWritesThem holds dashboardAddress to the examples
// that the browser's code is held to.
func TestAddressesAreAsTheBrowserWritesThem(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../views/testdata/variables.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples struct {
		Cases []struct {
			Note, Name, Address string
			Multiple            bool
			Values, Defaults    []string
		}
	}
	if err := json.Unmarshal(data, &examples); err != nil || len(examples.Cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range examples.Cases {
		v := Variable{Name: c.Name, Multiple: c.Multiple, Values: c.Values, Defaults: c.Defaults}
		if got := dashboardAddress("x", []Variable{v}); got != c.Address {
			t.Errorf("%s: %s, want %s", c.Note, got, c.Address)
		}
	}
}
