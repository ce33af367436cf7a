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
// pasted into it. So nothing asks for it; and since pgx uses it for Exec without
// arguments, what is executed so is a constant text.
func TestNoSimpleProtocol(t *testing.T) {
	looked := 0
	for _, p := range packages(t) {
		files, parsed := bound(t, p)
		constants := map[string]bool{}
		for _, f := range parsed {
			for name := range constantsOf(f) {
				constants[name] = true
			}
		}
		for _, f := range parsed {
			for at, what := range simple(f, constants) {
				t.Errorf("%s: %s", files.Position(at), what)
			}
			looked += calls(f)
		}
	}
	if looked < 10 {
		t.Errorf("only %d calls of Exec were seen: the test tests nothing", looked)
	}
}

// The rule finds what it is for.
func TestSimpleProtocolIsFound(t *testing.T) {
	for text, want := range map[string]int{
		`c.Exec(ctx, sql)`:                                              1,
		`c.Exec(ctx, sql, pgx.QueryExecModeExec)`:                       1,
		`c.Exec(ctx, "LOCK TABLE "+name)`:                               1,
		`c.Query(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol)`:     1,
		`c.PgConn().Exec(ctx, "SELECT 1")`:                              1,
		`conn.ExecBatch(ctx, b)`:                                        0,
		`config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol`: 1,
		`c.Exec(ctx, "SELECT 1")`:                                       0,
		`c.Exec(ctx, fixed)`:                                            0,
		`c.Exec(ctx, fixed+" WHERE true")`:                              0,
		`c.Exec(ctx, sql, one)`:                                         0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nconst fixed = `SELECT 1`\nfunc f() { "+text+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := simple(f, constantsOf(f)); len(found) != want {
			t.Errorf("%s: found %v", text, found)
		}
	}
}

// simple says what in a file would go by the simple protocol, and where.
func simple(f *ast.File, constants map[string]bool) map[token.Pos]string {
	found := map[token.Pos]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && strings.Contains(s.Sel.Name, "SimpleProtocol") {
			found[s.Pos()] = "the simple protocol is asked for"
		}
		call, method := execution(n)
		if call == nil {
			return true
		}
		if on, ok := method.X.(*ast.CallExpr); ok {
			if s, ok := on.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "PgConn" {
				found[call.Pos()] = "PgConn().Exec is the simple protocol; ExecParams is not"
				return true
			}
		}
		arguments := slices.DeleteFunc(slices.Clone(call.Args[2:]), func(a ast.Expr) bool {
			s, ok := a.(*ast.SelectorExpr)
			return ok && strings.HasPrefix(s.Sel.Name, "QueryExecMode") || isIdent(a, "plain")
		})
		if len(arguments) == 0 && !constant(call.Args[1], constants) {
			found[call.Pos()] = "without arguments Exec is the simple protocol, and this text is made at run time; Query is not"
		}
		return true
	})
	return found
}

// execution is a call of a method Exec with a context and a text.
func execution(n ast.Node) (*ast.CallExpr, *ast.SelectorExpr) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return nil, nil
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Exec" {
		return nil, nil
	}
	return call, method
}

func calls(f *ast.File) (n int) {
	ast.Inspect(f, func(node ast.Node) bool {
		if call, _ := execution(node); call != nil {
			n++
		}
		return true
	})
	return n
}

func constant(e ast.Expr, constants map[string]bool) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return constants[e.Name]
	case *ast.BinaryExpr:
		return constant(e.X, constants) && constant(e.Y, constants)
	}
	return false
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// constantsOf are the names of a file's constants, wherever they are declared.
func constantsOf(f *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
			for _, s := range d.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					names[name.Name] = true
				}
			}
		}
		return true
	})
	return names
}
