package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// heldUp is how long the program may hold up a write of the application.
const heldUp = 250 * time.Millisecond

// patron is an application that writes a table over and over, and times each
// statement: it puts a row beside the one that is there, takes the older away, and
// changes the one that is left. Each is a write with a mark of its own.
type patron struct {
	*diary
	table string
	mark  uint64 // of the last write

	mu     sync.Mutex
	writes []write
}

type write struct {
	began time.Time
	took  time.Duration
	err   error
}

func (p *patron) run(ctx context.Context, a *arena) {
	unknown := true // what was written last
	a.working(ctx, func(conn *pgx.Conn, excused func() bool) time.Duration {
		limited, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if unknown {
			var rows int
			var last uint64
			if err := conn.QueryRow(limited, `SELECT count(*), max(n) FROM `+p.table).Scan(&rows, &last); err != nil {
				if !excused() {
					p.noted(time.Now(), err)
				}
				return 20 * time.Millisecond
			}
			p.mark, unknown = marked(rows, last), false
		}
		began := time.Now()
		p.tries()
		mark, err := p.once(limited, conn)
		if err == nil && !a.judge.mute.Load() {
			p.did(edit{mark: mark, began: began, acked: time.Now()})
		}
		unknown = err != nil // whether it was committed
		if err == nil || !excused() {
			p.noted(began, err)
		}
		return 20 * time.Millisecond
	})
}

// once writes, and returns the write's mark.
func (p *patron) once(ctx context.Context, conn *pgx.Conn) (mark uint64, err error) {
	mark = p.mark + 1
	switch mark % 3 {
	case 1:
		_, err = conn.Exec(ctx, `INSERT INTO `+p.table+` SELECT id + 1, n + 2 FROM `+p.table)
	case 2:
		_, err = conn.Exec(ctx, `DELETE FROM `+p.table+` WHERE n < $1`, mark)
	default:
		_, err = conn.Exec(ctx, `UPDATE `+p.table+` SET n = $1`, mark)
	}
	if err == nil {
		p.mark = mark
	}
	return mark, err
}

// marked is the mark of a table that a patron writes, by what is in it.
func marked(rows int, last uint64) uint64 {
	if rows == 2 {
		return last - 1
	}
	return last
}

// noted adds what somebody else did with the table.
func (p *patron) noted(began time.Time, err error) {
	p.mu.Lock()
	p.writes = append(p.writes, write{began, time.Since(began), err})
	p.mu.Unlock()
}

// take returns the writes so far, and forgets them.
func (p *patron) take() []write {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.writes
	p.writes = nil
	return all
}

// judgeWrites checks the application's writes since then.
func (a *arena) judgeWrites(since time.Time, outage bool) {
	a.Helper()
	watched, others := a.patrons[0].take(), a.patrons[1].take()
	watched = slices.DeleteFunc(watched, func(w write) bool { return w.began.Before(since) })
	for _, wrong := range hindered(watched, others, a.lateness.between) {
		a.Error(wrong)
	}
	if len(watched) < 3 && !outage {
		a.Errorf("the application wrote only %d times", len(watched))
	}
	worst := time.Duration(0)
	for _, w := range watched {
		worst = max(worst, w.took)
	}
	a.Logf("%d writes of the application, the longest took %s", len(watched), worst.Round(time.Millisecond))
}

// hindered are the writes that failed, and those that took longer than they may
// beyond what one of a table that nobody watches took at that time.
func hindered(watched, others []write, late func(begin, end time.Time) time.Duration) (wrong []string) {
	for _, w := range watched {
		if w.err != nil {
			wrong = append(wrong, fmt.Sprintf("a write of the application failed: %v", w.err))
		}
		if w.took <= heldUp {
			continue
		}
		usual := time.Duration(0)
		for _, o := range others {
			if o.began.Before(w.began.Add(w.took)) && o.began.Add(o.took).After(w.began) {
				usual = max(usual, o.took)
			}
		}
		if w.took > usual+heldUp+min(late(w.began, w.began.Add(w.took)), 2*heldUp) {
			wrong = append(wrong, fmt.Sprintf("a write of the application took %s, one of another table %s at that time", w.took, usual))
		}
	}
	return wrong
}

// lateness is how late this process is woken: what a machine that is busy with
// other things adds to every time that is measured.
type lateness struct {
	mu    sync.Mutex
	beats []write
}

func newLateness() *lateness { return &lateness{} }

func (l *lateness) run(ctx context.Context) {
	const beat = 10 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		sleep(ctx, beat)
		if late := time.Since(began) - beat; late > beat {
			l.mu.Lock()
			l.beats = append(l.beats, write{began: began.Add(beat), took: late})
			l.mu.Unlock()
		}
	}
}

// mostForgiven is how much of that is ever forgiven: whoever is later than this on
// a machine that does much else is late.
const mostForgiven = 2 * time.Second

// since is how late it was woken from then on, all together.
func (l *lateness) since(begin time.Time) time.Duration { return l.between(begin, time.Now()) }

func (l *lateness) between(begin, end time.Time) (sum time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.beats {
		from, to := latest(b.began, begin), b.began.Add(b.took)
		if to.After(end) {
			to = end
		}
		sum += max(0, to.Sub(from))
	}
	return min(sum, mostForgiven)
}
