package dashboard

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// widths are how many of twelve columns a panel takes where it does not say.
var widths = map[string]int{"table": 12, "stat": 3, "line": 6, "area": 6, "bar": 6, "donut": 4, "gauge": 3, "progress": 4, "text": 4}

// panelFields are the nodes whose meaning depends on other fields.
type panelFields struct {
	id, typ, query, unit, columns ast.Node
	figure                        map[string]ast.Node // by name: what only some types have
}

// panel reads one panel and adds it to the definition.
func (d *document) panel(def *definition, n ast.Node, lim limits) {
	p := Panel{Type: "table", Limit: lim.rows, places: map[string]Pos{}}
	at := panelFields{figure: map[string]ast.Node{}}
	before := len(d.problems)
	fields := []field{
		{"id", func(n ast.Node) { at.id = n }},
		{"title", func(n ast.Node) { p.Title, _ = d.line(n, "title") }},
		{"description", func(n ast.Node) { p.Description, _ = d.line(n, "description") }},
		{"type", func(n ast.Node) { at.typ = n }},
		{"query", func(n ast.Node) { at.query = n }},
		{"limit", func(n ast.Node) { p.Limit, _ = d.whole(n, "limit", 1, max(mostRows, lim.rows)) }},
		{"key", func(n ast.Node) { p.Key = d.columnNames(n, "key"); d.mark(&p, "key", n) }},
		{"watch", func(n ast.Node) { p.Watch = d.tableNames(n); d.mark(&p, "watch", n) }},
		{"every", func(n ast.Node) { p.Every = d.duration(n, "every", time.Second, 24*time.Hour) }},
		{"width", func(n ast.Node) { p.Width, _ = d.whole(n, "width", 1, 12) }},
		{"height", func(n ast.Node) { p.Height, _ = d.whole(n, "height", 1, 12) }},
		{"unit", func(n ast.Node) { at.unit = n; p.Unit, _ = d.line(n, "unit") }},
		{"columns", func(n ast.Node) { at.columns = n; p.Columns = d.formats(&p, n) }},
	}
	for _, use := range uses {
		fields = append(fields, field{use.name, func(n ast.Node) { at.figure[use.name] = n }})
	}
	if !d.object(n, "a panel", fields) {
		return
	}
	// A mistyped field must not be reported a second time as a missing one.
	mistyped := len(d.problems) > before
	drawn := d.panelType(&p, at)
	if drawn {
		d.panelUnit(&p, at)
		d.panelFigure(def, &p, at)
	}
	d.panelID(def, &p, at.id, n, mistyped)
	switch {
	case p.Type == "text" && at.query != nil:
		d.fail(at.query, "leave it out, or choose another type", "a panel of type text has content:, not a query")
	case p.Type == "text" && at.figure["content"] == nil && !mistyped:
		d.fail(n, "add content: | and Markdown below it", "the text has no content")
	case p.Type == "text":
	case at.query != nil:
		d.panelQuery(def, &p, at.query)
	case !mistyped && drawn:
		d.fail(n, "add query: SELECT …", "the panel has no query")
	}
	if p.Title == "" {
		p.Title = p.ID
	}
	if p.Width == 0 {
		p.Width = widths[p.Type]
	}
	var more []Panel
	if p.Type == "stat" && drawn {
		p.Stat, more = d.stat(def, &p, at)
	}
	def.panels = append(append(def.panels, p), more...)
}

// otherTypeNames are what types are called elsewhere.
var otherTypeNames = map[string]string{
	"pie": "donut", "doughnut": "donut", "ring": "donut", "number": "stat", "counter": "stat", "metric": "stat", "timeseries": "line", "graph": "line",
	"column": "bar", "columns": "bar", "histogram": "bar", "list": "table", "rows": "table", "markdown": "text", "html": "text", "note": "text",
}

// panelType reads the type, and tells whether this version draws it.
func (d *document) panelType(p *Panel, at panelFields) bool {
	if at.typ == nil {
		return true
	}
	name, ok := d.line(at.typ, "type")
	switch {
	case !ok:
		return false
	case slices.Contains(Types(), name):
		p.Type = name
		return true
	default:
		hint := didYouMean(name, Types())
		if other := otherTypeNames[name]; other != "" {
			hint = fmt.Sprintf("did you mean %q?", other)
		}
		d.fail(at.typ, hint, "there is no panel type %q", name)
	}
	return false
}

// panelUnit refuses a unit where each column has its own.
func (d *document) panelUnit(p *Panel, at panelFields) {
	if at.unit != nil && p.Type == "text" {
		d.fail(at.unit, "leave it out", "a panel of type text has no field %q", "unit")
	}
	if at.unit != nil && p.Type == "table" {
		d.fail(at.unit, fmt.Sprintf("write columns: {name: {unit: %s}}", p.Unit), "a table's unit belongs to one of its columns")
	}
}

func (d *document) panelID(def *definition, p *Panel, id, panel ast.Node, mistyped bool) {
	if id == nil {
		if !mistyped {
			d.fail(panel, "add id:, a name that is part of its address", "the panel has no id")
		}
		return
	}
	name, ok := d.line(id, "id")
	switch {
	case !ok:
	case !isName(name, "_-"):
		d.fail(id, "use letters, digits, - and _", "a panel's id cannot be %q", name)
	case def.hasPanel(name):
		d.fail(id, "give each panel an id of its own", "there are two panels %q", name)
	default:
		p.ID = name
	}
}

func (d *document) panelQuery(def *definition, p *Panel, n ast.Node) {
	if _, ok := d.text(n, "query"); !ok {
		return
	}
	p.locate = d.locator(n)
	p.Source = p.locate.value
	p.Pos = p.locate.at(0)
	q, faults := bind(p.Source, def.symbols())
	for _, f := range faults {
		d.failIn(p.locate, f)
	}
	p.SQL, p.binds, p.names, p.Ordered = q.sql, q.binds, q.args, q.ordered
	p.Daily = q.clock
	if q.clock && p.Every == 0 {
		p.Every, p.Clock = clockEvery, true
	}
}

// columnNames reads one name or a list of them.
func (d *document) columnNames(n ast.Node, what string) []string {
	if _, ok := d.resolve(n).(*ast.SequenceNode); ok {
		return d.texts(n, what)
	}
	if s, ok := d.line(n, what); ok {
		return []string{s}
	}
	return nil
}

// mark remembers where a field stands, and where each name that it lists.
func (d *document) mark(p *Panel, what string, n ast.Node) {
	p.places[what] = d.pos(n)
	if s, ok := d.resolve(n).(*ast.SequenceNode); ok {
		for _, item := range s.Values {
			if t := d.resolve(item); t != nil && t.GetToken() != nil {
				p.places[what+"."+t.GetToken().Value] = d.pos(item)
			}
		}
	}
}

// PlaceOf is where a field of the file, as "x" or "max", names a column; the
// place of the query for one that the file does not have.
func (p *Panel) PlaceOf(field, column string) Pos {
	if at := p.placeOf(field, column); at.Line > 0 {
		return at
	}
	return p.Pos
}

// placeOf is where a field names something.
func (p *Panel) placeOf(what, name string) Pos {
	if at, ok := p.places[what+"."+name]; ok {
		return at
	}
	return p.places[what]
}

func (d *document) tableNames(n ast.Node) []string {
	names := d.columnNames(n, "watch")
	for _, name := range names {
		if parts, ok := parseIdent(name); !ok || len(parts) > 2 {
			d.fail(n, `write it as SQL does: orders, sales.orders or "Order"`, "watch: %q is not a table's name", name)
		}
	}
	return names
}
