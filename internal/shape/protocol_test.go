package shape_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const pgxPath = "github.com/jackc/pgx/v5"

// apart are the packages of the program that may take the simple protocol: the one that
// keeps all others from it, and those of the demo, whose database is its own.
var apart = []string{module + "internal/extended", module + "internal/postgres", module + "internal/shop"}

// PostgreSQL's simple protocol takes several statements in one text, and values
// pasted into it. pgx takes it where it is asked to, and by itself for what has no
// arguments, whatever it is told; package extended is there for those.
func TestNoSimpleProtocol(t *testing.T) {
	program := linked(t)
	looked := 0
	for _, p := range program.ours {
		if slices.Contains(apart, p.ImportPath) {
			continue
		}
		looked++
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(program.files, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		for at, what := range program.simple(t, p.ImportPath, files) {
			t.Errorf("%s: %s", program.files.Position(at), what)
		}
	}
	if looked < 10 {
		t.Errorf("only %d packages were looked at: the test tests nothing", looked)
	}
}

// The rule finds what it is for.
func TestSimpleProtocolIsFound(t *testing.T) {
	program := linked(t)
	for text, want := range map[string]bool{
		`c.Exec(ctx, sql)`:                                           true,
		`c.Exec(ctx, sql, args...)`:                                  true,
		`c.Exec(ctx, sql, pgx.NamedArgs{})`:                          true,
		`f := c.Exec; _ = f`:                                         true,
		`own.Exec(ctx, sql)`:                                         true,
		`p.Exec(ctx, sql, 1)`:                                        true,
		`p.Pool.Exec(ctx, sql, 1)`:                                   true,
		`p.Pool.Begin(ctx)`:                                          true,
		`c.Begin(ctx)`:                                               true,
		`c.BeginTx(ctx, pgx.TxOptions{})`:                            true,
		`pgx.BeginFunc(ctx, c, nil)`:                                 true,
		`pgx.BeginTxFunc(ctx, c, pgx.TxOptions{}, nil)`:              true,
		`c.Ping(ctx)`:                                                true,
		`p.Ping(ctx)`:                                                true,
		`c.PgConn().Exec(ctx, sql)`:                                  true,
		`c.PgConn().CheckConn()`:                                     true,
		`c.CopyFrom(ctx, nil, nil, nil)`:                             true,
		`c.PgConn().CopyTo(ctx, nil, sql)`:                           true,
		`pgxpool.New(ctx, sql)`:                                      true,
		`pgxpool.NewWithConfig(ctx, nil)`:                            true,
		`stdlib.OpenDB(*c.Config())`:                                 true,
		`stdlib.OpenDBFromPool(p.Pool)`:                              true,
		`stdlib.GetConnector(*c.Config())`:                           true,
		`stdsql.Open("pgx", sql)`:                                    true,
		`stdsql.OpenDB(nil)`:                                         true,
		`c.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)`:         true,
		`c.Query(ctx, sql, pgx.QueryExecMode(5))`:                    true,
		`c.Query(ctx, "")`:                                           true,
		`c.Config().DefaultQueryExecMode = 5`:                        true,
		`c.Query(ctx, sql)`:                                          false,
		`c.Query(ctx, sql, pgx.QueryExecModeExec)`:                   false,
		`c.QueryRow(ctx, sql)`:                                       false,
		`c.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)`:        false,
		`extended.Exec(ctx, c, sql)`:                                 false,
		`extended.Begin(ctx, c, extended.Plain)`:                     false,
		`p.Begin(ctx, extended.Plain)`:                               false,
		`db := extended.OpenDB(c.Config()); db.ExecContext(ctx, "")`: false,
	} {
		f, err := parser.ParseFile(program.files, "x.go", fmt.Sprintf(`package x
import ("context"; stdsql "database/sql"; %[1]q; %[2]q; %[3]q; "github.com/jackc/pgx/v5/pgconn"; %[4]q)
var (_ = stdsql.ErrNoRows; _ = stdlib.Conn{}; _ = pgxpool.Config{}; _ pgconn.CommandTag; _ extended.Tx)
type owner interface { Exec(context.Context, string, ...any) (pgconn.CommandTag, error) }
func f(ctx context.Context, c *pgx.Conn, p extended.Pool, own owner, sql string, args []any) { %[5]s }`,
			pgxPath, pgxPath+"/pgxpool", pgxPath+"/stdlib", module+"internal/extended", text), 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := program.simple(t, "x", []*ast.File{f}); len(found) > 0 != want {
			t.Errorf("%s: found %v", text, found)
		}
	}
}

// program is what cmd/rowcast is linked from.
type program struct {
	files   *token.FileSet
	ours    []pkg
	imports types.Importer
}

func linked(t *testing.T) *program {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export", "./cmd/rowcast")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	p, exports := &program{files: token.NewFileSet()}, map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var one struct {
			pkg
			Export string
		}
		if err := dec.Decode(&one); err != nil {
			t.Fatal(err)
		}
		exports[one.ImportPath] = one.Export
		if strings.HasPrefix(one.ImportPath, module) {
			p.ours = append(p.ours, one.pkg)
		}
	}
	p.imports = importer.ForCompiler(p.files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return p
}

// simple says what in a package would go by the simple protocol, and where.
func (p *program) simple(t *testing.T, path string, files []*ast.File) map[token.Pos]string {
	t.Helper()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	if _, err := (&types.Config{Importer: p.imports}).Check(path, p.files, files, info); err != nil {
		t.Fatalf("check types of %s: %v", path, err)
	}
	found := map[token.Pos]string{}
	for name, used := range info.Uses {
		if what := refused(used); what != "" {
			found[name.Pos()] = what
		}
	}
	for e, of := range info.Types {
		if of.Value != nil && of.Type.String() == pgxPath+".QueryExecMode" && of.Value.String() == simpleMode(p) {
			if _, ok := e.(*ast.Ident); !ok { // the name within a selector is the same once more
				found[e.Pos()] = "the simple protocol is asked for"
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && asks(info, call) && len(call.Args) > 1 {
				if text := info.Types[call.Args[1]].Value; text != nil && text.String() == `""` {
					found[call.Pos()] = "pgx asks nothing by the simple protocol"
				}
			}
			return true
		})
	}
	return found
}

// refused says why nothing but package extended may use a function.
func refused(used types.Object) string {
	f, ok := used.(*types.Func)
	if !ok || f.Pkg() == nil {
		return ""
	}
	path := f.Pkg().Path()
	switch {
	case path == pgxPath+"/stdlib", path == "database/sql" && (f.Name() == "Open" || f.Name() == "OpenDB"):
		return "database/sql takes the simple protocol; extended.OpenDB does not"
	case path == pgxPath+"/pgxpool" && strings.HasPrefix(f.Name(), "New"):
		return "a pool looks at its sessions by the simple protocol; extended.NewPool does not"
	case strings.HasPrefix(path, pgxPath) && slices.Contains([]string{"Ping", "CheckConn", "CopyFrom", "CopyTo", "BeginFunc", "BeginTxFunc"}, f.Name()):
		return f.Name() + " is the simple protocol"
	}
	results := f.Signature().Results()
	for i := range results.Len() {
		switch of := strings.TrimPrefix(results.At(i).Type().String(), "*"); {
		case f.Name() == "Exec" && (of == pgxPath+"/pgconn.CommandTag" || of == pgxPath+"/pgconn.MultiResultReader"):
			return "Exec takes the simple protocol where it has no arguments; extended.Exec does not"
		case of == pgxPath+".Tx", of == pgxPath+"/pgxpool.Tx":
			return "pgx begins by the simple protocol; extended.Begin does not"
		}
	}
	return ""
}

// asks tells whether a call is one of pgx's Query or QueryRow.
func asks(info *types.Info, call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := info.Uses[s.Sel].(*types.Func)
	return ok && f.Pkg() != nil && strings.HasPrefix(f.Pkg().Path(), pgxPath) && strings.HasPrefix(f.Name(), "Query")
}

// simpleMode is the value of pgx's constant.
func simpleMode(p *program) string {
	of, err := p.imports.Import(pgxPath)
	if err != nil {
		return ""
	}
	return of.Scope().Lookup("QueryExecModeSimpleProtocol").(*types.Const).Val().String()
}
