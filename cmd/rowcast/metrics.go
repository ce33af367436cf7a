package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves what the parts count, in Prometheus' text format.
func (a *app) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	count := func(name, help string, value func() uint64) {
		registry.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "rowcast", Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Namespace: "rowcast", Name: name, Help: help}, value))
	}
	count("cycles_total", "Snapshots taken for pages that were due.", func() uint64 { return a.engine.Stats().Cycles })
	registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Namespace: "rowcast", Name: "cycle_seconds_total", Help: "Time that those took, with arming and comparing."},
		func() float64 { return a.engine.Stats().Reading.Seconds() }))
	count("turns_kept_total", "Pages left for the next snapshot because one had used up its time.", func() uint64 { return a.engine.Stats().Left })
	count("frames_total", "States published.", func() uint64 { return a.engine.Stats().Frames })
	count("unrung_changes_total", "Changes that a safety read found and nobody rang for.", func() uint64 { return a.engine.Stats().Unrung })
	count("torn_readings_total", "Readings thrown away because a table was being replaced.", func() uint64 { return a.engine.Stats().Repeats })
	count("failed_readings_total", "Readings that failed as a whole.", func() uint64 { return a.engine.Stats().Failures })
	gauge("pages", "Pages that somebody watches.", func() float64 { return float64(a.engine.Stats().Pages) })
	gauge("subscribers", "Sockets and event streams that follow a page.", func() float64 { return float64(a.hub.Stats().Subscribers) })
	gauge("bells_armed", "Bells that are armed now.", func() float64 { return float64(a.listener.State().Armed) })
	gauge("doorbell_connected", "1 while the doorbell is heard.", func() float64 {
		if a.listener.State().Connected {
			return 1
		}
		return 0
	})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// serveMetrics answers GET /metrics on an address of its own, for those who
// gather them and do not sign in.
func (f *serveFlags) serveMetrics(a *app) func(context.Context) error {
	return func(ctx context.Context) error {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", a.metrics())
		server := &http.Server{Addr: f.MetricsListen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve metrics: %w", err)
		}
		return nil
	}
}
