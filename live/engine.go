package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// Doorbell arms bells and tells for how long they have been armed.
type Doorbell interface {
	// Arm tries to arm the bells that are not armed yet and returns the
	// generation of each of them that is armed now.
	Arm(ctx context.Context, bells []int64) map[int64]uint64
	// Disarm gives up bells that nobody watches.
	Disarm(bells []int64)
	// Generation is that of an armed bell, or 0. Generations never repeat:
	// the same one means armed without a break and not rung.
	Generation(bell int64) uint64
	// Watched tells whether somebody watches, so that the pings run.
	Watched(on bool)
	// Unarmable says why no bell can be armed although the doorbell is there; ""
	// if they can.
	Unarmable() string
}

// Config says what the engine works with. Zero durations mean the defaults
// that each field names.
type Config struct {
	// Connect opens a session for panels; role names its purpose.
	Connect func(ctx context.Context, role string) (*pgx.Conn, error)
	Hub     *broadcast.Hub[*delta.State]
	Bell    Doorbell
	// Define makes a page of a table anew when the table was altered; nil: what a
	// page is never changes. Its error is a *dashboard.AddressError.
	Define func(ctx context.Context, address string) (*dashboard.Page, error)
	Log    *slog.Logger
	Meter  Meter // nil: nobody measures

	Frame  time.Duration // least time between two frames of a page, 50 ms
	Grace  time.Duration // how long a page outlives its last viewer, 10 s
	Safety time.Duration // how often a watched page is read unasked, 30 s
	Timed  time.Duration // pace of a page with a table without a bell, 5 s
	Next   time.Duration // longest silence between two statuses, 5 s
	Slow   time.Duration // what a panel may take of a reading that others share, 250 ms

	StatementTimeout time.Duration // of one panel, 5 s
	LockTimeout      time.Duration // of one lock, 500 ms
	MaxBytes         int           // of one panel's cells, 4 MiB
	MaxCycleBytes    int           // of all panels read at once, 64 MiB; no page is begun beyond it
}

// heavy is what a panel may take with every frame: what takes more rests, so that it
// uses a tenth of the time.
func (c Config) heavy() time.Duration { return c.Slow / 25 }

// holdup is for how long a panel may hold up those beside it, in a page's first frame
// or in any one reading, before it has a lane of its own.
func (c Config) holdup() time.Duration { return 2 * c.Slow / 5 }

// patience is how long a first frame waits for one of its panels. A panel alone has
// nobody waiting for it.
func (c Config) patience(panels int) time.Duration {
	if panels == 1 {
		return verySlow * c.Slow
	}
	return c.holdup()
}

// trial is how long a lane gives a panel that was put off, before it gets all
// the time that it may take: others that are quick may be waiting.
func (c Config) trial() time.Duration { return c.holdup() + c.holdup()/5 }

// budget is how long one reading may take before what it has not begun keeps
// its turn.
func (c Config) budget() time.Duration { return verySlow * c.Slow }

// rest is how long a page, or the database, rests after a reading that took so
// long: as long again. What took far longer than its budget stood still rather than
// worked, on a line that fell silent, and what changed meanwhile is waited for.
func (c Config) rest(took time.Duration) time.Duration { return min(took, 2*c.budget()) }

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at *time.Duration
		or time.Duration
	}{
		{&c.Frame, 50 * time.Millisecond},
		{&c.Grace, 10 * time.Second},
		{&c.Safety, 30 * time.Second},
		{&c.Timed, 5 * time.Second},
		{&c.Next, 5 * time.Second},
		{&c.Slow, 250 * time.Millisecond},
		{&c.StatementTimeout, 5 * time.Second},
		{&c.LockTimeout, 500 * time.Millisecond},
	} {
		if *d.at == 0 {
			*d.at = d.or
		}
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 4 << 20
	}
	if c.MaxCycleBytes == 0 {
		c.MaxCycleBytes = 64 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	return c
}

// Engine runs the watched pages. Its handler methods (Rang, Reset, Lost,
// Proved, Muted) and Open never block.
type Engine struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{} // size 1: something is in the inbox

	mu    sync.Mutex // guards the inbox, known and fresh
	inbox inbox
	known map[int64]bool // bells that some page depends on; others ring in vain
	fresh time.Time      // the newest proof

	// Owned by Run.
	pages  map[string]*page
	book   *catalog
	source source
	main   worker
	opener worker
	lane   worker

	claims  claims
	slow    slowness             // kinds of panels that were slow of late
	blocked map[uint32]time.Time // tables that could not be locked, and when
	pause   time.Time            // no cycle begins before it
	turn    bool                 // the next cycle is that of a page that is read apart

	counters counters
}

// inbox is what arrived since the loop last looked. It is bounded: rings by
// the bells that pages depend on, the rest by viewers and workers.
type inbox struct {
	rang    map[int64]bool
	heard   time.Time // when the first of them rang
	reset   bool
	source  []func(*source)
	proved  time.Time
	actions []func()
}

// counters are what the engine has done so far.
type counters struct {
	cycles, frames, unrung, repeats, failures, left atomic.Uint64
	pages                                           atomic.Int64
}

// Stats are what the engine has done since it started, and what it does now.
type Stats struct {
	Cycles   uint64 // snapshots taken for pages that were due
	Frames   uint64 // states published
	Unrung   uint64 // changes that a safety read found and nobody rang for
	Repeats  uint64 // readings thrown away because a table was being replaced
	Failures uint64 // readings that failed as a whole
	Left     uint64 // turns that pages kept because a reading had used up its budget
	Pages    int64  // watched now

	Proved time.Time // up to when every ring was heard, at the last ping; zero before the first
}

// Stats may be called from anywhere.
func (e *Engine) Stats() Stats {
	c := &e.counters
	return Stats{
		Cycles: c.cycles.Load(), Frames: c.frames.Load(), Unrung: c.unrung.Load(),
		Repeats: c.repeats.Load(), Failures: c.failures.Load(), Pages: c.pages.Load(),
		Left:   c.left.Load(),
		Proved: e.provedAt(),
	}
}

// New makes an engine; Run starts it.
func New(cfg Config) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, log: cfg.Log.With("component", "live"),
		wake:  make(chan struct{}, 1),
		known: map[int64]bool{},
		pages: map[string]*page{},
		book:  newCatalog(),

		slow:    slowness{},
		blocked: map[uint32]time.Time{},
		source: source{
			reason: "starting", message: "the database has not been reached yet", since: time.Now(),
		},
	}
	for _, w := range []struct {
		at   *worker
		role string
	}{{&e.main, "panels"}, {&e.opener, "open"}, {&e.lane, "slow"}} {
		statement := cfg.StatementTimeout
		if w.at == &e.main {
			// Who needs longer than this belongs into a lane of its own; nobody
			// else shall wait for it as long as it may take there.
			statement = min(statement, verySlow*cfg.Slow)
		}
		w.at.session = newSession(cfg, w.role, statement)
		w.at.session.claims = &e.claims
	}
	return e
}

// Open watches a page until release is called; the first viewer starts it.
// A page whose queries differ from those of the watched page of the same
// address replaces it, and its viewers are told to reload.
func (e *Engine) Open(def *dashboard.Page) (release func()) {
	var held *page
	e.do(func() { held = e.open(def) })
	var once sync.Once
	return func() {
		once.Do(func() { e.do(func() { e.release(held) }) })
	}
}

// Retire ends the pages that match: their viewers are told to reload.
func (e *Engine) Retire(match func(*dashboard.Page) bool) {
	e.do(func() {
		for _, p := range e.pages {
			if match(p.def) {
				e.retire(p)
			}
		}
	})
}

// Rang says that tables of this bell may have changed.
func (e *Engine) Rang(bell int64) {
	e.mu.Lock()
	if !e.known[bell] { // a forged or forgotten bell must not fill the inbox
		e.mu.Unlock()
		return
	}
	if e.inbox.rang == nil {
		e.inbox.rang, e.inbox.heard = map[int64]bool{}, time.Now()
	}
	e.inbox.rang[bell] = true
	e.mu.Unlock()
	e.nudge()
}

// Reset says that anything may have changed: the doorbell is connected again.
func (e *Engine) Reset() {
	e.mu.Lock()
	e.inbox.reset = true
	e.inbox.source = append(e.inbox.source, func(s *source) {
		s.listening, s.reason, s.message = true, "", ""
	})
	e.mu.Unlock()
	e.nudge()
}

// Lost says that the doorbell cannot be heard, and why.
func (e *Engine) Lost(reason, message string) {
	e.mu.Lock()
	e.inbox.source = append(e.inbox.source, func(s *source) {
		if s.listening {
			s.since = time.Now()
		}
		s.listening, s.reason, s.message = false, reason, message
	})
	e.mu.Unlock()
	e.nudge()
}

// Muted says that the notification queue is too full to rely on.
func (e *Engine) Muted(on bool) {
	e.mu.Lock()
	e.inbox.source = append(e.inbox.source, func(s *source) { s.muted = on })
	e.mu.Unlock()
	e.nudge()
}

// Proved says that every ring before at, by the database's clock, was heard.
func (e *Engine) Proved(at time.Time) {
	e.mu.Lock()
	if at.After(e.inbox.proved) {
		e.inbox.proved, e.fresh = at, at
	}
	e.mu.Unlock()
	e.nudge()
}

func (e *Engine) provedAt() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fresh
}

func (e *Engine) do(action func()) {
	e.mu.Lock()
	e.inbox.actions = append(e.inbox.actions, action)
	e.mu.Unlock()
	e.nudge()
}

func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run runs the pages until ctx ends, and returns when its workers have ended.
func (e *Engine) Run(ctx context.Context) error {
	jobs := &jobs{ctx: ctx}
	defer func() {
		jobs.wait()
		for _, w := range e.workers() {
			w.session.close()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil
			}
			return ctx.Err()
		case <-e.wake:
		case <-timer.C:
		}
		e.drain()
		next := e.step(time.Now(), jobs)
		timer.Reset(max(time.Until(next), time.Millisecond))
	}
}

// drain applies what arrived.
func (e *Engine) drain() {
	e.mu.Lock()
	in := e.inbox
	e.inbox = inbox{}
	e.mu.Unlock()
	heard := e.source.listening
	for _, change := range in.source {
		change(&e.source)
	}
	if heard && !e.source.listening { // perhaps the database is gone: who goes by the clock looks now
		for _, p := range e.pages {
			p.dirty = p.dirty || p.timed()
		}
	}
	for _, action := range in.actions {
		action()
	}
	if in.reset && !flaw.On("no-resync") {
		for _, p := range e.pages {
			p.touch()
			p.gens = nil
		}
		for _, w := range e.workers() {
			w.retryAt = time.Time{}
		}
	}
	for _, p := range e.pages {
		if p.dependsOn(in.rang) {
			p.touch()
			if p.rung.IsZero() {
				p.rung = in.heard
			}
		}
	}
	if !in.proved.IsZero() {
		e.proved(in.proved)
	}
}

// jobs are the goroutines that work for the loop.
type jobs struct {
	ctx context.Context
	wg  sync.WaitGroup
}

func (j *jobs) start(work func(ctx context.Context)) { j.wg.Go(func() { work(j.ctx) }) }
func (j *jobs) wait()                                { j.wg.Wait() }
