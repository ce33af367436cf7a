package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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
		ReferencedBy: []dashboard.ForeignKey{{Columns: []string{"order"}, Table: "public.lines", Address: "/t/public.lines", References: []string{"id"}}},
		Key:          []string{"id"}, Shown: []string{"id"}, Rows: 200, PageSizes: []int{50, 200}, Page: 3,
		Sort:  []dashboard.SortTerm{{Column: "id", Desc: true}},
		Where: []dashboard.Filter{{Column: "status", Op: "in", Value: "paid,late"}},
	}
	s.mu.Unlock()
	_, body := s.ask("GET", "/base/api/v1/page"+query("/t/public.orders"))
	want := `{"address":"/t/public.orders?where=status.in.paid,late\u0026columns=id","kind":"dashboard","title":"Shop","table":{"address":"/t/public.orders",` +
		`"schema":"public","name":"orders","kind":"partitioned table","live":true,"columns":[` +
		`{"name":"id","type":"bigint","kind":"number","not_null":true,"primary_key":true,"sortable":true,"operators":["is"]},` +
		`{"name":"customer","type":"integer","kind":"number","not_null":false,"primary_key":false,"references":{"table":"\"a b\".c","address":"/t/%22a%20b%22.c","column":"x,y","where":"/t/%22a%20b%22.c?where=%22x%2Cy%22.is."},"sortable":false,"operators":[]}],` +
		`"key":["id"],"foreign_keys":[],"referenced_by":[{"columns":["order"],"table":"public.lines","address":"/t/public.lines","references":["id"]}],"shown":["id"],"all_columns":false,"sort":[{"column":"id","desc":true}],"default_sort":false,` +
		`"where":[{"column":"status","op":"in","value":"paid,late","values":["paid","late"]}],"search":"","rows":200,"page_sizes":[50,200],"page":3,"count":null,` +
		`"csv":"/base/t/public.orders/all.csv?where=status.in.paid,late\u0026columns=id","json":"/base/t/public.orders/all.json?where=status.in.paid,late\u0026columns=id",` +
		`"page_csv":"/base/t/public.orders/rows.csv?where=status.in.paid,late\u0026columns=id","dashboard":"/base/t/public.orders/dashboard.yaml"}}`
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

// ledger plays the tables that are read beside the pages.
type ledger struct {
	rows  int
	fault error // after the rows; or, without any, before the first
	key   string
	hold  chan struct{} // an export waits for it; nil: it does not
}

func (l *ledger) Count(context.Context, *dashboard.Page) (dashboard.Count, error) {
	return dashboard.Count{Rows: 7, At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}, l.fault
}

func (l *ledger) Row(_ context.Context, _ *dashboard.Page, key string) (*dashboard.Row, error) {
	l.key = key
	one := "1"
	return &dashboard.Row{Address: "/t/x.y?where=a.is.1", Columns: []dashboard.ExportColumn{{Name: "a", Type: "int4"}, {Name: "b", Type: "text"}}, Cells: []*string{&one, nil}}, l.fault
}

func (l *ledger) Export(_ context.Context, _ *dashboard.Page, begin func([]dashboard.ExportColumn) error, row func([][]byte) error) error {
	if l.hold != nil {
		<-l.hold
	}
	if l.fault != nil && l.rows == 0 {
		return l.fault
	}
	if err := begin([]dashboard.ExportColumn{{Name: "a", Type: "int4"}, {Name: "b", Type: "text"}}); err != nil {
		return err
	}
	for i := range l.rows {
		cells := [][]byte{[]byte("-1"), []byte("=x,\xff")}
		if i == 1 {
			cells = [][]byte{nil, {}}
		}
		if err := row(cells); err != nil {
			return err
		}
	}
	return l.fault
}

func (l *ledger) Draft(_ context.Context, p *dashboard.Page) (string, error) {
	return "title: " + p.Title + "\n", l.fault
}

func TestExportOfAllRows(t *testing.T) {
	l := &ledger{rows: 2}
	s := newSite(t, func(c *web.Config) { c.Tables = l })
	resp, body := s.ask("GET", "/t/public.orders/all.csv?where=x")
	if want := "a,b\r\n-1,\"'=x,\xff\"\r\n,\"\"\r\n"; body != want || resp.Header.Get("Content-Disposition") != "attachment; filename=Shop.csv" {
		t.Errorf("%q %v, want %q", body, resp.Header, want)
	}
	if _, body = s.ask("GET", "/t/public.orders/all.csv?raw=1"); !strings.Contains(body, "-1,\"=x,") {
		t.Errorf("raw: %q", body)
	}
	_, body = s.ask("GET", "/t/public.orders/all.json")
	if want := `{"columns":[{"name":"a","type":"int4"},{"name":"b","type":"text"}],"rows":[["-1","=x,\ufffd"],` + "\n" + `[null,""]],"truncated":false}` + "\n"; body != want {
		t.Errorf("got %s want %s", body, want)
	}
	resp, body = s.ask("HEAD", "/t/public.orders/all.csv")
	if resp.StatusCode != http.StatusOK || body != "" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("head: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	l.rows = 0
	if _, body = s.ask("GET", "/t/public.orders/all.json"); body != `{"columns":[{"name":"a","type":"int4"},{"name":"b","type":"text"}],"rows":[],"truncated":false}`+"\n" {
		t.Errorf("no rows: %s", body)
	}
	l.fault = &dashboard.AddressError{Code: "too_many", Message: "2 exports are running"}
	resp, body = s.ask("GET", "/t/public.orders/all.csv", "Accept", "application/json")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "2 exports are running") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	resp, body = s.ask("GET", "/t/public.orders/all.csv", "Accept", "text/html,*/*")
	if got := resp.Header.Get("Content-Type"); got != "application/json" || !strings.Contains(body, "2 exports are running") {
		t.Errorf("a browser that saves a file gets %s: %s", got, body)
	}
}

// TestExportThatBreaksOff holds that what is missing rows does not look whole,
// compressed or not, short or long.
func TestExportThatBreaksOff(t *testing.T) {
	for _, rows := range []int{1, 100_000} {
		l := &ledger{rows: rows, fault: errors.New("the database went away")}
		s := newSite(t, func(c *web.Config) { c.Tables = l })
		for _, file := range []string{"all.csv", "all.json"} {
			for _, encoding := range []string{"gzip", "identity"} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/t/public.orders/"+file), nil)
				req.Header.Set("Accept-Encoding", encoding)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					continue // cut before the head was sent
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err == nil {
					t.Errorf("%s, %d rows, %s: %d with %d bytes looks whole", file, rows, encoding, resp.StatusCode, len(body))
				}
			}
		}
		if !strings.Contains(s.logs.String(), "an export was broken off") {
			t.Errorf("%d rows: log: %s", rows, s.logs)
		}
	}
}

func TestCountAndRow(t *testing.T) {
	l := &ledger{}
	s := newSite(t, func(c *web.Config) { c.Tables = l })
	if _, body := s.ask("GET", "/api/v1/count"+query("/t/public.orders")); body != `{"rows":7,"exact":false,"at":"2026-11-20T10:00:00Z"}`+"\n" {
		t.Errorf("count: %s", body)
	}
	_, body := s.ask("GET", "/api/v1/row"+query("/t/public.orders")+"&key=%5B%221%22%5D")
	if body != `{"address":"/t/x.y?where=a.is.1","columns":[{"name":"a","type":"int4"},{"name":"b","type":"text"}],"cells":["1",null]}`+"\n" || l.key != `["1"]` {
		t.Errorf("row of %s: %s", l.key, body)
	}
	if resp, body := s.ask("GET", "/t/public.orders/dashboard.yaml?sort=x"); body != "title: Shop\n" || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("draft: %s %v", body, resp.Header)
	}
	l.fault = &dashboard.AddressError{Code: "not_found", Message: "the row is not there any more"}
	for _, path := range []string{"row", "count"} {
		if resp, body := s.ask("GET", "/api/v1/"+path+query("/t/public.orders")); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "any more") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if resp, _ := s.ask("GET", "/api/v1/"+path+query("/t/public.nothing")); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s of no page: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := newSite(t).ask("GET", "/api/v1/count"+query("/t/public.orders")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without tables: %d", resp.StatusCode)
	}
}
