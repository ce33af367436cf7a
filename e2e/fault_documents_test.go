//go:build unix

package e2e_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryFaultHasItsRow holds that each fault and each absence has a row in
// docs/reliability.md, and that those which its rows name exist. A name there may
// leave out what it begins with as the one before it does: `data-cut`, `-reset`; and
// `viewer-…` are all that begin so.
func TestEveryFaultHasItsRow(t *testing.T) {
	t.Parallel()
	var known []string
	for _, f := range all() {
		known = append(known, f.name)
	}
	for _, a := range absences() {
		known = append(known, a.name)
	}
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(cells) == 6 {
			told = append(told, toldIn(t, cells[3], known)...)
		}
	}
	for _, name := range known {
		if !slices.Contains(told, name) {
			t.Errorf("the fault %s has no row", name)
		}
	}
}

// toldIn are the faults that a cell names.
func toldIn(t *testing.T, cell string, known []string) (told []string) {
	t.Helper()
	last := ""
	for _, m := range regexp.MustCompile("`([a-z]*(?:-[a-z]+)*-?…?)`").FindAllStringSubmatch(cell, -1) {
		name := m[1]
		var found []string
		for _, k := range known {
			begin, isRest := strings.CutSuffix(k, name)
			switch {
			case strings.HasSuffix(name, "…") && strings.HasPrefix(k, strings.TrimSuffix(name, "…")),
				k == name,
				strings.HasPrefix(name, "-") && isRest && begin != "" && strings.HasPrefix(last, begin+"-"):
				found = append(found, k)
			}
		}
		if len(found) == 0 && strings.Contains(name, "-") {
			t.Errorf("there is no fault %s", name)
		}
		if told = append(told, found...); !strings.HasPrefix(name, "-") {
			last = name
		}
	}
	return told
}
