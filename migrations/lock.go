package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// lockKey keeps installers apart: the reserved bell number under a slot that no server uses.
const lockKey int64 = 6<<56 | 0x726f7763617374

// lockPause is how long a second installer sleeps between two attempts.
const lockPause = 50 * time.Millisecond

// withSQLLock is withLock for goose's side, on a session of its own. goose has session locks too, but it creates its
// version table before it takes one.
func withSQLLock(ctx context.Context, db *sql.DB, work func(*sql.Conn) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	try := func() (got bool, err error) {
		err = conn.QueryRowContext(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, lockKey).Scan(&got)
		return got, err
	}
	if err := retryLock(ctx, try); err != nil {
		return err
	}
	err = work(conn)
	const unlock = `SELECT pg_catalog.pg_advisory_unlock($1)`
	if _, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), unlock, lockKey); unlockErr != nil {
		err = errors.Join(err, fmt.Errorf("release installer lock: %w", unlockErr))
	}
	return err
}

// createSchema looks before it creates: on a database that has the schema, a role without CREATE goes on.
func createSchema(ctx context.Context, conn *sql.Conn) error {
	var exists bool
	const look = `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'rowcast')`
	if err := conn.QueryRowContext(ctx, look).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS rowcast`); err != nil {
		return fmt.Errorf("create schema: %w", err)
	}
	return nil
}

// withLock runs work while no other installer works in this database.
func withLock(ctx context.Context, conn *pgx.Conn, work func() error) error {
	try := func() (got bool, err error) {
		err = conn.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, lockKey).Scan(&got)
		return got, err
	}
	if err := retryLock(ctx, try); err != nil {
		return err
	}
	err := work()
	if conn.IsClosed() {
		return err // the lock ended with the session
	}
	if unlockErr := extended.Exec(context.WithoutCancel(ctx), conn, `SELECT pg_catalog.pg_advisory_unlock($1)`, lockKey); unlockErr != nil {
		err = errors.Join(err, fmt.Errorf("release installer lock: %w", unlockErr))
	}
	return err
}

func retryLock(ctx context.Context, try func() (bool, error)) error {
	for {
		got, err := try()
		if err != nil {
			return fmt.Errorf("take installer lock: %w", err)
		}
		if got {
			return nil
		}
		if err := sleep(ctx, lockPause); err != nil {
			return fmt.Errorf("wait for another installer: %w", err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// explain adds to a refusal the SQL that mends it.
func explain(err error, config *pgx.ConnConfig) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "42501" {
		return err
	}
	return fmt.Errorf("%w; as the database's owner run: GRANT CREATE ON DATABASE %s TO %s; "+
		"or, where the schema rowcast belongs to another role, run this as that role",
		err, pgx.Identifier{config.Database}.Sanitize(), pgx.Identifier{config.User}.Sanitize())
}
