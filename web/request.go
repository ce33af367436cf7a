package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
)

// requestHeader carries a request's name, back to whoever sent it, and on from a
// trusted proxy that has named it already.
const requestHeader = "X-Request-Id"

// longestRequest bounds a name that a proxy gave.
const longestRequest = 64

// nameRequest returns what a request is called in logs. It says nothing, and nobody
// but a trusted proxy chooses it.
func (s *Server) nameRequest(r *http.Request) string {
	given := r.Header.Values(requestHeader)
	if len(given) == 1 && len(given[0]) <= longestRequest && isToken(given[0]) && s.config.Proxies.Sent(r) {
		return given[0]
	}
	return strings.ToLower(rand.Text()[:12]) // 60 bits: a log is searched for it
}

// logs is the log for what is done for a request: a line names the request, its
// route and its page, and none of their values.
func (s *Server) logs(ctx context.Context) *slog.Logger {
	v, ok := ctx.Value(visitorKey{}).(*visitor)
	if !ok {
		return s.log
	}
	log := s.log
	for _, pair := range [][2]string{{"request", v.request}, {"route", v.route}, {"page", v.page}} {
		if pair[1] != "" {
			log = log.With(pair[0], pair[1])
		}
	}
	return log
}

// asks notes which page a request is about, for its log. Its values stay out.
func (v *visitor) asks(address string) {
	path, _, _ := strings.Cut(address, "?")
	v.page = path[:min(len(path), 200)]
}
