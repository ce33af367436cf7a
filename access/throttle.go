package access

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// allowance is how many sign-ins may fail at once, and how long it takes until
// one more may.
type allowance struct {
	burst int
	every time.Duration
}

var (
	perAddress = allowance{burst: 20, every: 6 * time.Second}
	perName    = allowance{burst: 10, every: 30 * time.Second}
)

// mostCounted bounds the memory of failures.
const mostCounted = 20_000

// throttle counts sign-ins that failed, by key. It is the clock of a leaky
// bucket: the time at which a key's failures will all be forgotten.
type throttle struct {
	mu    sync.Mutex
	empty map[string]time.Time
}

// wait is how long key has to wait until it may try; 0: now. A try that may be
// made is counted at once, so that many at the same time are no way around.
func (t *throttle) wait(key string, a allowance, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.empty[key]
	if at.Before(now) {
		at = now
	}
	if full := at.Sub(now) - time.Duration(a.burst-1)*a.every; full > 0 {
		return full
	}
	if len(t.empty) >= mostCounted {
		t.forget(now)
	}
	if t.empty == nil {
		t.empty = map[string]time.Time{}
	}
	t.empty[key] = at.Add(a.every)
	return 0
}

// undo takes back a try that did not fail.
func (t *throttle) undo(key string, a allowance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.empty[key]; ok {
		t.empty[key] = at.Add(-a.every)
	}
}

// forget drops what no longer counts; where everything counts it drops what is
// nearest to that.
func (t *throttle) forget(now time.Time) {
	for horizon := now; len(t.empty) >= mostCounted; horizon = horizon.Add(time.Minute) {
		for key, at := range t.empty {
			if at.Before(horizon) {
				delete(t.empty, key)
			}
		}
	}
}

// addressKey is an address for counting; an IPv6 network is one.
func addressKey(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return "address " + text
	}
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return "address " + p.String()
		}
	}
	return "address " + a.String()
}

func nameKey(name string) string {
	if len(name) > longestName {
		name = name[:longestName]
	}
	return "name " + strings.ToLower(name)
}
