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
	if _, err := tx.Exec(t.Context(), `INSERT INTO notes VALUES (1); COMMIT`); code(err) != "42601" {
		t.Errorf("two statements of a transaction: %v", err)
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
			_, err := tx.Exec(t.Context(), `INSERT INTO notes VALUES ($1)`, id)
			return errors.Join(err, after)
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
	if n := count(t, conn); n != 1 {
		t.Errorf("%d rows, want the one that was committed", n)
	}
}

// A pool's connection goes back at the end of its transaction, and not in the middle
// of one, nor after a context has ended.
func TestThePoolHasItsConnectionsBack(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	made, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	pool := extended.Pool{Pool: made}
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
	if n := made.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still taken", n)
	}
}
