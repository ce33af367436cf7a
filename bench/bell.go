package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

type bellCommand struct {
	site
	Seconds int   `default:"5" help:"How long each run takes."`
	Rounds  int   `default:"3" help:"How often every run is repeated, in turn with all others."`
	Clients []int `default:"1,4,16" help:"Numbers of writing clients."`
}

// What the writers of a table keep of their throughput, as a share: where somebody
// watches, of that without a trigger; where nobody does, of that with one that does
// nothing.
const (
	watchedKeeps   = 0.8
	unwatchedKeeps = 0.95
)

// way is one way of hearing of writes, or of not hearing of them.
type way struct {
	title, table string
	listen       bool // somebody LISTENs to NOTIFY
	served       bool // its table has a bell, and rowcast runs
	page         string
}

var (
	none      = way{title: "no trigger", table: "sales_none"}
	empty     = way{title: "empty trigger", table: "sales_empty"}
	unwatched = way{title: "rowcast, unwatched", table: "sales_unwatched", served: true}
	live      = way{title: "rowcast, live page", table: "sales_watched", page: "/d/sales", served: true}
	all       = []way{
		none,
		empty,
		unwatched,
		live,
		{title: "NOTIFY on every write", table: "sales_notify", listen: true},
	}
)

// load is what the writers do.
type load struct {
	title   string
	clients int
	script  string
	idle    bool // one more session wrote the table and idles in its transaction
	ways    []way
}

func (c *bellCommand) loads() []load {
	var loads []load
	for _, n := range c.Clients {
		title := fmt.Sprintf("%d clients", n)
		if n == 1 {
			title = "1 client"
		}
		loads = append(loads, load{title: title, clients: n, script: "write.pgbench", ways: all})
	}
	return append(loads,
		load{title: "80 clients, 20 ms transactions", clients: 80, script: "write-20ms.pgbench", ways: []way{none, live}},
		load{title: "16 clients, one more idle in transaction", clients: 16, script: "write.pgbench", idle: true, ways: []way{none, live}})
}

// run is one measurement.
type run struct{ tps, frames float64 }

// Run measures every load in every way, round after round, and prints a table.
func (c *bellCommand) Run(ctx context.Context) (err error) {
	g, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	pgbench, err := g.findPgbench()
	if err != nil {
		return err
	}
	if err := g.script(ctx, "bell.sql"); err != nil {
		return err
	}
	if err := g.putBells(ctx, unwatched.table, live.table); err != nil {
		return err
	}
	server, err := g.serve(ctx, "bell")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	b := &bell{ground: g, program: pgbench, url: server.url, seconds: c.Seconds}
	before, err := g.conditions(ctx)
	if err != nil {
		return err
	}
	loads := c.loads()
	results, err := b.rounds(ctx, loads, c.Rounds)
	if err != nil {
		return err
	}
	fmt.Printf("%s at the start, %s at the end.\n%d rounds of %d s; medians; ratios are medians of the rounds' own.\n\n",
		before, loadAverage(), c.Rounds, c.Seconds)
	return report(os.Stdout, loads, results)
}

// putBells has rowcast put its bells on tables.
func (g *ground) putBells(ctx context.Context, tables ...string) error {
	args := []string{"watch"}
	for _, t := range tables {
		args = append(args, "public."+t)
	}
	if out, err := g.command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("put bells on tables: %w\n%s", err, out)
	}
	return nil
}

// bell runs the measurements one after the other.
type bell struct {
	*ground
	program string
	url     string
	seconds int
}

// rounds goes through all loads and ways again and again, so that whatever
// else the machine does falls on all of them alike. Results are by load, way
// and round.
func (b *bell) rounds(ctx context.Context, loads []load, rounds int) ([][][]run, error) {
	if _, err := b.pgbench(ctx, b.program, "write.pgbench", none.table, 4, 1); err != nil { // warms up
		return nil, err
	}
	results := make([][][]run, len(loads))
	for i, l := range loads {
		results[i] = make([][]run, len(l.ways))
	}
	for round := range rounds {
		for i, l := range loads {
			for j, w := range l.ways {
				r, err := b.measure(ctx, l, w)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", l.title, w.title, err)
				}
				results[i][j] = append(results[i][j], r)
				fmt.Fprintf(os.Stderr, "round %d/%d: %s, %s: %.0f/s\n", round+1, rounds, l.title, w.title, r.tps)
			}
		}
	}
	return results, nil
}

// measure does one run on a table that is as it was before every other run.
func (b *bell) measure(ctx context.Context, l load, w way) (r run, err error) {
	if err := b.refill(ctx, w.table); err != nil {
		return r, err
	}
	if w.listen {
		stop, err := b.listen(ctx)
		if err != nil {
			return r, err
		}
		defer stop()
	}
	if l.idle {
		stop, err := b.idle(ctx, w.table)
		if err != nil {
			return r, err
		}
		defer stop()
	}
	if w.page == "" {
		r.tps, err = b.pgbench(ctx, b.program, l.script, w.table, l.clients, b.seconds)
		return r, err
	}
	v, err := watch(ctx, b.url, w.page, nil)
	if err != nil {
		return r, err
	}
	defer v.close()
	// With a transaction left open no bell can be armed: then the page goes by the clock, and has rows.
	if err := v.until(ctx, "the page", func(s *delta.State, status string) bool {
		return s != nil && (l.idle || status == "live")
	}); err != nil {
		return r, err
	}
	before := v.count()
	if r.tps, err = b.pgbench(ctx, b.program, l.script, w.table, l.clients, b.seconds); err != nil {
		return r, err
	}
	r.frames = float64(v.count()-before) / float64(b.seconds)
	if r.frames == 0 {
		return r, errors.New("the page did not change while its table was written")
	}
	return r, b.caughtUp(ctx, v, w.table)
}

// caughtUp proves that the page that was measured was right in the end.
func (b *bell) caughtUp(ctx context.Context, v *viewer, table string) error {
	var newest int64
	if err := b.conn.QueryRow(ctx, `SELECT max(id) FROM `+pgx.Identifier{table}.Sanitize()).Scan(&newest); err != nil {
		return fmt.Errorf("ask for the newest row: %w", err)
	}
	want := strconv.FormatInt(newest, 10)
	return v.until(ctx, "the newest row on the page", func(s *delta.State, _ string) bool {
		p := s.Panels["latest"]
		return p != nil && len(p.Rows) > 0 && p.Rows[0].Cells[0].Text == want
	})
}

// refill makes a table as every run finds it: ten thousand rows, analyzed.
func (b *bell) refill(ctx context.Context, table string) error {
	name := pgx.Identifier{table}.Sanitize()
	for _, sql := range []string{
		`TRUNCATE ` + name + ` RESTART IDENTITY`,
		`INSERT INTO ` + name + ` (customer, amount, note) SELECT i % 1000, i, 'some text that a dashboard row would carry' FROM generate_series(1, 10000) i`,
		`VACUUM ANALYZE ` + name,
	} {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("refill %s: %w", table, err)
		}
	}
	return nil
}

// listen is somebody who hears the NOTIFY of every write.
func (b *bell) listen(ctx context.Context) (stop func(), err error) {
	conn, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, `LISTEN bench`); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
	}
	hearing, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := conn.WaitForNotification(hearing); err != nil {
				return // stop was called, which also closes the connection
			}
		}
	}()
	return func() { cancel(); <-done; _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

// idle is a session that wrote the table and forgot to commit.
func (b *bell) idle(ctx context.Context, table string) (stop func(), err error) {
	conn, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop = func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	if _, err = conn.Exec(ctx, `BEGIN`); err == nil {
		_, err = conn.Exec(ctx, `INSERT INTO `+pgx.Identifier{table}.Sanitize()+` (customer, amount, note) VALUES (1, 1, 'never committed')`)
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("write and idle: %w", err)
	}
	return stop, nil
}

// report prints one line for each load and way.
func report(out io.Writer, loads []load, results [][][]run) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| writers\t| way\t| transactions/s\t| ÷ no trigger\t| rounds\t| frames/s\t|")
	fmt.Fprintln(w, "| ---\t| ---\t| ---:\t| ---:\t| ---:\t| ---:\t|")
	for i, l := range loads {
		for j, way := range l.ways {
			var tps, ratios, frames []float64
			for round, r := range results[i][j] {
				tps, frames = append(tps, r.tps), append(frames, r.frames)
				ratios = append(ratios, r.tps/results[i][0][round].tps)
			}
			shown := ""
			if way.page != "" {
				shown = fmt.Sprintf("%.1f", quantile(frames, 0.5))
			}
			fmt.Fprintf(w, "| %s\t| %s\t| %.0f\t| %.2f\t| %.2f–%.2f\t| %s\t|\n", l.title, way.title,
				quantile(tps, 0.5), quantile(ratios, 0.5), quantile(ratios, 0), quantile(ratios, 1), shown)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	fmt.Fprintln(out)
	for i, l := range loads {
		if l.clients < 16 {
			continue
		}
		for _, p := range []promise{{live, none, watchedKeeps}, {unwatched, empty, unwatchedKeeps}} {
			p.judge(out, l, results[i])
		}
	}
	return nil
}

// promise is what one way keeps of another's throughput.
type promise struct {
	way, than way
	keeps     float64
}

// judge prints whether it is kept under a load that has both ways.
func (p promise) judge(out io.Writer, l load, results [][]run) {
	at := func(w way) int { return slices.IndexFunc(l.ways, func(one way) bool { return one.title == w.title }) }
	ours, than := at(p.way), at(p.than)
	if ours < 0 || than < 0 {
		return
	}
	var ratios []float64
	for round, r := range results[ours] {
		ratios = append(ratios, r.tps/results[than][round].tps)
	}
	must := ratioAtLeast(p.keeps)
	fmt.Fprintf(out, "%s: %s ÷ %s is %.2f, must be %s: %s\n", l.title, p.way.title, p.than.title, quantile(ratios, 0.5), must, must.verdict(1, 0, quantile(ratios, 0.5)))
}
