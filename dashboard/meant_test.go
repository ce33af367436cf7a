package dashboard_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// TestCheckSaysWhatWasMeant holds that a name that the database does not know is
// answered with the one that is like it.
func TestCheckSaysWhatWasMeant(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE SCHEMA shop; CREATE SCHEMA "Odd";
		CREATE TABLE shop.orders (id int PRIMARY KEY, total numeric); CREATE TABLE customers (id int, name text); CREATE TABLE "Odd"."Line Items" (id int)`)
	for query, want := range map[string]string{
		"SELECT id FROM orders":               "did you mean shop.orders?",
		"SELECT id FROM ordres":               "did you mean shop.orders?",
		"SELECT id FROM shop.ordres":          "did you mean shop.orders?",
		"SELECT id FROM public.orders":        "did you mean shop.orders?",
		"SELECT id FROM custmers":             "did you mean customers?",
		`SELECT id FROM "Line Item"`:          `did you mean "Odd"."Line Items"?`,
		"SELECT id FROM warehouses":           "",
		"SELECT sum FROM shop.orders":         "there is id and total",
		"SELECT o.price FROM shop.orders o":   "there is id and total",
		"SELECT totl FROM shop.orders":        `Perhaps you meant to reference the column "orders.total"`,
		"SELECT id FROM customers WHERE city": "there is id and name",
	} {
		file := "panels:\n  - id: a\n    query: |\n      " + query + "\n"
		problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
		if err != nil || len(problems) != 1 || problems[0].Hint != want {
			t.Errorf("%s: %v, %v; want the hint %q", query, problems, err, want)
		}
	}
}

// TestCheckMarksOneOfAList holds that of several names the wrong one is marked.
func TestCheckMarksOneOfAList(t *testing.T) {
	t.Parallel()
	db := database(t, ``)
	for field, column := range map[string]int{"key: [id, ide]": 15, "watch: [pg_class, nowhere]": 23} {
		file := "panels:\n  - id: a\n    query: SELECT 1 AS id\n    " + field + "\n"
		problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
		if err != nil || len(problems) != 1 || problems[0].Line != 4 || problems[0].Column != column {
			t.Errorf("%s: %v, %v; want one at column %d", field, problems, err, column)
		}
	}
}

func TestUnusedVariableIsNoted(t *testing.T) {
	t.Parallel()
	const file = `variables:
  - {name: range, type: range}
  - {name: country, query: SELECT 'DE'}
  - {name: city, query: "SELECT 'Bonn' WHERE @country = 'DE'"}
panels:
  - {id: a, type: line, query: "SELECT now(), 1 AS n", every: 5s, window: range}
`
	problems, err := dashboard.Check(t.Context(), dashboard.Config{Source: source(map[string]string{"x.yaml": file})})
	if err != nil || len(problems) != 1 || !problems[0].Note || problems[0].Line != 4 || !strings.Contains(problems[0].What, `"city"`) {
		t.Errorf("got %v, %v; want a note on city", problems, err)
	}
}
