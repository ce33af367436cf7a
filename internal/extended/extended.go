// Package extended runs by PostgreSQL's extended protocol, whose messages hold one statement
// each, what pgx runs by the simple one: statements without arguments, the begin and the end of
// transactions, a pool's look whether a session is alive, and what comes by database/sql.
package extended

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier is a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Exec runs one statement and forgets its rows. Nothing is prepared for one without arguments. The
// error is PostgreSQL's or the connection's own.
func Exec(ctx context.Context, q Querier, sql string, args ...any) error {
	_, err := run(ctx, q, sql, args...)
	return err
}

// run asks by Query, which keeps to the protocol that it is told. pgx's Exec does not where no
// argument is left once its options are taken away.
func run(ctx context.Context, q Querier, sql string, args ...any) (pgconn.CommandTag, error) {
	if len(args) == 0 {
		args = []any{pgx.QueryExecModeExec}
	}
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}
