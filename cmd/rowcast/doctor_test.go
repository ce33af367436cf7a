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

// withOptions is a database's URL whose sessions begin with these options.
func withOptions(t *testing.T, text, options string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("options", options)
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
	for _, want := range []string{"PostgreSQL ", "this is the primary", "owns no table", "may change no table", "public.sums (a materialized view)", "1 tables have the doorbell", "pages of tables go by their doorbell", "the notification queue is 0.0 % full", "no two-phase commits"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}

// The doctor names what a role may do beyond reading, and serve refuses it beyond
// loopback: by itself, or as a role that it may become.
func TestPowers(t *testing.T) {
	db := pgtest.New(t)
	role, other := newRole(t, db), newRole(t, db)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY); GRANT SELECT ON notes TO `+role)
	reader, conn := asRole(t, db.URL, role), pgtest.Connect(t, db.URL)
	type try struct{ name, give, take, power, mend string }
	tries := []try{
		{"bypasses", `ALTER ROLE ` + role + ` BYPASSRLS`, `ALTER ROLE ` + role + ` NOBYPASSRLS`, "bypasses row-level security", "CREATE ROLE rowcast_reader LOGIN;"},
		{"makes roles", `ALTER ROLE ` + role + ` CREATEROLE`, `ALTER ROLE ` + role + ` NOCREATEROLE`, "makes and grants roles", "CREATE ROLE rowcast_reader LOGIN;"},
		{"replicates", `ALTER ROLE ` + role + ` REPLICATION`, `ALTER ROLE ` + role + ` NOREPLICATION`, "reads what is written to every table, by replication", "CREATE ROLE rowcast_reader LOGIN;"},
		{"owns", `ALTER TABLE notes OWNER TO ` + role, `ALTER TABLE notes OWNER TO postgres; GRANT SELECT ON notes TO ` + role, "owns tables", "CREATE ROLE rowcast_reader LOGIN;"},
		{"owns a schema", `CREATE SCHEMA AUTHORIZATION ` + role, `DROP SCHEMA ` + role, "owns a schema", "CREATE ROLE rowcast_reader LOGIN;"},
		{"owns the database", `ALTER DATABASE ` + db.Name + ` OWNER TO ` + role, `ALTER DATABASE ` + db.Name + ` OWNER TO postgres`, "owns a database", "CREATE ROLE rowcast_reader LOGIN;"},
		{"becomes an owner", `ALTER TABLE notes OWNER TO ` + other + `; GRANT ` + other + ` TO ` + role, `REVOKE ` + other + ` FROM ` + role, "may become " + other + ", which owns tables", "REVOKE " + other + " FROM " + role + ";"},
	}
	for group, what := range map[string]string{
		"postgres": "is a superuser", "pg_read_server_files": "reaches beyond the database", "pg_write_server_files": "reaches beyond the database",
		"pg_execute_server_program": "reaches beyond the database", "pg_signal_backend": "reaches beyond the database",
		"pg_signal_autovacuum_worker": "reaches beyond the database", "pg_create_subscription": "reaches beyond the database", "pg_write_all_data": "writes every table",
		"pg_maintain": "locks and rewrites every table", "pg_read_all_data": "reads every table, the one with the hashes of all passwords too",
	} {
		var there bool // some are of newer versions than this one
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)`, group).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			continue
		}
		for _, inherit := range []string{"INHERIT", "NOINHERIT"} {
			tries = append(tries, try{group + " " + inherit, `ALTER ROLE ` + role + ` ` + inherit + `; GRANT ` + group + ` TO ` + role, `REVOKE ` + group + ` FROM ` + role,
				"may become " + group + ", which " + what, "REVOKE " + group + " FROM " + role + ";"})
		}
	}
	for _, c := range tries {
		db.Script(t, c.give)
		out, _ := command(t, "doctor", "--database-url", reader)
		if want := "role " + role + " " + c.power + ": fine on loopback, refused beyond it"; !strings.Contains(out, want) || !strings.Contains(out, c.mend) {
			t.Errorf("%s: the doctor does not say %q and %q:\n%s", c.name, want, c.mend, out)
		}
		_, err := command(t, "serve", "--database-url", reader, "--listen", "0.0.0.0:0", "--let-anyone-on-the-network-read")
		if err == nil || !strings.Contains(err.Error(), c.power) || !strings.Contains(err.Error(), c.mend) || !strings.Contains(err.Error(), "--allow-powerful-role") {
			t.Errorf("%s: it is served beyond loopback, or not refused for that: %v", c.name, err)
		}
		db.Script(t, c.take)
	}
	// A query can undo what set another role when the session began.
	db.Script(t, `ALTER ROLE `+other+` SUPERUSER`)
	for _, hidden := range []string{"role", "session_authorization"} {
		masked := withOptions(t, asRole(t, db.URL, other), "-c"+hidden+"="+role)
		want := "role " + other + " is a superuser: fine on loopback"
		if out, err := command(t, "doctor", "--database-url", masked); !strings.Contains(out, want) {
			t.Errorf("behind %s: the doctor does not say %q: %v\n%s", hidden, want, err, out)
		}
		_, err := command(t, "serve", "--database-url", masked, "--wait", "0", "--listen", "0.0.0.0:0", "--let-anyone-on-the-network-read")
		if err == nil || !strings.Contains(err.Error(), "is a superuser") {
			t.Errorf("behind %s: a superuser is served beyond loopback, or not refused for that: %v", hidden, err)
		}
	}
	db.Script(t, `ALTER ROLE `+other+` NOSUPERUSER`)
	out, _ := command(t, "doctor", "--database-url", reader)
	if want := "role " + role + " owns no table, bypasses nothing and reaches nothing else"; !strings.Contains(out, want) {
		t.Errorf("without any: %q is not said:\n%s", want, out)
	}
}

// What is judged says what it goes by, and a major version that ended ends by the clock.
func TestDoctorJudgesVersions(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	const nothing, more, queue, ended, untested = "lacks nothing", "a role that only reads do more", "LISTEN fail until", "is mended any more", "newer than what"
	for _, c := range []struct {
		number int
		now    string
		state  string
		says   string
	}{
		{130023, "2026-09-01", "to mend", "older than 14"},
		{140019, "2026-09-01", "note", queue}, {140023, "2026-09-01", "note", more}, {140024, "2026-11-11", "good", nothing}, {140024, "2026-11-12", "note", ended}, {140001, "2027-01-01", "note", ended},
		{150014, "2026-09-01", "note", queue}, {150018, "2026-09-01", "note", more}, {150019, "2026-09-01", "good", nothing}, {150020, "2027-11-10", "good", nothing}, {150020, "2027-11-11", "note", ended},
		{160010, "2026-09-01", "note", queue}, {160014, "2026-09-01", "note", more}, {160015, "2026-09-01", "good", nothing},
		{170006, "2026-09-01", "note", queue}, {170010, "2026-09-01", "note", more}, {170011, "2026-09-01", "good", nothing},
		{180000, "2026-09-01", "note", queue}, {180005, "2026-09-01", "note", more}, {180006, "2026-09-01", "good", nothing},
		{190000, "2026-12-01", "good", untested},
	} {
		f := versionFinding(c.number, fmt.Sprint(c.number), day(c.now))
		if f.state() != c.state || !strings.Contains(f.what, c.says) || (c.state == "good") != (f.mend() == "") {
			t.Errorf("version %d on %s is %q, %q, mended by %q; want %q, %q", c.number, c.now, f.state(), f.what, f.mend(), c.state, c.says)
		}
		if c.number/10000 >= 14 && c.says != untested && !strings.Contains(f.what, "until 2026-08-13") {
			t.Errorf("version %d does not say what it goes by: %q", c.number, f.what)
		}
	}
}

func TestDoctorJudgesTheQueue(t *testing.T) {
	for usage, want := range map[float64]string{0: "good", .099: "good", .1: "to mend", 1: "to mend"} {
		f := queueFinding(usage)
		if f.state() != want || (want == "good") != (f.mend() == "") {
			t.Errorf("a queue at %v is %q, mended by %q, want %q", usage, f.state(), f.mend(), want)
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
	db.Script(t, `CREATE TABLE bare (id int); CREATE TABLE unseen (id int); CREATE VIEW seen AS SELECT id FROM bare`)
	write("SELECT id FROM seen")
	if out, err := command(t, "doctor", "--database-url", db.URL, "--dashboards", dir); err != nil || !strings.Contains(out, "dashboards of public.bare go by the clock") {
		t.Errorf("a dashboard of a table without a bell: %v\n%s", err, out)
	}
}

// What runs as its viewers cannot be tried as the role that connects, and is no fault:
// only they may read it, or its settings are theirs.
func TestDoctorLeavesWhatRunsAsItsViewers(t *testing.T) {
	db := pgtest.New(t)
	role, anna := newRole(t, db), newRole(t, db)
	db.Script(t, `CREATE SCHEMA hidden; CREATE TABLE notes (id int PRIMARY KEY); CREATE TABLE hidden.notes (id int PRIMARY KEY, owner text); CREATE TABLE rules (owner text PRIMARY KEY);
		ALTER TABLE rules ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON rules USING (owner = current_setting('app.user'))`)
	if _, err := command(t, "watch", "*.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	db.Script(t, strings.NewReplacer("ROLE_", role, "ANNA_", anna).Replace(`ALTER ROLE ROLE_ NOINHERIT; GRANT ANNA_ TO ROLE_; GRANT USAGE ON SCHEMA rowcast TO ROLE_;
		GRANT SELECT ON rules TO ROLE_; GRANT USAGE ON SCHEMA hidden TO ANNA_; GRANT SELECT ON notes, hidden.notes TO ANNA_`))
	dir := t.TempDir()
	for name, text := range map[string]string{
		"hidden":  "run_as: {role: '{user}'}\npanels: [{id: all, type: table, query: SELECT id FROM hidden.notes}]\n",
		"notes":   "run_as: {role: '{user}'}\npanels: [{id: all, type: table, query: SELECT id FROM notes}]\n",
		"setting": "run_as: {settings: {app.user: '{user}'}}\npanels: [{id: all, type: table, query: \"SELECT owner FROM rules WHERE owner = current_setting('app.user')\"}]\n",
		"plain":   "panels: [{id: all, type: table, query: SELECT 1 AS one}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte("title: A page\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader := asRole(t, db.URL, role)
	out, err := command(t, "doctor", "--database-url", reader, "--dashboards", dir)
	if err != nil || !strings.Contains(out, "1 panels of 1 dashboards answer within") || strings.Count(out, "runs as whoever looks at it") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command(t, "check", dir, "--database-url", reader); err != nil || !strings.Contains(out, "it is not checked") {
		t.Errorf("%v\n%s", err, out)
	}
	// Where the role that connects is to read them itself, that it may not is told.
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte("title: A page\npanels: [{id: all, type: table, query: SELECT id FROM notes}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "doctor", "--database-url", reader, "--dashboards", dir); err == nil || !strings.Contains(out, "permission denied for table notes") {
		t.Errorf("%v\n%s", err, out)
	}
}
