package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// writerRows are what those pay who write to a table that somebody watches.
func writerRows() []row {
	sixteen := load{clients: 16, script: "write.pgbench"}
	slow := load{clients: 80, script: "write-20ms.pgbench"}
	beside := sixteen
	beside.idle = true
	watched := func(id, title string, l load) row {
		return row{id: id, than: none.title, script: "bell.sql", floor: written(l, none), ours: written(l, live),
			lines: []line{{title, "/s", ratioAtLeast(watchedKeeps)}}}
	}
	return []row{
		watched("writers", "transactions of 16 writers, a live page on their table", sixteen),
		watched("slow-writers", "the same, 80 writers of 20 ms transactions", slow),
		watched("idle-writer", "the same, 16 writers beside one idle in its transaction", beside),
		{id: "unwatched", than: empty.title, script: "bell.sql", floor: written(sixteen, empty), ours: written(sixteen, unwatched),
			lines: []line{{"transactions of 16 writers, nobody watches", "/s", ratioAtLeast(unwatchedKeeps)}}},
		{id: "mass", than: none.title, script: "mass.sql", floor: massUpdate("mass_plain", false), ours: massUpdate("mass_watched", true),
			lines: []line{{"UPDATE of 100,000 rows, watched", "ms", ratioAtMost(1.1)}, {"notifications of one", "", atMost(1)}}},
	}
}

// writing is how many times as long as others writers are measured: within two seconds the
// disk alone makes a twentieth of difference.
const writing = 3

// written is the throughput of writers to the table of a way.
func written(l load, w way) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		program, err := st.findPgbench()
		if err != nil {
			return nil, err
		}
		b := &bell{ground: st.ground, program: program, seconds: int(writing * st.seconds.Seconds())}
		if w.served {
			if err := st.putBells(ctx, w.table); err != nil {
				return nil, err
			}
			server, err := st.serve(ctx, "bell")
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, server.stop()) }()
			b.url = server.url
		}
		r, err := b.measure(ctx, l, w)
		return []float64{r.tps}, err
	}
}

// massUpdate is how long an UPDATE of a hundred thousand rows takes, commit
// included, and how many rings each was.
func massUpdate(table string, watched bool) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		p := &massPage{stand: st, table: table}
		if watched {
			if err := p.open(ctx); err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, p.close()) }()
		}
		rings, stop, err := st.rings(ctx)
		if err != nil {
			return nil, err
		}
		defer stop()
		var took []time.Duration
		before := rings.Load()
		for began := time.Now(); len(took) < 3 || time.Since(began) < st.seconds; {
			if err := p.rest(ctx, false); err != nil {
				return nil, err
			}
			d, err := p.change(ctx, everyRow)
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
		return []float64{milliseconds(quantile(took, 0.5)), float64(rings.Load()-before) / float64(len(took))}, nil
	}
}

// massPage is a page of the first rows of a large table, if it is open.
type massPage struct {
	*stand
	table  string
	server *serving
	viewer *viewer
}

func (p *massPage) open(ctx context.Context) (err error) {
	if p.server, err = p.serve(ctx, "mass"); err != nil {
		return err
	}
	if p.viewer, err = watch(ctx, p.server.url, "/d/mass", nil); err != nil {
		return errors.Join(err, p.server.stop())
	}
	return nil
}

func (p *massPage) close() error {
	p.viewer.close()
	return p.server.stop()
}

// The rows of a large table that are changed: all of it, or as many as keep all
// but one of those that the page shows, or that one.
const (
	everyRow = `true`
	mostRows = `id <= 99950 OR id = 100000`
	oneRow   = `id = 100000`
)

// rest leaves the table as it is after VACUUM, and the page as it is a moment after
// it was read. Read since the VACUUM, with warm: that changes the table's figures in the
// catalog, and whoever reads it next has them to look up, however many rows change then.
func (p *massPage) rest(ctx context.Context, warm bool) error {
	if _, err := p.conn.Exec(ctx, `VACUUM `+pgx.Identifier{p.table}.Sanitize()); err != nil {
		return fmt.Errorf("vacuum %s: %w", p.table, err)
	}
	if err := p.live(ctx); err != nil {
		return err
	}
	if warm {
		if _, err := p.change(ctx, oneRow); err != nil {
			return err
		}
		if err := p.live(ctx); err != nil {
			return err
		}
	}
	time.Sleep(200 * time.Millisecond) // as far from what was before as a quiet page is
	return nil
}

// change updates rows, tells how long that took, and waits until it is shown.
func (p *massPage) change(ctx context.Context, which string) (took time.Duration, err error) {
	p.last++
	body := mark(p.last)
	began := time.Now()
	if _, err := p.conn.Exec(ctx, `UPDATE `+pgx.Identifier{p.table}.Sanitize()+` SET rank = rank + 1, body = $1 WHERE `+which, body); err != nil {
		return 0, fmt.Errorf("change rows: %w", err)
	}
	if took = time.Since(began); p.viewer == nil {
		return took, nil
	}
	return took, p.viewer.until(ctx, "the change", func(s *delta.State, _ string) bool {
		rows := s.Panels["first"].Rows
		return len(rows) > 0 && rows[0].Cells[2].Text == body
	})
}

// live waits until the page is, if it is open.
func (p *massPage) live(ctx context.Context) error {
	if p.viewer == nil {
		return nil
	}
	return p.viewer.until(ctx, "the page", func(s *delta.State, status string) bool { return s != nil && status == "live" })
}

// rings counts what the bells say, in a session that listens as rowcast does.
func (g *ground) rings(ctx context.Context) (heard *atomic.Int64, stop func(), err error) {
	conn, err := g.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.Exec(ctx, `LISTEN rowcast`); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
	}
	heard = new(atomic.Int64)
	hearing, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := conn.WaitForNotification(hearing)
			if err != nil {
				return // stop was called, which also closes the connection
			}
			if !strings.HasPrefix(n.Payload, "ping") {
				heard.Add(1)
			}
		}
	}()
	return heard, func() { cancel(); <-done; _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}
