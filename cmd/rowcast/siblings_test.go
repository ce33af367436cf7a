package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const slyFile = `title: Sly
panels:
  - id: siblings
    type: table
    query: |
      SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS n
      FROM notes, pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()
`

// A role may end sessions of its own, so a panel can end those of the server, with
// each of its readings. What others watch goes on all the same, by new ones; the log
// says that sessions were ended; and once its file is mended all is well.
func TestAPanelThatEndsTheServersSessions(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'before')`)
	if _, err := command(t, "watch", "public.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	role := newRole(t, db)
	db.Script(t, fmt.Sprintf(`GRANT USAGE ON SCHEMA public, rowcast TO %[1]s; GRANT SELECT ON notes TO %[1]s`, role))
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "sly.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(slyFile)
	s := serve(t, asRole(t, db.URL, role), "--dashboards", dir)
	notes := events(t, s, "/t/public.notes")
	notes(`"state":"live"`)
	events(t, s, "/d/sly") // keeps it open
	const soon = 5 * time.Second
	lost := func() int {
		return strings.Count(s.log.String(), "terminating connection due to administrator command")
	}
	for i := 0; i < 5 || lost() < 3; i++ {
		if i == 50 {
			t.Fatalf("sessions were ended %d times; is this a test?\n%s", lost(), s.log)
		}
		began := time.Now()
		db.Exec(t, fmt.Sprintf(`UPDATE notes SET text = 'number %d.'`, i))
		if notes(fmt.Sprintf("number %d.", i)); time.Since(began) > soon {
			t.Errorf("another page shows a change after %v", time.Since(began))
		}
	}
	began := time.Now()
	write("title: Sly\npanels: [{id: one, type: table, query: 'SELECT 1 AS one'}]\n")
	for ended := -1; ended != lost() || time.Since(began) < time.Second; time.Sleep(100 * time.Millisecond) {
		if ended = lost(); time.Since(began) > 20*time.Second {
			t.Fatal("sessions are ended for ever")
		}
	}
	becomes(t, s, "rowcast_bells_armed", above(0))
	db.Exec(t, `UPDATE notes SET text = 'after it all'`)
	notes("after it all")
	var sessions int
	if err := db.Conn(t).QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE usename = $1`, role).Scan(&sessions); err != nil || sessions > mostSessions {
		t.Errorf("%d sessions are open, %v", sessions, err)
	}
}
