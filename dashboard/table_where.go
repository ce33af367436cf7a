package dashboard

import (
	"strconv"
	"strings"
)

// condition is a WHERE clause in the making. Its values are bind parameters,
// each cast to the type of its column, so that PostgreSQL refuses what does not
// fit and an index on the column serves.
type condition struct {
	terms []string
	args  []*string
	from  []int // which filter each of args belongs to; -1: the search, or none
}

// bind adds a value and returns its place in the query.
func (w *condition) bind(value, typ string, filter int) string {
	w.args, w.from = append(w.args, &value), append(w.from, filter)
	return "$" + strconv.Itoa(len(w.args)) + "::" + typ
}

// where writes the conditions of the address. "" where it has none.
func (c *catalog) where(w *condition, filters []Filter, search string) string {
	for i, f := range filters {
		w.terms = append(w.terms, w.filter(f, c.byName(f.Column), i))
	}
	if search != "" {
		w.terms = append(w.terms, c.search(w, search))
	}
	if len(w.terms) == 0 {
		return ""
	}
	return "\nWHERE " + strings.Join(w.terms, "\n  AND ")
}

const textType = "pg_catalog.text"

// comparisons are the operators that SQL has by itself. What is not equal may
// well be NULL.
var comparisons = map[string]string{
	opIs: " = ", opIsnt: " IS DISTINCT FROM ", opLess: " < ", opAtMost: " <= ", opMore: " > ", opAtLeast: " >= ",
}

func (w *condition) filter(f Filter, col *column, i int) string {
	name := quote(col.Name)
	if col.base == "bpchar" {
		f.Value = strings.TrimRight(f.Value, " ") // they do not count, and are gone in the text that patterns see
	}
	if sign := comparisons[f.Op]; sign != "" {
		return name + sign + w.bind(f.Value, col.cast, i)
	}
	pattern := func(before, after string) string {
		return col.text() + " ILIKE " + w.bind(before+escapePattern(f.Value)+after, textType, i)
	}
	switch f.Op {
	case opNull, opNotNull:
		return name + isNull(f.Op == opNull, col.class == "c")
	case opHas:
		return pattern("%", "%")
	case opHasnt:
		return "(" + pattern("%", "%") + ") IS NOT TRUE"
	case opStarts:
		return pattern("", "%")
	case opEnds:
		return pattern("%", "")
	case opLast:
		s, _ := parseSpan(f.Value)
		return name + " > pg_catalog.now() - " + w.bind(s.interval, "pg_catalog.interval", i)
	case opContains:
		if col.Kind == KindArray {
			return name + " @> ARRAY[" + w.bind(f.Value, col.element, i) + "]"
		}
		return name + "::pg_catalog.jsonb @> " + w.bind(f.Value, "pg_catalog.jsonb", i)
	}
	items, _ := parseItems(f.Value)
	list := make([]string, len(items))
	for n, item := range items {
		list[n] = w.bind(item, col.cast, i)
	}
	return name + " IN (" + strings.Join(list, ", ") + ")"
}

// isNull is the test for NULL, or for the contrary. IS NULL holds for a
// composite of nothing but NULLs too, and IS NOT NULL only for one without any.
func isNull(null, composite bool) string {
	switch {
	case composite && null:
		return " IS NOT DISTINCT FROM NULL"
	case composite:
		return " IS DISTINCT FROM NULL"
	case null:
		return " IS NULL"
	}
	return " IS NOT NULL"
}

// search looks for a text in every column that can hold one.
func (c *catalog) search(w *condition, text string) string {
	digits := isNumber(text)
	var pattern string
	var terms []string
	for i := range c.columns {
		if col := &c.columns[i]; col.searchable(digits) {
			if pattern == "" {
				pattern = w.bind("%"+escapePattern(text)+"%", textType, -1)
			}
			terms = append(terms, col.text()+" ILIKE "+pattern)
		}
	}
	if len(terms) == 0 {
		return "false"
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

// text is the column as a text that patterns can be matched with.
func (c *column) text() string {
	s := quote(c.Name) + "::" + textType
	if c.loose {
		s += ` COLLATE pg_catalog."default"`
	}
	return s
}

// isNumber tells whether a search is for a number: digits, perhaps with a sign
// and a point.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789.") == "" && strings.ContainsAny(s, "0123456789")
}

// escapePattern takes the meaning from what LIKE has a meaning for.
func escapePattern(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s)
}
