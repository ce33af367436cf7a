package dashboard

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// tryLimit bounds what is read to answer for an address.
const tryLimit = 2 * time.Second

// try has PostgreSQL plan the page's query, so that a value that does not fit
// its column is refused here and not shown as a broken panel.
func (b *Book) try(ctx context.Context, p *Page, w *condition) error {
	err := reading(ctx, b.cfg.DB, p, tryLimit, func(tx extended.Tx) error {
		_, err := explain(ctx, tx, p.Panels[0].SQL, w.args)
		return err
	})
	var pg *pgconn.PgError
	if err == nil {
		return nil
	}
	if !errors.As(err, &pg) {
		return unavailable(err)
	}
	switch {
	case strings.HasPrefix(pg.Code, "22"): // a value that cannot be read
		return p.Table.misfit(pg, w)
	case pg.Code == "42883" || pg.Code == "42804": // a type without this operator
		return refuse("bad_request", "the table %q cannot be read like this: %s", p.Table.Name, pg.Message)
	}
	return nil // the panel will say it, and be tried again
}

// parameter finds in an error's context which bind parameter it is about.
var parameter = regexp.MustCompile(`\$(\d+)`)

// misfit says which filter's value PostgreSQL cannot read.
func (t *Table) misfit(pg *pgconn.PgError, w *condition) error {
	if m := parameter.FindStringSubmatch(pg.Where); m != nil {
		if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= len(w.from) && w.from[n-1] >= 0 {
			f := t.Where[w.from[n-1]]
			return refuse("bad_request", "%q does not fit the column %q of type %s: %s", clip(f.Value), f.Column, t.cat.byName(f.Column).Type, pg.Message)
		}
	}
	return refuse("bad_request", "a filter's value does not fit its column: %s", pg.Message)
}

// explain plans a query as its panel would run it. It answers with what EXPLAIN
// says in JSON.
func explain(ctx context.Context, tx extended.Tx, sql string, args []*string) ([]byte, error) {
	rows, err := tx.Query(ctx, "EXPLAIN (FORMAT JSON) "+sql, textArgs(args)...)
	if err != nil {
		return nil, fmt.Errorf("plan query: %w", err)
	}
	plan, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("plan query: %w", err)
	}
	return plan, nil
}

// reading runs work in one snapshot that only reads, with the settings by which
// panels understand values, with a limit for each statement, and as the page's viewer
// where it is that of one. The page's table
// is locked before there is a snapshot: one that is emptied or rewritten in
// between would be empty in a snapshot of before, which it never was.
func reading(ctx context.Context, db DB, p *Page, limit time.Duration, work func(extended.Tx) error) error {
	tx, err := db.Begin(ctx, extended.Snapshot)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := lock(ctx, tx, p.Table); err != nil {
		return err
	}
	if err := extended.Exec(ctx, tx, readingSettings, p.TimeZone, strconv.FormatInt(limit.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	if err := p.become(ctx, tx); err != nil {
		return err
	}
	return work(tx)
}

// lock holds the table, where the role may lock it and it is of a kind that can
// be locked. None of its statements takes a snapshot.
func lock(ctx context.Context, tx extended.Tx, t *Table) error {
	if t == nil {
		return nil
	}
	for _, before := range []string{`SET LOCAL lock_timeout = '500ms'`, `SAVEPOINT unlocked`} {
		if err := extended.Exec(ctx, tx, before); err != nil {
			return fmt.Errorf("begin to read: %w", err)
		}
	}
	err := extended.Exec(ctx, tx, "LOCK TABLE "+quote(t.Schema)+"."+quote(t.Name)+" IN ACCESS SHARE MODE")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42501" || pg.Code == "42809") {
		err = extended.Exec(ctx, tx, `ROLLBACK TO SAVEPOINT unlocked`)
	}
	if err != nil {
		return fmt.Errorf("lock table: %w", err)
	}
	return nil
}

const readingSettings = `SELECT
	pg_catalog.set_config('TimeZone', $1, true),
	pg_catalog.set_config('DateStyle', 'ISO, YMD', true),
	pg_catalog.set_config('IntervalStyle', 'postgres', true),
	pg_catalog.set_config('bytea_output', 'hex', true),
	pg_catalog.set_config('extra_float_digits', '1', true),
	pg_catalog.set_config('jit', 'off', true),
	pg_catalog.set_config('lock_timeout', '500ms', true),
	pg_catalog.set_config('statement_timeout', $2, true)`

// textArgs are values as text, for a statement that is used once.
func textArgs(args []*string) []any {
	all := []any{pgx.QueryExecModeDescribeExec}
	for _, a := range args {
		all = append(all, a)
	}
	return all
}
