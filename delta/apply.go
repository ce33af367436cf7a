package delta

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrLost means that a change does not fit the state it was applied to: the
// client has lost its place and watches again without a cursor.
var ErrLost = errors.New("delta does not fit the state")

// Apply returns the panel that c makes of old. It never changes old; the two
// may share rows. The error is an [ErrLost] where a key or an index is not
// there, a key is there twice, a row does not have one cell per column, or an
// op is unknown. A nil change returns old.
func Apply(old *Panel, c *Change) (*Panel, error) {
	if c == nil {
		return old, nil
	}
	if c.Replace {
		return replaced(c)
	}
	if old == nil {
		return nil, fmt.Errorf("%w: the panel is not there", ErrLost)
	}
	p := *old
	if len(c.Ops) > 0 {
		p.Rows = slices.Clone(old.Rows)
		for i := range c.Ops {
			var err error
			if p.Rows, err = applyOp(p.Rows, &c.Ops[i], len(p.Columns)); err != nil {
				return nil, fmt.Errorf("%w: op %d: %s", ErrLost, i, err.Error())
			}
		}
	}
	if c.Truncated != nil {
		p.Truncated = *c.Truncated
	}
	if c.Err != nil || c.ErrCleared {
		p.Err = c.Err
	}
	if !c.At.IsZero() {
		p.At = c.At
	}
	if c.Every != 0 {
		p.Every = c.Every
	}
	return &p, nil
}

// ApplyState returns the state at cursor that the message m, a delta or a
// snapshot, makes of old. It never changes old. The error is an [ErrLost] where
// m starts from another cursor than old's, or one of its changes does not fit.
func ApplyState(old *State, m *Message) (*State, error) {
	if m.Type == TypeSnapshot {
		return m.State, nil
	}
	if m.Type != TypeDelta {
		return old, nil
	}
	if old == nil || m.From != old.Cursor || m.Page != old.Page {
		return nil, fmt.Errorf("%w: it starts from another state", ErrLost)
	}
	s := &State{Page: m.Page, Cursor: m.Cursor, At: m.At, Panels: maps.Clone(old.Panels)}
	if s.Panels == nil {
		s.Panels = make(map[string]*Panel, len(m.Changes))
	}
	for id, c := range m.Changes {
		p, err := Apply(old.Panels[id], c)
		if err != nil {
			return nil, fmt.Errorf("panel %q: %w", id, err)
		}
		s.Panels[id] = p
	}
	return s, nil
}

func replaced(c *Change) (*Panel, error) {
	for i := range c.Rows {
		if len(c.Rows[i].Cells) != len(c.Columns) {
			return nil, fmt.Errorf("%w: row %d has %d cells for %d columns", ErrLost, i, len(c.Rows[i].Cells), len(c.Columns))
		}
	}
	p := &Panel{Columns: c.Columns, Rows: c.Rows, Err: c.Err, At: c.At, Every: c.Every}
	if c.Truncated != nil {
		p.Truncated = *c.Truncated
	}
	return p, nil
}

// The reasons are wrapped into ErrLost by Apply.
var (
	errNoKey   = errors.New("no row has the key")
	errTwice   = errors.New("a row has the key already")
	errNoIndex = errors.New("the index is outside of the rows")
	errCells   = errors.New("the cells do not fit the columns")
	errUnknown = errors.New("unknown op")
)

// applyOp works on a slice that Apply owns; the rows' cells are still shared.
func applyOp(rows []Row, op *Op, columns int) ([]Row, error) {
	at := slices.IndexFunc(rows, func(r Row) bool { return r.Key == op.Key })
	switch op.Kind {
	case Remove, Set, Move:
		if at < 0 {
			return nil, errNoKey
		}
	case Insert:
		if at >= 0 {
			return nil, errTwice
		}
	default:
		return nil, errUnknown
	}
	switch op.Kind {
	case Remove:
		return slices.Delete(rows, at, at+1), nil
	case Insert:
		if op.Index < 0 || op.Index > len(rows) {
			return nil, errNoIndex
		}
		if len(op.Cells) != columns {
			return nil, errCells
		}
		return slices.Insert(rows, op.Index, Row{Key: op.Key, Cells: op.Cells}), nil
	case Set:
		cells := slices.Clone(rows[at].Cells)
		for _, s := range op.Set {
			if s.Column < 0 || s.Column >= len(cells) {
				return nil, errCells
			}
			cells[s.Column] = s.Cell
		}
		rows[at].Cells = cells
		return rows, nil
	default:
		if op.Index < 0 || op.Index >= len(rows) {
			return nil, errNoIndex
		}
		row := rows[at]
		if op.Index > at {
			copy(rows[at:], rows[at+1:op.Index+1])
		} else {
			copy(rows[op.Index+1:], rows[op.Index:at])
		}
		rows[op.Index] = row
		return rows, nil
	}
}
