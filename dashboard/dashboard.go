// Package dashboard says what a page is: dashboards are read from YAML files,
// table pages are made from the database's catalog. A page that leaves this
// package is complete and checked: its queries have bind parameters in place
// of variables, its address is canonical, its columns exist.
//
// A [Book] holds the dashboards of a folder and follows its changes; [Check]
// lists every mistake in a folder with file, line and column.
package dashboard

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Kind tells dashboards from table pages.
type Kind string

// The kinds of page, as the JSON API spells them.
const (
	KindDashboard Kind = "dashboard"
	KindTable     Kind = "table"
)

// Page is what one browser tab shows: a dashboard or a table, with the values
// of its variables. It is made anew for every caller, who may keep it.
type Page struct {
	Address     string // canonical: "/d/shop?status=paid", "/t/public.orders"
	Kind        Kind
	Slug        string // of a dashboard: its file's name without .yaml
	Title       string
	Description string
	TimeZone    string // IANA name, never ""
	Variables   []Variable
	Panels      []Panel
	Table       *Table // of a table page
	// Problem is set while the newest version of the dashboard's file is
	// wrong; the page is then the last good one.
	Problem *Problem
}

// Variable is one choice that a dashboard offers.
type Variable struct {
	Name    string
	Label   string   // the name, where the file gives none
	Value   string   // on this page
	Default string   // what Value is where the address says nothing
	Options []string // what may be chosen; empty: any text
	// Fixed is set where Options come from the file, so that no other value is
	// allowed. Options of a query are suggestions.
	Fixed bool

	query    string // of the options, without parameters
	locate   locator
	nullable bool // no default: an empty value is NULL
}

// arg is the variable's value as a bind parameter.
func (v *Variable) arg() *string {
	if v.nullable && v.Value == "" {
		return nil
	}
	value := v.Value
	return &value
}

// Panel is one query and how its result is shown.
type Panel struct {
	ID          string
	Title       string
	Description string // a few words beside the title, or ""
	Type        string // one of [Types]
	// SQL is the query with $1, $2, … for the variables that it names, without
	// a semicolon at its end.
	SQL string
	// Args are the values for $1, $2, …, in text format with no type: the query
	// or the server's inference decides. nil is NULL.
	Args    []*string
	Limit   int      // rows at most, at least 1
	Key     []string // columns that identify a row; empty: found from the result
	Watch   []string // further tables that it depends on
	Every   time.Duration
	Clock   bool   // Every was set because the query names the clock
	Width   int    // of 12 columns
	Height  int    // grid rows; 0: as the content needs
	Unit    string // of a stat's or a chart's numbers
	Chart   *Chart // nil: a table, stat or text
	Content string // of a text: Markdown
	Columns map[string]Format
	Pos     Pos    // where the query stands
	Source  string // the query as it is written in the file
	// Ordered is a hint: the query has an outermost ORDER BY, so the order of
	// its rows means something.
	Ordered bool

	binds  []splice
	locate locator
	names  []string       // of the variables behind Args
	places map[string]Pos // of "key", "watch", "x", "y", "series" and the columns' formats
}

// Locate finds the place in the file of a position that PostgreSQL reports in
// SQL: characters, from 1.
func (p *Panel) Locate(position int) Pos {
	return p.locate.at(written(p.binds, byteOf(p.SQL, position)))
}

// Place finds both places of such a position: the character of Source, from 1,
// and the place in the file, which is none for a table page.
func (p *Panel) Place(position int) (int, Pos) {
	if p.Source == "" {
		return position, Pos{}
	}
	at := written(p.binds, byteOf(p.SQL, position))
	character := utf8.RuneCountInString(p.Source[:min(at, len(p.Source))]) + 1
	if p.locate.value == "" {
		return character, Pos{}
	}
	return character, p.locate.at(at)
}

// Format is what a dashboard says about one column. The zero value lets name
// and type decide.
type Format struct {
	Label    string            // head of the column
	Unit     string            // "EUR"
	Align    string            // "left", "right" or ""
	Decimals *int              // fixed number of decimals
	Time     string            // "relative", "absolute" or ""
	Key      bool              // identifies a row: shown as it is
	Colors   map[string]string // value to one of the names that [Colors] lists
}

// Colors are the names that a column's colors may use.
func Colors() []string {
	return []string{"amber", "blue", "brown", "gray", "green", "grey", "navy", "olive", "pink", "purple", "red", "teal"}
}

// Types are the panel types.
func Types() []string {
	return []string{"table", "stat", "line", "area", "bar", "donut", "gauge", "progress", "text"}
}

// Table is what the catalog says about a table page's relation.
type Table struct {
	Schema, Name string
	RelKind      string // pg_class.relkind: "r", "p", "v", "m" or "f"
	Columns      []TableColumn
	RowsEstimate int64      // -1: not known
	Sort         []SortTerm // how the rows are ordered; empty: as they are stored
	DefaultSort  bool       // Sort is what the page chose, not what the address says
	Live         bool       // the table has its bell

	quoted string // schema and name, as the server's quote_ident writes them
}

// TableColumn is a column that the role may read.
type TableColumn struct {
	Name       string
	Type       string // as SQL writes it: "numeric(10,2)"
	NotNull    bool
	PrimaryKey bool
	References string   // quoted name of the table that it points to, or ""
	Enum       []string // labels, where the type is an enum
	Sortable   bool
}

// SortTerm is one column that rows are ordered by.
type SortTerm struct {
	Column string
	Desc   bool
}

// SortBy is the address of the same table page in another order; with no terms
// it is the page's own order.
func (t *Table) SortBy(terms ...SortTerm) string {
	return tableAddress(t.quoted, terms)
}

// Pos is a place in a file; line and column count from 1, columns in
// characters. The zero value is no place.
type Pos struct {
	File         string
	Line, Column int
}

// String is file:line:column, as editors and terminals understand it.
func (p Pos) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	}
	return s
}
