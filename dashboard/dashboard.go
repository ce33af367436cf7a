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
	"strings"
	"time"
	"unicode/utf8"
)

// Kind tells what a page is of.
type Kind string

// The kinds of page, as the JSON API spells them.
const (
	KindDashboard Kind = "dashboard"
	KindTable     Kind = "table"
	KindStatus    Kind = "status" // the server's own figures, which no [Book] has
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
	Panels      []Panel // those that are drawn, then those with OptionsOf
	Table       *Table  // of a table page
	// Mark names what the page shows besides its rows and what was chosen: it is the
	// same for all who see it, in every process and for all values of its variables,
	// and another one once the definition or what is told of the table is. "": a page
	// of the program's own, which changes with the program.
	Mark string
	// Context tells pages of one address apart that are read for different people;
	// "" is what all share who need not be told apart.
	Context string
	// Candid adds to a query's error what only those who may see queries should
	// read: the place, PostgreSQL's hint, the statement that grants a right.
	Candid bool
	// Role and Settings hold in the transaction while the page's queries run, each
	// set anew before every query. Role "" is the role that reads.
	Role     string
	Settings []Setting
	runAs    *RunAs // what they are made of, for whoever watches; nil: nothing
	// Problem is set while the newest version of the dashboard's file is
	// wrong; the page is then the last good one.
	Problem *Problem
}

// Setting is a parameter of the database's and its value.
type Setting struct{ Name, Value string }

// Path is the address without the reader's own choices: what a log may tell.
func (p *Page) Path() string {
	path, _, _ := strings.Cut(p.Address, "?")
	return path
}

// ID names the page among all that are read: pages with the same one are the
// same for everybody.
func (p *Page) ID() string {
	if p.Context == "" {
		return p.Address
	}
	return p.Address + "\x00" + p.Context
}

// Panel is one query and how its result is shown.
type Panel struct {
	ID          string
	Title       string
	Description string // a few words beside the title, or ""
	Type        string // one of [Types]; "" with OptionsOf
	// OptionsOf is the variable whose options the rows are. Such a panel is read
	// and sent like any other, but has no place of its own on the page.
	OptionsOf string
	// SQL is the query with $1, $2, … for the variables that it names, without
	// a semicolon at its end.
	SQL string
	// Args are the values for $1, $2, …, in text format with no type: the query
	// or the server's inference decides. nil is NULL.
	Args    []*string
	Limit   int      // rows at most, at least 1
	Key     []string // columns that identify a row; empty: found from the result
	Hidden  int      // columns at the end of the result that are there for Key alone and are not shown
	Watch   []string // further tables that it depends on
	Every   time.Duration
	Clock   bool   // Every was set because the query names the clock
	Daily   bool   // from midnight on, by the page's clock, its result may be another
	Width   int    // of 12 columns
	Height  int    // grid rows; 0: as the content needs
	Unit    string // of a stat's or a chart's numbers
	Chart   *Chart // nil: a table, stat or text
	Stat    *Stat  // of a stat
	Of      string // id of the stat that shows this panel's rows: it has no place of its own; or ""
	Content string // of a text: Markdown
	Columns map[string]Format
	Pos     Pos    // where the query stands
	Source  string // the query as it is written in the file
	// Ordered is a hint: the query has an outermost ORDER BY, so the order of
	// its rows means something.
	Ordered bool

	binds  []splice
	locate locator
	names  []string       // of the parameters behind Args
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

	Format     string      // of a number: one of [Formats], or ""
	Thresholds []Threshold // of a number: its colour from some value on, the least first
	Bar        *Bar        // of a number: a bar under it
	Hidden     bool        // not shown, but there for links
	Width      int         // percent of the table's width; 0: as its content needs
	// Link is where a cell leads: an http(s) address or a path of this server,
	// with {column} for the value of a column in its row.
	Link string
}

// Bar is a bar under each number of a column. Max is how much a whole one is;
// nil: the column's largest.
type Bar struct{ Max *float64 }

// Formats are the names that a column's format may use.
func Formats() []string { return []string{"bytes", "compact", "duration", "percent", "plain"} }

// Colors are the names that a column's colors may use.
func Colors() []string {
	return []string{"amber", "blue", "brown", "gray", "green", "grey", "navy", "olive", "pink", "purple", "red", "teal"}
}

// Types are the panel types.
func Types() []string {
	return []string{"table", "stat", "line", "area", "bar", "donut", "gauge", "progress", "text"}
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
