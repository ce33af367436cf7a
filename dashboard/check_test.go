package dashboard_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// faulty are queries that PostgreSQL refuses, each in another style of YAML,
// marked where the mistake has to be found.
var faulty = []struct{ name, query, what, hint string }{
	{"plain", "SELECT ▸nme FROM people\n", `column "nme" does not exist`, ``},
	{"plain over lines", "SELECT 'é', id\n      FROM people\n\n      WHERE ▸nme = 1\n", `column "nme" does not exist`, ``},
	{"literal", "|\n      SELECT id, -- @who\n        @who::text, @who\n      FROM people WHERE\n        ▸nme = @n\n", `column "nme" does not exist`, ``},
	{"literal with its own indent", "|2-\n          SELECT @who::text,\n      ▸nme FROM people\n", `column "nme" does not exist`, ``},
	{"literal with characters beyond ASCII", "|\n      SELECT '日本 €', @who, '𝄞' AS \"ü\", ▸nme FROM people\n", `column "nme" does not exist`, ``},
	{"literal after empty lines", "|\n\n\n      SELECT\n\n        ▸nme FROM people\n", `column "nme" does not exist`, ``},
	{"folded", ">\n      SELECT @who,\n      @n + 1,\n\n      ▸nme\n      FROM people\n", `column "nme" does not exist`, ``},
	{"double quotes", `"SELECT @who,\n\t'\u00e9 \\ ', \"id\", ▸nme FROM people"` + "\n", `column "nme" does not exist`, ``},
	{"double quotes over lines", "\"SELECT @who,\n      @n + 1, \\\n      ▸nme FROM people\"\n", `column "nme" does not exist`, ``},
	{"single quotes", "'SELECT ''it''''s'', @who, ▸nme FROM people'\n", `column "nme" does not exist`, ``},
	{"syntax", "SELECT @who, id FRM ▸people WHERE x IN (1)\n", `syntax error at or near`, ``},
	{"table", "SELECT @who FROM ▸poeple\n", `relation "poeple" does not exist`, `did you mean people?`},
	{"the variable itself", "|\n      SELECT @n::int,\n      ▸@who IS NULL\n", `PostgreSQL cannot tell which type the variable has`, `say which type the variable has, as in @name::text`},
	{"a variable's type", "SELECT id FROM people WHERE @who::text ▸= id\n", `operator does not exist`, ``},
	{"insert", "|\n      ▸INSERT INTO people VALUES (1)\n", `INSERT is not a query: a panel only reads`, `write SELECT, WITH, VALUES or TABLE`},
	{"a function of DDL", "|\n      ▸TRUNCATE people\n", `TRUNCATE is not a query: a panel only reads`, `write SELECT, WITH, VALUES or TABLE`},
	{"insert in WITH", "|\n      WITH x AS (▸INSERT INTO people VALUES (1) RETURNING id) SELECT id FROM x\n", `INSERT in WITH writes: a panel only reads`,
		`rowcast never writes; let the program that owns the data do it`},
	{"two statements", "|\n      SELECT 1;\n      ▸SELECT 2\n", `a panel takes one query, and a second statement begins here`, `make it a panel of its own`},
	{"into", "SELECT id INTO ▸copy FROM people\n", ``, `a panel takes one query that only reads`},
	{"a string without an end", "|\n      SELECT ▸'x\n", `the string that begins here does not end`, ``},
}

// used leaves the notes about variables out: each query here names those that it needs.
func used(problems []dashboard.Problem) []dashboard.Problem {
	return slices.DeleteFunc(problems, func(p dashboard.Problem) bool { return strings.HasSuffix(p.What, "changes nothing") })
}

func TestCheckFindsThePlace(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE people (id int PRIMARY KEY, name text)`)
	for _, c := range faulty {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, line, column := marked("variables: [{name: n}, {name: who, default: 'a'}]\npanels:\n  - id: a\n    query: " + c.query)
			problems, err := dashboard.Check(context.Background(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
			if err != nil {
				t.Fatal(err)
			}
			problems = used(problems)
			if len(problems) != 1 {
				t.Fatalf("got %d problems %v, want one", len(problems), problems)
			}
			p := problems[0]
			if p.Line != line || p.Column != column {
				t.Errorf("found at %d:%d, want %d:%d\n%s", p.Line, p.Column, line, column, p.Excerpt)
			}
			if !strings.HasPrefix(p.What, c.what) || c.hint != "" && p.Hint != c.hint || p.Note {
				t.Errorf("says %q, %q; want %q, %q", p.What, p.Hint, c.what, c.hint)
			}
		})
	}
	n := 0
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM people").Scan(&n); err != nil || n > 0 {
		t.Errorf("the table has %d rows, want none: %v", n, err)
	}
}

// TestCheckTakesWhatRuns holds that queries of every form pass, above all those
// that a careless wrapper or lexer would break.
func TestCheckTakesWhatRuns(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE people (id int PRIMARY KEY, name text, tags text[], doc jsonb)`)
	for _, query := range []string{
		"SELECT 1 -- a comment ends it",
		"SELECT 1; -- and a semicolon",
		"SELECT id FROM people ORDER BY id DESC LIMIT 5",
		"VALUES (1, 'a'), (2, 'b')",
		"TABLE people",
		"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
		"WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t",
		"SELECT id FROM people WHERE tags @> ARRAY[@who] AND ARRAY[@who, 'x'] <@ tags AND doc @> '{\"a\": 1}' AND doc @? '$.a'",
		"SELECT @ -5 AS size, name ~ @who, name||@who, id=@n::int FROM people",
		"SELECT to_tsvector(name) @@ to_tsquery(@who) FROM people",
		"SELECT tags[1], tags[@n::int:2], '@who', \"name\" AS \"@who\", $$@who$$, E'\\'@who' FROM people",
		"SELECT sum(id) FILTER (WHERE name = @who) OVER (PARTITION BY name ORDER BY id) FROM people",
		"SELECT substring(name FOR 3), overlay(name PLACING 'x' FROM 1 FOR 2) FROM people",
		"SELECT U&'d\\0061t@who', N'@who', B'101', X'1F', 1.5e-3, .5",
		"SELECT CASE @who WHEN 'a' THEN 1 END, 5 % @n::int, 5-@n::int, 5/@n::int, (doc->@who), doc->>@who FROM people",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			file := "variables: [{name: n}, {name: who, default: 'a'}]\npanels:\n  - id: a\n    query: |\n      " + query + "\n"
			problems, err := dashboard.Check(context.Background(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
			if problems = used(problems); err != nil || len(problems) > 0 {
				t.Errorf("got %v, %v", problems, err)
			}
		})
	}
}

func TestCheckWithoutADatabase(t *testing.T) {
	t.Parallel()
	config := dashboard.Config{Source: source(map[string]string{
		"a.yaml": "panels:\n  - id: a\n    query: |\n      SELECT count(*) FROM orders\n      WHERE at > now()\n",
		"b.yaml": "panels:\n  - id: a\n    every: 5s\n    query: SELECT now()\n",
		"c.yaml": "panels: 1\n",
	})}
	problems, err := dashboard.Check(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 2 || problems[1].File != "c.yaml" || problems[1].Note {
		t.Fatalf("problems are %v", problems)
	}
	want := "a.yaml:4:7: the query names the clock, so it is read every 1 min; write every: to choose the pace"
	if note := problems[0]; !note.Note || note.String() != want {
		t.Errorf("note is %v, want %s", note, want)
	}
}

func TestCheckColumnsOfAChart(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	file, line, column := marked("panels:\n  - id: a\n    type: bar\n    query: SELECT 1 AS hour, 2 AS n\n    x: ▸huor\n    y: n\n")
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].Line != line || problems[0].Column != column ||
		problems[0].What != `x: the query has no column "huor"` || problems[0].Hint != `did you mean "hour"?` {
		t.Errorf("problems are %v, want one at %d:%d", problems, line, column)
	}
}

func TestCheckOfADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	db.Close()
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{
		"bad.yaml": "panels: 1\n", "good.yaml": board,
	})})
	if err == nil || len(problems) != 1 || problems[0].File != "bad.yaml" {
		t.Errorf("got %v, %v; want the mistake that was found, and an error", problems, err)
	}
}
