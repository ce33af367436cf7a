package access

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Allowance is how often something may happen at once, and how long it takes
// until it may once more.
type Allowance struct {
	Burst int
	Every time.Duration
}

// Sign-ins that fail are counted thrice where they come from strangers: by address;
// by name and address; and, far more slowly used up, by name alone, for whoever
// guesses from many addresses. A name alone, with a small count, would let anybody
// keep anybody out by failing in their name. So that not even the large one does, a
// browser from which the name signed in lately has a count of its own and none of
// these. One address fails once a minute in the end, five times more slowly than a
// name's count runs down.
var (
	perAddress = Allowance{Burst: 20, Every: 6 * time.Second}
	perPair    = Allowance{Burst: 10, Every: time.Minute}
	perName    = Allowance{Burst: 100, Every: 12 * time.Second}
	perBrowser = Allowance{Burst: 10, Every: time.Minute}
)

// counted is one of the counts in which a sign-in that fails stands.
type counted struct {
	key  string
	most Allowance
	who  string // as the audit log names who is limited; "": it may be another each time
}

// tries are the counts of a sign-in; browser is what [Browsers.knows] says.
func tries(name, from, browser string) []counted {
	if browser != "" {
		return []counted{{"browser " + browser, perBrowser, name}}
	}
	address, named := AddressKey(from), nameKey(name)
	// In this order, so that who has failed too often from one place does not go on
	// using the name up.
	return []counted{{address, perAddress, ""}, {named + " from " + address, perPair, name}, {named, perName, name}}
}

// mostCounted bounds the memory of a throttle.
const mostCounted = 20_000

// Throttle counts what happens, by key, such as requests by the address that they
// come from. It is the clock of a leaky bucket: the time at which all of
// a key will be forgotten. It remembers so many keys at most. The zero value is
// ready; its methods may be called at the same time.
type Throttle struct {
	mu    sync.Mutex // guards empty
	empty map[string]time.Time
}

// Wait is how long key has to wait until it may happen once more; 0: it may, and is
// counted.
func (t *Throttle) Wait(key string, a Allowance, now time.Time) time.Duration {
	if full := t.full(key, a, 0, now); full > 0 {
		return full
	}
	t.note(key, a, now)
	return 0
}

// full is how long key has to wait if it happens so many times more until then.
func (t *Throttle) full(key string, a Allowance, more int, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.empty[key].Sub(now), 0) - time.Duration(a.Burst-1-more)*a.Every
}

// note counts once more.
func (t *Throttle) note(key string, a Allowance, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.empty) >= mostCounted {
		t.forget(now)
	}
	if t.empty == nil {
		t.empty = map[string]time.Time{}
	}
	at := t.empty[key]
	if at.Before(now) {
		at = now
	}
	t.empty[key] = at.Add(a.Every)
}

// forget drops what no longer counts; where everything counts it drops what is
// nearest to that.
func (t *Throttle) forget(now time.Time) {
	for horizon := now; len(t.empty) >= mostCounted; horizon = horizon.Add(time.Minute) {
		for key, at := range t.empty {
			if at.Before(horizon) {
				delete(t.empty, key)
			}
		}
	}
}

// AddressKey is an address for counting, as "address 10.0.0.7"; an IPv6 network is one.
func AddressKey(text string) string {
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
