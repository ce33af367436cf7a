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
	panels                             []Panel
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
		{"variables", func(n ast.Node) { variables = n }},
		{"panels", func(n ast.Node) { panels = n }},
	})
	if variables != nil {
		for _, n := range d.items(variables, "variables") {
			d.variable(def, n)
		}
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

func (d *document) variable(def *definition, n ast.Node) {
	v := Variable{nullable: true}
	var name, options, query, preset ast.Node
	before := len(d.problems)
	if !d.object(n, "a variable", []field{
		{"name", func(n ast.Node) { name = n }},
		{"label", func(n ast.Node) { v.Label, _ = d.line(n, "label") }},
		{"options", func(n ast.Node) { options = n }},
		{"query", func(n ast.Node) { query = n }},
		{"default", func(n ast.Node) { preset = n }},
	}) {
		return
	}
	if name == nil {
		if len(d.problems) == before {
			d.fail(n, "add name:", "the variable has no name")
		}
		return
	}
	var ok bool
	if v.Name, ok = d.line(name, "name"); !ok {
		return
	}
	if !isName(v.Name, "_") || isDigit(v.Name[0]) {
		d.fail(name, "use letters, digits and _, as in order_status", "a variable cannot be called %q", v.Name)
		return
	}
	if slices.Contains(def.names(), v.Name) {
		d.fail(name, "give each variable a name of its own", "there are two variables %q", v.Name)
		return
	}
	if v.Label == "" {
		v.Label = v.Name
	}
	if preset != nil {
		v.Default, _ = d.text(preset, "default")
		v.nullable = false
	}
	d.options(&v, options, query, preset)
	v.Value = v.Default
	def.variables = append(def.variables, v)
}

func (d *document) options(v *Variable, options, query, preset ast.Node) {
	switch {
	case options != nil && query != nil:
		d.fail(query, "keep one of them", "a variable has options or a query for them, not both")
	case options != nil:
		if _, mapping := d.resolve(options).(*ast.MappingNode); mapping {
			d.fail(options, "write query: beside name:, in place of options:", "options is a list")
			return
		}
		v.Fixed = true
		if v.Options = d.texts(options, "options"); len(v.Options) == 0 {
			d.fail(options, "", "options is empty")
			return
		}
		if preset == nil {
			v.Default, v.nullable = v.Options[0], false
		} else if !slices.Contains(v.Options, v.Default) {
			d.fail(preset, didYouMean(v.Default, v.Options), "the default %q is not one of the options", v.Default)
		}
	case query != nil:
		if _, ok := d.text(query, "query"); !ok {
			return
		}
		l := d.locator(query)
		q, faults := bind(l.value, nil)
		for _, f := range faults {
			hint := f.hint
			if strings.HasPrefix(f.what, "unknown variable") {
				hint = "the query for a variable's options takes no variables"
			}
			d.failIn(l, fault{f.at, f.what, hint})
		}
		v.query, v.locate = q.sql, l
	}
}

func (d *document) failIn(l locator, f fault) {
	p := l.at(f.at)
	d.failAt(p.Line, p.Column, f.hint, "%s", f.what)
}

func (def *definition) names() []string {
	names := make([]string, len(def.variables))
	for i, v := range def.variables {
		names[i] = v.Name
	}
	return names
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
