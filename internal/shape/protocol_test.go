package shape_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// free may do what the server may not: they run beside a database that is theirs.
var free = []string{"internal/", "e2e", "bench"}

// bound are the files of a package that may not; of one that is free there are none.
func bound(t *testing.T, p pkg) (files *token.FileSet, parsed []*ast.File) {
	t.Helper()
	files = token.NewFileSet()
	name := strings.TrimPrefix(p.ImportPath, module)
	if slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(name, f) }) {
		return files, nil
	}
	for _, file := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	return files, parsed
}

// PostgreSQL's simple protocol takes several statements in one text, and values
// pasted into it. pgx takes it where it is asked to, and by itself for what has no
// arguments, whatever it is told; package extended is there for those.
func TestNoSimpleProtocol(t *testing.T) {
	looked := 0
	for _, p := range packages(t) {
		files, parsed := bound(t, p)
		for _, f := range parsed {
			for at, what := range simple(f) {
				t.Errorf("%s: %s", files.Position(at), what)
			}
			looked += calls(f)
		}
	}
	if looked < 10 {
		t.Errorf("only %d calls were seen that might: the test tests nothing", looked)
	}
}

// The rule finds what it is for.
func TestSimpleProtocolIsFound(t *testing.T) {
	for text, want := range map[string]int{
		`c.Exec(ctx, sql)`:                                              1,
		`c.Exec(ctx, "SELECT 1")`:                                       1,
		`c.Exec(ctx, sql, pgx.QueryExecModeExec)`:                       1,
		`c.Exec(ctx, sql, plain)`:                                       1,
		`c.Query(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol)`:     1,
		`c.PgConn().Exec(ctx, "SELECT 1")`:                              1,
		`config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol`: 1,
		`c.Begin(ctx)`:                                                  1,
		`c.BeginTx(ctx, pgx.TxOptions{})`:                               1,
		`pgx.BeginFunc(ctx, c, work)`:                                   1,
		`pgx.BeginTxFunc(ctx, c, o, work)`:                              1,
		`c.Ping(ctx)`:                                                   1,
		`c.CopyFrom(ctx, name, columns, of)`:                            1,
		`c.PgConn().CopyTo(ctx, w, sql)`:                                1,
		`stdlib.OpenDB(config)`:                                         1,
		`sql.Open("pgx", url)`:                                          1,
		`c.Exec(ctx, sql, one)`:                                         0,
		`c.Query(ctx, sql)`:                                             0,
		`extended.Exec(ctx, c, sql)`:                                    0,
		`db.Begin(ctx, extended.ReadOnly)`:                              0,
		`extended.Begin(ctx, c, kind)`:                                  0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \"github.com/jackc/pgx/v5\"\nfunc f() { "+text+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := simple(f); len(found) != want {
			t.Errorf("%s: found %v", text, found)
		}
	}
}

// simple says what in a file would go by the simple protocol, and where.
func simple(f *ast.File) map[token.Pos]string {
	found := map[token.Pos]string{}
	if !asksPostgres(f) {
		return found
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && strings.Contains(s.Sel.Name, "SimpleProtocol") {
			found[s.Pos()] = "the simple protocol is asked for"
		}
		call, of, method := called(n)
		switch method {
		case "BeginTx", "BeginFunc", "BeginTxFunc", "Ping", "CopyFrom", "CopyTo":
			found[call.Pos()] = method + " is the simple protocol"
		case "OpenDB", "Open":
			if what := of + "." + method; what == "stdlib.OpenDB" || what == "sql.Open" {
				found[call.Pos()] = what + " has a driver that takes the simple protocol"
			}
		case "Begin":
			if len(call.Args) == 1 {
				found[call.Pos()] = "pgx begins by the simple protocol; extended.Begin does not"
			}
		case "Exec":
			if of != "extended" && (of == "PgConn" || len(call.Args) < 2 || len(arguments(call.Args[2:])) == 0) {
				found[call.Pos()] = "without arguments Exec is the simple protocol; extended.Exec is not"
			}
		}
		return true
	})
	return found
}

// asksPostgres tells whether a file imports what may ask PostgreSQL.
func asksPostgres(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		return strings.Contains(i.Path.Value, "/pgx/") || strings.Contains(i.Path.Value, "internal/extended") || i.Path.Value == `"database/sql"`
	})
}

// arguments are those of a call that go to PostgreSQL, of those after its text.
func arguments(all []ast.Expr) []ast.Expr {
	return slices.DeleteFunc(slices.Clone(all), func(a ast.Expr) bool {
		if i, ok := a.(*ast.Ident); ok {
			return i.Name == "plain"
		}
		s, ok := a.(*ast.SelectorExpr)
		return ok && strings.HasPrefix(s.Sel.Name, "QueryExecMode")
	})
}

// called is a call of a method or a package's function, what it is of as far as that
// has a name, and its own name.
func called(n ast.Node) (call *ast.CallExpr, of, method string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil, "", ""
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, "", ""
	}
	switch x := s.X.(type) {
	case *ast.Ident:
		of = x.Name
	case *ast.CallExpr:
		if s, ok := x.Fun.(*ast.SelectorExpr); ok {
			of = s.Sel.Name
		}
	}
	return call, of, s.Sel.Name
}

func calls(f *ast.File) (n int) {
	ast.Inspect(f, func(node ast.Node) bool {
		if _, _, method := called(node); (method == "Exec" || method == "Begin") && asksPostgres(f) {
			n++
		}
		return true
	})
	return n
}
