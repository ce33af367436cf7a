package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// events reads a page's events until one holds all of the words.
func events(t *testing.T, s *server, page string, header ...string) func(words ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"api/v1/events?page="+page, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1024)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range lines { // the reader ends with the body
		}
		resp.Body.Close()
	})
	return func(words ...string) {
		t.Helper()
		late := time.After(15 * time.Second)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the events ended before %q", words)
				}
				all := true
				for _, w := range words {
					all = all && strings.Contains(line, w)
				}
				if all {
					return
				}
			case <-late:
				t.Fatalf("%q never came", words)
			}
		}
	}
}

// The second server makes itself a slot, and both go by the bell.
func TestTwoServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	one := serve(t, db.URL, "--watch", "public.*")
	two := serve(t, db.URL, "--watch", "public.*")
	first, second := events(t, one, "/t/public.notes"), events(t, two, "/t/public.notes")
	conn := db.Conn(t)
	armed := func() (slots int) {
		err := conn.QueryRow(t.Context(), `SELECT count(DISTINCT classid::bigint >> 24) FROM pg_locks
			WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objid <> x'63617374'::int::oid
			  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&slots)
		if err != nil {
			t.Fatal(err)
		}
		return slots
	}
	cycles := func() float64 { return metric(t, one, "rowcast_cycles_total") + metric(t, two, "rowcast_cycles_total") }
	both := func() {
		t.Helper()
		for deadline := time.Now().Add(15 * time.Second); armed() != 2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of 2 servers are armed", armed())
			}
		}
		for before := -1.0; before != cycles(); time.Sleep(time.Second) { // who has a new slot reads anew
			before = cycles()
		}
	}
	both()
	for i := range 10 {
		text := "note " + string(rune('a'+i))
		db.Exec(t, `INSERT INTO notes VALUES ($1, $2)`, i, text)
		first(text)
		second(text)
	}
	both()
	// Both sleep now: neither wakes the other.
	before := cycles()
	first(`"state":"live"`) // comes every five seconds
	if after := cycles(); after != before {
		t.Errorf("%v cycles without a write", after-before)
	}
}

func TestAStandbyIsServedByTheClockAndSaysWhy(t *testing.T) {
	pg := pgtest.Server(t, nil)
	conn := pgtest.Connect(t, pg.URL())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE notes (id int PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t, "watch", "public.*", "--database-url", pg.URL()); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	if err := pg.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	// With this file and no primary it starts as a standby that waits for WAL.
	if err := os.WriteFile(filepath.Join(pg.Dir(), "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pg.Restart(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	s := serve(t, pg.URL())
	events(t, s, "/t/public.notes")(`"type":"status"`, "standby")
	if out, err := command(t, "doctor", "--database-url", pg.URL()); err == nil || !strings.Contains(out, "this is a standby") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// TestAFullDatabaseIsWaitedFor holds that a server which starts while all
// connections are taken waits for one, and that an application which prepares its
// transactions goes on doing so: a table that it writes is read by the clock.
func TestAFullDatabaseIsWaitedFor(t *testing.T) {
	pg := pgtest.Server(t, map[string]string{"max_connections": "18", "superuser_reserved_connections": "3", "max_prepared_transactions": "2", "max_wal_senders": "2"})
	conn := pgtest.Connect(t, pg.URL())
	exec := func(sql string) {
		t.Helper()
		if err := conn.PgConn().Exec(t.Context(), sql).Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE notes (id int PRIMARY KEY); CREATE ROLE reader LOGIN; GRANT SELECT ON notes TO reader`)
	if _, err := command(t, "watch", "public.*", "--database-url", pg.URL()); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(pg.URL(), "user=postgres", "user=reader", 1)
	var taken []*pgx.Conn
	for {
		other, err := pgx.Connect(t.Context(), url)
		if err != nil {
			break
		}
		taken = append(taken, other)
	}
	s := begin(t, url)
	await(t, s.log, "waiting for the database")
	for _, other := range taken {
		_ = other.Close(t.Context())
	}
	s.serves(t)

	next := events(t, s, "/t/public.notes")
	next(`"state":"timed"`, "max_prepared_transactions")
	exec(`BEGIN; INSERT INTO notes VALUES (42); PREPARE TRANSACTION 'forty-two'`)
	exec(`COMMIT PREPARED 'forty-two'`)
	next(`"42"`)
}
