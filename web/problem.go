package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/views"
)

// The protocol's error codes, and "internal" for HTTP.
const (
	codeBadRequest   = "bad_request"
	codeUnauthorized = "unauthorized"
	codeForbidden    = "forbidden"
	codeNotFound     = "not_found"
	codeTooMany      = "too_many"
	codeUnavailable  = "unavailable"
	codeInternal     = "internal"
)

// problem is an error that whoever asked may see.
type problem struct {
	status        int
	code, message string
	file          *dashboard.Problem // the mistake in a dashboard's file that is behind it
	parameter     string             // whose value cannot be taken
	meant         string             // address of the page that may have been meant
	fix           string             // a statement that mends it, for those who may see queries
	away          bool               // whoever asked is a stranger, who is told nothing else
	after         time.Duration      // when whoever asks too often may again; 0: soon
}

func (p *problem) Error() string { return p.message }

// seconds is when to come again, at the earliest.
func (p *problem) seconds() int {
	if p.after <= 0 {
		return 3
	}
	return int((p.after + time.Second - 1) / time.Second)
}

func notFound(r *http.Request) *problem {
	return &problem{status: http.StatusNotFound, code: codeNotFound, message: "there is no page at " + r.URL.Path}
}

// explain turns any error into what may be told. What nobody may see is logged
// here and told as an internal error.
func (s *Server) explain(ctx context.Context, err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var a *dashboard.AddressError
	if errors.As(err, &a) {
		return &problem{status: statusOf(a.Code), code: a.Code, message: a.Message, file: a.Problem, parameter: a.Parameter, meant: a.Meant, fix: a.Fix}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "the database does not answer"}
	}
	if !errors.Is(err, errInternal) && ctx.Err() == nil {
		s.logs(ctx).Error("a request failed", "error", dashboard.Loggable(err))
	}
	return &problem{status: http.StatusInternalServerError, code: codeInternal, message: internal(ctx)}
}

// internal is all that is told of a fault: under which name the log says more.
func internal(ctx context.Context) string {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		return "internal error (request " + v.request + ")"
	}
	return "internal error"
}

func statusOf(code string) int {
	switch code {
	case codeBadRequest:
		return http.StatusBadRequest
	case codeUnauthorized:
		return http.StatusUnauthorized
	case codeForbidden:
		return http.StatusForbidden
	case codeNotFound:
		return http.StatusNotFound
	case codeTooMany:
		return http.StatusTooManyRequests
	case codeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fail answers with an error: a page where a person is looking, else JSON.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.explain(r.Context(), err)
	if opensSocket(r) {
		s.protect(w, r)
	}
	if p.away {
		r = stranger(r)
	}
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(p.seconds()))
	}
	if p.status == http.StatusServiceUnavailable && p != errStopping && s.tells("unavailable") {
		s.logs(r.Context()).Warn("a request was answered 503; others of this minute are not told", "code", p.code)
	}
	if p.status == http.StatusUnauthorized && wantsPage(r) && visitorOf(r.Context()).signInURL() != "" {
		s.toSignIn(w, r)
		return
	}
	if !wantsPage(r) || r.Context().Err() != nil { // nothing is rendered for one who may be gone
		var body struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"error"`
		}
		body.Error.Code, body.Error.Message = p.code, p.message
		s.writeJSON(w, r, p.status, body)
		return
	}
	s.writePage(w, r, p.status, views.NoticePage(s.notice(r, p)))
}

// stranger is a request as that of nobody, to whom no page that is rendered for it
// names the database or what is in it.
func stranger(r *http.Request) *http.Request {
	v := *visitorOf(r.Context())
	v.gate, v.pass, v.none, v.shared = new(access.Gate), access.Pass{}, access.ErrNobody, false
	return v.with(r)
}

// wantsPage tells a request that a person's browser shows.
func wantsPage(r *http.Request) bool {
	u := r.URL.Path
	for _, prefix := range []string{"/api/", "/live", "/static/", "/healthz", "/readyz"} {
		if strings.HasPrefix(u, prefix) {
			return false
		}
	}
	if ext := path.Ext(u); (ext == ".csv" || ext == ".json") && strings.Count(u, "/") == 3 {
		return false // a file: a page would be saved as one
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "text/html") || accept == "" || strings.HasPrefix(u, "/d/") && !strings.Contains(accept, "json") ||
		strings.HasPrefix(u, "/t/") && !strings.Contains(accept, "json")
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // bodies are plain structs
	}
	s.writeBytes(w, r, status, "application/json", append(b, '\n'))
}

// writeBytes answers with a whole body. A client that left has nobody to tell.
func (s *Server) writeBytes(w http.ResponseWriter, r *http.Request, status int, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	_ = s.allow(w, len(b)) // servers of tests may not support deadlines
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b)
	}
}
