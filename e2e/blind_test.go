package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// The pace of a page that goes by the clock, the safety refresh that the test
// asks for, how soon the catalog's changes are noticed, and what is allowed for
// reading and showing.
const (
	clockPace  = 5 * time.Second
	safetyPace = 3 * time.Second
	lookPace   = 2 * time.Second
	moment     = time.Second
)

const blindSchema = `
CREATE TABLE replayed (word text PRIMARY KEY); INSERT INTO replayed VALUES ('a');
CREATE TABLE disabled (word text PRIMARY KEY); INSERT INTO disabled VALUES ('a');
CREATE TABLE stripped (word text PRIMARY KEY); INSERT INTO stripped VALUES ('a');
CREATE TABLE base (word text PRIMARY KEY); INSERT INTO base VALUES ('a');
CREATE MATERIALIZED VIEW stored AS SELECT word FROM base;
CREATE TABLE parts (k int, word text) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1, 'a');
CREATE TABLE parts_2 (k int, word text); INSERT INTO parts_2 VALUES (2, 'b');
CREATE TABLE applied (word text PRIMARY KEY);
CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
CREATE TABLE written (word text PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
CREATE EXTENSION postgres_fdw;`

// testWhatRingsNoBell holds that everything that fires no trigger is on the
// screen within the safety refresh, or on the timer that the page names; that no
// page calls itself live whose bell is missing or disabled; and that every way to
// write a table rings.
func testWhatRingsNoBell(t *testing.T) {
	server := pgtest.Server(t, map[string]string{"wal_level": "logical"})
	script(t, pgtest.Connect(t, server.URL()), blindSchema, `CREATE DATABASE source`)
	source := server.DatabaseURL("source")
	script(t, pgtest.Connect(t, source), `CREATE TABLE applied (word text PRIMARY KEY); CREATE PUBLICATION words FOR TABLE applied;
		CREATE TABLE afar (word text); INSERT INTO afar VALUES ('a')`, `SELECT pg_create_logical_replication_slot('words', 'pgoutput')`)
	at, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	script(t, pgtest.Connect(t, server.URL()), fmt.Sprintf(`
		CREATE SERVER source FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'source');
		CREATE USER MAPPING FOR postgres SERVER source OPTIONS (user 'postgres');
		CREATE FOREIGN TABLE afar (word text) SERVER source`, at.Query().Get("host"), at.Query().Get("port")))
	panels := map[string][]question{}
	for _, table := range []string{"replayed", "disabled", "stripped", "stored", "parts", "applied", "afar", "written"} {
		panels[table] = []question{{id: "words", query: "SELECT word FROM " + table + " ORDER BY word"}}
	}
	all := newScene(t, server.URL(), panels, nil, "--safety", safetyPace.String())

	spots := map[string]func(*blindSpot){
		"replayed": (*blindSpot).replayed, "disabled": (*blindSpot).disabled, "stripped": (*blindSpot).stripped,
		"stored": (*blindSpot).stored, "parts": (*blindSpot).partitions, "applied": (*blindSpot).applied,
		"afar": (*blindSpot).foreign, "written": (*blindSpot).written,
	}
	crew := newCrew(t, len(spots))
	defer crew.wait()
	for name, test := range spots {
		crew.run(name, func(t *testing.T) {
			test(&blindSpot{
				scene: all.as(t), page: "/d/" + name,
				database: server.URL(), conn: pgtest.Connect(t, server.URL()), source: pgtest.Connect(t, source),
			})
		})
	}
}

// script runs statements on a connection, each in its turn.
func script(tb testing.TB, conn *pgx.Conn, statements ...string) {
	tb.Helper()
	for _, sql := range statements {
		if _, err := conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
			tb.Fatalf("%.100s: %v", sql, err)
		}
	}
}

// blindSpot is one page of the scene, and what changes its table.
type blindSpot struct {
	*scene
	page, database string
	conn, source   *pgx.Conn
}

// shows waits until the page shows these words, which were just written.
func (b *blindSpot) shows(what string, limit time.Duration, words ...string) {
	b.Helper()
	took := b.soon(b.page, what, limit, showing("words", words...))
	b.Logf("%s: shown after %s", what, took.Round(10*time.Millisecond))
}

// says waits until the page says that it is in this state.
func (b *blindSpot) says(state, why string, limit time.Duration) {
	b.Helper()
	took := b.soon(b.page, state, limit, saying(state, why))
	b.Logf("%s %s after %s", state, why, took.Round(10*time.Millisecond))
}

// misses waits until the server knows that nobody rang for what the page shows. The
// page says so until the table's bell is found whole, which may be a moment later.
func (b *blindSpot) misses(limit time.Duration) {
	b.Helper()
	if !b.server.says(`"a table changed and nobody rang","component":"live","page":"`+b.page+`"`, limit) {
		b.Fatalf("%s: nobody noticed that nobody rang", b.page)
	}
}

// sleeps waits until the page is live as of a second from now, without having
// been read since: what comes then is seen only if it rings, or is looked for.
func (b *blindSpot) sleeps() {
	b.Helper()
	from := time.Now().Add(time.Second)
	b.soon(b.page, "live", 15*time.Second, func(_ *delta.State, status *delta.Status) bool {
		return status.State == "live" && status.At.After(from)
	})
}

func (b *blindSpot) replayed() {
	b.sleeps()
	script(b, b.conn, `SET session_replication_role = replica`, `INSERT INTO replayed VALUES ('b')`, `RESET session_replication_role`)
	b.shows("a write that fires no trigger", safetyPace+moment, "a", "b")
	b.misses(safetyPace + moment)
	b.says("live", "", rightWithin)
	script(b, b.conn, `INSERT INTO replayed VALUES ('c')`)
	b.shows("one that does", moment, "a", "b", "c")
}

func (b *blindSpot) disabled() {
	b.sleeps()
	script(b, b.conn, `ALTER TABLE disabled DISABLE TRIGGER USER`, `INSERT INTO disabled VALUES ('b')`)
	b.says("timed", "", staleWithin)
	told := time.Now()
	b.shows("a write while the trigger is disabled", clockPace+moment, "a", "b")
	script(b, b.conn, `INSERT INTO disabled VALUES ('c')`)
	b.shows("another", clockPace+moment, "a", "b", "c")
	b.neverLive(told)
	script(b, b.conn, `ALTER TABLE disabled ENABLE TRIGGER USER`)
	b.says("live", "", rightWithin)
}

func (b *blindSpot) stripped() {
	b.sleeps()
	script(b, b.conn, `DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'stripped'::regclass AND NOT tgisinternal
		LOOP EXECUTE format('DROP TRIGGER %I ON stripped', t.tgname); END LOOP; END $$`, `INSERT INTO stripped VALUES ('b')`)
	b.says("timed", "", staleWithin)
	told := time.Now()
	b.shows("a write without a trigger", clockPace+moment, "a", "b")
	b.neverLive(told)
	watchAs(b.TB, b.database, "public.stripped")
	b.says("live", "", rightWithin)
}

func (b *blindSpot) stored() {
	b.says("timed", "", staleWithin)
	script(b, b.conn, `INSERT INTO base VALUES ('b')`, `REFRESH MATERIALIZED VIEW stored`)
	b.shows("a materialized view that was refreshed", clockPace+moment, "a", "b")
	b.neverLive(time.Time{})
}

func (b *blindSpot) foreign() {
	b.says("timed", "", staleWithin)
	script(b, b.source, `INSERT INTO afar VALUES ('b')`)
	b.shows("a write to a foreign table, over there", clockPace+moment, "a", "b")
	b.neverLive(time.Time{})
}

// neverLive checks that the page was not called live since then.
func (b *blindSpot) neverLive(since time.Time) {
	b.Helper()
	b.never(b.page, "live", since)
}

func (b *blindSpot) partitions() {
	b.sleeps()
	script(b, b.conn, `INSERT INTO parts_1 VALUES (1, 'c')`)
	b.shows("a write that names the partition", moment, "a", "c")
	script(b, b.conn, `ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2)`)
	b.shows("a partition that was attached", lookPace+moment, "a", "b", "c")
	b.says("timed", "", staleWithin)
	told := time.Now()
	script(b, b.conn, `INSERT INTO parts_2 VALUES (2, 'd')`)
	b.shows("a write to it", clockPace+moment, "a", "b", "c", "d")
	b.neverLive(told)
	watchAs(b.TB, b.database, "public.parts")
	b.says("live", "", rightWithin)
	script(b, b.conn, `INSERT INTO parts_2 VALUES (2, 'e')`)
	b.shows("one to it that rings", moment, "a", "b", "c", "d", "e")
	script(b, b.conn, `ALTER TABLE parts DETACH PARTITION parts_2`)
	b.shows("a partition that was detached", lookPace+moment, "a", "c")
	b.says("live", "", rightWithin)
}

func (b *blindSpot) applied() {
	b.sleeps()
	script(b, b.conn, fmt.Sprintf(`CREATE SUBSCRIPTION words CONNECTION '%s' PUBLICATION words WITH (create_slot = false, copy_data = false)`,
		strings.ReplaceAll(b.source.Config().ConnString(), "'", "''")))
	script(b, b.source, `INSERT INTO applied VALUES ('a')`)
	b.shows("a write that replication applies", safetyPace+moment, "a")
	watchAs(b.TB, b.database, "public.applied")
	b.sleeps()
	script(b, b.source, `INSERT INTO applied VALUES ('b')`)
	b.shows("one that rings on the replica", moment, "a", "b")
	script(b, b.conn, `DROP SUBSCRIPTION words`)
}

// written writes a table in every way there is; each rings by itself.
func (b *blindSpot) written() {
	b.sleeps()
	began := time.Now()
	for _, way := range []struct {
		sql   string
		words []string
	}{
		{`INSERT INTO written VALUES ('a', 1)`, []string{"a"}},
		{`INSERT INTO written VALUES ('a', 1) ON CONFLICT (word) DO UPDATE SET word = 'b'`, []string{"b"}},
		{`MERGE INTO written w USING (VALUES ('c', 2)) s(word, parent) ON w.word = s.word WHEN NOT MATCHED THEN INSERT VALUES (s.word, s.parent)`, []string{"b", "c"}},
		{`COPY written FROM PROGRAM 'printf "d\t2\n"'`, []string{"b", "c", "d"}},
		{`WITH w AS (UPDATE written SET word = 'e' WHERE word = 'b' RETURNING word) SELECT * FROM w`, []string{"c", "d", "e"}},
		{`DELETE FROM parent WHERE id = 2`, []string{"e"}},
		{`BEGIN; SAVEPOINT s; INSERT INTO written VALUES ('x', 1); ROLLBACK TO s; INSERT INTO written VALUES ('f', 1); COMMIT`, []string{"e", "f"}},
		{`TRUNCATE parent CASCADE`, nil},
	} {
		script(b, b.conn, way.sql)
		b.shows(way.sql, moment, way.words...)
	}
	b.never(b.page, "stale", began)
}
