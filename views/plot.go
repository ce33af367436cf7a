package views

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"
)

// Chart says how the rows of a panel are drawn that is no table, stat or text; the browser reads it as it is written here.
type Chart struct {
	Type    string   `json:"type"`             // "line", "area", "bar", "donut", "gauge" or "progress"
	X       string   `json:"x,omitempty"`      // column along the axis; "": the first
	Y       []string `json:"y,omitempty"`      // columns of numbers; empty: all others of numbers
	Series  string   `json:"series,omitempty"` // column whose values name the series
	Stacked bool     `json:"stacked,omitempty"`
	Order   []string `json:"order,omitempty"` // values of Series that come first
	Unit    string   `json:"unit,omitempty"`
	Min     *float64 `json:"min,omitempty"` // ends of the scale
	Max     *float64 `json:"max,omitempty"`
	Window  float64  `json:"window,omitempty"`  // the axis ends now and begins so many seconds ago; 0: it holds all times
	Range   string   `json:"range,omitempty"`   // or it shows a time range: "last-15m", "today"
	RangeBy string   `json:"rangeBy,omitempty"` // the variable whose value that is
	Zone    string   `json:"zone,omitempty"`    // of times that name none, where there is a window or range: "Europe/Berlin"

	from, to float64 // ends of a range that does not move

	MaxBy      string      `json:"maxBy,omitempty"` // column that holds Max
	Target     *float64    `json:"target,omitempty"`
	Thresholds []Threshold `json:"thresholds,omitempty"` // the least first
}

// Plot is a result as a chart's numbers: the same as static/js/series.js makes, both are held to testdata/chart.json.
type Plot struct {
	Axis     string    // "time", "number" or "category"
	X        []float64 // seconds since 1970, numbers, or places of Labels
	Labels   []string  // of an axis of categories
	Offsets  []float64 // of the zone that each time was written in, in seconds
	Step     float64   // smallest distance along the axis
	Regular  bool      // times of one rhythm, so that what is missing is a gap
	Series   []Series
	Decimals int
	Notation Notation // of the scale: of all series, where they share it
	Shared   int      // rows that are not drawn, because a later one has their x and series
	Sums     bool     // a readout may add its numbers up
	Problem  string   // why it cannot be drawn, as a sentence; "" where it can
}

// Series are the numbers of one line or colour, one for each X: NaN is a gap, +Inf only says that others have a point there.
type Series struct {
	Label    string
	Hue      string // "ink", "c1" to "c8", or one of [Colors]
	Values   []float64
	Decimals int
	Notation Notation
	Of       []string // labels of the series that it is the sum of
	Rest     bool     // one of many that have no colour
}

var (
	gap    = math.NaN()
	absent = math.Inf(1)
)

// NewPlot reads a chart's numbers from a result.
func NewPlot(columns []Column, rows []Row, c Chart) Plot {
	x, y, series, problem := c.find(columns)
	if problem != "" {
		return Plot{Problem: problem}
	}
	p := Plot{Axis: "category"}
	switch k := columns[x].kind; {
	case k == moment || k == datetime || columns[x].Type == "date":
		p.Axis = "time"
	case k == integer || k == decimal:
		p.Axis = "number"
	}
	if (c.Window > 0 || c.Range != "") && p.Axis != "time" {
		return Plot{Problem: fmt.Sprintf("The column “%s” holds no times (its type is %s), so no window can move along it.", columns[x].Name, columns[x].Type)}
	}
	place := p.places(columns, rows, x, c.Type)
	if len(rows) > 0 && len(p.X) == 0 {
		return Plot{Problem: fmt.Sprintf("No row has a place on the axis: “%s” is null or infinite in each.", columns[x].Name)}
	}
	adds := true
	for _, i := range y {
		adds = adds && columns[i].style != "percent" && !measure.MatchString(columns[i].Name)
	}
	p.Sums = adds && c.Type == "bar"
	if series < 0 {
		for _, i := range y {
			p.Series = append(p.Series, Series{Label: columns[i].Head, Notation: notation(columns, rows, i)})
		}
	} else {
		order, written := c.Order, notation(columns, rows, y[0])
		if len(order) == 0 {
			order = columns[series].dealt
		}
		for _, name := range seriesOf(rows, series, order) {
			p.Series = append(p.Series, Series{Label: name, Notation: written})
		}
	}
	if len(p.Series) > 0 && !slices.ContainsFunc(p.Series, func(s Series) bool { return s.Notation != p.Series[0].Notation }) {
		p.Notation = p.Series[0].Notation
	}
	p.fill(columns, rows, place, y, series, c.Stacked)
	p.fold(columns, series, &c, adds)
	for i := range p.Labels {
		p.Labels[i] = shown(&columns[x], p.Labels[i])
	}
	return p
}

// fill gives each series its numbers. In a stack a series without a row has nothing there, and NULL is what nobody knows.
func (p *Plot) fill(columns []Column, rows []Row, place, y []int, series int, stacked bool) {
	empty := absent
	if (p.Regular || p.Axis == "category") && !stacked {
		empty = gap
	}
	index, taken := map[string]int{}, map[[2]int]bool{}
	for i := range p.Series {
		index[p.Series[i].Label] = i
		p.Series[i].Values = slices.Repeat([]float64{empty}, len(p.X))
	}
	for k, r := range rows {
		if place[k] < 0 {
			continue
		}
		only := 0
		if series >= 0 {
			only = index[label(&r.Cells[series])]
		}
		point := [2]int{place[k], only}
		if taken[point] {
			p.Shared++
		}
		taken[point] = true
		for n, i := range y {
			s := &p.Series[n]
			if series >= 0 {
				s = &p.Series[only]
			}
			s.Values[place[k]] = columns[i].float(&r.Cells[i])
			if d := columns[i].decimals; d != nil {
				s.Decimals = max(s.Decimals, *d)
			} else {
				s.Decimals = max(s.Decimals, columns[i].decimalsOf(&r.Cells[i]))
			}
			p.Decimals = max(p.Decimals, s.Decimals)
		}
	}
}

// misnamed is the first field of the file that names a column which the result has not, or has without the numbers that it
// should hold, and what is wrong as a sentence; "" where all is well.
func (c *Chart) misnamed(columns []Column) (field, name, problem string) {
	asked := [][2]string{{"x", c.X}, {"series", c.Series}, {"max", c.MaxBy}}
	for _, name := range c.Y {
		asked = append(asked, [2]string{"y", name})
	}
	for _, a := range asked {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == a[1] })
		switch {
		case a[1] == "":
		case i < 0:
			return a[0], a[1], fmt.Sprintf("The query has no column “%s”, which the file names as %s. It has %s.", a[1], a[0], namesOf(columns))
		case (a[0] == "y" || a[0] == "max") && !columns[i].measured():
			return a[0], a[1], fmt.Sprintf("The column “%s” holds no numbers (its type is %s), so it cannot be drawn as %s.", a[1], columns[i].Type, a[0])
		}
	}
	return "", "", ""
}

// namesOf lists the columns that there are.
func namesOf(columns []Column) string {
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = col.Name
	}
	return and(names)
}

// find gives the places of the columns that a chart names, or says what is wrong.
func (c *Chart) find(columns []Column) (x int, y []int, series int, problem string) {
	at := func(name string) int { return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name }) }
	if _, _, problem := c.misnamed(columns); problem != "" {
		return 0, nil, 0, problem
	}
	if c.X != "" {
		x = at(c.X)
	}
	series = -1
	if c.Series != "" {
		series = at(c.Series)
	}
	for _, name := range c.Y {
		y = append(y, at(name))
	}
	if len(c.Y) == 0 {
		for i := range columns {
			if i != x && i != series && columns[i].measured() && (len(y) == 0 || columns[i].counts() == columns[y[0]].counts()) {
				y = append(y, i)
			}
		}
	}
	if len(y) == 0 {
		return 0, nil, 0, "The query has no column of numbers to draw. It has " + namesOf(columns) + "."
	}
	if series >= 0 {
		y = y[:1]
	}
	return x, y, series, ""
}

func and(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

func label(c *Cell) string {
	if s := c.source(); s != nil {
		return *s
	}
	return "null"
}

// places fills the axis and tells each row its place on it, -1 for none.
func (p *Plot) places(columns []Column, rows []Row, x int, typ string) []int {
	place := make([]int, len(rows))
	if p.Axis == "category" {
		index := map[string]int{}
		for k := range rows {
			name := label(&rows[k].Cells[x])
			if _, ok := index[name]; !ok {
				index[name] = len(p.Labels)
				p.X = append(p.X, float64(len(p.Labels)))
				p.Labels = append(p.Labels, name)
			}
			place[k] = index[name]
		}
		return place
	}
	seen := map[float64]float64{}
	values := make([]float64, len(rows))
	for k := range rows {
		values[k] = gap
		s := rows[k].Cells[x].source()
		if s == nil {
			continue
		}
		at, offset := 0.0, 0.0
		if p.Axis == "number" {
			at = columns[x].float(&rows[k].Cells[x])
		} else {
			at, offset = secondsOf(*s)
		}
		if !math.IsNaN(at) {
			values[k], seen[at] = at, offset
		}
	}
	for v := range seen {
		p.X = append(p.X, v)
	}
	sort.Float64s(p.X)
	p.Step, p.Regular = rhythm(p.X)
	p.Regular = p.Regular && p.Axis == "time"
	if p.Regular && typ != "bar" { // a bucket that is missing is a gap
		all := p.X[:1:1]
		for _, v := range p.X[1:] {
			if last := all[len(all)-1]; v-last > p.Step*1.5 {
				all = append(all, last+p.Step)
			}
			all = append(all, v)
		}
		p.X = all
	}
	index := map[float64]int{}
	offset := 0.0
	for i, v := range p.X {
		index[v] = i
		if o, ok := seen[v]; ok {
			offset = o
		}
		if p.Axis == "time" {
			p.Offsets = append(p.Offsets, offset)
		}
	}
	for k, v := range values {
		place[k] = -1
		if i, ok := index[v]; ok {
			place[k] = i
		}
	}
	return place
}

// secondsOf is a date or timestamp in seconds since 1970, to the millisecond, and its zone's offset: what has no zone is in UTC.
func secondsOf(s string) (at, offset float64) {
	for _, layout := range []string{"2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07:00:00", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && !strings.HasSuffix(s, "Z") {
			_, seconds := t.Zone()
			return float64(t.UnixMilli()) / 1000, float64(seconds)
		}
	}
	return gap, 0
}

// rhythm is the smallest distance of sorted numbers, and whether most have it and all are multiples of it.
func rhythm(x []float64) (step float64, regular bool) {
	if len(x) < 2 {
		return 0, false
	}
	step = math.Inf(1)
	for i := 1; i < len(x); i++ {
		step = min(step, x[i]-x[i-1])
	}
	same := 0
	for i := 1; i < len(x); i++ {
		d := x[i] - x[i-1]
		if math.Abs(d-step) < step*0.01 {
			same++
		}
		if math.Abs(d/step-math.Round(d/step)) >= 0.01 {
			return step, false
		}
	}
	return step, same*2 > len(x)-1
}

// few: of fewer bars the least distance may be many of their steps.
const few = 8

// pace is how long each bar of an axis of times lasts, in seconds: where they are
// few, no longer than their places on the clock allow, so that 08:10 and 13:00 are
// ten minutes each, and not five hours. 0 where nothing tells it.
func (p *Plot) pace() float64 {
	if p.Axis != "time" || len(p.X) == 0 || len(p.X) >= few {
		return p.Step
	}
	most := int64(day)
	for i, v := range p.X {
		if i < len(p.Offsets) {
			v += p.Offsets[i]
		}
		for rest := int64(math.Abs(math.Round(v))) % day; rest != 0; {
			most, rest = rest, most%rest
		}
	}
	if p.Step == 0 {
		return float64(most)
	}
	return min(p.Step, float64(most))
}

// seriesOf are the names of the series: those that the file orders first.
func seriesOf(rows []Row, column int, order []string) []string {
	have := map[string]bool{}
	for k := range rows {
		have[label(&rows[k].Cells[column])] = true
	}
	var first, rest []string
	for _, name := range order {
		if have[name] {
			first = append(first, name)
			delete(have, name)
		}
	}
	for name := range have {
		rest = append(rest, name)
	}
	slices.SortFunc(rest, natural)
	return append(first, rest...)
}

// stack says where each series begins and ends when they stand on each other; NaN where it has no place. What nobody knows takes no
// room between bars; in areas it is a gap of its series and of all that would stand on it, for nobody knows how high.
func stack(all []Series, area bool) (from, to [][]float64) {
	if len(all) == 0 {
		return nil, nil
	}
	n := len(all[0].Values)
	up, down, lost := make([]float64, n), make([]float64, n), make([]bool, n)
	for i := range n {
		lost[i] = !slices.ContainsFunc(all, func(s Series) bool { return number64(s.Values[i]) })
	}
	for _, s := range all {
		lo, hi := slices.Repeat([]float64{gap}, n), slices.Repeat([]float64{gap}, n)
		for i, v := range s.Values {
			lost[i] = lost[i] || area && math.IsNaN(v)
			if lost[i] {
				continue
			}
			base := &up[i]
			if v < 0 {
				base = &down[i]
			}
			lo[i] = *base
			if number64(v) {
				*base += v
			}
			hi[i] = *base
		}
		from, to = append(from, lo), append(to, hi)
	}
	return from, to
}

func number64(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
