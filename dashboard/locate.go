package dashboard

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// locator finds the place in a file of a byte of a text that a YAML scalar
// holds, whatever its style: literal, folded, quoted or plain.
type locator struct {
	file, source string
	value        string // the scalar's text
	line, column int    // where its first character may stand, past any opening quote
	style        byte   // '"', '\'', or 0
}

// at walks the scalar and the file side by side. YAML changes only white space
// between the two, and escapes in quoted styles, so the n-th visible character
// of one is the n-th of the other.
func (l locator) at(offset int) Pos {
	pos := Pos{File: l.file, Line: l.line, Column: l.column}
	rest := skipTo(l.source, l.line, l.column)
	value := l.value[:max(0, min(offset, len(l.value)))]
	// A place in white space is the visible character after it.
	if n := len(value) + len(l.value[len(value):]) - len(strings.TrimLeftFunc(l.value[len(value):], unicode.IsSpace)); n < len(l.value) {
		value = l.value[:n]
	} else {
		value = strings.TrimRightFunc(value, unicode.IsSpace)
	}
	step := func(bytes int) {
		for _, r := range rest[:bytes] {
			if r == '\n' {
				pos.Line, pos.Column = pos.Line+1, 1
			} else {
				pos.Column++
			}
		}
		rest = rest[bytes:]
	}
	blank := func() { step(l.blank(rest)) }
	for _, r := range value {
		if unicode.IsSpace(r) {
			continue
		}
		blank()
		n := l.width(rest)
		if n == 0 {
			return Pos{File: l.file, Line: l.line, Column: l.column}
		}
		step(n)
	}
	if len(value) < len(l.value) {
		blank()
	}
	return pos
}

// blank is the length of what separates visible characters.
func (l locator) blank(rest string) int {
	n := 0
	for n < len(rest) {
		r, size := utf8.DecodeRuneInString(rest[n:])
		switch {
		case unicode.IsSpace(r):
			n += size
		case l.style == '"' && r == '\\' && n+1 < len(rest) && strings.IndexByte("ntr \n", rest[n+1]) >= 0:
			n += 2
		default:
			return n
		}
	}
	return n
}

// width is how many bytes of the file make its next visible character.
func (l locator) width(rest string) int {
	if rest == "" {
		return 0
	}
	switch {
	case l.style == '\'' && strings.HasPrefix(rest, "''"):
		return 2
	case l.style == '"' && rest[0] == '\\' && len(rest) > 1:
		if n := map[byte]int{'x': 4, 'u': 6, 'U': 10}[rest[1]]; n > 0 {
			return min(n, len(rest))
		}
		_, n := utf8.DecodeRuneInString(rest[1:])
		return 1 + n
	}
	_, n := utf8.DecodeRuneInString(rest)
	return n
}

// skipTo is the text from a line and column on.
func skipTo(source string, line, column int) string {
	for ; line > 1; line-- {
		_, after, ok := strings.Cut(source, "\n")
		if !ok {
			return ""
		}
		source = after
	}
	for i := range source {
		if column--; column < 1 {
			return source[i:]
		}
	}
	return ""
}

// byteOf is the byte of the n-th character, from 1.
func byteOf(s string, n int) int {
	for i := range s {
		if n--; n < 1 {
			return i
		}
	}
	return len(s)
}
