//go:build unix

package e2e_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// A server that is frozen while it counts a table or writes all of it into a file
// gives the table free as well: whoever wants to alter it waits no longer than that.
func TestServerFrozenInBulkHoldsNoLocks(t *testing.T) {
	t.Parallel()
	program := binary(t)
	tcp := pgtest.Server(t, nil, pgtest.TCP())
	all := newCrew(t, 3) // they wait for PostgreSQL's own limits
	defer all.wait()
	const counting = `a.wait_event = 'PgSleep'`
	const writing = `a.wait_event = 'ClientWrite'`
	all.run("a count, unix socket", func(t *testing.T) {
		testFrozenInBulk(t, program, pgtest.New(t).URL, "api/v1/count?page=/t/public.dear", counting, limit)
	})
	for name, c := range map[string]struct {
		path, moment string
		limit        time.Duration
	}{
		"count":  {"api/v1/count?page=/t/public.dear", counting, limit},
		"export": {"t/public.large/all.csv", writing, limit + limit/2}, // whose reader may be slow
	} {
		all.run("a "+name+", TCP", func(t *testing.T) {
			conn := pgtest.Connect(t, tcp.URL())
			if _, err := conn.Exec(t.Context(), `CREATE DATABASE frozen_`+name); err != nil {
				t.Fatal(err)
			}
			testFrozenInBulk(t, program, tcp.DatabaseURL("frozen_"+name), c.path, c.moment, c.limit)
		})
	}
}

// testFrozenInBulk asks for a path, whose answer nobody reads, and stops the server at
// a moment of the session that works for it.
func testFrozenInBulk(t *testing.T, program, database, path, moment string, limit time.Duration) {
	f := &frozen{T: t, conn: pgtest.Connect(t, database)}
	f.exec(`CREATE TABLE readings (id int PRIMARY KEY, word text NOT NULL)`)
	f.exec(`INSERT INTO readings SELECT i, 'before' FROM generate_series(1, 4) i`)
	f.exec(`CREATE VIEW dear AS SELECT id, pg_sleep(0.2)::text AS slept FROM readings`)
	f.exec(`CREATE VIEW large AS SELECT r.id, i, repeat('x', 1000) AS text FROM readings r, generate_series(1, 20000) i`)
	server := startFreezable(t, program, database, `SELECT id, word FROM readings ORDER BY id`)
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(ask); err == nil {
			<-t.Context().Done() // a reader that takes nothing
			_ = resp.Body.Close()
		}
	}()
	t.Cleanup(func() { <-done })
	const bulk = ours + ` AND a.application_name = 'rowcast/bulk' AND l.relation = 'readings'::pg_catalog.regclass`
	f.await("the moment", `SELECT count(*)`+bulk+` AND `+moment)
	server.signal(syscall.SIGSTOP)
	stopped := time.Now()
	for n := f.count(`SELECT count(*)` + bulk); n > 0; n = f.count(`SELECT count(*)` + bulk) {
		if time.Since(stopped) > limit {
			t.Fatalf("the table is held %s after the server was stopped: %s", limit, f.holders())
		}
		f.pause(20 * time.Millisecond)
	}
	t.Logf("free %s after the server was stopped", time.Since(stopped).Round(100*time.Millisecond))
	server.signal(syscall.SIGCONT)
}
