package extended_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func count(t *testing.T, q extended.Querier) (n int) {
	t.Helper()
	rows, err := q.Query(t.Context(), `SELECT pg_catalog.count(*) FROM notes`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int]); err != nil {
		t.Fatal(err)
	}
	return n
}

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func notes(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := pgtest.Connect(t, pgtest.New(t).URL)
	if err := extended.Exec(t.Context(), conn, `CREATE TABLE notes (id int PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A text of two statements, which the simple protocol would take, is refused.
func TestOneStatementAtATime(t *testing.T) {
	t.Parallel()
	conn := notes(t)
	if err := extended.Exec(t.Context(), conn, `INSERT INTO notes VALUES (1); INSERT INTO notes VALUES (2)`); code(err) != "42601" {
		t.Errorf("two statements: %v", err)
	}
	tx, err := extended.Begin(t.Context(), conn, extended.Plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, options := range [][]any{nil, {pgx.QueryExecModeExec}, {pgx.NamedArgs{}}} { // of which no argument is left
		if err := extended.Exec(t.Context(), conn, `INSERT INTO notes VALUES (1); INSERT INTO notes VALUES (2)`, options...); code(err) != "42601" {
			t.Errorf("two statements with %v: %v", options, err)
		}
		if err := extended.Exec(t.Context(), tx, `ROLLBACK; BEGIN`, options...); code(err) != "42601" && code(err) != "25P02" {
			t.Errorf("two statements of a transaction, with %v: %v", options, err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if n := count(t, conn); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	conn, failed := notes(t), errors.New("no")
	insert := func(id int, after error) func(extended.Tx) error {
		return func(tx extended.Tx) error {
			return errors.Join(extended.Exec(t.Context(), tx, `INSERT INTO notes VALUES ($1)`, id), after)
		}
	}
	if err := extended.Do(t.Context(), conn, insert(1, nil)); err != nil {
		t.Error(err)
	}
	if err := extended.Do(t.Context(), conn, insert(2, failed)); !errors.Is(err, failed) {
		t.Errorf("work that failed: %v", err)
	}
	if err := extended.Do(t.Context(), conn, func(tx extended.Tx) error {
		_ = insert(1, nil)(tx) // the key is there
		return nil
	}); !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("a statement failed, and nothing was told: %v", err)
	}
	tx, err := extended.Begin(t.Context(), conn, extended.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if err := insert(3, nil)(tx); code(err) != "25006" {
		t.Errorf("written in a transaction that only reads: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("ended twice: %v", err)
	}
	if err := extended.Exec(t.Context(), tx, `SELECT 1`); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("asked after its end: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = extended.Do(t.Context(), conn, func(tx extended.Tx) error {
			_ = insert(4, nil)(tx)
			panic("no")
		})
	}()
	if n := count(t, conn); n != 1 {
		t.Errorf("%d rows, want the one that was committed", n)
	}
}

// poolOfOne is a pool with one connection at most.
func poolOfOne(t *testing.T, url string) extended.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	pool, err := extended.NewPool(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// A pool's connection goes back at the end of its transaction, and not in the middle
// of one, nor after a context has ended.
func TestThePoolHasItsConnectionsBack(t *testing.T) {
	t.Parallel()
	pool := poolOfOne(t, pgtest.New(t).URL)
	for range 3 {
		tx, err := pool.Begin(t.Context(), extended.ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := extended.Exec(ctx, tx, `SELECT 1`); !errors.Is(err, context.Canceled) {
			t.Errorf("asked without anybody who waits: %v", err)
		}
		_ = tx.Rollback(ctx)
		if _, err := pool.Begin(ctx, extended.ReadOnly); !errors.Is(err, context.Canceled) {
			t.Errorf("begun without anybody who waits: %v", err)
		}
		if _, err := pool.Begin(t.Context(), `BEGIN NOTHING`); code(err) != "42601" {
			t.Errorf("no transaction: %v", err)
		}
	}
	tx, err := pool.Begin(t.Context(), extended.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	if status := tx.Conn().PgConn().TxStatus(); status != 'T' {
		t.Errorf("begun, and the session says %q", status)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still taken", n)
	}
}

// A pool hands out no session that was ended, and ends none because the one who asked
// for it has left.
func TestThePoolLooksAtItsSessions(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).URL
	pool := poolOfOne(t, url)
	pid := func() (pid uint32) {
		if err := pool.QueryRow(t.Context(), `SELECT pg_catalog.pg_backend_pid()`).Scan(&pid); err != nil {
			t.Error(err)
		}
		return pid
	}
	before := pid()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := pool.Config().PrepareConn(ctx, conn.Conn()); !ok || err != nil {
		t.Errorf("nobody waits any more, and the session is said to be %v, %v", ok, err)
	}
	conn.Release()
	if after := pid(); after != before {
		t.Errorf("session %d became %d", before, after)
	}
	if err := extended.Exec(t.Context(), pgtest.Connect(t, url), `SELECT pg_catalog.pg_terminate_backend($1, 5000)`, before); err != nil {
		t.Fatal(err)
	}
	if after := pid(); after == before {
		t.Error("a session that was ended is said to answer")
	}
}

// What comes by database/sql is one statement at a time as well, commits and rolls back.
func TestDatabaseSQL(t *testing.T) {
	t.Parallel()
	conn := notes(t)
	db := extended.OpenDB(conn.Config())
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO notes VALUES (1); INSERT INTO notes VALUES (2)`); code(err) != "42601" {
		t.Errorf("two statements: %v", err)
	}
	if _, err := db.PrepareContext(t.Context(), `SELECT 1`); err == nil {
		t.Error("a statement is prepared, which goes by the simple protocol")
	}
	for id, commit := range map[int]bool{1: true, 2: false} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if done, err := tx.ExecContext(t.Context(), `INSERT INTO notes VALUES ($1)`, id); err != nil {
			t.Error(err)
		} else if n, _ := done.RowsAffected(); n != 1 {
			t.Errorf("%d rows are said to be written", n)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if n := count(t, conn); n != 1 {
		t.Errorf("%d rows, want the one that was committed", n)
	}
}
