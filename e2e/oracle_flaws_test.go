package e2e_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// The oracle is worth something only if it sees what it is there for: each of
// these is a build of the program with one known bug, and has to be caught.
func TestOracleCatches(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program a second time")
	}
	t.Parallel()
	binary(t, "flaws")
	storm := func(w *world, d time.Duration) { w.storm(d) }
	quiet := func(faults ...fault) func(*world, time.Duration) {
		return func(w *world, d time.Duration) { w.quietRounds(d, 0, faults...) }
	}
	all := newCrew(t, 2)
	defer all.wait()
	for _, bug := range []struct {
		flaw string
		find func(*world, time.Duration)
	}{
		{"snapshot-before-arming", quiet(nothing)},
		{"snapshot-before-listen", quiet(killListen)},
		{"no-resync", quiet(killListen)},
		{"no-common-snapshot", storm},
		{"only-rung-panels", storm},
		{"deaf-arming", quiet(killArm)},
		{"unordered-publisher", storm},
		{"no-torn-check", storm},
		{"forgotten-deletion", storm},
		{"premature-proof", storm},
		{"lost-ring", quiet(sleeping)},
		{"drop-frame", func(w *world, d time.Duration) { w.absences(d) }},
	} {
		all.run(bug.flaw, func(t *testing.T) {
			const tries = 6
			began, n := time.Now(), seed(t)
			for try := range uint64(tries) {
				long := min(3*time.Second<<try, 10*time.Second) // most are caught soon
				if wrong := attempt(t, bug.flaw, n+try, func(w *world) { bug.find(w, long) }); len(wrong) > 0 {
					t.Logf("caught after %s, try %d: %s", time.Since(began).Round(time.Millisecond), try+1, wrong[0])
					return
				}
			}
			t.Errorf("not caught within %s", time.Since(began).Round(time.Second))
		})
	}
}

// attempt is one world with the flaw; it ends before the next begins.
func attempt(t *testing.T, flaw string, n uint64, find func(*world)) (wrong []string) {
	t.Run("try", func(t *testing.T) {
		w := newWorld(t, n, flaw)
		find(w)
		if _, _, err := w.judge.order(); err != nil {
			t.Fatal(err)
		}
		if err := w.judge.honesty(context.Background(), w.conn()); err != nil {
			t.Fatal(err)
		}
		wrong = w.judge.verdict()
	})
	return wrong
}

// absences has a viewer go away with its cursor, lets several frames go out, and
// has it ask for them.
func (w *world) absences(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	here, away := newViewer(w.server.URL, "/d/quiet"), newViewer(w.server.URL, "/d/quiet")
	var watching sync.WaitGroup
	watching.Go(func() { w.report(here.follow(ctx)) })
	defer watching.Wait()
	defer cancel()
	wr := &writer{number: 1, conn: w.conn(), judge: w.judge, random: rand.New(rand.NewPCG(w.random.Uint64(), 6))}
	cursor := ""
	differs := func(s *delta.State, _ *delta.Status) bool { return s.Cursor != cursor }
	_ = here.until(ctx, differs)
	for ctx.Err() == nil && len(w.judge.verdict()) == 0 {
		if err := away.glance(ctx); err != nil {
			w.report(err)
			continue
		}
		for frames := 0; frames < 4 && ctx.Err() == nil; {
			s, _, _ := here.now()
			cursor = s.Cursor
			if err := wr.once(wr.step); err != nil {
				w.Fatal(err)
			}
			soon, over := context.WithTimeout(ctx, 200*time.Millisecond) // a step may change nothing
			if here.until(soon, differs) == nil {
				frames++
			}
			over()
		}
	}
}

// glance watches from the cursor that the viewer holds until the answer ends.
func (v *viewer) glance(ctx context.Context) error {
	cursor := ""
	if s, _, _ := v.now(); s != nil {
		cursor = s.Cursor
	}
	ws, err := v.connect(ctx, cursor)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	for {
		m, err := v.next(ctx, ws)
		if err != nil || m.Status != nil {
			return err
		}
	}
}
