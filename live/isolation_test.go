package live_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/live"
)

func TestPagesOfOneCycleKeepTheirOwnTables(t *testing.T) {
	b := start(t, accounts)
	b.exec("CREATE TABLE quiet (v int); INSERT INTO quiet VALUES (1)")
	timed := b.view(page("/d/timed", panel("q", "SELECT v FROM quiet"), panel("a", "SELECT v FROM a")))
	v := b.view(page("/d/live", panel("a", "SELECT v FROM a")))
	timed.until("timed", func() bool { return timed.is("timed") })
	v.until("live", func() bool { return v.is("live") })
	for i := range 10 {
		time.Sleep(100 * time.Millisecond) // both are due at once, and read in one snapshot
		b.exec(fmt.Sprintf("UPDATE a SET v = %d", i))
		v.until("the change", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(i) })
		timed.until("the change", func() bool { return timed.cell("a", 0, 0) == fmt.Sprint(i) })
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	for v.next(ctx) == nil {
		if !v.is("live") {
			t.Fatalf("another page's table took live away: %+v", v.told())
		}
	}
}

func TestAStatementServesEveryValueOfAVariable(t *testing.T) {
	b := start(t, accounts)
	prepared := 0
	for i := range 20 {
		value := fmt.Sprint(i)
		p := panel("a", "SELECT v + $1::int FROM a")
		p.Args = []*string{&value}
		v := b.view(page("/d/x?v="+value, p))
		v.until("the rows", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(100+i) })
	}
	p := panel("n", "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%v + $1::int%' AND statement NOT LIKE '%pg_prepared%'")
	v := b.view(page("/d/n", p))
	v.until("the count", func() bool {
		_, err := fmt.Sscan(v.cell("n", 0, 0), &prepared)
		return err == nil
	})
	if prepared != 1 {
		t.Errorf("%d statements were prepared for one query", prepared)
	}
}

func TestAPanelThatEndsItsSessionEndsNothingElse(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	v.until("live", func() bool { return v.is("live") })
	w := b.view(page("/d/y", panel("b", "SELECT v FROM b"), panel("killer", "SELECT pg_terminate_backend(pg_backend_pid())")))
	w.until("the other panel", func() bool { return w.cell("b", 0, 0) == "100" && w.fault("killer") != "" })
	for i := range 5 {
		b.exec(fmt.Sprintf("UPDATE a SET v = %d; UPDATE b SET v = %d", i, i))
		v.until("the other page", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(i) })
		w.until("the other panel", func() bool { return w.cell("b", 0, 0) == fmt.Sprint(i) })
	}
}

func TestAZoneOrAWatchThatPostgreSQLDoesNotKnowIsThePanelsOwnTrouble(t *testing.T) {
	b := start(t, accounts)
	odd := page("/d/zone", panel("a", "SELECT v FROM a"))
	odd.TimeZone = "Not/AZone"
	z := b.view(odd)
	z.until("an error", func() bool { return z.fault("a") != "" })
	p := panel("a", "SELECT v FROM a")
	p.Watch = []string{"not a name", "too.many.dots.in.it", "b"}
	w := b.view(page("/d/watch", p))
	w.until("the rows", func() bool { return w.cell("a", 0, 0) == "100" })
	w.until("live", func() bool { return w.is("live") })
}

func TestALockedTableHoldsUpItsOwnPanelsOnly(t *testing.T) {
	b := start(t, accounts+"CREATE TABLE held (id int PRIMARY KEY, v int); INSERT INTO held VALUES (1, 1)")
	panels := []string{}
	for i := range 6 {
		panels = append(panels, fmt.Sprintf("SELECT v + %d FROM held", i))
	}
	def := page("/d/held", panel("free", "SELECT v FROM b"))
	for i, sql := range panels {
		p := panel(fmt.Sprintf("h%d", i), sql)
		p.Limit = 1000
		def.Panels = append(def.Panels, p)
	}
	h := b.view(def)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	h.until("live", func() bool { return h.is("live") })
	v.until("live", func() bool { return v.is("live") })
	blocker := b.connect()
	if _, err := blocker.Exec(context.Background(), "BEGIN; LOCK TABLE held"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b.exec("UPDATE b SET v = -1")
	h.until("the locked panel says so", func() bool { return h.fault("h0") == "timeout" })
	if took := time.Since(began); took < 450*time.Millisecond || took > 1500*time.Millisecond {
		t.Errorf("the locked panel says so %v after it was to be read, want half a second", took)
	}
	slow := 0
	for i := range 30 {
		began := time.Now()
		b.exec(fmt.Sprintf("UPDATE a SET v = %d; UPDATE b SET v = %d", i, i))
		v.until("the other page", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(i) })
		took := time.Since(began)
		if took > 1500*time.Millisecond {
			t.Errorf("round %d: the other page took %v", i, took)
		}
		if took > 400*time.Millisecond {
			slow++
		}
		time.Sleep(time.Until(began.Add(200 * time.Millisecond)))
	}
	if slow > 2 {
		t.Errorf("the other page was held up %d times", slow)
	}
	h.until("the free panel beside it", func() bool { return h.cell("free", 0, 0) == "29" && h.fault("free") == "" })
	if _, err := blocker.Exec(context.Background(), "UPDATE held SET v = 7; COMMIT"); err != nil {
		t.Fatal(err)
	}
	h.until("the lock is gone", func() bool {
		for i := range panels {
			if id := fmt.Sprintf("h%d", i); h.fault(id) != "" || h.cell(id, 0, 0) != fmt.Sprint(7+i) {
				return false
			}
		}
		return true
	})
	b.exec("UPDATE held SET v = 8; UPDATE b SET v = 8")
	h.until("one snapshot again", func() bool {
		if p := h.state.Panels["h0"]; !p.At.IsZero() {
			t.Fatal("a panel that once waited for a lock is apart for good")
		}
		return h.cell("h0", 0, 0) == "8"
	})
}

func TestAPanelOutsideTheSnapshotSaysSoFromTheFirstFrame(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Slow = 30 * time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("slow", "SELECT v FROM b, pg_sleep(0.05 + 0.15 * (v % 2))")))
	v.until("both", func() bool { return v.cell("a", 0, 0) == "100" && v.cell("slow", 0, 0) == "100" })
	apart := false
	for i := range 12 {
		b.exec(fmt.Sprintf("BEGIN; UPDATE a SET v = %d; UPDATE b SET v = %d; COMMIT", 2*i+1, 2*i+1))
		v.until("the fast panel", func() bool {
			p := v.state.Panels["slow"]
			apart = apart || !p.At.IsZero()
			if p.At.IsZero() && v.cell("a", 0, 0) != v.cell("slow", 0, 0) {
				t.Fatalf("a panel of another snapshot without a time of its own: %s", v.text())
			}
			return v.cell("a", 0, 0) == fmt.Sprint(2*i+1)
		})
	}
	if !apart {
		t.Error("the slow panel never went its own way")
	}
}

func TestASlowPanelThatIsQuickAgainReturnsToItsPage(t *testing.T) {
	b := start(t, accounts+"CREATE TABLE pace (s float); INSERT INTO pace VALUES (0.5)", func(c *live.Config) { c.Slow = 100 * time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("slow", "SELECT v, pg_sleep(s) FROM b, pace")))
	v.until("its own lane", func() bool { return v.apart("slow") })
	b.exec("UPDATE pace SET s = 0")
	for i := 0; v.apart("slow"); i++ {
		if i == 100 {
			t.Fatal("it was quick a hundred times, and is still apart")
		}
		b.exec(fmt.Sprintf("UPDATE a SET v = %d; UPDATE b SET v = %d", i, i))
		v.until("the change", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(i) && v.cell("slow", 0, 0) == fmt.Sprint(i) })
	}
	for i := range 5 {
		b.exec(fmt.Sprintf("BEGIN; UPDATE a SET v = -%d; UPDATE b SET v = -%d; COMMIT", i+1, i+1))
		v.until("both in one frame", func() bool {
			if v.cell("a", 0, 0) != v.cell("slow", 0, 0) {
				t.Fatalf("half a transaction: %s", v.text())
			}
			return v.cell("a", 0, 0) == fmt.Sprintf("-%d", i+1)
		})
	}
}

func TestAPageOnATableThatIsSwappedAllTheTimeTearsAlone(t *testing.T) {
	b := start(t, accounts+"CREATE TABLE s (v int); INSERT INTO s SELECT 1 FROM generate_series(1, 10)")
	torn := b.view(page("/d/s", panel("n", "SELECT count(*), pg_sleep(0.05) FROM s")))
	torn.until("the rows", func() bool { return torn.cell("n", 0, 0) == "10" })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	v.until("live", func() bool { return v.is("live") })
	stop, done := make(chan struct{}), make(chan struct{})
	conn := b.connect()
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			sql := "BEGIN; CREATE TABLE n AS SELECT * FROM s; DROP TABLE s; ALTER TABLE n RENAME TO s; COMMIT"
			if err := conn.PgConn().Exec(context.Background(), sql).Close(); err != nil {
				t.Errorf("the application's own statement failed: %v", err)
				return
			}
		}
	}()
	for i := range 40 {
		began := time.Now()
		b.exec(fmt.Sprintf("UPDATE a SET v = %d", i))
		v.until("the other page", func() bool {
			if f := v.fault("a"); f != "" {
				t.Fatalf("another page's table is being rebuilt, and this one says %q", f)
			}
			return v.cell("a", 0, 0) == fmt.Sprint(i)
		})
		if took := time.Since(began); took > time.Second {
			t.Errorf("round %d took %v", i, took)
		}
	}
	close(stop)
	<-done
	if !strings.Contains(v.text(), "39") {
		t.Error(v.text())
	}
}

func TestPartitionsThatComeAndGoAreSeenSoon(t *testing.T) {
	b := start(t, accounts+`CREATE TABLE p (k int, v int) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1, 1);
CREATE TABLE p2 (k int, v int); INSERT INTO p2 VALUES (2, 2);
CREATE TABLE base (v int); CREATE TABLE other (w int); CREATE TABLE child () INHERITS (base, other); INSERT INTO child VALUES (1, 1);`)
	v := b.view(page("/d/x", panel("p", "SELECT count(*) FROM p"), panel("base", "SELECT count(*) FROM base")))
	v.until("live", func() bool { return v.is("live") })
	b.exec("INSERT INTO child VALUES (2, 2)")
	v.until("a row of a child of two parents", func() bool { return v.cell("base", 0, 0) == "2" })
	b.exec("ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)")
	v.until("the partition that came", func() bool { return v.cell("p", 0, 0) == "2" })
	b.watch()
	v.until("live with it", func() bool { return v.is("live") })
	b.exec("ALTER TABLE p DETACH PARTITION p1")
	v.until("the partition that went", func() bool { return v.cell("p", 0, 0) == "1" })
	v.until("live without it", func() bool { return v.is("live") })
}

func TestARedefinedViewIsReadAgainSoon(t *testing.T) {
	b := start(t, accounts+"CREATE VIEW w AS SELECT v FROM a")
	v := b.view(page("/d/x", panel("w", "SELECT v FROM w")))
	v.until("live", func() bool { return v.is("live") })
	b.exec("CREATE OR REPLACE VIEW w AS SELECT v + 1 AS v FROM a")
	v.until("the view's new text", func() bool { return v.cell("w", 0, 0) == "101" })
}

func TestAPageOfSlowPanelsLetsOthersOpen(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.StatementTimeout = 500 * time.Millisecond })
	def := page("/d/slow", panel("a", "SELECT v FROM a"))
	for i := range 12 {
		def.Panels = append(def.Panels, panel(fmt.Sprint(i), fmt.Sprintf("SELECT v, pg_sleep(10 + %d) FROM a", i)))
		def.Panels[i+1].Limit = 10
	}
	b.view(def)
	b.eventually("its panels are read first", `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(10%' AND pid <> pg_backend_pid()`, 1)
	began := time.Now()
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a")))
	v.until("the rows", func() bool { return v.cell("a", 0, 0) == "100" })
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the next page opened after %v", took)
	}
}

// What the program asks every few seconds is estimated high and runs in
// milliseconds: to make machine code for it took a hundred times as long.
func TestNothingIsCompiledToMachineCode(t *testing.T) {
	b := start(t, accounts)
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = on', current_database()); END $$`)
	v := b.view(page("/d/x", panel("a", "SELECT current_setting('jit')")))
	v.until("the setting", func() bool { return v.cell("a", 0, 0) == "off" })
}

func TestAQueryThatLostARaceIsTriedAgainUnseen(t *testing.T) {
	// What a session prepared stays when its transaction is rolled back: each fails twice.
	b := start(t, accounts+`CREATE FUNCTION fickle() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'fickle%');
BEGIN
	IF n < 2 THEN
		EXECUTE 'PREPARE fickle' || n || ' AS SELECT 1';
		RAISE EXCEPTION 'canceling statement due to conflict with recovery' USING ERRCODE = '40001';
	END IF;
	RETURN n;
END $$`, func(c *live.Config) { c.Timed = 200 * time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v, fickle() FROM a")))
	shown := func(value string) func() bool {
		return func() bool {
			if code := v.fault("a"); code != "" {
				t.Fatalf("it is shown as %s", code)
			}
			return v.cell("a", 0, 0) == value && v.cell("a", 0, 1) == "2"
		}
	}
	v.until("the rows", shown("100"))
	b.exec("UPDATE a SET v = 101")
	v.until("the change, by another session", shown("101"))
}
