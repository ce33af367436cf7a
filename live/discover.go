package live

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
)

// tablesRead lists the tables that the transaction has locked so far by
// reading; the oids of what initdb made are left out.
const tablesRead = `SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM (SELECT DISTINCT relation FROM pg_catalog.pg_lock_status()
      WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND mode = 'AccessShareLock' AND granted) l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p')`

// Tables lists the tables that the panels of a page read, quoted and with
// their schemas, as far as planning and starting the queries shows: no row is
// read. A panel that cannot be prepared adds nothing; a page says so itself.
func Tables(ctx context.Context, conn *pgx.Conn, page *dashboard.Page) ([]string, error) {
	found := map[string]bool{}
	for i := range page.Panels {
		if page.Panels[i].SQL == "" {
			continue
		}
		q := newQuery(page, &page.Panels[i])
		if err := q.touch(ctx, conn, found); err != nil {
			return nil, fmt.Errorf("find tables of panel %q: %w", page.Panels[i].ID, err)
		}
	}
	list := make([]string, 0, len(found))
	for name := range found {
		list = append(list, name)
	}
	sort.Strings(list)
	return list, nil
}

// touch starts the query without reading a row and adds the tables it locked.
func (q query) touch(ctx context.Context, conn *pgx.Conn, found map[string]bool) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	sql := "SELECT * FROM (\n" + q.sql + "\n) q LIMIT 0"
	if err := conn.PgConn().ExecParams(ctx, sql, q.args, nil, nil, nil).Read().Err; err != nil {
		if broken(err) {
			return err
		}
		return nil
	}
	rows, err := tx.Query(ctx, tablesRead)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "rowcast.") {
			found[name] = true
		}
	}
	return nil
}
