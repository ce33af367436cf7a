package live_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/live"
)

// sleepers is a page with two quick panels and slow ones, for one value.
func sleepers(value int, slow ...string) *dashboard.Page {
	text := fmt.Sprint(value)
	p := page(fmt.Sprintf("/d/x?n=%d", value), panel("a", "SELECT v + $1::int FROM a"))
	for i, sql := range slow {
		p.Panels = append(p.Panels, panel(fmt.Sprintf("slow%d", i), sql))
	}
	p.Panels = append(p.Panels, panel("b", "SELECT v + $1::int FROM b"))
	for i := range p.Panels {
		p.Panels[i].Limit, p.Panels[i].Args = 1000, []*string{&text}
	}
	return p
}

// quick waits until a page shows its quick panels, and tells for how long.
func (b *bench) quick(p *dashboard.Page, value int) (*viewer, time.Duration) {
	b.Helper()
	began := time.Now()
	v := b.view(p)
	v.until("the quick panels", func() bool {
		if v.cell("a", 0, 0) != v.cell("b", 0, 0) {
			b.Fatalf("half a page: %s", v.text())
		}
		return v.cell("a", 0, 0) == fmt.Sprint(100+value)
	})
	return v, time.Since(began)
}

func TestASlowPanelDoesNotHoldUpAPageThatOpens(t *testing.T) {
	b := start(t, accounts)
	const slow = "SELECT v + $1::int, pg_sleep(8) FROM b"
	b.quick(page("/d/warm", panel("a", "SELECT 100"), panel("b", "SELECT 100")), 0) // the session is there
	asked := sleepers(1, slow)
	asked.Candid = true
	v, took := b.quick(asked, 1)
	if v.state.Panels["slow0"] != nil {
		t.Error("a panel that has not answered is in the snapshot")
	}
	t.Logf("first frame beside an unknown slow panel after %v", took)
	if took > 500*time.Millisecond {
		t.Errorf("an unknown slow panel held the others up for %v", took)
	}
	v.until("live", func() bool { return v.is("live") })
	b.exec("BEGIN; UPDATE a SET v = 200; UPDATE b SET v = 200; COMMIT")
	v.until("a change beside it", func() bool { return v.cell("a", 0, 0) == "201" && v.cell("b", 0, 0) == "201" })
	b.exec("BEGIN; UPDATE a SET v = 100; UPDATE b SET v = 100; COMMIT")
	v.until("what the slow one says", func() bool { return v.fault("slow0") == "timeout" })
	if hint := v.state.Panels["slow0"].Err.Hint; !strings.Contains(hint, "EXPLAIN") || !strings.Contains(hint, "--panel-timeout") {
		t.Errorf("it does not say what to do: %q", hint)
	}
	w, took := b.quick(sleepers(2, slow), 2)
	t.Logf("first frame for another value after %v", took)
	if took > 500*time.Millisecond {
		t.Errorf("a panel known to be slow held another value's page up for %v", took)
	}
	if w.state.Panels["slow0"] != nil {
		t.Error("a panel that has not answered is in the snapshot")
	}
}

func TestWhatIsSlowIsKnownWhenItsPageIsGone(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Grace = time.Millisecond })
	const slow = "SELECT v + $1::int, pg_sleep(1.5) FROM b"
	release := b.engine.Open(sleepers(1, slow))
	v := &viewer{bench: b, sub: b.hub.Subscribe("/d/x?n=1", "")}
	defer v.sub.Close()
	v.until("the slow panel", func() bool { return v.cell("slow0", 0, 0) == "101" })
	release()
	b.await("the page to be gone", func() bool { return b.engine.Stats().Pages == 0 })
	w, took := b.quick(sleepers(2, slow), 2)
	if took > time.Second {
		t.Errorf("the first frame took %v", took)
	}
	if w.state.Panels["slow0"] != nil {
		t.Error("the slow panel was waited for again")
	}
	w.until("the slow panel, with a time of its own", func() bool {
		return w.cell("slow0", 0, 0) == "102" && w.apart("slow0")
	})
}

func TestAPanelThatIsQuickForThisValueJoinsItsPage(t *testing.T) {
	b := start(t, accounts)
	const slow = "SELECT v + $1::int, pg_sleep(CASE WHEN $1::int = 1 THEN 1.5 ELSE 0 END) FROM b"
	v, _ := b.quick(sleepers(1, slow), 1)
	v.until("its own lane", func() bool { return v.cell("slow0", 0, 0) == "101" })
	w, _ := b.quick(sleepers(2, slow), 2)
	w.until("the common snapshot", func() bool { return w.cell("slow0", 0, 0) == "102" && !w.apart("slow0") })
	w.until("live", func() bool { return w.is("live") })
	for i := range 5 {
		b.exec(fmt.Sprintf("BEGIN; UPDATE a SET v = %d; UPDATE b SET v = %d; COMMIT", i, i))
		w.until("all in one frame", func() bool {
			if w.cell("a", 0, 0) != w.cell("slow0", 0, 0) {
				t.Fatalf("half a transaction: %s", w.text())
			}
			return w.cell("slow0", 0, 0) == fmt.Sprint(i+2)
		})
	}
	if n := b.engine.Stats().Unrung; n > 0 {
		t.Errorf("%d times a panel that joined its page was taken for a change that nobody rang for", n)
	}
}

func TestManySlowPanelsDoNotHoldUpAPageThatOpens(t *testing.T) {
	b := start(t, accounts)
	var slow []string
	for i := range 8 {
		slow = append(slow, fmt.Sprintf("SELECT $1::int + %d, pg_sleep(8)", i))
	}
	b.quick(page("/d/warm", panel("a", "SELECT 100"), panel("b", "SELECT 100")), 0)
	began := time.Now()
	v := b.view(sleepers(1, slow...))
	v.until("the first panel", func() bool { return v.cell("a", 0, 0) == "101" })
	took := time.Since(began)
	v.until("the last panel", func() bool { return v.cell("b", 0, 0) == "101" })
	t.Logf("first frame after %v, the quick panel behind them after %v", took, time.Since(began))
	if took > 3*time.Second {
		t.Errorf("the first frame took %v", took)
	}
	if all := time.Since(began); all > 8*time.Second {
		t.Errorf("the quick panel behind them took %v", all)
	}
}

// A query that takes a tenth of a second, time after time, goes its own way: it may
// use a tenth of the time, and what stands beside it is as quick as without it.
func TestAHeavyPanelTakesATenthOfTheTime(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("heavy", "SELECT v, pg_sleep(0.1) FROM b")))
	v.until("both", func() bool { return v.cell("a", 0, 0) == "100" && v.cell("heavy", 0, 0) == "100" })
	n := 0
	change := func() time.Duration {
		n++
		b.exec(fmt.Sprintf("UPDATE a SET v = %[1]d; UPDATE b SET v = %[1]d", n))
		began := time.Now()
		v.until("the quick panel", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(n) })
		return time.Since(began)
	}
	for !v.apart("heavy") {
		if change(); n > 30 {
			t.Fatal("it was heavy thirty times, and is not apart")
		}
	}
	every := v.state.Panels["heavy"].Every
	if every < time.Second || every > 3*time.Second {
		t.Errorf("its interval is said to be %v", every)
	}
	var took []time.Duration
	readings, shown := 0, v.cell("heavy", 0, 0)
	began := time.Now()
	for time.Since(began) < max(2*time.Second, 2*every) { // on a busy machine it takes longer than it sleeps
		took = append(took, change())
		if now := v.cell("heavy", 0, 0); now != shown {
			readings, shown = readings+1, now
		}
	}
	if most := 1 + int(time.Since(began)/time.Second); readings == 0 || readings > most {
		t.Errorf("its rows were replaced %d times in %v", readings, time.Since(began))
	}
	slices.Sort(took)
	if middle := took[len(took)/2]; middle > 90*time.Millisecond { // it takes longer itself
		t.Errorf("the quick panel took %v", middle)
	}
	v.until("the last write", func() bool { return v.cell("heavy", 0, 0) == fmt.Sprint(n) })
}

// A panel with a lane of its own follows writes that ring nothing too, because a
// transaction keeps its table's bell from being armed.
func TestASlowPanelFollowsATableThatIsNotArmed(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Slow = 20 * time.Millisecond })
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("slow", "SELECT v, pg_sleep(0.1) FROM b")))
	v.until("its own lane", func() bool { return v.apart("slow") })
	v.until("live", func() bool { return v.is("live") })
	holder := b.connect()
	held := make(chan error, 1)
	go func() { // as every write does that found nobody armed
		_, err := holder.Exec(context.Background(), `BEGIN; DO $$
			DECLARE bell bigint;
			BEGIN
				SELECT split_part(encode(tgargs, 'escape'), '\000', 1) INTO bell FROM pg_trigger WHERE tgrelid = 'b'::regclass AND tgargs <> '' LIMIT 1;
				FOR slot IN 1..4 LOOP
					PERFORM pg_advisory_xact_lock_shared((slot::bigint << 56) + bell);
				END LOOP;
			END $$`, pgx.QueryExecModeSimpleProtocol)
		held <- err
	}()
	n := 0
	for waiting := true; waiting; n++ { // a bell that rings at once is given back
		select {
		case err := <-held:
			if err != nil {
				t.Fatal(err)
			}
			waiting = false
		default:
			b.exec("UPDATE b SET v = $1", n)
			time.Sleep(5 * time.Millisecond)
		}
	}
	for range 3 {
		n++
		b.exec("UPDATE b SET v = $1", n)
		began := time.Now()
		v.until("the silent write", func() bool { return v.cell("slow", 0, 0) == fmt.Sprint(n) })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it was shown after %v", took)
		}
	}
	if _, err := holder.Exec(context.Background(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
}

// One bad moment of the machine, or of the line, costs a panel its place in the common
// snapshot for a second or two, and not until its tables are written twenty times.
func TestAPanelThatWasHeavyOnceIsBackSoon(t *testing.T) {
	b := start(t, accounts+"CREATE TABLE pace (s float); INSERT INTO pace VALUES (0)")
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("moody", "SELECT v, pg_sleep(s) FROM b, pace")))
	v.until("both", func() bool { return v.cell("a", 0, 0) == "100" && v.cell("moody", 0, 0) == "100" })
	v.until("live", func() bool { return v.is("live") })
	b.exec("UPDATE pace SET s = 0.2")
	v.until("its own lane, at once", func() bool { return v.apart("moody") })
	b.exec("UPDATE pace SET s = 0")
	began := time.Now()
	v.until("the common snapshot", func() bool { return !v.apart("moody") })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it was quick, and apart for another %s", took)
	} else {
		t.Logf("back after %s", took)
	}
}

// A panel whose rows are long on their way, on a narrow line, does not rest as if the
// database had worked for as long: it did, for four seconds after each reading.
func TestAPanelOnANarrowLineIsReadAsSoonAsItArrives(t *testing.T) {
	b := start(t, accounts)
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("long", "SELECT v, repeat('x', 100000) FROM b")))
	v.until("both", func() bool { return v.cell("a", 0, 0) == "100" && v.cell("long", 0, 0) == "100" })
	v.until("live", func() bool { return v.is("live") })
	b.wire.narrow.Store(true)
	for n := range 5 {
		began := time.Now()
		b.exec(fmt.Sprintf("UPDATE b SET v = %d", n))
		v.until("the change", func() bool { return v.cell("long", 0, 0) == fmt.Sprint(n) })
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("a change was shown after %s, and takes 0.4 s to arrive", took)
		} else {
			t.Logf("shown after %s", took)
		}
	}
	if !v.apart("long") {
		t.Error("it is read beside what it holds up")
	}
}

// A heavy query is read once for all pages that ask it.
func TestPagesShareTheReadingOfAHeavyPanel(t *testing.T) {
	b := start(t, accounts)
	const heavy = "SELECT v, clock_timestamp()::text, pg_sleep(0.15) FROM b"
	v := b.view(page("/d/x", panel("a", "SELECT v FROM a"), panel("heavy", heavy)))
	w := b.view(page("/d/y", panel("b", "SELECT v FROM b"), panel("heavy", heavy)))
	for _, each := range []*viewer{v, w} {
		each.until("its own lane", func() bool { return each.apart("heavy") })
		each.until("live", func() bool { return each.is("live") })
	}
	for n := range 2 {
		b.exec("UPDATE b SET v = $1", n)
		for _, each := range []*viewer{v, w} {
			each.until("the change", func() bool { return each.cell("heavy", 0, 0) == fmt.Sprint(n) })
		}
		if one, other := v.cell("heavy", 0, 1), w.cell("heavy", 0, 1); one != other {
			t.Errorf("it was read at %s and at %s", one, other)
		}
	}
}
