package dashboard

import (
	"math"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// Chart is how the rows of a line, area or bar panel are drawn. Which columns a
// query has is known only from its result, so names are checked against that.
type Chart struct {
	X        string   // column along the axis; "": the first
	Y        []string // columns of numbers; empty: every other one of numbers
	Series   string   // column whose values name the series; "": each of Y is one
	Stacked  bool
	Min, Max *float64 // ends of the scale; nil: as the numbers need
	// Order are the values of Series that the file gives colours, in its order.
	Order []string
}

// charts are the panel types that have a Chart.
var charts = []string{"line", "area", "bar"}

// uses are the fields that only some panel types have.
var uses = []struct {
	name  string
	types []string
}{
	{"x", charts}, {"y", charts}, {"series", charts}, {"stacked", []string{"area", "bar"}},
	{"min", charts}, {"max", charts}, {"target", nil}, {"thresholds", nil}, {"content", nil},
}

// panelFigure reads the fields that belong to the panel's type and refuses the others.
func (d *document) panelFigure(p *Panel, at panelFields) {
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
			hint = "leave it out, or choose another type: " + list(use.types) + " have it"
		}
		d.fail(n, hint, "a panel of type %s has no field %q", p.Type, use.name)
	}
	if slices.Contains(charts, p.Type) {
		p.Chart = d.chart(p, at)
	}
}

func (d *document) chart(p *Panel, at panelFields) *Chart {
	c := &Chart{}
	x, y, series := at.figure["x"], at.figure["y"], at.figure["series"]
	if x != nil {
		c.X, _ = d.line(x, "x")
		p.places["x"] = d.pos(x)
	}
	if y != nil {
		c.Y = d.columnNames(y, "y")
		p.places["y"] = d.pos(y)
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
