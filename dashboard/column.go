package dashboard

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// formats reads what a panel says about its columns.
func (d *document) formats(p *Panel, n ast.Node) map[string]Format {
	all := map[string]Format{}
	for _, e := range d.entries(n, "columns") {
		name := e.Key.GetToken().Value
		if missing(d.resolve(e.Value)) {
			d.fail(e, "write {align: right}, for one", "the column %q has no format", name)
			continue
		}
		p.places["columns."+name] = d.pos(e)
		all[name] = d.format(p, name, e.Value)
	}
	return all
}

func (d *document) format(p *Panel, column string, n ast.Node) Format {
	var f Format
	d.object(n, "a column", []field{
		{"label", func(n ast.Node) { f.Label, _ = d.line(n, "label") }},
		{"unit", func(n ast.Node) { f.Unit, _ = d.line(n, "unit") }},
		{"align", func(n ast.Node) { f.Align = d.oneOf(n, "align", "left", "right") }},
		{"decimals", func(n ast.Node) {
			if places, ok := d.whole(n, "decimals", 0, 20); ok {
				f.Decimals = &places
			}
		}},
		{"format", func(n ast.Node) { f.Format = d.oneOf(n, "format", Formats()...) }},
		{"time", func(n ast.Node) { f.Time = d.oneOf(n, "time", "relative", "absolute") }},
		{"key", func(n ast.Node) { f.Key = d.yes(n, "key") }},
		{"colors", func(n ast.Node) {
			f.Colors = map[string]string{}
			for _, e := range d.entries(n, "colors") {
				f.Colors[e.Key.GetToken().Value] = d.oneOf(e.Value, "a color", Colors()...)
			}
		}},
		{"thresholds", func(n ast.Node) { f.Thresholds = d.thresholds(n) }},
		{"bar", func(n ast.Node) { f.Bar = d.bar(n) }},
		{"hidden", func(n ast.Node) { f.Hidden = d.yes(n, "hidden") }},
		{"width", func(n ast.Node) { f.Width = d.percent(n, "width") }},
		{"link", func(n ast.Node) { f.Link = d.link(p, column, n) }},
	})
	return f
}

// thresholds reads colours by the number from which they count.
func (d *document) thresholds(n ast.Node) (all []Threshold) {
	if n == nil {
		return nil
	}
	for _, e := range d.entries(n, "thresholds") {
		from, err := strconv.ParseFloat(e.Key.GetToken().Value, 64)
		if err != nil || math.IsInf(from, 0) || math.IsNaN(from) {
			d.fail(e, "write {80: amber, 95: red}", "a threshold is a number, not %q", e.Key.GetToken().Value)
			continue
		}
		all = append(all, Threshold{from, d.oneOf(e.Value, "a color", Colors()...)})
	}
	slices.SortStableFunc(all, func(a, b Threshold) int { return cmp.Compare(a.From, b.From) })
	return all
}

// bar reads true, false, or how much a whole bar is.
func (d *document) bar(n ast.Node) *Bar {
	switch v := d.resolve(n).(type) {
	case *ast.BoolNode:
		if !v.Value {
			return nil
		}
		return &Bar{}
	case *ast.MappingNode, *ast.MappingValueNode:
		b := &Bar{}
		d.object(n, "a bar", []field{{"max", func(n ast.Node) {
			if b.Max = d.number(n, "max"); b.Max != nil && *b.Max <= 0 {
				d.fail(n, "", "max must be above 0")
			}
		}}})
		return b
	default:
		d.fail(n, "write true, or {max: 100}", "bar cannot be %s", describe(v))
		return nil
	}
}

// percent reads "20%" as 20.
func (d *document) percent(n ast.Node, what string) int {
	s, ok := d.line(n, what)
	if !ok {
		return 0
	}
	digits, found := strings.CutSuffix(s, "%")
	share, err := strconv.Atoi(strings.TrimSpace(digits))
	switch {
	case err != nil || share < 1 || share > 100:
		d.fail(n, "write a share of the table's width, such as 20%", "%s cannot be %q", what, clip(s))
	case !found:
		d.fail(n, fmt.Sprintf("did you mean %d%%?", share), "%s cannot be %q", what, s)
	}
	return share
}

// link reads an address whose {names} stand for columns. Where it leads must be
// clear from the file: a row's values may change a path or a query, never a
// server.
func (d *document) link(p *Panel, column string, n ast.Node) string {
	s, ok := d.line(n, "link")
	if !ok {
		return ""
	}
	p.places["link."+column] = d.pos(n)
	const write = "write https://… or a path of this server, such as /t/public.orders"
	server, local := "", strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//")
	if !local {
		scheme, rest, _ := strings.Cut(s, "://")
		server = rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			server = rest[:end]
		}
		if scheme != "https" && scheme != "http" {
			server = ""
		}
	}
	names, balanced := placeholders(s)
	bare := s
	for _, name := range names {
		bare = strings.ReplaceAll(bare, "{"+name+"}", "x")
	}
	_, err := url.Parse(bare)
	switch {
	case !local && server == "":
		d.fail(n, write, "a link cannot be %q", clip(s))
	case strings.ContainsAny(server, "{}"):
		d.fail(n, "write the server's name out", "the server of a link cannot come from a column")
	case strings.ContainsAny(server, "@\\ "):
		d.fail(n, write, "a link cannot be %q", clip(s))
	case !balanced:
		d.fail(n, "write {name} for the value of a column", "a link has a bracket too many or too few: %q", clip(s))
	case err != nil:
		d.fail(n, "percent-encode what an address may not hold", "a link cannot be %q", clip(s))
	}
	return s
}

// placeholders are the names in brackets, each once.
func placeholders(link string) (names []string, balanced bool) {
	for {
		before, rest, open := strings.Cut(link, "{")
		if strings.Contains(before, "}") {
			return names, false
		}
		if !open {
			return names, true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.Contains(name, "{") {
			return names, false
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		link = after
	}
}
