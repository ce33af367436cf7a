package live_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// wire counts what the engine's sessions send, by their role.
type wire struct {
	mu     sync.Mutex
	counts map[string]sending
	down   atomic.Bool            // nothing connects
	poison atomic.Pointer[string] // where this arrives the line is cut, and what came with it is lost
	narrow atomic.Bool            // a kilobyte takes a few milliseconds to arrive
}

// sending is what one role sent: how often it wrote to its socket, how many
// transactions it began, and how often it asked for the answers so far.
type sending struct{ writes, begins, flushes int }

func (w *wire) sent(role string) sending {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[role]
}

func (a sending) since(b sending) sending {
	return sending{a.writes - b.writes, a.begins - b.begins, a.flushes - b.flushes}
}

func (w *wire) dialer(dial pgconn.DialFunc, role string) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.down.Load() {
			return nil, errors.New("the database is down")
		}
		conn, err := dial(ctx, network, address)
		return countedConn{conn, w, role}, err
	}
}

// flushing asks the database to send its answers.
var flushing = []byte("H\x00\x00\x00\x04")

type countedConn struct {
	net.Conn
	wire *wire
	role string
}

// beginning binds the statement that every session has prepared first, BEGIN.
var beginning = []byte("\x00f0\x00")

func (c countedConn) Write(p []byte) (int, error) {
	c.wire.mu.Lock()
	if c.wire.counts == nil {
		c.wire.counts = map[string]sending{}
	}
	n := c.wire.counts[c.role]
	n.writes++
	if bytes.HasPrefix(p, []byte("B")) { // the first of a pipeline
		n.begins += bytes.Count(p[:min(len(p), 64)], beginning)
	}
	n.flushes += bytes.Count(p, flushing)
	c.wire.counts[c.role] = n
	c.wire.mu.Unlock()
	return c.Conn.Write(p)
}

// Read takes as long as so much does on the line.
func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if word := c.wire.poison.Load(); word != nil && bytes.Contains(p[:n], []byte(*word)) {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	if c.wire.narrow.Load() {
		time.Sleep(time.Duration(n) * time.Second / narrowLine)
	}
	return n, err
}

// narrowLine is what a narrow line carries: bytes a second.
const narrowLine = 250_000
