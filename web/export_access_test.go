package web

import (
	"net/http"
	"sync/atomic"
)

// Patterns are those of all routes, as they were added.
func (s *Server) Patterns() []string { return s.patterns }

// Inspect looks at everybody who is connected now, as Run does by the clock.
func (s *Server) Inspect() { s.inspect() }

// SendAgain has everybody who is connected come again, as who a proxy let in has to.
func (s *Server) SendAgain() {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	for v := range s.viewers {
		v.leave(errAgain)
	}
}

// StandIn is a viewer without a connection, who may stay or was told to leave.
type StandIn struct {
	taken *seat
	left  atomic.Bool
}

// StandIn has somebody watch an address as if by a socket that r opened.
func (s *Server) StandIn(r *http.Request, address string) *StandIn {
	v, _ := s.visit(r)
	viewer := &StandIn{taken: s.take(v)}
	viewer.taken.watches(address)
	if s.admit(viewer) != nil {
		return nil
	}
	return viewer
}

func (v *StandIn) leave(*problem)          { v.left.Store(true) }
func (v *StandIn) cut()                    {}
func (v *StandIn) seat() *seat             { return v.taken }
func (v *StandIn) traffic() (uint64, bool) { return 0, false }

// Gone has a stand-in leave.
func (s *Server) Gone(v *StandIn) { s.dismiss(v) }

// Left tells whether it was told to leave.
func (v *StandIn) Left() bool { return v.left.Load() }
