package web

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/access"
)

// seat is what an open socket or event stream was let in with, and what it
// watches. It is looked at again as long as it is taken.
type seat struct {
	visitor atomic.Pointer[visitor]
	page    atomic.Pointer[string] // the address that is watched; nil: none
	rank    string                 // what else of the visitor decides what is on the page
	ctx     context.Context        // ends when the server stops, or the visitor may stay no longer
	leave   context.CancelCauseFunc
}

// take gives a visitor a seat. It must be left.
func (s *Server) take(v *visitor) *seat {
	t := &seat{rank: v.rank()}
	t.visitor.Store(v)
	t.ctx, t.leave = context.WithCancelCause(s.drain)
	return t
}

// out is why the visitor may stay no longer, nil where that is not the reason.
func (t *seat) out() *problem {
	var p *problem
	if errors.As(context.Cause(t.ctx), &p) {
		return p
	}
	return nil
}

// now is the visitor as it is at this moment.
func (t *seat) now() *visitor {
	v := t.visitor.Load().again()
	if v.none == nil {
		t.visitor.Store(v)
	}
	return v
}

// watches notes what is watched from now on, so that a rule that changes is seen.
func (t *seat) watches(address string) {
	if address == "" {
		t.page.Store(nil)
	} else {
		t.page.Store(&address)
	}
}

// until is ctx that ends with the seat too.
func (t *seat) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// recheck is how often seats are looked at. What ends is over within a minute.
const recheck = 10 * time.Second

// Run looks again, until ctx ends, at everybody who is connected: whose session
// ended, or whose page is not theirs any more, has to leave.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.hurry:
		}
		s.inspect()
	}
}

// soon has everybody looked at at once: somebody signed out.
func (s *Server) soon() {
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// inspect looks at all seats once; a session that many have is looked up once.
func (s *Server) inspect() {
	s.viewersMu.Lock()
	seats := make([]*seat, 0, len(s.viewers))
	for v := range s.viewers {
		seats = append(seats, v.seat())
	}
	s.viewersMu.Unlock()
	known := map[string]*visitor{}
	for _, t := range seats {
		v := t.visitor.Load()
		if v.gate == nil {
			continue
		}
		now := known[v.pass.Session()]
		if now == nil {
			now = v.again()
			if v.pass.Session() != "" {
				known[v.pass.Session()] = now
			}
		}
		s.judge(t, v, now)
	}
}

// judge lets a visitor stay or has them leave.
func (s *Server) judge(t *seat, v, now *visitor) {
	seen := *v // its address and base are its own
	seen.pass, seen.none = now.pass, now.none
	err := seen.somebody()
	if page := t.page.Load(); err == nil && page != nil {
		err = s.entitle(&seen, *page)
	}
	var p *problem
	switch {
	case err == nil && seen.rank() != t.rank:
		t.leave(&problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "connect again"})
	case err == nil:
		t.visitor.CompareAndSwap(v, &seen)
	case errors.As(err, &p) && !errors.Is(seen.none, access.ErrAgain):
		v.gate.Tell(access.EventEnded, v.pass, v.from, "")
		t.leave(p)
	default: // what cannot be proven is not granted: whoever connects again is asked again
		if p == nil {
			s.log.Error("a viewer cannot be looked at again", "error", err)
		}
		t.leave(&problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "connect again"})
	}
}
