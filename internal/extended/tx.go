package extended

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Kind is the statement that begins a transaction.
type Kind string

// The kinds: as the session has it, one that only reads, and one that only reads and whose
// statements all see the same.
const (
	Plain    Kind = `BEGIN`
	ReadOnly Kind = `BEGIN READ ONLY`
	Snapshot Kind = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
)

// Tx is a transaction. After its end it is asked in vain: the error is [pgx.ErrTxClosed].
type Tx interface {
	Querier
	// Conn is its connection, for what it must only be asked directly until the transaction ends.
	Conn() *pgx.Conn
	// Commit ends it. The error is [pgx.ErrTxCommitRollback] where a statement had failed, so that none counts.
	Commit(ctx context.Context) error
	// Rollback ends it without a trace.
	Rollback(ctx context.Context) error
}

// Begin begins a transaction on a connection, which is closed where nobody can tell whether it did.
func Begin(ctx context.Context, conn *pgx.Conn, kind Kind) (Tx, error) {
	if err := Exec(ctx, conn, string(kind)); err != nil {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			_ = conn.Close(ctx) // the error says why
		}
		return nil, err
	}
	return &transaction{conn: conn, done: func() {}}, nil
}

// Do runs work in a transaction that is committed unless work fails.
func Do(ctx context.Context, conn *pgx.Conn, work func(Tx) error) error {
	tx, err := Begin(ctx, conn, Plain)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // where it did not come to its end
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// transaction is that of one goroutine at a time, as its connection is.
type transaction struct {
	conn  *pgx.Conn
	done  func()
	ended bool
}

func (t *transaction) Conn() *pgx.Conn { return t.conn }

func (t *transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.ended { // the connection may be somebody else's by now
		return nil, pgx.ErrTxClosed
	}
	return t.conn.Query(ctx, sql, args...)
}

func (t *transaction) Commit(ctx context.Context) error {
	tag, err := t.end(ctx, `COMMIT`)
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

func (t *transaction) Rollback(ctx context.Context) error {
	_, err := t.end(ctx, `ROLLBACK`)
	return err
}

func (t *transaction) end(ctx context.Context, sql string) (pgconn.CommandTag, error) {
	if t.ended {
		return pgconn.CommandTag{}, pgx.ErrTxClosed
	}
	t.ended = true
	defer t.done()
	tag, err := run(ctx, t.conn, sql)
	if err != nil && t.conn.PgConn().TxStatus() != 'I' {
		_ = t.conn.Close(ctx) // the error says why; nobody shall go on in this transaction
	}
	return tag, err
}
