package listener

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/internal/flaw"
)

// session is one pair of connections. Each is owned by one goroutine once run has begun; the pair lives and
// ends together.
type session struct {
	listener  *Listener
	hear, arm *pgx.Conn
	armPID    uint32
	cap       int
	ring      string // which ring() the catalog held when it connected
	body      string // what that does, but for the slots that it tries

	// Owned by connect, then by the arming goroutine.
	slot      int
	slots     int     // that ring() tries
	blocked   failure // why nothing can be armed; zero where it can
	muted     bool
	heldMute  bool      // passed through the mute key since the queue was last full
	restUntil time.Time // no waiting for keys before

	requests chan armRequest
	ended    chan struct{} // closed when the pair has failed

	pinged ping
}

type armRequest struct {
	bells []int64
	done  chan struct{}
}

// ping remembers the oldest ping that has not come back.
type ping struct {
	mu   sync.Mutex
	sent time.Time
}

const (
	beat      = time.Second
	keepalive = 2 * time.Second // of the listening session; the server's limit is five
	overdue   = 1500 * time.Millisecond
	stamp     = "2006-01-02T15:04:05.999999Z"
)

// run hears and arms until one of the two fails or ctx ends, and calls lost with the first failure at once. It
// returns when both have ended.
func (s *session) run(ctx context.Context, lost func(error)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	var both sync.WaitGroup
	for _, work := range []func(context.Context) error{s.hearing, s.arming} {
		both.Go(func() {
			failed <- work(ctx)
		})
	}
	err := <-failed
	close(s.ended)
	lost(err) // before anything else is waited for
	cancel()
	both.Wait()
	s.close()
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	for _, conn := range []*pgx.Conn{s.arm, s.hear} {
		if conn != nil {
			_ = conn.Close(ctx) // the session is given up either way
		}
	}
}

// hearing owns the listening connection: it turns notifications into events, in their order.
func (s *session) hearing(ctx context.Context) error {
	if flaw.On("snapshot-before-listen") {
		_ = pause(ctx, 100*time.Millisecond)
		_ = extended.Exec(ctx, s.hear, `LISTEN rowcast`)
	}
	next := time.Now().Add(keepalive)
	for ctx.Err() == nil {
		wait, cancel := context.WithDeadline(ctx, next)
		n, err := s.hear.WaitForNotification(wait)
		due := wait.Err() != nil
		cancel()
		switch {
		case err == nil:
			s.heard(ctx, n.PID, n.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case !due:
			return fmt.Errorf("wait for notifications: %w", err)
		}
		if time.Now().Before(next) {
			continue
		}
		answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		err = extended.Exec(answer, s.hear, `SELECT 1`)
		cancel()
		if err != nil {
			return fmt.Errorf("keep listening session alive: %w", err)
		}
		next = time.Now().Add(keepalive)
	}
	return ctx.Err()
}

func (s *session) heard(ctx context.Context, pid uint32, payload string) {
	l := s.listener
	switch bell, proved := notification(payload); {
	case !proved.IsZero() && pid == s.armPID: // only the backend of our own arming session proves that it lives
		if after := s.pinged.back(); after > 0 {
			l.books.noticed(after)
		}
		l.emit(ctx, func(h Handler) { h.Proved(proved) })
	case bell > 0 && flaw.On("lost-ring") && rand.N(8) == 0:
	case bell > 0:
		l.books.rang(bell)
		l.emit(ctx, func(h Handler) { h.Rang(bell) })
	}
}

// notification reads a payload, which anybody can send: the bell that it rings, or
// the database's clock at a ping, or neither.
func notification(payload string) (bell int64, ping time.Time) {
	if at, ok := strings.CutPrefix(payload, "ping "); ok {
		ping, _ = time.Parse(stamp, at) // zero where it is none
		return 0, ping
	}
	n, err := strconv.ParseInt(payload, 10, 64)
	if err != nil || n <= 0 || n >= bellLimit {
		return 0, time.Time{}
	}
	return n, time.Time{}
}

// arming owns the arming connection. Giving locks back comes before everything else.
func (s *session) arming(ctx context.Context) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if bells := s.listener.books.releases(); len(bells) > 0 {
			if err := s.release(ctx, bells); err != nil {
				return err
			}
			continue
		}
		var err error
		select {
		case <-ctx.Done():
		case <-s.listener.books.wake:
		case request := <-s.requests:
			err = s.tryArm(ctx, request.bells)
			close(request.done)
		case <-ticker.C:
			err = s.tick(ctx)
		case <-s.listener.watched:
			err = s.tick(ctx)
		}
		if err != nil && flaw.On("deaf-arming") && ctx.Err() == nil {
			s.pinged.back()
			s.listener.emit(ctx, func(h Handler) { h.Proved(time.Now()) })
			continue
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// answering bounds one statement of the arming session. It does not end with ctx: half a statement would end
// the connection, and a lock that nobody knows of is worse than a tenth of a second.
func answering(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
}

func (s *session) release(ctx context.Context, bells []int64) error {
	var still []int64
	ctx, cancel := answering(ctx)
	defer cancel()
	if err := s.arm.QueryRow(ctx, `SELECT rowcast.disarm($1)`, s.keys(bells)).Scan(&still); err != nil {
		return fmt.Errorf("disarm: %w", err)
	}
	if len(still) > 0 {
		return errors.New("disarm: a lock is still held") // ending the session frees it
	}
	s.listener.books.released(bells)
	return nil
}

// tryArm takes what is free, and waits for the rest where the tenth of the time allows.
func (s *session) tryArm(ctx context.Context, bells []int64) error {
	if s.blocked != (failure{}) {
		return nil
	}
	asked := s.listener.books.ask(bells, s.cap)
	if len(asked) == 0 {
		return nil
	}
	// Those at the end wait only for what the first leave of the time, so let chance choose.
	rand.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	held, err := s.armOnce(ctx, asked, 0)
	if err != nil {
		return err
	}
	var busy []int64
	for _, bell := range asked {
		if !held[bell] {
			busy = append(busy, bell)
		}
	}
	if busy = s.listener.books.worth(busy); len(busy) > 0 && time.Now().After(s.restUntil) {
		began := time.Now()
		more, err := s.armOnce(ctx, busy, s.listener.config.waitMS())
		if err != nil {
			return err
		}
		s.restUntil = time.Now().Add(9 * time.Since(began))
		s.listener.books.waited(busy, more)
		for bell := range more {
			held[bell] = true
		}
	}
	s.listener.books.granted(asked, held)
	return nil
}

func (s *session) armOnce(ctx context.Context, bells []int64, waitMS int) (map[int64]bool, error) {
	ctx, cancel := answering(ctx)
	defer cancel()
	var keys []int64
	if err := s.arm.QueryRow(ctx, `SELECT rowcast.arm($1, $2)`, s.keys(bells), waitMS).Scan(&keys); err != nil {
		return nil, fmt.Errorf("arm: %w", err)
	}
	held := make(map[int64]bool, len(keys))
	for _, k := range keys {
		held[k&(bellLimit-1)] = true
	}
	return held, nil
}

func (s *session) keys(bells []int64) []int64 {
	keys := make([]int64, len(bells))
	for i, bell := range bells {
		keys[i] = key(s.slot, bell)
	}
	return keys
}

// tickSQL is the one statement a second. The clock is read before the ping is queued.
const tickSQL = `
SELECT pg_catalog.pg_notification_queue_usage(),
       COALESCE((SELECT p.oid::text || '/' || p.xmin::text
                 FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
                 WHERE n.nspname = 'rowcast' AND p.proname = 'ring'), ''),
       CASE WHEN $1::bool THEN pg_catalog.pg_notify('rowcast', 'ping ' || pg_catalog.to_char(
           pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text END`

func (s *session) tick(ctx context.Context) error {
	if s.pinged.late() {
		return errLate
	}
	watched := s.listener.books.isWatched()
	if watched {
		s.pinged.send()
	}
	var usage float64
	var ring string
	var notified *string
	answer, cancel := answering(ctx)
	defer cancel()
	if err := s.arm.QueryRow(answer, tickSQL, watched).Scan(&usage, &ring, &notified); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if ring != s.ring {
		goesOn, err := s.onlySlots(answer, ring)
		if err != nil {
			return err
		}
		if !goesOn {
			return errChanged // installed, replaced or removed: look again from the start
		}
		s.ring = ring
	}
	return s.follow(ctx, usage)
}

// follow reacts to the queue, and goes on with what still stands before arming.
func (s *session) follow(ctx context.Context, usage float64) error {
	books := s.listener.books
	if usage > s.listener.config.QueueLimit && s.heldMute {
		s.heldMute, s.muted, s.blocked = false, true, queueing
		books.setStatus(s)
		books.disarmAll()
		s.listener.config.Log.Warn("notification queue is filling", "usage", usage)
		s.listener.emit(ctx, func(h Handler) { h.Muted(true) })
		return nil
	}
	if !s.blocked.passes {
		return nil
	}
	wasMuted := s.muted
	answer, cancel := answering(ctx)
	defer cancel()
	blocked, err := s.progress(answer)
	if err != nil {
		return err
	}
	s.blocked = blocked
	books.setStatus(s)
	if s.muted != wasMuted {
		muted := s.muted
		s.listener.emit(ctx, func(h Handler) { h.Muted(muted) })
	}
	if blocked == (failure{}) {
		s.listener.emit(ctx, Handler.Reset) // what was read before may be stale, and bells can be armed
	}
	return nil
}

func (p *ping) send() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent.IsZero() {
		p.sent = time.Now()
	}
}

// back returns how long ago the ping was sent; 0 where none was out.
func (p *ping) back() (after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.sent.IsZero() {
		after = time.Since(p.sent)
	}
	p.sent = time.Time{}
	return after
}

func (p *ping) late() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.sent.IsZero() && time.Since(p.sent) > overdue
}
