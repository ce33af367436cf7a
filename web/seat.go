package web

import (
	"context"
	"errors"
	"math/rand/v2"
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
	shares  []share                // in which it counts as a connection
}

// take gives a visitor a seat.
func (s *Server) take(v *visitor) *seat {
	t := &seat{rank: v.rank(), shares: s.shares(v)}
	t.visitor.Store(v)
	return t
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

// address is what is watched; "": nothing.
func (t *seat) address() string {
	if page := t.page.Load(); page != nil {
		return *page
	}
	return ""
}

// errAgain has a viewer leave and come again at once: only a new request can tell
// whose it is.
var errAgain = &problem{status: http.StatusUnauthorized, code: codeUnauthorized, message: access.ErrAgain.Error()}

// outOf is why a viewer has to leave, as it is told; nil where it may come again
// to be asked anew: what cannot be proven is not granted.
func (s *Server) outOf(ctx context.Context, err error) *problem {
	var p *problem
	if !errors.As(err, &p) {
		s.logs(ctx).Error("a viewer cannot be looked at again", "error", err)
		return nil
	}
	return p
}

// recheck is how often seats are looked at. What ends is over within a minute.
const recheck = 10 * time.Second

// apart is the time over which those are spread who have to come again and were
// found at once.
const apart = recheck / 2

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

// Look has everybody who is connected looked at at once: somebody signed out, or a
// rule is another one. It does not wait for that.
func (s *Server) Look() {
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// inspect looks at all seats once; a session that many have is looked up once.
func (s *Server) inspect() {
	s.viewersMu.Lock()
	all := make([]viewer, 0, len(s.viewers))
	for v := range s.viewers {
		all = append(all, v)
	}
	s.viewersMu.Unlock()
	known := map[string]*visitor{}
	for _, seated := range all {
		v := seated.seat().visitor.Load()
		if v.gate == nil {
			return // nobody has to sign in
		}
		now := known[v.pass.Session()]
		if now == nil {
			now = v.again()
			if v.pass.Session() != "" {
				known[v.pass.Session()] = now
			}
		}
		s.judge(seated, v, now)
	}
}

// judge lets a viewer stay or has it leave.
func (s *Server) judge(seated viewer, v, now *visitor) {
	t := seated.seat()
	seen := *v // its address and base are its own
	seen.pass, seen.none = now.pass, now.none
	err := seen.somebody()
	if page := t.address(); err == nil && page != "" {
		err = s.entitle(&seen, page)
	}
	switch {
	case err != nil:
		out := s.outOf(seen.in(context.Background()), err)
		if out == errAgain {
			time.AfterFunc(rand.N(apart), func() { seated.leave(out) })
			return
		}
		if out != nil {
			v.gate.Tell(access.EventEnded, v.pass, v.from, t.address())
		}
		seated.leave(out)
	case seen.rank() != t.rank:
		seated.leave(nil) // what is on the page is another thing now
	default:
		t.visitor.CompareAndSwap(v, &seen)
	}
}
