package live_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// A query that wants more than to read gets an error, or nothing of what it did
// is there afterwards: not a row, a file, a lock, a setting, or another session's
// end. What stops it is the role, so the transaction that only reads is left by
// some of them first.
func TestAPanelCanDoNoMoreThanItsRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := &bench{T: t, url: db.URL, hub: broadcast.New[*delta.State](broadcast.Config{})}
	b.conn = b.connect()
	b.exec(`CREATE EXTENSION dblink;
		CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'before');
		CREATE TABLE secrets (id int); INSERT INTO secrets VALUES (42)`)
	b.watch()
	prefix, reads := team(b)
	b.exec("REVOKE ALL ON secrets FROM reader_" + prefix)
	var owner string
	var pid int
	if err := b.conn.QueryRow(t.Context(), `SELECT current_user, pg_backend_pid()`).Scan(&owner, &pid); err != nil {
		t.Fatal(err)
	}
	b.run(reads)
	refused := map[string]string{
		"file":      `SELECT pg_read_file('postgresql.conf')`,
		"folder":    `SELECT pg_ls_dir('.')`,
		"role":      `SELECT set_config('role', '` + owner + `', false)`,
		"session":   `SELECT set_config('session_authorization', '` + owner + `', false)`,
		"kill":      fmt.Sprintf(`SELECT pg_terminate_backend(%d)`, pid),
		"cancel":    fmt.Sprintf(`SELECT pg_cancel_backend(%d)`, pid),
		"secret":    `SELECT id FROM secrets`,
		"insert":    `WITH x AS (INSERT INTO words VALUES (2, 'mine') RETURNING id) SELECT id FROM x`,
		"writable":  `WITH w AS MATERIALIZED (SELECT set_config('transaction_read_only', 'off', false)), x AS (INSERT INTO words SELECT 3, 'mine' FROM w RETURNING id) SELECT id FROM x`,
		"two":       `SELECT 1; DROP TABLE words`,
		"password":  `SELECT rolpassword FROM pg_authid`,
		"dblink":    `SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t(v int)`,
		"copy":      `COPY words TO PROGRAM 'true'`,
		"table":     `CREATE TABLE mine AS SELECT 1`,
		"import":    `SELECT lo_import('/etc/passwd')`,
		"setting":   `SELECT set_config('session_preload_libraries', 'x', false)`,
		"extension": `CREATE EXTENSION lo`,
	}
	harmless := map[string]string{
		"large":  `SELECT lo_create(4711) IS NULL`,
		"lock":   `SELECT pg_advisory_lock(4711) IS NULL`,
		"lasts":  `SELECT set_config('work_mem', '1GB', false)`,
		"time":   `SELECT set_config('statement_timeout', '0', false)`,
		"path":   `SELECT set_config('search_path', 'nowhere', false)`,
		"notify": `SELECT pg_notify('rowcast', 'junk') IS NULL`,
	}
	panels := []dashboard.Panel{panel("words", `SELECT word FROM words ORDER BY id`)}
	for id, sql := range refused {
		panels = append(panels, panel(id, sql))
	}
	for id, sql := range harmless {
		panels = append(panels, panel(id, sql))
	}
	v := b.view(page("/d/wall", panels...))
	v.until("each has its answer", func() bool {
		for _, p := range panels {
			if v.state.Panels[p.ID] == nil {
				return false
			}
		}
		return true
	})
	for id := range refused {
		if v.fault(id) == "" {
			t.Errorf("%q has an answer: %s", id, v.cell(id, 0, 0))
		}
	}
	b.exec(`UPDATE words SET word = 'after'`)
	v.until("the others go on", func() bool { return v.cell("words", 0, 0) == "after" })
	plain := b.view(page("/d/plain", panel("words", `SELECT word FROM words ORDER BY id`), panel("now", `SELECT current_user, current_setting('search_path'), current_setting('work_mem')`)))
	plain.until("another page is as ever", func() bool { return plain.cell("words", 0, 0) == "after" && plain.cell("now", 0, 0) != "nothing" })
	if who := plain.cell("now", 0, 0); who != "reader_"+prefix {
		t.Errorf("panels run as %s now", who)
	}
	for column, bad := range map[int]string{1: "nowhere", 2: "1GB"} {
		if is := plain.cell("now", 0, column); is == bad {
			t.Errorf("a setting of one page's query is there in another's: %s", is)
		}
	}
	var rows, objects, tables, locks int
	err := b.conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM words), (SELECT count(*) FROM pg_largeobject_metadata),
		(SELECT count(*) FROM pg_class WHERE relname = 'mine'),
		(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&rows, &objects, &tables, &locks)
	if err != nil {
		t.Fatalf("the session that was to be ended: %v", err)
	}
	if rows != 1 || objects != 0 || tables != 0 {
		t.Errorf("%d rows, %d large objects, %d tables are there", rows, objects, tables)
	}
	if locks != 0 { // it may be under way in this moment
		v.until("the lock to be gone", func() bool {
			var n int
			_ = b.conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711`).Scan(&n)
			return n == 0
		})
	}
	if strings.Contains(v.cell("file", 0, 0), "=") {
		t.Error("a file of the server is shown")
	}
}
