package web

import (
	"bytes"
	"errors"
	"os"
	"time"
)

// wait has the rest written by a goroutine. The mutex is held.
func (w *wire) wait() {
	w.busy = true
	go w.drain()
}

func (w *wire) drain() {
	late := lateness{limit: w.timeout}
	taken := w.taken()
	for {
		w.mu.Lock()
		p, control := w.next()
		if w.flight = 0; !control {
			w.flight = len(p)
		}
		if p == nil {
			if w.broken == nil && late.waits(w.backlog(), w.progress(&taken)) {
				w.mu.Unlock()
				late.sleep()
				continue
			}
			w.settleDown(late.over)
			return
		}
		w.mu.Unlock()
		n, err := 0, w.SetWriteDeadline(time.Now().Add(w.timeout))
		if err == nil {
			n, err = w.Conn.Write(p)
		}
		w.mu.Lock()
		w.sent += uint64(n)
		switch slow := errors.Is(err, os.ErrDeadlineExceeded) && w.progress(&taken); {
		case err != nil && !slow:
			w.fail(err)
			_ = w.Conn.Close() // the reader finds out
		case w.broken != nil:
		case control:
			w.control = append(bytes.Clone(p[n:]), w.control...)
		default:
			w.wrote(n)
		}
		w.mu.Unlock()
	}
}

// sentSince is how much was written, or waits here, since so many bytes were.
func (w *wire) sentSince(bytes uint64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy {
		return piece // or more
	}
	return w.sent - bytes
}

// taken is how much the other end took in so far; 0 where that is not told.
func (w *wire) taken() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acknowledged()
}

// acknowledged is the same with the mutex held.
func (w *wire) acknowledged() uint64 {
	if !w.direct || w.broken != nil {
		return 0
	}
	n, told := unacknowledged(w.fd)
	if !told {
		return 0
	}
	return w.sent - uint64(n)
}

// progress reports whether the other end took in a piece or more since before, which
// it keeps. The mutex is held.
func (w *wire) progress(before *uint64) bool {
	taken := w.acknowledged()
	if taken < *before+piece {
		return false
	}
	*before = taken
	return true
}

// queued reports whether something waits to be sent.
func (w *wire) queued() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.direct && w.broken == nil && (w.busy || unsent(w.fd) > 0)
}

// settleDown ends being busy, or the connection where it took nothing for too long.
// It is called with the mutex held, and lets go of it.
func (w *wire) settleDown(dead bool) {
	if dead {
		w.fail(os.ErrDeadlineExceeded)
		_ = w.Conn.Close() // the reader finds out
	}
	w.busy = false
	whole := w.broken == nil
	if w.settled != nil {
		close(w.settled)
		w.settled = nil
	}
	if whole {
		_ = w.SetWriteDeadline(time.Time{}) // it would end writes that do not wait
	}
	w.mu.Unlock()
	if whole {
		w.drained()
	}
}

// lateness waits for what the kernel holds to become little. Nothing tells when
// it does, so it looks again and again, ever less often.
type lateness struct {
	limit time.Duration // without progress
	since time.Time     // there was some
	pause time.Duration
	over  bool
}

// waits reports whether to look again, or whether it is over.
func (l *lateness) waits(backlog int, progress bool) bool {
	if backlog <= mostUnsent {
		return false
	}
	now := time.Now()
	if l.since.IsZero() || progress {
		l.since = now
	}
	l.over = now.Sub(l.since) > l.limit
	return !l.over
}

func (l *lateness) sleep() {
	const first, longest = time.Millisecond, 50 * time.Millisecond
	l.pause = min(max(first, 2*l.pause), longest)
	time.Sleep(l.pause)
}
