package dashboard

import (
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Stat is how a stat's number is judged.
type Stat struct {
	// Compare says what the number is measured by; nil: nothing.
	Compare    *Compare
	Thresholds []Threshold
	Spark      bool // a panel of its own holds the way that led to the number
}

// Compare is what a stat's number is measured by.
type Compare struct {
	Column string // of the same query; "": the first of a panel of its own
	Label  string // "on yesterday"; "": by the column's name
	Good   string // which way is good: "up", "down" or "" for neither
}

// The panels that a stat shows besides its own have its id with one of these at
// its end. No panel of a file can have such an id.
const (
	earlierSuffix = ".earlier"
	sparkSuffix   = ".spark"
)

// Earlier is the id of the panel that a stat is compared with.
func (p *Panel) Earlier() string { return p.ID + earlierSuffix }

// Spark is the id of the panel that a stat's sparkline is drawn from.
func (p *Panel) Spark() string { return p.ID + sparkSuffix }

// Companions are the ids of the panels that a stat shows besides its own rows.
func (p *Panel) Companions() []string {
	var ids []string
	if p.Stat != nil && p.Stat.Compare != nil && p.Stat.Compare.Column == "" {
		ids = append(ids, p.Earlier())
	}
	if p.Stat != nil && p.Stat.Spark {
		ids = append(ids, p.Spark())
	}
	return ids
}

// stat reads the fields of a stat; the queries among them are panels of their
// own, which come back.
func (d *document) stat(def *definition, p *Panel, at panelFields) (*Stat, []Panel) {
	s := &Stat{}
	var more []Panel
	if n := at.figure["thresholds"]; n != nil {
		s.Thresholds = d.thresholds(n)
	}
	if n := at.figure["compare"]; n != nil {
		var query ast.Node
		if s.Compare, query = d.compare(p, n); query != nil {
			more = append(more, d.companion(def, p, query, earlierSuffix, 1))
		}
	}
	if n := at.figure["sparkline"]; n != nil {
		s.Spark = true
		more = append(more, d.companion(def, p, n, sparkSuffix, mostPoints))
	}
	return s, more
}

// mostPoints of a sparkline are more than can be told apart.
const mostPoints = 1000

func (d *document) companion(def *definition, p *Panel, query ast.Node, suffix string, limit int) Panel {
	c := Panel{ID: p.ID + suffix, Of: p.ID, Title: p.Title, Type: p.Type, Limit: limit, Watch: p.Watch, Every: p.Every, Width: p.Width, places: p.places}
	d.panelQuery(def, &c, query)
	return c
}

// compare reads a column's name, or a mapping with a column or a query.
func (d *document) compare(p *Panel, n ast.Node) (*Compare, ast.Node) {
	c := &Compare{}
	p.places["compare"] = d.pos(n)
	switch d.resolve(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		c.Column, _ = d.line(n, "compare")
		if word, _, more := strings.Cut(c.Column, " "); more && isQueryWord(word) {
			d.fail(n, "write compare: {query: …}", "compare is a column's name, or a mapping")
		} else if _, err := time.ParseDuration(c.Column); err == nil {
			d.fail(n, "write compare: {query: …} with a query of that moment", "nothing is kept of earlier moments, such as %s ago", c.Column)
		}
		return c, nil
	}
	var column, query ast.Node
	before := len(d.problems)
	d.object(n, "compare", []field{
		{"column", func(n ast.Node) { column = n; c.Column, _ = d.line(n, "column"); p.places["compare"] = d.pos(n) }},
		{"query", func(n ast.Node) { query = n }},
		{"label", func(n ast.Node) { c.Label, _ = d.line(n, "label") }},
		{"good", func(n ast.Node) { c.Good = d.oneOf(n, "good", "up", "down") }},
	})
	switch {
	case column != nil && query != nil:
		d.fail(query, "keep one of them", "a number is compared with a column or with a query, not with both")
	case column == nil && query == nil && len(d.problems) == before:
		d.fail(n, "add column:, a column of the panel's query, or query:", "compare has nothing to compare with")
	}
	return c, query
}

func isQueryWord(word string) bool {
	switch strings.ToLower(word) {
	case "select", "with", "values", "table":
		return true
	}
	return false
}
