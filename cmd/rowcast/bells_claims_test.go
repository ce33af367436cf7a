package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// Tables that a query reads as its viewer get their bell, although the query and its
// policy fail for who makes no claim; and nothing that stands in a dashboard runs as
// the role that installs.
func TestQueriesWithClaimsGetBells(t *testing.T) {
	db := pgtest.New(t)
	reader := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	db.Script(t, fmt.Sprintf(`CREATE TABLE notes (id int PRIMARY KEY, owner text, text text); INSERT INTO notes VALUES (1, 'anna', 'hers');
		CREATE TABLE desks (owner text, number int); CREATE TABLE plain (owner int, text text);
		ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON notes USING (owner = current_setting('app.user'));
		CREATE FUNCTION desk() RETURNS SETOF desks LANGUAGE sql STABLE AS $$SELECT * FROM desks WHERE owner = current_setting('app.user')$$;
		CREATE FUNCTION guess() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
			IF session_user <> '%[1]s' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN 1; END$$;
		CREATE ROLE %[1]s LOGIN; GRANT SELECT ON notes, desks, plain TO %[1]s`, reader))
	t.Cleanup(func() { db.Script(t, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", reader)) })
	dir := t.TempDir()
	for name, text := range map[string]string{
		"own.yaml": "title: Own\naccess: {everyone: true}\nrun_as: {settings: {app.user: '{user}'}}\npanels:\n" +
			"  - {id: rows, type: table, query: \"SELECT id, text FROM notes WHERE owner = current_setting('app.user')\"}\n" +
			"  - {id: desk, type: table, query: SELECT number FROM desk()}\n",
		"plain.yaml": "title: Plain\naccess: {everyone: true}\npanels:\n  - {id: rows, type: table, query: SELECT text FROM plain WHERE owner = guess()}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", reader)
	u.User, u.RawQuery = nil, q.Encode()
	s := serve(t, u.String(), "--admin-database-url", db.URL, "--dashboards", dir, "--auth", "proxy", "--trusted-proxy", "127.0.0.1", "--user-header", "X-User")
	var tables string
	if err := db.Conn(t).QueryRow(t.Context(), `SELECT string_agg(tgrelid::regclass::text, ' ' ORDER BY tgrelid::regclass::text) FROM pg_trigger WHERE tgname = 'rowcast_bell'`).Scan(&tables); err != nil || tables != "desks notes plain" {
		t.Errorf("bells are on %q, %v; %s", tables, err, s.log.String())
	}
	hear := events(t, s, "/d/own", "X-User", "anna")
	hear("hers")
	hear(`"state":"live"`)
	db.Exec(t, `UPDATE notes SET text = 'rung'`)
	hear("rung")
}
