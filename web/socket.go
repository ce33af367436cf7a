package web

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/static"
)

// What one client may send: so many messages at once, and so many a second.
const (
	burst = 30
	rate  = 10
)

// lookup bounds how long finding a page may take.
const lookup = 10 * time.Second

// socket is one viewer's connection. Its reader takes commands in and answers
// pongs; its writer alone sends messages, so their order is the protocol's.
type socket struct {
	server *Server
	taken  *seat
	ws     *websocket.Conn
	wire   *wire
	inbox  chan command
	behind bool // the page's code is that of another build; told with its first page

	ctx  context.Context // ends when the client is gone
	left context.CancelFunc

	pinger  *time.Timer
	waiting bool        // for the answer to a ping; belongs to the pinger
	asked   atomic.Bool // a ping went out and nothing came back yet
}

// command is a watch, or the mistake after which the socket is closed.
type command struct {
	ctx     context.Context // ends when the next command arrives
	watch   delta.Watch
	mistake *mistake
}

// mistake is how a client broke the protocol, and the close code for it.
type mistake struct {
	code    string
	message string
	status  websocket.StatusCode
}

// serveSocket answers GET /live. It returns as soon as the socket's goroutines
// run, so that nothing of the request is kept.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !s.origins.allows(r) {
		s.log.Warn("a socket from another origin was refused", "origin", r.Header.Get("Origin"), "host", r.Host)
		s.fail(w, r, &problem{status: http.StatusForbidden, code: codeForbidden, message: "this origin may not open a socket here"})
		return
	}
	if offered := r.Header.Values("Sec-WebSocket-Protocol"); len(offered) > 0 && !offers(offered, Subprotocol) {
		s.fail(w, r, &problem{status: http.StatusBadRequest, code: codeBadRequest, message: "the subprotocol is " + Subprotocol})
		return
	}
	v := visitorOf(r.Context())
	if err := v.somebody(); err != nil && r.Header.Get("Origin") == "" {
		s.fail(w, r, err) // a page would not be told, and try for ever: it gets a close code
		return
	}
	if s.drain.Err() != nil {
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "the server stops"})
		return
	}
	c := &socket{server: s, taken: s.take(v), inbox: make(chan command, 4)}
	if v := r.URL.Query().Get("v"); v != "" && v != static.Version() {
		c.behind = true
	}
	up := &upgrade{ResponseWriter: w, timeout: s.config.Write}
	ws, err := websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // checked above, more strictly
		OnPongReceived:     func(context.Context, []byte) { c.asked.Store(false) },
	})
	if err != nil {
		c.taken.leave(nil)
		return // it has been answered
	}
	ws.SetReadLimit(-1) // counted by read, so that the client is told why
	c.ws, c.wire = ws, up.wire
	c.ctx, c.left = context.WithCancel(context.Background())
	if v.somebody() != nil || s.admit(c) != admitted {
		go c.refuse()
		return
	}
	c.pinger = time.AfterFunc(time.Hour, c.ping)
	c.pinger.Reset(rand.N(s.config.Ping))
	go c.read()
	go c.write()
}

func offers(headers []string, protocol string) bool {
	return slices.ContainsFunc(headers, func(h string) bool {
		return slices.ContainsFunc(strings.Split(h, ","), func(p string) bool { return strings.TrimSpace(p) == protocol })
	})
}

func (c *socket) seat() *seat { return c.taken }

// cut ends the connection at once.
func (c *socket) cut() {
	c.left()
	_ = c.wire.Close()
}

func (c *socket) refuse() {
	defer c.left()
	defer c.taken.leave(nil)
	if err := c.taken.visitor.Load().somebody(); err != nil {
		c.dismiss(c.server.explain(c.ctx, err))
		return
	}
	if c.server.drain.Err() != nil {
		c.goodbye()
		return
	}
	_ = c.say(delta.EncodeError("", codeTooMany, "too many connections"))
	_ = c.ws.Close(websocket.StatusTryAgainLater, codeTooMany)
}

func (c *socket) say(data []byte) error { return c.wire.send(broadcast.Message{Data: data}) }

// read takes in what the client sends until it leaves or makes a mistake. After
// a mistake the writer closes the connection.
func (c *socket) read() {
	defer c.survive()
	limit := bucket{tokens: burst, last: time.Now()}
	stop := func() {}
	defer func() { stop() }()
	for {
		kind, r, err := c.ws.Reader(context.Background())
		if err != nil {
			c.left()
			return
		}
		c.asked.Store(false)
		var next command
		next.watch, next.mistake, err = parse(kind, r)
		if err != nil {
			c.left()
			return
		}
		if next.mistake == nil && !limit.take(time.Now()) {
			next.mistake = &mistake{codeTooMany, "too many messages", websocket.StatusTryAgainLater}
		}
		stop() // what is watched now ends here
		ctx, cancel := context.WithCancel(c.ctx)
		next.ctx, stop = ctx, cancel
		select {
		case c.inbox <- next:
		case <-c.ctx.Done():
			return
		}
		if next.mistake != nil {
			return
		}
	}
}

func parse(kind websocket.MessageType, r io.Reader) (w delta.Watch, m *mistake, err error) {
	if kind != websocket.MessageText {
		return w, &mistake{codeBadRequest, "messages are text", websocket.StatusUnsupportedData}, nil
	}
	b, err := io.ReadAll(io.LimitReader(r, delta.MaxWatch+1))
	if err != nil {
		return w, nil, err
	}
	w, wrong := delta.ParseWatch(b)
	switch {
	case errors.Is(wrong, delta.ErrTooLong):
		m = &mistake{codeBadRequest, wrong.Error(), websocket.StatusMessageTooBig}
	case wrong != nil:
		m = &mistake{codeBadRequest, wrong.Error(), websocket.StatusInvalidFramePayloadData}
	}
	return w, m, nil
}

// bucket fills at rate tokens a second up to burst.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(burst, b.tokens+rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// write carries out commands in order until the client leaves, makes a mistake
// or the server stops. It owns the end of the socket.
func (c *socket) write() {
	defer c.end()
	defer c.survive()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.taken.ctx.Done():
			if p := c.taken.out(); p != nil {
				c.dismiss(p)
			} else {
				c.goodbye()
			}
			return
		case next := <-c.inbox:
			if m := next.mistake; m != nil {
				_ = c.say(delta.EncodeError("", m.code, m.message))
				_ = c.ws.Close(m.status, "")
				return
			}
			if err := c.follow(next); err != nil {
				return
			}
		}
	}
}

// follow answers one watch and carries its page until the next command. Its
// error is that of the connection.
func (c *socket) follow(cmd command) error {
	s := c.server
	c.taken.watches("")
	v := c.taken.now()
	if err := v.somebody(); err != nil {
		c.taken.leave(s.explain(c.ctx, err))
		return nil
	}
	page, err := s.find(c.ctx, v, cmd.watch.Page)
	if err != nil {
		p := s.explain(c.ctx, err)
		code := p.code
		if code == codeInternal {
			code = codeUnavailable
		}
		return c.say(delta.EncodeError(cmd.watch.Page, code, p.message))
	}
	if err := c.say(delta.EncodeWatching(cmd.watch.Page, page.Address)); err != nil || cmd.ctx.Err() != nil {
		return err
	}
	if c.behind {
		c.behind = false
		if err := c.say(delta.EncodeReload(page.Address, static.Version())); err != nil {
			return err
		}
	}
	c.taken.watches(page.Address)
	release := s.config.Feed.Open(page)
	defer release()
	st := s.listen(page, cmd.watch.Cursor)
	defer st.close()
	ctx, cancel := c.taken.until(cmd.ctx)
	defer cancel()
	for {
		messages, err := st.next(ctx)
		if err != nil {
			return nil // the page ended, or another command waits
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := c.wire.send(messages...); err != nil {
			return err
		}
	}
}

// goodbye tells the client when to come back; no two are told the same.
func (c *socket) goodbye() {
	_ = c.say(delta.EncodeBye("restart", comeBack()))
	_ = c.ws.Close(websocket.StatusServiceRestart, "restart")
}

// dismiss closes the socket of a viewer who may stay no longer.
func (c *socket) dismiss(p *problem) {
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusInternalServerError {
		c.goodbye() // to be asked anew
		return
	}
	_ = c.say(delta.EncodeError("", p.code, p.message))
	_ = c.ws.Close(websocket.StatusPolicyViolation, p.code)
}

// comeBack spreads clients over a few seconds, beginning when a new process may
// be there.
func comeBack() time.Duration { return 500*time.Millisecond + rand.N(4500*time.Millisecond) }

func (c *socket) end() {
	c.left()
	c.taken.leave(nil)
	c.pinger.Stop()
	_ = c.wire.Close() // the reader may hold the library's locks until then
	_ = c.ws.CloseNow()
	c.server.dismiss(c)
}

// survive keeps a panic of one socket from ending the process.
func (c *socket) survive() {
	if err := recover(); err != nil {
		c.server.log.Error("a socket panicked", "panic", err, "stack", string(debug.Stack()))
		_ = c.ws.Close(websocket.StatusInternalError, "")
		c.left()
	}
}

// ping runs by the clock: it asks, waits for the answer, and cuts the connection
// when there is none.
func (c *socket) ping() {
	config := c.server.config
	switch {
	case c.ctx.Err() != nil:
	case c.waiting && c.asked.Load():
		c.cut()
	case c.waiting:
		c.waiting = false
		c.pinger.Reset(config.Ping)
	default:
		c.waiting = true
		c.asked.Store(true)
		if c.wire.ping() != nil {
			c.cut()
			return
		}
		c.pinger.Reset(config.Pong)
	}
}
