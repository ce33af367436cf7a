package web

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
