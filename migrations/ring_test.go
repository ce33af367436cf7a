package migrations_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// Every kind of write rings the bell of its table once while somebody sleeps by it, and is silent otherwise.
func TestWritesRing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, setup, table string
		write              []string
	}{
		{"insert", `CREATE TABLE a (v int)`, `a`, []string{`INSERT INTO a VALUES (1)`}},
		{"update of no row", `CREATE TABLE a (v int)`, `a`, []string{`UPDATE a SET v = 1 WHERE false`}},
		{"delete", `CREATE TABLE a (v int); INSERT INTO a VALUES (1)`, `a`, []string{`DELETE FROM a`}},
		{"truncate", `CREATE TABLE a (v int)`, `a`, []string{`TRUNCATE a`}},
		{"truncate cascades", `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (p int REFERENCES p)`, `a`, []string{`TRUNCATE p CASCADE`}},
		{"copy", `CREATE TABLE a (v int)`, `a`, []string{`COPY a FROM PROGRAM 'echo 1'`}},
		{"merge", `CREATE TABLE a (v int)`, `a`, []string{`MERGE INTO a USING (VALUES (1)) s(v) ON a.v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.v)`}},
		{"upsert", `CREATE TABLE a (v int PRIMARY KEY)`, `a`, []string{`INSERT INTO a VALUES (1) ON CONFLICT (v) DO UPDATE SET v = 1`}},
		{"delete cascades", `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (p int REFERENCES p ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO a VALUES (1)`, `a`, []string{`DELETE FROM p`}},
		{"a writing CTE", `CREATE TABLE a (v int)`, `a`, []string{`WITH w AS (INSERT INTO a VALUES (1) RETURNING v) SELECT * FROM w`}},
		{"partition by its root", `CREATE TABLE a (v int) PARTITION BY LIST (v); CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1)`, `a`, []string{`INSERT INTO a VALUES (1)`}},
		{"partition by its leaf", `CREATE TABLE a (v int) PARTITION BY LIST (v); CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1)`, `a`, []string{`INSERT INTO a1 VALUES (1)`}},
		{"sub-partition, watched by its leaf", `CREATE TABLE a (v int, w int) PARTITION BY LIST (v); CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1) PARTITION BY LIST (w); CREATE TABLE a11 PARTITION OF a1 DEFAULT`, `a11`, []string{`UPDATE a SET v = 1`}},
		{"inheriting child", `CREATE TABLE a (v int); CREATE TABLE c (w int) INHERITS (a)`, `a`, []string{`INSERT INTO c VALUES (1, 2)`}},
		{"mixed case and quotes", `CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."Odd ""T.able" (v int)`, `"My Schema"."Odd ""T.able"`, []string{`INSERT INTO "My Schema"."Odd ""T.able" VALUES (1)`}},
		{"other schema", `CREATE SCHEMA s; CREATE TABLE s.a (v int)`, `s.a`, []string{`INSERT INTO s.a VALUES (1)`}},
		{"renamed and moved", `CREATE TABLE a (v int); CREATE SCHEMA s`, `a`, []string{`ALTER TABLE a RENAME TO b`, `ALTER TABLE b SET SCHEMA s`, `INSERT INTO s.b VALUES (1)`}},
		{"unlogged", `CREATE UNLOGGED TABLE a (v int)`, `a`, []string{`INSERT INTO a VALUES (1)`}},
		{"savepoint kept", `CREATE TABLE a (v int)`, `a`, []string{`BEGIN; SAVEPOINT s; INSERT INTO a VALUES (1); RELEASE s; COMMIT`}},
		{"savepoint rolled back, then written", `CREATE TABLE a (v int)`, `a`, []string{`BEGIN; SAVEPOINT s; INSERT INTO a VALUES (1); ROLLBACK TO s; INSERT INTO a VALUES (2); COMMIT`}},
		{"many statements, one ring", `CREATE TABLE a (v int)`, `a`, []string{`BEGIN; INSERT INTO a VALUES (1); UPDATE a SET v = 2; DELETE FROM a; COMMIT`}},
		{"serializable", `CREATE TABLE a (v int)`, `a`, []string{`SET default_transaction_isolation = 'serializable'`, `INSERT INTO a VALUES (1)`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			run(t, l.writer, test.setup)
			bell := l.watch(t, test.table)
			l.arm(t, bell)
			run(t, l.writer, test.write...)
			equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
		})
	}
}

func TestRollbackNeverRings(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	l.arm(t, l.watch(t, "a"))
	run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1); ROLLBACK`, `BEGIN; SAVEPOINT s; INSERT INTO a VALUES (1); ROLLBACK TO s; COMMIT`)
	equal(t, "rings", l.rings(t), nil)
}

// A silent writer keeps all slots from being armed until it ends, and no longer.
func TestSilentWriterIsWaitedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	run(t, l.ring, `SELECT rowcast.set_slots(4)`)
	run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1)`)
	for slot := int64(1); slot <= 4; slot++ {
		if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, slot<<56|bell); len(held) != 0 {
			t.Fatalf("slot %d was armed beside a silent writer", slot)
		}
	}
	run(t, l.writer, `COMMIT`)
	l.arm(t, bell)
	equal(t, "rings", l.rings(t), nil)
	if still := value[[]int64](t, l.ring, `SELECT rowcast.disarm(ARRAY[$1::bigint])`, 1<<56|bell); len(still) != 0 {
		t.Fatalf("still held after disarm: %v", still)
	}
	if n := value[int](t, l.ring, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); n != 0 {
		t.Fatalf("%d advisory locks are left", n)
	}
}

// A writer tries as many keys as there are slots: with one, the second may be armed beside it, and no server does.
func TestWritersTryAsManyKeysAsThereAreSlots(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	for _, n := range []int{1, 4, 2, 3} {
		if n != 1 { // which is what a new installation has
			run(t, l.ring, `SELECT rowcast.set_slots(`+strconv.Itoa(n)+`)`)
		}
		if slots := value[int](t, l.hear, `SELECT rowcast.slots()`); slots != n {
			t.Fatalf("%d slots, want %d", slots, n)
		}
		run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1)`)
		for slot := 1; slot <= 4; slot++ {
			key := int64(slot)<<56 | bell
			free := value[bool](t, l.ring, `SELECT pg_try_advisory_lock($1)`, key)
			if free != (slot > n) {
				t.Errorf("%d slots: the key of slot %d is free beside a silent writer: %t", n, slot, free)
			}
			run(t, l.ring, `SELECT pg_advisory_unlock_all()`)
		}
		run(t, l.writer, `COMMIT`)
	}
	for _, n := range []string{"0", "5", "NULL"} {
		if _, err := l.ring.Exec(t.Context(), `SELECT rowcast.set_slots(`+n+`)`); err == nil {
			t.Errorf("%s slots were accepted", n)
		}
	}
	stranger := l.as(t, "stranger")
	if _, err := stranger.Exec(t.Context(), `SELECT rowcast.set_slots(3)`); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a stranger changed ring(): %v", err)
	}
}

// A slot that a server uses is not taken away, and what was tried leaves nothing behind.
func TestASlotInUseStays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `SELECT rowcast.set_slots(3)`)
	run(t, l.ring, `SELECT pg_advisory_lock(3::bigint << 56 | 32210705904137076)`)
	_, err := l.writer.Exec(t.Context(), `SELECT rowcast.set_slots(2)`)
	if err == nil || !strings.Contains(err.Error(), "uses slot 3") {
		t.Fatalf("got %v, want a refusal", err)
	}
	if n := value[int](t, l.writer, `SELECT rowcast.slots()`); n != 3 {
		t.Fatalf("%d slots after the refusal", n)
	}
	run(t, l.ring, `SELECT pg_advisory_unlock_all()`)
	run(t, l.writer, `SELECT rowcast.set_slots(2)`)
}

// ROLLBACK TO releases the silent writer's locks together with its write.
func TestSavepointGivesBackTheLock(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	run(t, l.writer, `BEGIN; SAVEPOINT s; INSERT INTO a VALUES (1); ROLLBACK TO s`)
	l.arm(t, bell)
	run(t, l.writer, `INSERT INTO a VALUES (2); COMMIT`)
	equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
}

// Nothing that a writer's session calls its own is ever called.
func TestHostileSearchPath(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	run(t, l.writer, `
		CREATE SCHEMA evil;
		CREATE TABLE evil.calls (what text);
		CREATE DOMAIN evil.int8 AS text CHECK (VALUE = 'never');
		CREATE DOMAIN evil.float8 AS text CHECK (VALUE = 'never');
		CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('notify') $$;
		CREATE FUNCTION evil.pg_try_advisory_xact_lock_shared(bigint) RETURNS bool LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('lock') RETURNING true $$;
		CREATE FUNCTION evil.pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('usage') RETURNING 1.0::pg_catalog.float8 $$;
		CREATE FUNCTION evil.add(bigint, bigint) RETURNS bigint LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('+') RETURNING 1::bigint $$;
		CREATE OPERATOR evil.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.add);
		CREATE FUNCTION evil.gt(double precision, double precision) RETURNS bool LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('>') RETURNING true $$;
		CREATE OPERATOR evil.> (LEFTARG = double precision, RIGHTARG = double precision, FUNCTION = evil.gt);
		CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE sql AS $$ INSERT INTO evil.calls VALUES ('=') RETURNING true $$;
		CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
		SET search_path = evil, pg_catalog, public;`)
	for _, conn := range []*pgx.Conn{l.ring, l.hear} {
		run(t, conn, `SET search_path = evil, pg_catalog, public`)
	}
	run(t, l.writer, `INSERT INTO public.a VALUES (1)`)
	l.arm(t, bell)
	run(t, l.writer, `INSERT INTO public.a VALUES (1)`)
	equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
	if n := value[int](t, l.writer, `SELECT count(*)::integer FROM evil.calls`); n != 0 {
		t.Fatalf("%d calls of the writer's own functions", n)
	}
}

// Where a writer may not use what the trigger calls, its write succeeds all the same: without locks it rings,
// and without NOTIFY it leaves the mute key behind.
func TestRevokedFunctions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	writer := l.as(t, "writer", `GRANT INSERT ON a TO ROLE`)

	run(t, l.writer, `REVOKE EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) FROM PUBLIC`)
	run(t, writer, `INSERT INTO a VALUES (1)`)
	equal(t, "rings without locks", l.rings(t), []string{strconv.FormatInt(bell, 10)})
	run(t, l.writer, `GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO PUBLIC`)

	run(t, l.writer, `REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC`)
	l.arm(t, bell)
	run(t, writer, `BEGIN; INSERT INTO a VALUES (2)`)
	if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, int64(muteKey)); len(held) != 0 {
		t.Fatal("the mute key is free beside a writer that could not ring")
	}
	run(t, writer, `COMMIT`)
	equal(t, "rings without NOTIFY", l.rings(t), nil)
	if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, int64(muteKey)); len(held) != 1 {
		t.Fatal("the mute key is held after the writer ended")
	}
}

// A role with nothing but INSERT fires the trigger; a role with nothing at all may arm.
func TestPlainRoles(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	writer := l.as(t, "writer", `GRANT INSERT ON a TO ROLE`)
	l.ring = l.as(t, "reader")
	l.arm(t, bell)
	run(t, writer, `INSERT INTO a VALUES (1)`)
	equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
}

// Above one half of the queue a writer takes the mute key instead of ringing; the usage is made up.
func TestMuteKey(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	definition := value[string](t, l.writer, `SELECT pg_get_functiondef('rowcast.ring'::regproc)`)
	full := strings.Replace(definition, "pg_catalog.pg_notification_queue_usage()", "0.51::pg_catalog.float8", 1)
	if full == definition {
		t.Fatal("ring() does not ask for the queue's usage")
	}
	run(t, l.writer, full)
	l.arm(t, bell)
	run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1)`)
	if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, int64(muteKey)); len(held) != 0 {
		t.Fatal("the mute key is free beside a mute writer")
	}
	run(t, l.writer, `COMMIT`)
	equal(t, "rings", l.rings(t), nil)
	// While a server passes through the mute key, the queue is empty again by its word: writers ring.
	if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, int64(muteKey)); len(held) != 1 {
		t.Fatal("the mute key is held after the writer ended")
	}
	run(t, l.writer, `INSERT INTO a VALUES (2)`)
	equal(t, "rings", l.rings(t), []string{strconv.FormatInt(bell, 10)})
}

func TestPreparedTransactions(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_prepared_transactions": "5"})
	up(t, server.URL())
	l := labOn(t, server.URL())
	run(t, l.writer, `CREATE TABLE a (v int)`)
	bell := l.watch(t, "a")
	run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'silent'`)
	if held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5)`, 1<<56|bell); len(held) != 0 {
		t.Fatal("armed beside a silent prepared transaction")
	}
	run(t, l.writer, `COMMIT PREPARED 'silent'`)
	l.arm(t, bell)
	run(t, l.writer, `BEGIN; INSERT INTO a VALUES (1)`)
	if _, err := l.writer.Exec(t.Context(), `PREPARE TRANSACTION 'ringing'`); err == nil {
		t.Fatal("PREPARE TRANSACTION works after a NOTIFY: the warning about it is out of date")
	}
}

// Logical replication's worker fires row triggers that are enabled for replicas, and no others; a session in
// the replica role does as it does.
func TestReplicaTrigger(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"wal_level": "logical"})
	up(t, server.URL())
	l := labOn(t, server.URL())
	run(t, l.writer, `CREATE DATABASE source`)
	source := pgtest.Connect(t, server.DatabaseURL("source"))
	run(t, source, `CREATE TABLE a (v int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE a`, `SELECT pg_create_logical_replication_slot('s', 'pgoutput')`)
	run(t, l.writer, `CREATE TABLE a (v int PRIMARY KEY)`)
	dsn := value[string](t, l.writer, `SELECT format('host=%s port=%s user=%s dbname=source', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user)`)
	run(t, l.writer, `CREATE SUBSCRIPTION u CONNECTION '`+dsn+`' PUBLICATION p WITH (create_slot = false, slot_name = 's', copy_data = false)`)
	t.Cleanup(func() {
		clean(l.url, `ALTER SUBSCRIPTION u DISABLE`, `ALTER SUBSCRIPTION u SET (slot_name = NONE)`, `DROP SUBSCRIPTION u`)
	})
	bell := l.watch(t, "a")
	l.arm(t, bell)
	run(t, source, `INSERT INTO a SELECT generate_series(1, 50)`)
	ctx := t.Context()
	n, err := l.hear.WaitForNotification(ctx)
	if err != nil || n.Payload != strconv.FormatInt(bell, 10) {
		t.Fatalf("got %v, %v; want a ring of %d", n, err, bell)
	}
	equal(t, "more rings", l.rings(t), nil)
	run(t, l.writer, `INSERT INTO a VALUES (100)`)
	equal(t, "rings of a local write", l.rings(t), []string{strconv.FormatInt(bell, 10)})
}
