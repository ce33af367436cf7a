package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// with runs the side's server with its viewers there.
func (f *fanout) with(ctx context.Context, s side, do func(at *serving, c *sockets) error) (err error) {
	at, err := f.start(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	c, err := f.come(at, s, "")
	if err != nil {
		return err
	}
	defer c.close()
	// One event shows that everybody is there, and begins the count.
	time.Sleep(300 * time.Millisecond)
	seen := c.events.Load()
	if _, err := f.change(ctx, s); err != nil {
		return err
	}
	if err := until(ctx, c, seen+int64(s.viewers)); err != nil {
		return err
	}
	return do(at, c)
}

// write commits for d, at the side's rate or as fast as events arrive, and waits
// until all have. It tells of each commit.
func (f *fanout) write(ctx context.Context, s side, c *sockets, d time.Duration, told func(event int, at time.Time)) (commits int, err error) {
	began, heard := time.Now(), c.events.Load()
	for time.Since(began) < d {
		if s.rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(commits) / s.rate * float64(time.Second)))))
		}
		if wait := commits - s.ahead + 1; s.ahead > 0 && wait > 0 {
			if err := until(ctx, c, heard+int64(wait*s.viewers)); err != nil {
				return commits, err
			}
		}
		at, err := f.change(ctx, s)
		if err != nil {
			return commits, err
		}
		if told != nil {
			told(f.last, at)
		}
		commits++
	}
	return commits, until(ctx, c, heard+int64(commits*s.viewers))
}

// perDelivery is the server's microseconds of CPU for one event to one viewer.
func perDelivery(ctx context.Context, f *fanout, s side) (micros float64, err error) {
	err = f.with(ctx, s, func(at *serving, c *sockets) error {
		if _, err := f.write(ctx, s, c, f.seconds/4, nil); err != nil { // warms up
			return err
		}
		before, known := processor(at.pid)
		if !known {
			return errors.New("the system does not tell what a process used")
		}
		commits, err := f.write(ctx, s, c, f.seconds, nil)
		after, _ := processor(at.pid)
		micros = (after - before) * 1e6 / float64(commits*s.viewers)
		return err
	})
	return micros, err
}

// lateness is a quantile of the milliseconds from a commit to each viewer.
func lateness(q float64) func(context.Context, *fanout, side) (float64, error) {
	return func(ctx context.Context, f *fanout, s side) (millis float64, err error) {
		var late []time.Duration
		err = f.with(ctx, s, func(_ *serving, c *sockets) error {
			if _, err := f.write(ctx, s, c, f.seconds/4, nil); err != nil {
				return err
			}
			committed := map[int]time.Time{}
			c.recording.Store(true)
			_, err := f.write(ctx, s, c, f.seconds, func(event int, at time.Time) { committed[event] = at })
			c.close()
			for _, a := range c.arrivals {
				if at, ok := committed[a.event]; ok {
					late = append(late, max(0, a.at.Sub(at)))
				}
			}
			return err
		})
		return float64(quantile(late, q)) / 1e6, err
	}
}

// perViewer is the memory that a server's process grew by, in KiB a viewer.
func perViewer(ctx context.Context, f *fanout, s side) (kib float64, err error) {
	at, err := f.start(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	few, err := f.come(at, s.of(func(s *side) { s.viewers = 1 }), "")
	if err != nil {
		return 0, err
	}
	defer few.close()
	before, err := resident(at.pid)
	if err != nil {
		return 0, err
	}
	c, err := f.come(at, s, "")
	if err != nil {
		return 0, err
	}
	defer c.close()
	time.Sleep(2 * time.Second)
	after, err := resident(at.pid)
	return float64(after-before) / 1024 / float64(s.viewers), err
}

// atRest is the CPU of a server whose page does not change, in percent of a core.
func atRest(ctx context.Context, f *fanout, s side) (percent float64, err error) {
	at, err := f.start(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	c, err := f.come(at, s, "")
	if err != nil {
		return 0, err
	}
	defer c.close()
	time.Sleep(2 * time.Second)
	const rest = 15 * time.Second // three statuses long
	before, _ := processor(at.pid)
	time.Sleep(rest)
	after, _ := processor(at.pid)
	if lost := c.lost.Load(); lost > 0 {
		return 0, fmt.Errorf("%d viewers lost their connection", lost)
	}
	return (after - before) / rest.Seconds() * 100, nil
}

// perConnect is the server's CPU for one of many that connect at once, or that
// come back with a cursor, in microseconds.
func perConnect(again bool) func(context.Context, *fanout, side) (float64, error) {
	return func(ctx context.Context, f *fanout, s side) (micros float64, err error) {
		at, err := f.start(ctx, s)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, at.stop()) }()
		first, err := f.come(at, s.of(func(s *side) {
			if !again {
				s.viewers = 1
			}
		}), "")
		if err != nil {
			return 0, err
		}
		cursor := ""
		if again && !s.raw {
			if cursor, err = f.cursor(ctx, at, s.page); err != nil {
				return 0, err
			}
		}
		if again {
			first.close()
			time.Sleep(500 * time.Millisecond) // their ends are not what is measured
		} else {
			defer first.close()
		}
		before, _ := processor(at.pid)
		c, err := f.come(at, s, cursor)
		if err != nil {
			return 0, err
		}
		defer c.close()
		after, _ := processor(at.pid)
		return (after - before) * 1e6 / float64(s.viewers), nil
	}
}

// cursor is that of a page's newest state.
func (f *fanout) cursor(ctx context.Context, at *serving, page string) (string, error) {
	v, err := watch(ctx, at.url, page, nil)
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
