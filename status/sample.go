package status

import (
	"cmp"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// sample is what the registry said at one moment.
type sample struct {
	at     time.Time
	values map[string]float64 // counters and gauges by name, all of their labels together
	frames histogram
	panels map[panelName]panelSum
}

// panelName is a panel of a page, by the page's path.
type panelName struct{ page, panel string }

// panelSum is what a panel's queries came to since the start.
type panelSum struct {
	runs   histogram
	errors float64
}

// histogram is one of Prometheus': how many observations there were, and how many
// of them were no larger than each bound.
type histogram struct {
	count  uint64
	sum    float64
	bounds []float64
	upTo   []uint64
}

// The metrics that are more than one number.
const (
	framesMetric = "rowcast_commit_to_frame_seconds"
	queryMetric  = "rowcast_query_seconds"
	failedMetric = "rowcast_query_errors_total"
)

func newSample(at time.Time, families []*dto.MetricFamily) *sample {
	s := &sample{at: at, values: map[string]float64{}, panels: map[panelName]panelSum{}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case framesMetric:
				s.frames = newHistogram(m.GetHistogram())
			case queryMetric:
				p := s.panels[nameOf(m)]
				p.runs = newHistogram(m.GetHistogram())
				s.panels[nameOf(m)] = p
			case failedMetric:
				p := s.panels[nameOf(m)]
				p.errors += m.GetCounter().GetValue()
				s.panels[nameOf(m)] = p
			default:
				s.values[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return s
}

func nameOf(m *dto.Metric) (n panelName) {
	for _, l := range m.GetLabel() {
		switch l.GetName() {
		case "page":
			n.page = l.GetValue()
		case "panel":
			n.panel = l.GetValue()
		}
	}
	return n
}

func newHistogram(m *dto.Histogram) histogram {
	h := histogram{count: m.GetSampleCount(), sum: m.GetSampleSum()}
	for _, b := range m.GetBucket() {
		h.bounds = append(h.bounds, b.GetUpperBound())
		h.upTo = append(h.upTo, b.GetCumulativeCount())
	}
	return h
}

// since is what was observed after an earlier histogram of the same metric, which
// may be the zero one.
func (h histogram) since(earlier histogram) histogram {
	d := histogram{count: h.count - earlier.count, sum: h.sum - earlier.sum, bounds: h.bounds, upTo: slices.Clone(h.upTo)}
	for i := range earlier.upTo {
		d.upTo[i] -= earlier.upTo[i]
	}
	return d
}

// quantile estimates the value that this share of the observations does not
// exceed, as histogram_quantile of PromQL does: evenly spread within a bucket, and
// the last bound for what is beyond it. NaN where nothing was observed.
func (h histogram) quantile(share float64) float64 {
	if h.count == 0 {
		return math.NaN()
	}
	rank := share * float64(h.count)
	low, below := 0.0, 0.0
	for i, bound := range h.bounds {
		upTo := float64(h.upTo[i])
		if upTo >= rank && upTo > below && !math.IsInf(bound, 1) {
			return low + (bound-low)*(rank-below)/(upTo-below)
		}
		if !math.IsInf(bound, 1) {
			low, below = bound, upTo
		}
	}
	return low
}

func (h histogram) mean() float64 { return h.sum / float64(h.count) }

// value is a metric's, NaN where there is none of that name.
func (s *sample) value(name string) float64 {
	if v, ok := s.values[name]; ok {
		return v
	}
	return math.NaN()
}

// rate is how much a counter rose a second since an earlier sample; NaN where no
// time has passed.
func (s *sample) rate(earlier *sample, name string) float64 {
	if earlier == nil || !s.at.After(earlier.at) {
		return math.NaN()
	}
	return (s.value(name) - earlier.value(name)) / s.at.Sub(earlier.at).Seconds()
}

// each is how much a counter rose for each frame since an earlier sample; NaN
// where there was no frame.
func (s *sample) each(earlier *sample, name string) float64 {
	const frames = "rowcast_frames_total"
	n := s.value(frames) - earlier.value(frames)
	if n == 0 {
		return math.NaN()
	}
	return (s.value(name) - earlier.value(name)) / n
}

// work is what one panel took in a while.
type work struct {
	panelName
	runs   histogram
	errors float64
}

// work lists the panels that were read since an earlier sample, those first that
// took the most time.
func (s *sample) work(earlier *sample) []work {
	var list []work
	for name, now := range s.panels {
		before := earlier.panels[name]
		w := work{name, now.runs.since(before.runs), now.errors - before.errors}
		if w.runs.count > 0 {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b work) int {
		return cmp.Or(cmp.Compare(b.runs.sum, a.runs.sum), cmp.Compare(a.page, b.page), cmp.Compare(a.panel, b.panel))
	})
	return list
}
