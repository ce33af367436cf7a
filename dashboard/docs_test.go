package dashboard_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// documents hold examples of dashboards.
var documents = []string{"../docs/dashboards.md", "../README.md", "../dashboards/README.md"}

// TestDocumentedExamples holds that each example in the documentation is good,
// by PostgreSQL's judgement too, and that its queries run.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	db := database(t, `
		CREATE TABLE orders (id int PRIMARY KEY, customer text, country text, city text, status text, total numeric, placed_at timestamptz);
		INSERT INTO orders SELECT n, 'c', 'DE', 'Bonn', 'paid', n, now() - n * interval '1 h' FROM generate_series(1, 50) n;
		CREATE TABLE samples (at timestamptz, ms int);
		CREATE TABLE offers (name text, total numeric, cities text, placed_at timestamptz);
		CREATE TABLE machines (customer_id int, name text, load numeric, total numeric, status text);
		CREATE SCHEMA shop;
		CREATE TABLE shop.orders (LIKE orders)`)
	for _, file := range documents {
		examples := fenced(t, file, "yaml")
		if len(examples) == 0 {
			t.Errorf("%s holds no dashboard", file)
		}
		for i, example := range examples {
			name := fmt.Sprintf("example%d.yaml", i)
			files := map[string]string{name: completed(t, example)}
			problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(files)})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if !p.Note {
					t.Errorf("%s: %v\n%s", file, p, p.Excerpt)
				}
			}
			p := page(t, open(t, db, files), "/d/"+strings.TrimSuffix(name, ".yaml"))
			for n := range p.Panels {
				if p.Panels[n].SQL != "" {
					answer(t, db, p, p.Panels[n].ID)
				}
			}
		}
	}
	conditions := fenced(t, documents[0], "sql") // of a query with variables of each type
	if len(conditions) != 1 {
		t.Errorf("the reference has %d queries that no dashboard holds", len(conditions))
	}
	for _, example := range conditions {
		file := "variables: [{name: q}, {name: least, type: number}, {name: cities, multiple: true, options: [Bonn]}, {name: range, type: range}]\n" +
			"panels:\n  - id: a\n    query: |\n      SELECT customer AS name, city FROM (SELECT *, customer AS name FROM orders) o\n"
		for line := range strings.Lines(example) {
			file += "      " + line
		}
		p := page(t, open(t, db, map[string]string{"x.yaml": file}), "/d/x")
		answer(t, db, p, "a")
	}
}

// fenced are the examples of a language in a file.
func fenced(t *testing.T, file, language string) (examples []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "```"+language+"\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		examples = append(examples, example)
	}
	return examples
}

// completed makes a dashboard of an example that is a part of one.
func completed(t *testing.T, example string) string {
	t.Helper()
	switch {
	case strings.HasPrefix(example, "title:"):
		return example
	case strings.HasPrefix(example, "variables:"):
		return example + "panels: [{id: a, query: SELECT 1}]\n"
	case strings.HasPrefix(example, "  - id:"):
		return "panels:\n" + example
	case strings.HasPrefix(example, "    columns:"):
		return "panels:\n  - id: a\n    query: SELECT * FROM machines\n" + example
	}
	t.Fatalf("an example of nothing that is known:\n%s", example)
	return ""
}

// TestDocumentedFields holds that the reference names every field of a file,
// every type of panel and variable, every format and every color.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(dashboard.Types(), dashboard.VariableTypes(), dashboard.Colors(), dashboard.RangePresets()[7:], dashboard.DayPresets())
	fields := 0
	for of, file := range map[string]string{
		"a dashboard": "zzzzzzzz: x\npanels: [{id: a, query: SELECT 1}]\n",
		"a panel":     panel("zzzzzzzz: x"),
		"a column":    panel("columns: {x: {zzzzzzzz: x}}"),
		"a bar":       panel("columns: {x: {bar: {zzzzzzzz: x}}}"),
		"compare":     panel("type: stat\n    compare: {zzzzzzzz: x}"),
		"a variable":  variable("zzzzzzzz: x"),
		"an option":   variable("options: [{zzzzzzzz: x}]"),
	} {
		problems := bookOf(t, dashboard.Config{}, "x.yaml", file).Problems()
		list, ok := strings.CutPrefix(problems[0].Hint, "there is ")
		if !ok {
			t.Errorf("%s does not say which fields it has: %v", of, problems)
		}
		for name := range strings.SplitSeq(strings.ReplaceAll(list, " and ", ", "), ", ") {
			names = append(names, name)
			fields++
		}
	}
	if fields < 45 {
		t.Errorf("only %d fields", fields)
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") && !strings.Contains(string(text), "{"+name+":") && !strings.Contains(string(text), name+":") {
			t.Errorf("%q is not in the reference", name)
		}
	}
}
