package live_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rowcast/rowcast/live"
)

const accounts = `CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE b (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO a VALUES (1, 100); INSERT INTO b VALUES (1, 100);`

// armed counts the bells that are armed on the test's database.
const armed = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND NOT ((classid::bigint & x'ffffff'::bigint) = x'726f77'::bigint AND objid::bigint = x'63617374'::bigint)`

func TestACommittedRowReachesTheViewer(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT id, v FROM a ORDER BY id"), panel("sum", "SELECT sum(v) FROM b")))
	v.until("the first rows", func() bool { return v.cell("a", 0, 1) == "100" && v.cell("sum", 0, 0) == "100" })
	v.until("live", func() bool { return v.is("live") })
	for i := range 20 {
		b.exec(fmt.Sprintf("BEGIN; UPDATE a SET v = %d; UPDATE b SET v = %d; COMMIT", i, i))
		want := fmt.Sprint(i)
		v.until("update "+want, func() bool {
			if v.cell("a", 0, 1) != v.cell("sum", 0, 0) {
				t.Fatalf("half a transaction: %s", v.text())
			}
			return v.cell("a", 0, 1) == want
		})
	}
}

func TestNothingChangedSendsNothing(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT id, v FROM a ORDER BY id")))
	v.until("live", func() bool { return v.is("live") })
	frames := v.frames
	b.exec("UPDATE a SET v = v")
	b.exec("UPDATE a SET v = v WHERE false")
	b.exec("UPDATE a SET v = 7")
	v.until("the change", func() bool { return v.cell("a", 0, 1) == "7" })
	if v.frames != frames+1 {
		t.Errorf("%d frames for one change", v.frames-frames)
	}
}

func TestAPageWithoutABellGoesByTheClock(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Timed = 300 * time.Millisecond })
	b.exec("CREATE TABLE quiet (v int); INSERT INTO quiet VALUES (1)")
	v := b.view(page("/d/x", panel("q", "SELECT v FROM quiet")))
	v.until("a status", func() bool { return v.told().State != "" })
	if got := v.told().State; got != "timed" {
		t.Errorf("its first status is %q", got)
	}
	if got := v.told().Tables; len(got) != 1 || got[0] != "public.quiet" {
		t.Errorf("timed because of %v", got)
	}
	b.exec("UPDATE quiet SET v = 2")
	v.until("the change", func() bool { return v.cell("q", 0, 0) == "2" })
	b.watch()
	v.until("live once the bell is there", func() bool { return v.is("live") })
}

// A page by the clock says that the database is gone as soon as that is known,
// not when its next read is overdue.
func TestAPageByTheClockLosesItsDatabase(t *testing.T) {
	b := start(t, accounts)
	b.exec("CREATE TABLE quiet (v int); INSERT INTO quiet VALUES (1)")
	v := b.view(page("/d/x", panel("q", "SELECT v FROM quiet")))
	v.until("timed", func() bool { return v.is("timed") })
	at := v.told().At
	v.until("the next read", func() bool { return v.told().At.After(at) })
	b.wire.down.Store(true)
	const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'rowcast/%' AND application_name "
	looks := b.wire.sent("panels").begins
	b.exec(end + "LIKE '%/listen'")
	b.await("a look, for the doorbell was lost", func() bool { return b.wire.sent("panels").begins > looks })
	gone := time.Now()
	b.exec(end + "NOT LIKE '%/listen'")
	v.until("stale", func() bool { return v.is("stale") })
	if took := time.Since(gone); took > 3*time.Second {
		t.Errorf("the page said so after %v", took)
	}
	if got := v.told().Reason; got != "database_unreachable" {
		t.Errorf("stale because of %q", got)
	}
	b.wire.down.Store(false)
	v.until("timed again", func() bool { return v.is("timed") })
}

func TestEachPanelSaysWhatIsWrongAndTheRestGoesOn(t *testing.T) {
	// On a busy machine 200 MB take their time.
	patient := func(c *live.Config) { c.StatementTimeout = time.Minute }
	b := start(t, accounts+"CREATE TABLE gone (v int); INSERT INTO gone VALUES (1)", patient)
	v := b.view(page("/d/x",
		panel("good", "SELECT v FROM a"),
		panel("syntax", "SELEC v FROM a"),
		panel("write", "INSERT INTO a VALUES (9, 9) RETURNING id"),
		panel("cte", "WITH x AS (DELETE FROM a RETURNING id) SELECT * FROM x"),
		panel("two", "SELECT 1; SELECT 2"),
		panel("wrapper", "SELECT 1) q; DROP TABLE a; SELECT * FROM (SELECT 1"),
		panel("many", "SELECT generate_series(1, 1000000)"),
		panel("huge", "SELECT repeat('x', 200 * 1024 * 1024)"),
		panel("wide", "SELECT repeat('x', 1024 * 1024) FROM generate_series(1, 10)"),
		panel("gone", "SELECT v FROM gone"),
	))
	v.until("all panels", func() bool { return v.cell("good", 0, 0) == "100" && len(v.state.Panels) == 10 })
	for id, want := range map[string]string{
		"good": "", "syntax": "query_failed", "write": "query_failed", "cte": "query_failed", "two": "query_failed",
		"wrapper": "query_failed", "many": "", "huge": "too_large", "wide": "too_large", "gone": "",
	} {
		if got := v.fault(id); got != want {
			t.Errorf("panel %s: error %q, want %q", id, got, want)
		}
	}
	if p := v.state.Panels["many"]; len(p.Rows) != 1000 || !p.Truncated {
		t.Errorf("a million rows: %d shown, truncated %v", len(p.Rows), p.Truncated)
	}
	b.exec("DROP TABLE gone")
	b.exec("UPDATE a SET v = 5")
	v.until("table_gone beside a change", func() bool { return v.fault("gone") == "table_gone" && v.cell("good", 0, 0) == "5" })
	if v.cell("gone", 0, 0) != "1" {
		t.Error("a panel with an error loses its last rows")
	}
	b.exec("CREATE TABLE gone (v int); INSERT INTO gone VALUES (2)")
	v.until("the table is back", func() bool { return v.fault("gone") == "" && v.cell("gone", 0, 0) == "2" })
}

func TestColumnsThatChangeReplaceThePanel(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT * FROM a")))
	v.until("live", func() bool { return v.is("live") })
	b.exec("ALTER TABLE a ADD COLUMN note text DEFAULT 'new'")
	b.exec("UPDATE a SET v = 3")
	v.until("the new column", func() bool { return len(v.state.Panels["a"].Columns) == 3 && v.cell("a", 0, 2) == "new" })
	if v.fault("a") != "" {
		t.Errorf("error %q", v.fault("a"))
	}
}

func TestASlowPanelHoldsNobodyUp(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Slow = 50 * time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("slow", "SELECT v FROM b, pg_sleep(0.4)")))
	v.until("both", func() bool { return v.cell("a", 0, 0) == "100" && v.cell("slow", 0, 0) == "100" })
	for i := range 10 {
		began := time.Now()
		b.exec(fmt.Sprintf("UPDATE a SET v = %d; UPDATE b SET v = %d", i, i))
		v.until("the fast panel", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(i) })
		if took := time.Since(began); i > 1 && took > 300*time.Millisecond {
			t.Errorf("the fast panel took %v", took)
		}
	}
	v.until("the slow panel's trailing edge", func() bool { return v.cell("slow", 0, 0) == "9" })
	if p := v.state.Panels["slow"]; p.At.IsZero() || p.Every == 0 {
		t.Errorf("a slow panel carries no time of its own: %v %v", p.At, p.Every)
	}
}

func TestATableThatIsSwappedNeverShowsWhatNeverWas(t *testing.T) {
	b := start(t, "CREATE TABLE s (v int); INSERT INTO s SELECT 1 FROM generate_series(1, 100)")
	v := b.view(page("/d/x", panel("n", "SELECT count(*) FROM s"), panel("r", "SELECT v FROM s LIMIT 1")))
	v.until("the rows", func() bool { return v.cell("n", 0, 0) == "100" })
	stop := make(chan struct{})
	done := make(chan struct{})
	conn := b.connect()
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			sql := "BEGIN; TRUNCATE s; INSERT INTO s SELECT 1 FROM generate_series(1, 100); COMMIT"
			if i%2 == 0 {
				sql = "BEGIN; CREATE TABLE n AS SELECT * FROM s; DROP TABLE s; ALTER TABLE n RENAME TO s; COMMIT"
			}
			if err := conn.PgConn().Exec(context.Background(), sql).Close(); err != nil {
				t.Errorf("the application's own statement failed: %v", err)
				return
			}
		}
	}()
	deadline := time.Now().Add(3 * time.Second)
	other := b.view(page("/d/y", panel("n", "SELECT count(*) FROM s, generate_series(1, 1)")))
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		for _, w := range []*viewer{v, other} {
			short, stopWaiting := context.WithTimeout(ctx, 100*time.Millisecond)
			_ = w.next(short)
			stopWaiting()
			if n := w.cell("n", 0, 0); n != "100" && n != "nothing" {
				t.Fatalf("%s rows were shown: %s", n, w.text())
			}
		}
		cancel()
	}
	close(stop)
	<-done
}

func TestAWriteThatRingsNoBellIsFoundAndReported(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Safety, c.Next = time.Second, 200*time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	b.eventually("armed", armed, 1)
	var now time.Time
	if err := b.conn.QueryRow(context.Background(), "SELECT clock_timestamp()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	v.until("a snapshot since", func() bool { return v.told().At.After(now) })
	for n, reported := 8, false; !reported; n++ {
		if n > 12 {
			t.Fatal("it is not reported")
		}
		b.exec(fmt.Sprintf("SET session_replication_role = replica; UPDATE a SET v = %d; RESET session_replication_role", n))
		v.until("the silent write", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(n) })
		shown := time.Now()
		v.until("that it is reported", func() bool {
			reported = v.told().Reason == "bell_missing"
			return reported || time.Since(shown) > 3*time.Second // a page may just have been read for another reason
		})
	}
	v.until("live again, once the bell was found whole", func() bool { return v.is("live") })
}

func TestADisabledTriggerTakesLiveAway(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	v.until("live", func() bool { return v.is("live") })
	b.exec("ALTER TABLE a DISABLE TRIGGER USER")
	v.until("timed", func() bool { return v.is("timed") })
	b.exec("ALTER TABLE a ENABLE TRIGGER USER")
	v.until("live again", func() bool { return v.is("live") })
}

func TestWhatNobodyWatchesCostsNothing(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Grace = 100 * time.Millisecond })
	release := b.engine.Open(page("/d/x", panel("a", "SELECT v FROM a")))
	sub := b.hub.Subscribe("/d/x", "")
	defer sub.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := sub.Next(ctx); err != nil {
		t.Fatal(err)
	}
	const ours = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND application_name IN ('rowcast/panels', 'rowcast/open', 'rowcast/slow')`
	b.eventually("armed", armed, 1)
	release()
	b.eventually("sessions are closed", ours, 0)
	b.eventually("disarmed", armed, 0)
}

// eventually polls a count that only the database knows.
func (b *bench) eventually(what, sql string, want int) {
	b.Helper()
	b.await(fmt.Sprintf("%s: %d", what, want), func() bool {
		var n int
		if err := b.conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n == want
	})
}

// await asks again and again, for ten seconds, what nobody is told of.
func (b *bench) await(what string, so func() bool) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestAChangedDefinitionReloadsItsViewers(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	v.until("the rows", func() bool { return v.cell("a", 0, 0) == "100" })
	release := b.engine.Open(page("/d/x", panel("a", "SELECT v + 1 FROM a")))
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		batch, err := v.sub.Next(ctx)
		if err != nil {
			t.Fatalf("no reload came: %v", err)
		}
		for _, m := range batch.Messages {
			if string(m.Data) == `{"type":"reload","page":"/d/x"}` {
				return
			}
		}
	}
}

func TestViewsFunctionsAndPartitionsAreSeenThrough(t *testing.T) {
	b := start(t, accounts+`
CREATE VIEW va AS SELECT sum(v) AS v FROM a;
CREATE FUNCTION fb() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE r bigint; BEGIN EXECUTE 'SELECT sum(v) FROM b' INTO r; RETURN r; END $$;
CREATE TABLE p (k int, v int) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);`)
	v := b.view(page("/d/x", panel("view", "SELECT v FROM va"), panel("func", "SELECT fb()"), panel("part", "SELECT count(*) FROM p")))
	v.until("live", func() bool { return v.is("live") })
	b.exec("UPDATE a SET v = 1")
	v.until("through the view", func() bool { return v.cell("view", 0, 0) == "1" })
	b.exec("UPDATE b SET v = 2")
	v.until("through the function", func() bool { return v.cell("func", 0, 0) == "2" })
	b.exec("INSERT INTO p VALUES (1, 1)")
	v.until("through the root", func() bool { return v.cell("part", 0, 0) == "1" })
	b.exec("INSERT INTO p2 VALUES (2, 1)")
	v.until("through the leaf", func() bool { return v.cell("part", 0, 0) == "2" })
}

func TestATableNamedByWatchRingsToo(t *testing.T) {
	b := start(t, accounts)
	p := panel("clock", "SELECT clock_timestamp()")
	p.Watch = []string{"b", "nonsense.nowhere"}
	v := b.view(page("/d/x", p))
	b.eventually("armed", armed, 1)
	first := v.cell("clock", 0, 0)
	v.until("the first", func() bool {
		first = v.cell("clock", 0, 0)
		return v.is("live")
	})
	b.exec("UPDATE b SET v = 1")
	v.until("the ring", func() bool { return v.cell("clock", 0, 0) != first })
}

// What tells a panel's rows apart may break: by a value that comes twice, or by one
// that is NULL. The panel is replaced then, once; before and after it a row's change
// is a step.
func TestKeysThatBreakReplaceThePanelOnce(t *testing.T) {
	for what, breaks := range map[string]struct {
		sql string
		all int // times that it breaks, with the NULL that comes later
	}{
		"twice": {`INSERT INTO list VALUES (7, 'twice')`, 2},
		"NULL":  {`INSERT INTO list VALUES (NULL, 'unknown')`, 1},
		"both":  {`INSERT INTO list VALUES (NULL, 'unknown'), (NULL, 'unknown'), (7, 'word 7')`, 1},
	} {
		t.Run(what, func(t *testing.T) {
			b := start(t, `CREATE TABLE list (n int, word text); INSERT INTO list SELECT i, 'word ' || i FROM generate_series(1, 200) i`)
			v := b.view(page("/d/x", panel("j", "SELECT n, word FROM list ORDER BY n, word")))
			v.until("the rows", func() bool { return v.is("live") && len(v.state.Panels["j"].Rows) == 200 })
			step := func(word string, replaced int) {
				t.Helper()
				was := v.replaced
				b.exec(`UPDATE list SET word = $1 WHERE n = 1`, word)
				v.until("a change", func() bool { return v.cell("j", 0, 1) == word })
				if got := v.replaced - was; got != replaced {
					t.Errorf("%s: the panel was replaced %d times, want %d", word, got, replaced)
				}
			}
			step("before", 0)
			was := v.replaced
			b.exec(breaks.sql)
			v.until("more rows", func() bool { return len(v.state.Panels["j"].Rows) > 200 })
			if got := v.replaced - was; got != 1 {
				t.Errorf("a key that broke replaced the panel %d times, want once", got)
			}
			seen := map[string]bool{}
			for _, r := range v.state.Panels["j"].Rows {
				if seen[r.Key] {
					t.Errorf("key %s twice", r.Key)
				}
				seen[r.Key] = true
			}
			step("after", 0)
			b.exec(`INSERT INTO list VALUES (NULL, 'another'), (8, 'another')`)
			v.until("still more rows", func() bool { n := len(v.state.Panels["j"].Rows); return n == 203 || n == 205 })
			step("at last", 0)
			if got := v.replaced - was; got != breaks.all {
				t.Errorf("the panel was replaced %d times in all, want %d", got, breaks.all)
			}
		})
	}
}

// A panel shows what its query answers up to its limit, and says when there is more:
// from nothing over each number of rows to one too many, and back.
func TestAPanelAtItsLimit(t *testing.T) {
	b := start(t, `CREATE TABLE list (n int)`)
	p := panel("j", "SELECT n FROM list ORDER BY n DESC")
	p.Limit = 3
	v := b.view(page("/d/x", p))
	v.until("nothing", func() bool { return v.is("live") && len(v.state.Panels["j"].Rows) == 0 })
	for _, n := range []int{1, 2, 3, 4, 5, 3, 4, 1, 0, 9, 0} {
		b.exec(`WITH gone AS (DELETE FROM list WHERE n > $1) INSERT INTO list SELECT i FROM generate_series(1, $1) i WHERE i NOT IN (SELECT n FROM list)`, n)
		v.until(fmt.Sprint(n, " rows"), func() bool {
			p := v.state.Panels["j"]
			first := n == 0 && len(p.Rows) == 0 || v.cell("j", 0, 0) == fmt.Sprint(n)
			return first && len(p.Rows) == min(n, 3) && p.Truncated == (n > 3)
		})
	}
}

func TestClockPanelsAreReadOnTheirOwn(t *testing.T) {
	b := start(t, accounts)
	p := panel("now", "SELECT date_trunc('milliseconds', clock_timestamp()), (SELECT v FROM a)")
	p.Every = 300 * time.Millisecond
	v := b.view(page("/d/x", p))
	v.until("the first", func() bool { return v.cell("now", 0, 1) == "100" })
	first := v.cell("now", 0, 0)
	v.until("the clock", func() bool { return v.cell("now", 0, 0) != first })
}
