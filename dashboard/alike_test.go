package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
)

// found are mistakes that the file shows only beside the database, marked where
// they have to be found.
var found = []struct{ name, file, what, hint string }{
	{"x that is not there", chartFile("bar", "x: ▸dya"), `x: the query has no column "dya"`, `did you mean "day"?`},
	{"one y of a list", chartFile("bar", "y: [n, ▸m]"), `y: the query has no column "m"`, `did you mean "n"?`},
	{"y that holds no numbers", chartFile("line", "y: ▸status"), `y: the column "status" holds no numbers (it is text)`, `numbers are in n, took and owed`},
	{"series that is not there", chartFile("area", "series: ▸stats"), `series: the query has no column "stats"`, `did you mean "status"?`},
	{"window along names", "panels:\n  - id: a\n    type: line\n    query: SELECT status, n FROM days\n    window: ▸15m\n", `window: the column "status" holds no times (it is text)`, `let the column along the axis be a date or a timestamp`},
	{"nothing to draw", "panels:\n  - id: a\n    type: donut\n    query: ▸SELECT status FROM days\n", `the query has no column of numbers to draw`, `select a number, as in count(*) AS n`},
	{"only the axis holds numbers", "panels:\n  - id: a\n    type: bar\n    query: ▸SELECT n, status FROM days\n", `the query has no column of numbers to draw`, `select a number, as in count(*) AS n`},
	{"a maximum of no numbers", "panels:\n  - id: a\n    type: gauge\n    query: SELECT n, status FROM days\n    max: ▸status\n", `max: the column "status" holds no numbers (it is text)`, `numbers are in n`},
	{"a comparison with no number", "panels:\n  - id: a\n    type: stat\n    query: SELECT n, status FROM days\n    compare: ▸status\n", `compare: the column "status" holds no numbers (it is text)`, `numbers are in n`},
	{"a comparison with nothing", "panels:\n  - id: a\n    type: stat\n    query: SELECT n FROM days\n    compare: ▸before\n", `compare: the query has no column "before"`, `there is n`},
	{"a format of no column", "panels:\n  - id: a\n    query: SELECT n FROM days\n    columns: {n: {unit: EUR}, ▸m: {unit: EUR}}\n", `columns: the query has no column "m"`, `did you mean "n"?`},
	{"a link from no column", "panels:\n  - id: a\n    query: SELECT n FROM days\n    columns: {n: {link: ▸'/t/public.days?where=n.is.{m}'}}\n", `link: the query has no column "m"`, `did you mean "n"?`},
	{"a key of no column", "panels:\n  - id: a\n    query: SELECT n FROM days\n    key: ▸id\n", `key: the query has no column "id"`, `there is n`},
	{"a default of another type", "variables: [{name: n, options: [all, 1], default: all}]\npanels:\n  - id: a\n    query: SELECT n FROM days WHERE n = ▸@n\n", `@n cannot be "all" here: invalid input syntax for type integer: "all"`, `compare it as a text, as in id::text = @n, or leave that value out`},
	{"an option of another type", "variables: [{name: d, options: [2026-11-20, never]}]\npanels:\n  - id: a\n    query: |\n      SELECT n FROM days\n      WHERE day = ▸@d\n", `@d cannot be "never" here: invalid input syntax for type date: "never"`, `compare it as a text, as in id::text = @d, or leave that value out`},
	{"a table of a name that is alike", "panels:\n  - id: a\n    query: SELECT n FROM ▸dyas\n", `relation "dyas" does not exist`, `did you mean days?`},
	{"a column of a name that is alike", "panels:\n  - id: a\n    query: SELECT ▸stats FROM days\n", `column "stats" does not exist`, `Perhaps you meant to reference the column "days.status"`},
	{"a table that the role may not read", "panels:\n  - id: a\n    query: SELECT n FROM ▸secrets\n", `permission denied for table secrets`, `grant SELECT to the role that rowcast connects as`},
	{"two types that do not compare", "panels:\n  - id: a\n    query: SELECT n FROM days WHERE day ▸= n\n", `operator does not exist: date = integer`, `No operator matches the given name and argument types. You might need to add explicit type casts`},
	{"a function that is not there", "panels:\n  - id: a\n    query: SELECT ▸summ(n) FROM days\n", `function summ(integer) does not exist`, `No function matches the given name and argument types. You might need to add explicit type casts`},
	{"a column that is not grouped", "panels:\n  - id: a\n    query: SELECT ▸status, count(*) FROM days\n", `column "days.status" must appear in the GROUP BY clause or be used in an aggregate function`, ``},
	{"watch of no table", "panels:\n  - id: a\n    query: SELECT n FROM days\n    watch: ▸nowhere\n", `watch: there is no table "nowhere"`, ``},
	{"a query that writes", "panels:\n  - id: a\n    query: ▸DELETE FROM days\n", `DELETE is not a query: a panel only reads`, `write SELECT, WITH, VALUES or TABLE`},
	{"two queries", "panels:\n  - id: a\n    query: SELECT 1; ▸SELECT 2\n", `a panel takes one query, and a second statement begins here`, `make it a panel of its own`},
	{"a misspelt field", "panels:\n  - id: a\n    ▸qeury: SELECT 1\n", `a panel has no field "qeury"`, `did you mean "query"?`},
	{"a tab", "panels:\n  - id: a\n▸\tquery: SELECT 1\n", `not YAML: `, `YAML indents with spaces, never with tabs`},
}

func chartFile(typ, field string) string {
	return "panels:\n  - id: a\n    type: " + typ + "\n    query: SELECT day, status, n, took, owed FROM days\n    " + field + "\n"
}

// TestPagesAndCheckSayTheSame breaks a dashboard in each of these ways: readers
// keep the last good version, which says of the mistake what rowcast check says
// of it, and where; and it is gone a moment after it was mended.
func TestPagesAndCheckSayTheSame(t *testing.T) {
	t.Parallel()
	owner := database(t, `CREATE TABLE days (day date, status text, n int, took interval, owed money); CREATE TABLE secrets (n int)`)
	db := reader(t, owner, "days")
	good := map[string]string{}
	for i := range found {
		good[fmt.Sprintf("d%d.yaml", i)] = "title: Good\n" + board
	}
	f := followIn(t, dashboard.Config{DB: db}, good)
	broken := map[string]string{}
	for i, m := range found {
		broken[fmt.Sprintf("d%d.yaml", i)], _, _ = marked(m.file)
	}
	f.all(broken)
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Dir: f.dir})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range found {
		slug := fmt.Sprintf("d%d", i)
		_, line, column := marked(m.file)
		p := page(t, f.book, "/d/"+slug)
		if p.Title != "Good" || p.Problem == nil {
			t.Errorf("%s: the page is %q, and says %v", m.name, p.Title, p.Problem)
			continue
		}
		said := *p.Problem
		if !strings.HasPrefix(said.What, m.what) || said.Hint != m.hint || said.Line != line || said.Column != column || said.Excerpt == "" {
			t.Errorf("%s: the page says %v, %q; want %s:%d:%d: %s, %q", m.name, said, said.Hint, slug, line, column, m.what, m.hint)
		}
		same := 0
		for _, q := range problems {
			if q.File == slug+".yaml" && !q.Note {
				if same++; q != said {
					t.Errorf("%s: the page says %v, and rowcast check %v", m.name, said, q)
				}
			}
		}
		if same != 1 {
			t.Errorf("%s: rowcast check tells %d mistakes", m.name, same)
		}
	}
	for name := range good {
		good[name] = "title: Mended\n" + board
	}
	began := time.Now()
	f.all(good)
	t.Logf("%d dashboards are mended after %v", len(good), time.Since(began))
	for i := range found {
		if p := page(t, f.book, fmt.Sprintf("/d/d%d", i)); p.Title != "Mended" || p.Problem != nil {
			t.Errorf("the mended page is %q, and says %v", p.Title, p.Problem)
		}
	}
}

// reader connects as a role that may read one table.
func reader(t *testing.T, owner extended.Pool, table string) extended.Pool {
	t.Helper()
	config := owner.Config()
	role := "reader of " + config.ConnConfig.Database
	exec(t, owner, fmt.Sprintf(`CREATE ROLE %[1]q LOGIN; GRANT SELECT ON %[2]q TO %[1]q`, role, table))
	t.Cleanup(func() { exec(t, owner, fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role)) })
	config.ConnConfig.User = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return extended.Pool{Pool: pool}
}

// all replaces files, and waits until each of them is told of.
func (f *followed) all(files map[string]string) {
	f.Helper()
	left := map[string]bool{}
	for name, text := range files {
		f.replace(name, text)
		left[strings.TrimSuffix(name, ".yaml")] = true
	}
	for len(left) > 0 {
		select {
		case slugs := <-f.changed:
			for _, slug := range slugs {
				delete(left, slug)
			}
		case <-time.After(10 * time.Second):
			f.Fatalf("nothing is told of %v", left)
		}
	}
}

// TestFormatsThatChangeNothingAreNoted holds that what is said of a column's
// numbers is noted where it holds none.
func TestFormatsThatChangeNothingAreNoted(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	const file = "panels:\n  - id: a\n    query: SELECT 'x' AS name, interval '1 h' AS took, 2::money AS owed, 1 AS n\n    columns:\n      name: {format: percent}\n      took: {bar: true}\n      owed: {thresholds: {5: red}}\n      n: {format: bytes}\n"
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
	if err != nil || len(problems) != 1 || !problems[0].Note || problems[0].Line != 5 || !strings.HasPrefix(problems[0].What, `columns: "name" holds no numbers (it is text)`) {
		t.Errorf("got %v, %v; want a note on the name", problems, err)
	}
}
