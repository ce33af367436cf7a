package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// The server's own page is one as any other, and tells what the server does.
func TestStatusPage(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	s := serve(t, db.URL, "--watch", "public.*")
	hear := events(t, s, "/status")
	hear(`"type":"snapshot"`, `"page":"/status"`)
	hear(`"state":"timed"`, `"every_ms":1000`)
	notes := events(t, s, "/t/public.notes")
	notes(`"state":"live"`)
	hear(`"viewers":{"ops":[["=","[]",{"0":"2"`) // and one of them watches the table
	db.Exec(t, `INSERT INTO notes VALUES (1, 'seen')`)
	notes("seen")
	hear(`"type":"delta"`, `/t/public.notes`) // among the panels that were read
	for path, want := range map[string]string{
		"status": "Database sessions", "": `href="/status"`, "status/viewers.csv": "2,", "api/v1/page?page=/status": `"kind":"status"`,
		"status?kiosk": "Server status", "status/findings.json": "this is the primary",
	} {
		if code, body := get(t, s.url+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q:\n%.300s", path, code, want, body)
		}
	}
	// A metric that the page names and nobody counts would be null for ever.
	var shown struct {
		Panels map[string]struct{ Rows [][]*string }
	}
	_, body := get(t, s.url+"api/v1/snapshot?page=/status")
	if err := json.Unmarshal([]byte(body), &shown); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"viewers", "frames", "proof", "statements", "busy", "sessions", "process"} {
		rows := shown.Panels[id].Rows
		if len(rows) != 1 {
			t.Fatalf("%s has %d rows", id, len(rows))
		}
		for i, cell := range rows[0] {
			if cell == nil {
				t.Errorf("%s: column %d is null", id, i)
			}
		}
	}
	if code, _ := get(t, s.url+"status/none.csv"); code != http.StatusNotFound {
		t.Errorf("a panel that is not there: %d", code)
	}
}

// A page that nothing happens on costs the database what proves that: a ping a
// second, and the watchdogs' looks. docs/performance.md has the figures.
func TestIdlePageAsksNothing(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	s := serve(t, db.URL, "--watch", "public.*", "--safety", "1h")
	events(t, s, "/t/public.notes")(`"state":"live"`)
	looker := db.Conn(t)
	type spent struct{ armed, cycles, readings, statements, transactions float64 }
	now := func() (n spent) {
		n = spent{cycles: metric(t, s, "rowcast_cycles_total"), readings: metric(t, s, "rowcast_query_seconds_count"), statements: metric(t, s, "rowcast_database_statements_total")}
		const ended = `SELECT (xact_commit + xact_rollback)::float8 FROM pg_stat_database WHERE datname = current_database()`
		if err := looker.QueryRow(t.Context(), ended).Scan(&n.transactions); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const while = 2 * time.Second
	// The database counts what has ended a second later, so the opening may still
	// be among what it counts at first.
	var last spent
	for range 5 {
		before := now()
		time.Sleep(while)
		after := now()
		last = spent{metric(t, s, "rowcast_bells_armed"), after.cycles - before.cycles, after.readings - before.readings, after.statements - before.statements, after.transactions - before.transactions}
		if last.armed == 1 && last.cycles == 0 && last.readings == 0 && 1 <= last.statements && last.statements <= 4 && last.transactions <= 10 {
			return
		}
	}
	t.Errorf("in %v an idle page costs %+v", while, last)
}
