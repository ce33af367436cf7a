package views

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Figure is a chart as a browser shows it before its code runs, or without it. Shapes are drawn in a square of 1,000 that is
// stretched over the plot; marks stand at percentages of it, so that their text is not.
type Figure struct {
	Label  string // what is seen, in words
	Empty  bool
	Shapes []Shape
	Y, X   []Mark
	Limits []Limit
	Gutter string // room for the scale's names, in rem of their size
	Zero   string // where zero stands; "" where it is out of sight
	Cut    bool   // shapes reach out of sight
	Now    *Now
	Keys   []Key  // of the legend; none for a single series
	Value  string // of a single series: its newest number, or the sum of its bars
	Rest   string // after Value: " EUR, 14:32"
	Shared int    // rows that are not drawn, because a later one has their point
}

// Shape is a path. Kind is "fill", "wash", "line" or "line thin".
type Shape struct{ Kind, Hue, Path string }

// Limit is a threshold in sight.
type Limit struct{ At, Text, Hue string }

// Now is where the newest number of a single line stands, or the bar whose time still runs.
type Now struct {
	X, Y  string
	Width string // of the bar; "" for a line
}

// Mark is a place on an axis and how it reads.
type Mark struct{ At, Text string }

// usual is how wide a plot is taken to be, in rem: nobody knows before it is laid out.
const usual = 36

// side is the length of the square that shapes are drawn in.
const side = 1000

// NewFigure draws a result as of a moment. The problem is a sentence that says why it cannot be drawn, or "".
func NewFigure(columns []Column, rows []Row, c Chart, now time.Time) (f *Figure, problem string) {
	p := NewPlot(columns, rows, c)
	f = &Figure{Empty: len(p.X) == 0, Shared: p.Shared, Cut: c.Window > 0 || c.Range != ""}
	if p.Problem != "" || f.Empty {
		return f, p.Problem
	}
	x, _, _, _ := c.find(columns)
	zoned := columns[x].kind == moment
	d := drawing{chart: c.ranged(now, zoned), plot: &p, figure: f, now: now}
	d.x0, d.x1 = d.chart.ends(&p, now, zoned)
	d.scales()
	d.axes()
	if c.Type == "bar" {
		d.bars()
	} else {
		d.lines()
	}
	d.present()
	d.legend()
	f.Label = d.words()
	return f, ""
}

type drawing struct {
	chart          Chart
	plot           *Plot
	figure         *Figure
	now            time.Time
	from, to       [][]float64 // of each series: where it stands and where it ends
	x0, x1, y0, y1 float64
	rulesAt        []float64 // heights of the figure's Y, and of its Limits
	limitsAt       []float64
}

func (d *drawing) scales() {
	p := d.plot
	if d.chart.Stacked {
		d.from, d.to = stack(p.Series, d.chart.Type == "area")
	} else {
		for _, s := range p.Series {
			d.from, d.to = append(d.from, make([]float64, len(s.Values))), append(d.to, s.Values)
		}
	}
	low, high := gap, gap
	for _, values := range d.to {
		for i, v := range values {
			if number64(v) && d.seen(i) {
				if math.IsNaN(low) {
					low, high = v, v
				}
				low, high = min(low, v), max(high, v)
			}
		}
	}
	d.y0, d.y1 = d.chart.scaleOf(low, high)
}

// seen: is a point between the ends of the axis?
func (d *drawing) seen(i int) bool { return d.plot.X[i] >= d.x0 && d.plot.X[i] <= d.x1 }

// far: are a point and its neighbours out of sight?
func (d *drawing) far(i int) bool {
	x := d.plot.X
	return x[min(i+1, len(x)-1)] < d.x0 || x[max(i-1, 0)] > d.x1
}

// step is the room of one bar.
func (d *drawing) step() float64 {
	switch {
	case d.plot.Axis == "category":
		return 1
	case d.plot.Step > 0:
		return d.plot.Step
	case d.chart.Window > 0:
		return d.chart.Window / 24
	}
	return 1
}

func (d *drawing) x(v float64) float64 { return (v - d.x0) / (d.x1 - d.x0) * side }

func (d *drawing) y(v float64) float64 {
	return max(-side, min(2*side, (d.y1-v)/(d.y1-d.y0)*side))
}

func percent(v float64) string { return strconv.FormatFloat(v*100/side, 'f', 2, 64) + "%" }

func (d *drawing) axes() {
	f, p := d.figure, d.plot
	at, by := ticks(d.y0, d.y1, 6, p.Decimals == 0, p.Notation)
	for _, v := range at {
		if v == 0 {
			f.Zero = percent(d.y(0))
			continue
		}
		f.Y = append(f.Y, Mark{percent(d.y(v)), p.Notation.tick(v, by)})
		d.rulesAt = append(d.rulesAt, d.y(v))
	}
	f.Gutter = gutter(f.Y)
	d.limits()
	switch p.Axis {
	case "time":
		if len(p.X) == 1 && !f.Cut {
			d.mark(p.X[0], d.chart.name(p, 0))
			break
		}
		for _, t := range zonedTicks(d.x0, d.x1, 6, p.clocks()) {
			d.mark(t.at, t.text)
		}
	case "number":
		at, by := ticks(d.x0, d.x1, 6, false, Notation{})
		for _, v := range at {
			d.mark(v, shortText(v, by))
		}
	default:
		for _, t := range categoryTicks(p.Labels, usual) {
			f.X = append(f.X, Mark{percent(d.x(t.at)), t.text})
		}
	}
}

// mark names a place on the axis, unless its text would leave the panel.
func (d *drawing) mark(at float64, text string) {
	if x := d.x(at); x >= 0.03*side && x <= 0.98*side {
		d.figure.X = append(d.figure.X, Mark{percent(x), text})
	}
}

// limits are dotted, and named where the scale is: a name of the scale that is too near gives way.
func (d *drawing) limits() {
	for _, t := range d.chart.Thresholds {
		y := d.y(t.From)
		if y < 0 || y > side {
			continue
		}
		hue := t.Color
		if hue == "gray" {
			hue = "grey"
		}
		d.figure.Limits = append(d.figure.Limits, Limit{percent(y), d.plot.Notation.tick(t.From, math.Pow(10, -float64(decimalsIn(t.From)))), hue})
		d.limitsAt = append(d.limitsAt, y)
		for i, rule := range d.rulesAt {
			if crossed(rule, y) || math.Abs(rule-y) < 0.06*side {
				d.figure.Y[i].Text = ""
			}
		}
	}
}

// decimalsIn is how many decimals a number of the file needs.
func decimalsIn(f float64) int {
	_, frac, _ := strings.Cut(strconv.FormatFloat(f, 'f', -1, 64), ".")
	return len(frac)
}

// crossed: would a line at one height go through a name that stands on another? One at its own is below it.
func crossed(name, line float64) bool {
	return line > name-0.07*side && line < name+0.01*side && math.Abs(line-name) > 1
}

// present marks the newest number of a single line, or the bar whose time still runs.
func (d *drawing) present() {
	p, last := d.plot, len(d.plot.X)-1
	if p.Axis != "time" {
		return
	}
	if d.chart.Type == "bar" {
		now := float64(d.now.UnixMilli()) / 1000
		if p.Regular && d.seen(last) && p.X[last] <= now && now < p.X[last]+p.Step {
			w := d.barWidth()
			x := d.x(p.X[last]) - w/2
			d.figure.Now = &Now{X: percent(x), Width: percent(min(w, side-x))}
		}
		return
	}
	for last >= 0 && !number64(d.to[0][last]) {
		last--
	}
	if len(d.to) != 1 || last < 0 || !d.seen(last) {
		return
	}
	y := d.y(d.to[0][last])
	d.figure.Now = &Now{X: percent(d.x(p.X[last])), Y: percent(y)}
	for i, rule := range d.rulesAt {
		if crossed(rule, y) {
			d.figure.Y[i].Text = ""
		}
	}
	for i, limit := range d.limitsAt {
		if crossed(limit, y) {
			d.figure.Limits[i].Text = ""
		}
	}
}

// barWidth is that of all bars of one step. Few bars stay slim.
func (d *drawing) barWidth() float64 {
	each := 1
	if !d.chart.Stacked {
		each = min(3, len(d.to))
	}
	return min(d.x(d.x0+d.step())*0.74, 0.15*side*float64(each))
}

func (d *drawing) bars() {
	wide, slots := d.barWidth(), 1
	if !d.chart.Stacked {
		slots = len(d.to)
	}
	for i, values := range d.to {
		var b strings.Builder
		for k, v := range values {
			if !number64(v) || v == d.from[i][k] || d.far(k) {
				continue
			}
			x, w := d.x(d.plot.X[k])-wide/2, wide/float64(slots)
			if slots > 1 {
				x += float64(i) * w
			}
			fmt.Fprintf(&b, "M%.1f %.1fH%.1fV%.1fH%.1fZ", x, d.y(d.from[i][k]), x+w, d.y(v), x)
		}
		d.figure.Shapes = append(d.figure.Shapes, Shape{"fill", d.plot.Series[i].Hue, b.String()})
	}
}

func (d *drawing) lines() {
	base := d.y(max(0, d.y0))
	for i := range slices.Backward(d.to) { // what is below covers what stands on it
		var line, area strings.Builder
		start, last := -1.0, 0.0
		end := func() {
			if start >= 0 {
				fmt.Fprintf(&area, "L%.1f %.1fL%.1f %.1fZ", last, base, start, base)
			}
			start = -1
		}
		for k, v := range d.to[i] {
			switch {
			case math.IsNaN(v), d.far(k):
				end()
			case number64(v):
				command, x := "L", d.x(d.plot.X[k])
				if start < 0 {
					command, start = "M", x
				}
				fmt.Fprintf(&line, "%s%.1f %.1f", command, x, d.y(v))
				fmt.Fprintf(&area, "%s%.1f %.1f", command, x, d.y(v))
				last = x
			}
		}
		end()
		hue := d.plot.Series[i].Hue
		switch {
		case d.chart.Stacked:
			d.figure.Shapes = append(d.figure.Shapes, Shape{"fill", hue, area.String()})
			continue
		case (d.chart.Type == "area" || len(d.to) == 1) && d.y0 <= 0: // a wash says how much, from zero
			d.figure.Shapes = append(d.figure.Shapes, Shape{"wash", hue, area.String()})
		}
		kind := "line"
		if d.plot.Series[i].Rest {
			kind = "line thin"
		}
		d.figure.Shapes = append(d.figure.Shapes, Shape{kind, hue, line.String()})
	}
}

// words says what is seen, for whoever does not see it.
func (d *drawing) words() string {
	kind, p := map[string]string{"line": "Line", "area": "Area", "bar": "Bars"}[d.chart.Type], d.plot
	if d.chart.Stacked {
		kind = "Stacked " + strings.ToLower(kind)
	}
	first, last := 0, len(p.X)-1
	for first <= last && !d.seen(first) {
		first++
	}
	for last >= first && !d.seen(last) {
		last--
	}
	text := fmt.Sprintf("%s: %d points from %s to %s", kind, last-first+1, d.chart.name(p, min(first, len(p.X)-1)), d.chart.name(p, max(last, 0)))
	switch {
	case first > last:
		return kind + ": no points"
	case first == last:
		text = fmt.Sprintf("%s: one point, %s", kind, d.chart.name(p, first))
	}
	for i, s := range p.Series {
		if i == 5 {
			return text + fmt.Sprintf("; and %d more", len(p.Series)-i)
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range s.Values[first : last+1] {
			if number64(v) {
				low, high = min(low, v), max(high, v)
			}
		}
		switch {
		case low == high:
			text += fmt.Sprintf("; %s %s", s.Label, s.Notation.text(low, s.Decimals))
		case low < high:
			text += fmt.Sprintf("; %s %s to %s", s.Label, s.Notation.text(low, s.Decimals), s.Notation.text(high, s.Decimals))
		}
	}
	return text
}
