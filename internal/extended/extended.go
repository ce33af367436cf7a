// Package extended runs by PostgreSQL's extended protocol, whose messages hold one statement
// each, what pgx runs by the simple one: statements without arguments, and the begin and the end
// of transactions.
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

// Exec runs one statement that has no arguments, and forgets its rows. Nothing is prepared for it.
// The error is PostgreSQL's or the connection's own.
func Exec(ctx context.Context, q Querier, sql string) error {
	_, err := run(ctx, q, sql)
	return err
}

// run asks by Query, which keeps to the protocol that it is told; pgx's Exec does not.
func run(ctx context.Context, q Querier, sql string) (pgconn.CommandTag, error) {
	rows, err := q.Query(ctx, sql, pgx.QueryExecModeExec)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}
