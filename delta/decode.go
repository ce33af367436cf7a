package delta

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Message is any message of the server. Type says which fields count; an
// unknown type is no error, as clients ignore what they do not know.
type Message struct {
	Type       string
	Watch      string             // watching, error: the page as the client sent it
	Page       string             // all but error and bye
	From       string             // delta
	Cursor     string             // snapshot, delta
	At         time.Time          // snapshot, delta
	State      *State             // snapshot
	Changes    map[string]*Change // delta
	Status     *Status            // status
	Age        time.Duration      // status
	Err        *Error             // error
	Version    string             // reload
	Definition string             // reload
	Reason     string             // bye
	RetryAfter time.Duration      // bye
}

// ErrMalformed means that a server's message is not what the protocol says.
var ErrMalformed = errors.New("malformed message")

type wireMessage struct {
	Type         string                     `json:"type"`
	Watch        string                     `json:"watch"`
	Page         string                     `json:"page"`
	From         string                     `json:"from"`
	Cursor       string                     `json:"cursor"`
	At           time.Time                  `json:"at"`
	Panels       map[string]json.RawMessage `json:"panels"`
	State        string                     `json:"state"`
	Since        time.Time                  `json:"since"`
	AgeMS        int64                      `json:"age_ms"`
	Version      string                     `json:"version"`
	Definition   string                     `json:"definition"`
	Reason       string                     `json:"reason"`
	Message      string                     `json:"message"`
	Code         string                     `json:"code"`
	EveryMS      int64                      `json:"every_ms"`
	NextMS       int64                      `json:"next_ms"`
	SafetyMS     int64                      `json:"safety_ms"`
	RetryAfterMS int64                      `json:"retry_after_ms"`
	Tables       []string                   `json:"tables"`
}

type wirePanel struct {
	Columns   *[]wireColumn     `json:"columns"`
	Rows      *[][]*string      `json:"rows"`
	Ops       []json.RawMessage `json:"ops"`
	Truncated *bool             `json:"truncated"`
	Error     json.RawMessage   `json:"error"`
	At        time.Time         `json:"at"`
	EveryMS   int64             `json:"every_ms"`
}

type wireColumn struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Enum []string `json:"enum"`
}

type wireError struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
	Fix      string `json:"fix"`
	Position int    `json:"position"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
}

// Decode reads any message of the server, for clients and tests. Its error is
// an [ErrMalformed]; an op it does not know is left to [Apply] to refuse.
func Decode(b []byte) (Message, error) {
	var w wireMessage
	if err := json.Unmarshal(b, &w); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	m := Message{Type: w.Type, Watch: w.Watch, Page: w.Page, From: w.From, Cursor: w.Cursor, At: w.At}
	switch w.Type {
	case TypeSnapshot:
		return m, m.decodeSnapshot(&w)
	case TypeDelta:
		return m, m.decodeDelta(&w)
	case TypeStatus:
		m.Status = &Status{Page: w.Page, State: w.State, At: w.At, Since: w.Since, Reason: w.Reason, Message: w.Message,
			Every: millis(w.EveryMS), Next: millis(w.NextMS), Safety: millis(w.SafetyMS), Tables: w.Tables}
		m.Age = millis(w.AgeMS)
	case TypeError:
		m.Err = &Error{Code: w.Code, Message: w.Message}
	case TypeReload:
		m.Version, m.Definition = w.Version, w.Definition
	case TypeBye:
		m.Reason, m.RetryAfter = w.Reason, millis(w.RetryAfterMS)
	}
	return m, nil
}

func (m *Message) decodeSnapshot(w *wireMessage) error {
	m.State = &State{Page: w.Page, Cursor: w.Cursor, At: w.At, Panels: make(map[string]*Panel, len(w.Panels))}
	for id, raw := range w.Panels {
		c, err := decodeChange(raw)
		if err == nil && !c.Replace {
			err = errors.New("no columns and rows")
		}
		if err != nil {
			return fmt.Errorf("%w: panel %q: %w", ErrMalformed, id, err)
		}
		p, err := Apply(nil, c)
		if err != nil {
			return fmt.Errorf("%w: panel %q: %w", ErrMalformed, id, err)
		}
		m.State.Panels[id] = p
	}
	return nil
}

func (m *Message) decodeDelta(w *wireMessage) error {
	m.Changes = make(map[string]*Change, len(w.Panels))
	for id, raw := range w.Panels {
		c, err := decodeChange(raw)
		if err != nil {
			return fmt.Errorf("%w: panel %q: %w", ErrMalformed, id, err)
		}
		m.Changes[id] = c
	}
	return nil
}

func decodeChange(raw json.RawMessage) (*Change, error) {
	var w wirePanel
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	c := &Change{Truncated: w.Truncated, At: w.At, Every: millis(w.EveryMS)}
	if (w.Columns == nil) != (w.Rows == nil) {
		return nil, errors.New("columns without rows, or rows without columns")
	}
	if w.Rows != nil {
		c.Replace = true
		for _, col := range *w.Columns {
			c.Columns = append(c.Columns, Column(col))
		}
		for _, r := range *w.Rows {
			row, err := decodeRow(r)
			if err != nil {
				return nil, err
			}
			c.Rows = append(c.Rows, row)
		}
	} else {
		for _, raw := range w.Ops {
			op, err := decodeOp(raw)
			if err != nil {
				return nil, err
			}
			c.Ops = append(c.Ops, op)
		}
	}
	if len(w.Error) > 0 {
		if bytes.Equal(w.Error, []byte("null")) {
			c.ErrCleared = true
			return c, nil
		}
		var e wireError
		if err := json.Unmarshal(w.Error, &e); err != nil {
			return nil, err
		}
		fault := Error(e)
		c.Err = &fault
	}
	return c, nil
}

func decodeRow(r []*string) (Row, error) {
	if len(r) == 0 || r[0] == nil {
		return Row{}, errors.New("a row without a key")
	}
	row := Row{Key: *r[0], Cells: make([]Cell, len(r)-1)}
	for i, text := range r[1:] {
		row.Cells[i] = decodeCell(text)
	}
	return row, nil
}

func decodeCell(text *string) Cell {
	if text == nil {
		return Cell{Null: true}
	}
	return Cell{Text: *text}
}

// decodeOp returns an op of kind 0 for one that it does not know.
func decodeOp(raw json.RawMessage) (Op, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return Op{}, err
	}
	var kind string
	if len(parts) == 0 || json.Unmarshal(parts[0], &kind) != nil {
		return Op{}, errors.New("an op without a kind")
	}
	op := Op{}
	var fields []any
	var row []*string
	var set map[string]*string
	switch kind {
	case "-":
		op.Kind, fields = Remove, []any{&op.Key}
	case "+":
		op.Kind, fields = Insert, []any{&op.Index, &row}
	case "=":
		op.Kind, fields = Set, []any{&op.Key, &set}
	case ">":
		op.Kind, fields = Move, []any{&op.Key, &op.Index}
	default:
		return op, nil
	}
	if len(parts) != len(fields)+1 {
		return Op{}, fmt.Errorf("op %q with %d fields", kind, len(parts)-1)
	}
	for i, f := range fields {
		if bytes.Equal(parts[i+1], []byte("null")) {
			return Op{}, fmt.Errorf("op %q with a null", kind)
		}
		if err := json.Unmarshal(parts[i+1], f); err != nil {
			return Op{}, err
		}
	}
	return finishOp(op, row, set)
}

func finishOp(op Op, row []*string, set map[string]*string) (Op, error) {
	if op.Kind == Insert {
		r, err := decodeRow(row)
		op.Key, op.Cells = r.Key, r.Cells
		return op, err
	}
	for name, text := range set {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || strconv.Itoa(n) != name {
			return Op{}, fmt.Errorf("column index %q", name)
		}
		op.Set = append(op.Set, SetCell{Column: n, Cell: decodeCell(text)})
	}
	slices.SortFunc(op.Set, func(a, b SetCell) int { return cmp.Compare(a.Column, b.Column) })
	return op, nil
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
