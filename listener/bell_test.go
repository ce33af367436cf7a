package listener_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/listener"
	"github.com/rowcast/rowcast/migrations"
)

func TestRingAndSilence(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	conn := connect(t, url)
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	r := start(t, url)

	from := r.len()
	run(t, conn, `INSERT INTO a VALUES (1)`)
	first := r.arm(t, bell)
	if again := r.arm(t, bell); again != first {
		t.Fatalf("generation %d became %d without a ring", first, again)
	}
	if n := r.count("rang", from); n != 0 {
		t.Fatalf("%d rings while nobody was armed", n)
	}
	run(t, conn, `INSERT INTO a VALUES (2)`)
	r.wait(t, from, "ring", rings(bell))
	if g := r.Generation(bell); g != 0 {
		t.Fatalf("generation %d after the ring, want 0", g)
	}
	if second := r.arm(t, bell); second <= first {
		t.Fatalf("generation %d came after %d", second, first)
	}
	r.Disarm([]int64{bell})
	if g := r.Generation(bell); g != 0 {
		t.Fatalf("generation %d after Disarm, want 0", g)
	}
	unlocked(t, url, bell)
}

// unlocked waits until no session holds or wants a bell's key.
func unlocked(t *testing.T, url string, bell int64) {
	t.Helper()
	conn := connect(t, url)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if locks(t, conn, bell) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("bell %d is still locked", bell)
		}
	}
}

// locks counts the locks on a bell's four keys.
func locks(t *testing.T, conn *pgx.Conn, bell int64) (n int) {
	t.Helper()
	const count = `
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((classid::bigint & 16777215) << 32 | objid::bigint) = $1`
	if err := conn.QueryRow(t.Context(), count, bell).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPingProves(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	r := start(t, url)
	conn := connect(t, url)
	var before, after time.Time
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	run(t, conn, `NOTIFY rowcast, 'ping 2001-01-01T00:00:00.5Z'`, `NOTIFY rowcast, 'rubbish'`, `NOTIFY rowcast`, `NOTIFY rowcast, '-1'`)
	r.Watched(true)
	e := r.wait(t, 0, "proof", is("proved"))
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if e.at.Before(before) || e.at.After(after) {
		t.Fatalf("proved at %v, want between %v and %v: a forged ping counted", e.at, before, after)
	}
	if n := r.count("rang", 0); n != 0 {
		t.Fatalf("%d rings out of rubbish", n)
	}
	// Pings go on, and both sessions outlive the server's limit for silent ones.
	from := r.len()
	r.wait(t, from, "proof after six seconds", func(e event) bool {
		return e.what == "proved" && e.at.After(after.Add(6*time.Second))
	})
	if n := r.count("lost", 0); n != 0 {
		t.Fatalf("lost %d times while healthy", n)
	}
}

// While nobody watches there are no pings, and both sessions outlive the server's limit for silent ones.
func TestUnwatchedSessionsLive(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	r := start(t, url)
	conn := connect(t, url)
	const old = `
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'rowcast/%' AND backend_start < clock_timestamp() - interval '6 seconds'`
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var n int
		if err := conn.QueryRow(t.Context(), old).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions have lived for six seconds, want 2", n)
		}
	}
	if n := r.count("proved", 0); n != 0 {
		t.Fatalf("%d pings while nobody watches", n)
	}
}

// A writer that went by silently is waited for; newcomers ring meanwhile.
func TestSilentWriterAndNewcomers(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	silent, newcomer := connect(t, url), connect(t, url)
	run(t, silent, `CREATE TABLE a (v int)`)
	bell := watch(t, silent, "a")
	r := start(t, url)
	run(t, silent, `BEGIN`, `INSERT INTO a VALUES (1)`)
	began := time.Now()
	if armed := r.Arm(t.Context(), []int64{bell}); len(armed) != 0 {
		t.Fatal("armed beside a silent writer")
	}
	if d := time.Since(began); d > time.Second {
		t.Fatalf("Arm waited %v", d)
	}
	from := r.len()
	ctx, cancel := context.WithCancel(t.Context())
	var arming sync.WaitGroup
	arming.Go(func() {
		for ctx.Err() == nil {
			r.Arm(ctx, []int64{bell})
		}
	})
	for r.count("rang", from) == 0 { // a tenth of the time one waits, and a newcomer then rings
		run(t, newcomer, `INSERT INTO a VALUES (2)`)
	}
	cancel()
	arming.Wait()
	run(t, silent, `COMMIT`)
	r.arm(t, bell)
}

func TestCap(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	r := start(t, url, func(c *listener.Config) { c.MaxArmed = 3 })
	if armed := r.Arm(t.Context(), []int64{1, 2, 3, 4, 5}); len(armed) != 3 {
		t.Fatalf("%d bells armed, want the cap of 3", len(armed))
	}
	if s := r.State(); s.Cap != 3 || s.Armed != 3 {
		t.Fatalf("state %+v", s)
	}
	r.Disarm([]int64{1, 2, 3, 4, 5})
	r.arm(t, 4)
}

// A ring for one bell while its key is asked for, lost or refused must leave no key that nobody knows of.
func TestHeavyWritersLeaveNoUnknownKey(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	conn := connect(t, url)
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	r := start(t, url, func(c *listener.Config) { c.ArmWait = time.Millisecond })
	ctx, cancel := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 3 {
		writer := connect(t, url)
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := writer.Exec(context.Background(), `DO $$ BEGIN INSERT INTO a VALUES (1); PERFORM pg_sleep(0.001); END $$`); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	armed := 0
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if len(r.Arm(ctx, []int64{bell})) == 1 {
			armed++
		}
	}
	cancel()
	writers.Wait()
	if armed == 0 || r.count("rang", 0) == 0 {
		t.Fatalf("armed %d times, rang %d times: the test must see both", armed, r.count("rang", 0))
	}
	r.Disarm([]int64{bell})
	unlocked(t, url, bell)
}

func TestWithoutSchema(t *testing.T) {
	t.Parallel()
	url := database(t)
	r := start(t, url)
	if s := r.State(); !s.Connected || s.Reason != "bell_missing" {
		t.Fatalf("state %+v", s)
	}
	if armed := r.Arm(t.Context(), []int64{1}); len(armed) != 0 {
		t.Fatal("armed without a schema")
	}
	conn := connect(t, url)
	run(t, conn, `NOTIFY rowcast, '77'`)
	r.wait(t, 0, "ring", rings(77))

	from := r.len()
	install(t, url)
	r.wait(t, from, "reset after the install", is("reset"))
	r.arm(t, 1)
	from = r.len()
	if err := migrations.Uninstall(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	r.wait(t, from, "loss after the uninstall", is("lost"))
	r.wait(t, from, "reset after the uninstall", is("reset"))
	if s := r.State(); s.Reason != "bell_missing" {
		t.Fatalf("state %+v", s)
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	run(t, connect(t, url), `CREATE OR REPLACE FUNCTION rowcast.version() RETURNS int LANGUAGE sql AS 'SELECT 4'`)
	r := start(t, url)
	if s := r.State(); s.Reason != "not_armed" || !strings.Contains(s.Message, "version 4") {
		t.Fatalf("state %+v", s)
	}
}

// After ring() was replaced nothing is armed until the transactions of that moment have ended.
func TestReplacedFunction(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	r := start(t, url)
	r.arm(t, 1)
	conn, old := connect(t, url), connect(t, url)
	run(t, old, `BEGIN`, `SELECT 1`)
	var definition string
	if err := conn.QueryRow(t.Context(), `SELECT pg_get_functiondef('rowcast.ring'::regproc)`).Scan(&definition); err != nil {
		t.Fatal(err)
	}
	from := r.len()
	run(t, conn, strings.Replace(definition, "BEGIN", "BEGIN -- otherwise", 1))
	r.wait(t, from, "loss", is("lost"))
	r.wait(t, from, "reset", is("reset"))
	if s := r.State(); s.Reason != "not_armed" || !strings.Contains(s.Message, "transactions") {
		t.Fatalf("state %+v", s)
	}
	if armed := r.Arm(t.Context(), []int64{1}); len(armed) != 0 {
		t.Fatal("armed beside a transaction that may run the old function")
	}
	from = r.len()
	run(t, old, `COMMIT`)
	r.wait(t, from, "reset", is("reset"))
	r.arm(t, 1)
}

// A server that starts beside a writer that could not ring waits for it before it arms.
func TestMuteKeyAtStart(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	mute := connect(t, url)
	run(t, mute, `BEGIN`, `SELECT pg_advisory_xact_lock_shared(5::bigint << 56 | 32210705904137076)`)
	r := start(t, url)
	r.wait(t, 0, "muted", func(e event) bool { return e.what == "muted" && e.on })
	if s := r.State(); !s.Muted || s.Reason != "queue_full" {
		t.Fatalf("state %+v", s)
	}
	from := r.len()
	run(t, mute, `COMMIT`)
	r.wait(t, from, "unmuted", func(e event) bool { return e.what == "muted" && !e.on })
	r.wait(t, from, "reset", is("reset"))
	r.arm(t, 1)
}
