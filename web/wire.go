package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// sendBuffer is the kernel's, small enough that a slow viewer's data waits in the
// ring that all share, not there.
const sendBuffer = 64 << 10

// mostUnsent is as much of that as waits for its turn to be sent when more is put
// in: it is as old as the line takes for it, which for 5 kB/s is three seconds.
const mostUnsent = 16 << 10

// piece is what a viewer has its time for: to be taken in, where the system tells
// that, else by the kernel, which wakes who writes when there is more room than that.
// So one at 5 kB/s gets a page of any size.
const piece = 16 << 10

// maxControl bounds the control frames that wait for a client which reads nothing.
const maxControl = 1 << 10

// maxRecord is what TLS writes at once.
const maxRecord = 16 << 10

var (
	errControl = errors.New("too many control frames wait")
	errTooFast = errors.New("the client sends too much")
)

// wire is a socket's connection. The WebSocket library reads from it and writes
// its control frames to it; messages go past the library, as frames that all
// viewers share.
//
// Nothing that is written here waits. What the kernel does not take at once is
// left to a goroutine, which lives until it has written all of it and little of that
// waits in the kernel; until then the wire is busy. Control frames go between frames,
// never into one.
type wire struct {
	// What a write that fits needs stands together: of a thousand viewers nothing
	// is in the processor's caches when a frame comes.

	// mu keeps frames apart. It is held across a write that cannot wait.
	mu      sync.Mutex
	form    int  // of its messages
	direct  bool // fd may be written to while mu is held and nothing is broken
	busy    bool
	closing bool // a close frame was put in; nothing follows it
	fd      int
	sent    uint64 // bytes so far
	looked  uint64 // of them, when the kernel was last found to have sent most
	broken  error  // nothing can be written any more; set before the connection is closed

	net.Conn
	in      io.Reader     // of the connection, without answers to pings
	intake  intake        // belongs to who reads
	answer  func() bool   // is told of a pong, and takes it if it was asked for; nil: none was
	timeout time.Duration // for each piece
	drained func()        // is told when the wire is no longer busy
	room    func() bool   // whether a record may be written behind TLS; nil: that is not known

	rest    [][]byte
	begun   int           // that much of rest[0] ends a frame that has begun
	flight  int           // that much of rest[0] is being written
	control []byte        // control frames for the next gap
	settled chan struct{} // closed once it is no longer busy; nil: nobody waits
}

// open begins to use a connection.
func (w *wire) open(conn net.Conn, timeout time.Duration) {
	w.Conn, w.timeout = conn, timeout
	w.in = receive(conn, w.answers)
	if w.fd, w.direct = descriptor(conn); !w.direct {
		w.room = roomy(conn)
	}
}

// Read ends the connection of a client that sends more than its messages may take.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if n > 0 && !w.intake.take(p[:n], time.Now()) && !w.leaving() {
		_ = w.Close()
		return 0, errTooFast
	}
	return n, err
}

// answers takes an answer to a ping that comes alone and between frames: with no
// words, as [pingFrame] has none, and masked. It is not counted: no more come than
// were asked for.
func (w *wire) answers(p []byte) bool {
	return len(p) == 2+4 && p[0] == final|opPong && p[1] == masked && w.intake.between() && w.answer != nil && w.answer()
}

// leaving tells whether goodbye was said: what still comes is read to its end, for a
// while, so that the client is told why.
func (w *wire) leaving() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

// Write takes a whole control frame, which is how the library flushes them.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return 0, w.broken
	case w.closing:
		return 0, net.ErrClosed
	case len(w.control)+len(p) > maxControl:
		return 0, errControl
	}
	if w.closing = p[0]&0x0f == opClose; w.closing {
		w.cutShort()
	}
	if w.busy {
		w.control = append(w.control, p...)
		return len(p), nil
	}
	n, err := w.now(p)
	if err != nil {
		return n, err
	}
	if n < len(p) {
		w.rest, w.begun = append(w.rest, bytes.Clone(p[n:])), len(p)-n
		w.wait()
	}
	return len(p), nil
}

func (w *wire) ping() error {
	_, err := w.Write([]byte(pingFrame))
	return err
}

// send writes messages in frames, or as much as there is room for, and reports
// whether it is busy with the rest. Each part is whole frames, which must not be
// changed any more.
func (w *wire) send(parts ...[]byte) (busy bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return false, w.broken
	case w.closing:
		return false, net.ErrClosed
	case w.busy:
		w.rest = append(w.rest, parts...)
		return true, nil
	}
	for i, p := range parts {
		n, err := w.now(p)
		if err != nil {
			return false, err
		}
		if n < len(p) {
			w.begun = frameEnd(p, n) - n
			w.rest = append(append(w.rest, p[n:]), parts[i+1:]...)
			w.wait()
			return true, nil
		}
	}
	if w.backlog() > mostUnsent {
		w.wait()
		return true, nil
	}
	return false, nil
}

// backlog is how much waits in the kernel. It asks no sooner than there may be too
// much, which is seldom. The mutex is held, and nothing is broken.
func (w *wire) backlog() int {
	if !w.direct || w.sent-w.looked <= mostUnsent {
		return 0
	}
	n := unsent(w.fd)
	if n <= mostUnsent {
		w.looked = w.sent
	}
	return n
}

// settle waits until the wire is not busy.
func (w *wire) settle() {
	w.mu.Lock()
	if !w.busy || w.broken != nil {
		w.mu.Unlock()
		return
	}
	if w.settled == nil {
		w.settled = make(chan struct{})
	}
	settled := w.settled
	w.mu.Unlock()
	<-settled
}

// Close ends the connection, and whoever waits for it.
func (w *wire) Close() error {
	w.mu.Lock()
	w.fail(net.ErrClosed)
	w.mu.Unlock()
	return w.Conn.Close()
}

// now writes what the kernel takes at once. The mutex is held: who closes the
// connection takes it first, so the descriptor is still the connection's.
func (w *wire) now(p []byte) (int, error) {
	if !w.direct {
		return w.record(p)
	}
	n, err := writeNow(w.fd, p)
	w.sent += uint64(n)
	if err != nil {
		w.fail(err)
	}
	return n, err
}

// record writes p behind TLS, or nothing of it where that might have to wait. The
// mutex is held.
func (w *wire) record(p []byte) (int, error) {
	if w.room == nil || len(p) > maxRecord || !w.room() {
		return 0, nil
	}
	n, err := w.Conn.Write(p)
	w.sent += uint64(n)
	if err != nil {
		w.fail(err)
	}
	return n, err
}

// fail gives up. The mutex is held.
func (w *wire) fail(err error) {
	if w.broken == nil {
		w.broken = err
	}
	w.rest, w.control, w.begun, w.flight = nil, nil, 0, 0
	if w.settled != nil {
		close(w.settled)
		w.settled = nil
	}
}

// cutShort drops what has not begun: a close frame comes next. The mutex is held.
func (w *wire) cutShort() {
	if len(w.rest) == 0 {
		return
	}
	first, end := w.rest[0], w.begun
	if w.flight > end {
		end += frameEnd(first[end:], w.flight-end)
	}
	w.rest = nil
	if end > 0 {
		w.rest = [][]byte{first[:end]}
	}
}

// next is what is to be written next, and whether that is control frames. The
// mutex is held.
func (w *wire) next() (p []byte, control bool) {
	switch {
	case len(w.control) > 0 && w.begun == 0:
		p, w.control = w.control, nil
		return p, true
	case len(w.rest) == 0:
		return nil, false
	case len(w.control) > 0:
		return w.rest[0][:w.begun], false
	}
	return w.rest[0][:min(len(w.rest[0]), piece)], false
}

// wrote moves on behind n bytes of rest[0]. The mutex is held.
func (w *wire) wrote(n int) {
	if len(w.rest) == 0 {
		return
	}
	p := w.rest[0]
	w.flight = 0
	w.begun += frameEnd(p[w.begun:], n-w.begun) - n
	if p = p[n:]; len(p) > 0 {
		w.rest[0] = p
		return
	}
	w.rest[0] = nil
	if w.rest = w.rest[1:]; len(w.rest) == 0 {
		w.rest = nil
	}
}
