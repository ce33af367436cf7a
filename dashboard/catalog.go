package dashboard

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed tables.sql
var tablesQuery string

//go:embed columns.sql
var columnsQuery string

var kindNames = map[string]string{"v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned"}

func (b *Book) tables(ctx context.Context) ([]TableEntry, error) {
	rows, err := b.cfg.DB.Query(ctx, tablesQuery)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (TableEntry, error) {
		var t TableEntry
		var kind string
		err := row.Scan(&t.Schema, &t.Name, &kind, &t.RowsEstimate, &t.Live, &t.Columns)
		t.Kind = kindNames[kind]
		t.Address = tableAddress(t.Schema, t.Name)
		return t, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// column is a column as the catalog has it.
type column struct {
	TableColumn
	index int // its place in the primary key, from 1; 0: not in it
}

func (b *Book) table(ctx context.Context, escaped string, query url.Values) (*Page, error) {
	schema, name, err := tableName(escaped)
	if err != nil {
		return nil, err
	}
	if b.cfg.DB == nil {
		return nil, &AddressError{Code: "unavailable", Message: "there is no database"}
	}
	t := &Table{Schema: schema, Name: name}
	columns, err := b.describe(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.Sort, err = parseSort(query.Get("sort")); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range t.Sort {
		if seen[s.Column] {
			return nil, badRequest("sort names %q twice", s.Column)
		}
		seen[s.Column] = true
		if !slices.ContainsFunc(columns, func(c column) bool { return c.Name == s.Column }) {
			return nil, badRequest("%s.%s has no column %q", schema, name, s.Column)
		}
	}
	p := &Page{
		Address: tableAddress(schema, name), Kind: TablePage, Title: name, TimeZone: b.cfg.TimeZone, Table: t,
	}
	if len(t.Sort) > 0 {
		p.Address += "?sort=" + formatSort(t.Sort)
	}
	sql := selectAll(t, columns)
	p.Panels = []Panel{{
		ID: "rows", Title: name, Type: "table", SQL: sql, Source: sql, Limit: defaultRows, Ordered: strings.Contains(sql, " ORDER BY "),
		Width: 12,
	}}
	return p, nil
}

func (b *Book) describe(ctx context.Context, t *Table) ([]column, error) {
	rows, err := b.cfg.DB.Query(ctx, columnsQuery, t.Schema, t.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	var kind string
	var columns []column
	readable := false
	var c column
	var columnName *string
	var typ *string
	found := false
	_, err = pgx.ForEachRow(rows, []any{&kind, &t.RowsEstimate, &readable, &t.Live, &columnName, &typ, &c.NotNull, &c.index}, func() error {
		found = true
		if columnName == nil {
			return nil
		}
		next := c
		next.Name, next.Type, next.PrimaryKey = *columnName, *typ, c.index > 0
		columns = append(columns, next)
		t.Columns = append(t.Columns, next.TableColumn)
		return nil
	})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, unavailable(err)
	case !found:
		return nil, notFound("no table %s.%s", t.Schema, t.Name)
	case !readable:
		return nil, &AddressError{Code: "forbidden", Message: fmt.Sprintf(
			"this role may not read %s.%s; GRANT SELECT ON %s.%s TO it", t.Schema, t.Name, quoted(t.Schema), quoted(t.Name))}
	}
	t.Kind = kindNames[kind]
	return columns, nil
}

// selectAll reads the whole table, newest rows first: by the reader's sort,
// then by the primary key so that ties stand still.
func selectAll(t *Table, columns []column) string {
	terms := slices.Clone(t.Sort)
	if len(terms) == 0 {
		terms = newest(columns)
	}
	named := map[string]bool{}
	for _, s := range terms {
		named[s.Column] = true
	}
	if len(terms) > 0 {
		key := slices.DeleteFunc(slices.Clone(columns), func(c column) bool { return c.index == 0 || named[c.Name] })
		slices.SortFunc(key, func(x, y column) int { return x.index - y.index })
		for _, c := range key {
			terms = append(terms, SortTerm{Column: c.Name, Descending: terms[0].Descending})
		}
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c.Name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + quoted(t.Schema) + "." + quoted(t.Name)
	for i, s := range terms {
		if i == 0 {
			sql += " ORDER BY "
		} else {
			sql += ", "
		}
		sql += quoted(s.Column)
		if s.Descending {
			sql += " DESC"
		}
	}
	return sql
}

// newest orders by the primary key, downwards, where that tells the age or at
// least costs only a walk along its index; a table without one is shown as it
// lies, because sorting all of it on every change would not be harmless.
func newest(columns []column) []SortTerm {
	var key []column
	for _, c := range columns {
		if c.index > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(x, y column) int { return x.index - y.index })
	var terms []SortTerm
	for _, c := range key {
		terms = append(terms, SortTerm{Column: c.Name, Descending: true})
	}
	return terms
}
