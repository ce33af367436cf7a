package shape_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rowcast/rowcast/"

// arrows says which of our packages each package may import. Data flows one
// way; siblings do not know each other; cmd alone knows everything.
var arrows = map[string][]string{
	"access":            {},
	"delta":             {},
	"broadcast":         {"internal/flaw"},
	"listener":          {"internal/extended", "internal/flaw"},
	"migrations":        {"internal/extended"},
	"dashboard":         {"internal/extended"},
	"views":             {},
	"static":            {},
	"live":              {"broadcast", "dashboard", "delta", "internal/extended", "internal/flaw"},
	"status":            {"broadcast", "dashboard", "delta"},
	"web":               {"access", "broadcast", "dashboard", "delta", "internal/flaw", "static", "views"},
	"internal/extended": {},
	"internal/flaw":     {},
	"internal/node":     {},
	"internal/postgres": {},
	"internal/proxy":    {},
	"internal/shape":    {},
	"internal/shop":     {},
	"internal/pgtest":   {"internal/postgres", "migrations"},
	"cmd/rowcast":       {"*"},
	"e2e":               {"*"},
	"bench":             {"*"},
}

// only says who alone may import a library: each has one place.
var only = map[string][]string{
	"github.com/jackc/pgx/v5":         {"listener", "live", "dashboard", "migrations", "cmd/", "internal/", "e2e", "bench"},
	"github.com/coder/websocket":      {"web", "e2e", "bench"},
	"github.com/a-h/templ":            {"views", "web"},
	"github.com/pressly/goose/v3":     {"migrations"},
	"github.com/alecthomas/kong":      {"cmd/", "bench"},
	"github.com/goccy/go-yaml":        {"access", "dashboard"},
	"github.com/coreos/go-oidc/v3":    {"access"},
	"golang.org/x/oauth2":             {"access"},
	"github.com/alexedwards/argon2id": {"access"},
	"golang.org/x/crypto":             {"access"},
	"github.com/fsnotify/fsnotify":    {"dashboard"},
}

type pkg struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("found only %d packages", len(list))
	}
	return list
}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "bench/") {
			name = "bench"
		}
		allowed, known := arrows[name]
		if !known {
			t.Errorf("package %s has no place in the design: give it arrows here and a line in docs/design.md", name)
			continue
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(allowed, "*") && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the design has no arrow for", name, ours)
			}
			if imported == "testing" && name != "internal/pgtest" {
				t.Errorf("%s imports testing outside of a test", name)
			}
			for library, users := range only {
				if (imported == library || strings.HasPrefix(imported, library+"/")) &&
					!slices.ContainsFunc(users, func(u string) bool { return strings.HasPrefix(name, u) }) {
					t.Errorf("%s imports %s, which has its place elsewhere", name, imported)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		docs := 0
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && !strings.HasSuffix(file, "_templ.go") {
				docs++
			}
		}
		if len(p.GoFiles) > 0 && docs != 1 {
			t.Errorf("%s has %d package comments, want 1", p.ImportPath, docs)
		}
	}
}
