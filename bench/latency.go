package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/rowcast/rowcast/delta"
)

type latencyCommand struct {
	site
	Commits int     `default:"300" help:"How many rows are changed, each in a transaction of its own."`
	Rate    float64 `default:"5" help:"Commits a second, evenly spaced."`
	Browser string  `placeholder:"PATH" help:"A Chromium or Chrome; found in the usual places when not given."`
}

// Run changes rows and measures when each change is on the way and on screen.
func (c *latencyCommand) Run(ctx context.Context) (err error) {
	g, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.script(ctx, "latency.sql"); err != nil {
		return err
	}
	server, err := g.serve(ctx, "latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	var frames frames
	v, err := watch(ctx, server.url, "/d/readings", frames.heard)
	if err != nil {
		return err
	}
	defer v.close()
	if err := v.until(ctx, "the page", func(s *delta.State, status string) bool { return s != nil && status == "live" }); err != nil {
		return err
	}
	b, err := browse(ctx, c.Browser, server.url+"d/readings")
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.observe(); err != nil {
		return err
	}
	conditions, err := g.conditions(ctx)
	if err != nil {
		return err
	}

	write := func(n int) (time.Time, error) {
		_, err := g.conn.Exec(ctx, `UPDATE readings SET mark = $1 WHERE id = $2`, mark(n), n%20+1)
		if err != nil {
			return time.Time{}, fmt.Errorf("change row: %w", err)
		}
		return time.Now(), nil
	}
	// The first changes find out whether the page follows, and warm everything up.
	const warmUp = 20
	for n := range warmUp {
		if _, err := write(n + 1); err != nil {
			return err
		}
		if err := b.has(mark(n + 1)); err != nil {
			return err
		}
	}
	committed := map[string]time.Time{}
	tick := time.NewTicker(time.Duration(float64(time.Second) / c.Rate))
	defer tick.Stop()
	last := warmUp + c.Commits
	for n := warmUp + 1; n <= last; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if committed[mark(n)], err = write(n); err != nil {
			return err
		}
	}
	if err := b.has(mark(last)); err != nil {
		return err
	}
	screen, uncertain, err := b.seen()
	if err != nil {
		return err
	}
	notified, heard, err := c.floor(ctx, g, tick.C)
	if err != nil {
		return err
	}
	fmt.Printf("%s at the start, %s at the end.\n%d commits at %g/s, one browser and one other socket; the browser's times are right to ±%.2f ms.\n\n",
		conditions, loadAverage(), c.Commits, c.Rate, float64(uncertain)/1e6)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| from commit to\t| min\t| median\t| p95\t| p99\t| max\t| not seen\t|")
	fmt.Fprintln(w, "| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t|")
	lines(w, "a bare NOTIFY heard", notified, heard)
	lines(w, "frame received by a socket", committed, frames.seen())
	lines(w, "changed text in the browser", committed, screen)
	return w.Flush()
}

// floor notifies as often, with nothing but PostgreSQL in between: the way from
// one session to another is a part of what was measured, and the machine's own.
func (c *latencyCommand) floor(ctx context.Context, g *ground, tick <-chan time.Time) (notified, heard map[string]time.Time, err error) {
	from, err := g.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = from.Close(context.WithoutCancel(ctx)) }()
	to, err := g.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = to.Close(context.WithoutCancel(ctx)) }()
	if _, err := to.Exec(ctx, `LISTEN floor`); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	type hearing struct {
		at  time.Time
		err error
	}
	notified, heard = map[string]time.Time{}, map[string]time.Time{}
	for n := range min(c.Commits, 100) {
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-tick:
		}
		hears := make(chan hearing, 1)
		go func() {
			_, err := to.WaitForNotification(ctx)
			hears <- hearing{time.Now(), err}
		}()
		_, err := from.Exec(ctx, `NOTIFY floor`)
		notified[mark(n)] = time.Now()
		h := <-hears
		if err = errors.Join(err, h.err); err != nil {
			return nil, nil, fmt.Errorf("notify: %w", err)
		}
		heard[mark(n)] = h.at
	}
	return notified, heard, nil
}

// lines prints how long after its commit each mark was seen, in milliseconds.
func lines(w *tabwriter.Writer, title string, committed, seen map[string]time.Time) {
	var took []time.Duration
	for mark, at := range committed {
		if t, ok := seen[mark]; ok {
			took = append(took, t.Sub(at))
		}
	}
	fmt.Fprintf(w, "| %s\t", title)
	for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
		fmt.Fprintf(w, "| %.2f ms\t", float64(quantile(took, q))/1e6)
	}
	fmt.Fprintf(w, "| %d\t|\n", len(committed)-len(took))
}

// mark is a text that stands nowhere else on the page.
func mark(n int) string { return fmt.Sprintf("m%06d", n) }

var marks = regexp.MustCompile(`"m[0-9]{6}"`)

// frames notes when each mark first came in a frame.
type frames struct {
	mu    sync.Mutex
	first map[string]time.Time
}

func (f *frames) heard(at time.Time, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = map[string]time.Time{}
	}
	for _, m := range marks.FindAll(b, -1) {
		m := string(bytes.Trim(m, `"`))
		if _, there := f.first[m]; !there {
			f.first[m] = at
		}
	}
}

func (f *frames) seen() map[string]time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}
