package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

type valuesCommand struct {
	site
	Values  []int         `default:"1,100,1000" help:"Numbers of values that are open at once, 1,000 at most."`
	Commits int           `default:"50" help:"How many commits are measured for each."`
	Pause   time.Duration `default:"250ms" help:"Rest after each commit, so that its cycles are all its own."`
}

// customers is how many values there are.
const customers = 1000

// crowd is what was measured with so many values open.
type crowd struct {
	values int
	all    bool // each commit changed every value, not one only
	opened time.Duration
	cycles []time.Duration // what one commit needed, all of them together
	last   []time.Duration // from the commit to the last frame that carries it
	server float64         // seconds of CPU for a commit; negative: unknown
	panels float64
	alone  singles
}

// Run opens pages, commits, and prints a table.
func (c *valuesCommand) Run(ctx context.Context) (err error) {
	g, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.script(ctx, "values.sql"); err != nil {
		return err
	}
	conditions, err := g.conditions(ctx)
	if err != nil {
		return err
	}
	var results []*crowd
	for _, n := range c.Values {
		if n < 1 || n > customers {
			return fmt.Errorf("%d values: there are 1 to %d", n, customers)
		}
		rows, err := c.measure(ctx, g, n)
		if err != nil {
			return fmt.Errorf("%d values: %w", n, err)
		}
		results = append(results, rows...)
	}
	fmt.Printf("%s at the start, %s at the end.\n%d commits each; a page shows the newest 50 of a value's 100 rows.\n\n",
		conditions, loadAverage(), c.Commits)
	return reportValues(os.Stdout, results)
}

// measure does all with one number of values, in a server of its own.
func (c *valuesCommand) measure(ctx context.Context, g *ground, n int) (_ []*crowd, err error) {
	server, err := g.serve(ctx, "values")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	audience := &audience{url: server.url}
	defer audience.close()
	began := time.Now()
	if err := audience.open(ctx, n); err != nil {
		return nil, err
	}
	opened := time.Since(began)
	if err := audience.live(ctx); err != nil {
		return nil, err
	}
	alone, err := references(ctx, g, n)
	if err != nil {
		return nil, err
	}
	var rows []*crowd
	for _, all := range []bool{false, true} {
		if all && n == 1 {
			continue // the same
		}
		r := &crowd{values: n, all: all, opened: opened, alone: alone}
		if err := c.commits(ctx, r, audience, server, g.conn); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%d values, all changed: %v: %.1f ms of cycles for one\n", n, all, milliseconds(quantile(r.cycles, 0.5)))
		rows = append(rows, r)
	}
	return rows, nil
}

// commits measures one commit after the other.
func (c *valuesCommand) commits(ctx context.Context, r *crowd, a *audience, server *serving, conn *pgx.Conn) error {
	const warmUp = 5
	busy, err := usage(ctx, server.pid, conn)
	if err != nil {
		return err
	}
	first, err := scrape(ctx, server.url)
	if err != nil {
		return err
	}
	before := first
	for i := range warmUp + c.Commits {
		changed := 1
		if r.all {
			changed = r.values
		}
		heard := a.expect(changed)
		// The newest row of the first customers.
		if _, err := conn.Exec(ctx, `UPDATE purchases SET total = $1 WHERE id > 99000 AND id <= 99000 + $2`, a.mark, changed); err != nil {
			return fmt.Errorf("change rows: %w", err)
		}
		committed := time.Now()
		var last time.Time
		select {
		case last = <-heard:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Second):
			return errors.New("a change did not come within 30 s")
		}
		if err := a.ended(); err != nil {
			return err
		}
		// What the change still needs, such as arming, comes meanwhile.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.Pause):
		}
		after, err := scrape(ctx, server.url)
		if err != nil {
			return err
		}
		needed, err := after.since(before)
		if err != nil {
			return err
		}
		if before = after; i < warmUp {
			continue
		}
		r.last = append(r.last, last.Sub(committed))
		r.cycles = append(r.cycles, needed.lasted())
	}
	end, err := usage(ctx, server.pid, conn)
	if err != nil {
		return err
	}
	r.server, r.panels = -1, -1
	if busy.known && end.known {
		n := float64(warmUp + c.Commits)
		r.server, r.panels = (end.server-busy.server)/n, (end.panels-busy.panels)/n
	}
	return nil
}

// audience is one viewer for each of the first values.
type audience struct {
	url     string
	viewers []*viewer
	mark    int // the number that the awaited frames carry
	waiting atomic.Pointer[expectation]
}

// expectation is a change that so many viewers have yet to hear of.
type expectation struct {
	mark []byte
	mu   sync.Mutex
	left int
	done chan time.Time
}

func (e *expectation) heard(at time.Time, frame []byte) {
	if e == nil || !bytes.Contains(frame, e.mark) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left--; e.left == 0 {
		e.done <- at
	}
}

// expect begins to wait for a new mark to reach so many viewers, and answers
// with when the last frame with it came.
func (a *audience) expect(viewers int) <-chan time.Time {
	a.mark++
	e := &expectation{mark: fmt.Appendf(nil, `"%d"`, a.mark), left: viewers, done: make(chan time.Time, 1)}
	a.waiting.Store(e)
	return e.done
}

// open opens a socket for each of the first n values, all at once, and waits
// until they show rows.
func (a *audience) open(ctx context.Context, n int) error {
	a.mark, a.viewers = 1_000_000, make([]*viewer, n)
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			page := "/d/customer"
			if i > 0 { // the first is the default, which an address leaves out
				page += "?customer=" + strconv.Itoa(i+1)
			}
			a.viewers[i], errs[i] = watch(ctx, a.url, page, func(at time.Time, b []byte) { a.waiting.Load().heard(at, b) })
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return a.until(ctx, "rows", func(s *delta.State, _ string) bool {
		return s != nil && s.Panels["latest"] != nil && len(s.Panels["latest"].Rows) == 50
	})
}

// live waits until every page is.
func (a *audience) live(ctx context.Context) error {
	return a.until(ctx, "live", func(_ *delta.State, status string) bool { return status == "live" })
}

func (a *audience) until(ctx context.Context, what string, ok func(*delta.State, string) bool) error {
	for _, v := range a.viewers {
		if err := v.until(ctx, what, ok); err != nil {
			return err
		}
	}
	return nil
}

// ended is why a viewer's socket ended, if one did.
func (a *audience) ended() error {
	for _, v := range a.viewers {
		select {
		case <-v.ended:
			return v.err
		default:
		}
	}
	return nil
}

func (a *audience) close() {
	for _, v := range a.viewers {
		if v != nil {
			v.close()
		}
	}
}

// reportValues prints one line for each crowd.
func reportValues(out io.Writer, results []*crowd) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| values\t| a commit changes\t| one by one\t| with one plan\t| one pipeline\t| cycles of one, median\t| p99\t| commit to last frame, median\t| p99\t| rowcast CPU a commit\t| PostgreSQL CPU a commit\t| opened in\t|")
	fmt.Fprintln(w, "| ---:\t| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t|")
	for _, r := range results {
		changed := "one"
		if r.all {
			changed = "all"
		}
		fmt.Fprintf(w, "| %d\t| %s\t| %.1f ms\t| %.1f ms\t| %.1f ms\t| %.1f ms\t| %.1f ms\t| %.1f ms\t| %.1f ms\t| %s\t| %s\t| %.0f ms\t|\n", r.values, changed,
			milliseconds(r.alone.anew), milliseconds(r.alone.kept), milliseconds(r.alone.piped),
			milliseconds(quantile(r.cycles, 0.5)), milliseconds(quantile(r.cycles, 0.99)),
			milliseconds(quantile(r.last, 0.5)), milliseconds(quantile(r.last, 0.99)),
			cpuText(r.server), cpuText(r.panels), milliseconds(r.opened))
	}
	return w.Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

func cpuText(seconds float64) string {
	if seconds < 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f ms", seconds*1000)
}
