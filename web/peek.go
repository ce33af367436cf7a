package web

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/views"
)

// peeks remembers what was last seen of dashboards, by their ids: so
// many, and so small, as there are dashboards.
type peeks struct {
	mu   sync.Mutex // guards seen
	seen map[string]*views.Peek
}

// peekable is how long a number that nobody watches is worth a look.
const peekable = 12 * time.Hour

func (p *peeks) put(address string, peek *views.Peek) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = make(map[string]*views.Peek)
	}
	p.seen[address] = peek
}

func (p *peeks) get(address string) *views.Peek {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[address]
}

// peek is a dashboard's first number, for the front page. It asks the database
// nothing: it is of the newest state while somebody watches the dashboard, else
// of the last one that was rendered, with its time; nil where there is neither.
func (s *Server) peek(ctx context.Context, v *visitor, d dashboard.DashboardEntry) *views.Peek {
	page, err := s.theirs(ctx, v, d.Address)
	if err != nil {
		return nil
	}
	done, cancel := context.WithCancel(ctx)
	cancel() // only what is there
	state, err := s.config.Hub.Latest(done, page.ID())
	if err == nil {
		s.glimpse(page, state)
	}
	last := s.peeks.get(page.ID())
	if last == nil || err == nil {
		return last
	}
	if time.Since(last.At) > peekable {
		return nil
	}
	old := *last
	old.Since = "at " + old.At.Format("15:04")
	return &old
}

// glimpse remembers the first number of a page that is about to be rendered.
func (s *Server) glimpse(page *dashboard.Page, state *delta.State) {
	if state == nil || page.Table != nil || strings.Contains(page.Address, "?") {
		return // with values of its own it is another page
	}
	zone, err := time.LoadLocation(page.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	p := &paint{server: s, visitor: &visitor{}, page: page, state: state, now: time.Now(), zone: zone}
	for i := range page.Panels {
		def := &page.Panels[i]
		if def.Stat == nil {
			continue
		}
		if m := p.panel(def); m.Stat != nil && m.Message == nil {
			s.peeks.put(page.ID(), views.NewPeek(&m, state.At.In(zone)))
		}
		return
	}
}
