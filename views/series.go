package views

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// hues is how many series get a colour of their own: more cannot be told apart.
const hues = 8

// name gives series their colours and labels, and the axis its labels, as people read them.
func (p *Plot) name(columns []Column, x, series int) {
	names := make([]string, len(p.Series))
	for i, s := range p.Series {
		names[i] = s.Label
	}
	hues := paint(names, nil, false, "ink")
	if series >= 0 {
		hues = paint(names, columns[series].colors, columns[series].dealt != nil, "ink")
	}
	for i := range p.Series {
		p.Series[i].Hue = hues[i]
		if series >= 0 {
			p.Series[i].Label = shown(&columns[series], names[i])
		}
	}
	for i := range p.Labels {
		p.Labels[i] = shown(&columns[x], p.Labels[i])
	}
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

// mend says how a query makes numbers of what holds none.
func mend(columns []Column) string {
	for _, c := range columns {
		switch c.Type {
		case "money":
			return " Write " + c.Name + "::numeric in the query."
		case "interval":
			return " Write extract(epoch FROM " + c.Name + ") in the query for its seconds."
		}
	}
	return ""
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
