package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
)

type doctorCommand struct {
	databaseFlags
	Dashboards string `placeholder:"DIR" help:"Folder of dashboard files, whose panels are tried too."`
}

// finding is one thing that the doctor looked at.
type finding struct {
	good bool
	note bool // it is good here, and would not be everywhere
	what string
	sql  string // that mends it, as it may be pasted; "" where none can, or nothing needs to be
	do   string // what mends it otherwise: a command, or words
}

// mend is all that can be done about a finding.
func (f finding) mend() string { return strings.TrimSpace(strings.TrimSpace(f.sql) + "\n" + f.do) }

// look examines one thing.
type look func(context.Context, *database, *pgx.Conn) (finding, error)

// looks are what is looked at in any database.
func looks() []look {
	return []look{
		lookVersion, lookPrimary, lookDirect, lookWay, lookRole, lookSight, lookWrites, lookRowSecurity, lookViews, lookFunctions,
		lookPrepared, lookQueue, lookSessions, lookSpill, lookSchema, lookBells, lookBare, lookSilent,
	}
}

// examine looks at everything. What was found before a look failed comes with its error.
func examine(ctx context.Context, db *database, conn *pgx.Conn, looks []look) (all []finding, err error) {
	for _, look := range looks {
		f, err := look(ctx, db, conn)
		if err != nil {
			return all, fmt.Errorf("examine database: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// Run looks at the database and the role and says what is missing. It fails
// if something is.
func (c *doctorCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(db *database, conn *pgx.Conn) error {
		list := looks()
		if c.Dashboards != "" {
			list = append(list, c.lookDashboards, c.lookShown)
		}
		all, err := examine(ctx, db, conn, list)
		sick := false
		for _, f := range all {
			sick = sick || !f.good
			if err := f.print(s.out); err != nil {
				return err
			}
		}
		if err == nil && sick {
			err = errSaid
		}
		return err
	})
}

// state is one of those of a status.Finding.
func (f finding) state() string {
	switch {
	case !f.good:
		return "to mend"
	case f.note:
		return "note"
	}
	return "good"
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
	if mend := f.mend(); mend != "" {
		text += indented(mend, "      ") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// indented begins each line of a text with the margin.
func indented(text, margin string) string {
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}

func lookPrimary(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var standby bool
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery()`).Scan(&standby)
	if standby {
		return finding{what: "this is a standby, which cannot LISTEN: no page would ever be live", do: "use the primary's address"}, err
	}
	return finding{good: true, what: "this is the primary"}, err
}

func lookDirect(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	err := db.direct(ctx, conn)
	if errors.Is(err, errPooler) {
		return finding{what: errPooler.Error(), do: "use PostgreSQL's own port, or a pool in session mode"}, nil
	}
	return finding{good: true, what: "the connection is direct, or pooled by session"}, err
}

func lookPrepared(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var n int
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int4`).Scan(&n)
	if n > 0 {
		return finding{what: "max_prepared_transactions is set: PREPARE TRANSACTION fails after a NOTIFY, so no bell is armed",
			sql: "ALTER SYSTEM SET max_prepared_transactions = 0;  -- counts after a restart of PostgreSQL",
			do:  "or, where nothing prepares transactions that write to watched tables: serve with --allow-prepared"}, err
	}
	return finding{good: true, what: "no two-phase commits"}, err
}

func lookSchema(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var there, may bool
	err := conn.QueryRow(ctx, `SELECT pg_catalog.to_regproc('rowcast.ring') IS NOT NULL,
		pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')`).Scan(&there, &may)
	f := finding{what: "the doorbell is not installed: pages go by the clock, every five seconds", do: "rowcast watch 'public.*'"}
	switch {
	case there:
		return finding{good: true, what: "the doorbell's functions are installed"}, err
	case may:
		f.what += "; serve does that at its start"
	default:
		f.what += ", and this role may not create a schema"
		f.do += "  # once, as the tables' owner, or serve with --admin-database-url"
	}
	return f, err
}
