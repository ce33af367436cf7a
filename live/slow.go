package live

import (
	"maps"
	"time"
)

// mostSlow is how many kinds of slow panels are remembered.
const mostSlow = 1000

// slowness remembers which kinds of panels were slow, and when last, so that a
// page which opens does not wait to find it out anew. A kind is the text of a
// query, whatever its values.
type slowness map[string]time.Time

// note remembers a kind as slow.
func (s slowness) note(kind string, now time.Time) {
	if _, known := s[kind]; !known && len(s) >= mostSlow {
		s.prune(now)
	}
	s[kind] = now
}

// prune forgets what is over, and makes room.
func (s slowness) prune(now time.Time) {
	maps.DeleteFunc(s, func(_ string, at time.Time) bool { return now.Sub(at) > forgiven })
	oldest := ""
	for kind, at := range s {
		if oldest == "" || at.Before(s[oldest]) {
			oldest = kind
		}
	}
	if len(s) >= mostSlow {
		delete(s, oldest)
	}
}

// recall leaves to their lanes the panels of a new page whose kind was slow of
// late: they are tried there, for other values may be quick.
func (s slowness) recall(p *page, now time.Time) {
	for _, n := range p.panels {
		if at, noted := s[n.query.text]; noted && now.Sub(at) <= forgiven {
			n.trial, n.known = true, true
		}
	}
}
