package views

import (
	"bytes"
	"strings"
	"testing"
)

// A database that is away is no reason to grant anything.
func TestIndexOfADatabaseThatIsAway(t *testing.T) {
	for away, want := range map[bool]string{true: "The tables are not known at present", false: "may read no table"} {
		var b bytes.Buffer
		if err := IndexPage(Index{Title: "app", Grant: "GRANT SELECT", Away: away, Dashboards: []Board{{Title: "Shop"}}}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "GRANT") == away {
			t.Errorf("away %t: the index has no %q, or grants", away, want)
		}
	}
}
