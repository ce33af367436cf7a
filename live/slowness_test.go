package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

func TestSlownessIsBoundedAndForgotten(t *testing.T) {
	s, now := slowness{}, time.Now()
	for i := range 3 * mostSlow {
		s.note(fmt.Sprint(i), true, now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(s) > mostSlow {
		t.Errorf("%d kinds are remembered", len(s))
	}
	if _, oldest := s["0"]; oldest {
		t.Error("the oldest kind stays, and a newer one went")
	}
	p := newPage(&dashboard.Page{Panels: []dashboard.Panel{{ID: "p", SQL: "SELECT $1::int", Limit: 10}}})
	n, kind := p.panels[0], p.panels[0].query.text
	s.note(kind, false, now)
	if s.recall(p, now.Add(forgiven)); !n.trial || n.known {
		t.Errorf("recalled as %+v", n)
	}
	n.trial = false
	if s.recall(p, now.Add(forgiven+time.Second)); n.trial {
		t.Error("slow once is slow for ever")
	}
	s.clear(kind)
	if s.recall(p, now); n.trial {
		t.Error("a kind that was quick after all is still held to be slow")
	}
	s.note(kind, true, now)
	s.clear(kind)
	if s.recall(p, now); !n.trial || !n.known {
		t.Error("one quick value makes a slow kind forgotten")
	}
}
