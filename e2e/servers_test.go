package e2e_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
	"github.com/rowcast/rowcast/internal/proxy"
)

// noticed is how long a server that wants to shut down may be kept waiting, and
// how long an address that leads elsewhere may go unnoticed.
const noticed = 15 * time.Second

// wordServer is a server with a table of one row, watched, and a role that all share.
func wordServer(t *testing.T, word string) (*postgres.Server, *pgx.Conn) {
	t.Helper()
	server := pgtest.Server(t, nil, pgtest.TCP())
	conn := pgtest.Connect(t, server.URL())
	for _, sql := range []string{
		`CREATE ROLE ` + servant + ` LOGIN PASSWORD 'secret'`,
		`GRANT CREATE ON DATABASE postgres TO ` + servant,
		`GRANT CREATE ON SCHEMA public TO ` + servant,
		`SET ROLE ` + servant,
		`CREATE TABLE words (word text PRIMARY KEY)`,
		`INSERT INTO words VALUES ('` + word + `')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return server, conn
}

func hostOf(t *testing.T, s *postgres.Server) string {
	t.Helper()
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return at.Host
}

// testTheDatabaseIsAnother holds that all of the program's sessions lead to one
// server, whatever its address comes to mean: a page that is read from one and
// rung for by another would be called live and is not. And that a server which
// waits for its clients before it shuts down is not kept waiting.
func testTheDatabaseIsAnother(t *testing.T) {
	one, atOne := wordServer(t, "one")
	two, atTwo := wordServer(t, "two")
	line, err := proxy.TCP(hostOf(t, one))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	target := "postgres://" + servant + ":secret@" + line.Addr() + "/postgres?sslmode=disable"
	words := question{id: "words", query: "SELECT word FROM words ORDER BY word"}
	s := newScene(t, target, map[string][]question{"words": {words}}, nil, "--safety", "10m")
	const page = "/d/words"
	exec := func(conn *pgx.Conn, sql string) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range []*pgx.Conn{atOne, atTwo} {
		watchAs(t, conn.Config().ConnString(), "public.words")
	}
	s.soon(page, "live", 10*time.Second, both(showing("words", "one"), saying("live", "")))

	line.Redirect(hostOf(t, two))
	exec(atOne, ending("panels"))
	exec(atOne, `INSERT INTO words VALUES ('left behind')`) // a ring, and the page is read: where?
	took := s.soon(page, "the other server, once one session leads there", 5*time.Second, both(showing("words", "two"), saying("live", "")))
	settled := time.Now().Add(time.Second)
	s.soon(page, "still live", 10*time.Second, func(_ *delta.State, status *delta.Status) bool {
		return status.State == "live" && status.At.After(settled) // so it sleeps, and waits for a ring
	})
	exec(atTwo, `INSERT INTO words VALUES ('heard')`)
	heard := s.soon(page, "what is written there", 2*time.Second, showing("words", "two", "heard"))
	t.Logf("at the other server after %s, and a write there heard after %s", took, heard)

	line.Redirect(hostOf(t, one)) // and nothing is ended: only who comes new is led elsewhere
	took = s.soon(page, "the first server", noticed, both(showing("words", "one", "left behind"), saying("live", "")))
	exec(atOne, `INSERT INTO words VALUES ('again')`)
	heard = s.soon(page, "what is written there", 2*time.Second, showing("words", "one", "left behind", "again"))
	t.Logf("back after %s, and a write there heard after %s", took, heard)

	_ = atOne.Close(t.Context())
	began, gone := time.Now(), make(chan error, 1)
	go func() { gone <- one.Stop(postgres.Smart) }()
	select {
	case err := <-gone:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(noticed):
		_ = one.Stop(postgres.Fast)
		t.Fatalf("a smart shutdown still waits for the program after %s", noticed)
	}
	t.Logf("a smart shutdown took %s", time.Since(began))
	s.soon(page, "stale", staleWithin, saying("stale", "database_unreachable"))
	if err := one.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	took = s.soon(page, "live again", rightWithin, both(showing("words", "one", "left behind", "again"), saying("live", "")))
	t.Logf("live %s after it was started", took)
}
