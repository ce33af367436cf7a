package dashboard

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxAddress bounds an address, and with it every value of a variable.
const maxAddress = 4096

func notFound(format string, args ...any) error {
	return &AddressError{Code: "not_found", Message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &AddressError{Code: "bad_request", Message: fmt.Sprintf(format, args...)}
}

// split takes an address apart: the still escaped path and the parameters.
func split(address string) (path string, query url.Values, err error) {
	if len(address) > maxAddress || !utf8.ValidString(address) {
		return "", nil, badRequest("the address is too long or not UTF-8")
	}
	path, raw, _ := strings.Cut(address, "?")
	query, err = url.ParseQuery(raw)
	if err != nil {
		return "", nil, badRequest("the address's parameters cannot be read")
	}
	return path, query, nil
}

// identifier parses one name as SQL reads it and returns what follows.
func identifier(s string) (name, rest string, err error) {
	if s == "" {
		return "", "", errors.New("a name is missing")
	}
	if s[0] == '"' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			if s[i] != '"' {
				b.WriteByte(s[i])
				continue
			}
			if i+1 < len(s) && s[i+1] == '"' {
				b.WriteByte('"')
				i++
				continue
			}
			if b.Len() == 0 {
				return "", "", errors.New("a quoted name is empty")
			}
			return b.String(), s[i+1:], nil
		}
		return "", "", errors.New("a quotation mark is not closed")
	}
	end := strings.IndexByte(s, '.')
	if end < 0 {
		end = len(s)
	}
	word := s[:end]
	if !startsWord(word) || skipWord(word, 0) != len(word) {
		return "", "", fmt.Errorf("%q needs quotation marks", word)
	}
	return lower(word), s[end:], nil
}

// lower folds as PostgreSQL does: ASCII only.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// tableName parses what follows /t/: schema.table, percent-encoded.
func tableName(escaped string) (schema, name string, err error) {
	text, err := url.PathUnescape(escaped)
	if err != nil || strings.ContainsRune(text, 0) {
		return "", "", badRequest("the table's name cannot be read")
	}
	first, rest, err := identifier(text)
	if err == nil && !strings.HasPrefix(rest, ".") {
		err = errors.New("a schema is missing, as in public.orders")
	}
	if err == nil {
		name, rest, err = identifier(rest[1:])
	}
	if err == nil && rest != "" {
		err = fmt.Errorf("%q follows the table's name", rest)
	}
	if err != nil {
		return "", "", badRequest("the address of a table is /t/schema.table: %v", err)
	}
	return first, name, nil
}

// quoteIdent writes a name as quote_ident does, keywords apart: those are
// read back the same without quotation marks.
func quoteIdent(name string) string {
	plain := name != "" && !(name[0] >= '0' && name[0] <= '9')
	for i := range len(name) {
		c := name[i]
		if c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') {
			plain = false
		}
	}
	if plain {
		return name
	}
	return quoted(name)
}

// quoted writes a name in quotation marks.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// tableAddress is the canonical path of a table's page.
func tableAddress(schema, name string) string {
	return "/t/" + escapePath(quoteIdent(schema)+"."+quoteIdent(name))
}

const hex = "0123456789ABCDEF"

// escapePath percent-encodes everything but unreserved characters.
func escapePath(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isAlnum(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// parseSort reads a comma list of percent-encoded column names, each with an
// optional leading - for descending; a name that begins with - or holds a
// comma is quoted. The list as a whole was decoded once with the query.
func parseSort(text string) ([]SortTerm, error) {
	var terms []SortTerm
	for text != "" {
		var t SortTerm
		if text[0] == '-' {
			t.Descending, text = true, text[1:]
		}
		if strings.HasPrefix(text, `"`) {
			name, rest, err := identifier(text)
			if err != nil {
				return nil, badRequest("sort: %v", err)
			}
			t.Column, text = name, rest
		} else {
			end := strings.IndexByte(text, ',')
			if end < 0 {
				end = len(text)
			}
			t.Column, text = text[:end], text[end:]
			if name, err := url.PathUnescape(t.Column); err == nil {
				t.Column = name
			}
		}
		if t.Column == "" || text != "" && text[0] != ',' {
			return nil, badRequest("sort is a comma list of columns, each with an optional leading -")
		}
		terms = append(terms, t)
		if text != "" {
			if text = text[1:]; text == "" {
				return nil, badRequest("sort ends with a comma")
			}
		}
	}
	return terms, nil
}

// formatSort writes the terms as parseSort reads them, percent-encoded.
func formatSort(terms []SortTerm) string {
	parts := make([]string, len(terms))
	for i, t := range terms {
		name := t.Column
		if strings.HasPrefix(name, "-") || strings.ContainsAny(name, `,"%`) {
			name = quoted(name)
		}
		parts[i] = escapePath(name)
		if t.Descending {
			parts[i] = "-" + parts[i]
		}
	}
	return strings.Join(parts, ",")
}
