package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// settle stops the writers and waits until every page shows what there is now,
// and is called live; then it does what is to be done while nothing happens.
func (a *arena) settle(ctx context.Context, limit time.Duration, then ...func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a.gate.Lock()
	defer a.gate.Unlock()
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(ctx, `UPDATE acct SET v = v + 1 WHERE id = (SELECT min(id) FROM acct)`); err != nil {
		return fmt.Errorf("last write: %w", err)
	}
	for _, s := range a.sights {
		want := map[string][][]delta.Cell{}
		for _, q := range s.asked {
			if want[q.id], err = answerTo(ctx, conn.PgConn(), q); err != nil {
				return err
			}
		}
		diff := "nothing shown"
		err := s.until(ctx, func(screen *delta.State, status *delta.Status) bool {
			diff = s.unlike(screen, want)
			if diff == "" && status.State != "live" {
				diff = "right, but " + status.State + ": " + status.Reason + " " + status.Message
			}
			return diff == ""
		})
		if err != nil {
			return fmt.Errorf("%s: %s %v", s.page, diff, a.judge.verdict())
		}
	}
	for _, do := range then {
		if err := do(conn); err != nil {
			return err
		}
	}
	return nil
}

// forget judges what was seen so far, and begins the logs anew with what there
// is, written by a transaction that every snapshot sees: they are read again for
// every frame.
func (a *arena) forget(conn *pgx.Conn) error {
	if err := a.judgeFrames(); err != nil {
		return err
	}
	last, err := lastLogged(conn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(context.Background(), `TRUNCATE acct_log, total_log;
		INSERT INTO acct_log (xid, op, id, grp, v) SELECT '3', 'W', id, grp, v FROM acct;
		INSERT INTO total_log (xid, op, grp, w, n, s) SELECT '3', 'W', grp, w, n, s FROM total`, pgx.QueryExecModeSimpleProtocol)
	a.judge.forget(last)
	return err
}

// lastLogged is the last transaction that the writers logged.
func lastLogged(conn *pgx.Conn) (xid uint64, err error) {
	const ask = `SELECT xid::text::bigint FROM (SELECT xid FROM acct_log UNION ALL SELECT xid FROM total_log) AS l ORDER BY l.xid DESC LIMIT 1`
	if err := conn.QueryRow(context.Background(), ask).Scan(&xid); err != nil {
		return 0, fmt.Errorf("read the end of the log: %w", err)
	}
	return xid, nil
}

// unlike says how a screen is not these answers; "" when it is.
func (s *sight) unlike(screen *delta.State, want map[string][][]delta.Cell) string {
	for _, q := range s.asked {
		p := screen.Panels[q.id]
		switch {
		case p == nil:
			return "no panel " + q.id
		case p.Err != nil:
			return "panel " + q.id + ": " + p.Err.Code + ": " + p.Err.Message
		}
		if diff := differ(q, p, want[q.id]); diff != "" {
			return "panel " + q.id + ": " + diff
		}
	}
	return ""
}

// untilStale waits until none of these pages is called live, and says how long
// it took.
func (a *arena) untilStale(ctx context.Context, pages []string, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit+5*time.Second)
	defer cancel()
	for _, s := range a.of(pages) {
		if err := s.until(ctx, func(_ *delta.State, status *delta.Status) bool { return status.State != "live" }); err != nil {
			return time.Since(began), fmt.Errorf("%s is called live %s after the fault", s.page, time.Since(began).Round(10*time.Millisecond))
		}
	}
	if took := time.Since(began); took > limit+a.lateness.since(began) {
		return took, fmt.Errorf("called live up to %s after the fault", took.Round(10*time.Millisecond))
	}
	return time.Since(began), nil
}

// staysStale checks that none of these pages is called live now.
func (a *arena) staysStale(pages []string) {
	a.Helper()
	for _, s := range a.of(pages) {
		if _, status, _ := s.now(); status.State == "live" {
			a.Errorf("%s is called live in the middle of the fault", s.page)
		}
	}
}

// of are the sights of these pages; "*" is all of them.
func (a *arena) of(pages []string) (some []*sight) {
	for _, s := range a.sights {
		if slices.Contains(pages, s.page) || slices.Contains(pages, "*") {
			some = append(some, s)
		}
	}
	return some
}

// resources are the figures of /metrics that have to come back.
func (a *arena) resources() map[string]float64 {
	a.Helper()
	return figures(a.TB, a.server.URL)
}

// figures are those of a server's /metrics.
func figures(tb testing.TB, url string) map[string]float64 {
	tb.Helper()
	figures, err := scrape(url)
	if err != nil {
		tb.Fatal(err)
	}
	return figures
}

// back waits until the program uses as much as before: pools may have grown to
// their limit, and the heap may hold what is not collected yet.
func (a *arena) back(ctx context.Context, before map[string]float64) error {
	a.Helper()
	allowed := map[string]func(was float64) float64{
		"go_goroutines":    func(was float64) float64 { return was + 24 },
		"process_open_fds": func(was float64) float64 { return was + 12 },
		"process_resident_memory_bytes": func(was float64) float64 {
			if raceDetector { // it keeps shadows of all memory that ever was
				return 4*was + 512<<20
			}
			return 1.5*was + 64<<20
		},
		"rowcast_subscribers": func(was float64) float64 { return was },
		"rowcast_pages":       func(was float64) float64 { return was + 2 },
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		now, over := a.resources(), ""
		for name, most := range allowed {
			if now[name] > most(before[name]) {
				over = fmt.Sprintf("%s was %.0f and is %.0f", name, before[name], now[name])
			}
		}
		if over == "" {
			return nil
		}
		sleep(ctx, 250*time.Millisecond)
		if ctx.Err() != nil {
			return errors.New(over)
		}
	}
}
