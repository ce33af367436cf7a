package e2e_test

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// restage makes the table stage as it was.
const restage = `CREATE TABLE stage (id int PRIMARY KEY, word text, n int);
	INSERT INTO stage SELECT i, 'word ' || i, i FROM generate_series(1, 20) i`

// schemaTroubles change tables, views and triggers under the pages that read
// them. Pages of other tables must not notice.
func schemaTroubles() []trouble {
	stage := []string{"/d/stage"}
	change := func(name string, spoils []string, there, back string) trouble {
		return trouble{name: name, lasts: time.Second, spoils: spoils, inject: func(a *arena) func() {
			a.exec(`SET ROLE `+servant, there)
			return func() { a.exec(`SET ROLE `+servant, back) }
		}}
	}
	return []trouble{
		{name: "dropped", lasts: 2 * time.Second, spoils: stage, inject: func(a *arena) func() {
			a.exec(`DROP TABLE stage`)
			return func() {
				a.exec(`SET ROLE `+servant, restage)
				a.watch("public.stage")
			}
		}},
		change("renamed", stage, `ALTER TABLE stage RENAME TO elsewhere`, `ALTER TABLE elsewhere RENAME TO stage`),
		change("column-added", nil, `ALTER TABLE stage ADD COLUMN more int DEFAULT 7`, `ALTER TABLE stage DROP COLUMN more`),
		change("column-dropped", stage, `ALTER TABLE stage RENAME word TO old; ALTER TABLE stage ADD word int`,
			`ALTER TABLE stage DROP word; ALTER TABLE stage RENAME old TO word`),
		change("column-retyped", nil, `ALTER TABLE stage ALTER n TYPE text`, `ALTER TABLE stage ALTER n TYPE int USING n::int`),
		{name: "rewritten", lasts: 3 * time.Second, spoils: nil, inject: func(a *arena) func() {
			return a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, `ALTER TABLE stage ALTER n TYPE bigint USING n + 0; ALTER TABLE stage ALTER n TYPE int`, pgx.QueryExecModeSimpleProtocol)
				sleep(ctx, 50*time.Millisecond)
				return err
			})
		}},
		{name: "emptied-and-filled", lasts: 3 * time.Second, inject: emptyAndFill},
		{name: "trigger-disabled", lasts: 8 * time.Second, stale: stage, within: 8 * time.Second, inject: func(a *arena) func() {
			a.exec(`ALTER TABLE stage DISABLE TRIGGER USER`)
			return func() { a.exec(`ALTER TABLE stage ENABLE TRIGGER USER`) }
		}},
		{name: "trigger-dropped", lasts: 8 * time.Second, stale: stage, within: 8 * time.Second, inject: func(a *arena) func() {
			a.exec(`DO $$ DECLARE t record; BEGIN
				FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'stage'::regclass AND NOT tgisinternal
				LOOP EXECUTE format('DROP TRIGGER %I ON stage', t.tgname); END LOOP; END $$`)
			return func() { a.watch("public.stage") }
		}},
	}
}

// watch puts the bell on a table, as a person does.
func (a *arena) watch(table string) {
	a.Helper()
	watchAs(a.TB, a.database.URL(), table)
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
