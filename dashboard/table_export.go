package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// An export's snapshot stands for as long as it runs, so that is bounded, and
// so is how many run.
const (
	exportLimit   = time.Minute
	exportPatient = 2 * time.Second // how long one waits for its turn
	mostExports   = 2
)

// ExportColumn is a column of an export.
type ExportColumn struct {
	Name string
	Type string // pg_type.typname
}

// Export reads all rows that a table page's filters leave, on all its pages, in
// its order and with the columns that it shows, in one snapshot. It calls begin
// once, before the first row, then row for each; cells are PostgreSQL's own
// text, nil for NULL, and are the callee's only until it returns. Reading goes
// no faster than row returns; an error of either callback ends it. An error after
// begin means that rows are missing. It is an *AddressError, the context's, or a
// callback's.
func (b *Book) Export(ctx context.Context, p *Page, begin func([]ExportColumn) error, row func(cells [][]byte) error) error {
	t := p.Table
	if t == nil {
		return refuse("bad_request", "only the rows of a table are exported")
	}
	wait := time.NewTimer(exportPatient)
	defer wait.Stop()
	select {
	case b.exports <- struct{}{}:
		defer func() { <-b.exports }()
	case <-wait.C:
		return refuse("too_many", "%d exports are running; try again in a moment", mostExports)
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, exportLimit)
	defer cancel()
	w := &condition{}
	sql := "SELECT " + quoteAll(t.Shown) + t.from(w) + t.cat.orderBy(t.Sort)
	err := reading(ctx, b.cfg.Bulk, p, exportLimit, func(tx extended.Tx) error {
		if err := extended.Exec(ctx, tx, endWhenStuck); err != nil {
			return fmt.Errorf("begin export: %w", err)
		}
		// Who wants no more rows must not have to read them: the session ends.
		return t.export(ctx, tx, sql, w.args, func(columns []ExportColumn) error {
			return ended(cancel, begin(columns))
		}, func(cells [][]byte) error {
			return ended(cancel, row(cells))
		})
	})
	var stopped *stopped
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &stopped):
		return stopped.cause
	case errors.As(err, &pg) && pg.Code == "57014", errors.Is(err, context.DeadlineExceeded):
		return &AddressError{Code: "unavailable", Message: "the export took longer than " + lasting(exportLimit), err: err}
	case errors.As(err, &pg):
		return &AddressError{Code: "unavailable", Message: "the rows cannot be read: SQLSTATE " + pg.Code, err: err}
	case err != nil && ctx.Err() == nil:
		return unavailable(err)
	}
	return err
}

// endWhenStuck lets the database end an export whose reader is frozen; a server
// that does not know the setting goes without.
const endWhenStuck = `SELECT pg_catalog.set_config(name, '10s', true) FROM pg_catalog.pg_settings WHERE name = 'tcp_user_timeout'`

// stopped is the error of a callback.
type stopped struct{ cause error }

func (s *stopped) Error() string { return s.cause.Error() }

func ended(cancel context.CancelFunc, err error) error {
	if err == nil {
		return nil
	}
	cancel()
	return &stopped{err}
}

func (t *Table) export(ctx context.Context, tx extended.Tx, sql string, args []*string, begin func([]ExportColumn) error, row func([][]byte) error) error {
	columns := make([]ExportColumn, len(t.Shown))
	for i, name := range t.Shown {
		columns[i] = ExportColumn{name, t.cat.byName(name).base}
	}
	asked := append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, textArgs(args)...)
	rows, err := tx.Query(ctx, sql, asked...)
	if err != nil {
		return fmt.Errorf("export rows: %w", err)
	}
	defer rows.Close()
	more := rows.Next() // what PostgreSQL refuses, it refuses before the first row
	if err := rows.Err(); err != nil {
		return fmt.Errorf("export rows: %w", err)
	}
	if err := begin(columns); err != nil {
		return err
	}
	for ; more; more = rows.Next() {
		if err := row(rows.RawValues()); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("export rows: %w", err)
	}
	return nil
}
