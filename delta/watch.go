package delta

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxWatch is the length in bytes up to which a client's message is read.
const MaxWatch = 16 << 10

// The ways in which a client's message breaks the protocol. ErrTooLong is a
// close with 1009, all others with 1007.
var (
	ErrTooLong     = errors.New("the message is longer than 16 KiB")
	ErrNotUTF8     = errors.New("the message is not valid UTF-8")
	ErrNotJSON     = errors.New("the message is not one JSON object")
	ErrUnknownType = errors.New("the message's type is unknown")
	ErrWrongField  = errors.New("a field of the message has the wrong kind")
)

// Watch is the client's watch message. Page is not empty-checked or parsed.
type Watch struct {
	Page       string // as sent
	Cursor     string // what the client shows already; "" when it shows nothing
	Definition string // the mark of the page as the client has it; "" when it has none
}

// ParseWatch reads a client's message. Unknown fields are ignored. An error is
// one of those above, and its text may be shown to the client.
func ParseWatch(b []byte) (Watch, error) {
	if len(b) > MaxWatch {
		return Watch{}, ErrTooLong
	}
	if !utf8.Valid(b) {
		return Watch{}, ErrNotUTF8
	}
	// A map, for field names of a struct would match in any case.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil || fields == nil {
		return Watch{}, ErrNotJSON
	}
	kind, ok, err := textField(fields, "type")
	if err != nil {
		return Watch{}, err
	}
	if !ok {
		return Watch{}, fmt.Errorf("%w: there is none", ErrUnknownType)
	}
	if kind != "watch" {
		return Watch{}, fmt.Errorf("%w: %.40q", ErrUnknownType, kind)
	}
	var w Watch
	if w.Page, ok, err = textField(fields, "page"); err != nil {
		return Watch{}, err
	}
	if !ok {
		return Watch{}, fmt.Errorf("%w: page is missing", ErrWrongField)
	}
	if w.Cursor, _, err = textField(fields, "cursor"); err != nil {
		return Watch{}, err
	}
	if w.Definition, _, err = textField(fields, "definition"); err != nil {
		return Watch{}, err
	}
	return w, nil
}

func textField(fields map[string]json.RawMessage, name string) (text string, ok bool, err error) {
	raw, ok := fields[name]
	if !ok {
		return "", false, nil
	}
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false, fmt.Errorf("%w: %s is not a string", ErrWrongField, name)
	}
	return text, true, nil
}

// EncodeWatch returns the watch message of a client that draws pages of its own
// kind, and so knows no mark of theirs; an empty cursor is left out.
func EncodeWatch(page, cursor string) []byte { return Watch{Page: page, Cursor: cursor}.Encode() }

// Encode returns the message; what is empty is left out, but for the page.
func (w Watch) Encode() []byte {
	b := append([]byte(nil), `{"type":"watch","page":`...)
	b = appendText(b, w.Page)
	b = appendTextField(b, `,"cursor":`, w.Cursor)
	b = appendTextField(b, `,"definition":`, w.Definition)
	return append(b, '}')
}
