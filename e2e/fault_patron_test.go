package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	ready time.Duration // of that the session's process was ready to run, and others ran
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
					p.noted(write{began: time.Now(), err: err})
				}
				return 20 * time.Millisecond
			}
			p.mark, unknown = marked(rows, last), false
		}
		waited := runDelay(conn)
		p.tries()
		mark, began, done, err := p.once(limited, conn)
		if err == nil && !a.judge.mute.Load() {
			p.did(edit{mark: mark, began: began, acked: time.Now()})
		}
		unknown = err != nil // whether it was committed
		if err == nil || !excused() {
			p.noted(write{began: began, took: done.Sub(began), ready: waited(), err: err})
		}
		return 20 * time.Millisecond
	})
}

// runDelay begins to count how long the process behind the session is ready to run and
// waits for a processor, where the system tells (Linux), and returns what ends it.
func runDelay(conn *pgx.Conn) (waited func() time.Duration) {
	read := func() (ns int64) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", conn.PgConn().PID()))
		if fields := strings.Fields(string(text)); err == nil && len(fields) > 1 {
			ns, _ = strconv.ParseInt(fields[1], 10, 64)
		}
		return ns
	}
	before := read()
	return func() time.Duration { return max(0, time.Duration(read()-before)) }
}

// once writes, and returns the write's mark, and when it began and was committed by the
// server's clock, which is this machine's. A process that plays dozens of viewers as well
// comes to it later: by half a second where each of them is sent megabytes.
func (p *patron) once(ctx context.Context, conn *pgx.Conn) (mark uint64, began, done time.Time, err error) {
	const clock = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	mark, began = p.mark+1, time.Now()
	sql, args := `UPDATE `+p.table+` SET n = $1`, [][]byte{strconv.AppendUint(nil, mark, 10)}
	switch mark % 3 {
	case 1:
		sql, args = `INSERT INTO `+p.table+` SELECT id + 1, n + 2 FROM `+p.table, nil
	case 2:
		sql = `DELETE FROM ` + p.table + ` WHERE n < $1`
	}
	pipe := conn.PgConn().StartPipeline(ctx)
	pipe.SendQueryParams(clock, nil, nil, nil, nil)
	pipe.SendPipelineSync()
	pipe.SendQueryParams(sql, args, nil, nil, nil)
	pipe.SendPipelineSync() // which commits
	pipe.SendQueryParams(clock, nil, nil, nil, nil)
	err = pipe.Sync()
	for synced := 0; !conn.IsClosed(); {
		res, e := pipe.GetResults()
		if res == nil && e == nil {
			break
		}
		switch res := res.(type) {
		case *pgconn.PipelineSync:
			synced++
		case *pgconn.ResultReader:
			read := res.Read()
			if e = read.Err; e != nil || len(read.Rows) == 0 {
				break
			}
			us, _ := strconv.ParseInt(string(read.Rows[0][0]), 10, 64)
			if done = time.UnixMicro(us); synced == 0 {
				began, done = done, time.Time{}
			}
		}
		if synced < 2 {
			err = cmp.Or(err, e)
		}
	}
	_ = pipe.Close()
	if done.IsZero() { // the session ended before it was told
		done = time.Now()
	}
	if err == nil {
		p.mark = mark
	}
	return mark, began, done, err
}

// marked is the mark of a table that a patron writes, by what is in it.
func marked(rows int, last uint64) uint64 {
	if rows == 2 {
		return last - 1
	}
	return last
}

// noted adds a write, or what somebody else did with the table.
func (p *patron) noted(w write) {
	p.mu.Lock()
	p.writes = append(p.writes, w)
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

// mostStalls is how many writes may be slow during a fault that keeps nobody waiting,
// where one of a table that nobody watches was as slow at that time: a disk that stands
// still for a moment, such as when others write to it.
const mostStalls = 3

// judgeWrites checks the application's writes since then, on their own, but for a few
// stalls. Where the fault itself keeps who writes waiting, all of them are judged beside
// those of a table that nobody watches.
func (a *arena) judgeWrites(since time.Time, f trouble) {
	a.Helper()
	watched, others := a.patrons[0].take(), a.patrons[1].take()
	watched = slices.DeleteFunc(watched, func(w write) bool { return w.began.Before(since) })
	wrong := hindered(watched, others, a.lateness.between)
	if alone := hindered(watched, nil, a.lateness.between); !f.outage && !f.locks && len(alone) > mostStalls {
		wrong = alone // both tables may be kept waiting by the program as well
	}
	for _, w := range wrong {
		a.Error(w)
	}
	if len(watched) < 3 && !f.outage {
		a.Errorf("the application wrote only %d times", len(watched))
	}
	a.Logf("%d writes of the application, the longest took %s, and %s of a table that nobody watches", len(watched), longest(watched), longest(others))
}

// longest says what the slowest of the writes took.
func longest(writes []write) string {
	if len(writes) == 0 {
		return "nothing"
	}
	worst := slices.MaxFunc(writes, func(a, b write) int { return cmp.Compare(a.took, b.took) })
	return fmt.Sprintf("%s (without a processor for %s)", worst.took.Round(time.Millisecond), worst.ready.Round(time.Millisecond))
}

// hindered are the writes that failed, and those that took longer than they may: on
// their own, or beyond what one of those beside took at that time. What the machine was
// late, for this process or the session's, is forgiven up to twice as much again.
func hindered(watched, beside []write, late func(begin, end time.Time) time.Duration) (wrong []string) {
	for _, w := range watched {
		if w.err != nil {
			wrong = append(wrong, fmt.Sprintf("a write of the application failed: %v", w.err))
		}
		if w.took <= heldUp {
			continue
		}
		usual := time.Duration(0)
		for _, o := range beside {
			if o.began.Before(w.began.Add(w.took)) && o.began.Add(o.took).After(w.began) {
				usual = max(usual, o.took)
			}
		}
		forgiven := min(late(w.began, w.began.Add(w.took))+w.ready, 2*heldUp)
		if w.took > usual+heldUp+forgiven {
			wrong = append(wrong, fmt.Sprintf("a write of the application took %s; of that %s are usual, and the machine was late by %s", w.took, usual, forgiven))
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
