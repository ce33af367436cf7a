package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// Steady load heals a ring that was lost: the next one brings it. So a round is
// a burst, a fault, one last write inside of the fault, and silence.

// fault is what goes wrong in a round.
type fault string

const (
	nothing    fault = "nothing"
	sleeping   fault = "all bells armed" // no fault: the last write is the only one that rings
	killListen fault = "listen"
	killArm    fault = "arm"
	killPanels fault = "panels"
)

// Within so long after the last write the screen must be right; where a session
// was killed, connecting again may have waited longest before that.
const (
	settled   = 5 * time.Second
	reconnect = 4 * time.Second
)

// quietRounds plays rounds until d is over and so many were played, or something
// is found wrong, and returns how many were. A busy machine gets three times as long.
func (w *world) quietRounds(d time.Duration, least int, faults ...fault) (rounds int) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*d)
	defer cancel()
	over := time.Now().Add(d)
	v := newViewer(w.server.URL, "/d/quiet")
	watching := make(chan error, 1)
	watch, leave := context.WithCancel(context.Background())
	go func() { watching <- v.follow(watch) }()
	defer func() {
		leave()
		if err := <-watching; err != nil {
			w.judge.accuse("quiet viewer: %v", err)
		}
	}()
	writers := make([]*writer, 3)
	for n := range writers {
		writers[n] = &writer{number: n + 1, conn: w.conn(), judge: w.judge, random: rand.New(rand.NewPCG(w.random.Uint64(), 6))}
	}
	control := w.conn()
	for ctx.Err() == nil && (rounds < least || time.Now().Before(over)) && len(w.judge.verdict()) == 0 {
		f := faults[w.random.IntN(len(faults))]
		if err := w.round(v, f, writers, control); err != nil {
			w.Fatal(err)
		}
		rounds++
	}
	return rounds
}

// round plays one round; a stale screen is the judge's, an error is ours.
func (w *world) round(v *viewer, f fault, writers []*writer, control *pgx.Conn) error {
	limit := settled
	if f != nothing && f != sleeping {
		limit += reconnect
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit+20*time.Second)
	defer cancel()
	r := w.random

	// A burst of writers that end at about the same time.
	bursts := make(chan error, len(writers))
	for _, wr := range writers {
		n, gap := 1+r.IntN(3), time.Duration(r.Int64N(int64(8*time.Millisecond)))
		go func() {
			for range n {
				if err := wr.once(wr.step); err != nil {
					bursts <- err
					return
				}
				sleep(ctx, gap)
			}
			bursts <- nil
		}()
	}
	for range writers {
		if err := <-bursts; err != nil {
			return err
		}
	}
	story := string(f)
	switch f {
	case nothing:
	case sleeping:
		if err := asleep(ctx, control); err != nil {
			return err
		}
	default:
		if r.IntN(3) > 0 {
			story += ", once all was shown"
			if err := w.proven(ctx, v, control); err != nil {
				return err
			}
		}
		if err := w.kill(ctx, control, 1, string(f)); err != nil {
			return err
		}
		if f == killListen && r.IntN(2) == 0 {
			story += ", written when it was back"
			if err := back(ctx, control, f); err != nil {
				return err
			}
		}
	}
	if f == killListen {
		sleep(ctx, time.Duration(r.Int64N(int64(120*time.Millisecond))))
	} else {
		sleep(ctx, time.Duration(r.Int64N(int64(12*time.Millisecond))))
	}
	if _, err := control.Exec(ctx, `UPDATE acct SET v = v + 1 WHERE id = (SELECT min(id) FROM acct)`); err != nil {
		return fmt.Errorf("last write: %w", err)
	}
	began := time.Now()
	want, at, err := answers(ctx, control)
	if err != nil {
		return err
	}
	// Silence. It has to become right in time, and may not be called so before.
	quiet, stop := context.WithTimeout(ctx, limit)
	defer stop()
	lie := ""
	err = v.until(quiet, func(s *delta.State, status *delta.Status) bool {
		diff := unlike(s, want)
		if diff != "" && status.State == "live" && at.Before(status.At) {
			lie = fmt.Sprintf("live as of %s, though not what was committed before %s: %s", status.At, at, diff)
		}
		return diff == "" || lie != ""
	})
	switch {
	case lie != "":
		w.judge.accuse("quiet round (%s): %s", story, lie)
	case errors.Is(err, context.DeadlineExceeded):
		s, _, _ := v.now()
		w.judge.accuse("quiet round (%s): after %s still wrong: %s", story, time.Since(began).Round(time.Millisecond), unlike(s, want))
	}
	return nil
}

// proven waits until the page is called live as of now.
func (w *world) proven(ctx context.Context, v *viewer, control *pgx.Conn) error {
	var now time.Time
	if err := control.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return fmt.Errorf("ask for the clock: %w", err)
	}
	// Statuses come every few seconds by themselves; one who comes anew is told at once.
	for ctx.Err() == nil {
		fresh := newViewer(v.url, v.page)
		visit, leave := context.WithTimeout(ctx, time.Second)
		live := false
		ws, err := fresh.connect(visit, "")
		for err == nil && !live {
			var m delta.Message
			m, err = fresh.next(visit, ws)
			if m.Status != nil {
				live = m.Status.State == "live" && m.Status.At.After(now)
				break
			}
		}
		if ws != nil {
			_ = ws.CloseNow()
		}
		leave()
		var broken violation
		if errors.As(err, &broken) {
			return err
		}
		if live {
			return asleep(ctx, control)
		}
		sleep(ctx, 100*time.Millisecond)
	}
	return nil // its screen is judged later all the same
}

// asleep waits until both tables' bells are armed, as a page may be live without:
// only then does the end of the arming session go unnoticed by itself.
func asleep(ctx context.Context, control *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for armed := false; !armed && ctx.Err() == nil; {
		const ask = `SELECT count(*) >= 3 FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE application_name = 'rowcast/arm' AND datname = current_database()
			AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted` // two bells and the slot
		if err := control.QueryRow(context.WithoutCancel(ctx), ask).Scan(&armed); err != nil {
			return fmt.Errorf("look for armed bells: %w", err)
		}
		sleep(ctx, 10*time.Millisecond)
	}
	return nil
}

// back waits until the program has a session of that role again.
func back(ctx context.Context, control *pgx.Conn, f fault) error {
	for there := false; !there && ctx.Err() == nil; {
		sleep(ctx, 2*time.Millisecond)
		const ask = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowcast/' || $1)`
		if err := control.QueryRow(ctx, ask, string(f)).Scan(&there); err != nil {
			return fmt.Errorf("look for the session: %w", err)
		}
	}
	return nil
}

// answers are the live queries' own, and a moment after which they hold.
func answers(ctx context.Context, conn *pgx.Conn) (map[string][][]delta.Cell, time.Time, error) {
	var at time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at); err != nil {
		return nil, at, fmt.Errorf("ask for the clock: %w", err)
	}
	want := map[string][][]delta.Cell{}
	for _, q := range questions {
		rows, err := answerTo(ctx, conn.PgConn(), q)
		if err != nil {
			return nil, at, err
		}
		want[q.id] = rows
	}
	return want, at, nil
}

// unlike says how a screen is not these answers; "" when it is.
func unlike(s *delta.State, want map[string][][]delta.Cell) string {
	for _, q := range questions {
		p := s.Panels[q.id]
		if p == nil {
			return "no panel " + q.id
		}
		if p.Err != nil {
			return "panel " + q.id + ": " + p.Err.Code
		}
		if diff := differ(q, p, want[q.id]); diff != "" {
			return "panel " + q.id + ": " + diff
		}
	}
	return ""
}

func TestOracleInQuietRounds(t *testing.T) {
	t.Parallel()
	all := newCrew(t, 3) // most of a round is silence
	defer all.wait()
	for _, mix := range []struct {
		name   string
		least  int // rounds
		faults []fault
	}{
		{"no fault", 20, []fault{nothing}},
		{"sessions killed", 2, []fault{killListen, killArm, killPanels}},
		{"now and then", 4, []fault{nothing, nothing, sleeping, killListen, killArm, killPanels}},
	} {
		all.run(mix.name, func(t *testing.T) {
			w := newWorld(t, seed(t), "")
			rounds := w.quietRounds(howLong(t, 8*time.Second), mix.least, mix.faults...)
			t.Logf("%d rounds, %d commits, %d faults", rounds, len(w.judge.commits), w.judge.faults.Load())
			if wrong := w.judge.verdict(); len(wrong) > 0 {
				t.Fatalf("broken promises:\n%s", strings.Join(wrong, "\n"))
			}
			if rounds < mix.least {
				t.Errorf("too little work to mean anything: %d rounds, want %d", rounds, mix.least)
			}
			if len(mix.faults) > 1 && w.judge.faults.Load() == 0 {
				t.Error("no fault")
			}
		})
	}
}
