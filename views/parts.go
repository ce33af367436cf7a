package views

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Threshold is a number and the colour of what reaches it.
type Threshold struct {
	From  float64 `json:"from"`
	Color string  `json:"color"`
}

// Parts are numbers beside each other, of a progress or donut, or the single one of a gauge. The browser makes the same from a
// result in static/js/parts.js; both are held to testdata/chart.json.
type Parts struct {
	Parts []Part `json:"parts"`
	Total string `json:"total"` // of a donut
	Low   string `json:"low"`   // ends of a gauge
	High  string `json:"high"`
	Mark  string `json:"mark"` // where a target stands, 0 to 100; "" for none
}

// Part is one number. Hue is "ink", "c1" to "c8", or one of [Colors].
type Part struct {
	Key     string   `json:"key"`
	Label   string   `json:"label"`
	Hue     string   `json:"hue"`
	Text    string   `json:"text"`         // the number
	Percent string   `json:"percent"`      // of the whole: "72.8%"; "" where there is none
	Size    string   `json:"size"`         // 0 to 100: how far a bar reaches, or an arc goes round
	Start   string   `json:"start"`        // of an arc: what those before it take
	Of      []string `json:"of,omitempty"` // labels of the parts that it is the sum of
}

// NewParts reads the parts from a result. The problem is a sentence that says why it cannot be drawn, or "".
func NewParts(columns []Column, rows []Row, c Chart) (parts *Parts, problem string) {
	most, name, y, problem := c.findParts(columns)
	if problem != "" {
		return &Parts{}, problem
	}
	values, whole, ends := make([]float64, len(rows)), 0.0, make([]float64, len(rows))
	for i := range rows {
		values[i] = columns[y].float(&rows[i].Cells[y])
		whole += max(0, orZero(values[i]))
		ends[i] = gap
		if most >= 0 {
			ends[i] = columns[most].float(&rows[i].Cells[most])
		} else if c.Max != nil {
			ends[i] = *c.Max
		} else if columns[y].style == "percent" {
			ends[i] = 1
		} else if c.Type == "gauge" || c.Unit == "%" {
			ends[i] = 100
		}
	}
	p, hues, written := &Parts{}, c.hues(columns, name, rows, values), notation(columns, rows, y)
	for i := range rows {
		part := Part{Key: rows[i].Key, Label: columns[y].Head, Text: rows[i].Cells[y].Text, Hue: hues[i].color}
		if name >= 0 {
			part.Label = shown(&columns[name], label(&rows[i].Cells[name]))
		}
		if rows[i].Cells[y].source() == nil {
			part.Text = "–"
		}
		p.Parts = append(p.Parts, part)
	}
	switch c.Type {
	case "donut":
		places := 0
		for i := range rows {
			places = max(places, columns[y].decimalsOf(&rows[i].Cells[y]))
		}
		total := columns[y]
		if total.style == "" {
			total.decimals = &places
		}
		sum := func(in func(i int) bool) string {
			return written.with(total.quantity(columns[y].added(rows, y, values, places, in)).Text)
		}
		p.Total = sum(func(int) bool { return true })
		p.donut(p.fold(values, hues, sum), whole)
	case "gauge":
		p.gauge(&c, written, values, ends)
	default:
		p.bars(values, ends, whole, most >= 0)
	}
	return p, ""
}

// fold makes one part of those of a donut that have no colour, after the others. One alone stays where it is.
func (p *Parts) fold(values []float64, hues []hue, sum func(in func(i int) bool) string) []float64 {
	var kept []Part
	var sizes []float64
	var of []string
	rest := 0.0
	for i, h := range hues {
		if h.rest {
			rest += max(0, orZero(values[i]))
			of = append(of, p.Parts[i].Label)
		} else {
			kept, sizes = append(kept, p.Parts[i]), append(sizes, values[i])
		}
	}
	if len(of) < 2 {
		return values
	}
	others := Part{Key: "others", Label: strconv.Itoa(len(of)) + " others", Hue: "grey", Of: of}
	others.Text = sum(func(i int) bool { return hues[i].rest })
	p.Parts = append(kept, others)
	return append(sizes, rest)
}

// hint names the parts that it is the sum of; "" of one that is none.
func (p *Part) hint() string { return namely(p.Of) }

// precise is from when on a float has not every whole number.
const precise = 1 << 53

// added is the sum of those cells that are above zero, as digits: exact also where a float is not.
func (c *Column) added(rows []Row, y int, values []float64, places int, in func(i int) bool) string {
	sum, broad := 0.0, 0
	exact, written := new(big.Int), []string{}
	for i := range rows {
		if !in(i) || !(values[i] > 0) {
			continue
		}
		sum += values[i]
		digits := *c.digits(&rows[i].Cells[y])
		_, frac, _ := strings.Cut(digits, ".")
		broad = max(broad, len(frac))
		written = append(written, digits)
	}
	rounded := strconv.FormatFloat(sum, 'f', places, 64)
	if sum*math.Pow10(places) < precise {
		return rounded
	}
	broad = max(broad, places)
	for _, digits := range written {
		whole, frac, _ := strings.Cut(digits, ".")
		n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", broad-len(frac)), 10)
		if !ok { // a float with an exponent
			return rounded
		}
		exact.Add(exact, n)
	}
	return new(big.Rat).SetFrac(exact, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(broad)), nil)).FloatString(places)
}

// findParts gives the places of the columns of the maximum and the name (-1 for none) and of the number.
func (c *Chart) findParts(columns []Column) (most, name, y int, problem string) {
	at := func(name string) int { return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name }) }
	if _, _, problem := c.misnamed(columns); problem != "" {
		return 0, 0, 0, problem
	}
	most, name, y = at(c.MaxBy), at(c.Series), -1
	if len(c.Y) > 0 {
		y = at(c.Y[0])
	}
	for i := range columns {
		if name < 0 && !columns[i].measured() {
			name = i
		}
	}
	for i := range columns {
		if y < 0 && columns[i].measured() && i != most && i != name {
			y = i
		}
	}
	if y < 0 {
		return 0, 0, 0, "The query has no column of numbers to draw. It has " + namesOf(columns) + "."
	}
	return most, name, y, ""
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// hue is the colour of a part; rest: there is none left for it.
type hue struct {
	color string
	rest  bool
}

// hues are the colours of parts: in a donut those of the greatest, as of series.
func (c *Chart) hues(columns []Column, name int, rows []Row, values []float64) []hue {
	all, painted := make([]Series, len(rows)), make([]hue, len(rows))
	var by Column
	if name >= 0 {
		by = columns[name]
	}
	for i := range rows {
		all[i] = Series{Label: "null", Values: values[i : i+1]}
		if name >= 0 {
			all[i].Label = label(&rows[i].Cells[name])
		}
		painted[i].color = cmp.Or(by.colors[all[i].Label], "ink")
	}
	if c.Type == "donut" {
		kept, names := greatest(all, &by), []string{}
		for i := range all {
			if kept[i] {
				names = append(names, all[i].Label)
			}
		}
		colors := paint(names, by.colors, by.dealt != nil, "")
		for i := range all {
			if painted[i] = (hue{"grey", true}); kept[i] {
				painted[i], colors = hue{color: colors[0]}, colors[1:]
			}
		}
	}
	for i := range painted {
		for _, t := range c.Thresholds {
			if values[i] >= t.From {
				painted[i].color = t.Color
			}
		}
		painted[i].color = strings.Replace(painted[i].color, "gray", "grey", 1)
	}
	return painted
}

// donut gives each part its share of the ring.
func (p *Parts) donut(values []float64, whole float64) {
	start := 0.0
	for i := range p.Parts {
		share := 0.0
		if whole > 0 {
			share = max(0, orZero(values[i])) / whole
		}
		part := &p.Parts[i]
		part.Percent, part.Size, part.Start = percentText(share), sizeText(share), sizeText(start)
		if math.IsNaN(values[i]) {
			part.Percent = "–"
		} else if values[i] < 0 {
			part.Percent = "not drawn"
		}
		start += share
	}
}

// gauge keeps the first row and says how far it is between its ends.
func (p *Parts) gauge(c *Chart, written Notation, values, ends []float64) {
	low, high := 0.0, gap
	if len(ends) > 0 {
		high = ends[0]
	}
	if c.Min != nil {
		low = *c.Min
	}
	if p.Low, p.High = written.end(low), "–"; !math.IsNaN(high) {
		p.High = written.end(high)
	}
	if c.Target != nil && high > low {
		p.Mark = sizeText((*c.Target - low) / (high - low))
	}
	if len(p.Parts) > 0 {
		p.Parts = p.Parts[:1]
		p.Parts[0].Size = "0"
		if high > low {
			p.Parts[0].Size = sizeText((orZero(values[0]) - low) / (high - low))
		}
	}
}

// bars are scaled to their own ends, or to the largest and labelled with their share of all.
func (p *Parts) bars(values, ends []float64, whole float64, own bool) {
	largest := 0.0
	for _, v := range values {
		largest = max(largest, orZero(v))
	}
	for i := range p.Parts {
		v, end, of := max(0, orZero(values[i])), ends[i], ends[i]
		if math.IsNaN(end) && own {
			end = 0
		} else if math.IsNaN(end) {
			end, of = largest, whole
		}
		if end > 0 {
			p.Parts[i].Size, p.Parts[i].Percent = sizeText(v/end), percentText(v/of)
		} else if own {
			p.Parts[i].Size, p.Parts[i].Percent = "0", "–"
		} else {
			p.Parts[i].Size, p.Parts[i].Percent = "0", percentText(0)
		}
	}
}

// percentText is a share as people read it, halves up.
func percentText(share float64) string {
	return strconv.FormatFloat(math.Floor(share*1000+0.5)/10, 'f', 1, 64) + "%"
}

// sizeText is a share between 0 and 100.
func sizeText(share float64) string {
	return strconv.FormatFloat(math.Floor(max(0, min(1, share))*10000+0.5)/100, 'f', -1, 64)
}

// plainText is a number of the file, with the decimals that it needs.
func plainText(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	return number(s, nil).Text
}
