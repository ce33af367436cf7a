package extended

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is a pool whose sessions are looked at before they are handed out, and whose transactions
// begin and end, by the extended protocol.
type Pool struct{ *pgxpool.Pool }

// lookLimit is what a session may take to say that it is alive.
const lookLimit = 2 * time.Second

// NewPool makes a pool. The hooks of the configuration that look at a session are its own.
func NewPool(ctx context.Context, config *pgxpool.Config) (Pool, error) {
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		// Who asked may be gone by now, which is no reason to close a session.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
		defer cancel()
		return Exec(ctx, conn, `SELECT 1`) == nil, nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return Pool{pool}, err
}

// Begin begins a transaction on a connection of the pool's, which goes back at its end.
func (p Pool) Begin(ctx context.Context, kind Kind) (Tx, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	if err := Exec(ctx, conn, string(kind)); err != nil {
		conn.Release() // which closes it where it is in the middle of something
		return nil, err
	}
	return &transaction{conn: conn.Conn(), done: conn.Release}, nil
}
