package dashboard_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// TestDocumentedDashboards holds that each whole dashboard in the documentation
// is good, by PostgreSQL's judgement too.
func TestDocumentedDashboards(t *testing.T) {
	t.Parallel()
	db := database(t, `
		CREATE TABLE orders (id int PRIMARY KEY, customer text, country text, status text, total numeric, placed_at timestamptz);
		CREATE SCHEMA shop;
		CREATE TABLE shop.orders (LIKE orders)`)
	for _, file := range []string{"../docs/dashboards.md", "../README.md", "../dashboards/README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for part := range strings.SplitSeq(string(text), "```yaml\n") {
			example, _, _ := strings.Cut(part, "```")
			if !strings.HasPrefix(example, "title:") {
				continue
			}
			found++
			problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"example.yaml": example})})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if !p.Note {
					t.Errorf("%s: %v\n%s", file, p, p.Excerpt)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s holds no dashboard", file)
		}
	}
}

// TestDocumentedFields holds that the reference names every type of panel and
// variable, and every color.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(dashboard.Types(), dashboard.VariableTypes(), dashboard.Colors()) {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%q is not in the reference", name)
		}
	}
}
