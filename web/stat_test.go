package web_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// A stat's comparison and sparkline have no place of their own: the first paint
// draws them where the stat is, says what is wrong with them there, and gives
// their rows to the browser.
func TestStatOfSeveralPanels(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.BasePath = "/base" })
	page := s.add("/d/sum", "sum")
	stat := &page.Panels[0]
	stat.Type, stat.Stat = "stat", &dashboard.Stat{Compare: &dashboard.Compare{Label: "on yesterday", Good: "down"}, Spark: true}
	page.Panels = append(page.Panels,
		dashboard.Panel{ID: stat.Earlier(), Of: "sum", Type: "stat", Limit: 1}, dashboard.Panel{ID: stat.Spark(), Of: "sum", Type: "stat", Limit: 50},
		dashboard.Panel{ID: "list", Title: "List", Type: "table", Limit: 50, Columns: map[string]dashboard.Format{"n": {Link: "/t/public.orders?where=id.is.{n}"}}})
	result := func(values ...string) *delta.Panel {
		p := &delta.Panel{Columns: []delta.Column{{Name: "n", Type: "int4"}}}
		for _, v := range values {
			p.Rows = append(p.Rows, delta.Row{Key: v, Cells: []delta.Cell{{Text: v}}})
		}
		return p
	}
	show := func(n int, spark *delta.Panel) string {
		st := state("/d/sum", n)
		st.Panels = map[string]*delta.Panel{"sum": result("12"), "sum.earlier": result("10"), "sum.spark": spark, "list": result("7")}
		s.hub.Publish("/d/sum", broadcast.Update[*delta.State]{Cursor: st.Cursor, State: st, Snapshot: func() []byte { return delta.EncodeSnapshot(st) }})
		resp, body := s.ask("GET", "/d/sum")
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		return body
	}
	body := show(1, result("3", "9", "6"))
	for _, part := range []string{`20.0%`, `+2`, `on yesterday`, `class="delta poor"`, `d="M0 100L50 0L100 50"`, `&#34;sum.earlier&#34;:{&#34;columns&#34;`, `href="/base/t/public.orders?where=id.is.7"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if n := strings.Count(body, "<section class=\"panel"); n != 2 {
		t.Errorf("%d panels have a place, want 2", n)
	}
	// The front page shows the number of a dashboard that was looked at, and the newest while somebody does.
	s.listed = append(s.listed, dashboard.DashboardEntry{Address: "/d/sum", Title: "Sum"})
	if _, front := s.ask("GET", "/"); !strings.Contains(front, "<span data-whole>12</span>") || !strings.Contains(front, `d="M0 100L50 0L100 50"`) {
		t.Error("the front page does not show what stands on a dashboard")
	}
	s.mu.Lock()
	opened := s.opened
	s.mu.Unlock()
	if _, listed := s.ask("GET", "/api/v1/pages"); !strings.Contains(listed, `"peek":{"title":"sum","whole":"12","line":"M0 100L50 0L100 50"}`) {
		t.Errorf("the list of pages is %s", listed)
	}
	if s.mu.Lock(); s.opened != opened {
		t.Error("a look at the list made a page run")
	}
	s.mu.Unlock()
	s.hub.Drop("/d/sum")
	if _, listed := s.ask("GET", "/api/v1/pages"); !strings.Contains(listed, `"whole":"12","line":"M0 100L50 0L100 50","since":"at `) {
		t.Errorf("once nobody looks, the list of pages is %s", listed)
	}
	broken := *result("3", "9")
	broken.Err = &delta.Error{Code: "timeout", Message: "the query took longer than 5 s"}
	if body := show(2, &broken); !strings.Contains(body, "The query took longer than 5 s.") || !strings.Contains(body, `d="M0 100L100 0"`) {
		t.Error("what is wrong with a sparkline is not said, or its last rows are gone")
	}
}

// A line whose newest points are cut has no mark of the present.
func TestCutLineHasNoPresent(t *testing.T) {
	s := newSite(t)
	page := s.add("/d/line", "line")
	page.Panels[0].Type, page.Panels[0].Chart = "line", &dashboard.Chart{X: "t", Y: []string{"n"}}
	for n, cut := range []bool{false, true} {
		st := state("/d/line", n+1)
		st.Panels = map[string]*delta.Panel{"line": {Truncated: cut, Columns: []delta.Column{{Name: "t", Type: "timestamptz"}, {Name: "n", Type: "int4"}}, Rows: []delta.Row{
			{Key: "1", Cells: []delta.Cell{{Text: "2026-11-25 10:00:00+00"}, {Text: "3"}}}, {Key: "2", Cells: []delta.Cell{{Text: "2026-11-25 10:01:00+00"}, {Text: "5"}}},
		}}}
		s.hub.Publish("/d/line", broadcast.Update[*delta.State]{Cursor: st.Cursor, State: st, Snapshot: func() []byte { return delta.EncodeSnapshot(st) }})
		if _, body := s.ask("GET", "/d/line"); strings.Contains(body, `class="still shapes now"`) == cut {
			t.Errorf("cut is %v, and the present is marked or not alike", cut)
		}
	}
}

// What cannot be drawn says which columns there are, and to those who may see
// queries where the file is wrong.
func TestWhatCannotBeDrawnHasItsPlace(t *testing.T) {
	for _, author := range []bool{false, true} {
		s := newSite(t, func(c *web.Config) { c.Authors = author })
		p := &s.add("/d/sum", "sum").Panels[0]
		p.Type, p.Chart, p.Pos = "gauge", &dashboard.Chart{MaxBy: "nope"}, dashboard.Pos{File: "sum.yaml", Line: 4, Column: 12}
		st := state("/d/sum", 1)
		st.Panels = map[string]*delta.Panel{"sum": {Columns: []delta.Column{{Name: "n", Type: "int4"}}, Rows: []delta.Row{{Key: "1", Cells: []delta.Cell{{Text: "1"}}}}}}
		s.hub.Publish("/d/sum", broadcast.Update[*delta.State]{Cursor: st.Cursor, State: st, Snapshot: func() []byte { return delta.EncodeSnapshot(st) }})
		_, body := s.ask("GET", "/d/sum")
		if !strings.Contains(body, "The query has no column “nope”, which the file names as max. It has n.") {
			t.Error("it does not say what is wrong")
		}
		if strings.Contains(body, "sum.yaml, line 4, column 12") != author {
			t.Errorf("author %v: the place", author)
		}
	}
}
