package dashboard_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// oddNames are what people call tables, and what they might.
var oddNames = []string{
	"orders", "Order", "orders.csv", "rows.json", "a/b", "../x", "100%", "%41", "a b", " a ", "a+b", "a&b=c", "a?sort=x", "a#b", `q"t`, `""`,
	"select", "user", "ünï", "日本", "𝄞", "-x", "a,b", "x'y", "1st", "$1", "new\nline", "tab\t", "\u200b", strings.Repeat("x", 63),
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// TestOddTablesHaveAddresses holds that every table of the index opens by its
// address, and that this is the only one it has.
func TestOddTablesHaveAddresses(t *testing.T) {
	t.Parallel()
	var sql strings.Builder
	schemas := []string{"public", "My.Schema"}
	sql.WriteString(`CREATE SCHEMA "My.Schema";`)
	for _, schema := range schemas {
		for _, name := range oddNames {
			fmt.Fprintf(&sql, "CREATE TABLE %s.%s (id int PRIMARY KEY);\n", quoted(schema), quoted(name))
		}
	}
	db := database(t, sql.String())
	b := open(t, db, nil)
	x, err := b.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := len(schemas) * len(oddNames); len(x.Tables) != want {
		t.Fatalf("the index has %d tables, want %d", len(x.Tables), want)
	}
	seen := map[string]bool{}
	for _, e := range x.Tables {
		if seen[e.Address] || strings.ContainsAny(e.Address, " \"\n\t?#&+,") {
			t.Errorf("%q is the address of %q", e.Address, e.Name)
		}
		seen[e.Address] = true
		p := page(t, b, e.Address)
		if p.Address != e.Address || p.Table.Schema != e.Schema || p.Table.Name != e.Name || p.Title != e.Name {
			t.Errorf("%q.%q: %s opens %s, %q.%q", e.Schema, e.Name, e.Address, p.Address, p.Table.Schema, p.Table.Name)
		}
		if _, err := db.Exec(t.Context(), p.Panels[0].SQL); err != nil {
			t.Errorf("%s: %v", p.Panels[0].SQL, err)
		}
		// As somebody types it, every name in quotes.
		typed := "/t/" + url.PathEscape(quoted(e.Schema)+"."+quoted(e.Name))
		if p := page(t, b, typed); p.Address != e.Address {
			t.Errorf("%s is %s, want %s", typed, p.Address, e.Address)
		}
	}
	for _, address := range []string{"/t/public.orders", "/t/public.%22Order%22", "/t/public.%22orders.csv%22", "/t/%22My.Schema%22.%22a%2Fb%22", "/t/public.%22%C3%BCn%C3%AF%22"} {
		if !seen[address] {
			t.Errorf("no table has the address %s", address)
		}
	}
	for asked, want := range map[string]string{
		"/t/Public.ORDERS?kiosk&utm_source=x#top": "/t/public.orders",
		"/t/public%2Eorders":                      "/t/public.orders",
		"/t/public . orders":                      "/t/public.orders",
		"/t/public.orders?sort=":                  "/t/public.orders",
		"/t/public.orders?sort=id&sort=-id":       "/t/public.orders?sort=id",
		"/t/public.orders?sort=id,-id,id":         "/t/public.orders?sort=id",
		"/t/public.orders?SORT=id":                "/t/public.orders",
	} {
		if got := page(t, b, asked).Address; got != want {
			t.Errorf("%s is %s, want %s", asked, got, want)
		}
	}
}

func TestSortOfOddColumns(t *testing.T) {
	t.Parallel()
	names := slices.DeleteFunc(slices.Clone(oddNames), func(name string) bool { return name == "id" })
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = quoted(name) + " int"
	}
	db := database(t, "CREATE TABLE t (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")")
	b := open(t, db, nil)
	preset := page(t, b, "/t/public.t")
	if want := []dashboard.SortTerm{{Column: "id", Desc: true}}; !slices.Equal(preset.Table.Sort, want) || !preset.Table.DefaultSort {
		t.Fatalf("sorted by %v, want %v", preset.Table.Sort, want)
	}
	for i, name := range names {
		terms := []dashboard.SortTerm{{Column: name, Desc: i%2 == 0}, {Column: names[(i+1)%len(names)], Desc: i%3 == 0}}
		address := preset.Table.SortBy(terms...)
		p := page(t, b, address)
		if p.Address != address || !slices.Equal(p.Table.Sort, terms) || p.Table.DefaultSort {
			t.Errorf("%s sorts by %v as %s, want %v", address, p.Table.Sort, p.Address, terms)
		}
		if back := p.Table.SortBy(); back != "/t/public.t" {
			t.Errorf("the page's own order is at %s", back)
		}
		if _, err := db.Exec(t.Context(), p.Panels[0].SQL); err != nil {
			t.Errorf("%s: %v", p.Panels[0].SQL, err)
		}
	}
}

func TestRefusedTableAddresses(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, `CREATE TABLE orders (id int PRIMARY KEY, place point)`), nil)
	for _, c := range []struct{ address, code, message string }{
		{"/t/", "bad_request", "a table's address is /t/schema.table, with names quoted as in SQL"},
		{"/t/orders", "not_found", "a table's address begins with its schema, as in /t/public.orders"},
		{"/t/db.public.orders", "bad_request", "a table's address is /t/schema.table, with names quoted as in SQL"},
		{"/t/public.orders/rows.csv", "bad_request", "a table's address is /t/schema.table, with names quoted as in SQL"},
		{"/t/public.%22%22", "bad_request", "a table's address is /t/schema.table, with names quoted as in SQL"},
		{"/t/public.orders%00", "bad_request", "the address is not percent-encoded UTF-8"},
		{"/t/public.orders%f", "bad_request", "the address is not percent-encoded UTF-8"},
		{"/t/public.orders.csv", "bad_request", "a table's address is /t/schema.table, with names quoted as in SQL"},
		{"/t/public.ordres", "not_found", `there is no table "public.ordres"`},
		{"/t/information_schema.tables", "not_found", `there is no table "information_schema.tables"`},
		{"/t/public.orders?sort=-", "bad_request", "sort is a list of columns, such as -placed_at,id"},
		{"/t/public.orders?sort=id,", "bad_request", "sort is a list of columns, such as -placed_at,id"},
		{"/t/public.orders?sort=%22id", "bad_request", "sort is a list of columns, such as -placed_at,id"},
		{"/t/public.orders?sort=nope", "bad_request", `the table "orders" has no column "nope" to sort by`},
		{"/t/public.orders?sort=place", "bad_request", `values of type point have no order to sort "place" by`},
	} {
		if got := refused(t, b, c.address); got.Code != c.code || got.Message != c.message {
			t.Errorf("%s: %s %q, want %s %q", c.address, got.Code, got.Message, c.code, c.message)
		}
	}
}

// TestValuesSurviveTheAddress holds that any text comes back from the address
// that it makes, and reaches the query as it is.
func TestValuesSurviveTheAddress(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x-1_B.yaml": `
variables: [{name: who, default: everybody}, {name: Where}]
panels: [{id: a, query: "SELECT @who, @Where"}]`})
	for _, value := range append(oddNames, "", "everybody", "'; DROP TABLE x; --", "@Where", "a\r\nb", "?", "=", ";") {
		p := page(t, b, "/d/x-1_B?Where="+url.QueryEscape(value)+"&who="+url.QueryEscape(value)+"&utm=1")
		if *p.Panels[0].Args[0] != value || p.Variables[0].Value() != value {
			t.Errorf("%q arrives as %q", value, *p.Panels[0].Args[0])
		}
		if again := page(t, b, p.Address); again.Address != p.Address || again.Variables[1].Value() != value {
			t.Errorf("%q: %s leads to %s", value, p.Address, again.Address)
		}
		if strings.ContainsAny(p.Address, " +\"'\r\n;,") || strings.Contains(p.Address, "utm") {
			t.Errorf("%q: the address is %s", value, p.Address)
		}
	}
	if got := refused(t, b, "/d/x-1_b"); got.Code != "not_found" {
		t.Errorf("another case of a slug: %v", got)
	}
}

func TestOptionsBoundTheAddress(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x.yaml": `
variables: [{name: status, options: [all, paid]}]
panels: [{id: a, query: "SELECT @status"}]`})
	got := refused(t, b, "/d/x?status=lost")
	if want := `status cannot be "lost"; it is one of all and paid`; got.Code != "bad_request" || got.Message != want {
		t.Errorf("got %s %q, want %q", got.Code, got.Message, want)
	}
	if got := page(t, b, "/d/x?status=all").Address; got != "/d/x" {
		t.Errorf("the default is in the address: %s", got)
	}
}
