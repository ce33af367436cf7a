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

// finding is how it stands now with what seats rest on, such as a session. Where many
// rest on the same it is looked up once, and nothing is kept of a seat for which
// nothing changed.
type finding struct {
	pass access.Pass
	none error           // why it is nobody's
	rank string          // as [seat] has it
	may  map[string]bool // addresses of pages that were found to be for them
}

func find(v *visitor) *finding {
	now := v.again()
	return &finding{now.pass, now.none, now.rank(), map[string]bool{}}
}

// inspect looks at all seats once.
func (s *Server) inspect() {
	if s.config.Access == nil {
		return // nobody has to sign in
	}
	s.viewersMu.Lock()
	all := make([]viewer, 0, len(s.viewers))
	for v := range s.viewers {
		all = append(all, v)
	}
	s.viewersMu.Unlock()
	known := map[string]*finding{}
	for _, seated := range all {
		v := seated.seat().visitor.Load()
		proof := v.pass.Proof()
		found := known[proof]
		if found == nil {
			found = find(v)
			if proof != "" {
				known[proof] = found
			}
		}
		s.judge(seated, v, found)
	}
}

// judge lets a viewer stay or has it leave.
func (s *Server) judge(seated viewer, v *visitor, found *finding) {
	t := seated.seat()
	page := t.address()
	err := s.upholds(v, found, page)
	switch {
	case err != nil:
		out := s.outOf(v.in(context.Background()), err)
		if out == errAgain {
			time.AfterFunc(rand.N(apart), func() { seated.leave(out) })
			return
		}
		if out != nil {
			v.gate.Tell(access.EventEnded, v.pass, v.from, page)
		}
		seated.leave(out)
	case found.rank != t.rank:
		seated.leave(nil) // what is on the page is another thing now
	case !found.pass.Same(v.pass):
		t.visitor.CompareAndSwap(v, v.since(found))
	}
}

// upholds says why a visitor may not go on with a page, "" for none, after what was
// found; nil: they may.
func (s *Server) upholds(v *visitor, found *finding, page string) error {
	if found.none == nil && (page == "" || found.may[page]) {
		return nil
	}
	now := v.since(found)
	if err := now.somebody(); err != nil {
		return err
	}
	if err := s.entitle(now, page); err != nil {
		return err
	}
	found.may[page] = true
	return nil
}

// since is the visitor after what was found; address and base are its own.
func (v *visitor) since(found *finding) *visitor {
	now := *v
	now.pass, now.none = found.pass, found.none
	return &now
}
