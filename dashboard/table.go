package dashboard

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// usualRows is how many rows a table page shows where its address does not say.
const usualRows = 200

// Table is what the catalog says about a table page's relation, and which of
// its rows the page shows.
type Table struct {
	Schema, Name string
	RelKind      string // pg_class.relkind: "r", "p", "v", "m" or "f"
	Columns      []TableColumn
	Key          []string     // columns that tell rows apart; empty: not known
	ForeignKeys  []ForeignKey // that lead to other tables
	ReferencedBy []ForeignKey // the other way: those of other tables that lead here
	RowsEstimate int64        // of the whole table; -1: not known
	Live         bool         // the table has its bell; a view: all that it reads have theirs

	Sort        []SortTerm // how the rows are ordered; empty: as they are stored
	DefaultSort bool       // Sort is what the page chose, not what the address says
	Where       []Filter   // in the order of the columns
	Search      string     // "": none
	Shown       []string   // columns of the page, in its order
	AllColumns  bool       // Shown is what the page chose: all of them
	Rows        int        // on a page, at most
	Page        int        // which one, from 1
	PageSizes   []int      // what Rows may be

	quoted    string // schema and name, as the server's quote_ident writes them
	usualRows int
	cat       *catalog
}

// TableColumn is a column that the role may read.
type TableColumn struct {
	Name       string
	Type       string // as SQL writes it: "numeric(10,2)"
	Kind       ColumnKind
	NotNull    bool
	PrimaryKey bool
	References *Reference // where a foreign key of this column alone leads
	Enum       []string   // labels, where the type is an enum
	Sortable   bool
	Operators  []string // of filters
}

// Reference is what a foreign key points to.
type Reference struct {
	Table   string // quoted name
	Address string // of the table's page
	Column  string
}

// Where is the address of the row that a value of the foreign key names, up to
// the value, which is to be percent-encoded.
func (r *Reference) Where() string {
	return r.Address + "?where=" + escape(writeName(r.Column)) + ".is."
}

// ForeignKey leads from columns to others, in the same order. One of the two
// tables is the page's, the other is named.
type ForeignKey struct {
	Columns    []string
	Table      string // quoted name of the other table
	Address    string // of its page
	References []string
}

// SortTerm is one column that rows are ordered by.
type SortTerm struct {
	Column string
	Desc   bool
}

// tablePage makes the page of one table from the catalog of this moment.
func (b *Book) tablePage(ctx context.Context, a address) (*Page, error) {
	if b.cfg.DB == nil {
		return nil, refuse("unavailable", "there is no database to read tables from")
	}
	query, err := parseTableQuery(a)
	if err != nil {
		return nil, err
	}
	rel, cat, err := b.readTable(ctx, a)
	if err != nil {
		return nil, err
	}
	t := newTable(rel, cat)
	if err := t.choose(query, b.limits().rows); err != nil {
		return nil, err
	}
	p, w := t.page(b.cfg.TimeZone)
	if rel.Kind == "v" && len(t.Sort) == 0 {
		if p.Panels[0].Ordered, err = viewOrdered(ctx, b.cfg.DB, rel.OID); err != nil {
			return nil, unavailable(err)
		}
	}
	if len(w.args) > 0 || !t.DefaultSort {
		if err := b.try(ctx, p, w); err != nil {
			return nil, err
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

// readTable looks the address's table up.
func (b *Book) readTable(ctx context.Context, a address) (*relation, *catalog, error) {
	rel, err := lookUp(ctx, b.cfg.DB, a.schema, a.table)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	name := a.schema + "." + a.table
	switch {
	case rel == nil:
		return nil, nil, refuse("not_found", "there is no table %q", name)
	case !rel.Readable:
		return nil, nil, b.forbidden(ctx, name, rel)
	}
	cat := &catalog{rows: rel.RowsEstimate}
	if cat.columns, err = columnsOf(ctx, b.cfg.DB, rel.OID); err != nil {
		return nil, nil, unavailable(err)
	}
	if cat.indexes, err = indexesOf(ctx, b.cfg.DB, rel.OID); err != nil {
		return nil, nil, unavailable(err)
	}
	if cat.links, err = foreignKeysOf(ctx, b.cfg.DB, rel.OID); err != nil {
		return nil, nil, unavailable(err)
	}
	return rel, cat, nil
}

func newTable(rel *relation, cat *catalog) *Table {
	t := &Table{
		Schema: rel.Schema, Name: rel.Name, RelKind: rel.Kind, RowsEstimate: rel.RowsEstimate, Live: rel.Live,
		quoted: rel.Quoted, cat: cat,
	}
	for _, k := range cat.key() {
		t.Key = append(t.Key, k.Name)
	}
	for _, link := range cat.links {
		t.link(link)
	}
	primary := cat.primary()
	for i := range cat.columns {
		c := cat.columns[i].TableColumn
		c.PrimaryKey = slices.ContainsFunc(primary, func(k *column) bool { return k.Name == c.Name })
		t.Columns = append(t.Columns, c)
	}
	return t
}

// link takes a foreign key whose columns here may all be read.
func (t *Table) link(link foreignKey) {
	var own []string
	for _, n := range link.columns {
		col := t.cat.byNumber(n)
		if col == nil {
			return
		}
		own = append(own, col.Name)
	}
	k := ForeignKey{Columns: own, Table: link.quoted, Address: tableAddress(link.quoted), References: link.names}
	if link.inward {
		k.Columns, k.References = k.References, k.Columns
		t.ReferencedBy = append(t.ReferencedBy, k)
		return
	}
	t.ForeignKeys = append(t.ForeignKeys, k)
	if col := t.cat.byName(own[0]); len(own) == 1 && col.References == nil {
		col.References = &Reference{k.Table, k.Address, k.References[0]}
	}
}

// choose takes what the address asks for, checked against the catalog.
func (t *Table) choose(q tableQuery, most int) error {
	if err := t.sort(q.sort); err != nil {
		return err
	}
	for i := range q.where {
		if err := q.where[i].fit(t.Name, t.cat.byName(q.where[i].Column)); err != nil {
			return err
		}
	}
	t.Where, t.Search = t.cat.sortFilters(q.where), q.search
	if err := t.show(q.columns); err != nil {
		return err
	}
	return t.paginate(q.rows, q.page, most)
}

// sort takes the address's order, or chooses one.
func (t *Table) sort(terms []SortTerm) error {
	for _, term := range terms {
		col := t.cat.byName(term.Column)
		if col == nil {
			return refuse("bad_request", "the table %q has no column %q to sort by", t.Name, clip(term.Column))
		}
		if !col.Sortable {
			return refuse("bad_request", "values of type %s have no order to sort %q by", col.Type, col.Name)
		}
	}
	preset := []SortTerm(nil)
	if t.RelKind == "r" || t.RelKind == "p" || t.RelKind == "m" {
		preset = t.cat.newestFirst() // a view has the order that its author gave it
	}
	t.Sort = terms
	if t.DefaultSort = len(terms) == 0 || slices.Equal(terms, preset); t.DefaultSort {
		t.Sort = preset
	}
	return nil
}

// show takes the address's columns, or all.
func (t *Table) show(names []string) error {
	var all []string
	for _, c := range t.Columns {
		all = append(all, c.Name)
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return refuse("bad_request", "the table %q has no column %q to show", t.Name, clip(name))
		}
	}
	t.Shown = names
	if t.AllColumns = len(names) == 0 || slices.Equal(names, all); t.AllColumns {
		t.Shown = all
	}
	return nil
}

// paginate takes the address's page, and its size within what the server allows.
func (t *Table) paginate(rows, page, most int) error {
	t.usualRows = min(usualRows, most)
	for _, n := range append(pageSizes, t.usualRows) {
		if n <= most && !slices.Contains(t.PageSizes, n) {
			t.PageSizes = append(t.PageSizes, n)
		}
	}
	slices.Sort(t.PageSizes)
	t.Rows, t.Page = rows, page
	if rows == 0 {
		t.Rows = t.usualRows
	}
	if !slices.Contains(t.PageSizes, t.Rows) {
		var sizes []string
		for _, n := range t.PageSizes {
			sizes = append(sizes, strconv.Itoa(n))
		}
		return refuse("bad_request", "a page cannot have %d rows; it has one of %s", rows, list(sizes))
	}
	if page-1 > deepestRow/t.Rows {
		return refuse("bad_request", "page %d begins after row %d; sort or filter instead", page, deepestRow)
	}
	return nil
}

// page writes the query and what is known of its columns.
func (t *Table) page(timeZone string) (*Page, *condition) {
	w := &condition{}
	rows := Panel{
		ID: "rows", Title: t.Name, Type: "table", Limit: t.Rows, Width: 12, Key: t.Key,
		Columns: map[string]Format{}, Ordered: len(t.Sort) > 0,
	}
	columns := slices.Clone(t.Shown)
	for _, k := range t.Key {
		if !slices.Contains(columns, k) {
			columns = append(columns, k) // a row keeps its key whatever is shown of it
			rows.Hidden++
		}
	}
	rows.SQL = "SELECT " + quoteAll(columns) + t.from(w) + t.cat.orderBy(t.Sort)
	if t.Page > 1 {
		skip := strconv.Itoa((t.Page - 1) * t.Rows)
		rows.SQL += "\nLIMIT " + strconv.Itoa(t.Rows+1) + " OFFSET " + w.bind(skip, "pg_catalog.int8", -1)
	}
	rows.Source, rows.Args = rows.SQL, w.args
	for _, c := range t.Columns {
		if c.PrimaryKey || c.References != nil {
			rows.Columns[c.Name] = Format{Key: true}
		}
	}
	for _, f := range t.Where {
		if pace := f.pace(t.cat.byName(f.Column)); pace > 0 && (rows.Every == 0 || pace < rows.Every) {
			rows.Every, rows.Clock = pace, true
		}
	}
	return &Page{Address: t.address(), Kind: KindTable, Title: t.Name, TimeZone: timeZone, Panels: []Panel{rows}, Table: t, Mark: t.mark(timeZone)}, w
}

// from are the table and the conditions of its rows.
func (t *Table) from(w *condition) string {
	return "\nFROM " + quote(t.Schema) + "." + quote(t.Name) + t.cat.where(w, t.Where, t.Search)
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}
