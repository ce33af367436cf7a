package views

import (
	"math"
	"strconv"
)

// Extent is where a bar begins and how long it is, in percent of its cell. Hue is "ink" or the name of a colour.
type Extent struct{ At, Size, Hue string }

// Complete adds to cells what depends on others: where those of a column with a link lead, and the bars of a column that has them.
func Complete(columns []Column, rows []Row) {
	for i := range columns {
		c := &columns[i]
		if len(c.link) > 0 {
			for _, r := range rows {
				if !r.Cells[i].Null {
					r.Cells[i].Href = c.target(r.Cells)
				}
			}
		}
		if c.bar == nil {
			continue
		}
		values := make([]float64, len(rows))
		for j := range rows {
			values[j] = c.float(&rows[j].Cells[i])
		}
		low, high := c.bar.ends(values)
		for j := range rows {
			rows[j].Cells[i].Bar = extent(values[j], low, high, c.thresholds)
		}
	}
}

// ends are what a cell of bars reaches from and to. Zero is always between them.
func (b *Bar) ends(values []float64) (low, high float64) {
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if b.Max != nil {
		low, high = max(low, -*b.Max), *b.Max
	}
	return low, high
}

func extent(v, low, high float64, thresholds []Threshold) *Extent {
	hue := reached(thresholds, v)
	if hue == "" {
		hue = "ink"
	}
	if math.IsNaN(v) || high <= low {
		return &Extent{"0", "0", hue}
	}
	place := func(v float64) float64 { return max(0, min(1, (v-low)/(high-low))) }
	from, to := place(min(0, v)), place(max(0, v))
	return &Extent{part(from), part(to - from), hue}
}

// part is a share as a percentage with two decimals.
func part(share float64) string {
	return strconv.FormatFloat(math.Floor(share*10000+0.5)/100, 'f', -1, 64)
}
