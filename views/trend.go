package views

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Trend is a sparkline, drawn in a square of 100. Limit is where a threshold stands, "" for nowhere in sight.
type Trend struct {
	Line  string `json:"line"`
	Under string `json:"under"`
	X     string `json:"x"` // of the last point
	Y     string `json:"y"`
	Limit string `json:"limit"`
	Label string `json:"label"` // "24 points from 3 to 47"
}

// trend draws the first column of numbers along the first column, or along the rows where that has no places on an axis.
func trend(r *Result, thresholds []Threshold) *Trend {
	if r == nil || len(r.Columns) == 0 {
		return nil
	}
	y := -1
	for i := range r.Columns {
		if y < 0 && r.Columns[i].measured() && (i > 0 || len(r.Columns) == 1) {
			y = i
		}
	}
	if y < 0 {
		return nil
	}
	r, places := r.along()
	values, low, high, last := make([]float64, len(r.Rows)), -1, -1, -1
	count := 0
	for i := range r.Rows {
		values[i] = r.Columns[y].float(&r.Rows[i].Cells[y])
		if math.IsNaN(values[i]) {
			continue
		}
		count, last = count+1, i
		if low < 0 || values[i] < values[low] {
			low = i
		}
		if high < 0 || values[i] > values[high] {
			high = i
		}
	}
	if count < 2 {
		return nil
	}
	span := values[high] - values[low]
	height := func(v float64) string {
		if span == 0 {
			return "50"
		}
		return hundredth((values[high] - v) / span * 100)
	}
	t := &Trend{X: places[last], Y: height(values[last])}
	var line, under strings.Builder
	for i := 0; i < len(values); i++ {
		if math.IsNaN(values[i]) {
			continue
		}
		from := i
		line.WriteString("M" + places[i] + " " + height(values[i]))
		under.WriteString("M" + places[i] + " " + height(values[i]))
		for i+1 < len(values) && !math.IsNaN(values[i+1]) {
			i++
			line.WriteString("L" + places[i] + " " + height(values[i]))
			under.WriteString("L" + places[i] + " " + height(values[i]))
		}
		under.WriteString("L" + places[i] + " 100L" + places[from] + " 100Z")
	}
	t.Line, t.Under = line.String(), under.String()
	for _, limit := range thresholds {
		if trouble(limit.Color) > 0 && t.Limit == "" && limit.From > values[low] && limit.From < values[high] {
			t.Limit = height(limit.From)
		}
	}
	t.Label = strconv.Itoa(count) + " points from " + r.Rows[low].Cells[y].Text + " to " + r.Rows[high].Cells[y].Text
	return t
}

// along puts rows in the order of their places on an axis, and says where they stand on a sparkline, 0 to 100: evenly where the
// first column has no such places.
func (r *Result) along() (*Result, []string) {
	at, even := make([]float64, len(r.Rows)), len(r.Columns) == 1
	for i := range r.Rows {
		at[i] = r.Columns[0].place(&r.Rows[i].Cells[0])
		even = even || math.IsNaN(at[i])
	}
	if !even {
		order := make([]int, len(at))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
		sorted, rows := make([]float64, len(at)), make([]Row, len(at))
		for i, from := range order {
			sorted[i], rows[i] = at[from], r.Rows[from]
			even = even || i > 0 && sorted[i] == sorted[i-1]
		}
		r, at = &Result{Columns: r.Columns, Rows: rows}, sorted
	}
	places := make([]string, len(at))
	for i := range at {
		if even {
			places[i] = hundredth(float64(i) / float64(len(at)-1) * 100)
		} else {
			places[i] = hundredth((at[i] - at[0]) / (at[len(at)-1] - at[0]) * 100)
		}
	}
	return r, places
}

// place is a number, or a moment in milliseconds; NaN for what has no place on an axis.
func (c *Column) place(cell *Cell) float64 {
	s := cell.source()
	if s == nil {
		return math.NaN()
	}
	text := *s
	switch {
	case c.measured():
		return c.float(cell)
	case c.kind == datetime:
		text += "+00"
	case c.Type == "date":
		text += " 00:00:00+00"
	case c.kind != moment:
		return math.NaN()
	}
	if m := stamp.FindStringSubmatch(text); m != nil {
		if t, ok := instant(m); ok {
			return float64(t.UnixMilli())
		}
	}
	return math.NaN()
}

func hundredth(v float64) string { return strconv.FormatFloat(math.Floor(v*100+0.5)/100, 'f', -1, 64) }
