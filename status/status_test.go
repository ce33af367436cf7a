package status

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
)

// server is something whose figures are shown.
type server struct {
	*testing.T
	*Board
	hub      *broadcast.Hub[*delta.State]
	registry *prometheus.Registry
	reads    atomic.Int64
	looks    atomic.Int64
	fault    atomic.Bool

	frames, statements, seconds prometheus.Counter
	sent, resyncs, rings        prometheus.Counter
	wait                        prometheus.Histogram
	query                       *prometheus.HistogramVec
}

// Gather counts how often it is asked.
func (s *server) Gather() ([]*dto.MetricFamily, error) {
	s.reads.Add(1)
	if s.fault.Load() {
		return nil, errors.New("no figures")
	}
	return s.registry.Gather()
}

// bubble runs a test with a board that runs, and fails on what it leaves.
func bubble(t *testing.T, test func(s *server)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{T: t, hub: broadcast.New[*delta.State](broadcast.Config{}), registry: prometheus.NewRegistry()}
		counter := func(name string) prometheus.Counter {
			c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "rowcast", Name: name})
			s.registry.MustRegister(c)
			return c
		}
		s.frames, s.statements, s.seconds = counter("frames_total"), counter("database_statements_total"), counter("database_seconds_total")
		s.sent, s.resyncs, s.rings = counter("sent_bytes_total"), counter("resyncs_total"), counter("rings_total")
		bounds := []float64{.01, .02, .1, 1}
		s.wait = prometheus.NewHistogram(prometheus.HistogramOpts{Name: framesMetric, Buckets: bounds})
		s.query = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: queryMetric, Buckets: bounds}, []string{"page", "panel"})
		s.registry.MustRegister(s.wait, s.query)
		s.Board = New(Config{Hub: s.hub, Gather: s, TimeZone: "UTC", Examine: func(context.Context) ([]Finding, error) {
			if s.looks.Add(1) == 2 {
				return nil, errors.New("it is away")
			}
			return []Finding{{"good", "it is well", ""}, {"to mend", "it is ill", "SELECT cure()"}}, nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Board.Run(ctx) }()
		test(s)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// panel is a panel's rows as text, of the newest state for this page.
func (s *server) panel(id, page string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	state, err := s.hub.Latest(ctx, page)
	if err != nil {
		s.Fatal(err)
	}
	var lines []string
	for _, r := range state.Panels[id].Rows {
		var cells []string
		for _, c := range r.Cells {
			if c.Null {
				c.Text = "null"
			}
			cells = append(cells, c.Text)
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "\n")
}

func (s *server) want(id, want string) {
	s.Helper()
	if got := s.panel(id, Address); got != want {
		s.Errorf("%s is %q, not %q", id, got, want)
	}
}

func TestFiguresAreOfLately(t *testing.T) {
	bubble(t, func(s *server) {
		s.frames.Add(1000) // long ago
		defer s.Open(s.Page())()
		s.want("frames", "0.0 1000 0 0")
		s.want("latency", "null null 0.0")
		s.want("statements", "0.0 null")
		for range 100 { // ten seconds of ten frames, three statements and 20 ms each
			time.Sleep(100 * time.Millisecond)
			s.frames.Inc()
			s.sent.Add(500)
			s.rings.Add(2)
			s.statements.Add(3)
			s.seconds.Add(.02)
			s.wait.Observe(.015)
			s.query.WithLabelValues("/d/shop", "late").Observe(.5)
			s.query.WithLabelValues("/d/shop", "soon").Observe(.005)
		}
		synctest.Wait()
		s.want("frames", "10.0 1100 5000 0")
		s.want("latency", "0.015000 0.019900 20.0") // evenly spread within 10 to 20 ms
		s.want("statements", "30.0 3.0")
		s.want("waited", "0.200000 0.020000")
		rows := strings.Split(s.panel("panels", Address), "\n")
		if len(rows) != 2 || !strings.HasPrefix(rows[0], "/d/shop late 100") || !strings.Contains(rows[0], " 0.500000 ") || !strings.HasPrefix(rows[1], "/d/shop soon 100") {
			t.Errorf("panels are %q", rows)
		}
		s.resyncs.Add(2)
		time.Sleep(70 * time.Second)
		s.want("frames", "0.0 1100 0 2")
		s.want("latency", "null null 0.0")
		s.want("panels", "")
	})
}

// Nothing is proven while nobody watches, which is no reason to worry anybody.
func TestProofHasAnAgeWhileSomebodyWatches(t *testing.T) {
	bubble(t, func(s *server) {
		gauge := func(name string, v float64) prometheus.Gauge {
			g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "rowcast", Name: name})
			g.Set(v)
			s.registry.MustRegister(g)
			return g
		}
		gauge("proof_age_seconds", 580)
		gauge("unrung_changes_total", 0)
		pages := gauge("pages", 0)
		defer s.Open(s.Page())()
		s.want("proof", "null 0")
		pages.Set(1)
		time.Sleep(step)
		synctest.Wait()
		s.want("proof", "580.0 0")
	})
}

func TestChartsGoBackAQuarterOfAnHour(t *testing.T) {
	bubble(t, func(s *server) {
		release := s.Open(s.Page())
		time.Sleep(20 * time.Minute)
		s.frames.Add(50)
		time.Sleep(step)
		synctest.Wait()
		rows := strings.Split(s.panel("frames_over_time", Address), "\n")
		if n := len(rows); n < 180 || n > 182 || !strings.HasSuffix(rows[n-1], " 10.0") && !strings.HasSuffix(rows[n-2], " 10.0") {
			t.Errorf("%d points, the last %q", n, rows[len(rows)-2:])
		}
		release()
		time.Sleep(time.Minute)
		defer s.Open(s.Page())()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		// What nobody watched is a gap.
		again := strings.Split(s.panel("frames_over_time", Address), "\n")
		gaps := 0
		for _, r := range again {
			if strings.HasSuffix(r, " null") {
				gaps++
			}
		}
		if gaps != 2 { // the gap, and the beginning of what follows
			t.Errorf("%d gaps: %q", gaps, again[len(again)-6:])
		}
	})
}

func TestNothingRunsWhileNobodyWatches(t *testing.T) {
	bubble(t, func(s *server) {
		time.Sleep(time.Hour)
		if n := s.reads.Load() + s.looks.Load(); n != 0 {
			t.Errorf("nobody watches: read %d times", n)
		}
		release, other := s.Open(s.Page()), s.Open(s.Page())
		time.Sleep(10 * time.Second)
		if n := s.reads.Load(); n < 9 || n > 12 {
			t.Errorf("two viewers: read %d times in ten seconds", n)
		}
		release()
		release()
		time.Sleep(10 * time.Second)
		if n := s.reads.Load(); n < 18 {
			t.Errorf("one viewer is left: read %d times in twenty seconds", n)
		}
		first, err := s.hub.Latest(s.Context(), Address)
		if err != nil {
			t.Fatal(err)
		}
		other()
		time.Sleep(grace + 2*pace)
		n := s.reads.Load()
		time.Sleep(time.Hour)
		if more := s.reads.Load() - n; more != 0 {
			t.Errorf("all have left: read %d times", more)
		}
		if left := s.hub.Stats(); left != (broadcast.Stats{}) {
			t.Errorf("all have left: the hub holds %+v", left)
		}
		defer s.Open(s.Page())()
		next, err := s.hub.Latest(s.Context(), Address)
		if err != nil || next.Cursor == first.Cursor || strings.Split(next.Cursor, ":")[0] == strings.Split(first.Cursor, ":")[0] {
			t.Errorf("%v: after %s comes %s", err, first.Cursor, next.Cursor)
		}
	})
}

// Each frame leads from the one before to the next.
func TestFramesFollowEachOther(t *testing.T) {
	bubble(t, func(s *server) {
		defer s.Open(s.Page())()
		shown, err := s.hub.Latest(s.Context(), Address)
		if err != nil {
			t.Fatal(err)
		}
		sub := s.hub.Subscribe(Address, shown.Cursor)
		defer sub.Close()
		steps := 0
		for steps < 30 {
			s.frames.Add(float64(steps))
			s.wait.Observe(.05)
			batch, err := sub.Next(s.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range batch.Messages {
				got, err := delta.Decode(m.Data)
				if err != nil {
					t.Fatal(err)
				}
				if m.Cursor == "" {
					if got.Status.State != "timed" || got.Status.Every != pace {
						t.Fatalf("status %+v", got.Status)
					}
					continue
				}
				if shown, err = delta.ApplyState(shown, &got); err != nil {
					t.Fatal(err)
				}
				steps++
			}
		}
		newest, err := s.hub.Latest(s.Context(), Address)
		if err != nil || fmt.Sprint(newest.Cursor) != shown.Cursor || !newest.Equal(shown) {
			t.Errorf("%v: %s is not %s", err, shown.Cursor, newest.Cursor)
		}
	})
}

// What is to be mended is the first panel, or that nothing is; the rest of what was
// looked at is the last.
func TestFindingsAreLookedForEveryMinute(t *testing.T) {
	bubble(t, func(s *server) {
		candid := s.Page()
		if n := len(candid.Panels); candid.Panels[0].ID != "findings" || candid.Panels[n-1].ID != "examined" {
			t.Errorf("the panels are %+v", candid.Panels)
		}
		candid.Candid, candid.Context = true, "candid "
		defer s.Open(s.Page())()
		defer s.Open(candid)()
		time.Sleep(5 * time.Second)
		s.want("findings", "to mend it is ill")
		s.want("examined", "good it is well")
		if got := s.panel("findings", candid.ID()) + "\n" + s.panel("examined", candid.ID()); got != "to mend it is ill SELECT cure()\ngood it is well –" {
			t.Errorf("an author reads %q", got)
		}
		time.Sleep(time.Minute)
		s.want("findings", "to mend the database cannot be looked at: it is away")
		s.want("examined", "")
		time.Sleep(time.Minute)
		s.want("findings", "to mend it is ill")
		if n := s.looks.Load(); n != 3 {
			t.Errorf("looked %d times", n)
		}
	})
}

// Where nothing is to be mended that is said, of how many things.
func TestNothingIsToBeMended(t *testing.T) {
	ill, other := findingsPanels([]Finding{{State: "good", What: "a"}, {State: "note", What: "b"}, {State: "good", What: "c"}}, false)
	if len(ill.Rows) != 1 || ill.Rows[0].Cells[0].Text != "good" || ill.Rows[0].Cells[1].Text != "nothing is: 3 things were looked at" {
		t.Errorf("%+v", ill)
	}
	if len(other.Rows) != 3 || other.Rows[0].Cells[1].Text != "b" || other.Rows[2].Cells[1].Text != "c" {
		t.Errorf("%+v", other)
	}
}

func TestFiguresThatCannotBeReadGrowOld(t *testing.T) {
	bubble(t, func(s *server) {
		defer s.Open(s.Page())()
		time.Sleep(3 * time.Second)
		before, _ := s.hub.Latest(s.Context(), Address)
		s.fault.Store(true)
		time.Sleep(10 * time.Second)
		after, _ := s.hub.Latest(s.Context(), Address)
		if time.Since(after.At) < 9*time.Second || after.At.Sub(before.At) > 2*time.Second {
			t.Errorf("what was read at %v is shown as of %v", before.At, after.At)
		}
		s.fault.Store(false)
		time.Sleep(2 * time.Second)
		if after, _ = s.hub.Latest(s.Context(), Address); time.Since(after.At) > 2*time.Second {
			t.Error("it is not read again")
		}
	})
}

func TestQuantile(t *testing.T) {
	h := histogram{count: 10, sum: 30, bounds: []float64{1, 2, 4, math.Inf(1)}, upTo: []uint64{0, 5, 9, 10}}
	for share, want := range map[float64]float64{.5: 2, .25: 1.5, .7: 3, .99: 4, 1: 4} {
		if got := h.quantile(share); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, not %v", share, got, want)
		}
	}
	if got := h.since(h); !math.IsNaN(got.quantile(.5)) {
		t.Errorf("of nothing it is %v", got.quantile(.5))
	}
	if got := h.since(histogram{}); got.count != 10 || got.mean() != 3 {
		t.Errorf("since the beginning: %+v", got)
	}
}

func TestIs(t *testing.T) {
	for address, want := range map[string]bool{"/status": true, "/status?kiosk": true, "/status#a": true, "/status/": false, "/status2": false, "/d/status": false, "": false} {
		if Is(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}
