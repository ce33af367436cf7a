package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// asRole is a database's URL for another role.
func asRole(t *testing.T, text, role string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", role)
	u.RawQuery = q.Encode()
	return u.String()
}

// newRole makes a role that may log in, until the test ends.
func newRole(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	role := fmt.Sprintf("role_%d", time.Now().UnixNano())
	db.Exec(t, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() { db.Script(t, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)) })
	return role
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	db := pgtest.New(t)
	role := newRole(t, db)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, owner text); CREATE MATERIALIZED VIEW sums AS SELECT 1 AS n`)
	if _, err := command(t, "watch", "public.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	db.Script(t, fmt.Sprintf(`GRANT USAGE ON SCHEMA public, rowcast TO %[1]s; GRANT SELECT ON notes, sums TO %[1]s`, role))
	reader := asRole(t, db.URL, role)
	examine := func(args ...string) (string, error) {
		return command(t, append([]string{"doctor", "--database-url", reader}, args...)...)
	}
	out, err := examine()
	if err != nil {
		t.Fatalf("a reading role is sick: %v\n%s", err, out)
	}
	for _, want := range []string{"PostgreSQL ", "this is the primary", "owns no table", "may change no table", "public.sums (a materialized view)", "1 tables have the doorbell", "sessions are taken"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	for _, c := range []struct {
		name, spoil, mend string
		sick              bool
		want              []string
	}{
		{"a role that writes", `GRANT INSERT ON notes TO ` + role, `REVOKE INSERT ON notes FROM ` + role, false, []string{"may change 1 tables of others, such as public.notes", "REVOKE INSERT, UPDATE"}},
		{"a role that reads files", `GRANT pg_read_server_files TO ` + role, `REVOKE pg_read_server_files FROM ` + role, true, []string{"member of pg_read_server_files", "REVOKE pg_read_server_files FROM"}},
		{"few sessions", `ALTER ROLE ` + role + ` CONNECTION LIMIT 3`, `ALTER ROLE ` + role + ` CONNECTION LIMIT -1`, true, []string{"may have 3 sessions", "CONNECTION LIMIT 11"}},
		{"a bell that is off", `ALTER TABLE notes DISABLE TRIGGER rowcast_bell`, `ALTER TABLE notes ENABLE TRIGGER rowcast_bell`, true, []string{"does not ring for every write", "public", "rowcast watch"}},
		{
			"a view past a policy",
			`ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE VIEW inner_notes AS SELECT * FROM notes; CREATE VIEW all_notes AS SELECT * FROM inner_notes; GRANT SELECT ON all_notes TO ` + role,
			`DROP VIEW all_notes, inner_notes`,
			true, []string{"who reads public.all_notes sees rows past", "ALTER VIEW public.all_notes SET (security_invoker = true)"},
		},
	} {
		db.Script(t, c.spoil)
		out, err := examine()
		if (err != nil) != c.sick {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not said:\n%s", c.name, want, out)
			}
		}
		db.Script(t, c.mend)
		if out, err := examine(); err != nil {
			t.Errorf("%s, mended: %v\n%s", c.name, err, out)
		}
	}
}

func TestDoctorTriesPanels(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY)`)
	if _, err := command(t, "watch", "public.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(query string) {
		text := "title: Notes\npanels:\n  - id: all\n    type: table\n    query: " + query + "\n"
		if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		query, want string
		sick        bool
	}{
		{"SELECT id FROM notes", "1 panels of 1 dashboards answer within 250 ms", false},
		{"SELECT 1 AS one, pg_sleep(0.3)::text", "notes, panel all: 3", true},
		{"SELECT id FROM missing", "missing", true},
	} {
		write(c.query)
		out, err := command(t, "doctor", "--database-url", db.URL, "--dashboards", dir)
		if (err != nil) != c.sick || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", c.query, err, out)
		}
	}
}
