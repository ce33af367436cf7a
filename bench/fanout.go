package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
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
	Only    []string `placeholder:"ROW,…" help:"Measure these rows only: calm, backlog, many, five, hundred, idle, storm, bulk."`
}

// eventDigits is how many digits follow the # that marks an event in a frame.
const eventDigits = 8

// row is what is measured in one go, at the floor and at rowcast: one or more
// lines of the table.
type row struct {
	id      string
	lines   []line
	sides   [2]side // what is compared with, and what is measured
	measure func(ctx context.Context, f *fanout, s side) ([]float64, error)
}

type line struct {
	title, unit string
	must        string
	ratio       bool // the two are compared
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
	bulk := side{page: "/d/bulk", viewers: 300, rate: 15, ahead: 1, rows: 100}
	still := side{title: "rowcast", page: "/d/still"}
	return []row{
		{id: "calm", measure: perDelivery, sides: both(func(s *side) { s.rate, s.ahead = 10, 1 }),
			lines: []line{{"CPU per delivery, 1,000 viewers, 10 commits/s", "µs", "≤ 1.2 ×", true}}},
		{id: "backlog", measure: perDelivery, sides: both(func(s *side) { s.ahead = 8 }),
			lines: []line{{"the same, 8 commits under way", "µs", "≤ 0.4 ×", true}}},
		{id: "many", measure: perDelivery, sides: both(func(s *side) { s.ahead, s.viewers = 8, 5000 }),
			lines: []line{{"the same, 5,000 viewers", "µs", "≤ 0.4 ×", true}}},
		{id: "five", measure: lateness(0.5, 0.99), sides: both(func(s *side) { s.rate = 5 }),
			lines: []line{{"commit to frame, 1,000 viewers, 5 commits/s, p50", "ms", "≤ 1.5 ×", true}, {"p99", "ms", "≤ 1.5 ×", true}}},
		{id: "hundred", measure: lateness(0.5), sides: both(func(s *side) { s.rate = 100 }),
			lines: []line{{"commit to frame, 1,000 viewers, 100 commits/s, p50", "ms", "≤ raw + 30 ms", false}}},
		{id: "idle", measure: atRest, sides: [2]side{raw.of(func(s *side) { s.viewers = 10_000 }), still.of(func(s *side) { s.viewers = 10_000 })},
			lines: []line{{"resident memory per idle viewer, 10,000", "KiB", "≤ 18", false}, {"CPU of 10,000 idle viewers", "% of a core", "≤ 2.5", false}}},
		{id: "storm", measure: perConnect, sides: [2]side{raw.of(func(s *side) { s.viewers = 5000 }), still.of(func(s *side) { s.viewers = 5000 })},
			lines: []line{{"CPU per connect with a snapshot, 5,000 at once", "µs", "≤ 150", false}, {"CPU per reconnect with a resume", "µs", "≤ 150", false}}},
		{id: "bulk", measure: perDelivery, sides: [2]side{bulk.of(func(s *side) { s.title = "plain" }), bulk.of(func(s *side) { s.title, s.deflate = "compressed", true })},
			lines: []line{{"CPU per delivery of 20 KB, 300 viewers: plain, compressed", "µs", "≤ 1.0 ×", true}}},
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
		if len(c.Only) > 0 && !slices.Contains(c.Only, r.id) {
			continue
		}
		if err := c.row(ctx, f, w, r); err != nil {
			return err
		}
	}
	return w.Flush()
}

// row measures a row round after round and writes its lines.
func (c *fanoutCommand) row(ctx context.Context, f *fanout, w io.Writer, r row) error {
	var got [2][][]float64 // of each side, round by round
	for range c.Rounds {
		for i, s := range r.sides {
			values, err := r.measure(ctx, f, s)
			if err != nil {
				return fmt.Errorf("measure %q on %s: %w", r.lines[0].title, s.title, err)
			}
			got[i] = append(got[i], values)
		}
	}
	for n, l := range r.lines {
		var values [2][]float64
		var ratios []float64
		for round := range c.Rounds {
			a, b := got[0][round][n], got[1][round][n]
			values[0], values[1] = append(values[0], a), append(values[1], b)
			ratios = append(ratios, b/a)
		}
		ratio, span := "", ""
		if l.ratio {
			ratio = fmt.Sprintf("**%.2f**", quantile(ratios, 0.5))
			span = fmt.Sprintf("%.2f–%.2f", quantile(ratios, 0), quantile(ratios, 1))
		}
		fmt.Fprintf(w, "| %s\t| %.2f %s\t| %.2f %s\t| %s\t| %s\t| %s\t| %s\t|\n", l.title,
			quantile(values[0], 0.5), l.unit, quantile(values[1], 0.5), l.unit, ratio, span, l.must, loadAverage())
	}
	return nil
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
		_, err = f.conn.Exec(ctx, `UPDATE bulk SET body = CASE id WHEN 1 THEN $1 ELSE id || ' is paid, ' || md5((id * $2::int)::text) || ' of ' || $2::int * id || repeat(', shipped to customer ' || id * 7919, 4) END WHERE id <= $3`,
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
