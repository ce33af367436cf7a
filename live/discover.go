package live

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
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
// their schemas, as far as parsing the queries shows, with their views and the
// policies for who asks: no expression of theirs is evaluated, so it does not matter
// whose claims they ask for, and a role that may do much is not lent to them. Where
// start is true, they are planned and started as well, which shows what inlined
// functions read; no row is. A panel that cannot be parsed adds nothing; a page says
// so itself.
func Tables(ctx context.Context, conn *pgx.Conn, page *dashboard.Page, start bool) ([]string, error) {
	found := map[string]bool{}
	for i := range page.Panels {
		if page.Panels[i].SQL == "" {
			continue
		}
		q := newQuery(page, &page.Panels[i])
		if err := q.touch(ctx, conn, start, found); err != nil {
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

// touch adds the tables that parsing the query locks, and starting it.
func (q query) touch(ctx context.Context, conn *pgx.Conn, start bool, found map[string]bool) error {
	tx, err := extended.Begin(ctx, conn, extended.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := conn.PgConn().Prepare(ctx, "", q.sql, nil); err != nil {
		return unlessBroken(err)
	}
	if err := addLocked(ctx, tx, found); err != nil || !start {
		return err
	}
	for _, claim := range q.set {
		if err := extended.Exec(ctx, tx, setLocal, claim.Name, claim.Value); err != nil {
			return unlessBroken(err)
		}
	}
	sql := "SELECT * FROM (\n" + q.sql + "\n) q LIMIT 0"
	if err := conn.PgConn().ExecParams(ctx, sql, q.args, nil, nil, nil).Read().Err; err != nil {
		return unlessBroken(err)
	}
	return addLocked(ctx, tx, found)
}

// unlessBroken is the error where it is not the query's.
func unlessBroken(err error) error {
	if broken(err) {
		return err
	}
	return nil
}

// addLocked adds the tables that a transaction has locked, but for rowcast's own.
func addLocked(ctx context.Context, tx extended.Tx, found map[string]bool) error {
	rows, err := tx.Query(ctx, tablesRead)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		if !strings.HasPrefix(name, "rowcast.") {
			found[name] = true
		}
	}
	return err
}
