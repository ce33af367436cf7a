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

// doors are who opens sessions: all of one configuration, whose messages are
// counted as they pass.
var doors = map[string][]string{
	"ParseConfig":        {"cmd/rowcast/connect.go", "cmd/rowcast/serve.go"},
	"ConnectConfig":      {"cmd/rowcast/connect.go"},
	"NewWithConfig":      {"internal/extended/pool.go"}, // of configurations that it is given
	"GetConnector":       {"internal/extended/sql.go"},
	"OpenDB":             {},
	"Connect":            {},
	"ConnectWithOptions": {},
	"New":                {},
}

// free may do what the server may not: they run beside a database that is theirs.
var free = []string{"internal/node", "internal/pgtest", "internal/postgres", "internal/proxy", "internal/shape", "internal/shop", "e2e", "bench"}

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

// What the database is asked is counted below all who ask, by the messages that
// pass through pgproto3's Frontend. So nobody opens a session of another making,
// and nobody sends what goes past the Frontend, as pgconn's batches do.
func TestEverySessionIsCounted(t *testing.T) {
	found := 0
	for _, p := range packages(t) {
		files, parsed := bound(t, p)
		for _, f := range parsed {
			for _, s := range uncounted(f) {
				found++
				at := files.Position(s.Pos())
				if file := strings.TrimPrefix(p.ImportPath, module) + "/" + filepath.Base(at.Filename); !slices.Contains(doors[s.Sel.Name], file) {
					t.Errorf("%s: %s would not be counted", at, s.Sel.Name)
				}
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d calls were seen: the test tests nothing", found)
	}
}

// uncounted are the calls of a file that open sessions, or send past the Frontend.
func uncounted(f *ast.File) (list []*ast.SelectorExpr) {
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		_, opens := doors[s.Sel.Name]
		on, _ := s.X.(*ast.Ident)
		opens = opens && on != nil && slices.Contains([]string{"pgx", "pgconn", "pgxpool", "stdlib"}, on.Name)
		if opens || slices.Contains([]string{"SendBatch", "ExecBatch"}, s.Sel.Name) {
			list = append(list, s)
		}
		return true
	})
	return list
}

// The rule finds what it is for.
func TestUncountedIsFound(t *testing.T) {
	for text, want := range map[string]int{
		`pgx.Connect(ctx, url)`:             1,
		`pgconn.ConnectConfig(ctx, config)`: 1,
		`pgxpool.New(ctx, url)`:             1,
		`conn.SendBatch(ctx, b)`:            1,
		`conn.PgConn().ExecBatch(ctx, b)`:   1,
		`l.config.Connect(ctx, "listen")`:   0,
		`dashboard.New(c)`:                  0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() { "+text+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(uncounted(f)); n != want {
			t.Errorf("%s: found %d", text, n)
		}
	}
}
