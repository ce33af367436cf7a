package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// databaseRows are what rowcast costs the database. A server cannot tell how much
// of a processor that is, only how long it waited: this machine can.
func databaseRows() []row {
	events := side{page: "/d/events", viewers: 1, rate: 10, write: writeEvent}
	return []row{
		{id: "database", than: "its query by a plain session", script: "fanout.sql", floor: plainFrames(events), ours: databaseFrames(events),
			lines: []line{{"PostgreSQL's CPU for one frame, 10 commits/s", "µs", bound{}}, {"statements for one frame", "", bound{}}}},
		{id: "database-idle", script: "fanout.sql", ours: databaseIdle, once: true,
			lines: []line{{"PostgreSQL's CPU for an idle page, of a core", "%", bound{}}, {"statements a minute", "", bound{}}, {"sessions", "", bound{}}}},
	}
}

// plainFrames is the floor: a session that runs the page's query after each commit,
// prepared, and does nothing else.
func plainFrames(s side) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		reader, err := st.connect(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = reader.Close(context.WithoutCancel(ctx)) }()
		pid := int(reader.PgConn().PID())
		read := func(d time.Duration) (commits int, err error) {
			for began := time.Now(); time.Since(began) < d; commits++ {
				time.Sleep(time.Until(began.Add(time.Duration(float64(commits+1) / s.rate * float64(time.Second)))))
				if _, err := st.change(ctx, s); err != nil {
					return commits, err
				}
				rows, err := reader.Query(ctx, `SELECT id, body FROM events ORDER BY id`)
				if err == nil {
					_, err = pgx.CollectRows(rows, pgx.RowToMap)
				}
				if err != nil {
					return commits, fmt.Errorf("read events: %w", err)
				}
			}
			return commits, nil
		}
		if _, err := read(st.seconds / 4); err != nil { // warms up
			return nil, err
		}
		before := spent(pid)
		commits, err := read(st.seconds)
		return []float64{(spent(pid) - before) * 1e6 / float64(commits), 1}, err
	}
}

// databaseFrames is what a frame costs PostgreSQL, whatever else it is asked
// meanwhile included: microseconds of CPU of the sessions that rowcast keeps, and
// statements.
func databaseFrames(s side) measurement {
	return func(ctx context.Context, st *stand) (figures []float64, err error) {
		err = st.with(ctx, s, func(at *serving, c *sockets) error {
			if _, err := st.write(ctx, s, c, st.seconds/4, nil); err != nil { // warms up
				return err
			}
			before, err := st.asked(ctx, at)
			if err != nil {
				return err
			}
			if _, err := st.write(ctx, s, c, st.seconds, nil); err != nil {
				return err
			}
			after, err := st.asked(ctx, at)
			if err != nil {
				return err
			}
			frames := after.frames - before.frames
			figures = []float64{after.since(before) * 1e6 / frames, (after.statements - before.statements) / frames}
			return nil
		})
		return figures, err
	}
}

// idleFor is how long an idle page is measured: each watchdog comes at least twice.
const idleFor = 2 * time.Minute

// databaseIdle is what a page costs PostgreSQL that somebody watches and nobody
// writes: CPU in percent of a core, that of sessions that came and went and of
// starting them included; statements a minute; and how many sessions there are.
func databaseIdle(ctx context.Context, st *stand) (_ []float64, err error) {
	if err := st.vacuuming(ctx, false); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.vacuuming(context.WithoutCancel(ctx), true)) }()
	at, err := st.serve(ctx, "fanout")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	v, err := watch(ctx, at.url, "/d/still", nil)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if err := v.until(ctx, "a live page", func(_ *delta.State, status string) bool { return status == "live" }); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second) // what a page asks only when it opens
	before, err := st.asked(ctx, at)
	if err != nil {
		return nil, err
	}
	time.Sleep(idleFor)
	after, err := st.asked(ctx, at)
	if err != nil {
		return nil, err
	}
	if after.frames != before.frames {
		return nil, errors.New("a page that nobody writes changed")
	}
	cpu := after.since(before) + after.others - before.others
	return []float64{cpu / idleFor.Seconds() * 100, (after.statements - before.statements) / idleFor.Minutes(), after.open}, nil
}

// asked is what rowcast has asked of the database so far, and what that cost: seconds
// of CPU of each session that it has now, to the nanosecond, and of the postmaster and
// its processes that have ended, of these to the hundredth.
type asked struct {
	sessions                         map[int]float64 // by their process
	others, statements, frames, open float64
}

// since is the CPU of the sessions that there are now since an earlier look.
func (a asked) since(earlier asked) (seconds float64) {
	for pid, used := range a.sessions {
		seconds += used - earlier.sessions[pid]
	}
	return seconds
}

func (st *stand) asked(ctx context.Context, at *serving) (a asked, err error) {
	rows, err := st.conn.Query(ctx, `SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'rowcast/%'`)
	if err != nil {
		return a, fmt.Errorf("ask for sessions: %w", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return a, fmt.Errorf("ask for sessions: %w", err)
	}
	a.sessions = map[int]float64{}
	for _, pid := range pids {
		a.sessions[pid] = spent(pid)
	}
	if a.others, err = reaped(st.server.PID()); err != nil {
		return a, err
	}
	a.others += spent(st.server.PID())
	err = counters(ctx, at.url, map[string]*float64{
		"rowcast_database_statements_total": &a.statements, "rowcast_frames_total": &a.frames, "rowcast_database_sessions": &a.open,
	})
	return a, err
}

// vacuuming stops autovacuum, or lets it work again: its processes come and go as
// rowcast's sessions do, and the system tells only what all that have ended used.
func (st *stand) vacuuming(ctx context.Context, on bool) error {
	set := `ALTER SYSTEM RESET autovacuum`
	if !on {
		set = `ALTER SYSTEM SET autovacuum = off`
	}
	for _, sql := range []string{set, `SELECT pg_catalog.pg_reload_conf()`} {
		if _, err := st.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set autovacuum: %w", err)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var running bool
		err := st.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type LIKE 'autovacuum%')`).Scan(&running)
		if err != nil {
			return fmt.Errorf("look for autovacuum: %w", err)
		}
		if on || !running {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("autovacuum does not stop")
		}
	}
}

// counters asks the server's metrics.
func counters(ctx context.Context, url string, want map[string]*float64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"metrics", nil)
	if err != nil {
		return fmt.Errorf("ask for metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	for name, to := range want {
		_, rest, found := strings.Cut(string(text), "\n"+name+" ")
		line, _, _ := strings.Cut(rest, "\n")
		if *to, err = strconv.ParseFloat(line, 64); !found || err != nil {
			return fmt.Errorf("no %s among the metrics", name)
		}
	}
	return nil
}
