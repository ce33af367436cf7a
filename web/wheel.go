package web

import (
	"sync"
	"time"
)

// wheel looks after many sockets with one timer. Each is in the slot of the tick
// at which it wants to be looked at next, and a tick visits one slot.
type wheel struct {
	tick time.Duration

	mu      sync.Mutex // guards all below
	slots   [64][]*socket
	at      int // the slot that was visited last
	sockets int
	timer   *time.Timer // runs while there are sockets
}

func newWheel(tick time.Duration) *wheel { return &wheel{tick: tick} }

// add has a socket looked at in d.
func (w *wheel) add(s *socket, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(s, d)
	if w.sockets++; w.sockets > 1 {
		return
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(w.tick, w.turn)
	} else {
		w.timer.Reset(w.tick)
	}
}

// put waits a whole turn at the longest: who wants to wait longer is looked at in
// between. The mutex is held.
func (w *wheel) put(s *socket, d time.Duration) {
	ticks := min(max(1, int((d+w.tick-1)/w.tick)), len(w.slots)-1)
	slot := &w.slots[(w.at+ticks)%len(w.slots)]
	*slot = append(*slot, s)
}

// turn visits the next slot.
func (w *wheel) turn() {
	w.mu.Lock()
	w.at = (w.at + 1) % len(w.slots)
	due := w.slots[w.at]
	w.slots[w.at] = nil
	w.mu.Unlock()

	now := time.Now()
	again := make([]time.Duration, len(due))
	for i, s := range due {
		again[i] = s.look(now)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range due {
		if again[i] <= 0 {
			w.sockets--
			continue
		}
		w.put(s, again[i])
	}
	if w.sockets > 0 {
		w.timer.Reset(w.tick)
	}
}
