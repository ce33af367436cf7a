package main

import (
	"context"
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// traffic counts what the program asks of the database, whichever part asks, in
// whatever way: below all of them, by the messages of PostgreSQL's protocol that
// each session sends and gets. What reads or writes a connection past pgproto3's
// Frontend would not be seen; a test of the program's shape forbids that.
type traffic struct {
	statements, connects, refused atomic.Uint64
	waited                        atomic.Int64 // nanoseconds, of all sessions together
}

// follow counts every session of this configuration, and of its copies.
func (t *traffic) follow(config *pgx.ConnConfig) {
	config.Tracer = t
	build := config.BuildFrontend
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend { // both above TLS
		c := &conversation{traffic: t, r: r, w: w, sent: messages{have: 1}} // the first one has no type
		return build(c, c)
	}
}

// TraceConnectStart and TraceConnectEnd count an attempt to open a session.
func (t *traffic) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	t.connects.Add(1)
	return ctx
}

func (t *traffic) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil {
		t.refused.Add(1)
	}
}

// TraceQueryStart and TraceQueryEnd are what makes a tracer; statements are not
// counted by them, for those of a pipeline and those past pgx are not traced.
func (t *traffic) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (t *traffic) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// conversation is what one session says and hears.
type conversation struct {
	traffic  *traffic
	r        io.Reader
	w        io.Writer
	sent     messages
	received messages

	// A closing connection says goodbye from a goroutine of its own.
	ready atomic.Int64 // how many times the server will say that it is ready
	asked atomic.Bool  // something since the last message that has it say so
}

// Write counts the statements among what was sent.
func (c *conversation) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.sent.pass(b[:n], func(kind byte) {
		switch kind {
		case 'E', 'Q': // Execute, Query
			c.traffic.statements.Add(1)
		}
		switch kind {
		case 0, 'Q', 'S': // StartupMessage, Query, Sync
			c.ready.Add(1)
			c.asked.Store(false)
		case 'P', 'B', 'D', 'E', 'C': // Parse, Bind, Describe, Execute, Close: answered, though Sync is still to come
			c.asked.Store(true)
		}
	})
	return n, err
}

// Read counts the time until something comes while the server owes an answer: what
// a session hears that only listens, it does not wait for.
func (c *conversation) Read(b []byte) (int, error) {
	owed, began := c.asked.Load() || c.ready.Load() > 0, time.Now()
	n, err := c.r.Read(b)
	if owed {
		c.traffic.waited.Add(int64(time.Since(began)))
	}
	c.received.pass(b[:n], func(kind byte) {
		if kind == 'Z' { // ReadyForQuery
			c.ready.Add(-1)
		}
	})
	return n, err
}

// messages finds the messages in a stream of them that comes in pieces of any
// size: each is a byte that names its kind, then its length, which counts itself.
type messages struct {
	head [5]byte
	have int // bytes of the head
	rest int // bytes of the message that are still to come
}

// pass takes the next piece, and tells of each message whose head is whole.
func (m *messages) pass(b []byte, found func(kind byte)) {
	for len(b) > 0 {
		if m.rest > 0 {
			n := min(m.rest, len(b))
			m.rest, b = m.rest-n, b[n:]
			continue
		}
		n := copy(m.head[m.have:], b)
		m.have, b = m.have+n, b[n:]
		if m.have == len(m.head) {
			m.have, m.rest = 0, int(binary.BigEndian.Uint32(m.head[1:]))-4
			found(m.head[0])
		}
	}
}
