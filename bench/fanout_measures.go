package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// with runs the side's server with its viewers there.
func (st *stand) with(ctx context.Context, s side, do func(at *serving, c *sockets) error) (err error) {
	at, err := st.start(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	c, err := st.come(at, s, "")
	if err != nil {
		return err
	}
	defer c.close()
	// One event shows that everybody is there, and begins the count.
	time.Sleep(300 * time.Millisecond)
	seen := c.events.Load()
	if _, err := st.change(ctx, s); err != nil {
		return err
	}
	if err := until(ctx, c, seen+int64(s.viewers)); err != nil {
		return err
	}
	return do(at, c)
}

// kept runs the side's server with one viewer, who keeps its page.
func (st *stand) kept(ctx context.Context, s side) (at *serving, leave func() error, err error) {
	if at, err = st.start(ctx, s); err != nil {
		return nil, nil, err
	}
	few, err := st.come(at, s.of(func(s *side) { s.viewers = 1 }), "")
	if err != nil {
		return nil, nil, errors.Join(err, at.stop())
	}
	return at, func() error { few.close(); return at.stop() }, nil
}

// write commits for d, at the side's rate or as fast as events arrive, and waits
// until all have. It tells of each commit. The first comes an interval after the
// start, as far from what a warm-up wrote last as all others are apart.
func (st *stand) write(ctx context.Context, s side, c *sockets, d time.Duration, told func(event int, at time.Time)) (commits int, err error) {
	began, heard := time.Now(), c.events.Load()
	for time.Since(began) < d {
		if s.rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(commits+1) / s.rate * float64(time.Second)))))
		}
		if wait := commits - s.ahead + 1; s.ahead > 0 && wait > 0 {
			if err := until(ctx, c, heard+int64(wait*s.viewers)); err != nil {
				return commits, err
			}
		}
		at, err := st.change(ctx, s)
		if err != nil {
			return commits, err
		}
		if told != nil {
			told(st.last, at)
		}
		commits++
	}
	return commits, until(ctx, c, heard+int64(commits*s.viewers))
}

// perDelivery is the server's microseconds of CPU for one event to one viewer, and
// the bytes that it took on the way.
func perDelivery(s side) measurement {
	return func(ctx context.Context, st *stand) ([]float64, error) {
		micros, size := 0.0, 0.0
		err := st.with(ctx, s, func(at *serving, c *sockets) error {
			if _, err := st.write(ctx, s, c, st.seconds/4, nil); err != nil { // warms up
				return err
			}
			before, came := spent(at.pid), c.bytes.Load()
			commits, err := st.write(ctx, s, c, st.seconds, nil)
			deliveries := float64(commits * s.viewers)
			micros, size = (spent(at.pid)-before)*1e6/deliveries, float64(c.bytes.Load()-came)/deliveries
			return err
		})
		return []float64{micros, size}, err
	}
}

// lateness are quantiles of the milliseconds from a commit to each viewer.
func lateness(quantiles ...float64) func(side) measurement {
	return func(s side) measurement {
		return func(ctx context.Context, st *stand) (millis []float64, err error) {
			var late []time.Duration
			err = st.with(ctx, s, func(_ *serving, c *sockets) error {
				if _, err := st.write(ctx, s, c, st.seconds/4, nil); err != nil {
					return err
				}
				late, err = st.late(ctx, s, c, st.seconds*time.Duration(max(1, s.long)))
				return err
			})
			for _, q := range quantiles {
				millis = append(millis, milliseconds(quantile(late, q)))
			}
			return millis, err
		}
	}
}

// late writes for d and returns how long after its commit each viewer heard of
// each event. It closes the sockets.
func (st *stand) late(ctx context.Context, s side, c *sockets, d time.Duration) (late []time.Duration, err error) {
	committed := map[int]time.Time{}
	c.recording.Store(true)
	_, err = st.write(ctx, s, c, d, func(event int, at time.Time) { committed[event] = at })
	c.close()
	for _, a := range c.arrivals {
		if at, ok := committed[a.event]; ok {
			late = append(late, max(0, a.at.Sub(at)))
		}
	}
	return late, err
}

// atRest is what viewers cost whose page does not change: the memory that the
// server's process grew by, in KiB a viewer, and its CPU, in percent of a core. A side
// that has a rate writes at it: the floor, which tells nobody how it stands by itself.
func atRest(s side) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		at, leave, err := st.kept(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, leave()) }()
		before, err := resident(at.pid)
		if err != nil {
			return nil, err
		}
		c, err := st.come(at, s, "")
		if err != nil {
			return nil, err
		}
		defer c.close()
		time.Sleep(2 * time.Second)
		// Four statuses long, and two of the looks at everybody's session and rights.
		const rest = 20 * time.Second
		began, used := time.Now(), spent(at.pid)
		if s.rate > 0 {
			if _, err := st.write(ctx, s, c, rest, nil); err != nil {
				return nil, err
			}
		} else {
			time.Sleep(rest)
		}
		used = (spent(at.pid) - used) / time.Since(began).Seconds()
		after, err := resident(at.pid)
		if err != nil {
			return nil, err
		}
		if lost := c.lost.Load(); lost > 0 {
			return nil, fmt.Errorf("%d viewers lost their connection", lost)
		}
		return []float64{float64(after-before) / 1024 / float64(s.viewers), used * 100}, nil
	}
}

// perConnect is the server's CPU for one of many who connect at once, in
// microseconds, and for one who comes back with what it shows.
func perConnect(s side) measurement {
	return func(ctx context.Context, st *stand) (micros []float64, err error) {
		at, leave, err := st.kept(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, leave()) }()
		cursor := ""
		if !s.raw {
			if cursor, err = cursorOf(ctx, at, s.page); err != nil {
				return nil, err
			}
		}
		for _, cursor := range []string{"", cursor} {
			before := spent(at.pid)
			c, err := st.come(at, s, cursor)
			if err != nil {
				return nil, err
			}
			micros = append(micros, (spent(at.pid)-before)*1e6/float64(s.viewers))
			c.close()
			time.Sleep(500 * time.Millisecond) // their ends are not what is measured
		}
		return micros, nil
	}
}

// cursorOf is that of a page's newest state.
func cursorOf(ctx context.Context, at *serving, page string) (string, error) {
	v, err := watchAs(ctx, at, page, nil)
	if err != nil {
		return "", err
	}
	defer v.close()
	cursor := ""
	return cursor, v.until(ctx, "the page", func(s *delta.State, _ string) bool {
		if s != nil {
			cursor = s.Cursor
		}
		return s != nil
	})
}

// spent is the seconds of CPU that a process's threads have used, to the
// nanosecond. Those of a Go program do not end.
func spent(pid int) (seconds float64) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), " ")
		nanos, err := strconv.ParseFloat(first, 64)
		if err == nil {
			seconds += nanos / 1e9
		}
	}
	return seconds
}

// resident is a process's memory in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("ask for memory: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("the system does not tell what memory a process has")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("ask for memory: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}
