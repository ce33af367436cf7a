//go:build unix

package e2e_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// comeBack breaks the lines of so many viewers at the same moment. What is asked
// of the database does not grow with them.
func (a *arena) comeBack(n int) func() {
	c := a.crowd(n, "/d/stage")
	asked := a.scans("stage")
	cycles := a.resources()["rowcast_cycles_total"]
	before := a.resources()["process_resident_memory_bytes"]
	a.forgetPeak()
	began := time.Now()
	a.toViewer.Reset()
	c.back(a, began, rightWithin)
	cost := float64(peakMemory(a)) - before
	a.Logf("their return took %.0f MB at the most", cost/1e6)
	if cost > float64(heave+n*(64<<10)) && !raceDetector {
		a.Errorf("%d viewers who came back took %.0f MB", n, cost/1e6)
	}
	a.judgeReturn(c, began, asked, 0) // their lines broke
	a.Logf("%.0f snapshots were taken for all pages", a.resources()["rowcast_cycles_total"]-cycles)
	return c.leave
}

// judgeReturn checks that the crowd came back spread over the time that it had,
// at least so many of them by a hint, and that the database was asked for its page as
// if it were one viewer.
func (a *arena) judgeReturn(c *crowd, began time.Time, asked, told int) (peak, mean float64) {
	a.Helper()
	called := c.times(&c.called) // not told: who calls before the page was read is answered at once with all others
	const bucket = 250 * time.Millisecond
	count := map[time.Duration]float64{}
	for _, at := range called {
		b := at.Sub(began) / bucket
		count[b]++
		peak = max(peak, count[b])
	}
	took := slices.MaxFunc(called, time.Time.Compare).Sub(began)
	mean = float64(len(called)) / (float64(took)/float64(bucket) + 1)
	a.Logf("%d viewers were back within %s, at most %.0f in %s, %.0f on average", len(called), took.Round(10*time.Millisecond), peak, bucket, mean)
	sleep(a.Context(), 1200*time.Millisecond) // sessions count what they read once a second
	const most = 6                            // both panels of a page that nobody writes, once before their bell is armed, once after, and once for a cycle that had to begin again
	if n := a.scans("stage") - asked; n > most {
		a.Errorf("%d viewers came back and their table was read %d times, want %d at most", len(called), n, most)
	} else {
		a.Logf("their table was read %d times", n)
	}
	c.judgeHints(a, told)
	return peak, mean
}

// judgeHints checks that so many at least were told when to come back, at different
// moments, spread over seconds.
func (c *crowd) judgeHints(a *arena, least int) {
	a.Helper()
	c.mu.Lock()
	hints := slices.Sorted(slices.Values(c.hints))
	c.mu.Unlock()
	n := len(hints)
	if n < least {
		a.Errorf("%d were told when to come back, want %d", n, least)
	}
	if n == 0 {
		return
	}
	most := 0
	for i := range hints {
		within := 0
		for within < n-i && hints[i+within] < hints[i]+250*time.Millisecond {
			within++
		}
		most = max(most, within)
	}
	a.Logf("%d were told to come back in %s to %s, at most %d in the same 250 ms", n, hints[0], hints[n-1], most)
	if hints[0] <= 0 || hints[n-1]-hints[0] < 2*time.Second || most > max(20, n/4) {
		a.Errorf("%d viewers were told to come back in %s to %s, %d of them in the same 250 ms", n, hints[0], hints[n-1], most)
	}
}

// scans is how often a table was read from end to end, as its database counts.
func (a *arena) scans(table string) (n int) {
	a.Helper()
	conn, err := a.connect(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close(context.Background())
	const ask = `SELECT (seq_scan + coalesce(idx_scan, 0))::int FROM pg_stat_user_tables WHERE relname = $1`
	if err := conn.QueryRow(a.Context(), ask, table).Scan(&n); err != nil {
		a.Fatal(err)
	}
	return n
}

// crowd is many viewers of one page, who come back as browsers do.
type crowd struct {
	leave func()

	mu     sync.Mutex
	called []time.Time     // when each had its newest connection
	came   []time.Time     // when each was told the page's status on it
	hints  []time.Duration // what they were told of when to come back
	news   chan struct{}   // holds one where somebody came
}

// crowd lets so many watch a page. leave lets them go.
func (a *arena) crowd(n int, page string) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{called: make([]time.Time, n), came: make([]time.Time, n), news: make(chan struct{}, 1)}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			v := newViewer(a.sights[0].url, page)
			connected := false
			v.said = func(m *delta.Message, s *delta.State) {
				a.judge.witness(m, s)
				if m.Type == delta.TypeStatus && !connected {
					connected = true
					c.arrived(i)
				}
			}
			for attempt := 0; ctx.Err() == nil; attempt++ {
				cursor := ""
				if screen, _, _ := v.now(); screen != nil {
					cursor = screen.Cursor
				}
				connected = false
				calls := sync.OnceFunc(func() { c.noted(&c.called[i]) })
				if err := v.visit(ctx, cursor, calls); err != nil && strings.Contains(err.Error(), "a gap") {
					a.judge.accuse("crowd: %v", err)
				}
				if connected {
					attempt = 0
				}
				pause := v.bye()
				if pause > 0 {
					c.mu.Lock()
					c.hints = append(c.hints, pause)
					c.mu.Unlock()
				} else { // as static/js/protocol.js does
					pause = time.Duration(float64(min(400*time.Millisecond<<min(attempt, 6), 4*time.Second)) * (0.5 + rand.Float64()/2))
				}
				sleep(ctx, pause)
			}
		})
	}
	c.leave = func() {
		cancel()
		all.Wait()
	}
	c.back(a, time.Time{}, 30*time.Second)
	return c
}

// back waits until everybody came after that moment.
func (c *crowd) back(a *arena, since time.Time, limit time.Duration) {
	a.Helper()
	began, deadline := time.Now(), time.After(limit+mostForgiven)
	for {
		away := 0
		for _, at := range c.times(&c.came) {
			if !at.After(since) {
				away++
			}
		}
		if took := time.Since(began); away == 0 {
			if took > limit+a.lateness.since(began) {
				a.Errorf("%d viewers were back only after %s", len(c.came), took)
			}
			return
		}
		select {
		case <-c.news:
		case <-deadline:
			a.Errorf("%d of %d viewers did not come back within %s", away, len(c.came), limit)
			return
		}
	}
}

func (c *crowd) arrived(i int) {
	c.noted(&c.came[i])
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *crowd) noted(at *time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*at = time.Now()
}

func (c *crowd) times(of *[]time.Time) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(*of)
}
