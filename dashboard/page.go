// Package dashboard says what a page is: a dashboard from a YAML file, or a
// table found in the catalog, with the values of its variables.
//
// It promises that SQL only ever comes from a dashboard's file or is made of
// names that the catalog holds, quoted by this package; that values are bind
// parameters; and that a file which is wrong leaves its last good version in
// service, with the mistake named by file, line and column.
package dashboard

import "time"

// Kind says where a page comes from.
type Kind string

// The kinds of pages.
const (
	Dashboard Kind = "dashboard"
	TablePage Kind = "table"
)

// Page is one page with the values of its variables.
type Page struct {
	Address     string // canonical: path and query, percent-encoded
	Kind        Kind
	Slug        string // a dashboard's file name without its ending
	Title       string
	Description string
	TimeZone    string
	Variables   []Variable
	Panels      []Panel
	Table       *Table   // of a table page
	Problem     *Problem // the file is wrong now; this is its last good version
}

// Variable is one value that a reader may choose.
type Variable struct {
	Name, Label    string
	Value, Default string
	Options        []string // empty: free text
}

// Panel is one query's place on a page.
type Panel struct {
	ID, Title string
	Type      string    // table, stat
	SQL       string    // with $1… for its variables
	Args      []*string // their values, nil for NULL
	Source    string    // the query as written
	Pos       Pos       // where it stands
	Limit     int       // rows at most
	Key       []string
	Watch     []string
	Every     time.Duration // 0: when its tables change
	Clock     bool          // Every was set because the query names the clock
	Ordered   bool          // the outermost level has an ORDER BY
	Width     int           // of 12 columns
	Height    int           // grid rows
	Unit      string
	Columns   map[string]Format
}

// Format is how a column's values are shown.
type Format struct {
	Label    string
	Unit     string
	Align    string // left, right, center
	Decimals *int
	Colors   map[string]string // by value: a name of the palette
}

// Pos is a place in a file; lines and columns count from 1.
type Pos struct {
	File         string
	Line, Column int
}

// Table is what the catalog says of a table page's table.
type Table struct {
	Schema, Name string
	Kind         string // "", view, materialized view, foreign table, partitioned
	Columns      []TableColumn
	RowsEstimate int64 // -1: not known
	Sort         []SortTerm
	Live         bool
}

// TableColumn is one column of a table.
type TableColumn struct {
	Name, Type string
	NotNull    bool
	PrimaryKey bool
}

// SortTerm is one column that a table page is sorted by.
type SortTerm struct {
	Column     string
	Descending bool
}

// Problem is one mistake in a file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the whole file
	What         string // what is wrong
	Hint         string // what would be right; "" where that is not known
	Excerpt      string // the line
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + itoa(p.Line) + ":" + itoa(p.Column)
	}
	s += ": " + p.What
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Index is what there is to open.
type Index struct {
	Dashboards []Entry
	Tables     []TableEntry
}

// Entry is a dashboard of the index.
type Entry struct {
	Address, Slug, Title, Description string
	Problem                           bool
}

// TableEntry is a table of the index.
type TableEntry struct {
	Address, Schema, Name, Kind string
	Live                        bool
	RowsEstimate                int64 // -1: not known
	Columns                     []string
}

// AddressError says why an address leads to no page; Code is the protocol's.
type AddressError struct{ Code, Message string }

func (e *AddressError) Error() string { return e.Message }
