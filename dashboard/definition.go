package dashboard

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // names of time zones are checked where the system has none

	"github.com/goccy/go-yaml/ast"
)

// definition is a dashboard as its file has it.
type definition struct {
	slug, title, description, timeZone string
	variables                          []Variable
	order                              []int // of variables: each after those that its options depend on
	panels                             []Panel
	choices                            []Panel // the queries for options
	access                             Access
	restricted                         bool   // the file says who may see it
	runAs                              *RunAs // nil: for everybody the same
}

// limits are the server's bounds on what a file may ask for.
type limits struct {
	rows     int    // of a panel that names no limit
	timeZone string // of a dashboard that names none
}

// mostRows is the largest limit of a panel.
const mostRows = 10_000

// clockEvery is the pace of a query that names the clock and no pace of its own.
const clockEvery = 60 * time.Second

// read makes the definition of one file, or lists what is wrong with it.
func read(file, slug, source string, lim limits) (*definition, []Problem) {
	// Lines end as YAML says, so that everyone counts the same lines.
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	d := &document{file: file, source: source}
	body := d.parse()
	if body == nil {
		return nil, d.problems
	}
	def := &definition{slug: slug, title: slug, timeZone: lim.timeZone}
	var panels, variables ast.Node
	ok := d.object(body, "a dashboard", []field{
		{"title", func(n ast.Node) { def.title, _ = d.line(n, "title") }},
		{"description", func(n ast.Node) { def.description, _ = d.text(n, "description") }},
		{"timezone", func(n ast.Node) { def.timeZone = d.timeZone(n) }},
		{"access", func(n ast.Node) { def.access, def.restricted = d.access(n), true }},
		{"run_as", func(n ast.Node) { def.runAs = d.runAs(n) }},
		{"variables", func(n ast.Node) { variables = n }},
		{"panels", func(n ast.Node) { panels = n }},
	})
	if variables != nil {
		d.variables(def, variables)
	}
	switch {
	case panels != nil:
		items := d.items(panels, "panels")
		if s, list := d.resolve(panels).(*ast.SequenceNode); list && len(s.Values) == 0 {
			d.fail(panels, "", "a dashboard needs at least one panel")
		}
		for _, n := range items {
			d.panel(def, n, lim)
		}
	case ok && len(d.problems) == 0:
		line, column := place(body)
		d.failAt(line, column, "add panels: with one entry a panel", "the dashboard has no panels")
	}
	d.steady(def)
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, d.problems
	}
	return def, nil
}

func (d *document) timeZone(n ast.Node) string {
	name, ok := d.line(n, "timezone")
	if !ok {
		return ""
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		d.fail(n, "write a name such as Europe/Berlin or UTC", "there is no time zone %q", name)
	}
	return name
}

func (d *document) failIn(l locator, f fault) {
	p := l.at(f.at)
	d.failAt(p.Line, p.Column, f.hint, "%s", f.what)
}

func (def *definition) hasPanel(id string) bool {
	return slices.ContainsFunc(def.panels, func(p Panel) bool { return p.ID == id })
}

// isName tells whether s consists of ASCII letters, digits and what is more.
func isName(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || strings.IndexByte(more, c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 63
}
