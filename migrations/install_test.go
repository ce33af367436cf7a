package migrations_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/migrations"
)

func TestConcurrentUp(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).URL
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var all sync.WaitGroup
	applied, failed := make([]int, 8), make([]error, 8)
	for i := range applied {
		all.Go(func() { applied[i], failed[i] = migrations.Up(t.Context(), config) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range applied {
		sum += n
	}
	if sum != 3 {
		t.Errorf("three migrations were applied %d times", sum)
	}
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("eight migrators took %v: they wait too long for each other", d)
	}
}

func TestUpExplainsMissingRights(t *testing.T) {
	t.Parallel()
	l := labOn(t, pgtest.New(t).URL)
	run(t, l.as(t, "poor"), `SELECT 1`)
	config, err := pgx.ParseConfig(l.url)
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = "poor_upexplainsmissingrights", "x"
	_, err = migrations.Up(t.Context(), config)
	if err == nil || !strings.Contains(err.Error(), `GRANT CREATE ON DATABASE "`+config.Database+`" TO "poor_`) {
		t.Fatalf("got %v, want the GRANT that mends it", err)
	}
	up(t, l.url)
	if n, err := migrations.Up(t.Context(), config); err != nil || n != 0 {
		t.Fatalf("a plain role on a database that is up to date: %d, %v", n, err)
	}
}

// everything that a catalog holds, without what VACUUM alone resets and what only counts.
const everything = `
SELECT 'class ' || oid || ' ' || relname || ' ' || relkind::text || coalesce(relacl::text, '') FROM pg_class
UNION ALL SELECT 'proc ' || oid || ' ' || proname || coalesce(proacl::text, '') FROM pg_proc
UNION ALL SELECT 'trigger ' || oid || ' ' || tgname FROM pg_trigger
UNION ALL SELECT 'namespace ' || oid || ' ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace
UNION ALL SELECT 'type ' || oid || ' ' || typname FROM pg_type
UNION ALL SELECT 'depend ' || classid || ' ' || objid || ' ' || refobjid FROM pg_depend
UNION ALL SELECT 'shdepend ' || classid || ' ' || objid || ' ' || refobjid FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'description ' || classoid || ' ' || objoid FROM pg_description
UNION ALL SELECT 'default acl ' || oid FROM pg_default_acl
UNION ALL SELECT 'sequence ' || seqrelid FROM pg_sequence
UNION ALL SELECT 'event trigger ' || oid FROM pg_event_trigger
ORDER BY 1`

func TestUninstallLeavesNoTrace(t *testing.T) {
	t.Parallel()
	l := labOn(t, pgtest.New(t).URL)
	run(t, l.writer, `
		CREATE TABLE a (v int); CREATE TABLE p (v int) PARTITION BY LIST (v); CREATE TABLE p1 PARTITION OF p DEFAULT;
		CREATE TABLE c () INHERITS (a); CREATE SCHEMA "S"; CREATE TABLE "S"."T" (v int)`)
	read := func() []string {
		rows, err := l.writer.Query(t.Context(), everything)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	before := read()
	up(t, l.url)
	l.watch(t, `public.*`, `"S".*`)
	if n := len(l.bells(t)); n != 5 {
		t.Fatalf("%d tables have the bell, want 5", n)
	}
	if during := read(); slices.Equal(before, during) {
		t.Fatal("the catalog query sees no difference while installed")
	}
	for range 2 { // it may be repeated
		if err := migrations.Uninstall(t.Context(), l.writer); err != nil {
			t.Fatal(err)
		}
	}
	after := read()
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("left behind: %s", line)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d catalog rows before, %d after", len(before), len(after))
	}
	if n := value[int](t, l.writer, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`); n != 0 {
		t.Errorf("%d advisory locks are left", n)
	}
}

// Uninstall keeps what others put into the schema, and says so.
func TestUninstallSparesStrangers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE rowcast.mine (v int)`)
	if err := migrations.Uninstall(t.Context(), l.writer); err == nil || !strings.Contains(err.Error(), "depend") {
		t.Fatalf("got %v, want an error about what depends on the schema", err)
	}
	run(t, l.writer, `SELECT * FROM rowcast.mine`)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `
		CREATE TABLE orders (v int); CREATE TABLE order_lines (v int); CREATE TABLE "Order" (v int); CREATE TABLE "a*" (v int); CREATE TABLE aa (v int);
		CREATE TABLE "x/[y]?" (v int); CREATE VIEW order_view AS SELECT 1; CREATE SCHEMA s; CREATE TABLE s.orders (v int); CREATE TABLE s."Dot.ted" (v int)`)
	tests := []struct {
		pattern string
		want    []string // nil: an error
	}{
		{`orders`, []string{`"public"."orders"`}},
		{`ORDERS`, []string{`"public"."orders"`}},
		{`"Order"`, []string{`"public"."Order"`}},
		{`Order`, nil},
		{`order*`, []string{`"public"."order_lines"`, `"public"."orders"`}},
		{`*.orders`, []string{`"public"."orders"`, `"s"."orders"`}},
		{`s.*`, []string{`"s"."Dot.ted"`, `"s"."orders"`}},
		{`s."Dot.ted"`, []string{`"s"."Dot.ted"`}},
		{`"a*"`, []string{`"public"."a*"`}},
		{`x*y*`, []string{`"public"."x/[y]?"`}},
		{`order_view`, nil}, {`nowhere.*`, nil}, {`pg_catalog.pg_class`, nil},
		{``, nil}, {`a.`, nil}, {`"a`, nil}, {`a.b.c`, nil}, {`"a"b`, nil}, {`""`, nil},
	}
	for _, test := range tests {
		tables, err := migrations.Watch(t.Context(), l.writer, []string{test.pattern})
		if (err != nil) != (test.want == nil) {
			t.Errorf("%s: error %v, want one: %v", test.pattern, err, test.want == nil)
		}
		var got []string
		for _, table := range tables {
			got = append(got, table.Quoted())
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: watched %q, want %q", test.pattern, got, test.want)
		}
	}
	if _, err := migrations.Unwatch(t.Context(), l.writer, []string{`*.*`}); err != nil {
		t.Fatal(err)
	}
	if bells := l.bells(t); len(bells) != 0 {
		t.Errorf("after Unwatch: %v", bells)
	}
}

// One tree has one number; Watch again takes up new leaves and repairs what was broken, and keeps the number.
func TestWatchRepairs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE p (v int) PARTITION BY LIST (v); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE other (v int)`)
	bell := l.watch(t, "p1")
	if other := l.watch(t, "other"); other == bell {
		t.Fatal("two tables share a bell")
	}
	damage := []struct{ what, sql, missing string }{
		{"a new leaf", `CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)`, "no trigger"},
		{"an attached leaf", `CREATE TABLE p3 (v int); ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3)`, "no trigger"},
		{"a disabled trigger", `ALTER TABLE p1 DISABLE TRIGGER rowcast_bell`, "disabled"},
		{"a dropped trigger", `DROP TRIGGER rowcast_bell ON p`, "no trigger"},
		{"a lesser trigger", `CREATE OR REPLACE TRIGGER rowcast_bell AFTER INSERT ON p1 FOR EACH STATEMENT EXECUTE FUNCTION rowcast.ring('` + strconv.FormatInt(bell, 10) + `')`, "every kind of write"},
		{"another number", `CREATE OR REPLACE TRIGGER rowcast_bell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON p1 FOR EACH STATEMENT EXECUTE FUNCTION rowcast.ring('12')`, "another bell"},
		{"a replica-only trigger", `ALTER TABLE p1 ENABLE REPLICA TRIGGER rowcast_bell`, "disabled"},
	}
	for _, d := range damage {
		run(t, l.writer, d.sql)
		tables, err := migrations.Status(t.Context(), l.writer)
		if err != nil {
			t.Fatal(err)
		}
		var missing []string
		for _, table := range tables {
			missing = append(missing, table.Missing...)
		}
		if len(missing) != 1 || !strings.Contains(missing[0], d.missing) {
			t.Errorf("%s: status says %q, want %q", d.what, missing, d.missing)
		}
		if again := l.watch(t, "p"); again != bell {
			t.Errorf("%s: the bell changed from %d to %d", d.what, bell, again)
		}
	}
	for name, n := range l.bells(t) {
		if strings.Contains(name, `"p`) && strings.HasPrefix(name, `"public"."p`) && n != bell {
			t.Errorf("%s has bell %d, want its tree's %d", name, n, bell)
		}
	}
	l.arm(t, bell)
	run(t, l.writer, `INSERT INTO p3 VALUES (3)`)
	equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
}

// While Watch waits for a table that a long transaction has written, other writers are held up only briefly.
func TestWatchNeverQueuesWriters(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	run(t, l.ring, `BEGIN; INSERT INTO a VALUES (1)`)
	done := make(chan error, 1)
	installer := pgtest.Connect(t, l.url)
	go func() {
		_, err := migrations.Watch(context.WithoutCancel(t.Context()), installer, []string{"a"})
		done <- err
	}()
	var slowest time.Duration
	for deadline := time.Now().Add(1500 * time.Millisecond); time.Now().Before(deadline); {
		began := time.Now()
		run(t, l.writer, `INSERT INTO a VALUES (2)`)
		slowest = max(slowest, time.Since(began))
	}
	run(t, l.ring, `COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if slowest > 500*time.Millisecond {
		t.Errorf("a write took %v while the bell was installed", slowest)
	}
}

func TestMissingRightsPerTable(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE mine (v int); CREATE TABLE theirs (v int)`)
	reader := l.as(t, "installer", `GRANT TRIGGER ON mine TO ROLE`)
	tables, err := migrations.Watch(t.Context(), reader, []string{"public.*"})
	if err == nil || !strings.Contains(err.Error(), `GRANT TRIGGER ON TABLE "public"."theirs"`) || strings.Contains(err.Error(), `"mine"`) {
		t.Errorf("got %v, want the GRANT for the one table", err)
	}
	whole := 0
	for _, table := range tables {
		if table.Whole() {
			whole++
		}
	}
	if len(tables) != 2 || whole != 1 {
		t.Errorf("got %+v, want mine whole and theirs not", tables)
	}
	if _, err := migrations.Unwatch(t.Context(), reader, []string{"mine"}); err == nil || !strings.Contains(err.Error(), `DROP TRIGGER rowcast_bell ON "public"."mine"`) {
		t.Errorf("got %v, want the DROP TRIGGER for the owner", err)
	}
	if err := migrations.Uninstall(t.Context(), reader); err == nil || !strings.Contains(err.Error(), "belongs to") {
		t.Errorf("got %v, want whose schema it is", err)
	}
}

func TestWatchBeforeUp(t *testing.T) {
	t.Parallel()
	l := labOn(t, pgtest.New(t).URL)
	if _, err := migrations.Watch(t.Context(), l.writer, []string{"*"}); !errors.Is(err, migrations.ErrNotInstalled) {
		t.Fatalf("got %v, want ErrNotInstalled", err)
	}
	if tables, err := migrations.Status(t.Context(), l.writer); err != nil || len(tables) != 0 {
		t.Fatalf("got %v, %v; want nothing", tables, err)
	}
}

// A timeout can report failure while the lock is granted; whatever arm() says must be what is held.
func TestArmKnowsWhatItHolds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	for range 4 {
		conn := pgtest.Connect(t, l.url)
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := conn.Exec(context.Background(), `DO $$ BEGIN INSERT INTO a VALUES (1); PERFORM pg_sleep(0.001); END $$`); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	const truly = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`
	granted, refused := 0, 0
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 1)`, 1<<56|bell)
		if n := value[int](t, l.ring, truly); n != len(held) {
			t.Fatalf("arm() said %d, held %d", len(held), n)
		}
		if len(held) == 0 {
			refused++
			continue
		}
		granted++
		if still := value[[]int64](t, l.ring, `SELECT rowcast.disarm($1)`, held); len(still) != 0 {
			t.Fatalf("disarm() left %v", still)
		}
		if n := value[int](t, l.ring, truly); n != 0 {
			t.Fatalf("%d keys held after disarm()", n)
		}
	}
	if granted == 0 || refused == 0 {
		t.Fatalf("%d granted, %d refused: the test must see both", granted, refused)
	}
	t.Logf("%d granted, %d refused", granted, refused)
}

// A dump carries the bell: tables ring with the same number where it is restored.
func TestDumpAndRestore(t *testing.T) {
	t.Parallel()
	dump, err := exec.LookPath("pg_dump")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("pg_dump is not installed")
	}
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int); INSERT INTO a VALUES (1)`)
	bell := l.watch(t, "a")
	command := exec.CommandContext(t.Context(), dump, "--inserts", l.url)
	command.Stderr = os.Stderr
	script, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	// Newer pg_dumps write meta-commands for psql.
	var lines []string
	for line := range strings.Lines(string(script)) {
		if !strings.HasPrefix(line, `\`) {
			lines = append(lines, line)
		}
	}
	copied := labOn(t, pgtest.New(t).URL)
	run(t, copied.writer, strings.Join(lines, ""), `SET search_path = public`)
	up(t, copied.url)
	if again := copied.watch(t, "a"); again != bell {
		t.Fatalf("bell %d became %d", bell, again)
	}
	copied.arm(t, bell)
	run(t, copied.writer, `INSERT INTO a VALUES (2)`)
	equal(t, "rings", copied.rings(t), []string{strconv.FormatInt(bell, 10)})
}

// What alters a table in a transaction is ended by the database where its process
// stands still meanwhile: its lock keeps writers out.
func TestAlteringIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE orders (id int)`, `CREATE TABLE limits (idle text)`,
		`CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
			INSERT INTO public.limits VALUES (current_setting('idle_in_transaction_session_timeout'));
		END$$`,
		`CREATE EVENT TRIGGER note ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION note()`)
	l.watch(t, "public.orders")
	if got := value[string](t, l.writer, `SELECT string_agg(DISTINCT idle, ' ') FROM limits`); got != "5s" {
		t.Errorf("a session that alters a table may be idle in its transaction for %q", got)
	}
}
