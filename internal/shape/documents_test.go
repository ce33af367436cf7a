package shape_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	// testNamed is a test as the documents name it: whole, or with … for all that
	// begin so, with one below it, and in words in which package it is.
	testNamed = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)(…?)(?:/([^`]+))?`(?: in `([a-z]+(?:/[a-z]+)*)`)?")
)

// testSource is what the tests of one package are written in.
type testSource struct {
	names []string
	text  string
}

// sources are those of all packages, by their folder.
func sources(t *testing.T) map[string]*testSource {
	t.Helper()
	all := map[string]*testSource{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel("../..", filepath.Dir(path))
		if err != nil {
			return err
		}
		s := all[filepath.ToSlash(dir)]
		if s == nil {
			s = &testSource{}
			all[filepath.ToSlash(dir)] = s
		}
		for _, f := range testFunction.FindAllSubmatch(b, -1) {
			s.names = append(s.names, string(f[1]))
		}
		s.text += string(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDocumentsNameTestsThatExist holds that what a document says is tested is so
// by a test of that name, in the package that it names.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	all := sources(t)
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range documents {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testNamed.FindAllStringSubmatch(string(b), -1) {
			found++
			if !named(all, m[1], m[2] != "", m[3], m[4]) {
				t.Errorf("%s names %s, which does not exist", filepath.Base(file), m[0])
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d tests are named", found)
	}
}

// named tells whether there is such a test, with this one below it.
func named(all map[string]*testSource, name string, begins bool, below, in string) bool {
	for dir, s := range all {
		is := slices.ContainsFunc(s.names, func(n string) bool { return n == name || begins && strings.HasPrefix(n, name) })
		if is && (in == "" || in == dir) && (below == "" || strings.Contains(s.text, fmt.Sprintf("%q", below))) {
			return true
		}
	}
	return false
}

// TestEveryRowOfFaultsIsWhole holds that each table of what is tested has a row for
// each scenario that says what is promised, how it is shown, what was measured and
// what is not promised, and that its number can be cited.
func TestEveryRowOfFaultsIsWhole(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`^([A-Z])([0-9]+)$`)
	last, rows := map[string]int{}, 0
	for n, line := range strings.Split(string(b), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| # |") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, ""), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		m := number.FindStringSubmatch(cells[0])
		switch {
		case m == nil && len(cells) == 2: // what was found
			continue
		case m == nil || len(cells) != 6:
			t.Errorf("line %d is no row of a scenario: %d cells, number %q", n+1, len(cells), cells[0])
			continue
		}
		rows++
		if last[m[1]]++; fmt.Sprint(last[m[1]]) != m[2] {
			t.Errorf("line %d has the number %s, want %s%d", n+1, cells[0], m[1], last[m[1]])
		}
		for i, what := range []string{"what happens", "what is promised", "how", "what was measured"} {
			if cells[i+1] == "" {
				t.Errorf("line %d, %s, does not say %s", n+1, cells[0], what)
			}
		}
	}
	if rows < 74 {
		t.Errorf("only %d rows", rows)
	}
}
