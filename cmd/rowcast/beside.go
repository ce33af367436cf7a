package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// besideMost is how many connections an address beside that of the pages has, half of
// them for one client: whoever gathers figures needs one.
const besideMost = 8

// serveBeside answers on an address beside that of the pages until ctx ends. An answer
// may take as long as write; 0: for ever.
func serveBeside(ctx context.Context, ln net.Listener, what string, handler http.Handler, write time.Duration, log *slog.Logger) error {
	gate := newGate(ln, reserved+besideMost, besideMost, func(string) bool { return false }, func() int { return 0 })
	server := &http.Server{
		Handler: forPrograms(handler), ConnState: gate.count,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: write, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(gate); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", what, err)
	}
	return nil
}

// forPrograms lets a browser do nothing with the answers, which are for programs.
func forPrograms(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
