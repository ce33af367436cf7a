package dashboard_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

// followed is a folder that a running book follows.
type followed struct {
	*testing.T
	dir     string
	book    *dashboard.Book
	changed chan []string
}

func follow(t *testing.T, files map[string]string) *followed {
	t.Helper()
	return followIn(t, dashboard.Config{}, files)
}

// followIn follows a folder of these files with what else config says.
func followIn(t *testing.T, config dashboard.Config, files map[string]string) *followed {
	t.Helper()
	f := &followed{T: t, dir: t.TempDir(), changed: make(chan []string, 100)}
	for name, text := range files {
		f.write(name, text)
	}
	var err error
	config.Dir = f.dir
	if f.book, err = dashboard.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.book.Run(ctx, func(slugs []string) { f.changed <- slugs }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *followed) write(name, text string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

// expect waits for one report of exactly these slugs.
func (f *followed) expect(slugs ...string) {
	f.Helper()
	select {
	case got := <-f.changed:
		if !slices.Equal(got, slugs) {
			f.Fatalf("changed %v, want %v", got, slugs)
		}
	case <-time.After(20 * time.Second):
		f.Fatalf("no change reported, want %v", slugs)
	}
}

func (f *followed) title(want string, wrong bool) {
	f.Helper()
	p, err := f.book.Page(f.Context(), "/d/shop")
	if err != nil || p.Title != want || (p.Problem != nil) != wrong {
		f.Fatalf("page %+v, problem expected: %t, error %v", p, wrong, err)
	}
}

const board = "panels: [{id: a, query: SELECT 1}]\n"

func TestFollowsTheFolder(t *testing.T) {
	t.Parallel()
	f := follow(t, map[string]string{"shop.yaml": "title: One\n" + board})
	f.title("One", false)

	f.write("shop.yaml", "title: Two\n"+board)
	f.expect("shop")
	f.title("Two", false)

	f.write("shop.yaml", "titel: Three\n"+board) // the last good version stays
	f.expect("shop")
	f.title("Two", true)
	if p := f.book.Problems(); len(p) != 1 || p[0].File != "shop.yaml" || p[0].Line != 1 {
		t.Fatal(p)
	}

	// As editors save: a new file in place of the old one.
	f.write(".shop.yaml.swp", "title: Four\n"+board)
	if err := os.Rename(filepath.Join(f.dir, ".shop.yaml.swp"), filepath.Join(f.dir, "shop.yaml")); err != nil {
		t.Fatal(err)
	}
	f.expect("shop")
	f.title("Four", false)

	f.write("shop.yaml", "title: Four\n"+board) // the same text: nobody is told
	f.write("second.yml", board)
	f.expect("second")

	if err := os.Remove(filepath.Join(f.dir, "shop.yaml")); err != nil {
		t.Fatal(err)
	}
	f.expect("shop")
	if _, err := f.book.Page(t.Context(), "/d/shop"); err == nil {
		t.Fatal("a removed dashboard has a page")
	}
}

func TestFindsAFolderMadeAnew(t *testing.T) {
	t.Parallel()
	f := follow(t, map[string]string{"shop.yaml": "title: One\n" + board})
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	// While the folder is gone the dashboards stay. A folder that comes back
	// with another file in it is found by the clock.
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.write("shop.yaml", "title: Two\n"+board)
	for {
		select {
		case <-f.changed:
		case <-time.After(20 * time.Second):
			t.Fatal("the new folder was not found")
		}
		if p, err := f.book.Page(t.Context(), "/d/shop"); err == nil && p.Title == "Two" {
			return
		}
	}
}

func TestRunWithoutAFolder(t *testing.T) {
	t.Parallel()
	b, err := dashboard.Open(t.Context(), dashboard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := dashboard.Open(t.Context(), dashboard.Config{Dir: filepath.Join(t.TempDir(), "no")}); err == nil {
		t.Fatal("a folder that is not there was opened")
	}
}
