package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// gauges hears what the engine measures, and keeps it for whoever asks.
type gauges struct {
	armed, cycle, frame, commit prometheus.Histogram
	query                       *prometheus.HistogramVec
	failed                      *prometheus.CounterVec
	notice                      func() time.Duration // see [listener.Listener.Notice]
}

func newGauges(notice func() time.Duration) *gauges {
	within := []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "rowcast", Name: name, Help: help, Buckets: within}
	}
	return &gauges{
		notice: notice,
		commit: prometheus.NewHistogram(histogram("commit_to_frame_seconds", "From the commit of a change to the frame that shows it: ring_to_frame_seconds, and what the last notification of the server's own took from being asked for to being heard.")),
		armed:  prometheus.NewHistogram(histogram("arm_seconds", "How long a cycle waited for its bells.")),
		cycle:  prometheus.NewHistogram(histogram("cycle_seconds", "How long one reading of the due pages took, with arming and comparing.")),
		frame:  prometheus.NewHistogram(histogram("ring_to_frame_seconds", "From the first ring that it answers to the frame that shows the change.")),
		query:  prometheus.NewHistogramVec(histogram("query_seconds", "How long a panel's query took."), []string{"page", "panel"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rowcast", Name: "query_errors_total", Help: "Readings of a panel that ended in an error.",
		}, []string{"page", "panel", "code"}),
	}
}

func (g *gauges) Armed(took time.Duration) { g.armed.Observe(took.Seconds()) }
func (g *gauges) Cycle(took time.Duration) { g.cycle.Observe(took.Seconds()) }

// Frame counts from the commit as well. A ring does not say when it was committed, and
// the database knows that only with track_commit_timestamp, of transactions that a ring
// does not name; but the ping goes the ring's way once a second.
func (g *gauges) Frame(sinceRing time.Duration) {
	g.frame.Observe(sinceRing.Seconds())
	if notice := g.notice(); notice > 0 {
		g.commit.Observe((sinceRing + notice).Seconds())
	}
}

// Query counts under the page's path: the values of its variables may be many.
func (g *gauges) Query(page, panel string, took time.Duration, code string) {
	if u, err := url.Parse(page); err == nil {
		page = u.Path
	}
	g.query.WithLabelValues(page, panel).Observe(took.Seconds())
	if code != "" {
		g.failed.WithLabelValues(page, panel, code).Inc()
	}
}

// count registers what the parts count.
func (a *app) count() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		a.gauges.armed, a.gauges.cycle, a.gauges.frame, a.gauges.commit, a.gauges.query, a.gauges.failed)
	count := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "rowcast", Name: name, Help: help}, value))
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "rowcast", Name: name, Help: help}, value))
	}
	a.countEngine(count, gauge)
	a.countViewers(count, gauge)
	a.countDatabase(count, gauge)
	count("log_lines_dropped_total", "Lines of the log that were dropped because nobody read it.", func() float64 { return float64(a.spool.dropped()) })
	return registry
}

// register adds one number that is asked for when it is wanted.
type register func(name, help string, value func() float64)

func (a *app) countEngine(count, gauge register) {
	stats := a.engine.Stats
	count("cycles_total", "Snapshots taken for pages that were due.", func() float64 { return float64(stats().Cycles) })
	count("turns_kept_total", "Pages left for the next snapshot because one had used up its time.", func() float64 { return float64(stats().Left) })
	count("frames_total", "States published.", func() float64 { return float64(stats().Frames) })
	count("unrung_changes_total", "Changes that a safety read found and nobody rang for.", func() float64 { return float64(stats().Unrung) })
	count("torn_readings_total", "Readings thrown away because a table was being replaced.", func() float64 { return float64(stats().Repeats) })
	count("failed_readings_total", "Readings that failed as a whole.", func() float64 { return float64(stats().Failures) })
	gauge("pages", "Pages that somebody watches.", func() float64 { return float64(stats().Pages) })
	gauge("proof_age_seconds", "How old the freshest proof is that nothing was missed; -1 before the first.", func() float64 {
		if at := stats().Proved; !at.IsZero() {
			return time.Since(at).Seconds()
		}
		return -1
	})
}

func (a *app) countViewers(count, gauge register) {
	gauge("viewers", "Sockets and event streams that are open.", func() float64 { return float64(a.web.Viewers()) })
	gauge("subscribers", "Pages that they follow, each counted once for each who does.", func() float64 { return float64(a.hub.Stats().Subscribers) })
	gauge("slow_viewers", "Viewers who have not taken in all that was written to them.", func() float64 { return float64(a.web.Traffic().Slow) })
	count("sent_bytes_total", "What viewers were sent, without TLS and HTTP.", func() float64 { return float64(a.web.Traffic().Sent) })
	count("resyncs_total", "Snapshots for viewers who showed a state already, and could not be brought on from it.", func() float64 { return float64(a.hub.Stats().Resyncs) })
	gauge("ring_bytes", "Frames kept for those who come again.", func() float64 { return float64(a.hub.Stats().RingBytes) })
}

func (a *app) countDatabase(count, gauge register) {
	traffic := a.db.traffic
	count("database_statements_total", "Statements that the database was sent, by every session, each step of a pipeline counted.", func() float64 { return float64(traffic.statements.Load()) })
	count("database_seconds_total", "Time that the database was waited for, of all sessions together: what it worked, what it waited for itself, such as a lock, and the way there and back.", func() float64 {
		return time.Duration(traffic.waited.Load()).Seconds()
	})
	count("database_connects_total", "Sessions that were asked for.", func() float64 { return float64(traffic.connects.Load()) })
	count("database_refusals_total", "Sessions that were asked for and not had.", func() float64 { return float64(traffic.refused.Load()) })
	gauge("database_sessions", "Sessions that are open.", func() float64 {
		open := a.db.sessions.count()
		if a.admin != nil && a.admin != a.db {
			open += a.admin.sessions.count()
		}
		return float64(open)
	})
	count("rings_total", "Rings that were heard, of whatever bell.", func() float64 { return float64(a.listener.State().Rings) })
	gauge("notice_seconds", "What the last notification of the server's own took from being asked for to being heard; 0 before the first.", func() float64 { return a.listener.Notice().Seconds() })
	gauge("bells_armed", "Bells that are armed now.", func() float64 { return float64(a.listener.State().Armed) })
	gauge("doorbell_connected", "1 while the doorbell is heard.", func() float64 {
		if a.listener.State().Connected {
			return 1
		}
		return 0
	})
}

// openMetrics answers GET /metrics on an address of its own, for those who
// gather them and do not sign in. It listens from now on, and answers while what it
// returns runs.
func (f *serveFlags) openMetrics(ctx context.Context, metrics http.Handler, log *slog.Logger) (func(context.Context) error, error) {
	if !isLoopback(f.MetricsListen) {
		log.Warn("whoever reaches this address may read the figures, and the names of pages and tables", "listen", f.MetricsListen)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	var handler http.Handler = mux
	if isLoopback(f.MetricsListen) {
		handler = onlyLoopback(mux)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", f.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return func(ctx context.Context) error { return serveBeside(ctx, ln, "metrics", handler, 30*time.Second, log) }, nil
}
