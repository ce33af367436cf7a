package e2e_test

import (
	"context"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// restage makes the table stage as it was.
const restage = `CREATE TABLE stage (id int PRIMARY KEY, word text, n int);
	INSERT INTO stage SELECT i, 'word ' || i, i FROM generate_series(1, 20) i`

// unheardOf is longer than a page may be called live with what is there no more.
const unheardOf = staleWithin + time.Second

// schemaTroubles change tables, views and triggers under the pages that read
// them. Pages of other tables must not notice.
func schemaTroubles() []trouble {
	stage, gallery, posters := []string{"/d/stage"}, []string{"/d/gallery"}, []string{"/d/posters"}
	change := func(name string, page, spoils []string, there, back string) trouble {
		return trouble{name: name, lasts: unheardOf, silent: page, spoils: spoils, inject: func(a *arena) func() {
			a.exec(`SET ROLE `+servant, there)
			return func() { a.exec(`SET ROLE `+servant, back) }
		}}
	}
	again := func(name string, silent []string, steps ...string) trouble {
		return trouble{name: name, lasts: 3 * time.Second, silent: silent, inject: func(a *arena) func() { return a.over(steps...) }}
	}
	return []trouble{
		shown("/d/stage", trouble{name: "dropped", lasts: unheardOf, silent: stage, spoils: stage, inject: func(a *arena) func() {
			a.exec(`DROP TABLE stage`)
			return func() {
				a.exec(`SET ROLE `+servant, restage)
				a.watch("public.stage")
			}
		}}, failed("stage")),
		shown("/d/stage", change("renamed", stage, stage, `ALTER TABLE stage RENAME TO elsewhere`, `ALTER TABLE elsewhere RENAME TO stage`), failed("stage")),
		shown("/d/stage", change("column-added", stage, nil, `ALTER TABLE stage ADD COLUMN more int DEFAULT 7`, `ALTER TABLE stage DROP COLUMN more`),
			func(s *delta.State) bool { return typed(s, "stage", "more", "int4", "7") }),
		shown("/d/stage", change("column-removed", stage, stage, `ALTER TABLE stage RENAME word TO old`, `ALTER TABLE stage RENAME old TO word`),
			func(s *delta.State) bool { return typed(s, "stage", "old", "text", "*") && failed("words")(s) }),
		shown("/d/stage", change("column-dropped", stage, stage, `ALTER TABLE stage RENAME word TO old; ALTER TABLE stage ADD word int`,
			`ALTER TABLE stage DROP word; ALTER TABLE stage RENAME old TO word`),
			func(s *delta.State) bool {
				return typed(s, "stage", "word", "int4", "") && typed(s, "words", "word", "int4", "") && typed(s, "stage", "old", "text", "*")
			}),
		shown("/d/stage", change("column-retyped", stage, nil, `ALTER TABLE stage ALTER n TYPE text`, `ALTER TABLE stage ALTER n TYPE int USING n::int`),
			func(s *delta.State) bool { return typed(s, "stage", "n", "text", "*") }),
		again("rewritten", nil, `ALTER TABLE stage ALTER n TYPE bigint USING n + 0; ALTER TABLE stage ALTER n TYPE int`),
		{name: "emptied-and-filled", lasts: 3 * time.Second, inject: emptyAndFill},
		again("view-replaced-again-and-again", posters, `CREATE OR REPLACE VIEW hung AS SELECT k, word || '!' AS word FROM posters`, `UPDATE posters SET word = word`,
			`CREATE OR REPLACE VIEW hung AS SELECT k, word FROM posters`, `UPDATE posters SET word = word`),
		shown("/d/posters", change("view-replaced", posters, nil, `CREATE OR REPLACE VIEW hung AS SELECT k, word || '!' AS word FROM posters; UPDATE posters SET word = word`,
			`CREATE OR REPLACE VIEW hung AS SELECT k, word FROM posters; UPDATE posters SET word = word`),
			func(s *delta.State) bool {
				return typed(s, "hung", "word", "text", "*") && strings.HasSuffix(s.Panels["hung"].Rows[0].Cells[0].Text, "!")
			}),
		shown("/d/gallery", change("view-dropped", gallery, gallery, `DROP VIEW glance`, `CREATE VIEW glance AS SELECT id, word FROM gallery`), failed("glance")),
		shown("/d/gallery", change("function-dropped", gallery, gallery, `DROP FUNCTION shout`, `CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1)'`), failed("loud")),
		again("partition-detached-and-attached", posters, `ALTER TABLE posters DETACH PARTITION posters_2`, `UPDATE posters_2 SET word = word`,
			`ALTER TABLE posters ATTACH PARTITION posters_2 FOR VALUES IN (2)`, `UPDATE posters_2 SET word = word`),
		shown("/d/posters", change("partition-detached", posters, nil, `ALTER TABLE posters DETACH PARTITION posters_2`, `ALTER TABLE posters ATTACH PARTITION posters_2 FOR VALUES IN (2)`),
			func(s *delta.State) bool { return typed(s, "all", "n", "int8", "10") }),
		partitionComes(),
		{name: "swapped", lasts: 3 * time.Second, silent: stage, inject: func(a *arena) func() {
			end := a.over(`SET ROLE ` + servant + `; BEGIN; CREATE TABLE next (LIKE stage INCLUDING ALL); INSERT INTO next SELECT id, word, n + 1 FROM stage;
					ALTER TABLE stage RENAME TO last; ALTER TABLE next RENAME TO stage; COMMIT; DROP TABLE last`)
			return func() { end(); a.watch("public.stage") }
		}},
		{name: "slow-panel", lasts: 4 * time.Second, inject: slowBeside},
		{name: "uninstalled", lasts: 8 * time.Second, stale: everywhere, mended: stageRings, mutes: true, locks: true, inject: func(a *arena) func() {
			began := time.Now()
			a.exec(`DROP SCHEMA rowcast CASCADE`) // which locks each table until it has them all
			a.patrons[1].noted(write{began: began, took: time.Since(began)})
			return func() { a.watch("public.*") }
		}},
		{name: "trigger-disabled", lasts: 8 * time.Second, stale: stage, mended: stageRings, inject: func(a *arena) func() {
			a.exec(`ALTER TABLE stage DISABLE TRIGGER USER`)
			return func() { a.exec(`ALTER TABLE stage ENABLE TRIGGER USER`) }
		}},
		{name: "trigger-dropped", lasts: 8 * time.Second, stale: stage, mended: stageRings, inject: func(a *arena) func() {
			a.exec(`DO $$ DECLARE t record; BEGIN
				FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'stage'::regclass AND NOT tgisinternal
				LOOP EXECUTE format('DROP TRIGGER %I ON stage', t.tgname); END LOOP; END $$`)
			return func() { a.watch("public.stage") }
		}},
	}
}

// over takes steps over and over, each of which is committed for others to see, and
// never leaves a round half done.
func (a *arena) over(steps ...string) (end func()) {
	a.Helper()
	return a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
		for _, sql := range steps {
			if _, err := conn.Exec(context.WithoutCancel(ctx), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			sleep(ctx, 50*time.Millisecond)
		}
		return nil
	})
}

// partitionComes attaches a partition with rows, over and over, and takes it away.
func partitionComes() trouble {
	return trouble{name: "partition-comes-and-goes", lasts: 3 * time.Second, silent: []string{"/d/posters"}, inject: func(a *arena) func() {
		a.exec(`SET ROLE `+servant, `CREATE TABLE posters_3 (k int, word text)`, `INSERT INTO posters_3 SELECT 3, 'late poster ' || i FROM generate_series(1, 5) i`)
		end := a.over(`ALTER TABLE posters ATTACH PARTITION posters_3 FOR VALUES IN (3)`, `UPDATE posters_3 SET word = word`, `ALTER TABLE posters DETACH PARTITION posters_3`)
		return func() { end(); a.exec(`DROP TABLE posters_3`) }
	}}
}

// stageRings tells whether the stage has its bell: the program looks once a minute
// whether it has to put it on anew.
func stageRings(a *arena) (rings bool) {
	a.Helper()
	conn, err := a.connect(a.Context())
	if err == nil {
		defer conn.Close(context.Background())
		const ask = `SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'stage'::regclass AND tgenabled = 'O' AND tgfoid = to_regproc('rowcast.ring'))`
		err = conn.QueryRow(a.Context(), ask).Scan(&rings)
	}
	if err != nil {
		a.Fatal(err)
	}
	return rings
}

// watch puts the bell on tables, as their owner does.
func (a *arena) watch(tables string) {
	a.Helper()
	owner, err := url.Parse(a.database.URL())
	if err != nil {
		a.Fatal(err)
	}
	owner.User = url.UserPassword(servant, "secret")
	watchAs(a.TB, owner.String(), tables)
}

// watchAs puts the bell on tables of a database.
func watchAs(tb testing.TB, database string, tables ...string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), binary(tb), append([]string{"watch", "--database-url", database}, tables...)...)
	cmd.Env = environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("watch %s: %v\n%s", tables, err, out)
	}
}
