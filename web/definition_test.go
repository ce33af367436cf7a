package web_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// define gives a page another definition, before anybody is told.
func (s *site) define(address, mark string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := *s.pages[address]
	now.Mark = mark
	s.pages[address] = &now
}

// A client that draws a page by a definition that is no longer the page's is told so
// whenever it watches, and goes on; one that names the right one, or none, is not.
func TestAnotherDefinitionIsAnnounced(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	s.begin("/d/other", "a")
	s.define("/d/shop", "new")
	c := s.dial()
	whole := []string{delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus}
	told := slices.Insert(slices.Clone(whole), 1, delta.TypeReload)
	for _, step := range []struct {
		page, shown string
		want        []string
	}{
		{"/d/shop", "old", told}, {"/d/shop", "new", whole}, {"/d/shop", "", whole}, {"/d/shop?status=paid", "old", told},
		{"/d/shop", "\x00\U0001f980", told}, {"/d/shop", strings.Repeat("x", delta.MaxWatch-100), told}, {"/d/shop", "old", told},
		{"/d/other", "old", whole}, // the program's own pages have none
	} {
		c.send(string(delta.Watch{Page: step.page, Definition: step.shown}.Encode()))
		for _, typ := range step.want {
			if m := c.next(); m.Type != typ || typ == delta.TypeReload && (m.Page != "/d/shop" || m.Definition != "new" || m.Version != "") {
				t.Fatalf("shown %.20q of %s: got %+v, want a %s", step.shown, step.page, m, typ)
			}
		}
		e := s.stream("/api/v1/events" + query(step.page) + "&definition=" + url.QueryEscape(step.shown))
		for _, typ := range step.want[1:] {
			e.expect(typ, map[string]string{delta.TypeSnapshot: "e:1"}[typ])
		}
		_ = e.resp.Body.Close()
	}
	c.send(string(delta.Watch{Page: "/d/shop", Cursor: "e:1", Definition: "old"}.Encode()))
	c.expect(delta.TypeWatching, delta.TypeReload, delta.TypeStatus) // what it shows is no reason to be quiet
	c.send(`{"type":"watch","page":"/d/shop","definition":7}`)
	c.expect(delta.TypeError)
	if _, body := s.ask("GET", "/d/shop"); !strings.Contains(body, ` data-definition="new" `) {
		t.Error("the rendered page does not name its definition")
	}
}

// Where a definition changes between the look at the page and the place among its
// viewers, nobody tells of it but the answer.
func TestADefinitionThatChangesMeanwhile(t *testing.T) {
	for _, now := range []string{"new", ""} {
		s := newSite(t)
		s.begin("/d/shop", "a")
		s.define("/d/shop", "old")
		s.opening = func(*dashboard.Page) { s.define("/d/shop", now) }
		for _, shown := range []string{"", "old"} {
			s.define("/d/shop", "old")
			c := s.dial()
			c.send(string(delta.Watch{Page: "/d/shop", Definition: shown}.Encode()))
			var got []string
			for len(got) < 4 { // beside the snapshot and the status, which the hub sends
				m := c.next()
				if got = append(got, m.Type); m.Type == delta.TypeReload && m.Definition != now {
					t.Errorf("told of %q, want %q", m.Definition, now)
				}
			}
			if got[0] != delta.TypeWatching || !slices.Contains(got, delta.TypeReload) {
				t.Errorf("shown %q: %v", shown, got)
			}
			s.define("/d/shop", "old")
			e := s.stream("/api/v1/events" + query("/d/shop") + "&definition=" + shown)
			e.expect(delta.TypeReload, "")
			e.expect(delta.TypeSnapshot, "e:1")
			_ = e.resp.Body.Close()
		}
	}
}
