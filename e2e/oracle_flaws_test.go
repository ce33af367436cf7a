package e2e_test

import (
	"context"
	"testing"
	"time"
)

// The oracle is worth something only if it sees what it is there for: each of
// these is a build of the program with one known bug, and has to be caught.
func TestOracleCatches(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program a second time")
	}
	binary(t, "flaws")
	storm := func(w *world, d time.Duration) { w.storm(d) }
	quiet := func(faults ...fault) func(*world, time.Duration) {
		return func(w *world, d time.Duration) { w.quietRounds(d, faults...) }
	}
	limit := make(chan struct{}, 2) // at a time
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
		{"drop-frame", storm},
	} {
		t.Run(bug.flaw, func(t *testing.T) {
			t.Parallel()
			limit <- struct{}{}
			defer func() { <-limit }()
			const tries, long = 12, 10 * time.Second // a viewer must have missed several frames for some of them
			began, n := time.Now(), seed(t)
			for try := range uint64(tries) {
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
