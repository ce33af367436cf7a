package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/static"
)

// events is one stream of server-sent events.
type events struct {
	w       http.ResponseWriter
	server  *Server
	buf     bytes.Buffer
	cancel  context.CancelFunc
	taken   *seat
	sent    atomic.Uint64   // bytes so far
	stay    context.Context // ends when the server stops, or the viewer has to leave
	sendOff context.CancelCauseFunc
}

// leave has the stream end with a goodbye, or with why.
func (e *events) leave(out *problem) {
	if out != nil {
		e.sendOff(out)
	} else {
		e.sendOff(context.Canceled)
	}
}

func (e *events) cut() { e.cancel() }

func (e *events) seat() *seat { return e.taken }

// serveEvents answers GET /api/v1/events: the socket's messages, one way.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	if !s.allows(r) {
		s.fail(w, r, &problem{status: http.StatusForbidden, code: codeForbidden, message: "this origin may not listen here"})
		return
	}
	cursor, v := r.Header.Get("Last-Event-ID"), visitorOf(r.Context())
	if err := s.mayConnect(v); err != nil {
		s.fail(w, r, err)
		return
	}
	v.asks(named(r))
	page, err := s.find(r.Context(), v, named(r))
	if err != nil {
		p := s.explain(r.Context(), err)
		if cursor != "" && p.code == codeNotFound {
			w.WriteHeader(http.StatusNoContent) // it was there once; do not come back
			return
		}
		s.fail(w, r, p)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	e := &events{w: w, server: s, cancel: cancel, taken: s.take(v)}
	e.stay, e.sendOff = context.WithCancelCause(s.drain)
	defer e.sendOff(nil)
	e.taken.watches(page.Address)
	full := s.admit(e)
	if full != nil && full != errStopping {
		s.fail(w, r, full)
		return
	}
	if full == nil {
		defer s.dismiss(e)
	}
	release, err := s.open(v, e.taken.shares, page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer release()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if full == errStopping {
		e.goodbye(nil)
	}
	if r.Method == http.MethodHead || full != nil {
		return
	}
	if outdated(r) && e.reload(page, static.Version(), "") != nil {
		return
	}
	if redefined(page, r.URL.Query().Get("definition")) && e.reload(page, "", page.Mark) != nil {
		return
	}
	if !e.run(ctx, page, cursor) {
		return
	}
	var out *problem
	if errors.As(context.Cause(e.stay), &out) && out != errAgain {
		// A client that comes back all the same is told by a status.
		_ = e.send([]broadcast.Message{{Data: delta.EncodeError(page.Address, out.code, out.message)}})
		return
	}
	e.goodbye(out)
}

// outdated tells whether a page's code, whose version it named, is that of another
// build.
func outdated(r *http.Request) bool {
	v := r.URL.Query().Get("v")
	return v != "" && v != static.Version()
}

// run carries the page and reports whether it ended because the server stops or
// the viewer may stay no longer.
func (e *events) run(ctx context.Context, page *dashboard.Page, cursor string) (out bool) {
	s := e.server
	if http.NewResponseController(e.w).Flush() != nil {
		return false
	}
	st := s.listen(page, cursor)
	defer st.close()
	if now := s.config.Pages.Current(page); now != page.Mark && e.reload(page, "", now) != nil {
		return false
	}
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(e.stay, cancel)
	defer stop()
	for {
		messages, err := st.next(both)
		if err != nil {
			return both.Err() != nil && ctx.Err() == nil
		}
		if e.send(messages) != nil {
			return false
		}
	}
}

// goodbye says when to come again; out is errAgain or nil.
func (e *events) goodbye(out *problem) {
	reason, retry := "restart", comeBack()
	if out == errAgain {
		reason, retry = "again", 0
	}
	e.buf.WriteString("retry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\n\n")
	_ = e.send([]broadcast.Message{{Data: delta.EncodeBye(reason, retry)}})
}

// reload has the page loaded again, for newer code or another definition.
func (e *events) reload(page *dashboard.Page, version, definition string) error {
	return e.send([]broadcast.Message{{Data: delta.EncodeReload(page.Address, version, definition)}})
}

func (e *events) send(messages []broadcast.Message) error {
	for _, m := range messages {
		if m.Cursor != "" {
			e.buf.WriteString("id: " + m.Cursor + "\n")
		}
		e.buf.WriteString("data: ")
		e.buf.Write(m.Data)
		e.buf.WriteString("\n\n")
	}
	defer e.release()
	for b := e.buf.Bytes(); len(b) > 0; {
		n := min(len(b), fragment)
		if err := e.server.allow(e.w, n); err != nil {
			return err
		}
		if _, err := e.w.Write(b[:n]); err != nil {
			return err
		}
		e.sent.Add(uint64(n))
		b = b[n:]
	}
	return http.NewResponseController(e.w).Flush()
}

// release keeps a large snapshot from being held for the stream's life.
func (e *events) release() {
	if e.buf.Cap() > fragment {
		e.buf = bytes.Buffer{}
		return
	}
	e.buf.Reset()
}

// allow gives the next size bytes of an answer their time.
func (s *Server) allow(w http.ResponseWriter, size int) error {
	pieces := 1 + size/fragment
	return http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Duration(pieces) * s.config.Write))
}
