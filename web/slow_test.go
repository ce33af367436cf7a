package web_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/delta"
)

// A page opens without a panel that is slow; who asks for its rows waits for them.
func TestAPanelThatComesLater(t *testing.T) {
	s := newSite(t)
	p := s.add("/d/slow", "latest", "slow")
	for i := range p.Panels {
		p.Panels[i].SQL = "SELECT 1"
	}
	first := s.begin("/d/slow", "a quick row")
	if _, body := s.ask("GET", "/d/slow"); !strings.Contains(body, "a quick row") || !strings.Contains(body, `data-state="loading"`) || strings.Count(body, "waits for its turn") != 1 {
		t.Errorf("the page says %s", body)
	}
	if resp, body := s.ask("GET", "/d/slow/latest.csv"); resp.StatusCode != 200 || !strings.Contains(body, "a quick row") {
		t.Errorf("a panel beside the slow one: %d %q", resp.StatusCode, body)
	}
	answers := make(chan string, 2)
	for _, path := range []string{"/api/v1/snapshot?page=/d/slow", "/d/slow/slow.csv"} {
		go func() {
			_, body := s.ask("GET", path)
			answers <- body
		}()
	}
	s.until("both wait", func() bool { return s.watchers("/d/slow") == 2 })
	next := state("/d/slow", 2, "a slow row")
	next.Panels = map[string]*delta.Panel{"latest": first.Panels["latest"], "slow": next.Panels["latest"]}
	s.publish(first, next)
	for range 2 {
		if body := <-answers; !strings.Contains(body, "a slow row") {
			t.Errorf("the answer is %q", body)
		}
	}
}
