package status

import (
	"math"
	"time"
)

const (
	lately  = 5 * time.Second  // that figures per second are of
	minute  = time.Minute      // that times are of
	step    = 5 * time.Second  // between two points of a chart
	charted = 15 * time.Minute // that a chart goes back
)

// history is what was sampled: each reading of the last minute, and a point for
// every few seconds of the charts. It stays while nobody watches, as a gap.
type history struct {
	samples []*sample // the oldest first, the first one at least a minute old where there is one
	points  []point
	corner  *sample // that the last point ends at
}

// point is a place on the charts. A number is NaN where there is none.
type point struct {
	at                   time.Time
	viewers, frames      float64
	median, most         float64 // from commit to frame, in seconds
	statements, sessions float64
	gap                  bool // nobody watched from here to the next point
}

// add takes a sample in. After a pause it begins anew: what happened meanwhile was
// at no known moment.
func (h *history) add(s *sample) {
	if n := len(h.samples); n > 0 && s.at.Sub(h.samples[n-1].at) > 2*lately {
		h.pause()
	}
	h.samples = append(h.samples, s)
	for len(h.samples) > 1 && s.at.Sub(h.samples[1].at) >= minute {
		h.samples = h.samples[1:]
	}
	h.chart(s)
}

// pause forgets what rates would be worked out from, and leaves a gap in the charts.
func (h *history) pause() {
	h.samples, h.corner = nil, nil
	if n := len(h.points); n > 0 && !h.points[n-1].gap {
		none := math.NaN()
		h.points = append(h.points, point{
			at: h.points[n-1].at.Add(step), viewers: none, frames: none, median: none, most: none, statements: none, sessions: none, gap: true,
		})
	}
}

// chart adds a point when it is time for the next one.
func (h *history) chart(s *sample) {
	for len(h.points) > 0 && s.at.Sub(h.points[0].at) > charted {
		h.points = h.points[1:]
	}
	from := h.corner
	if from == nil {
		h.corner = s
		return
	}
	at := s.at.Truncate(step)
	if n := len(h.points); n > 0 && !at.After(h.points[n-1].at) {
		return
	}
	h.corner = s
	waits := s.frames.since(from.frames)
	if s.at.Sub(from.at) < pace {
		from = nil // what happens when a page opens is no rate of seconds
	}
	h.points = append(h.points, point{
		at: at, viewers: s.value("rowcast_viewers"), frames: s.rate(from, "rowcast_frames_total"),
		median: waits.quantile(.5), most: waits.quantile(.99),
		statements: s.rate(from, "rowcast_database_statements_total"), sessions: s.value("rowcast_database_sessions"),
	})
}

// newest is the last sample; there is one.
func (h *history) newest() *sample { return h.samples[len(h.samples)-1] }

// before is the youngest sample that is as old as that, or the oldest that there is.
func (h *history) before(age time.Duration) *sample {
	now := h.newest().at
	for i := len(h.samples) - 1; i > 0; i-- {
		if now.Sub(h.samples[i].at) >= age {
			return h.samples[i]
		}
	}
	return h.samples[0]
}
