package access

import (
	"context"
	"sync"
	"time"
)

// trials are the sign-ins that are under way. Each of them may fail, so of a count
// no more are at the same time than may still fail, or many at once would be a way
// around; but none of them has failed, so who comes then is not refused for it, and
// waits until one has ended. The zero value is ready; its methods may be called at
// the same time.
type trials struct {
	failed Throttle

	mu      sync.Mutex     // guards all below
	flying  map[string]int // by count
	landed  chan struct{}  // closed when one ends; nil: nobody waits for that
	waiting int            // who do
}

// mostWaiting bounds those who wait until one has ended: each looks again whenever one
// does.
const mostWaiting = 256

// begin begins a sign-in that stands in these counts; it has to be ended. The error
// is a [*Wait] where one of them, which is returned, is used up by what failed before,
// and [ErrBusy] where too many are under way for too long.
func (t *trials) begin(ctx context.Context, counts []counted) (*counted, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		used, landed, wait := t.enter(counts, time.Now())
		switch {
		case used != nil:
			return used, &Wait{wait, true}
		case landed == nil:
			return nil, nil
		}
		if err := t.wait(ctx, landed); err != nil {
			return nil, err
		}
	}
}

// wait waits until one has ended, unless too many do.
func (t *trials) wait(ctx context.Context, landed <-chan struct{}) error {
	count := func(more int) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.waiting += more
		return t.waiting <= mostWaiting
	}
	defer count(-1)
	if !count(+1) {
		return ErrBusy
	}
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return ErrBusy
	}
}

// enter counts a sign-in as under way. It says instead which count is used up and for
// how long, or what to wait for.
func (t *trials) enter(counts []counted, now time.Time) (used *counted, landed <-chan struct{}, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	room := true
	for i, c := range counts {
		if wait := t.failed.full(c.key, c.most, 0, now); wait > 0 {
			return &counts[i], nil, wait
		}
		room = room && t.failed.full(c.key, c.most, t.flying[c.key], now) <= 0
	}
	if !room {
		if t.landed == nil {
			t.landed = make(chan struct{})
		}
		return nil, t.landed, 0
	}
	if t.flying == nil {
		t.flying = map[string]int{}
	}
	for _, c := range counts {
		t.flying[c.key]++
	}
	return nil, nil, 0
}

// end ends one that was begun, and counts it where it failed.
func (t *trials) end(counts []counted, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, c := range counts {
		if t.flying[c.key]--; t.flying[c.key] == 0 {
			delete(t.flying, c.key)
		}
		if failed {
			t.failed.note(c.key, c.most, now)
		}
	}
	if t.landed != nil {
		close(t.landed)
		t.landed = nil
	}
}
