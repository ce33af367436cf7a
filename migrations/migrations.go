// Package migrations puts rowcast's doorbell into a database and takes it out again.
//
// [Up] creates the schema rowcast with its seven functions and its own version table, rowcast.goose_version.
// [Watch] puts one statement-level trigger on each table, [Unwatch] takes it off, [Status] says what is
// there and what is missing, and [Uninstall] removes everything without a trace.
//
// # Guarantees
//
//   - A trigger never makes the user's write fail or wait; while no server is armed a statement costs a few
//     microseconds, and its transaction leaves nothing behind.
//   - All tables of a partition or inheritance tree carry one bell number, so a write that names a leaf rings
//     the same bell as one that names the root.
//   - DDL is done for one table per transaction, under a short lock_timeout with pauses between the attempts,
//     so that writers never queue behind it for longer than that.
//   - Up, Watch, Unwatch and Uninstall may run at the same time from many processes: one works, the others wait.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/rowcast/rowcast/internal/extended"
)

//go:embed sql/*.sql
var files embed.FS

// Schema is the one schema that rowcast owns in a database.
const Schema = "rowcast"

// ErrNotInstalled means that the database has no schema rowcast, or one without the doorbell's functions.
var ErrNotInstalled = errors.New("rowcast's schema is not in this database: run Up (\"rowcast watch\" does) as a role that may create it")

// Up brings the schema rowcast to the newest version and returns how many migrations it applied. It is
// harmless to repeat, and a role without rights to create anything may call it on a database that is up to
// date. Where rights are missing the error holds the SQL that grants them.
func Up(ctx context.Context, config *pgx.ConnConfig) (applied int, err error) {
	db := extended.OpenDB(config)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(2) // the lock's session and no more than one beside it

	migrations, err := fs.Sub(files, "sql")
	if err != nil {
		return 0, fmt.Errorf("open migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations,
		goose.WithTableName(Schema+".goose_version"),
		goose.WithDisableGlobalRegistry(true),
	)
	if err != nil {
		return 0, fmt.Errorf("load migrations: %w", err)
	}
	err = withSQLLock(ctx, db, func(conn *sql.Conn) error {
		if err := createSchema(ctx, conn); err != nil {
			return err
		}
		results, err := provider.Up(ctx)
		applied = len(results)
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate schema rowcast: %w", explain(err, config))
	}
	return applied, nil
}
