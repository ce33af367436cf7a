package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// profiles serves Go's profiles on an address of their own, which must be
// loopback: they tell more of the program than its pages do.
type profiles struct {
	listener net.Listener
	log      *slog.Logger
}

func openProfiles(address string, log *slog.Logger) (*profiles, error) {
	if address == "" {
		return nil, nil
	}
	if !isLoopback(address) {
		return nil, fmt.Errorf("serve profiles on %s: only a loopback address may have them", address)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve profiles: %w", err)
	}
	return &profiles{ln, log}, nil
}

func (p *profiles) close() {
	if p != nil {
		_ = p.listener.Close()
	}
}

// Run serves until ctx ends.
func (p *profiles) Run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return serveBeside(ctx, p.listener, "profiles", onlyLoopback(mux), 0, p.log)
}

// onlyLoopback refuses a name that a foreign page bound to this machine.
func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !isLoopback(net.JoinHostPort(host, "0")) {
			http.Error(w, "ask for localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
