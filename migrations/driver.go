package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rowcast/rowcast/internal/extended"
)

// openDB is pgx for goose, which only knows database/sql. What goose sends without arguments,
// its migrations and the begin and end of its transactions, goes by the extended protocol.
func openDB(config *pgx.ConnConfig) *sql.DB {
	// Sessions that the pool keeps are not pinged: nobody waits that long between two statements.
	quiet := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false })
	return sql.OpenDB(connector{stdlib.GetConnector(*config, quiet)})
}

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return session{conn.(*stdlib.Conn)}, nil
}

type session struct{ *stdlib.Conn }

func (s session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return s.Conn.ExecContext(ctx, query, args)
	}
	return driver.ResultNoRows, extended.Exec(ctx, s.Conn.Conn(), query)
}

func (s session) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if options != (driver.TxOptions{}) {
		return nil, errors.New("migrations run in transactions of the session's own kind")
	}
	tx, err := extended.Begin(ctx, s.Conn.Conn(), extended.Plain)
	if err != nil {
		return nil, err
	}
	return transaction{ctx, tx}, nil
}

// transaction keeps the context that it began with, as database/sql's has none at its end.
type transaction struct {
	ctx context.Context
	tx  extended.Tx
}

func (t transaction) Commit() error   { return t.tx.Commit(t.ctx) }
func (t transaction) Rollback() error { return t.tx.Rollback(context.WithoutCancel(t.ctx)) }
