package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// readingRows are what it costs to read what changed.
func readingRows() []row {
	light := side{page: "/d/light", viewers: 1, rate: 50}
	heavy := func(id, than, script, page, table string) row {
		s := light.of(func(s *side) {
			s.write = `WITH sold AS (UPDATE ` + table + ` SET amount = amount + 1 WHERE id = $2::int * 7919 % 1000000 + 1)
				UPDATE newest SET body = $1 WHERE id = 10000 - $2 % 50`
		})
		return row{id: id, than: "the light one alone", script: script, floor: besideHeavy(s, table), ours: besideHeavy(s.of(func(s *side) { s.page = page }), table),
			lines: []line{
				{"top 50 beside a GROUP BY of " + than + " rows, 50 commits/s to both, p50", "ms", ratioAtMost(1.2)},
				{"PostgreSQL's CPU for the GROUP BY, of a core", "%", atMost(10)},
				{"its interval, as it is", "s", bound{}},
				{"its interval, as shown", "s", bound{}},
				{"the page's first frame, nothing being known of what it costs", "ms", floorPlus(200)},
				{"the light rows' lateness in the first 30 s from then on, p99", "ms", floorPlus(50)},
				{"at most", "ms", floorPlus(200)},
				{"PostgreSQL's CPU for the whole page in that time, of a core", "%", floorPlus(10)},
			}}
	}
	return []row{
		{id: "cycle", than: "one row changed", script: "mass.sql", floor: cycleTime(oneRow, oneRow), ours: cycleTime(mostRows, everyRow),
			lines: []line{{"cycle after 100,000 rows changed, top 50 by an indexed column, one of these among them", "ms", within(0.2)}, {"the same, all 50 among them", "ms", bound{}}}},
		{id: "values", thans: []string{"1,000 single queries, each planned", "the same, one plan kept", "1,000 single queries, each planned", "the same, one plan kept"},
			script: "values.sql", floor: singleQueries, ours: allValues,
			lines: []line{
				{"cycle of 1,000 values of a variable", "ms", ratioAtMost(0.5)}, {"cycle of 1,000 values", "ms", anyRatio()},
				{"commit to the last frame of 1,000 values", "ms", anyRatio()}, {"commit to the last frame of 1,000 values", "ms", anyRatio()},
			}},
		heavy("heavy", "1 million", "heavy.sql", "/d/million", "sums"),
		heavy("heavy10", "10 million", "heavy10.sql", "/d/ten-million", "more_sums"),
	}
}

// cycleTime is the median time of what cycles a change of rows needed, for each
// choice of these.
func cycleTime(choices ...string) measurement {
	return func(ctx context.Context, st *stand) (millis []float64, err error) {
		p := &massPage{stand: st, table: "mass_watched"}
		if err := p.open(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		cycles := make([][]time.Duration, len(choices))
		for began := time.Now(); len(cycles[0]) < 5 || time.Since(began) < 3*st.seconds; {
			for i, which := range choices {
				if err := p.rest(ctx, true); err != nil {
					return nil, err
				}
				before, err := scrape(ctx, p.server.url)
				if err != nil {
					return nil, err
				}
				if _, err := p.change(ctx, which); err != nil {
					return nil, err
				}
				time.Sleep(200 * time.Millisecond) // for what it still needs
				after, err := scrape(ctx, p.server.url)
				if err != nil {
					return nil, err
				}
				needed, err := after.since(before)
				if err != nil {
					return nil, err
				}
				cycles[i] = append(cycles[i], needed.lasted())
			}
		}
		for _, c := range cycles {
			millis = append(millis, milliseconds(quantile(c, 0.5)))
		}
		return millis, nil
	}
}

// singleQueries is how long the queries of a thousand values take one by one, each
// planned for its value, and with one plan for all; both for a cycle and for what
// viewers see of it.
func singleQueries(ctx context.Context, st *stand) ([]float64, error) {
	alone, err := references(ctx, st.ground, customers)
	anew, kept := milliseconds(alone.anew), milliseconds(alone.kept)
	return []float64{anew, kept, anew, kept}, err
}

// allValues are the median times of the cycle that reads them all, and from the
// commit to the last frame, twice each.
func allValues(ctx context.Context, st *stand) (_ []float64, err error) {
	server, err := st.serve(ctx, "values")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	a := &audience{url: server.url}
	defer a.close()
	if err := a.open(ctx, customers); err != nil {
		return nil, err
	}
	if err := a.live(ctx); err != nil {
		return nil, err
	}
	c, r := &valuesCommand{Commits: int(5 * st.seconds.Seconds()), Pause: 250 * time.Millisecond}, &crowd{values: customers, all: true}
	if err := c.commits(ctx, r, a, server, st.conn); err != nil {
		return nil, err
	}
	cycle, last := milliseconds(quantile(r.cycles, 0.5)), milliseconds(quantile(r.last, 0.5))
	return []float64{cycle, cycle, last, last}, nil
}

// besideHeavy is the median lateness of a light table while all is written, and
// what a heavy panel of the page costs PostgreSQL and how often it is read. It
// fails where the heavy one does not show the last write in the end.
func besideHeavy(s side, table string) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		if _, err := st.conn.Exec(ctx, `VACUUM `+table); err != nil {
			return nil, fmt.Errorf("vacuum %s: %w", table, err)
		}
		server, err := st.serve(ctx, "heavy")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		h := &heavyPanel{stand: st, side: s, table: table}
		first, err := (&opening{heavyPanel: h}).measure(ctx, server.url)
		if h.viewer != nil {
			defer h.viewer.close()
		}
		if err != nil {
			return nil, err
		}
		c, err := st.come(server, s, "")
		if err != nil {
			return nil, err
		}
		defer c.close()
		h.sockets = c
		if s.page == "/d/light" {
			if _, err := st.write(ctx, s, c, st.seconds/4, nil); err != nil {
				return nil, err
			}
			late, err := st.late(ctx, s, c, st.seconds)
			return append([]float64{milliseconds(quantile(late, 0.5)), 0, 0, 0}, first...), err
		}
		then, err := h.measure(ctx)
		return append(then, first...), err
	}
}

// heavyPanel is a panel that takes long, on a page that is watched.
type heavyPanel struct {
	*stand
	side    side
	table   string
	sockets *sockets
	viewer  *viewer
	shown   atomic.Int64 // how often other rows of it came
	newest  atomic.Int64 // and when they last did, in nanoseconds
}

func (h *heavyPanel) heard(at time.Time, frame []byte) {
	if bytes.Contains(frame, []byte(`"sums":{`)) {
		h.newest.Store(at.UnixNano())
		h.shown.Add(1)
	}
}

func (h *heavyPanel) measure(ctx context.Context) ([]float64, error) {
	every, err := h.learn(ctx)
	if err != nil {
		return nil, err
	}
	lasts := max(h.seconds, 4*every)
	shown, newest, busy, began := h.shown.Load(), h.newest.Load(), 0.0, time.Now()
	if busy, err = h.busy(ctx); err != nil {
		return nil, err
	}
	late, err := h.late(ctx, h.side, h.sockets, lasts)
	if err != nil {
		return nil, err
	}
	end, err := h.busy(ctx)
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	shown, newest = h.shown.Load()-shown, h.newest.Load()-newest
	if err := h.caughtUp(ctx); err != nil {
		return nil, err
	}
	return []float64{milliseconds(quantile(late, 0.5)), (end - busy) / took * 100, float64(newest) / float64(shown) / 1e9, every.Seconds()}, nil
}

// learn writes until the panel has gone its own way and was read there, and
// returns the interval that it shows.
func (h *heavyPanel) learn(ctx context.Context) (every time.Duration, err error) {
	for range 30 {
		if _, err := h.write(ctx, h.side, h.sockets, time.Second, nil); err != nil {
			return 0, err
		}
		if every, err = h.interval(ctx); err != nil {
			return 0, err
		}
		if every > 0 { // as the last reading beside the others made it
			if _, err := h.write(ctx, h.side, h.sockets, every+time.Second, nil); err != nil {
				return 0, err
			}
			return h.interval(ctx)
		}
	}
	return 0, errors.New("the heavy panel is not read apart from the others")
}

// interval is what the panel shows as how often it is read; 0: with its page.
func (h *heavyPanel) interval(ctx context.Context) (every time.Duration, err error) {
	err = h.viewer.until(ctx, "the interval", func(s *delta.State, _ string) bool {
		if p := s.Panels["sums"]; p != nil {
			every = p.Every
		}
		return true
	})
	return every, err
}

// busy is the CPU that PostgreSQL has used for the panel: that of the session
// that reads what is slow, and of all its processes that have ended, among
// which parallel workers would be.
func (h *heavyPanel) busy(ctx context.Context) (seconds float64, err error) {
	var pid int
	if err := h.conn.QueryRow(ctx, `SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name = 'rowcast/slow' AND backend_type = 'client backend'`).Scan(&pid); err != nil {
		return 0, fmt.Errorf("ask for the session: %w", err)
	}
	reaped, err := reaped(h.server.PID())
	return spent(pid) + reaped, err
}

// caughtUp waits until the panel shows what its query says now.
func (h *heavyPanel) caughtUp(ctx context.Context) error {
	rows, err := h.conn.Query(ctx, `SELECT sum(amount) FROM `+h.table+` GROUP BY region ORDER BY region`)
	if err != nil {
		return fmt.Errorf("ask for sums: %w", err)
	}
	defer rows.Close()
	var want []string
	for rows.Next() {
		var sum int64
		if err := rows.Scan(&sum); err != nil {
			return fmt.Errorf("ask for sums: %w", err)
		}
		want = append(want, strconv.FormatInt(sum, 10))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ask for sums: %w", err)
	}
	return h.viewer.within(ctx, time.Minute, "the last write in the heavy panel", func(s *delta.State, _ string) bool {
		var shown []string
		for _, row := range s.Panels["sums"].Rows {
			shown = append(shown, row.Cells[2].Text)
		}
		return strings.Join(shown, " ") == strings.Join(want, " ")
	})
}
