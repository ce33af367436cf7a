package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

func export() *delta.State {
	cell := func(s string) delta.Cell { return delta.Cell{Text: s} }
	p := &delta.Panel{
		Columns: []delta.Column{{Name: "name", Type: "text"}, {Name: "n", Type: "int4"}, {Name: "a,b", Type: "varchar"}, {Name: "d", Type: "interval"}},
		Rows: []delta.Row{
			{Key: "1", Cells: []delta.Cell{cell("=1+1"), cell("-5"), cell("a\"b"), cell("-1 days")}},
			{Key: "2", Cells: []delta.Cell{cell("+x"), {Null: true}, cell("two\nlines\r\n"), cell("1 day")}},
			{Key: "3", Cells: []delta.Cell{cell("@x"), cell("7"), cell(""), {Null: true}}},
			{Key: "4", Cells: []delta.Cell{cell("-x"), cell("8"), cell("€, x"), {Null: true}}},
		},
	}
	return &delta.State{Page: "/d/shop", Cursor: "e:1", At: time.Now(), Panels: map[string]*delta.Panel{"latest": p}}
}

func TestCSV(t *testing.T) {
	s := newSite(t)
	s.publish(nil, export())
	resp, body := s.ask("GET", "/d/shop/latest.csv")
	want := "name,n,\"a,b\",d\r\n'=1+1,-5,\"a\"\"b\",-1 days\r\n'+x,,\"two\nlines\r\n\",1 day\r\n'@x,7,\"\",\r\n'-x,8,\"€, x\",\r\n"
	if body != want {
		t.Errorf("got %q\nwant %q", body, want)
	}
	if h := resp.Header; !strings.HasPrefix(h.Get("Content-Type"), "text/csv") || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename=") {
		t.Errorf("header %v", h)
	}
	if _, body = s.ask("GET", "/d/shop/latest.csv?raw=1"); body != strings.ReplaceAll(want, "'", "") {
		t.Errorf("raw: %q", body)
	}
	_, body = s.ask("GET", "/d/shop/latest.json")
	if !strings.HasPrefix(body, `{"columns":[{"name":"name","type":"text"},{"name":"n","type":"int4"}`) ||
		!strings.Contains(body, `["+x",null,"two\nlines\r\n","1 day"]`) {
		t.Errorf("json: %s", body)
	}
}

func TestPanelWithoutRowsIsAnError(t *testing.T) {
	s := newSite(t)
	st := state("/d/shop", 1)
	st.Panels["latest"] = &delta.Panel{Err: &delta.Error{Code: "timeout", Message: "the query took longer than 5 s"}}
	s.publish(nil, st)
	resp, body := s.ask("GET", "/d/shop/latest.json", "Accept", "application/json")
	if resp.StatusCode != 503 || !strings.Contains(body, `"code":"timeout"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestTextHasNoRows holds that a text panel has no file, now or later.
func TestTextHasNoRows(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	page := s.pages["/d/shop"]
	page.Panels = append(page.Panels, dashboard.Panel{ID: "help", Type: "text", Content: "x"})
	for _, kind := range []string{"csv", "json"} {
		if resp, body := s.ask("GET", "/d/shop/help."+kind); resp.StatusCode != 404 {
			t.Errorf("help.%s is answered with %d: %s", kind, resp.StatusCode, body)
		}
	}
}

// TestNoticesThatComeBack holds which answers look for another one: pages that
// may be there again do, others do not; and what was not there is left out of
// the address alone.
func TestNoticesThatComeBack(t *testing.T) {
	s := newSite(t)
	for at, retry := range map[string]string{"/d/shpo": "10", "/t/public.nothing": "10", "/nothing": "0", "/d/panic": "10"} {
		if _, body := s.ask("GET", at, "Accept", "text/html"); !strings.Contains(body, `data-retry="`+retry+`"`) {
			t.Errorf("%s does not say data-retry=%s", at, retry)
		}
	}
	s.fault = &dashboard.AddressError{Code: "bad_request", Message: "status cannot be x", Parameter: "status"}
	if _, body := s.ask("GET", "/d/shop?status=x&country=DE&kiosk", "Accept", "text/html"); !strings.Contains(body, `href="/d/shop?country=DE&amp;kiosk=" data-without`) {
		t.Errorf("the way on is not the page without the status:\n%s", body)
	}
	s.fault = &dashboard.AddressError{Code: "not_found", Message: `no dashboard named "shpo"`, Meant: "/d/shop"}
	if _, body := s.ask("GET", "/d/shpo", "Accept", "text/html"); !strings.Contains(body, `href="/d/shop">Open /d/shop</a>`) {
		t.Errorf("the way on is not the page that was meant:\n%s", body)
	}
}

// What a spreadsheet would take for a formula is guarded where a person may have
// written it; numbers and times that begin alike never are, whatever their type.
func TestGuardedTypes(t *testing.T) {
	for typ, guards := range map[string]bool{
		"text": true, "varchar": true, "bpchar": true, "name": true, "citext": true, "mood": true, "_text": true, "xml": true,
		"int2": false, "int4": false, "int8": false, "numeric": false, "float4": false, "float8": false, "money": false, "interval": false,
		"date": false, "timestamp": false, "timestamptz": false, "time": false, "timetz": false, "json": false, "jsonb": false,
	} {
		s := newSite(t)
		state := export()
		p := state.Panels["latest"]
		p.Columns, p.Rows = []delta.Column{{Name: "v", Type: typ}}, []delta.Row{{Key: "1", Cells: []delta.Cell{{Text: "-5"}}}}
		s.publish(nil, state)
		want := "v\r\n-5\r\n"
		if guards {
			want = "v\r\n'-5\r\n"
		}
		if _, body := s.ask("GET", "/d/shop/latest.csv"); body != want {
			t.Errorf("%s: %q, want %q", typ, body, want)
		}
	}
}
