package web

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/delta"
)

const livePath = "/live"

// serveSocket answers GET /live. It returns as soon as the socket's reader runs,
// so that nothing of the request is kept.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	if err := s.mayConnect(v); err != nil {
		s.fail(w, r, err)
		return
	}
	if p := s.refusal(r); p != nil {
		s.fail(w, r, p)
		return
	}
	if err := v.somebody(); err != nil {
		v.turnedAway(err, r)
		if r.Header.Get("Origin") == "" {
			s.fail(w, r, err)
			return
		}
	}
	if r.ProtoMajor != 1 { // the library would answer with headers that HTTP/2 forbids
		s.fail(w, r, &problem{status: http.StatusUpgradeRequired, code: codeBadRequest, message: "a socket is opened by HTTP/1.1"})
		return
	}
	c := &socket{server: s, taken: s.take(v), behind: outdated(r)}
	away := s.unwelcome(c)
	if away != nil && !s.mayPart() {
		s.fail(w, r, away)
		return
	}
	up := &upgrade{ResponseWriter: w, server: s, request: r, wire: &c.wire}
	ws, err := websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // checked above, more strictly
		CompressionMode:    websocket.CompressionNoContextTakeover,
		OnPingReceived:     func(context.Context, []byte) bool { return c.controlled() },
		OnPongReceived: func(context.Context, []byte) {
			if !c.answered() {
				c.controlled() // nobody asked
			}
		},
	})
	if err != nil { // it has been answered
		if away != nil {
			s.parted()
		}
		return
	}
	ws.SetReadLimit(-1) // counted by read, so that the client is told why
	c.ws, c.wire.drained, c.wire.answer = ws, c.goOn, c.answered
	if away == nil {
		if away = s.admit(c); away != nil && !s.mayPart() { // others came first
			_ = ws.CloseNow()
			return
		}
	}
	if away != nil {
		go c.part(away)
		return
	}
	// Not all are pinged at once, and none before a status can take the ping along.
	first := min(s.config.Next+slack, s.config.Ping)
	first += rand.N(s.config.Ping - first + 1)
	c.due = time.Now().Add(first)
	s.wheel.add(c, 0)
	go c.read()
}

// refusal says why a request may not open a socket; nil: it may.
func (s *Server) refusal(r *http.Request) *problem {
	if !s.allows(r) {
		if s.tells("origin " + visitorOf(r.Context()).from) {
			s.logs(r.Context()).Warn("a socket from another origin was refused", "origin", access.Clip(r.Header.Get("Origin")), "host", access.Clip(r.Host))
		}
		return &problem{status: http.StatusForbidden, code: codeForbidden, message: "this origin may not open a socket here"}
	}
	if offered := r.Header.Values("Sec-WebSocket-Protocol"); len(offered) > 0 && !offers(offered, Subprotocol) {
		return &problem{status: http.StatusBadRequest, code: codeBadRequest, message: "the subprotocol is " + Subprotocol}
	}
	if s.drain.Err() != nil {
		return errStopping
	}
	return nil
}

func offers(headers []string, protocol string) bool {
	return slices.ContainsFunc(headers, func(h string) bool {
		return slices.ContainsFunc(strings.Split(h, ","), func(p string) bool { return strings.TrimSpace(p) == protocol })
	})
}

// unwelcome says why a socket will be turned away; nil: it will not, as far as can
// be seen.
func (s *Server) unwelcome(c *socket) *problem {
	if err := c.taken.visitor.Load().somebody(); err != nil {
		return s.explain(c.taken.visitor.Load().in(context.Background()), err)
	}
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	return s.full(c)
}

// A socket that is turned away is told why by a close frame, because a browser tells
// its pages nothing of a status, and then waited for. So many may be waited for at a
// time, in no count but this one; others are refused before there is a socket.
const mostPartings = 256

func (s *Server) mayPart() bool {
	select {
	case s.partings <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) parted() { <-s.partings }

// part says why a socket is turned away, and ends it.
func (c *socket) part(away *problem) {
	defer c.server.parted()
	last, status, reason := delta.EncodeError("", away.code, away.message), websocket.StatusPolicyViolation, away.code
	switch {
	case away == errStopping:
		last, status, reason = delta.EncodeBye("restart", comeBack()), websocket.StatusServiceRestart, "restart"
	case away.code == codeTooMany:
		status = websocket.StatusTryAgainLater
	case away.code == codeInternal: // a fault is no reason to sign in
		last, status = delta.EncodeError("", codeUnavailable, away.message), websocket.StatusInternalError
	}
	_ = c.say(last)
	_ = c.ws.Close(status, reason)
}
