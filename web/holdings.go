package web

import (
	"sync"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

// holdings count who has which pages open. A page stays counted for as long as
// the feed keeps it after its last viewer, so that the count is that of what the
// database is asked for.
type holdings struct {
	linger time.Duration

	mu        sync.Mutex                  // guards all below
	pages     map[string]map[string]*hold // by who, then by page
	addresses map[string]int              // of the pages of "", by address
	lapsing   []lapse                     // in the order in which they may lapse
}

// hold is one page that somebody has.
type hold struct {
	viewers int
	until   time.Time // where there is no viewer: when it lapses
	queued  bool      // it is among the lapsing
}

type lapse struct {
	who         string
	id, address string // of the page
	at          time.Time
}

func newHoldings(linger time.Duration) *holdings {
	return &holdings{linger: linger, pages: map[string]map[string]*hold{}, addresses: map[string]int{}}
}

// take counts a page for all who share in it, or returns whose share is used up.
func (h *holdings) take(page *dashboard.Page, shares []share, now time.Time) (full *share) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lapse(now)
	id := page.ID()
	if h.pages[""][id] == nil { // else it costs the database nothing
		for i, n := range shares {
			if len(h.pages[n.who]) >= n.pages {
				return &shares[i]
			}
		}
	}
	for _, n := range shares {
		mine := h.pages[n.who]
		if mine == nil {
			mine = map[string]*hold{}
			h.pages[n.who] = mine
		}
		if mine[id] == nil {
			mine[id] = &hold{}
			if n.who == "" {
				h.addresses[page.Address]++
			}
		}
		mine[id].viewers++
	}
	return nil
}

// put takes back what take counted, of the page of this ID and address.
func (h *holdings) put(id, address string, shares []share, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range shares {
		one := h.pages[n.who][id]
		if one.viewers--; one.viewers > 0 {
			continue
		}
		one.until = now.Add(h.linger)
		if !one.queued {
			one.queued = true
			h.lapsing = append(h.lapsing, lapse{n.who, id, address, one.until})
		}
	}
	h.lapse(now)
}

// lapse forgets what nobody has watched for long enough.
func (h *holdings) lapse(now time.Time) {
	for len(h.lapsing) > 0 && !h.lapsing[0].at.After(now) {
		next := h.lapsing[0]
		h.lapsing[0] = lapse{}
		h.lapsing = h.lapsing[1:]
		one := h.pages[next.who][next.id]
		switch one.queued = false; {
		case one.viewers > 0:
		case one.until.After(now): // it was watched again meanwhile
			one.queued = true
			h.lapsing = append(h.lapsing, lapse{next.who, next.id, next.address, one.until})
		default:
			h.forget(next.who, next.id, next.address)
		}
	}
}

func (h *holdings) forget(who, id, address string) {
	delete(h.pages[who], id)
	if len(h.pages[who]) == 0 {
		delete(h.pages, who)
	}
	if who != "" {
		return
	}
	if h.addresses[address]--; h.addresses[address] == 0 {
		delete(h.addresses, address)
	}
}

// live tells whether some page of this address is counted.
func (h *holdings) live(address string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addresses[address] > 0
}
