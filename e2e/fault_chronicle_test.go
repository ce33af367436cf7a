package e2e_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// chronicle is what the panels of a page had to show, moment by moment, by one who
// asks the database the same all the time. Claims are held against it where nothing
// on the page tells which commits it holds.
type chronicle struct {
	mu      sync.Mutex
	answers map[string][]answer // by panel, the oldest first
	due     time.Time           // when it is to be asked again
}

// answer is what a panel had to show at one moment between these two.
type answer struct {
	began, ended time.Time
	rows         [][]delta.Cell // shared by those that came one after the other and are the same
	gone         bool           // there is no answer: what the query names is not there, or forbidden
}

// askEvery is how often a page's answers are asked for, where they come at once.
const askEvery = 50 * time.Millisecond

// chronicle keeps what the pages have to show, as the program's role sees it, in a
// session whose reading is not counted.
func (a *arena) chronicle(ctx context.Context) {
	var conn *pgx.Conn
	for ctx.Err() == nil {
		was := conn
		if conn = a.keep(ctx, conn); conn != nil && conn != was {
			// It waits for no lock for long, or who waits behind it would.
			_, _ = conn.Exec(ctx, `SET track_counts = off; SET lock_timeout = '50ms'; SET jit = off; SET ROLE `+servant, pgx.QueryExecModeSimpleProtocol)
		}
		for _, s := range a.sights {
			if s.chronicle != nil && conn != nil && !conn.IsClosed() {
				s.chronicle.read(ctx, conn.PgConn(), s.asked)
			}
		}
		sleep(ctx, askEvery)
	}
	if conn != nil {
		_ = conn.Close(context.Background())
	}
}

// read asks for all answers of a page; those that take long are asked for seldom.
func (c *chronicle) read(ctx context.Context, conn *pgconn.PgConn, asked []question) {
	began := time.Now()
	if began.Before(c.due) {
		return
	}
	for _, q := range asked {
		one := answer{began: time.Now()}
		var err error
		one.rows, err = answerTo(ctx, conn, q)
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			one.gone = slices.Contains([]string{"42P01", "42703", "42883", "42501"}, refused.Code)
		}
		if one.ended = time.Now(); err == nil || one.gone {
			c.add(q.id, one)
		}
	}
	c.due = time.Now().Add(10 * time.Since(began))
}

// same tells whether two that came one after the other are known to be the same.
func (a answer) same(b answer) bool {
	return a.gone && b.gone || len(a.rows) > 0 && len(b.rows) > 0 && &a.rows[0] == &b.rows[0]
}

func (c *chronicle) add(panel string, one answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[string][]answer{}
	}
	all := c.answers[panel]
	if n := len(all); n > 0 && !one.gone && !all[n-1].gone && slices.EqualFunc(all[n-1].rows, one.rows, slices.Equal[[]delta.Cell]) {
		one.rows = all[n-1].rows
	}
	c.answers[panel] = append(all, one)
}

// forget keeps the newest answers only.
func (c *chronicle) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, all := range c.answers {
		c.answers[id] = slices.Clone(all[len(all)-1:])
	}
}

// since is the first answer from which on, up to that moment, all were others than
// the panel, which was read at another; false: there is none. What is written and
// taken back between two answers is not seen.
func (c *chronicle) since(q question, p *delta.Panel, read, until time.Time) (other answer, diff string, ok bool) {
	c.mu.Lock()
	all := c.answers[q.id]
	c.mu.Unlock()
	n, _ := slices.BinarySearchFunc(all, until, func(one answer, t time.Time) int { return one.began.Compare(t) })
	for i := n - 1; i >= 0 && all[i].began.After(read); i-- {
		now := "there is none"
		switch {
		case ok && all[i].same(other):
			now = diff
		case !all[i].gone:
			now = differ(q, p, all[i].rows)
		}
		if now == "" {
			break
		}
		other, diff, ok = all[i], now, true
	}
	return other, diff, ok
}

// asTold: a page that is called live as of a moment shows what there was then or
// since, and none stays live for longer than the limit with what is there no more.
// Where nothing rings only that is promised.
func (s *sight) asTold(c *charges, instants []instant, now time.Time, unrung bool, limit func(edit) time.Duration) {
	if s.chronicle == nil {
		return
	}
	for i, m := range instants {
		if !m.live() {
			continue
		}
		until := now
		if i+1 < len(instants) {
			until = instants[i+1].at
		}
		for _, q := range s.asked {
			p := m.screen.Panels[q.id]
			if !inSnapshot(p) || len(p.Rows) == 0 && s.restless { // nothing may come back unseen
				continue
			}
			if other, diff, ok := s.chronicle.since(q, p, m.screen.At, m.at); ok && m.claim && !unrung && other.ended.Before(m.status.At) {
				c.add("live as of %s, but panel %s is not what there is since %s: %s", m.status.At, q.id, other.ended, diff)
			}
			if other, diff, ok := s.chronicle.since(q, p, m.screen.At, until); ok && other.ended.Add(limit(edit{acked: other.ended})).Before(until) {
				c.add("called live for %s with a panel %s that is not what there is: %s", until.Sub(other.ended).Round(10*time.Millisecond), q.id, diff)
			}
		}
	}
}
