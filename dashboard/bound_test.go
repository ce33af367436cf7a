package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// pieces are what PostgreSQL reads as one thing, and what is a variable in it.
var pieces = []struct {
	sql       string
	variables int
}{
	{"@a", 1}, {"(@a)", 1}, {"@a::text", 1}, {"@a||@b", 2}, {"'@a'", 0}, {"'it''s @a'", 0}, {"E'\\'@a'", 0}, {"E'\\\\'||@a", 1},
	{"E'x'\n  '@a\\''", 0}, {"$$@a$$", 0}, {"$x$ $$ @a $y$ $x$", 0}, {"U&'\\0040a'", 0}, {"N'@a'", 0}, {"(SELECT 1 AS \"@a\")::text", 0},
	{"'x' /* @a /* @b */ */", 0}, {"'x' -- @a '\n", 0}, {"'a' /* ' */ || @b", 1}, {"'a' -- \"\n || @b", 1}, {"(@ -5)::text", 0},
	{"(ARRAY[1] @> ARRAY[2])::text", 0}, {"(ARRAY[1]<@ARRAY[2])::text", 0}, {"(to_tsvector('a')@@to_tsquery('a'))::text", 0},
	{"(ARRAY[@a]@>ARRAY[@b])::text", 2}, {"(ARRAY['a',@a])[1]", 1}, {"('{\"a\":1}'::jsonb @? '$.a')::text", 0}, {"('{}'::jsonb->>@a)", 1},
	{"(@a=@b)::text", 2}, {"(@a<>@b)::text", 2}, {"(1-@a::int)::text", 1}, {"(1*@a::int)::text", 1}, {"CASE WHEN @a='x' THEN @b END", 2},
	{"concat(@a::text,@b::text)", 2}, {"(@a ~~@b)::text", 2}, {"1e5::text", 0}, {"(1.5+.5)::text", 0}, {"x'1F'::text", 0}, {"(SELECT @a)", 1},
	{"(0<@a::int)::text", -1}, // as good as "0 <@ a": it has to be refused
}

// TestPostgreSQLReadsWhatIsBound holds, piece by piece and in chains of pieces,
// that PostgreSQL sees as many parameters as there are variables, and no @.
func TestPostgreSQLReadsWhatIsBound(t *testing.T) {
	t.Parallel()
	conn, err := database(t, "").Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	check := func(name, query string, variables int) {
		file := "variables: [{name: a, default: '1'}, {name: b, default: x}]\npanels:\n  - id: a\n    query: |\n"
		for line := range strings.SplitSeq(query, "\n") {
			file += "      " + line + "\n"
		}
		b := open(t, nil, map[string]string{"x.yaml": file})
		if variables < 0 {
			if p := b.Problems(); len(p) != 1 || !strings.Contains(p[0].What, "can be read in two ways") {
				t.Errorf("%s: problems are %v", query, p)
			}
			return
		}
		if p := b.Problems(); len(p) > 0 {
			t.Errorf("%s: %v", query, p)
			return
		}
		p := page(t, b, "/d/x").Panels[0]
		desc, err := conn.Conn().PgConn().Prepare(t.Context(), "", p.SQL, nil)
		if err != nil {
			t.Errorf("%s becomes %s: %v", query, p.SQL, err)
			return
		}
		if len(desc.ParamOIDs) != len(p.Args) || len(p.Args) != variables {
			t.Errorf("%s has %d arguments for %d parameters, want %d", query, len(p.Args), len(desc.ParamOIDs), variables)
		}
		for i, arg := range p.Args {
			if arg == nil || *arg != "1" && *arg != "x" {
				t.Errorf("%s: argument %d is wrong", name, i+1)
			}
		}
	}
	for _, piece := range pieces {
		check(piece.sql, "SELECT "+piece.sql, piece.variables)
	}
	for i, first := range pieces {
		second := pieces[(i*7+3)%len(pieces)]
		if first.variables < 0 || second.variables < 0 {
			continue
		}
		query := fmt.Sprintf("SELECT (%s\n)::text || (%s\n)::text", first.sql, second.sql)
		check(query, query, countVariables(first.sql, second.sql, first.variables, second.variables))
	}
}

// countVariables counts a variable of both pieces once.
func countVariables(first, second string, n, m int) int {
	switch {
	case n == 0 || m == 0:
		return n + m
	case n == 2 || m == 2:
		return 2
	}
	if strings.Contains(first, "@a") == strings.Contains(second, "@a") {
		return 1
	}
	return 2
}

func TestOneVariableManyTimes(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x.yaml": `
variables: [{name: a, default: '1'}, {name: b, default: '2'}, {name: unused}]
panels:
  - {id: one, query: "SELECT @b, @a, @b, @a"}
  - {id: two, query: "SELECT 'no variables'"}
  - {id: three, query: "SELECT @A"}
`})
	if p := b.Problems(); len(p) != 1 || p[0].What != "unknown variable @A" || p[0].Hint != `did you mean "a"?` {
		t.Errorf("problems are %v: names have their case", p)
	}
	b = open(t, nil, map[string]string{"x.yaml": `
variables: [{name: a, default: '1'}, {name: b, default: '2'}, {name: unused}]
panels:
  - {id: one, query: "SELECT @b, @a, @b, @a"}
  - {id: two, query: "SELECT 'no variables'"}
`})
	p := page(t, b, "/d/x?a=7")
	one, two := p.Panels[0], p.Panels[1]
	if one.SQL != "SELECT $1, $2, $1, $2" || len(one.Args) != 2 || *one.Args[0] != "2" || *one.Args[1] != "7" || len(two.Args) != 0 {
		t.Errorf("bound to %q %v", one.SQL, one.Args)
	}
	if one.Locate(8) != (dashboard.Pos{File: "x.yaml", Line: 4, Column: 30}) || one.Locate(12).Column != 34 {
		t.Errorf("places are %v and %v", one.Locate(8), one.Locate(12))
	}
	// A page belongs to its caller: what that does with it changes no other.
	p.Panels[0].SQL, p.Variables[0].Values[0] = "broken", "broken"
	if again := page(t, b, "/d/x?a=7"); again.Panels[0].SQL == "broken" || again.Variables[0].Value() != "7" {
		t.Error("two callers share a page")
	}
}
