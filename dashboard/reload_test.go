package dashboard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// replace saves as careful programs do: a whole new file takes the old one's name.
func (f *followed) replace(name, text string) {
	f.Helper()
	f.write(name+".tmp", text)
	if err := os.Rename(filepath.Join(f.dir, name+".tmp"), filepath.Join(f.dir, name)); err != nil {
		f.Fatal(err)
	}
}

func (f *followed) remove(name string) {
	f.Helper()
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
		f.Fatal(err)
	}
}

func TestBrokenThenMended(t *testing.T) {
	t.Parallel()
	good, bad := "title: Good\n"+board, "title: Bad\npanels:\n  - id: a\n    qeury: SELECT 1\n"
	f := follow(t, map[string]string{"shop.yaml": good})

	f.replace("shop.yaml", bad)
	f.expect("shop")
	f.title("Good", true)
	p := page(t, f.book, "/d/shop").Problem
	if p.File != "shop.yaml" || p.Line != 4 || p.Column != 5 || p.Hint != `did you mean "query"?` || !strings.Contains(p.Excerpt, "4 |     qeury: SELECT 1\n") {
		t.Errorf("problem is %+v", p)
	}
	x, err := f.book.Index(t.Context())
	if err != nil || len(x.Dashboards) != 1 || x.Dashboards[0].Problem == nil || x.Dashboards[0].Broken || x.Dashboards[0].Title != "Good" {
		t.Errorf("index is %+v, %v", x, err)
	}

	f.replace("shop.yaml", strings.Replace(bad, "qeury", "qurey", 1)) // another mistake
	f.expect("shop")
	f.title("Good", true)

	f.replace("shop.yaml", good) // the same text as at first
	f.expect("shop")
	f.title("Good", false)
	if p := f.book.Problems(); len(p) > 0 {
		t.Errorf("problems are %v", p)
	}
}

func TestBrokenFromTheStart(t *testing.T) {
	t.Parallel()
	f := follow(t, map[string]string{"shop.yaml": "panels: 1\n"})
	refusal := refused(t, f.book, "/d/shop")
	if refusal.Code != "unavailable" || refusal.Problem == nil || refusal.Problem.Line != 1 ||
		!strings.Contains(refusal.Message, "shop.yaml:1:9: panels is a list") {
		t.Errorf("refused with %+v", refusal)
	}
	x, err := f.book.Index(t.Context())
	if err != nil || !x.Dashboards[0].Broken || x.Dashboards[0].Address != "/d/shop" {
		t.Errorf("index is %+v, %v", x, err)
	}
	f.write("shop.yaml", "title: Mended\n"+board)
	f.expect("shop")
	f.title("Mended", false)
}

func TestRenamedAndRemovedDashboards(t *testing.T) {
	t.Parallel()
	f := follow(t, map[string]string{"shop.yaml": "title: One\n" + board, "other.yaml": board})
	if err := os.Rename(filepath.Join(f.dir, "shop.yaml"), filepath.Join(f.dir, "store.yml")); err != nil {
		t.Fatal(err)
	}
	f.expect("shop", "store")
	if got := page(t, f.book, "/d/store").Title; got != "One" {
		t.Errorf("the title is %s", got)
	}
	if got := refused(t, f.book, "/d/shop"); got.Code != "not_found" {
		t.Errorf("the old address: %v", got)
	}

	f.write("store.yml", "title: [\n") // what was broken when it was removed is forgotten
	f.expect("store")
	f.remove("store.yml")
	f.expect("store")
	if p := f.book.Problems(); len(p) > 0 {
		t.Errorf("problems are %v", p)
	}
	f.write("store.yml", "title: [\n")
	f.expect("store")
	if got := refused(t, f.book, "/d/store"); got.Code != "unavailable" {
		t.Errorf("a new file with a mistake: %v", got)
	}
}

func TestManyChangesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	f := follow(t, map[string]string{"a.yaml": board, "b.yaml": board})
	f.replace("b.yaml", "title: B\n"+board)
	f.replace("a.yaml", "title: A\n"+board)
	seen := map[string]int{}
	for len(seen) < 2 {
		for _, slug := range <-f.changed {
			seen[slug]++
		}
	}
	if seen["a"] != 1 || seen["b"] != 1 {
		t.Errorf("told %v, want each once", seen)
	}
}

// TestOwnFileWinsOverTheBuiltIn holds that a file in the folder hides the
// embedded one of the same address, and that taking it away uncovers that.
func TestOwnFileWinsOverTheBuiltIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := dashboard.Config{Dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "shop.yml"), []byte("title: Mine\n"+board), 0o600); err != nil {
		t.Fatal(err)
	}
	b := bookOf(t, config, "shop.yaml", "title: Built in\n"+board, "more.yaml", board)
	if p := b.Problems(); len(p) > 0 {
		t.Errorf("problems are %v", p)
	}
	if got := page(t, b, "/d/shop").Title; got != "Mine" {
		t.Errorf("the title is %q", got)
	}
	page(t, b, "/d/more")
	if err := os.Remove(filepath.Join(dir, "shop.yml")); err != nil {
		t.Fatal(err)
	}
	b = bookOf(t, config, "shop.yaml", "title: Built in\n"+board)
	if got := page(t, b, "/d/shop").Title; got != "Built in" {
		t.Errorf("the title is %q", got)
	}
}
