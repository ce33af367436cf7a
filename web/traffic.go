package web

// Traffic is what viewers were sent since the server began, and how many are late
// with taking it in.
type Traffic struct {
	Sent uint64 // bytes of messages and control frames, below TLS and without HTTP's
	Slow int    // viewers who have not taken in all that was written to them
}

// Traffic counts, viewer by viewer. It may be called from anywhere.
func (s *Server) Traffic() Traffic {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	all := Traffic{Sent: s.sent}
	for v := range s.viewers {
		sent, slow := v.traffic()
		all.Sent += sent
		if slow {
			all.Slow++
		}
	}
	return all
}

func (c *socket) traffic() (sent uint64, slow bool) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	return c.wire.sent, c.wire.busy
}

// traffic of a stream tells nothing of slowness: it waits by itself.
func (e *events) traffic() (sent uint64, slow bool) { return e.sent.Load(), false }
