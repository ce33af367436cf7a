package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// Row is one row with all the columns that the role may read.
type Row struct {
	Address string // of the table page that shows this row alone; "" where filters cannot name it
	Columns []ExportColumn
	Cells   []*string // PostgreSQL's own text; nil is NULL
}

// Row reads the row of a table page that has this key, whether the page's
// filters still let it through or not.
func (b *Book) Row(ctx context.Context, p *Page, key string) (*Row, error) {
	t := p.Table
	var values []string
	switch {
	case t == nil:
		return nil, refuse("bad_request", "only a table's rows can be read one by one")
	case len(t.Key) == 0:
		return nil, refuse("bad_request", "the table %q has no key to find a row by", t.Name)
	case json.Unmarshal([]byte(key), &values) != nil || len(values) != len(t.Key):
		return nil, refuse("bad_request", "the key is not one of the table %q", t.Name)
	}
	row := &Row{Cells: make([]*string, len(t.Columns))}
	w, alone := &condition{}, *t
	alone.Where, alone.Search, alone.Page = nil, "", 1
	sql := ""
	for i, name := range t.Key {
		if !storable(values[i]) {
			return nil, refuse("bad_request", "the key is not one of the table %q", t.Name)
		}
		alone.Where = append(alone.Where, Filter{name, opIs, values[i]})
		sql += " AND " + quote(name) + " = " + w.bind(values[i], t.cat.byName(name).cast, i)
	}
	row.Address = alone.named()
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
		row.Columns = append(row.Columns, ExportColumn{c.Name, t.cat.columns[i].base})
	}
	sql = "SELECT " + quoteAll(names) + "\nFROM " + quote(t.Schema) + "." + quote(t.Name) + "\nWHERE true" + sql + "\nLIMIT 1"
	found := false
	err := reading(ctx, b.cfg.DB, p, tryLimit, func(tx extended.Tx) error {
		rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, textArgs(w.args)...)...)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			found = true
			for i, v := range rows.RawValues() {
				if v != nil {
					text := string(v)
					row.Cells[i] = &text
				}
			}
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		return nil
	})
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && len(pg.Code) == 5 && pg.Code[:2] == "22":
		return nil, refuse("bad_request", "the key is not one of the table %q", t.Name)
	case err != nil:
		return nil, unavailable(err)
	case !found:
		return nil, refuse("not_found", "the row is not there any more")
	}
	return row, nil
}

// named is the table page's address with no more than its filters, in their
// canonical order; "" where one of them does not fit its column.
func (t *Table) named() string {
	plain := Table{quoted: t.quoted, DefaultSort: true, AllColumns: true, Page: 1}
	for _, f := range t.Where {
		if f.fit(t.Name, t.cat.byName(f.Column)) != nil {
			return ""
		}
		plain.Where = append(plain.Where, f)
	}
	plain.Where = t.cat.sortFilters(plain.Where)
	return plain.address()
}
