package dashboard

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Chart is how the rows of a panel are drawn that is neither a table nor a stat.
// Which columns a query has is known only from its result, so names are checked
// against that.
type Chart struct {
	X        string   // of a line, area or bar: column along the axis; "": the first
	Y        []string // columns of numbers; empty: every other one of numbers
	Series   string   // column whose values name the series or parts; "": each of Y is one, or the first that is text
	Stacked  bool
	Min, Max *float64      // ends of the scale; nil: as the numbers need
	Window   time.Duration // of a line, area or bar: the axis ends now and begins so long ago; 0: it holds all times
	Range    string        // in its place: the variable whose time range the axis shows
	MaxBy    string        // of a gauge or progress: column that holds Max
	Target   *float64      // of a gauge: a mark
	// Thresholds are the colours from some number on, the least first; of a line,
	// area or bar they are marks.
	Thresholds []Threshold
	// Order are the values of Series that the file gives colours, in its order.
	Order []string
}

// Threshold is a number and the colour of what reaches it.
type Threshold struct {
	From  float64
	Color string // one of [Colors]
}

// charts are the panel types with axes, parts those with one number a row or one
// in all.
var (
	charts = []string{"line", "area", "bar"}
	parts  = []string{"donut", "gauge", "progress"}
)

// HasAxes tells whether the panel is a line, an area or bars.
func (p *Panel) HasAxes() bool { return slices.Contains(charts, p.Type) }

// uses are the fields that only some panel types have.
var uses = []struct {
	name  string
	types []string
}{
	{"x", charts}, {"y", slices.Concat(charts, parts)}, {"series", slices.Concat(charts, []string{"donut", "progress"})},
	{"stacked", []string{"area", "bar"}}, {"min", slices.Concat(charts, []string{"gauge"})},
	{"max", slices.Concat(charts, []string{"gauge", "progress"})}, {"target", []string{"gauge"}},
	{"thresholds", slices.Concat(charts, []string{"gauge", "progress", "stat"})}, {"window", charts}, {"content", []string{"text"}},
	{"compare", []string{"stat"}}, {"sparkline", []string{"stat"}},
}

// panelFigure reads the fields that belong to the panel's type and refuses the others.
func (d *document) panelFigure(def *definition, p *Panel, at panelFields) {
	for _, use := range uses {
		n := at.figure[use.name]
		if n == nil || slices.Contains(use.types, p.Type) {
			continue
		}
		delete(at.figure, use.name)
		hint := "leave it out"
		if use.name == "stacked" && p.Type == "line" {
			hint = "lines are not stacked: use type: area"
		} else if len(use.types) > 0 {
			hint = "leave it out, or choose a type that has it: " + list(use.types)
		}
		d.fail(n, hint, "a panel of type %s has no field %q", p.Type, use.name)
	}
	switch {
	case slices.Contains(charts, p.Type):
		p.Chart = d.chart(def, p, at)
	case slices.Contains(parts, p.Type):
		p.Chart = d.parts(p, at)
	case p.Type == "text" && at.figure["content"] != nil:
		p.Content, _ = d.line(at.figure["content"], "content")
	}
}

func (d *document) chart(def *definition, p *Panel, at panelFields) *Chart {
	c := &Chart{}
	x, y, series := at.figure["x"], at.figure["y"], at.figure["series"]
	if x != nil {
		c.X, _ = d.line(x, "x")
		p.places["x"] = d.pos(x)
	}
	if y != nil {
		c.Y = d.columnNames(y, "y")
		d.mark(p, "y", y)
	}
	if series != nil {
		c.Series, _ = d.line(series, "series")
		p.places["series"] = d.pos(series)
		c.Order = d.keysOf(at.columns, c.Series, "colors")
	}
	if n := at.figure["stacked"]; n != nil {
		c.Stacked = d.yes(n, "stacked")
	}
	c.Min, c.Max = d.number(at.figure["min"], "min"), d.number(at.figure["max"], "max")
	c.Thresholds = d.thresholds(at.figure["thresholds"])
	if n := at.figure["window"]; n != nil {
		c.Window, c.Range = d.window(def, n)
		p.places["window"] = d.pos(n)
	}
	for i, name := range c.Y {
		switch {
		case name == c.X:
			d.fail(y, "leave it out of y:", "the column %q cannot be along the axis and up it", name)
		case slices.Contains(c.Y[:i], name):
			d.fail(y, "name each column once", "y has the column %q twice", name)
		}
	}
	switch {
	case series == nil || c.Series == "":
	case len(c.Y) > 1:
		d.fail(series, "keep one column in y:, or leave series: out", "a chart has several columns in y or a column of series, not both")
	case c.Series == c.X || slices.Contains(c.Y, c.Series):
		d.fail(series, "name a column of its own", "the column %q cannot name the series and be drawn too", c.Series)
	}
	switch {
	case c.Min != nil && c.Max != nil && *c.Min >= *c.Max:
		d.fail(at.figure["max"], "", "max must be above min")
	case p.Type != "line" && c.Min != nil && *c.Min > 0:
		d.fail(at.figure["min"], "leave it out, or use type: line", "the length of a bar or an area says its number, so it begins at zero")
	case p.Type != "line" && c.Max != nil && *c.Max < 0:
		d.fail(at.figure["max"], "leave it out, or use type: line", "the length of a bar or an area says its number, so it begins at zero")
	}
	return c
}

// window reads a length of time, or the name of a variable that holds a time range.
func (d *document) window(def *definition, n ast.Node) (time.Duration, string) {
	s, _ := d.resolve(n).(*ast.StringNode)
	for i := range def.variables {
		v := &def.variables[i]
		switch {
		case s == nil || v.Name != s.Value:
		case v.Type == VariableRange:
			return 0, v.Name
		default:
			d.fail(n, "name a variable of type range, or write a time such as 15m", "the variable %q holds no time range", v.Name)
			return 0, ""
		}
	}
	if s != nil && isName(s.Value, "_") && !isDigit(s.Value[0]) { // a name, and no time that is mistyped
		hint := didYouMean(s.Value, def.ranges())
		if !strings.HasPrefix(hint, "did") {
			hint = "write a time such as 15m, or the name of a variable of type range"
		}
		d.fail(n, hint, "window cannot be %q", s.Value)
		return 0, ""
	}
	return d.duration(n, "window", 10*time.Second, 366*24*time.Hour), ""
}

// ranges are the variables that hold a time range.
func (def *definition) ranges() (names []string) {
	for i := range def.variables {
		if def.variables[i].Type == VariableRange {
			names = append(names, def.variables[i].Name)
		}
	}
	return names
}

func (d *document) parts(p *Panel, at panelFields) *Chart {
	c := &Chart{}
	y, most := at.figure["y"], at.figure["max"]
	if y != nil {
		if name, ok := d.line(y, "y"); ok {
			c.Y = []string{name}
		}
		d.mark(p, "y", y)
	}
	if n := at.figure["series"]; n != nil {
		c.Series, _ = d.line(n, "series")
		p.places["series"] = d.pos(n)
		if len(c.Y) == 1 && c.Y[0] == c.Series {
			d.fail(n, "name a column of its own", "the column %q cannot name the parts and be drawn too", c.Series)
		}
	}
	if s, column := d.resolve(most).(*ast.StringNode); column {
		c.MaxBy, p.places["max"] = s.Value, d.pos(most)
	} else {
		c.Max = d.number(most, "max")
	}
	c.Min, c.Target = d.number(at.figure["min"], "min"), d.number(at.figure["target"], "target")
	low := 0.0
	if c.Min != nil {
		low = *c.Min
	}
	if c.Max != nil && *c.Max <= low {
		d.fail(most, "", "max must be above %v", low)
	}
	c.Thresholds = d.thresholds(at.figure["thresholds"])
	return c
}

// number reads a finite number; nil where there is none.
func (d *document) number(n ast.Node, what string) *float64 {
	if n == nil {
		return nil
	}
	switch v := d.resolve(n).(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		if f, err := strconv.ParseFloat(v.GetToken().Value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return &f
		}
	}
	d.fail(n, "", "%s is a number, not %s", what, describe(d.resolve(n)))
	return nil
}

// keysOf are the keys of the mapping that a path of keys leads to, in the order
// of the file.
func (d *document) keysOf(n ast.Node, path ...string) []string {
	var entries []*ast.MappingValueNode
	switch v := d.resolve(n).(type) {
	case *ast.MappingNode:
		entries = v.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{v}
	}
	var keys []string
	for _, e := range entries {
		key := e.Key.GetToken().Value
		if len(path) == 0 {
			keys = append(keys, key)
		} else if key == path[0] {
			return d.keysOf(e.Value, path[1:]...)
		}
	}
	return keys[:len(keys):len(keys)]
}
