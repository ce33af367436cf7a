package web_test

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/web"
)

// TestTableDescription holds what the browser is told of a table, and that the
// page itself carries the same.
func TestTableDescription(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.BasePath = "/base" })
	s.begin("/t/public.orders", "x")
	s.mu.Lock()
	p := s.pages["/t/public.orders"]
	p.Address = "/t/public.orders?where=status.in.paid,late&columns=id"
	p.Table = &dashboard.Table{
		Schema: "public", Name: "orders", RelKind: "p", Live: true, RowsEstimate: 7,
		Columns: []dashboard.TableColumn{
			{Name: "id", Type: "bigint", Kind: "number", NotNull: true, PrimaryKey: true, Sortable: true, Operators: []string{"is"}},
			{Name: "customer", Type: "integer", Kind: "number", References: &dashboard.Reference{Table: `"a b".c`, Address: "/t/%22a%20b%22.c", Column: "x,y"}},
		},
		Key: []string{"id"}, Shown: []string{"id"}, Rows: 200, PageSizes: []int{50, 200}, Page: 3,
		Sort:  []dashboard.SortTerm{{Column: "id", Desc: true}},
		Where: []dashboard.Filter{{Column: "status", Op: "in", Value: "paid,late"}},
	}
	s.mu.Unlock()
	_, body := s.ask("GET", "/base/api/v1/page"+query("/t/public.orders"))
	want := `{"address":"/t/public.orders?where=status.in.paid,late\u0026columns=id","kind":"dashboard","title":"Shop","table":{"address":"/t/public.orders",` +
		`"schema":"public","name":"orders","kind":"partitioned table","live":true,"columns":[` +
		`{"name":"id","type":"bigint","kind":"number","not_null":true,"primary_key":true,"sortable":true,"operators":["is"]},` +
		`{"name":"customer","type":"integer","kind":"number","not_null":false,"primary_key":false,"references":{"table":"\"a b\".c","address":"/t/%22a%20b%22.c","column":"x,y","where":"/t/%22a%20b%22.c?where=%22x%2Cy%22.is."},"sortable":false,"operators":[]}],` +
		`"key":["id"],"foreign_keys":[],"shown":["id"],"all_columns":false,"sort":[{"column":"id","desc":true}],"default_sort":false,` +
		`"where":[{"column":"status","op":"in","value":"paid,late","values":["paid","late"]}],"search":"","rows":200,"page_sizes":[50,200],"page":3,"count":null,` +
		`"csv":"/base/t/public.orders/all.csv?where=status.in.paid,late\u0026columns=id","json":"/base/t/public.orders/all.json?where=status.in.paid,late\u0026columns=id",` +
		`"page_csv":"/base/t/public.orders/rows.csv?where=status.in.paid,late\u0026columns=id"}}`
	if body = strings.TrimSpace(body); body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	_, page := s.ask("GET", "/base/t/public.orders", "Accept", "text/html")
	_, data, _ := strings.Cut(page, ` data-table="`)
	data, _, _ = strings.Cut(data, `"`)
	var described struct{ Table json.RawMessage }
	if err := json.Unmarshal([]byte(body), &described); err != nil || html.UnescapeString(data) != string(described.Table) {
		t.Errorf("the page carries %s: %v", html.UnescapeString(data), err)
	}
}
