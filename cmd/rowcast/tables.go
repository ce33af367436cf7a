package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/migrations"
)

type watchCommand struct {
	installFlags
	Tables []string `arg:"" help:"Tables or patterns, as SQL writes names: public.orders, public.*."`
}

// Run installs the schema where it is missing, and the bells.
func (c *watchCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(db *database, conn *pgx.Conn) error {
		if _, err := migrations.Up(ctx, db.config); err != nil {
			return err
		}
		tables, err := migrations.Watch(ctx, conn, c.Tables)
		return errors.Join(list(s.out, tables), err)
	})
}

type unwatchCommand struct {
	installFlags
	Tables []string `arg:"" help:"Tables or patterns, as SQL writes names."`
}

// Run takes the bells off.
func (c *unwatchCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(_ *database, conn *pgx.Conn) error {
		n, err := migrations.Unwatch(ctx, conn, c.Tables)
		_, say := fmt.Fprintf(s.out, "%d tables no longer have the doorbell\n", n)
		return errors.Join(err, say)
	})
}

type statusCommand struct{ databaseFlags }

// Run lists the bells.
func (c *statusCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(_ *database, conn *pgx.Conn) error {
		tables, err := migrations.Status(ctx, conn)
		if err != nil {
			return err
		}
		if len(tables) == 0 {
			_, err := fmt.Fprintln(s.out, "no table has the doorbell; rowcast watch public.* puts it on")
			return err
		}
		return list(s.out, tables)
	})
}

type uninstallCommand struct{ installFlags }

// Run removes all that rowcast put into the database.
func (c *uninstallCommand) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, func(_ *database, conn *pgx.Conn) error {
		if err := migrations.Uninstall(ctx, conn); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.out, "every trigger and the schema rowcast are gone")
		return err
	})
}

// installFlags name the database for a command that changes it.
type installFlags struct {
	databaseFlags
	adminFlags
}

// with connects as the role that installs, works and disconnects.
func (f installFlags) with(ctx context.Context, work func(*database, *pgx.Conn) error) error {
	db, err := f.open()
	if err == nil {
		db, err = f.openAdmin(db)
	}
	if err != nil {
		return err
	}
	return db.with(ctx, work)
}

// with connects as the role that reads, works and disconnects.
func (f databaseFlags) with(ctx context.Context, work func(*database, *pgx.Conn) error) error {
	db, err := f.open()
	if err != nil {
		return err
	}
	return db.with(ctx, work)
}

func (db *database) with(ctx context.Context, work func(*database, *pgx.Conn) error) error {
	// One-off commands prepare nothing, so that they work through a pooler too.
	db.config.DefaultQueryExecMode = pgx.QueryExecModeExec
	reach, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := db.connect(reach, "command")
	if err != nil {
		return db.unreachable(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return work(db, conn)
}

// list prints a line per table.
func list(w io.Writer, tables []migrations.Table) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, table := range tables {
		state := "rings"
		if !table.Whole() {
			state = strings.Join(table.Missing, "; ")
		}
		fmt.Fprintf(t, "%s\t%s\n", table.Quoted(), state)
	}
	return t.Flush()
}
