// Package status is the server's own page: its figures, shown by the same means
// as any dashboard, so that it can be watched, embedded, exported and asked for as
// JSON like one.
//
// The figures are those that /metrics tells, read from the same registry about
// once a second; what is shown per second or of the last minute is worked out
// here. Nothing is read while nobody watches.
package status

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// Address is that of the page.
const Address = "/status"

const (
	pace  = time.Second      // between two readings
	grace = 10 * time.Second // how long the page outlives its last viewer
	// first is how long after a page begins it is first shown: a figure per second
	// needs two readings.
	first = 250 * time.Millisecond
	// examined is how long findings about the database are good, and examining is
	// how long it may take to find them.
	examined  = time.Minute
	examining = 20 * time.Second
)

// Finding is one thing that was looked at in the database.
type Finding struct {
	State string // "good", "note" (good here, but not everywhere) or "to mend"
	What  string
	Mend  string // SQL or a command that mends it; "" where there is none
}

// Config says what the page shows. All but Log are required.
type Config struct {
	Hub    *broadcast.Hub[*delta.State]
	Gather prometheus.Gatherer // what /metrics tells
	// Examine looks at the database; it is called a minute after the last time at
	// the earliest, never twice at once, and may take long.
	Examine  func(ctx context.Context) ([]Finding, error)
	TimeZone string // IANA name
	Log      *slog.Logger
}

// Board keeps the page. [Board.Run] has to run for it to be shown.
type Board struct {
	cfg  Config
	wake chan struct{} // size 1: somebody began to watch

	mu   sync.Mutex // guards open
	open map[string]*audience

	// Owned by Run.
	history  history
	findings []Finding // nil: not known yet
	looked   time.Time // when they were asked for
	shown    map[string]*edition
}

// audience is whoever watches the page of one [dashboard.Page.ID].
type audience struct {
	candid  bool
	viewers int
	left    time.Time // when the last of them left
}

// edition is the page as it was last shown to an audience.
type edition struct {
	epoch   string
	version int
	state   *delta.State
}

// New returns a board that nobody watches.
func New(c Config) *Board {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Board{cfg: c, wake: make(chan struct{}, 1), open: map[string]*audience{}, shown: map[string]*edition{}}
}

// Is tells whether an address, with whatever parameters, is that of the page.
func Is(address string) bool {
	path, _, _ := strings.Cut(address, "#")
	path, _, _ = strings.Cut(path, "?")
	return path == Address
}

// Open watches the page until release is called. Only whoever has it as Candid
// sees what mends a finding.
func (b *Board) Open(p *dashboard.Page) (release func()) {
	id := p.ID()
	b.mu.Lock()
	a := b.open[id]
	if a == nil {
		a = &audience{candid: p.Candid}
		b.open[id] = a
	}
	a.viewers++
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if a.viewers--; a.viewers == 0 {
			a.left = time.Now()
		}
	})
}

// audiences are those that the page is shown to now, and those that have gone.
func (b *Board) audiences(now time.Time) (here map[string]bool, gone []string) {
	here = map[string]bool{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, a := range b.open {
		if a.viewers == 0 && now.Sub(a.left) >= grace {
			delete(b.open, id)
			gone = append(gone, id)
			continue
		}
		here[id] = a.candid
	}
	return here, gone
}

// Run shows the page to whoever watches it, until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
			b.show(ctx)
		}
	}
}

// show reads and publishes until nobody watches.
func (b *Board) show(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var examiner sync.WaitGroup
	defer examiner.Wait()
	defer cancel()
	found := make(chan []Finding, 1)
	busy := false

	if time.Since(b.looked) >= examined {
		b.findings = nil // they may be of long ago
	}
	b.read(time.Now())
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		if now := time.Now(); !busy && now.Sub(b.looked) >= examined {
			busy, b.looked = true, now
			examiner.Go(func() { found <- b.examine(ctx) })
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake: // the hub has the page for a newcomer, or it comes with the next reading
			continue
		case b.findings = <-found:
			busy = false
			continue
		case <-timer.C:
		}
		timer.Reset(pace)
		now := time.Now()
		here, gone := b.audiences(now)
		for _, id := range gone {
			delete(b.shown, id)
			b.cfg.Hub.Drop(id)
		}
		if len(here) == 0 {
			return
		}
		if b.read(now) {
			b.publish(here, now)
		}
	}
}

// read takes a sample. What cannot be read leaves the page as it was, and so it
// grows stale.
func (b *Board) read(now time.Time) bool {
	families, err := b.cfg.Gather.Gather()
	if err != nil {
		b.cfg.Log.Warn("the server's own figures cannot be read", "error", err)
		return false
	}
	b.history.add(newSample(now, families))
	return true
}

func (b *Board) examine(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, examining)
	defer cancel()
	list, err := b.cfg.Examine(ctx)
	if err != nil {
		return []Finding{{State: "to mend", What: "the database cannot be looked at: " + err.Error()}}
	}
	return list
}

// publish shows every audience its page of this moment.
func (b *Board) publish(here map[string]bool, now time.Time) {
	common := b.history.panels(now)
	for id, candid := range here {
		panels := maps.Clone(common)
		if b.findings != nil {
			panels["findings"], panels["examined"] = findingsPanels(b.findings, candid)
		}
		e := b.shown[id]
		if e == nil {
			e = &edition{epoch: rand.Text()}
			b.shown[id] = e
		}
		b.cfg.Hub.Publish(id, e.next(panels, now))
	}
}

// next makes panels the state that follows.
func (e *edition) next(panels map[string]*delta.Panel, now time.Time) broadcast.Update[*delta.State] {
	from := e.state
	e.version++
	state := &delta.State{Page: Address, Cursor: e.epoch + ":" + strconv.Itoa(e.version), At: now, Panels: panels}
	e.state = state
	said := delta.Status{Page: Address, State: "timed", At: now, Every: pace, Next: 5 * pace}
	u := broadcast.Update[*delta.State]{
		Cursor: state.Cursor, State: state,
		Snapshot: func() []byte { return delta.EncodeSnapshot(state) },
		Status:   func(now time.Time) []byte { return delta.EncodeStatus(said, now) },
	}
	if from != nil {
		u.Delta = delta.EncodeDelta(from.Cursor, state, delta.DiffState(from, state))
	}
	return u
}
