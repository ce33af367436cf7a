package dashboard

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// tableRows is how many rows a table page shows.
const tableRows = 200

// tablePage makes the page of one table from the catalog of this moment.
func (b *Book) tablePage(ctx context.Context, a address) (*Page, error) {
	if b.cfg.DB == nil {
		return nil, refuse("unavailable", "there is no database to read tables from")
	}
	rel, err := lookUp(ctx, b.cfg.DB, a.schema, a.table)
	if err != nil {
		return nil, unavailable(err)
	}
	name := a.schema + "." + a.table
	switch {
	case rel == nil:
		return nil, refuse("not_found", "there is no table %q", name)
	case !rel.Readable:
		return nil, b.forbidden(ctx, name, rel)
	}
	cat := catalog{rows: rel.RowsEstimate}
	if cat.columns, err = columnsOf(ctx, b.cfg.DB, rel.OID); err != nil {
		return nil, unavailable(err)
	}
	if cat.indexes, err = indexesOf(ctx, b.cfg.DB, rel.OID); err != nil {
		return nil, unavailable(err)
	}
	t := &Table{
		Schema: rel.Schema, Name: rel.Name, RelKind: rel.Kind, quoted: rel.Quoted,
		RowsEstimate: rel.RowsEstimate, Live: rel.Live,
	}
	if err := t.sort(&cat, rel, a.first("sort")); err != nil {
		return nil, err
	}
	p := b.page(t, &cat)
	if rel.Kind == "v" && len(t.Sort) == 0 {
		if p.Panels[0].Ordered, err = viewOrdered(ctx, b.cfg.DB, rel.OID); err != nil {
			return nil, unavailable(err)
		}
	}
	return p, nil
}

// forbidden says that the role may not read a table, and what would let it.
func (b *Book) forbidden(ctx context.Context, name string, rel *relation) error {
	e := refuse("forbidden", "this server's role may not read the table %q", name)
	rows, err := b.cfg.DB.Query(ctx, `SELECT CASE WHEN pg_catalog.has_schema_privilege($1, 'USAGE') THEN ''
	ELSE pg_catalog.format(E'GRANT USAGE ON SCHEMA %I TO %I;\n', $1::text, current_user) END
	|| pg_catalog.format('GRANT SELECT ON %s TO %I;', $2::text, current_user)`, rel.Schema, rel.Quoted)
	if err != nil {
		return unavailable(err)
	}
	if e.Fix, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[string]); err != nil {
		return unavailable(err)
	}
	return e
}

// sort takes the address's order, checked against the catalog, or chooses one.
func (t *Table) sort(cat *catalog, rel *relation, asked string) error {
	terms, err := parseSort(asked)
	if err != nil {
		return err
	}
	for _, term := range terms {
		col := cat.byName(term.Column)
		if col == nil {
			return refuse("bad_request", "the table %q has no column %q to sort by", t.Name, clip(term.Column))
		}
		if !col.Sortable {
			return refuse("bad_request", "values of type %s have no order to sort %q by", col.Type, col.Name)
		}
	}
	preset := []SortTerm(nil)
	if rel.Kind == "r" || rel.Kind == "p" || rel.Kind == "m" {
		preset = cat.newestFirst() // a view has the order that its author gave it
	}
	t.Sort = terms
	if t.DefaultSort = len(terms) == 0 || slices.Equal(terms, preset); t.DefaultSort {
		t.Sort = preset
	}
	return nil
}

func (b *Book) page(t *Table, cat *catalog) *Page {
	rows := Panel{
		ID: "rows", Title: t.Name, Type: "table", Limit: min(tableRows, b.limits().rows), Width: 12,
		Columns: map[string]Format{}, Ordered: len(t.Sort) > 0,
	}
	key := cat.key()
	for _, k := range key {
		rows.Key = append(rows.Key, k.Name)
	}
	var names []string
	for _, c := range cat.columns {
		c.PrimaryKey = slices.Contains(rows.Key, c.Name)
		t.Columns = append(t.Columns, c.TableColumn)
		names = append(names, quote(c.Name))
		if c.PrimaryKey || c.References != "" {
			rows.Columns[c.Name] = Format{Key: true}
		}
	}
	rows.SQL = "SELECT " + strings.Join(names, ", ") + "\nFROM " + quote(t.Schema) + "." + quote(t.Name) + cat.orderBy(t.Sort)
	rows.Source = rows.SQL
	p := &Page{Kind: KindTable, Title: t.Name, TimeZone: b.cfg.TimeZone, Panels: []Panel{rows}, Table: t}
	if t.DefaultSort {
		p.Address = t.SortBy()
	} else {
		p.Address = t.SortBy(t.Sort...)
	}
	return p
}
