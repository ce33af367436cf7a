package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

type fanoutCommand struct {
	site
	Seconds int      `default:"4" help:"How long each run takes."`
	Rounds  int      `default:"3" help:"How often every run is repeated, in turn with all others."`
	Only    []string `placeholder:"ROW,…" help:"Measure these rows only: calm, backlog, many, five, hundred, memory, storm, bulk."`
}

// eventDigits is how many digits follow the # that marks an event in a frame.
const eventDigits = 8

// row is one row of the table: what is measured, at the floor and at rowcast.
type row struct {
	id, title, unit string
	must            string
	sides           [2]side // what is compared with, and what is measured
	measure         func(ctx context.Context, f *fanout, s side) (float64, error)
	ratio           bool // the two are compared
}

// side is a server and how its viewers come.
type side struct {
	title   string
	raw     bool
	page    string
	viewers int
	deflate bool
	rate    float64 // commits a second; 0: as fast as they are heard
	ahead   int     // commits that may be on their way to somebody
	rows    int     // changed by one commit; 0: 1
}

func (s side) of(change func(*side)) side { change(&s); return s }

// rows are all that the command can measure.
func rows() []row {
	raw := side{title: "raw", raw: true, page: "/", viewers: 1000}
	ours := side{title: "rowcast", page: "/d/events", viewers: 1000}
	both := func(change func(*side)) [2]side { return [2]side{raw.of(change), ours.of(change)} }
	bulk := side{page: "/d/bulk", viewers: 300, rate: 8, ahead: 1, rows: 100}
	still := side{title: "rowcast", page: "/d/still"}
	return []row{
		{id: "calm", title: "CPU per delivery, 1,000 viewers, 10 commits/s", unit: "µs", must: "≤ 1.2 ×", ratio: true, measure: perDelivery,
			sides: both(func(s *side) { s.rate, s.ahead = 10, 1 })},
		{id: "backlog", title: "the same, 8 commits under way", unit: "µs", must: "≤ 0.4 ×", ratio: true, measure: perDelivery,
			sides: both(func(s *side) { s.ahead = 8 })},
		{id: "many", title: "the same, 5,000 viewers", unit: "µs", must: "≤ 0.4 ×", ratio: true, measure: perDelivery,
			sides: both(func(s *side) { s.ahead, s.viewers = 8, 5000 })},
		{id: "five", title: "commit to frame, 1,000 viewers, 5 commits/s, p50", unit: "ms", must: "≤ 1.5 ×", ratio: true, measure: lateness(0.5),
			sides: both(func(s *side) { s.rate = 5 })},
		{id: "five", title: "p99", unit: "ms", must: "≤ 1.5 ×", ratio: true, measure: lateness(0.99),
			sides: both(func(s *side) { s.rate = 5 })},
		{id: "hundred", title: "commit to frame, 1,000 viewers, 100 commits/s, p50", unit: "ms", must: "≤ raw + 30 ms", measure: lateness(0.5),
			sides: both(func(s *side) { s.rate = 100 })},
		{id: "memory", title: "resident memory per idle viewer, 10,000", unit: "KiB", must: "≤ 18", measure: perViewer,
			sides: [2]side{raw.of(func(s *side) { s.viewers = 10_000 }), still.of(func(s *side) { s.viewers = 10_000 })}},
		{id: "memory", title: "CPU of 10,000 idle viewers", unit: "% of a core", must: "≤ 2.5", measure: atRest,
			sides: [2]side{raw.of(func(s *side) { s.viewers = 10_000 }), still.of(func(s *side) { s.viewers = 10_000 })}},
		{id: "storm", title: "CPU per connect with a snapshot, 5,000 at once", unit: "µs", must: "≤ 150", measure: perConnect(false),
			sides: [2]side{raw.of(func(s *side) { s.viewers = 5000 }), still.of(func(s *side) { s.viewers = 5000 })}},
		{id: "storm", title: "CPU per reconnect with a resume", unit: "µs", must: "≤ 150", measure: perConnect(true),
			sides: [2]side{raw.of(func(s *side) { s.viewers = 5000 }), still.of(func(s *side) { s.viewers = 5000 })}},
		{id: "bulk", title: "CPU per delivery of 20 KB, 300 viewers: plain, compressed", unit: "µs", must: "≤ 1.0 ×", ratio: true, measure: perDelivery,
			sides: [2]side{bulk.of(func(s *side) { s.title = "plain" }), bulk.of(func(s *side) { s.title, s.deflate = "compressed", true })}},
	}
}

// Run measures each row on both sides, round after round, and prints a table.
func (c *fanoutCommand) Run(ctx context.Context) (err error) {
	g, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	conn, err := g.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := g.script(ctx, conn, "fanout.sql"); err != nil {
		return err
	}
	before, err := g.conditions(ctx, conn)
	if err != nil {
		return err
	}
	fmt.Printf("%s at the start.\n%d rounds of %d s; medians; ratios are medians of the rounds' own.\n\n", before, c.Rounds, c.Seconds)
	f := &fanout{ground: g, conn: conn, seconds: time.Duration(c.Seconds) * time.Second}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| what\t| raw\t| rowcast\t| ratio\t| rounds\t| must be\t| load\t|")
	fmt.Fprintln(w, "| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---\t| ---:\t|")
	for _, r := range rows() {
		if len(c.Only) > 0 && !strings.Contains(","+strings.Join(c.Only, ",")+",", ","+r.id+",") {
			continue
		}
		var got [2][]float64
		var ratios []float64
		for range c.Rounds {
			var pair [2]float64
			for i, s := range r.sides {
				if pair[i], err = r.measure(ctx, f, s); err != nil {
					return fmt.Errorf("measure %q on %s: %w", r.title, s.title, err)
				}
				got[i] = append(got[i], pair[i])
			}
			ratios = append(ratios, pair[1]/pair[0])
		}
		ratio, span := "", ""
		if r.ratio {
			ratio = fmt.Sprintf("**%.2f**", quantile(ratios, 0.5))
			span = fmt.Sprintf("%.2f–%.2f", quantile(ratios, 0), quantile(ratios, 1))
		}
		fmt.Fprintf(w, "| %s\t| %.3g %s\t| %.3g %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.title,
			quantile(got[0], 0.5), r.unit, quantile(got[1], 0.5), r.unit, ratio, span, r.must, loadAverage())
	}
	return w.Flush()
}

// fanout runs the measurements one after the other.
type fanout struct {
	*ground
	conn    *pgx.Conn
	seconds time.Duration
	last    int // the newest event
}

// start runs the side's server and returns where it is.
func (f *fanout) start(ctx context.Context, s side) (*serving, error) {
	if !s.raw {
		return f.serve(ctx, "fanout")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find oneself: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, self, "raw", "--database", f.server.URL())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	stop := func() error {
		cancel()
		_ = cmd.Wait() // it was killed
		return nil
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the floor: %w", err), stop())
	}
	return &serving{pid: cmd.Process.Pid, url: "http://" + strings.TrimSpace(line) + "/", stop: stop}, nil
}

// come has the side's viewers connect. A cursor makes it a return.
func (f *fanout) come(at *serving, s side, cursor string) (*sockets, error) {
	u, err := url.Parse(at.url)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	g := gathering{address: u.Host, path: "/", viewers: s.viewers, deflate: s.deflate}
	if !s.raw {
		g.path, g.hello, g.ready = "/live", delta.EncodeWatch(s.page, cursor), `"type":"status"`
	}
	return gather(g)
}

// change commits the next event and returns when that was done.
func (f *fanout) change(ctx context.Context, s side) (time.Time, error) {
	f.last++
	body := fmt.Sprintf("#%0*d %0100d", eventDigits, f.last, f.last*7919)
	var err error
	if s.rows > 1 {
		_, err = f.conn.Exec(ctx, `UPDATE bulk SET body = CASE id WHEN 1 THEN $1 ELSE id || ' is paid, shipped ' || $2::int * id || ' to customer ' || id * 7919 || repeat(' eu', 40) END WHERE id <= $3`,
			body, f.last, s.rows)
	} else {
		notify := "''"
		if s.raw {
			notify = "pg_notify('floor', body)"
		}
		_, err = f.conn.Exec(ctx, `UPDATE events SET body = $1 WHERE id = $2 RETURNING `+notify, body, f.last%64+1)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("change row: %w", err)
	}
	return time.Now(), nil
}

// until waits until the sockets has heard so many events.
func until(ctx context.Context, c *sockets, events int64) error {
	for end := time.Now().Add(20 * time.Second); c.events.Load() < events; time.Sleep(50 * time.Microsecond) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.lost.Load() > 0:
			return fmt.Errorf("%d viewers lost their connection", c.lost.Load())
		case time.Now().After(end):
			return fmt.Errorf("%d of %d deliveries arrived", c.events.Load(), events)
		}
	}
	return nil
}
