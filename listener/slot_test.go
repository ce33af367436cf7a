package listener_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/listener"
)

func TestTwoListeners(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	conn := connect(t, url)
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	run(t, conn, `SELECT rowcast.set_slots(2)`)
	one, two := start(t, url), start(t, url)
	if a, b := one.State().Slot, two.State().Slot; a == b || a == 0 || b == 0 {
		t.Fatalf("slots %d and %d", a, b)
	}
	one.arm(t, bell)
	two.arm(t, bell)
	run(t, conn, `INSERT INTO a VALUES (1)`)
	one.wait(t, 0, "ring", rings(bell))
	two.wait(t, 0, "ring", rings(bell))
	// With one asleep the other hears too, and when both are gone writers are silent.
	one.arm(t, bell)
	from := two.len()
	run(t, conn, `INSERT INTO a VALUES (2)`)
	two.wait(t, from, "ring", rings(bell))
	one.stop()
	two.stop()
	unlocked(t, url, bell)
}

// own takes a slot as a server does.
func own(t *testing.T, url string, slot int) (give func()) {
	t.Helper()
	conn := connect(t, url)
	run(t, conn, fmt.Sprintf(`SELECT pg_advisory_lock(%d::bigint << 56 | 32210705904137076)`, slot))
	return func() { run(t, conn, `SELECT pg_advisory_unlock_all()`) }
}

// A server without a slot goes by the clock, until one is free or one more is made; who
// has one notices nothing that lasts.
func TestAServerWithoutASlotGoesByTheClock(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	first := start(t, url)
	var log bytes.Buffer
	second := start(t, url, func(c *listener.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if s := second.State(); !s.Full() || s.Reason != "not_armed" || !strings.Contains(s.Message, "all slots (1)") || !strings.Contains(s.Message, "set_slots(2)") {
		t.Fatalf("state %+v", s)
	}
	if armed := second.Arm(t.Context(), []int64{1}); len(armed) != 0 {
		t.Fatal("armed without a slot")
	}
	long := connect(t, url) // before there were two slots
	run(t, long, `BEGIN`, `SELECT txid_current()`)
	from, of := second.len(), first.len()
	run(t, connect(t, url), `SELECT rowcast.set_slots(2)`)
	second.wait(t, from, "loss of the connection that knew one", is("lost"))
	first.arm(t, 2)
	if s := first.State(); s.Slot != 1 || s.Reason != "" || first.len() != of {
		t.Fatalf("state %+v of the first beside a transaction of before, and %d events", s, first.len()-of)
	}
	run(t, long, `COMMIT`)
	second.wait(t, from, "reset when there is one more", is("reset"))
	second.arm(t, 1)
	if s := second.State(); s.Slot != 2 || s.Reason != "" || s.Full() {
		t.Fatalf("state %+v", s)
	}

	third := start(t, url)
	if s := third.State(); !s.Full() || !strings.Contains(s.Message, "all slots (2)") {
		t.Fatalf("state %+v", s)
	}
	from = third.len()
	first.stop()
	third.wait(t, from, "reset when a slot is free", is("reset"))
	if s := third.State(); s.Slot != 1 || s.Reason != "" {
		t.Fatalf("state %+v after a slot became free", s)
	}
	third.arm(t, 1)

	second.stop()
	if !strings.Contains(log.String(), "level=INFO msg=\"doorbell lost\"") || strings.Contains(log.String(), "WARN") {
		t.Errorf("that there is one slot more is no cause for a warning:\n%s", &log)
	}
}

// Who takes a slot that was made lately waits for writers who began before and did not
// try it, whether or not it knew the doorbell before.
func TestALateSlotWaitsForEarlierWriters(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	conn, early := connect(t, url), connect(t, url)
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	own(t, url, 1)
	run(t, early, `BEGIN`, `INSERT INTO a VALUES (1)`)
	run(t, conn, `SELECT rowcast.set_slots(2)`)
	second := start(t, url)
	if s := second.State(); s.Slot != 2 || s.Reason != "not_armed" || !strings.Contains(s.Message, "transactions") {
		t.Fatalf("state %+v beside a writer of before", s)
	}
	if armed := second.Arm(t.Context(), []int64{bell}); len(armed) != 0 {
		t.Fatal("armed beside a writer that did not try the slot")
	}
	from := second.len()
	run(t, early, `COMMIT`)
	second.wait(t, from, "reset", is("reset"))
	second.arm(t, bell)
	from = second.len()
	run(t, early, `INSERT INTO a VALUES (2)`)
	second.wait(t, from, "ring", rings(bell))
}

// Who waits in a late slot for a transaction that may go on for hours takes the first
// one as soon as it is free, which that transaction tried.
func TestTheFirstSlotNeedNotBeWaitedFor(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	conn, early := connect(t, url), connect(t, url)
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	leave := own(t, url, 1)
	run(t, early, `BEGIN`, `INSERT INTO a VALUES (1)`)
	run(t, conn, `SELECT rowcast.set_slots(2)`)
	second := start(t, url)
	if s := second.State(); s.Slot != 2 || s.Reason != "not_armed" {
		t.Fatalf("state %+v beside a writer of before", s)
	}
	from := second.len()
	leave()
	second.wait(t, from, "reset", is("reset"))
	if s := second.State(); s.Slot != 1 || s.Reason != "" {
		t.Fatalf("state %+v", s)
	}
	if armed := second.Arm(t.Context(), []int64{bell}); len(armed) != 0 {
		t.Fatal("armed beside a writer that went by silently") // it holds the key itself
	}
	run(t, early, `COMMIT`)
	second.arm(t, bell)
	run(t, connect(t, url), `SELECT pg_advisory_lock(2::bigint << 56 | 32210705904137076)`) // nobody has it any more
}
