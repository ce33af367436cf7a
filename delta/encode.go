package delta

import (
	"slices"
	"time"
)

// The types of the server's messages.
const (
	TypeWatching = "watching"
	TypeSnapshot = "snapshot"
	TypeDelta    = "delta"
	TypeStatus   = "status"
	TypeReload   = "reload"
	TypeError    = "error"
	TypeBye      = "bye"
)

// Status says how fresh a page is; see the protocol's status message. Which
// fields count depends on State; zero fields are left out of the message.
type Status struct {
	Page    string
	State   string    // "live", "stale" or "timed"
	At      time.Time // live: every transaction committed before it is shown
	Since   time.Time // stale: since when
	Reason  string    // stale: the protocol's reason
	Message string    // stale: for people
	Every   time.Duration
	Next    time.Duration // the next status comes after this at the latest
	Safety  time.Duration
	Tables  []string // timed: the tables without a bell
}

// EncodeSnapshot returns the snapshot message of s.
func EncodeSnapshot(s *State) []byte {
	size := 128 + len(s.Page) + len(s.Cursor)
	for id, p := range s.Panels {
		size += len(id) + 96 + rowsSize(p)
	}
	b := make([]byte, 0, size+size/8)
	b = append(b, `{"type":"snapshot","page":`...)
	b = appendText(b, s.Page)
	b = append(b, `,"cursor":`...)
	b = appendText(b, s.Cursor)
	b = append(b, `,"at":`...)
	b = appendTime(b, s.At)
	b = append(b, `,"panels":{`...)
	for i, id := range sortedKeys(s.Panels) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, id)
		b = append(b, ':')
		b = appendPanel(b, s.Panels[id])
	}
	return append(b, "}}"...)
}

// EncodeDelta returns the delta message from the cursor from to the state s:
// page, cursor and at are s's, the panels are the changes.
func EncodeDelta(from string, s *State, changes map[string]*Change) []byte {
	size := 128 + len(s.Page) + len(from) + len(s.Cursor)
	for id, c := range changes {
		size += len(id) + changeSize(c)
	}
	b := make([]byte, 0, size+size/8)
	b = append(b, `{"type":"delta","page":`...)
	b = appendText(b, s.Page)
	b = append(b, `,"from":`...)
	b = appendText(b, from)
	b = append(b, `,"cursor":`...)
	b = appendText(b, s.Cursor)
	b = append(b, `,"at":`...)
	b = appendTime(b, s.At)
	b = append(b, `,"panels":{`...)
	for i, id := range sortedKeys(changes) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, id)
		b = append(b, ':')
		b = appendChange(b, changes[id])
	}
	return append(b, "}}"...)
}

// EncodeStatus returns the status message as of now: its age_ms counts from At
// (from Since when stale) and is never negative.
func EncodeStatus(s Status, now time.Time) []byte {
	b := make([]byte, 0, 224+len(s.Page)+len(s.Message))
	b = append(b, `{"type":"status","page":`...)
	b = appendText(b, s.Page)
	b = append(b, `,"state":`...)
	b = appendText(b, s.State)
	age := s.At
	if s.State == "stale" {
		age = s.Since
	}
	b = appendTimeField(b, `,"at":`, s.At)
	b = appendTimeField(b, `,"since":`, s.Since)
	if !age.IsZero() {
		b = append(b, `,"age_ms":`...)
		b = appendMillis(b, max(0, now.Sub(age)))
	}
	b = appendTextField(b, `,"reason":`, s.Reason)
	b = appendTextField(b, `,"message":`, s.Message)
	b = appendMillisField(b, `,"every_ms":`, s.Every)
	b = appendMillisField(b, `,"next_ms":`, s.Next)
	b = appendMillisField(b, `,"safety_ms":`, s.Safety)
	if len(s.Tables) > 0 {
		b = append(b, `,"tables":[`...)
		for i, t := range s.Tables {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, t)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// EncodeWatching returns the answer to a watch: watch is the page as the client
// sent it, page its canonical address.
func EncodeWatching(watch, page string) []byte {
	b := append([]byte(nil), `{"type":"watching","watch":`...)
	b = appendText(b, watch)
	b = append(b, `,"page":`...)
	b = appendText(b, page)
	return append(b, '}')
}

// EncodeError returns an error message. watch is the page as the client sent
// it; "" leaves it out, for errors that answer no watch.
func EncodeError(watch, code, message string) []byte {
	b := append([]byte(nil), `{"type":"error"`...)
	b = appendTextField(b, `,"watch":`, watch)
	b = append(b, `,"code":`...)
	b = appendText(b, code)
	b = append(b, `,"message":`...)
	b = appendText(b, message)
	return append(b, '}')
}

// EncodeReload tells the page's viewers to load it again. version is set where
// the browser's code changed: that of the new one. definition is set where a client
// named the mark of another one: that of the page as it is now.
func EncodeReload(page, version, definition string) []byte {
	b := append([]byte(nil), `{"type":"reload","page":`...)
	b = appendText(b, page)
	b = appendTextField(b, `,"version":`, version)
	b = appendTextField(b, `,"definition":`, definition)
	return append(b, '}')
}

// EncodeBye says that the server closes and when to come back.
func EncodeBye(reason string, retry time.Duration) []byte {
	b := append([]byte(nil), `{"type":"bye","reason":`...)
	b = appendText(b, reason)
	b = append(b, `,"retry_after_ms":`...)
	b = appendMillis(b, max(0, retry))
	return append(b, '}')
}

func appendPanel(b []byte, p *Panel) []byte {
	b = append(b, '{')
	b = appendResult(b, p.Columns, p.Rows)
	if p.Truncated {
		b = append(b, `,"truncated":true`...)
	} else {
		b = append(b, `,"truncated":false`...)
	}
	if p.Err != nil {
		b = append(b, ',')
		b = appendError(b, p.Err)
	}
	b = appendTimeField(b, `,"at":`, p.At)
	b = appendMillisField(b, `,"every_ms":`, p.Every)
	return append(b, '}')
}

func appendChange(b []byte, c *Change) []byte {
	open := len(b)
	b = append(b, '{')
	if c.Replace {
		b = append(b, ',')
		b = appendResult(b, c.Columns, c.Rows)
	} else if len(c.Ops) > 0 {
		b = append(b, `,"ops":`...)
		b = appendOps(b, c.Ops)
	}
	if c.Truncated != nil {
		b = append(b, `,"truncated":`...)
		if *c.Truncated {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	}
	if c.Err != nil {
		b = append(b, ',')
		b = appendError(b, c.Err)
	} else if c.ErrCleared {
		b = append(b, `,"error":null`...)
	}
	b = appendTimeField(b, `,"at":`, c.At)
	b = appendMillisField(b, `,"every_ms":`, c.Every)
	if len(b) > open+1 { // every field brought its comma; the first has none
		b = slices.Delete(b, open+1, open+2)
	}
	return append(b, '}')
}

func appendResult(b []byte, columns []Column, rows []Row) []byte {
	b = append(b, `"columns":[`...)
	for i := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = appendText(b, columns[i].Name)
		b = append(b, `,"type":`...)
		b = appendText(b, columns[i].Type)
		for j, label := range columns[i].Enum {
			if j == 0 {
				b = append(b, `,"enum":[`...)
			} else {
				b = append(b, ',')
			}
			b = appendText(b, label)
		}
		if len(columns[i].Enum) > 0 {
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	b = append(b, `],"rows":[`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, rows[i].Key, rows[i].Cells)
	}
	return append(b, ']')
}

func appendRow(b []byte, key string, cells []Cell) []byte {
	b = append(b, '[')
	b = appendText(b, key)
	for i := range cells {
		b = append(b, ',')
		b = appendCell(b, cells[i])
	}
	return append(b, ']')
}

func appendOps(b []byte, ops []Op) []byte {
	b = append(b, '[')
	for i := range ops {
		if i > 0 {
			b = append(b, ',')
		}
		op := &ops[i]
		b = append(b, '[', '"', byte(op.Kind), '"', ',')
		switch op.Kind {
		case Insert:
			b = appendInt(b, op.Index)
			b = append(b, ',')
			b = appendRow(b, op.Key, op.Cells)
		case Set:
			b = appendText(b, op.Key)
			b = append(b, ',', '{')
			for j := range op.Set {
				if j > 0 {
					b = append(b, ',')
				}
				b = append(b, '"')
				b = appendInt(b, op.Set[j].Column)
				b = append(b, '"', ':')
				b = appendCell(b, op.Set[j].Cell)
			}
			b = append(b, '}')
		case Move:
			b = appendText(b, op.Key)
			b = append(b, ',')
			b = appendInt(b, op.Index)
		default:
			b = appendText(b, op.Key)
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

func appendError(b []byte, e *Error) []byte {
	b = append(b, `"error":{"code":`...)
	b = appendText(b, e.Code)
	b = append(b, `,"message":`...)
	b = appendText(b, e.Message)
	b = appendTextField(b, `,"hint":`, e.Hint)
	b = appendTextField(b, `,"fix":`, e.Fix)
	b = appendIntField(b, `,"position":`, e.Position)
	b = appendIntField(b, `,"line":`, e.Line)
	b = appendIntField(b, `,"column":`, e.Column)
	return append(b, '}')
}

func appendIntField(b []byte, name string, n int) []byte {
	if n == 0 {
		return b
	}
	return appendInt(append(b, name...), n)
}

func appendTimeField(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendTime(append(b, name...), t)
}

func appendTextField(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, name...), text)
}

func appendMillisField(b []byte, name string, d time.Duration) []byte {
	if d == 0 {
		return b
	}
	return appendMillis(append(b, name...), d)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
