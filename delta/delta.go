// Package delta is the vocabulary of the wire and the pure arithmetic on it:
// panels and their rows, the keys that tell rows apart, the difference between
// two states of a page, and the JSON in which both travel. docs/protocol.md is
// the contract that it implements.
//
// Nothing here reads a clock, a socket or a database, and nothing is ever
// changed in place: a [Panel] or a [State] is immutable once it was handed to
// anybody, so many goroutines may diff, apply and encode the same one.
//
// The law that everything else leans on: for any two states a and b of one
// panel, Apply(a, Diff(a, b)) equals b (see [Panel.Equal]), also after the
// change went through [EncodeDelta] and [Decode].
package delta

import (
	"slices"
	"time"
)

// Column describes one column of a panel's result.
type Column struct {
	Name string
	Type string   // pg_type.typname, such as "int8" or "numeric"
	Enum []string // labels in their order, where the type is an enum
}

func equalColumn(a, b Column) bool {
	return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Enum, b.Enum)
}

// Cell is one value in PostgreSQL's own text output. Text is "" when Null.
type Cell struct {
	Text string
	Null bool
}

// Row is one row: its key, unique within its panel, and one cell per column.
type Row struct {
	Key   string
	Cells []Cell
}

// Error says why a panel could not be refreshed. Code is one of the protocol's
// panel codes; Message is for people and holds no cell values. The other fields
// help whoever wrote the query; zero ones are left out of the message.
type Error struct {
	Code     string
	Message  string
	Hint     string // what may have been meant
	Fix      string // a statement that mends it, for whoever may run it
	Position int    // of the mistake in the query as it was written, in characters from 1
	Line     int    // the same place in the dashboard's file, both from 1
	Column   int
}

// Panel is one panel's state. It is immutable once published.
type Panel struct {
	Columns   []Column
	Rows      []Row
	Truncated bool          // the row limit cut the result
	Err       *Error        // when set, Rows are the last good ones
	At        time.Time     // the panel's own snapshot (slow or timed); zero: the page's
	Every     time.Duration // the panel's own pace, in whole milliseconds; zero: the page's
}

// State is a page at one cursor. It is immutable once published. The set of
// panels does not change within an epoch.
type State struct {
	Page   string // canonical address
	Cursor string // "epoch:version"; compared for equality only
	At     time.Time
	Panels map[string]*Panel
}

// OpKind is the first element of an op on the wire.
type OpKind byte

// The four ops. A decoded op of another kind has kind 0, and Apply refuses it
// with [ErrLost].
const (
	Remove OpKind = '-' // remove the row Key
	Insert OpKind = '+' // insert the row (Key, Cells) so that it stands at Index
	Set    OpKind = '=' // set the cells Set of the row Key
	Move   OpKind = '>' // take the row Key out, then insert it so that it stands at Index
)

// SetCell is a new value for one cell of a row. Column counts from 0 and
// leaves the key out.
type SetCell struct {
	Column int
	Cell   Cell
}

// Op is one step from the old rows to the new ones. Kind says which of the
// other fields count.
type Op struct {
	Kind  OpKind
	Key   string
	Index int
	Cells []Cell
	Set   []SetCell
}

// Change is what a delta says about one panel.
//
// With Replace the panel is replaced whole: Columns and Rows are the new ones,
// and what the change does not give (Truncated, Err, At, Every) is not there
// any more. Without it, Ops change the rows in order, and what the change does
// not give stays as it was.
type Change struct {
	Replace    bool
	Columns    []Column
	Rows       []Row
	Ops        []Op
	Truncated  *bool
	Err        *Error
	ErrCleared bool // "error": null on the wire
	At         time.Time
	Every      time.Duration
}

// Equal reports whether a viewer could not tell p from q: same columns, rows
// in the same order, flags, error and times. No rows and nil rows are equal.
func (p *Panel) Equal(q *Panel) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Truncated == q.Truncated && equalError(p.Err, q.Err) && p.At.Equal(q.At) && p.Every == q.Every &&
		slices.EqualFunc(p.Columns, q.Columns, equalColumn) && slices.EqualFunc(p.Rows, q.Rows, equalRow)
}

// Equal reports whether both states have the same page, cursor and clock, and
// equal panels.
func (s *State) Equal(t *State) bool {
	if s == nil || t == nil {
		return s == t
	}
	if s.Page != t.Page || s.Cursor != t.Cursor || !s.At.Equal(t.At) || len(s.Panels) != len(t.Panels) {
		return false
	}
	for id, p := range s.Panels {
		q, ok := t.Panels[id]
		if !ok || !p.Equal(q) {
			return false
		}
	}
	return true
}

func equalRow(a, b Row) bool { return a.Key == b.Key && slices.Equal(a.Cells, b.Cells) }

func equalError(a, b *Error) bool { return a == b || a != nil && b != nil && *a == *b }
