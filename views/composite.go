package views

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Values that hold others: documents, arrays and ranges, on one line.

// newline is where a document of type json may be broken; strings in it hold none.
var newline = regexp.MustCompile(`[ \t\r]*\n[ \t\r\n]*`)

// preview is one line of a document. Objects and lists that hold something can be opened.
func preview(s string) Cell {
	line := newline.ReplaceAllString(s, " ")
	inner := strings.TrimLeft(line, " \t\r")
	opens := strings.HasPrefix(inner, "{") || strings.HasPrefix(inner, "[")
	return Cell{
		Text: clip(line, utf8.RuneCountInString(line), longestTree),
		Tree: opens && strings.Trim(inner[1:], " \t\r]}") != "",
	}
}

// list is an array's elements; one of several dimensions stays as it is.
func list(s string) Cell {
	items, ok := elements(s)
	if !ok {
		return plain(s)
	}
	cell := plain(strings.Join(items, ", "))
	if cell.Title == "" {
		cell.Title = s
	}
	if len(items) == 0 {
		cell = Cell{Text: "{}", Class: "dim"}
	}
	return cell
}

// elements reads PostgreSQL's text of an array of one dimension.
func elements(s string) (items []string, ok bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	s = s[1 : len(s)-1]
	for s != "" {
		var item strings.Builder
		quoted := s[0] == '"'
		i := 0
		if quoted {
			for i = 1; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				item.WriteByte(s[i])
			}
			i++
		} else {
			for i < len(s) && s[i] != ',' {
				if s[i] == '{' {
					return nil, false
				}
				item.WriteByte(s[i])
				i++
			}
		}
		if i > len(s) || i < len(s) && s[i] != ',' || i == len(s)-1 {
			return nil, false
		}
		text := item.String()
		if !quoted && text == "NULL" {
			text = "null"
		}
		items = append(items, text)
		if i < len(s) {
			i++
		}
		s = s[i:]
	}
	return items, true
}

var bounds = regexp.MustCompile(`^([\[(])("?)([^",]*)"?,("?)([^",]*)"?([\])])$`)

// between is a range with room between its ends; an end that is open is "…".
func between(s string) Cell {
	m := bounds.FindStringSubmatch(s)
	if m == nil {
		return Cell{Text: s}
	}
	from, to := m[3], m[5]
	if from == "" {
		from = "…"
	}
	if to == "" {
		to = "…"
	}
	return Cell{Text: m[1] + from + ", " + to + m[6], Title: s}
}
