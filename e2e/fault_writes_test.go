package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/rowcast/rowcast/delta"
)

// heapBatch is how many rows a large transaction writes; one in the longer run,
// whose batch has that number, writes a million.
const (
	heapBatch = 300_000
	million   = 1_000_000
)

// lockTroubles are what the application itself does to its tables.
func lockTroubles() []trouble {
	hold := func(name string, spoils []string, sql string, lasts time.Duration) trouble {
		return trouble{name: name, lasts: lasts, spoils: spoils, inject: func(a *arena) func() {
			conn, err := a.connect(a.Context())
			if err == nil {
				_, err = conn.Exec(a.Context(), `BEGIN; `+sql, pgx.QueryExecModeSimpleProtocol)
			}
			if err != nil {
				a.Fatal(err)
			}
			return func() {
				_, err := conn.Exec(context.Background(), `COMMIT`)
				if err != nil {
					a.Error(err)
				}
				_ = conn.Close(context.Background())
			}
		}}
	}
	return []trouble{
		hold("locked", []string{"/d/stage"}, `LOCK TABLE stage IN ACCESS EXCLUSIVE MODE`, 5*time.Second),
		hold("transaction-open", nil, `UPDATE stage SET n = n + 1`, 5*time.Second),
		rarely(hold("transaction-open-for-minutes", nil, `UPDATE stage SET n = n + 1`, 2*time.Minute)),
		hold("bells-held", nil, silently, 5*time.Second),
		rarely(hold("bells-held-for-minutes", nil, silently, 2*time.Minute)),
		hold("transaction-deleted-open", nil, `DELETE FROM stage WHERE id = 1; INSERT INTO stage VALUES (1, 'again', 1)`, 3*time.Second),
		{name: "altered-again-and-again", lasts: 3 * time.Second, inject: func(a *arena) func() {
			return a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
				for _, p := range a.patrons { // of which one is watched: that is timed beside the other
					for _, change := range []string{` ADD more int`, ` DROP more`} {
						began := time.Now()
						if _, err := conn.Exec(ctx, `ALTER TABLE `+p.table+change); err != nil {
							return err
						}
						p.noted(write{began: began, took: time.Since(began)})
					}
				}
				sleep(ctx, 200*time.Millisecond)
				return nil
			})
		}},
	}
}

// silently does what a transaction has done that wrote these tables while nobody was
// armed, and has not ended: their bells cannot be armed, and nothing rings.
const silently = `DO $$
	DECLARE bell bigint;
	BEGIN
		FOR bell IN SELECT DISTINCT split_part(encode(tgargs, 'escape'), '\000', 1)::bigint FROM pg_trigger
			WHERE tgfoid = to_regproc('rowcast.ring') AND tgrelid IN ('till'::regclass, 'acct'::regclass, 'gallery'::regclass) LOOP
			FOR slot IN 1 .. rowcast.slots() LOOP
				PERFORM pg_advisory_xact_lock_shared((slot::bigint << 56) + bell);
			END LOOP;
		END LOOP;
	END $$`

func rarely(t trouble) trouble {
	t.rare = true
	return t
}

// writeTroubles are too much at once, and what is none of the program's.
func writeTroubles() []trouble {
	return []trouble{
		{name: "one-of-many-rows", inject: func(a *arena) func() {
			a.exec(fmt.Sprintf(`INSERT INTO heap (batch) SELECT %d FROM generate_series(1, %d)`, 1+a.random.IntN(1000), heapBatch))
			return func() { a.exec(`DELETE FROM heap`) }
		}},
		{name: "many-of-one-row", lasts: 2 * time.Second, inject: func(a *arena) func() {
			paced := a.paced("/d/heap")
			end := a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, `INSERT INTO heap (batch) VALUES (0)`)
				return err
			})
			return func() { end(); paced() }
		}},
		{name: "a-million-of-one-row", rare: true, inject: func(a *arena) func() {
			paced := a.paced("/d/heap")
			a.single(million)
			return func() { paced(); a.exec(`TRUNCATE heap`) }
		}},
		{name: "one-of-a-million-rows", rare: true, inject: func(a *arena) func() {
			a.exec(fmt.Sprintf(`INSERT INTO heap (batch) SELECT %d FROM generate_series(1, %[1]d)`, million)) // which takes all that the machine has
			return func() { a.exec(`DELETE FROM heap`) }
		}},
		{name: "of-no-row", lasts: 2 * time.Second, inject: func(a *arena) func() {
			const read = `rowcast_query_seconds_count{page="/d/heap",panel="heap"}`
			a.exec(`VACUUM heap`) // of what a large fault before it left there
			end := a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, `UPDATE heap SET batch = 0 WHERE id < 0`)
				return err
			})
			a.joined("/d/heap")
			unmoved, before := a.unmoved("/d/heap"), a.resources()[read]
			return func() {
				unmoved()
				end()
				if n := a.resources()[read] - before; n < 5 {
					a.Errorf("the page was read only %.0f times", n)
				}
			}
		}},
		{name: "notify-junk", lasts: 3 * time.Second, inject: flood},
		{name: "queue-filled", rare: true, stale: everywhere, lasts: 5 * time.Second, inject: fillQueue},
	}
}

// fillQueue fills a tenth of the notification queue, some 800 MB, behind another
// application that listens and stands still in its transaction.
func fillQueue(a *arena) func() {
	open := func(statements ...string) *pgx.Conn {
		conn, err := a.connect(a.Context())
		for _, sql := range statements {
			if err == nil {
				_, err = conn.Exec(a.Context(), sql)
			}
		}
		if err != nil {
			a.Fatal(err)
		}
		return conn
	}
	stuck := open(`LISTEN other`, `BEGIN`, `SELECT 1`)
	noisy := open()
	defer noisy.Close(context.Background())
	began := time.Now()
	usage, sent := 0.0, 0
	for ; usage <= 0.101 && time.Since(began) < time.Minute; sent += 500 { // few at a time: each commit holds up all others that notify
		if _, err := noisy.Exec(a.Context(), `SELECT pg_notify('other', repeat('x', 7900) || i) FROM generate_series(1, 500) i`); err != nil {
			a.Fatal(err)
		}
		if err := noisy.QueryRow(a.Context(), `SELECT pg_notification_queue_usage()`).Scan(&usage); err != nil {
			a.Fatal(err)
		}
	}
	a.Logf("%.3f of the queue was full after %d notifications and %s", usage, sent, time.Since(began).Round(100*time.Millisecond))
	a.begins()
	a.exec(ending("listen")) // who begins to listen now has all of it before him
	return func() { _ = stuck.Close(context.Background()) }
}

// flood rings without a reason, with texts that say nothing, as a role that may
// do nothing else.
func flood(a *arena) func() {
	a.exec(`DO $$ BEGIN CREATE ROLE stranger; EXCEPTION WHEN duplicate_object THEN END $$`)
	unmoved, before := a.unmoved("/d/heap", "/d/stage"), a.resources()["rowcast_cycles_total"]
	began := time.Now()
	first := true
	end := a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
		if first {
			first = false
			if _, err := conn.Exec(ctx, `SET ROLE stranger`); err != nil {
				return err
			}
		}
		_, err := conn.Exec(ctx, `SELECT pg_notify('rowcast', CASE i % 6 WHEN 0 THEN '' WHEN 1 THEN repeat('x', 7000) WHEN 2 THEN i::text
			WHEN 3 THEN 'ping ' || clock_timestamp() WHEN 4 THEN '{"table":' ELSE (-i * 1e15)::bigint::text END) FROM generate_series(1, 500) i`)
		sleep(ctx, 20*time.Millisecond)
		return err
	})
	return func() {
		end()
		most := 50 * (time.Since(began).Seconds() + 1) // of pages that are read 20 times a second, not all at the same moments
		if n := a.resources()["rowcast_cycles_total"] - before; n > most {
			a.Errorf("%.0f snapshots were taken in %s", n, time.Since(began))
		}
		unmoved()
	}
}

// frames returns what counts the page's frames from now on: each has the next
// version of the page's state.
func (a *arena) frames(page string) func() int {
	a.Helper()
	state := func() (epoch string, version int) {
		epoch, text, _ := strings.Cut(a.of([]string{page})[0].cursor(), ":")
		version, err := strconv.Atoi(text)
		if err != nil {
			a.Fatalf("%s: %v", page, err)
		}
		return epoch, version
	}
	was, from := state()
	return func() int {
		epoch, version := state()
		if epoch != was {
			a.Errorf("%s began anew", page)
		}
		return version - from
	}
}

// paced checks at its end that the page had a frame now and then, and no more
// often than 20 times a second.
func (a *arena) paced(page string) (judge func()) {
	a.Helper()
	frames, began := a.frames(page), time.Now()
	return func() {
		n, took := frames(), time.Since(began)
		a.Logf("%s had %d frames in %s", page, n, took.Round(10*time.Millisecond))
		if most := 2 + int(20*took.Seconds()); n > most || n < 5 {
			a.Errorf("%s had %d frames in %s, want 5 to %d", page, n, took, most)
		}
	}
}

// unmoved checks at its end that these pages had no frame. Pages that have a panel
// at its own pace are left out: when that was read is news.
func (a *arena) unmoved(pages ...string) (judge func()) {
	a.Helper()
	frames := map[string]func() int{}
	for _, s := range a.of(pages) {
		if screen, _, _ := s.now(); together(screen) {
			frames[s.page] = a.frames(s.page)
		}
	}
	if len(frames) == 0 {
		a.Errorf("none of %v is read together", pages)
	}
	return func() {
		for page, count := range frames {
			if n := count(); n > 0 {
				a.Errorf("%s had %d frames, and nothing changed", page, n)
			}
		}
	}
}

// joined waits until all panels of a page that is read are so in one snapshot: what
// was slow before it is at its own pace for a while.
func (a *arena) joined(page string) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), 30*time.Second)
	defer cancel()
	if err := a.of([]string{page})[0].until(ctx, func(screen *delta.State, _ *delta.Status) bool { return together(screen) }); err != nil {
		a.Fatalf("%s is not read together: %v", page, err)
	}
}

// together tells whether all panels are of one snapshot.
func together(screen *delta.State) bool {
	for _, p := range screen.Panels {
		if !p.At.IsZero() {
			return false
		}
	}
	return true
}

// single commits so many rows, each in a transaction of its own, on some
// connections that wait neither for the disk nor for one answer before the next.
func (a *arena) single(n int) {
	a.Helper()
	const lines, window = 4, 250
	began := time.Now()
	var all errgroup.Group
	for range lines {
		all.Go(func() error {
			conn, err := a.connect(a.Context())
			if err != nil {
				return err
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(a.Context(), `SET synchronous_commit = off`); err != nil {
				return err
			}
			if _, err := conn.PgConn().Prepare(a.Context(), "one", `INSERT INTO heap (batch) VALUES (0)`, nil); err != nil {
				return err
			}
			for range n / lines / window {
				if err := singly(a.Context(), conn.PgConn(), window); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		a.Fatal(err)
	}
	a.Logf("%d transactions of one row in %s", n, time.Since(began).Round(100*time.Millisecond))
}

// singly runs the statement "one" so many times, each a transaction of its own.
func singly(ctx context.Context, conn *pgconn.PgConn, n int) error {
	p := conn.StartPipeline(ctx)
	for range n {
		p.SendQueryPrepared("one", nil, nil, nil)
		p.SendPipelineSync() // which commits
	}
	if err := p.Flush(); err != nil {
		return err
	}
	for range n {
		res, err := p.GetResults()
		if err != nil {
			return err
		}
		if _, err := res.(*pgconn.ResultReader).Close(); err != nil {
			return err
		}
		if _, err := p.GetResults(); err != nil { // the transaction's end
			return err
		}
	}
	return p.Close()
}

// emptyAndFill empties the stage and fills it again in the same transaction, all
// the time. Nobody may ever see it empty, whatever way is asked.
func emptyAndFill(a *arena) func() {
	end := a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `TRUNCATE stage; INSERT INTO stage SELECT i, 'word ' || i, i FROM generate_series(1, 20) i`, pgx.QueryExecModeSimpleProtocol)
		sleep(ctx, 5*time.Millisecond)
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	t := a.TB
	var asking sync.WaitGroup
	for _, path := range []string{
		"t/public.stage/all.json", "t/public.stage/all.json?where=n.gt.0", "t/public.stage/rows.json",
		"api/v1/count?page=/t/public.stage%3Fwhere%3Dn.gt.0", "api/v1/count?page=/t/public.stage", "d/stage/words.json",
	} {
		asking.Go(func() {
			whole := 0
			for ctx.Err() == nil {
				body, err := bodyOf(ctx, a.server.URL+path)
				if err == nil {
					whole++
					if n := rowsOf(body); n != 20 {
						t.Errorf("%s: %d rows of 20: %.200s", path, n, body)
						return
					}
				}
				sleep(ctx, 15*time.Millisecond)
			}
			t.Logf("%s: %d whole answers", path, whole)
		})
	}
	return func() {
		cancel()
		asking.Wait()
		end()
	}
}

// rowsOf counts the rows of an export, or reads a count.
func rowsOf(body []byte) int {
	var count struct{ Rows int }
	if json.Unmarshal(body, &count) == nil {
		return count.Rows
	}
	var export struct{ Rows []any }
	if json.Unmarshal(body, &export) != nil {
		return -1
	}
	return len(export.Rows)
}
