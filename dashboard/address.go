package dashboard

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// AddressError says why an address has no page.
type AddressError struct {
	Code    string // "bad_request", "not_found", "forbidden" or "unavailable", as on the wire
	Message string
	// Problem is set where the page's file is wrong and never was right.
	Problem *Problem
	// Parameter is the one whose value cannot be taken; "" where it is not one.
	Parameter string
	// Meant is the address of the page that may have been meant; "" for none.
	Meant string
	// Fix is a statement that mends it, for whoever may run it; "" where there
	// is none.
	Fix string
	err error
}

func (e *AddressError) Error() string { return e.Message }

// Unwrap is the cause, where there is one.
func (e *AddressError) Unwrap() error { return e.err }

func refuse(code, message string, args ...any) *AddressError {
	return &AddressError{Code: code, Message: fmt.Sprintf(message, args...)}
}

// longestAddress bounds what a viewer may send.
const longestAddress = 4096

// address is a page's address, taken apart but not yet looked up.
type address struct {
	kind   Kind
	slug   string // of a dashboard
	schema string
	table  string
	values map[string][]string // of every parameter, as often as it is given
}

// parseAddress reads "/d/slug?name=value" and "/t/schema.table?sort=…".
func parseAddress(s string) (address, error) {
	a := address{values: map[string][]string{}}
	if len(s) > longestAddress {
		return a, refuse("bad_request", "the address is longer than %d bytes", longestAddress)
	}
	s, _, _ = strings.Cut(s, "#")
	path, query, _ := strings.Cut(s, "?")
	var rest string
	switch {
	case strings.HasPrefix(path, "/d/"):
		a.kind, rest = KindDashboard, path[3:]
	case strings.HasPrefix(path, "/t/"):
		a.kind, rest = KindTable, path[3:]
	case !strings.HasPrefix(path, "/"):
		return a, refuse("bad_request", "an address begins with /d/ or /t/")
	default:
		return a, refuse("not_found", "there is no page at %s", clip(path))
	}
	name, err := url.PathUnescape(rest)
	if err != nil || !storable(name) {
		return a, refuse("bad_request", "the address is not percent-encoded UTF-8")
	}
	if a.kind == KindDashboard {
		a.slug = name
	} else {
		parts, ok := parseIdent(name)
		if ok && len(parts) == 1 {
			return a, refuse("not_found", "a table's address begins with its schema, as in /t/public.%s", clip(rest))
		}
		if !ok || len(parts) != 2 {
			return a, refuse("bad_request", "a table's address is /t/schema.table, with names quoted as in SQL")
		}
		a.schema, a.table = parts[0], parts[1]
	}
	return a, a.parameters(query)
}

func (a address) parameters(query string) error {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !storable(name) || !storable(value) {
			return refuse("bad_request", "the address is not percent-encoded UTF-8")
		}
		if part != "" {
			a.values[name] = append(a.values[name], value)
		}
	}
	return nil
}

// first is the first value of a parameter, "" where there is none.
func (a address) first(name string) string {
	if all := a.values[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// storable tells whether PostgreSQL could hold the text.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// escape percent-encodes everything but RFC 3986's unreserved characters, so
// that there is one way to write an address.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// dashboardAddress is canonical: variables in the dashboard's order, defaults
// left out, one parameter for each of several values.
func dashboardAddress(slug string, variables []Variable) string {
	var b strings.Builder
	b.WriteString("/d/" + escape(slug))
	separator := byte('?')
	for _, v := range variables {
		if slices.Equal(v.Values, v.Defaults) {
			continue
		}
		values := v.Values
		if len(values) == 0 {
			values = []string{""} // none, where the default is some
		}
		for _, value := range values {
			b.WriteByte(separator)
			b.WriteString(escape(v.Name) + "=" + escape(value))
			separator = '&'
		}
	}
	return b.String()
}

// parseIdent takes a qualified name apart as PostgreSQL's parse_ident does:
// names that are not quoted become lower case.
func parseIdent(s string) ([]string, bool) {
	var parts []string
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		var part string
		if strings.HasPrefix(s, `"`) {
			var ok bool
			if part, s, ok = unquoteIdent(s); !ok || part == "" {
				return nil, false
			}
		} else {
			n := 0
			for n < len(s) && isWordPart(s[n]) {
				n++
			}
			if n == 0 || !isWordStart(s[0]) {
				return nil, false
			}
			part, s = lowerASCII(s[:n]), s[n:]
		}
		parts = append(parts, part)
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		if s == "" {
			return parts, true
		}
		if s[0] != '.' {
			return nil, false
		}
		s = s[1:]
	}
}

// unquoteIdent reads a quoted name at the beginning of s.
func unquoteIdent(s string) (name, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(s[1:i], `""`, `"`), s[i+1:], true
	}
	return "", "", false
}

// lowerASCII folds as PostgreSQL does in a database of UTF-8.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// quote quotes a name for SQL; every name may be quoted.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
