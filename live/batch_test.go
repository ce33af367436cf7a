package live_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowcast/rowcast/live"
)

// many opens one page for each of n values of $1.
func (b *bench) many(n int, sql string) []*viewer {
	b.Helper()
	viewers := make([]*viewer, n)
	for i := range viewers {
		value := strconv.Itoa(i)
		p := panel("p", sql)
		p.Args = []*string{&value}
		viewers[i] = b.view(page("/d/x?v="+value, p))
	}
	return viewers
}

// all waits until every viewer shows something, or is as the condition says.
func all(viewers []*viewer, what string, holds func(v *viewer) bool) {
	for _, v := range viewers {
		v.Helper()
		v.until(what, func() bool { return holds(v) })
	}
}

func isLive(v *viewer) bool { return v.is("live") }

// number is a cell as a number, -1 while there is none.
func (v *viewer) number(column int) int {
	n, err := strconv.Atoi(v.cell("p", 0, column))
	if err != nil {
		return -1
	}
	return n
}

func TestAThousandValuesAreOnePipelineInOneSnapshot(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Slow = 2 * time.Second }) // whatever else runs here
	// The transaction's time, its snapshot and its session: the same for all.
	viewers := b.many(1000, `SELECT v, $1::int, now()::text || pg_current_snapshot()::text || pg_backend_pid() FROM a`)
	all(viewers, "live", isLive)
	before, cycles, together := b.wire.sent("panels"), b.engine.Stats().Cycles, 0
	for i := range 5 {
		time.Sleep(200 * time.Millisecond) // all are due at once from here on
		b.exec(fmt.Sprintf("UPDATE a SET v = %d", i))
		seen := map[string]bool{}
		all(viewers, "the change", func(v *viewer) bool {
			if v.number(0) != i {
				return false
			}
			seen[v.cell("p", 0, 2)] = true
			return true
		})
		if len(seen) == 1 {
			together++
		}
	}
	sent, taken := b.wire.sent("panels").since(before), int(b.engine.Stats().Cycles-cycles)
	if together < 3 || taken > 10 { // on a busy machine a bell is not armed at once
		t.Errorf("%d of 5 changes were read in one snapshot, in %d cycles for all", together, taken)
	}
	if sent.begins > taken+1 { // one may have been on its way
		t.Errorf("%d transactions for %d cycles", sent.begins, taken)
	}
	if sent.writes > 50*taken {
		t.Errorf("the queries of %d cycles travelled in %d packets", taken, sent.writes)
	}
	if sent.flushes > 500*taken { // the first of them knew of none that it is quick
		t.Errorf("the answers of %d cycles were asked for %d times", taken, sent.flushes)
	}
	values := map[string]bool{}
	for _, v := range viewers {
		values[v.cell("p", 0, 1)] = true
	}
	if len(values) != 1000 {
		t.Errorf("%d values are shown by a thousand pages", len(values))
	}
}

func TestAThousandValuesOpenInFewBatches(t *testing.T) {
	b := start(t, accounts)
	began := time.Now()
	viewers := b.many(1000, "SELECT v, $1::int FROM a")
	all(viewers, "rows", func(v *viewer) bool { return v.number(1) >= 0 })
	shown := time.Since(began)
	all(viewers, "live", isLive)
	t.Logf("shown after %v, live after %v, by %d transactions", shown, time.Since(began), b.wire.sent("open").begins)
	if shown > 5*time.Second {
		t.Errorf("a thousand pages opened within %v", shown)
	}
	if n := b.wire.sent("open").begins; n > 50 {
		t.Errorf("they were opened in %d transactions", n)
	}
}

func TestValuesThatFailOpenBesideThoseThatDoNot(t *testing.T) {
	b := start(t, accounts)
	var viewers []*viewer
	for i := range 200 {
		value := strconv.Itoa(i)
		if i%20 == 7 {
			value = "seven"
		}
		p := panel("p", "SELECT v, $1::int FROM a")
		p.Args = []*string{&value}
		viewers = append(viewers, b.view(page(fmt.Sprintf("/d/x?v=%s&n=%d", value, i), p)))
	}
	for i, v := range viewers {
		if i%20 == 7 {
			v.until("an error", func() bool { return v.fault("p") == "query_failed" })
		} else {
			v.until("rows", func() bool { return v.number(1) == i })
		}
	}
}

func TestAValueThatReadsAnotherTableIsFoundOut(t *testing.T) {
	b := start(t, accounts+`CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN IF x = 7 THEN RETURN (SELECT v FROM b); END IF; RETURN (SELECT v FROM a); END $$`)
	viewers := b.many(30, "SELECT f($1::int)")
	all(viewers, "live", isLive)
	for i := range 5 {
		b.exec(fmt.Sprintf("UPDATE b SET v = %d", i))
		began := time.Now()
		viewers[7].until("the other table's change", func() bool { return viewers[7].number(0) == i })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the other table's change took %v", took)
		}
	}
	b.exec("UPDATE a SET v = 8")
	for i, v := range viewers {
		if i != 7 {
			v.until("the change", func() bool { return v.number(0) == 8 })
		}
	}
}

// paced is a table whose row says how long every tenth value takes.
const paced = accounts + `CREATE TABLE pace (s float NOT NULL); INSERT INTO pace VALUES (0);`

const pacedQuery = `SELECT v, $1::int, pg_sleep(CASE WHEN $1::int % 10 = 3 THEN s ELSE 0 END) FROM a, pace`

// commits are the values of a.v and the times by which they were committed.
type commits struct {
	last  atomic.Int64
	times [10000]atomic.Int64 // nanoseconds
}

func (c *commits) commit(b *bench, set func(sql string)) int {
	n := c.last.Load() + 1
	set(fmt.Sprintf("UPDATE a SET v = %d", n))
	c.times[n].Store(time.Now().UnixNano())
	c.last.Store(n)
	return int(n)
}

// keepWriting commits some twenty times a second until it is stopped.
func (b *bench) keepWriting(c *commits) (stop func()) {
	conn := b.connect()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			c.commit(b, func(sql string) {
				if _, err := conn.Exec(context.Background(), sql); err != nil {
					b.Errorf("write: %v", err)
				}
			})
			time.Sleep(50 * time.Millisecond)
		}
	}()
	stop = func() { cancel(); <-done }
	b.Cleanup(stop)
	return stop
}

// owed is the oldest value that a page may show which is proven up to then.
func (c *commits) owed(at time.Time) int {
	for n := c.last.Load(); n > 0; n-- {
		if c.times[n].Load() <= at.UnixNano() {
			return int(n)
		}
	}
	return 0
}

// oldest follows the age of the snapshot that the cycles hold.
func (b *bench) oldest() func() time.Duration {
	conn := b.connect()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var most time.Duration
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			var age float64
			err := conn.QueryRow(context.Background(), `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)
				FROM pg_stat_activity WHERE application_name = 'rowcast/panels' AND datname = current_database() AND state <> 'idle'`).Scan(&age)
			if err != nil {
				b.Errorf("ask for snapshots: %v", err)
				break
			}
			most = max(most, time.Duration(age*float64(time.Second)))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	stop := func() time.Duration { cancel(); <-done; return most }
	b.Cleanup(func() { stop() })
	return stop
}

func TestValuesThatDoNotAnswerInTimeKeepTheirTurn(t *testing.T) {
	b := start(t, paced, func(c *live.Config) { c.Slow, c.StatementTimeout = 100*time.Millisecond, 10*time.Second })
	viewers := b.many(1000, pacedQuery)
	b.exec("UPDATE a SET v = 0")
	all(viewers, "the start", func(v *viewer) bool { return v.number(0) == 0 && v.is("live") })
	stop := b.oldest()
	// A hundred of the thousand take 25 ms now: 2.5 seconds for all, with a
	// budget of 0.4.
	b.exec("UPDATE pace SET s = 0.025")
	var c commits
	stopWriting := b.keepWriting(&c)
	left := b.engine.Stats().Left
	began := time.Now()
	for round := range 2 {
		want := int(c.last.Load()) + 1
		for _, v := range viewers {
			v.until("its turn", func() bool {
				v.honest(&c)
				return v.number(0) >= want
			})
		}
		t.Logf("round %d: everybody had a turn after %v", round, time.Since(began))
	}
	stopWriting()
	if b.engine.Stats().Left == left {
		t.Error("nobody had to wait for a turn: this tests nothing")
	}
	if age := stop(); age > time.Second {
		t.Errorf("a cycle with a budget of 0.4 s kept its snapshot for %v", age)
	} else {
		t.Logf("the longest cycle took %v", age)
	}
	b.exec("UPDATE pace SET s = 0")
	last := c.commit(b, func(sql string) { b.exec(sql) })
	all(viewers, "the last", func(v *viewer) bool {
		v.honest(&c)
		return v.number(0) == last && v.is("live")
	})
}

// honest fails where the page is said to be proven up to a time by which more
// was committed than it shows; a panel with a time of its own answers for that one.
func (v *viewer) honest(c *commits) {
	if v.status.Status == nil || v.state == nil {
		return
	}
	// Since it was delivered some time may have passed.
	at := v.proof
	if v.apart("p") {
		at = v.state.Panels["p"].At
	}
	at = at.Add(-100 * time.Millisecond)
	if owed, shown := c.owed(at), v.number(0); shown < owed {
		v.Fatalf("%s: %s with an age of %v, shows %d where %d had been committed",
			v.state.Page, v.told().State, v.status.Age, shown, owed)
	}
}

func TestQuickValuesThatTurnSlowAtOnceDoNotHoldTheSnapshot(t *testing.T) {
	b := start(t, paced, func(c *live.Config) { c.Slow = 50 * time.Millisecond })
	viewers := b.many(300, `SELECT v, $1::int, pg_sleep(CASE WHEN $1::int % 100 > 50 THEN s ELSE 0 END) FROM a, pace`)
	all(viewers, "live", isLive)
	for i := range 3 { // the window opens
		b.exec(fmt.Sprintf("UPDATE a SET v = %d", i))
		all(viewers, "a change", func(v *viewer) bool { return v.number(0) == i })
	}
	stop := b.oldest()
	b.exec("BEGIN; UPDATE pace SET s = 0.03; UPDATE a SET v = 9; COMMIT") // 4.4 seconds for all
	all(viewers, "its turn", func(v *viewer) bool { return v.number(0) == 9 })
	if age := stop(); age > 2500*time.Millisecond {
		t.Errorf("a cycle with a budget of 0.2 s kept its snapshot for %v", age)
	} else {
		t.Logf("the longest cycle took %v", age)
	}
}

func TestAThousandValuesThatFailAtOnceAreNotReadAThousandTimes(t *testing.T) {
	b := start(t, accounts+"CREATE TABLE d (d int NOT NULL); INSERT INTO d VALUES (1)")
	viewers := b.many(1000, "SELECT v / d, $1::int FROM a, d")
	all(viewers, "live", isLive)
	began := time.Now()
	b.exec("UPDATE d SET d = 0")
	all(viewers, "the error", func(v *viewer) bool { return v.fault("p") == "query_failed" })
	failed := time.Since(began)
	b.exec("UPDATE d SET d = 2")
	all(viewers, "the rows", func(v *viewer) bool { return v.fault("p") == "" && v.number(0) == 50 })
	t.Logf("all failed after %v, and were back after %v", failed, time.Since(began))
}

func TestLargeAnswersOfManyPagesAreNotHeldAllAtOnce(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.MaxCycleBytes = 1 << 20 })
	viewers := b.many(50, "SELECT v, $1::int, repeat('x', 200000) FROM a")
	all(viewers, "rows", func(v *viewer) bool { return v.number(0) == 100 })
	b.exec("UPDATE a SET v = 7")
	all(viewers, "the change", func(v *viewer) bool { return v.number(0) == 7 })
	if b.engine.Stats().Left == 0 {
		t.Error("ten megabytes were read at once")
	}
}
