package views

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hues is how many series get a colour of their own: more cannot be told apart.
const hues = 8

// fold gives series their colours and labels. Where there are more than can be told apart, the greatest keep theirs, and the others
// are drawn as their sum where numbers may be added up and parts are drawn of a whole, else in grey.
func (p *Plot) fold(columns []Column, series int, c *Chart, adds bool) {
	var by Column
	if series >= 0 {
		by = columns[series]
	}
	kept := greatest(p.Series, &by)
	names, all, rest := []string{}, []Series{}, []Series{}
	for i, s := range p.Series {
		if kept[i] {
			names = append(names, s.Label)
		}
	}
	painted := paint(names, by.colors, by.dealt != nil, "ink")
	for i, s := range p.Series {
		if series >= 0 {
			s.Label = shown(&by, s.Label)
		}
		switch {
		case kept[i]:
			s.Hue, painted = painted[0], painted[1:]
			all = append(all, s)
		case len(p.Series) == len(names)+1: // alone it needs no other name
			s.Hue = "grey"
			all = append(all, s)
		default:
			s.Hue, s.Rest = "grey", true
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 && adds && series >= 0 && (c.Stacked || c.Type == "bar") {
		rest = []Series{others(rest, all, c.Stacked && c.Type == "area")}
	}
	p.Series = append(all, rest...)
}

// greatest says which series keep a colour: those that the file gives one, and those with the most in all rows.
func greatest(series []Series, by *Column) []bool {
	kept, size, left := make([]bool, len(series)), make([]float64, len(series)), hues
	var order []int
	for i, s := range series {
		if by.dealt == nil && by.colors[s.Label] != "" {
			kept[i] = true
			left--
			continue
		}
		for _, v := range s.Values {
			if number64(v) {
				size[i] += math.Abs(v)
			}
		}
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size[b], size[a]) })
	for _, i := range order[:max(0, min(left, len(order)))] {
		kept[i] = true
	}
	return kept
}

// others are series as one. Unknown: what nobody knows of one is not known of their sum.
func others(rest, all []Series, unknown bool) Series {
	sum := Series{Label: "others", Hue: "grey", Values: slices.Clone(rest[0].Values), Notation: rest[0].Notation, Decimals: rest[0].Decimals, Of: []string{rest[0].Label}}
	for slices.ContainsFunc(all, func(s Series) bool { return s.Label == sum.Label }) {
		sum.Label = "all " + sum.Label
	}
	for _, s := range rest[1:] {
		sum.Of, sum.Decimals = append(sum.Of, s.Label), max(sum.Decimals, s.Decimals)
		for i, v := range s.Values {
			switch is := sum.Values[i]; {
			case number64(is) && number64(v):
				sum.Values[i] += v
			case math.IsNaN(is) && unknown:
			case number64(v), math.IsNaN(v) && (unknown || !number64(is)):
				sum.Values[i] = v
			}
		}
	}
	return sum
}

// measure are columns whose numbers mean nothing when they are added up.
var measure = regexp.MustCompile(`(?i)(^|_)(avg|average|mean|median|min|max|rate|ratio|share|percent|pct|p\d\d)(_|$)`)

// shown is a value as a label: a boolean in words, and an empty text as something that can be seen.
func shown(c *Column, s string) string {
	switch {
	case s == "":
		return "“”"
	case c.kind == boolean && s == "t":
		return "true"
	case c.kind == boolean && s == "f":
		return "false"
	}
	return s
}

// sharedText says how many rows are not drawn.
func sharedText(n int) string {
	rows := "1 row shares its"
	if n != 1 {
		rows = group(strconv.Itoa(n)) + " rows share their"
	}
	return rows + " point with a later one, which alone is drawn. Name a series, or group the query."
}

// natural orders names as people count: host2 before host10.
func natural(a, b string) int {
	x, y := numbered.FindStringSubmatch(a), numbered.FindStringSubmatch(b)
	if x != nil && y != nil && x[1] == y[1] {
		if c := cmp.Compare(parse(x[2]), parse(y[2])); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

var numbered = regexp.MustCompile(`^(\D*)(\d{1,15})$`)

// same are colours that are one with those of categories.
var same = map[string]string{"blue": "c1", "amber": "c2", "teal": "c3", "pink": "c4", "purple": "c5", "olive": "c6", "navy": "c7", "brown": "c8"}

// paint gives names their colours. No two have one, unless the file gives it: a colour that was dealt to two of an enum's labels
// goes to the first. single is the colour of one alone; "": as of many.
func paint(names []string, colors map[string]string, dealt bool, single string) []string {
	painted, taken := make([]string, len(names)), map[string]bool{}
	for i, name := range names {
		said := strings.Replace(colors[name], "gray", "grey", 1)
		if said == "" || dealt && taken[said] {
			continue
		}
		painted[i], taken[said], taken[same[said]] = said, true, true
	}
	n := 0
	for i := range names {
		if painted[i] != "" {
			continue
		}
		n++
		for taken["c"+strconv.Itoa(n)] {
			n++
		}
		switch {
		case len(names) == 1 && single != "":
			painted[i] = single
		case n > hues:
			painted[i] = "grey"
		default:
			painted[i] = "c" + strconv.Itoa(n)
		}
	}
	return painted
}

func sharedOf(p *Panel) int {
	if p.Figure == nil {
		return 0
	}
	return p.Figure.Shared
}
