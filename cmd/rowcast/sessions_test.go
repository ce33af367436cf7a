package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// TestSessions counts the server's sessions, by what they are for, while it does
// all that it opens any for: none is more than what the doctor, which asks for
// room, and the documents say.
func TestSessions(t *testing.T) {
	bounds := map[string]int{
		"listen": 1, "arm": 1, "panels": 1, "open": 1, "slow": 1, "catalog": catalogSessions, "bulk": bulkSessions,
		"bells": bellsSessions, "doctor": doctorSessions, "probe": probeSessions,
	}
	sum := 0
	for _, n := range bounds {
		sum += n
	}
	if sum != mostSessions {
		t.Fatalf("%d sessions at most by their names, %d by what they are for", sum, mostSessions)
	}
	for file, say := range map[string]string{
		"../../README.md": "%d sessions at most", "../../docs/deploy.md": "%d sessions at most", "../../docs/reliability.md": "at most %d sessions",
	} {
		text, err := os.ReadFile(file)
		if want := fmt.Sprintf(say, mostSessions); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q: %v", file, want, err)
		}
	}

	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i;
		CREATE VIEW heavy AS SELECT n.id FROM notes n, pg_sleep(0.4)`)
	counted := census(t, db)
	dir := t.TempDir()
	text := "title: Notes\npanels:\n  - {id: all, type: table, query: SELECT count(*) FROM notes}\n  - {id: long, type: table, query: SELECT count(*) FROM heavy}\n"
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	named, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := named.Query()
	q.Set("application_name", "rowcast/nobody's") // where none is told
	named.RawQuery = q.Encode()
	s := serve(t, named.String(), "--dashboards", dir)
	for range 2 { // exports whose reader stands still
		resp, err := http.Get(s.url + "t/public.notes/all.csv")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.CopyN(io.Discard, resp.Body, 1); err != nil {
			t.Fatal(err)
		}
	}
	events(t, s, "/d/notes")(`"type":"snapshot"`)
	events(t, s, "/status")("this is the primary")

	var seen map[string]int
	unseen := func(name string, _ int) bool { return seen[name] > 0 || name == "probe" } // which comes where no other does
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		db.Exec(t, `DELETE FROM notes WHERE id = (SELECT min(id) FROM notes)`) // panels are read again, the slow one apart
		seen = counted()
		left := maps.Clone(bounds)
		if maps.DeleteFunc(left, unseen); len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %v only %v were seen", bounds, seen)
		}
	}
	delete(seen, "start") // when there are no others yet
	for name, n := range seen {
		if n > bounds[name] {
			t.Errorf("%d sessions of %q, want %d at most", n, name, bounds[name])
		}
	}
}

// census looks at the database's sessions, time after time, and tells the most
// that there were at once of each of the server's kinds so far.
func census(t *testing.T, db *pgtest.DB) (counted func() map[string]int) {
	t.Helper()
	conn := db.Conn(t)
	var mu sync.Mutex // guards most
	most := map[string]int{}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var name string
			var n int
			rows, _ := conn.Query(ctx, `SELECT substr(application_name, 9), count(*)::int FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'rowcast/%' GROUP BY 1`)
			_, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error {
				mu.Lock()
				defer mu.Unlock()
				most[name] = max(most[name], n)
				return nil
			})
			if err != nil && ctx.Err() == nil {
				t.Errorf("count sessions: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(most)
	}
}
