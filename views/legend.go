package views

import (
	"strconv"
	"strings"
)

// Key is an entry of the legend.
type Key struct {
	Label, Hue, Value string
	Of                []string // labels of the series that it is the sum of
	Rest              bool     // one of many that have no colour
}

// name is how the legend calls it: a sum says of how many.
func (k *Key) name() string {
	if len(k.Of) > 0 {
		return strconv.Itoa(len(k.Of)) + " " + k.Label
	}
	return k.Label
}

// hint says of what it is the sum, and what a click does.
func (k *Key) hint() string {
	of := namely(k.Of)
	if of != "" {
		of += ". "
	}
	return of + "Click: on or off. Double click or Alt-click: only this one"
}

// mostNamed is how many series or parts of a sum are named.
const mostNamed = 20

// namely lists of what something is the sum.
func namely(of []string) string {
	n := len(of)
	return strings.Join(of[:min(n, mostNamed)], ", ") + strings.Repeat(", …", min(1, n/(mostNamed+1)))
}

// legend tells what each series says, or a single one beside the title.
func (d *drawing) legend() {
	sums := d.plot.Sums
	var keys []Key
	last := -1
	for _, s := range d.plot.Series {
		value, sum := "–", 0.0
		for k, v := range s.Values {
			if number64(v) && d.seen(k) {
				sum += v
				value, last = s.Notation.text(v, s.Decimals), k
			}
		}
		if sums {
			value = s.Notation.text(sum, s.Decimals)
		}
		keys = append(keys, Key{s.Label, s.Hue, value, s.Of, s.Rest})
	}
	if len(keys) > 1 || d.chart.Series != "" {
		d.figure.Keys = keys
		return
	}
	d.figure.Value = keys[0].Value
	if d.chart.Unit != "" {
		d.figure.Rest = " " + d.chart.Unit
	}
	if sums {
		d.figure.Rest += " in all"
	} else if last >= 0 {
		d.figure.Rest += ", " + d.chart.name(d.plot, last)
	}
}
