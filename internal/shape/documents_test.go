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
