package web

import (
	"runtime/debug"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// follow is a page on its way to a socket, as the hub's loops see it. It is
// guarded by its socket's mutex.
type follow struct {
	socket  *socket
	waits   bool // a batch is not all written yet
	sub     *broadcast.Subscription[*delta.State]
	release func()
	silence silence
}

// follow carries a page, which is open until release is called, until another
// command comes.
func (c *socket) follow(page *dashboard.Page, cursor string, release func()) {
	s := c.server
	f := &follow{socket: c, release: release, silence: s.silence(page.Address)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.leaving {
		f.release()
		return
	}
	c.now, c.heard = f, f.silence.began
	f.sub = s.config.Hub.Attach(page.ID(), cursor, f)
	if !f.sub.Due() {
		_, _ = c.send() // the reader finds out
	}
}

// unfollow ends what is watched, if it is only or only is nil. From then on
// nothing of it goes out.
func (c *socket) unfollow(only *follow) {
	c.mu.Lock()
	f := c.now
	if f == nil || only != nil && f != only {
		c.mu.Unlock()
		return
	}
	c.now = nil
	if c.first != nil && !c.leaving {
		_, _ = c.send()
	}
	c.mu.Unlock()
	f.sub.Close()
	f.release()
}

// Take writes a batch, as far as there is room.
func (f *follow) Take(b *broadcast.Batch) bool {
	c := f.socket
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != f {
		return true // it was on its way when the page was left
	}
	for _, m := range b.Messages {
		if m.Cursor == "" {
			c.heard = time.Now()
			break
		}
	}
	f.waits, _ = c.send(c.along(b.Parts(c.wire.form, makeForm[c.wire.form]))...) // the reader finds out
	if b.Last {
		f.waits = false
		go c.unfollow(f) // the page has ended
	}
	return !f.waits
}

var makeForm = [...]func([]byte) []byte{formPlain: framed, formDeflated: deflatedFrames}

// Prepare frames and compresses a snapshot, which may be large.
func (f *follow) Prepare(m broadcast.Message) {
	for form, build := range makeForm {
		m.Form(form, build)
	}
}

// Break closes the socket after a panic.
func (f *follow) Break(err error) { go f.socket.crash(err, string(debug.Stack())) }

// goOn is told when the wire has room again.
func (c *socket) goOn() {
	c.mu.Lock()
	f := c.now
	waits := f != nil && f.waits
	if waits {
		f.waits = false
	}
	c.mu.Unlock()
	if waits {
		f.sub.Ready()
	}
}

// hush breaks a silence that has lasted too long, and returns when to look again.
// The mutex is held.
func (c *socket) hush(now time.Time) time.Duration {
	limit := c.server.config.Next + slack
	if left := limit - now.Sub(c.heard); left > 0 {
		return left
	}
	c.heard = now
	c.now.sub.Insist(c.now.silence.say)
	return limit
}
