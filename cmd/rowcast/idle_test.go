package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// watchdog is what a page costs that somebody watches and nobody writes.
type watchdog struct {
	what  string
	role  string        // that asks
	asks  string        // how the statement begins; "" is any of that role
	every time.Duration // how often it is asked
	times int           // in one go
}

// watchdogs are what docs/deploy.md says of such a page, and no more. A safety
// refresh is one transaction, planned anew.
func watchdogs(safety time.Duration) []watchdog {
	list := []watchdog{
		{"the ping", "arm", "SELECT pg_catalog.pg_notification_queue_usage(), COALESCE(", time.Second, 1},
		{"the word that keeps the listening session", "listen", "SELECT 1", 2 * time.Second, 1},
		{"the look at the bells of the page's tables", "open", "-- The relations named by $1 and the partition", 2 * time.Second, 1},
		{"where the address leads", "probe", "SELECT pg_catalog.concat_ws(", 10 * time.Second, 1},
		{"the look for tables without a bell", "bells", "", time.Minute, 16},
	}
	for _, asks := range []string{
		"DISCARD PLANS", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "LOCK TABLE ONLY public.notes IN ACCESS SHARE MODE",
		"SELECT pg_catalog.to_char(pg_catalog.now()", "SELECT pg_catalog.current_setting('TimeZone'), pg_catalog.set_config('TimeZone', $1, true)", "SELECT * FROM (",
		"SELECT pg_catalog.set_config('statement_timeout', $1, true)",
		"SELECT DISTINCT relation, NULL, NULL, NULL::pg_catalog.int8 FROM pg_catalog.pg_lock_status()", "SELECT c.oid, c.relkind", "ROLLBACK", "SELECT pg_catalog.pg_advisory_unlock_all()",
	} {
		list = append(list, watchdog{"the safety refresh", "panels", asks, safety, 1})
	}
	return list
}

// TestIdlePageAsksNothing holds that a page that nothing happens on costs the
// database what proves that, and the safety refresh: each of them as often as the
// documents say, by name, as PostgreSQL logged it, and nothing else. ROWCAST_IDLE=3m
// looks for so long, at the pace that is the default.
func TestIdlePageAsksNothing(t *testing.T) {
	while, safety := 4500*time.Millisecond, 2*time.Second
	if text := os.Getenv("ROWCAST_IDLE"); text != "" {
		long, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("ROWCAST_IDLE: %v", err)
		}
		while, safety = long, 30*time.Second
	}
	server := logged(t)
	if _, err := pgtest.Connect(t, server.URL()).Exec(t.Context(), `CREATE TABLE notes (id int PRIMARY KEY, text text)`); err != nil {
		t.Fatal(err)
	}
	s := serve(t, server.URL(), "--watch", "public.*", "--safety", safety.String())
	events(t, s, "/t/public.notes")(`"state":"live"`)
	list := watchdogs(safety)
	settled(t, server.Log(), list)

	before, waited, began := agreed(t, s, server), metric(t, s, "rowcast_database_seconds_total"), time.Now()
	time.Sleep(while)
	after, took := agreed(t, s, server)[len(before):], time.Since(began)
	waited = metric(t, s, "rowcast_database_seconds_total") - waited
	seen := make([]int, len(list))
	for _, st := range after {
		if i := st.of(list); i >= 0 {
			seen[i]++
		} else {
			t.Errorf("an idle page asks as %s: %.120s", st.role, st.text)
		}
	}
	for i, w := range list {
		due := int(took / w.every)
		if least, most := max(due*9/10-1, min(due, 1))*w.times, (due+1)*w.times; seen[i] < least || seen[i] > most {
			t.Errorf("%s was asked for %d times in %v, want %d to %d: %.60s", w.what, seen[i], took, least, most, w.asks)
		}
	}
	if waited <= 0 || waited > took.Seconds()/4 { // a session that listens waits all the time, and for no answer
		t.Errorf("in %v the database was waited for for %v s", took, waited)
	}
	t.Logf("in %v %d statements, waited for for %.1f ms", took, len(after), waited*1000)
}

// of is which of them a statement is of, or -1.
func (s statement) of(list []watchdog) int {
	for i, w := range list {
		if s.role == w.role && strings.HasPrefix(s.text, w.asks) {
			return i
		}
	}
	return -1
}

// settled waits until the opening of a page is over: it was read with its bells
// armed, and its tables were looked at since.
func settled(t *testing.T, log string, list []watchdog) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all := statementsIn(t, log)
		read, looked := -1, -1 // where the last session was opened to read the page, or to read it beside; and the last look
		for i, st := range all {
			switch at := st.of(list); {
			case st.role == "open" && at >= 0:
				looked = i
			case st.role == "panels" && at < 0, st.role == "open":
				read = i
			}
		}
		if slices.ContainsFunc(all, func(st statement) bool { return st.role == "panels" }) && looked > read {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a page opens for too long: %+v", all[max(0, len(all)-20):])
		}
	}
}
