package views

import (
	"regexp"
	"strings"
)

// longestLink is how long an address may be to be a link, in bytes.
const longestLink = 2000

// webAddress is an address of the web without anything that could make a reader take it for another: no name before the server's,
// no quotes, spaces, controls or marks that turn the writing round.
var webAddress = regexp.MustCompile(`^[hH][tT][tT][pP][sS]?://[^"'<>\\^` + "`" + `{|}@/?#\p{Cc}\p{Cf}\p{Co}\p{Z}]+(?:[/?#][^"<>\\^` + "`" + `{|}\p{Cc}\p{Cf}\p{Co}\p{Z}]*)?$`)

// Linkable tells whether a text as a whole is an address that a cell may lead to.
func Linkable(s string) bool {
	return len(s) > 4 && strings.EqualFold(s[:4], "http") && len(s) <= longestLink && webAddress.MatchString(s)
}

// address shows a link without its scheme.
func address(s string) Cell {
	_, rest, _ := strings.Cut(s, "://")
	cell := plain(strings.TrimSuffix(rest, "/"))
	cell.Href, cell.Title = s, s
	return cell
}

// piece of a link: a text, or the column whose value stands there.
type piece struct {
	text   string
	column int // -1: none
}

// linkPieces reads "https://crm.example/orders/{id}"; nil where it names a column that the result does not have.
func linkPieces(link string, fields []Field) []piece {
	var pieces []piece
	for link != "" {
		before, rest, open := strings.Cut(link, "{")
		if before != "" {
			pieces = append(pieces, piece{before, -1})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		at := -1
		for i, f := range fields {
			if f.Name == name && at < 0 {
				at = i
			}
		}
		if !closed || at < 0 {
			return nil
		}
		pieces, link = append(pieces, piece{"", at}), after
	}
	return pieces
}

// target is where a column's cell leads: "" where a value that it needs is null, or would climb out of its place in a path.
func (c Column) target(cells []Cell) string {
	var b strings.Builder
	for _, p := range c.link {
		if p.column < 0 {
			b.WriteString(p.text)
			continue
		}
		value := cells[p.column].source()
		if value == nil || *value == "." || *value == ".." {
			return ""
		}
		b.WriteString(encode(*value))
	}
	if href := b.String(); len(href) <= longestLink && (strings.HasPrefix(href, "https://") || strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//")) {
		return href
	}
	return ""
}

// encode writes everything but letters, digits and -._~ as percent signs do.
func encode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// outside tells links that leave this server.
func outside(href string) bool { return !strings.HasPrefix(href, "/") }
