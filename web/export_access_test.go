package web

// Patterns are those of all routes, as they were added.
func (s *Server) Patterns() []string { return s.patterns }

// Inspect looks at everybody who is connected now, as Run does by the clock.
func (s *Server) Inspect() { s.inspect() }
