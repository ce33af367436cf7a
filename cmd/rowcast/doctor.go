package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/migrations"
)

type doctorCommand struct{ databaseFlags }

// finding is one thing that the doctor looked at.
type finding struct {
	good bool
	note bool // it is good here, and would not be everywhere
	what string
	mend string // SQL or a command; "" where nothing needs mending
}

// Run looks at the database and the role and says what is missing. It fails
// if something is.
func (c *doctorCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(db *database, conn *pgx.Conn) error {
		sick := false
		for _, look := range []func(context.Context, *database, *pgx.Conn) (finding, error){
			lookVersion, lookPrimary, lookDirect, lookRole, lookPrepared, lookQueue, lookSchema, lookBells,
		} {
			f, err := look(ctx, db, conn)
			if err != nil {
				return fmt.Errorf("examine database: %w", err)
			}
			sick = sick || !f.good
			if err := f.print(s.out); err != nil {
				return err
			}
		}
		if sick {
			return errSaid
		}
		return nil
	})
}

func (f finding) print(w io.Writer) error {
	mark := "ok  "
	switch {
	case !f.good:
		mark = "  ! "
	case f.note:
		mark = "  - "
	}
	text := mark + f.what + "\n"
	if f.mend != "" {
		text += "      " + strings.ReplaceAll(strings.TrimSpace(f.mend), "\n", "\n      ") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func lookVersion(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var number int
	var text string
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
		pg_catalog.current_setting('server_version')`).Scan(&number, &text)
	f := finding{good: number >= 140000, what: "PostgreSQL " + text}
	if !f.good {
		f.what += ", which is older than 14"
		f.mend = "upgrade PostgreSQL"
	}
	return f, err
}

func lookPrimary(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var standby bool
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery()`).Scan(&standby)
	if standby {
		return finding{what: "this is a standby, which cannot LISTEN", mend: "use the primary's address"}, err
	}
	return finding{good: true, what: "this is the primary"}, err
}

func lookDirect(ctx context.Context, db *database, _ *pgx.Conn) (finding, error) {
	err := db.direct(ctx)
	if errors.Is(err, errPooler) {
		return finding{what: errPooler.Error(), mend: "use PostgreSQL's own port, or a pool in session mode"}, nil
	}
	return finding{good: true, what: "the connection is direct, or pooled by session"}, err
}

func lookRole(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	var super, bypass, owner bool
	err := conn.QueryRow(ctx, powers).Scan(&super, &bypass, &owner)
	if super || bypass || owner {
		return finding{good: true, note: true, what: fmt.Sprintf("role %s can do more than read: fine on loopback, refused beyond it; a role that only reads:", db.config.User),
			mend: readerSQL(db.config.Database, schemasOf(ctx, conn))}, err
	}
	return finding{good: true, what: fmt.Sprintf("role %s only reads", db.config.User)}, err
}

func lookPrepared(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var n int
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int4`).Scan(&n)
	if n > 0 {
		return finding{what: "max_prepared_transactions is set: PREPARE TRANSACTION fails after a NOTIFY, so no bell is armed",
			mend: "ALTER SYSTEM SET max_prepared_transactions = 0;  -- and restart; or serve with --allow-prepared"}, err
	}
	return finding{good: true, what: "no two-phase commits"}, err
}

func lookQueue(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var usage float64
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_notification_queue_usage()`).Scan(&usage)
	f := finding{good: usage < 0.1, what: fmt.Sprintf("the notification queue is %.1f %% full", usage*100)}
	if !f.good {
		f.mend = "some session LISTENs and does not read; end it:\nSELECT pid, application_name, state, query FROM pg_stat_activity WHERE query ILIKE 'LISTEN%';"
	}
	return f, err
}

func lookSchema(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	var there, may bool
	err := conn.QueryRow(ctx, `SELECT pg_catalog.to_regproc('rowcast.ring') IS NOT NULL,
		pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')`).Scan(&there, &may)
	switch {
	case there:
		return finding{good: true, what: "the doorbell's functions are installed"}, err
	case may:
		return finding{what: "the doorbell is not installed; serve does that at its start", mend: "rowcast watch 'public.*'"}, err
	}
	return finding{what: "the doorbell is not installed, and this role may not create a schema",
		mend: fmt.Sprintf("GRANT CREATE ON DATABASE %q TO %q;\nor run: rowcast watch 'public.*'  -- once, as the tables' owner", db.config.Database, db.config.User)}, err
}

func lookBells(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	tables, err := migrations.Status(ctx, conn)
	if err != nil {
		return finding{}, err
	}
	f := finding{good: true, what: fmt.Sprintf("%d tables have the doorbell", len(tables))}
	for _, t := range tables {
		if !t.Whole() {
			f.good = false
			f.mend += t.Quoted() + ": " + strings.Join(t.Missing, "; ") + "\n"
		}
	}
	if !f.good {
		f.what = "some tables have a doorbell that does not ring for every write"
		f.mend += "rowcast watch <the tables above>"
	}
	return f, nil
}
