package extended

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenDB is pgx for what only knows database/sql. It prepares nothing, and its transactions are of
// the session's own kind.
func OpenDB(config *pgx.ConnConfig) *sql.DB {
	return sql.OpenDB(connector{stdlib.GetConnector(*config, stdlib.OptionShouldPing(never))})
}

// never has a session that is taken again not looked at, which pgx does by the simple protocol.
func never(context.Context, stdlib.ShouldPingParams) bool { return false }

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return session{conn.(*stdlib.Conn)}, nil
}

// session overrides whatever of pgx's takes the simple protocol.
type session struct{ *stdlib.Conn }

var errKind = errors.New("what goes by the extended protocol is neither prepared nor of a kind of its own")

func (s session) Prepare(string) (driver.Stmt, error) { return nil, errKind }

func (s session) PrepareContext(context.Context, string) (driver.Stmt, error) { return nil, errKind }

func (s session) Ping(ctx context.Context) error {
	if Exec(ctx, s.Conn.Conn(), `SELECT 1`) != nil {
		return driver.ErrBadConn
	}
	return nil
}

func (s session) ExecContext(ctx context.Context, query string, named []driver.NamedValue) (driver.Result, error) {
	if s.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	args := make([]any, len(named))
	for i, n := range named {
		args[i] = n.Value
	}
	tag, err := run(ctx, s.Conn.Conn(), query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

func (s session) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	switch {
	case options != driver.TxOptions{}:
		return nil, errKind
	case s.Conn.Conn().IsClosed():
		return nil, driver.ErrBadConn
	}
	tx, err := Begin(ctx, s.Conn.Conn(), Plain)
	if err != nil {
		return nil, err
	}
	return ender{ctx, tx}, nil
}

// ender keeps the context that a transaction began with, for database/sql has none at its end.
type ender struct {
	ctx context.Context
	tx  Tx
}

func (e ender) Commit() error { return e.tx.Commit(e.ctx) }

func (e ender) Rollback() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 5*time.Second)
	defer cancel()
	return e.tx.Rollback(ctx)
}
