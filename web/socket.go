package web

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/static"
)

// What one client may send: so many messages at once, and so many a second; of
// pings and pongs as many beside them.
const (
	burst = 30
	rate  = 10
)

// lookup bounds how long finding a page may take.
const lookup = 10 * time.Second

// copied is how long frames may be that are copied to go out with others as one write.
const copied = fragment / 16

// inbox is how many commands may wait; then nothing more is read.
const inbox = 4

// socket is one viewer's connection. Its reader waits for messages and answers
// pongs; they are carried out one after the other by the goroutine that takes one
// in where nobody does so, which lives as long as there are any. What a page's viewers hear comes from the hub's loops.
type socket struct {
	// What a status that goes out and the wheel's look need stands together and
	// first, before the rest of the wire.

	due     time.Time   // when the next ping is, or the answer; belongs to the wheel
	waiting bool        // for the answer to a ping; belongs to the wheel
	queued  bool        // something waited for its turn to be sent when the client was last late; belongs to the wheel
	asked   atomic.Bool // a ping went out and nothing came back yet
	server  *Server

	mu    sync.Mutex // guards all below but taken to control; frames go out under it, which never waits
	over  bool
	ping  pinging   // whether a frame takes one along
	now   *follow   // the page that is watched
	first []byte    // frames that go out with whatever comes next
	heard time.Time // when its last status went out
	wire  wire      // beside what else a frame needs

	commands []command
	working  bool               // a goroutine carries them out
	leaving  bool               // goodbye was said: nothing else is
	room     chan struct{}      // closed once fewer wait; nil: the reader does not wait for that
	give     context.CancelFunc // ends the command under way

	taken   *seat
	ws      *websocket.Conn
	behind  bool   // the page's code is that of another build; told with its first page
	had     uint64 // bytes that the client had, when it was last late with an answer; belongs to the wheel
	control bucket // of pings, and pongs that were not asked for; belongs to the reader
}

// command is a watch, or the mistake after which the socket is closed.
type command struct {
	watch   delta.Watch
	mistake *mistake
}

// mistake is how a client broke the protocol, and the close code for it.
type mistake struct {
	code    string
	message string
	status  websocket.StatusCode
}

func (c *socket) seat() *seat { return c.taken }

// cut ends the connection at once; the reader does the rest.
func (c *socket) cut() { _ = c.wire.Close() }

// answered reports whether a pong was asked for. Its ping then waits no longer.
func (c *socket) answered() bool { return c.asked.CompareAndSwap(true, false) }

// controlled is called by the reader for each ping, and each pong that was not
// asked for, and reports whether to go on. Nobody has a reason to send them by the
// thousand.
func (c *socket) controlled() bool {
	if !c.control.take(time.Now()) {
		c.cut()
		return false
	}
	return true
}

// read takes in what the client sends until it leaves or makes a mistake. After
// a mistake the connection is closed by whoever carries it out.
func (c *socket) read() {
	defer c.survive()
	limit := bucket{tokens: burst, last: time.Now()}
	for {
		kind, r, err := c.ws.Reader(context.Background())
		if err != nil {
			c.end()
			return
		}
		c.asked.Store(false)
		more := make(chan bool, 1)
		go c.message(kind, r, &limit, more)
		if !<-more {
			return
		}
	}
}

// message takes one in, says whether more may be read, and carries it out, and what
// comes meanwhile, where nobody does that yet. It is a goroutine of its own: it needs
// twice the stack that waiting does, and what the reader's stack has grown to it keeps.
func (c *socket) message(kind websocket.MessageType, r io.Reader, limit *bucket, more chan<- bool) {
	defer c.survive()
	defer close(more)
	next, err := c.parse(kind, r)
	if err != nil {
		c.end()
		return
	}
	if next.mistake == nil && !limit.take(time.Now()) {
		next.mistake = &mistake{codeTooMany, "too many messages", websocket.StatusTryAgainLater}
	}
	taken, idle := c.put(next)
	more <- taken && next.mistake == nil
	if idle {
		c.work()
	}
}

// put has a command carried out after those before it, by the caller where nobody is
// at it. It waits while too many do, and reports taken false where the socket is over.
func (c *socket) put(next command) (taken, idle bool) {
	for {
		c.mu.Lock()
		switch {
		case c.over:
			c.mu.Unlock()
			return false, false
		case len(c.commands) < inbox:
			c.commands = append(c.commands, next)
			idle, c.working = !c.working, true
			c.mu.Unlock()
			return true, idle
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		<-room
	}
}

func (c *socket) parse(kind websocket.MessageType, r io.Reader) (next command, err error) {
	if kind != websocket.MessageText {
		return command{mistake: &mistake{codeBadRequest, "messages are text", websocket.StatusUnsupportedData}}, nil
	}
	late := time.AfterFunc(c.server.config.Write, c.cut) // a message that does not end would be kept for ever
	b, err := io.ReadAll(io.LimitReader(r, delta.MaxWatch+1))
	late.Stop()
	if err != nil {
		return command{}, err
	}
	w, wrong := delta.ParseWatch(b)
	switch {
	case errors.Is(wrong, delta.ErrTooLong):
		next.mistake = &mistake{codeBadRequest, wrong.Error(), websocket.StatusMessageTooBig}
	case wrong != nil:
		next.mistake = &mistake{codeBadRequest, wrong.Error(), websocket.StatusInvalidFramePayloadData}
	}
	next.watch = w
	return next, nil
}

// bucket fills at rate tokens a second up to burst.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time) bool { return b.spend(1, now) }

// spend takes a part of a token, or more than one.
func (b *bucket) spend(cost float64, now time.Time) bool {
	b.tokens = min(burst, b.tokens+rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < cost {
		return false
	}
	b.tokens -= cost
	return true
}

// work carries out commands, in order, until there are no more.
func (c *socket) work() {
	defer c.survive()
	for {
		ctx, cancel, next := c.take()
		if cancel == nil {
			return
		}
		c.unfollow(nil) // what is watched now ends here
		c.wire.settle()
		if m := next.mistake; m != nil {
			cancel()
			_ = c.say(delta.EncodeError("", m.code, m.message))
			_ = c.ws.Close(m.status, "")
			c.end()
			return
		}
		c.answer(ctx, next.watch)
		cancel()
	}
}

// take returns the next command, and a context that ends with the socket; no
// cancel where there is none.
func (c *socket) take() (ctx context.Context, cancel context.CancelFunc, next command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || len(c.commands) == 0 {
		c.working, c.commands, c.give = false, nil, nil
		return nil, nil, next
	}
	next = c.commands[0]
	c.commands[0] = command{}
	c.commands = c.commands[1:]
	ctx, cancel = context.WithCancel(context.Background())
	c.give = cancel
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	return ctx, cancel, next
}

// answer answers one watch. Where the connection fails, the reader finds out.
func (c *socket) answer(ctx context.Context, w delta.Watch) {
	s := c.server
	c.taken.watches("")
	mine := *c.taken.now() // others look at that one
	v := &mine
	v.asks(w.Page)
	ctx = v.in(ctx)
	if err := v.somebody(); err != nil {
		c.leave(s.outOf(ctx, err))
		return
	}
	page, err := s.find(ctx, v, w.Page)
	release := func() {}
	if err == nil {
		release, err = s.open(v, c.taken.shares, page)
	}
	if err != nil {
		p := s.explain(ctx, err)
		code := p.code
		if code == codeInternal {
			code = codeUnavailable
		}
		_ = c.say(delta.EncodeError(w.Page, code, p.message))
		return
	}
	c.begin(delta.EncodeWatching(w.Page, page.Address))
	if c.superseded() {
		_ = c.flush()
		release()
		return
	}
	if c.behind {
		c.behind = false
		if c.say(delta.EncodeReload(page.Address, static.Version(), "")) != nil {
			release()
			return
		}
	}
	if redefined(page, w.Definition) && c.say(delta.EncodeReload(page.Address, "", page.Mark)) != nil {
		release()
		return
	}
	c.taken.watches(page.Address)
	c.follow(page, w.Cursor, release)
	if now := s.config.Pages.Current(page); now != page.Mark {
		_ = c.say(delta.EncodeReload(page.Address, "", now)) // those were told who followed it when it changed
	}
}

// redefined tells whether a client that named the mark of what it shows has the page
// as it no longer is.
func redefined(page *dashboard.Page, shown string) bool {
	return shown != "" && page.Mark != "" && shown != page.Mark
}

// superseded reports whether another command waits.
func (c *socket) superseded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.commands) > 0
}

// begin has a message of the viewer's own go out with what comes next, as one write: who
// comes to a page that was read already would get two, one right after the other.
func (c *socket) begin(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.first = framed(data)
}

// send writes frames behind those that waited for them. The mutex is held.
func (c *socket) send(parts ...[]byte) (busy bool, err error) {
	if first := c.first; first != nil {
		c.first = nil
		if len(parts) == 1 && len(parts[0]) <= copied {
			return c.together(first, parts[0])
		}
		parts = slices.Concat([][]byte{first}, parts)
	}
	return c.wire.send(parts...)
}

// together sends two short parts as one. The mutex is held.
func (c *socket) together(a, b []byte) (busy bool, err error) {
	both := c.server.borrow()
	*both = append(append((*both)[:0], a...), b...)
	if busy, err = c.wire.send(*both); !busy {
		c.server.scratch.Put(both) // else it is not all written yet
	}
	return busy, err
}

// flush sends what waits, if anything does.
func (c *socket) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving || c.first == nil {
		return nil
	}
	_, err := c.send()
	return err
}

// say sends a message of the viewer's own.
func (c *socket) say(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return net.ErrClosed
	}
	_, err := c.send(framed(data))
	return err
}

// leave tells the client when to come back, or why it may not, and closes.
func (c *socket) leave(out *problem) {
	status, reason := websocket.StatusServiceRestart, "restart"
	var last []byte
	switch out {
	case nil:
		last = delta.EncodeBye(reason, comeBack()) // no two are told the same
	case errAgain:
		reason = "again"
		last = delta.EncodeBye(reason, 0)
	default:
		last, status, reason = delta.EncodeError("", out.code, out.message), websocket.StatusPolicyViolation, out.code
	}
	go func() {
		c.unfollow(nil)
		c.wire.settle()
		c.mu.Lock()
		if !c.leaving {
			_, _ = c.send(framed(last))
		}
		c.leaving = true
		c.mu.Unlock()
		c.unfollow(nil) // a command may have been under way
		_ = c.ws.Close(status, reason)
		c.end()
	}()
}

// comeBack spreads clients over a few seconds, beginning when a new process may
// be there.
func comeBack() time.Duration { return 500*time.Millisecond + rand.N(4500*time.Millisecond) }

// end gives everything back; it may be called more than once.
func (c *socket) end() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	if c.give != nil {
		c.give()
	}
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	c.mu.Unlock()
	c.unfollow(nil)
	_ = c.wire.Close() // the reader may hold the library's locks until then
	_ = c.ws.CloseNow()
	c.server.dismiss(c)
}

// survive keeps a panic of one socket from ending the process.
func (c *socket) survive() {
	if err := recover(); err != nil {
		c.crash(err, string(debug.Stack()))
	}
}

func (c *socket) crash(err any, stack string) {
	c.server.logs(c.taken.visitor.Load().in(context.Background())).Error("a socket panicked", "panic", err, "stack", stack)
	_ = c.ws.Close(websocket.StatusInternalError, "")
	c.end()
}
