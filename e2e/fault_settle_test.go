package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	a.judge.mute.Store(false) // what is written from here on rings
	xid := ""
	const last = `WITH w AS (UPDATE acct SET v = v + 1 WHERE id = (SELECT min(id) FROM acct) RETURNING 1) SELECT pg_current_xact_id()::text FROM w`
	if err := conn.QueryRow(ctx, last).Scan(&xid); err != nil {
		return fmt.Errorf("last write: %w", err)
	}
	written := time.Now()
	a.judge.committed(xid, written)
	wants := map[*sight]map[string][][]delta.Cell{}
	a.last = "the last write"
	for _, s := range a.sights {
		want := map[string][][]delta.Cell{}
		wants[s] = want
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
			if diff != "" {
				a.last = s.page + ": " + diff
			}
			return diff == ""
		})
		if err != nil {
			return fmt.Errorf("%s: %s %v", s.page, diff, a.judge.verdict())
		}
	}
	right := time.Now()
	for _, s := range a.sights {
		from := written
		if slices.Contains(a.silent, s.page) {
			from = right
		}
		s.calmly(calm{from: from, until: time.Now(), want: wants[s]})
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
	if err := a.judgeFrames(conn); err != nil {
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
	for _, s := range a.sights {
		s.forget()
		if s.chronicle != nil {
			s.chronicle.forget()
		}
	}
	for _, d := range a.diaries() {
		d.forget()
	}
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

// recovers waits, while the fault lasts and the writers work, until every page that
// they write shows what was read after it must have been seen, and is called live.
func (a *arena) recovers(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, s := range a.sights {
		err := s.until(ctx, func(screen *delta.State, status *delta.Status) bool {
			return s.still || status.State == "live" && screen.At.After(a.began.Add(staleWithin))
		})
		if err != nil {
			return fmt.Errorf("%s is not read, or not live", s.page)
		}
	}
	return nil
}

// judgeStale checks what the pages said while the fault lasted.
func (a *arena) judgeStale(f trouble, healed time.Time) {
	a.Helper()
	slowest, wrong := staleness(a.of(f.stale), f, a.began, healed, a.lateness.between)
	for _, w := range wrong {
		a.Error(w)
	}
	if len(f.stale) > 0 {
		a.Logf("stale %s after the fault", slowest.Round(10*time.Millisecond))
	}
}

// staleness says which page did not say in time after the fault began that it is
// not live, and which said again that it is before the fault was healed, unless
// that mends by itself; and how long the slowest took.
func staleness(pages []*sight, f trouble, began, healed time.Time, late func(begin, end time.Time) time.Duration) (slowest time.Duration, wrong []string) {
	limit, lasted := cmp.Or(f.within, staleWithin), healed.Sub(began).Round(10*time.Millisecond)
	for _, s := range pages {
		told, said := s.staleFrom(began, healed)
		if said == nil {
			wrong = append(wrong, fmt.Sprintf("%s was called live in all of the %s of the fault", s.page, lasted))
			continue
		}
		took := told.Sub(began)
		slowest = max(slowest, took)
		if took > limit+late(began, told) {
			wrong = append(wrong, fmt.Sprintf("%s was called live up to %s after the fault", s.page, took.Round(10*time.Millisecond)))
		}
		if again, ok := s.liveIn(told, healed); ok && f.mended == nil {
			wrong = append(wrong, fmt.Sprintf("%s was called live again %s after the fault, which lasted %s; %s after it it said %s: %s %s", s.page,
				again.Sub(began).Round(time.Millisecond), lasted, took.Round(time.Millisecond), said.State, said.Reason, said.Message))
		}
	}
	return slowest, wrong
}

// saidSince is what every page said of itself since then.
func (a *arena) saidSince(since time.Time) string {
	var b strings.Builder
	for _, s := range a.sights {
		instants, _ := s.all()
		for _, m := range instants {
			if m.at.After(since) && m.claim {
				fmt.Fprintf(&b, "%s after %s: %s %s %s\n", s.page, m.at.Sub(since).Round(time.Millisecond), m.status.State, m.status.Reason, m.status.Message)
			}
		}
	}
	return b.String()
}

// diaries are those of the writers who write pages of their own.
func (a *arena) diaries() []*diary {
	return []*diary{a.scribe.diary, a.patrons[0].diary, a.patrons[1].diary}
}

// judgeRecords checks what each page showed since the last time, beside what the
// writers know of their writes.
func (a *arena) judgeRecords() {
	now, commits := time.Now(), a.judge.writes()
	limit := func(e edit) time.Duration {
		most := staleWithin
		if a.unheard {
			most = silentWithin
		}
		return most + a.lateness.between(e.acked, e.acked.Add(most))
	}
	for _, s := range a.sights {
		edits := commits
		if s.written != nil {
			edits = s.written.all()
		}
		for _, wrong := range s.judged(edits, now, a.mutes || slices.Contains(a.silent, s.page), limit) {
			a.judge.accuse("%s", wrong)
		}
	}
}

// stillAnswers are what those pages have to show that nobody but a fault writes,
// as far as the database can be asked now.
func (a *arena) stillAnswers() map[*sight]map[string][][]delta.Cell {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := a.connect(ctx)
	if err != nil {
		return nil
	}
	defer conn.Close(context.Background())
	all := map[*sight]map[string][][]delta.Cell{}
	for _, s := range a.sights {
		if !s.still || slices.Contains(a.silent, s.page) {
			continue
		}
		want := map[string][][]delta.Cell{}
		for _, q := range s.asked {
			if want[q.id], err = answerTo(ctx, conn.PgConn(), q); err != nil {
				return all // a table is locked, or gone
			}
		}
		all[s] = want
	}
	return all
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

// resources are the figures of /metrics.
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

// back waits until the program uses as much as before the fault, and as before
// the first one: what each leaves behind adds up.
func (a *arena) back(ctx context.Context, before map[string]float64) error {
	a.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		now := a.holdings()
		over := leaks(before, now, 1)
		if over == "" {
			if over = leaks(a.first, now, 2); over == "" {
				a.Log("left: " + left(before, now) + "; since the first fault: " + left(a.first, now))
				return nil
			}
			over += " since the first fault"
		}
		sleep(ctx, 250*time.Millisecond)
		if ctx.Err() != nil {
			return errors.New(over)
		}
	}
}

// left says what there is more of.
func left(before, now map[string]float64) string {
	more := func(name string, unit float64) float64 { return (now[name] - before[name]) / unit }
	return fmt.Sprintf("goroutines %+.0f, descriptors %+.0f, resident %+.1f MB, alive %+.1f MB", more("go_goroutines", 1), more(apart, 1),
		more("process_resident_memory_bytes", 1e6), more(lives, 2e6))
}

// goroutinesAtWork and descriptorsAtWork are how many there may be at one moment and
// not at another: a page is just read, or a connection of whoever asks for these figures
// is not closed yet.
const (
	goroutinesAtWork  = 3
	descriptorsAtWork = 3
)

// Memory that is given back to the system only later, and what is alive and may be more:
// the frames that pages keep, until their rings are full.
const (
	givenBackLater = 48 << 20
	keptMore       = 10 << 20
)

// lives is twice what the collector found alive.
const lives = "go_memstats_next_gc_bytes"

// leaks says what is left behind; "" when nothing is. Of memory there may be so many
// times as much more as after one fault.
func leaks(before, now map[string]float64, times float64) string {
	return above(now, map[string]float64{
		"go_goroutines":                 before["go_goroutines"] + goroutinesAtWork,
		apart:                           before[apart] + descriptorsAtWork,
		"process_resident_memory_bytes": before["process_resident_memory_bytes"] + times*givenBackLater,
		lives:                           before[lives] + times*2*keptMore,
		"rowcast_subscribers":           before["rowcast_subscribers"],
		"rowcast_pages":                 before["rowcast_pages"],
	})
}

// swollen says what the program uses too much of for a second; "" when nothing, or when
// it does not answer. A thousand that come again at the same moment are connections a
// little earlier than they are counted as viewers.
func (a *arena) swollen(before map[string]float64) (over string) {
	for began := time.Now(); time.Since(began) < time.Second; sleep(a.Context(), 50*time.Millisecond) {
		now, err := scrape(a.server.URL)
		if err != nil {
			return ""
		}
		if over = swells(before, now); over == "" {
			return ""
		}
	}
	return over
}

// swells says what the program uses too much of while a fault lasts; "" when
// nothing: each viewer that came has a few goroutines, two descriptors at the
// proxy's other end and what it is being sent, and one value of 30 MB passes.
func swells(before, now map[string]float64) string {
	viewers := max(0, now["rowcast_subscribers"]-before["rowcast_subscribers"])
	connections := max(viewers, now["process_open_fds"]-before["process_open_fds"]) // those too that come or go just now
	return above(now, map[string]float64{
		"go_goroutines":                 before["go_goroutines"] + 100 + 8*connections,
		"process_open_fds":              before["process_open_fds"] + 100 + 2*viewers,
		"process_resident_memory_bytes": 1.5*before["process_resident_memory_bytes"] + 300<<20 + viewers*(256<<10),
		"rowcast_pages":                 before["rowcast_pages"] + 10,
	})
}

// above says which figure is above its most.
func above(now, most map[string]float64) string {
	for _, name := range slices.Sorted(maps.Keys(most)) {
		limit := most[name]
		if raceDetector && strings.HasSuffix(name, "_bytes") {
			limit = 3*limit + 512<<20 // it keeps shadows of all memory that ever was
		}
		if now[name] > limit {
			return fmt.Sprintf("%s is %.0f, and may be %.0f", name, now[name], limit)
		}
	}
	return ""
}
