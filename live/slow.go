package live

import (
	"maps"
	"time"
)

// mostSlow is how many kinds of slow panels are remembered.
const mostSlow = 1000

// slowness remembers which kinds of panels were slow of late, so that a page
// which opens does not wait to find it out anew. A kind is the text of a query,
// whatever its values.
type slowness map[string]slow

// slow is what is known of one kind.
type slow struct {
	at   time.Time // when it was slow last
	sure bool      // it was for long enough that a lane of its own is its place
}

// note remembers a kind as slow.
func (s slowness) note(kind string, sure bool, now time.Time) {
	known, noted := s[kind]
	if !noted && len(s) >= mostSlow {
		s.makeRoom(now)
	}
	s[kind] = slow{at: now, sure: sure || known.sure}
}

// clear forgets a kind that was quick after all, unless it is sure to be slow
// for some value.
func (s slowness) clear(kind string) {
	if !s[kind].sure {
		delete(s, kind)
	}
}

// makeRoom forgets what is over, or else what is oldest.
func (s slowness) makeRoom(now time.Time) {
	maps.DeleteFunc(s, func(_ string, k slow) bool { return now.Sub(k.at) > forgiven })
	if len(s) < mostSlow {
		return
	}
	oldest, at := "", now
	for kind, k := range s {
		if !k.at.After(at) {
			oldest, at = kind, k.at
		}
	}
	delete(s, oldest)
}

// recall leaves to their lanes the panels of a new page whose kind was slow of
// late: they are tried there, for other values may be quick.
func (s slowness) recall(p *page, now time.Time) {
	for _, n := range p.panels {
		if k, noted := s[n.query.text]; noted && now.Sub(k.at) <= forgiven {
			n.trial, n.known = true, k.sure
		}
	}
}
