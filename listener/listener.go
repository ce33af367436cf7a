package listener

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/internal/flaw"
)

// Handler hears what happened. Its methods are called one at a time, in the order of the notifications, under
// no lock; they must not block and must not call Arm, but may call everything else.
type Handler interface {
	// Rang says that tables of this bell may have changed. In the books the bell is already disarmed. A
	// ring for any server is a ring for all, so bells that this one never armed are heard too.
	Rang(bell int64)
	// Reset says that it is connected, from now on hears everything, and that anything may have changed.
	Reset()
	// Lost says that nothing is heard or armed any more: reason is one of the protocol's words for stale,
	// message is for people.
	Lost(reason, message string)
	// Proved says that a ping came back: the bells that have been armed with the same generation since
	// before have not rung up to at, which is the database's clock.
	Proved(at time.Time)
	// Muted says that the notification queue is filling, so that writers may fall silent: go by the clock.
	// It turns off when every writer that did has ended; a Reset follows.
	Muted(on bool)
}

// Config is what a Listener needs. Connect is required; the zero value of everything else is good.
type Config struct {
	// Connect opens a session of its own for a role, "listen" or "arm". The Listener closes it.
	Connect func(ctx context.Context, role string) (*pgx.Conn, error)
	Log     *slog.Logger
	// AllowPrepared arms although max_prepared_transactions > 0: PREPARE TRANSACTION then fails after a
	// write to a watched table.
	AllowPrepared bool
	// MaxArmed lowers the number of bells armed at a time; 500 or a tenth of the lock table bounds it anyway.
	MaxArmed int
	// ArmWait is how long a key may be waited for: 10 ms.
	ArmWait time.Duration
	// QueueLimit is the share of the notification queue above which nothing is armed: 0.1.
	QueueLimit float64
}

// Listener owns the two sessions of one server. Its methods may be called from anywhere.
type Listener struct {
	config  Config
	books   *books
	events  chan func(Handler)
	watched chan struct{} // wakes the arming session for the first ping

	// Kept across connections, and owned by whoever connects or arms, one after the other.
	known     string   // what the ring() last seen does
	older     []string // transactions that may still run the one before
	listed    string   // the ring() for which they were listed
	rewritten bool     // it did something else, not only try fewer slots
}

// New returns a Listener; Run makes it work.
func New(config Config) *Listener {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.ArmWait <= 0 || config.ArmWait > maxArmWait {
		config.ArmWait = maxArmWait
	}
	if config.QueueLimit <= 0 {
		config.QueueLimit = 0.1
	}
	return &Listener{
		config:  config,
		books:   newBooks(),
		events:  make(chan func(Handler), 1024),
		watched: make(chan struct{}, 1),
	}
}

// Run connects, reconnects with growing, jittered delay, and calls h until ctx ends; then it closes both
// sessions and returns ctx's error. Run it once.
func (l *Listener) Run(ctx context.Context, h Handler) error {
	var supervisor sync.WaitGroup
	supervisor.Go(func() {
		defer close(l.events)
		l.supervise(ctx)
	})
	defer supervisor.Wait()
	for event := range l.events {
		if ctx.Err() == nil {
			event(h)
		}
	}
	return ctx.Err()
}

// supervise keeps one pair of sessions alive after the other.
func (l *Listener) supervise(ctx context.Context) {
	var said failure
	lost := func(err error) {
		if ctx.Err() != nil {
			return
		}
		f := describe(err)
		l.books.lost(f)
		if f == said {
			return // the same as at the last attempt
		}
		said = f
		level := slog.LevelWarn
		if f.meant { // as by a server that makes room for itself
			level = slog.LevelInfo
		}
		l.config.Log.Log(ctx, level, "doorbell lost", "reason", f.reason, "error", f.message)
		l.emit(ctx, func(h Handler) { h.Lost(f.reason, f.message) })
	}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		s, err := l.connect(ctx, lost)
		if err != nil {
			lost(err)
		} else {
			began := time.Now()
			said = failure{}
			if flaw.On("snapshot-before-listen") {
				_ = extended.Exec(ctx, s.hear, `UNLISTEN rowcast`)
			}
			l.books.connected(s)
			l.emit(ctx, Handler.Reset)
			if s.muted {
				l.emit(ctx, func(h Handler) { h.Muted(true) })
			}
			s.run(ctx, lost)
			l.books.ended(s) // what the arming session booked after the loss
			if time.Since(began) > steady {
				attempt = 0
			}
		}
		if pause(ctx, backoff(attempt, said)) != nil {
			return
		}
	}
}

// emit hands an event to Run's goroutine, in order.
func (l *Listener) emit(ctx context.Context, event func(Handler)) {
	select {
	case l.events <- event:
	case <-ctx.Done():
	}
}

// Watched says whether somebody watches: pings run while it is on.
func (l *Listener) Watched(on bool) {
	if l.books.setWatched(on) {
		select {
		case l.watched <- struct{}{}:
		default:
		}
	}
}

// Arm tries to arm those of bells that are not armed, and returns the generation of each that now is. It
// first takes what is free; for the rest it waits at most 10 ms, if a tenth of the time allows. When ctx ends
// it returns early, but what was begun goes on and shows in Generation.
func (l *Listener) Arm(ctx context.Context, bells []int64) map[int64]uint64 {
	s := l.books.session()
	if s == nil || l.books.allArmed(bells) {
		return l.books.generations(bells)
	}
	request := armRequest{bells: bells, done: make(chan struct{})}
	select {
	case s.requests <- request:
		select {
		case <-request.done:
		case <-s.ended:
		case <-ctx.Done():
		}
	case <-s.ended:
	case <-ctx.Done():
	}
	return l.books.generations(bells)
}

// Disarm ends the generations of bells at once and gives their locks back soon. It does not wait.
func (l *Listener) Disarm(bells []int64) { l.books.disarm(bells) }

// Generation is the number under which a bell has been armed without a break; 0 where it is not armed.
func (l *Listener) Generation(bell int64) uint64 { return l.books.generation(bell) }

// State is how the doorbell stands.
type State struct {
	Connected bool
	Slot      int    // from 1; 0 while all are taken, or where slots are of no use
	Slots     int    // as rowcast.slots() says; 0 while slots are of no use
	Armed     int    // bells armed now
	Cap       int    // how many may be
	Rings     uint64 // heard since the start, of whatever bell
	Muted     bool   // the notification queue is filling
	Reason    string // why nothing can be armed, as the protocol names it; "" where it can
	Message   string // the same for people
}

// Full tells whether other servers have all slots, so that one more has to be made, or one of them to go.
func (s State) Full() bool { return s.Connected && s.Slot == 0 && s.Slots > 0 }

// Notice is how long the last ping took from here to its commit and back as a notification; 0 before the first
// one of a connection. A ring's way from its commit to here is the second half of that, so it is no shorter.
func (l *Listener) Notice() time.Duration { return l.books.lastNotice() }

// Unarmable says why no bell can be armed although the doorbell is connected; ""
// if they can, or if it is not: that it is lost is the handler's to tell, in its turn.
func (l *Listener) Unarmable() string {
	if s := l.books.state(); s.Connected && s.Reason != "" {
		return s.Message
	}
	return ""
}

// State says how the doorbell stands now.
func (l *Listener) State() State { return l.books.state() }

const (
	maxArmWait = 10 * time.Millisecond
	steady     = 10 * time.Second // a session that lived so long was no failed attempt
)

// backoff grows from a tenth of a second to four seconds, so that a healed database is found within five; a
// refused password is asked about less often, lest it locks the account, and a standby was waited for already.
func backoff(attempt int, f failure) time.Duration {
	limit := 4 * time.Second
	switch {
	case f.denied:
		limit = 30 * time.Second
	case f == errStandby:
		limit = 100 * time.Millisecond
	}
	d := min(limit, 100*time.Millisecond<<min(attempt, 10))
	return d/2 + rand.N(d/2)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
