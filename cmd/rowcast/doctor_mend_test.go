package main

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// examined is all that the doctor finds as the role of a URL.
func examined(t *testing.T, url string) (all []finding) {
	t.Helper()
	f := databaseFlags{DatabaseURL: url}
	db, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.connect(t.Context(), "doctor")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if all, err = examine(t.Context(), db, conn, looks()); err != nil {
		t.Fatal(err)
	}
	return all
}

// found is the finding whose text has these words.
func found(all []finding, words string) (finding, bool) {
	for _, f := range all {
		if strings.Contains(f.what, words) {
			return f, true
		}
	}
	return finding{}, false
}

// TestWhatTheDoctorSaysMends has the doctor find what is wrong, pastes what it prints
// as the owner of the database, and sees the finding gone.
func TestWhatTheDoctorSaysMends(t *testing.T) {
	db := pgtest.New(t)
	role := newRole(t, db)
	group := newRole(t, db)
	between := newRole(t, db)
	ours := func(sql string) {
		db.Script(t, strings.NewReplacer("ROLE_", role, "GROUP_", group, "BETWEEN_", between).Replace(sql))
	}
	const tables = `CREATE TABLE notes (id int PRIMARY KEY, owner text); CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
		GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE_; ALTER ROLE ROLE_ SET temp_file_limit = '1GB'`
	ours(tables)
	if _, err := command(t, "watch", "public.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	reader := asRole(t, db.URL, role)
	for _, f := range examined(t, reader) {
		if f.state() != "good" && !strings.HasPrefix(f.what, "PostgreSQL ") { // whose version is this machine's
			t.Errorf("a reading role is not well: %+v", f)
		}
	}
	for _, c := range []struct{ name, spoil, finds, state, back string }{
		{name: "a disk without a bound", spoil: `ALTER ROLE ROLE_ RESET temp_file_limit`, finds: "temporary files of this role's sessions have no bound", state: "note"},
		{name: "a role that writes", spoil: `GRANT INSERT ON notes TO ROLE_`, finds: "may change 1 tables of others, such as public.notes", state: "note"},
		{name: "one that writes a column", spoil: `GRANT UPDATE (owner) ON notes TO ROLE_`, finds: "may change 1 tables of others", state: "note"},
		{name: "everybody writes", spoil: `GRANT DELETE ON notes, parts TO PUBLIC`, finds: "may change 2 tables of others", state: "note"},
		{name: "one that may become a writer", spoil: `GRANT INSERT ON notes TO GROUP_; ALTER ROLE ROLE_ NOINHERIT; GRANT GROUP_ TO BETWEEN_; GRANT BETWEEN_ TO ROLE_`,
			finds: "may change 1 tables of others", state: "note", back: `REVOKE INSERT ON notes FROM GROUP_; REVOKE GROUP_ FROM BETWEEN_; ALTER ROLE ROLE_ INHERIT`},
		{name: "few sessions", spoil: `ALTER ROLE ROLE_ CONNECTION LIMIT 3`, finds: "may have 3 sessions, and rowcast needs up to", state: "to mend"},
		{name: "a table without a bell", spoil: `CREATE TABLE "Bare's" (id int); GRANT SELECT (id) ON "Bare's" TO ROLE_`, finds: `pages of public."Bare's" go by the clock`, state: "note"},
		{name: "many of them", spoil: `CREATE SCHEMA "S.1"; DO $$ BEGIN FOR i IN 1..7 LOOP EXECUTE format('CREATE TABLE "S.1".t%s (id int); GRANT SELECT ON "S.1".t%s TO ROLE_', i, i); END LOOP; END $$`,
			finds: `and 2 more go by the clock`, state: "note", back: `DROP SCHEMA "S.1" CASCADE`},
		{name: "a bell that is off", spoil: `ALTER TABLE notes DISABLE TRIGGER rowcast_bell`, finds: `bell of public.notes (trigger rowcast_bell is disabled)`, state: "to mend"},
		{name: "a bell that is gone", spoil: `DROP TRIGGER rowcast_bell ON part1`, finds: `bell of public.part1 (no trigger rowcast_bell)`, state: "to mend"},
		{name: "an owner whom no policy binds", spoil: `ALTER TABLE notes OWNER TO ROLE_; ALTER TABLE notes ENABLE ROW LEVEL SECURITY`, finds: "does not hold for this role on public.notes: it owns them", state: "note",
			back: `ALTER TABLE notes NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY; ALTER TABLE notes OWNER TO postgres; GRANT SELECT ON notes TO ROLE_`},
		{name: "a view past a policy", spoil: `ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE VIEW inner_notes AS SELECT * FROM notes; CREATE VIEW all_notes AS SELECT * FROM inner_notes; GRANT SELECT ON all_notes TO ROLE_`,
			finds: "who reads public.all_notes sees rows past", state: "to mend", back: `DROP VIEW all_notes, inner_notes`},
		{name: "a copy past a policy", spoil: `CREATE MATERIALIZED VIEW copied AS SELECT * FROM notes; GRANT SELECT ON copied TO ROLE_, PUBLIC, GROUP_; GRANT GROUP_ TO ROLE_`,
			finds: "who reads public.copied sees rows past", state: "to mend", back: `DROP MATERIALIZED VIEW copied; REVOKE GROUP_ FROM ROLE_; ALTER TABLE notes DISABLE ROW LEVEL SECURITY`},
		{name: "a function past a policy", spoil: `ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE FUNCTION "Leak"(n int) RETURNS SETOF notes LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM notes';
			CREATE FUNCTION tight() RETURNS SETOF notes LANGUAGE sql AS 'SELECT * FROM notes'; GRANT EXECUTE ON FUNCTION "Leak"(int) TO ROLE_`,
			finds: `who calls "Leak"(integer) reads with the function's owner's rights`, state: "note", back: `DROP FUNCTION "Leak"(int), tight(); ALTER TABLE notes DISABLE ROW LEVEL SECURITY`},
		{name: "one that may become an owner", spoil: `ALTER TABLE notes OWNER TO GROUP_; GRANT GROUP_ TO BETWEEN_; GRANT BETWEEN_ TO ROLE_`, finds: "may become " + group + ", which owns tables", state: "note",
			back: `ALTER TABLE notes OWNER TO postgres; REVOKE GROUP_ FROM BETWEEN_; GRANT SELECT ON notes TO ROLE_`},
		{name: "one that may read files", spoil: `GRANT pg_read_server_files TO BETWEEN_; GRANT BETWEEN_ TO ROLE_`, finds: "may become pg_read_server_files, which reaches beyond the database", state: "note",
			back: `REVOKE pg_read_server_files FROM BETWEEN_`},
		{name: "one that reads everything", spoil: `GRANT pg_read_all_data TO ROLE_`, finds: "may become pg_read_all_data, which reads every table", state: "note"},
		{name: "one that sees what others ask", spoil: `GRANT pg_read_all_stats TO BETWEEN_; GRANT BETWEEN_, pg_monitor TO ROLE_`,
			finds: "as a member of pg_monitor, pg_read_all_settings, pg_read_all_stats, what other sessions ask", state: "note", back: `REVOKE pg_read_all_stats FROM BETWEEN_`},
	} {
		ours(c.spoil)
		f, ok := found(examined(t, reader), c.finds)
		if !ok || f.state() != c.state {
			t.Errorf("%s: %q is not found, or not %q: %+v", c.name, c.finds, c.state, f)
		}
		follow(t, db, f)
		if f, still := found(examined(t, reader), c.finds); still {
			t.Errorf("%s is there after what mends it:\n%s", c.name, f.mend())
		}
		if c.back != "" {
			ours(c.back)
		}
	}
}

// follow does what a finding says: its SQL is pasted, and its command is run, by the
// owner of the database.
func follow(t *testing.T, db *pgtest.DB, f finding) {
	t.Helper()
	if f.sql != "" {
		db.Script(t, f.sql)
	}
	line, _, _ := strings.Cut(f.do, "  #")
	if args, ok := strings.CutPrefix(line, "rowcast "); ok {
		if _, err := command(t, append(words(args), "--database-url", db.URL)...); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// words are those of a line as a shell reads it.
func words(line string) (list []string) {
	word, quoted := "", false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted = !quoted
		case c == '\\' && !quoted:
			i++
			word += line[i : i+1]
		case c == ' ' && !quoted:
			list, word = append(list, word), ""
		default:
			word += string(c)
		}
	}
	return append(list, word)
}

// A role that may do too much is given the SQL of one that only reads: pasted, it
// makes a role by which all is well, and pages are served beyond loopback.
func TestTheReadingRoleThatIsPrinted(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE SCHEMA "Till"; CREATE TABLE "Till".sales (id int PRIMARY KEY); CREATE TABLE notes (id int PRIMARY KEY)`)
	t.Cleanup(func() { db.Script(t, `DROP OWNED BY rowcast_reader; DROP ROLE rowcast_reader`) })
	const powerful = "is a superuser: fine on loopback, refused beyond it"
	for _, already := range []bool{false, true} { // the doorbell is not installed at first
		f, ok := found(examined(t, db.URL), powerful)
		if !ok || strings.Contains(f.sql, "CREATE ROLE") == already {
			t.Fatalf("the role is there: %v; and %+v", already, f)
		}
		follow(t, db, f)
		if !already {
			f, ok = found(examined(t, asRole(t, db.URL, "rowcast_reader")), "the doorbell is not installed")
			if !ok || f.state() != "to mend" {
				t.Fatalf("%+v", f)
			}
			f.do = strings.ReplaceAll(f.do, "'public.*'", "'*.*'")
			follow(t, db, f)
		}
	}
	f, ok := found(examined(t, asRole(t, db.URL, "rowcast_reader")), "temporary files") // which is for a superuser to bound
	if !ok || f.state() != "note" {
		t.Errorf("%+v", f)
	}
	follow(t, db, f)
	for _, f := range examined(t, asRole(t, db.URL, "rowcast_reader")) {
		if f.state() != "good" && !strings.HasPrefix(f.what, "PostgreSQL ") {
			t.Errorf("as the role that was printed: %+v", f)
		}
	}
	serve(t, asRole(t, db.URL, "rowcast_reader"), "--host", "live.example", "--let-anyone-on-the-network-read")
}

// A server whose applications may commit in two phases, and which is full: what is
// printed counts after a restart.
func TestDoctorOnACrowdedServer(t *testing.T) {
	pg := pgtest.Server(t, map[string]string{"max_connections": "20", "max_wal_senders": "2"})
	owner := pgtest.Connect(t, pg.URL())
	run := func(sql string) {
		t.Helper()
		for _, one := range strings.Split(strings.TrimSpace(sql), "\n") { // ALTER SYSTEM stands by itself
			if err := owner.PgConn().Exec(t.Context(), one).Close(); err != nil {
				t.Fatal(one, err)
			}
		}
	}
	restart := func() {
		t.Helper()
		_ = owner.Close(t.Context())
		if err := pg.Restart(t.Context(), postgres.Fast); err != nil {
			t.Fatal(err)
		}
		owner = pgtest.Connect(t, pg.URL())
	}
	run("CREATE ROLE reader LOGIN")
	run("ALTER SYSTEM SET max_prepared_transactions = 2")
	restart()
	reader := strings.Replace(pg.URL(), "user=postgres", "user=reader", 1)
	const prepared = "max_prepared_transactions is set: PREPARE TRANSACTION fails after a NOTIFY, so no bell is armed"
	f, ok := found(examined(t, reader), prepared)
	if !ok || f.state() != "to mend" {
		t.Fatalf("%+v", f)
	}
	run(f.sql)
	restart()
	if _, still := found(examined(t, reader), prepared); still {
		t.Error("two-phase commits are there after what mends them")
	}
	lazy := pgtest.Connect(t, pg.URL())
	f, ok = found(examined(t, reader), "of 17 sessions are taken by others, and rowcast needs up to")
	if !ok || f.state() != "to mend" {
		t.Fatalf("%+v", f)
	}
	run(f.sql)
	var room int // the command line says 20, so that it would not count here
	if err := owner.QueryRow(t.Context(), `SELECT setting::int FROM pg_file_settings WHERE name = 'max_connections'`).Scan(&room); err != nil || room < 20+mostSessions {
		t.Errorf("%d sessions may be open, %v", room, err)
	}
	// Who may hold up the queue: a session that listens and stays in a transaction.
	for _, sql := range []string{"LISTEN something", "BEGIN", "SELECT 1"} {
		if _, err := lazy.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	f = queueFinding(.2)
	rows, err := owner.Query(t.Context(), strings.Replace(f.sql, "1 minute", "0 minutes", 1))
	if err != nil {
		t.Fatal(err)
	}
	var pids []uint32
	for rows.Next() {
		pids = append(pids, binary.BigEndian.Uint32(rows.RawValues()[0]))
	}
	if rows.Err() != nil || !slices.Contains(pids, lazy.PgConn().PID()) {
		t.Errorf("%v does not hold %d, %v", pids, lazy.PgConn().PID(), rows.Err())
	}
}
