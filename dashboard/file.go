package dashboard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// definition is one dashboard's file as it was understood.
type definition struct {
	slug, file  string
	title       string
	description string
	timeZone    string
	variables   []variable
	panels      []Panel
	params      [][]string // per panel: the variable of each parameter
}

// variable is a declared variable; options come from the file or a query.
type variable struct {
	Variable
	query string
	pos   Pos
}

type fileDoc struct {
	Title       string        `yaml:"title"`
	Description string        `yaml:"description"`
	TimeZone    string        `yaml:"timezone"`
	Variables   []variableDoc `yaml:"variables"`
	Panels      []panelDoc    `yaml:"panels"`
}

type variableDoc struct {
	Name    string     `yaml:"name"`
	Label   string     `yaml:"label"`
	Options optionsDoc `yaml:"options"`
	Default string     `yaml:"default"`
}

// optionsDoc is a list of values or {query: SELECT …}.
type optionsDoc struct {
	values []string
	query  string
}

// UnmarshalYAML takes either form.
func (o *optionsDoc) UnmarshalYAML(decode func(any) error) error {
	if decode(&o.values) == nil {
		return nil
	}
	var q struct {
		Query string `yaml:"query"`
	}
	if err := decode(&q); err != nil {
		return errors.New("options are a list of values, or query: SELECT …")
	}
	o.values, o.query = nil, q.Query
	return nil
}

type panelDoc struct {
	ID      string               `yaml:"id"`
	Title   string               `yaml:"title"`
	Type    string               `yaml:"type"`
	Query   string               `yaml:"query"`
	Limit   int                  `yaml:"limit"`
	Key     []string             `yaml:"key"`
	Watch   []string             `yaml:"watch"`
	Every   string               `yaml:"every"`
	Width   int                  `yaml:"width"`
	Height  int                  `yaml:"height"`
	Unit    string               `yaml:"unit"`
	Columns map[string]columnDoc `yaml:"columns"`
}

type columnDoc struct {
	Label    string            `yaml:"label"`
	Unit     string            `yaml:"unit"`
	Align    string            `yaml:"align"`
	Decimals *int              `yaml:"decimals"`
	Colors   map[string]string `yaml:"colors"`
}

var (
	panelTypes  = []string{"table", "stat"}
	laterTypes  = []string{"line", "area", "bar", "donut", "gauge", "progress", "text"}
	aligns      = []string{"left", "right", "center"}
	colorNames  = []string{"green", "amber", "red", "blue", "grey", "violet", "teal"}
	knownFields = []string{"title", "description", "timezone", "variables", "panels", "name", "label", "options", "default", "query",
		"id", "type", "limit", "key", "watch", "every", "width", "height", "unit", "columns", "align", "decimals", "colors"}
)

const (
	defaultRows = 1000
	maxRows     = 10000
	clockPace   = 60 * time.Second
)

// parse understands a file or says everything that is wrong with it.
func parse(name string, data []byte, zone string) (*definition, []*Problem) {
	p := &fileParser{name: name, lines: strings.Split(string(data), "\n")}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.syntax(err)
		return nil, p.problems
	}
	p.tree = tree
	var doc fileDoc
	if err := yaml.UnmarshalWithOptions(data, &doc, yaml.Strict()); err != nil {
		p.syntax(err)
		return nil, p.problems
	}
	d := &definition{file: name, slug: slugOf(name), title: doc.Title, description: doc.Description, timeZone: doc.TimeZone}
	if d.title == "" {
		d.title = d.slug
	}
	if d.timeZone == "" {
		d.timeZone = zone
	}
	if _, err := time.LoadLocation(d.timeZone); err != nil {
		p.wrong("$.timezone", fmt.Sprintf("there is no time zone %q", d.timeZone), "names look like Europe/Berlin")
	}
	declared := p.variables(d, doc.Variables)
	if len(doc.Panels) == 0 {
		p.wrong("$", "a dashboard has at least one panel", "add panels: with an id, a type and a query")
	}
	seen := map[string]bool{}
	for i, pd := range doc.Panels {
		p.panel(d, i, pd, declared, seen)
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return d, nil
}

type fileParser struct {
	name     string
	lines    []string
	tree     *ast.File
	problems []*Problem
}

// syntax notes what the YAML library says.
func (p *fileParser) syntax(err error) {
	problem := &Problem{File: p.name, What: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		problem.What = y.GetMessage()
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			problem.Line, problem.Column = tk.Position.Line, tk.Position.Column
		}
	}
	if _, field, ok := strings.Cut(problem.What, "unknown field "); ok {
		field = strings.Trim(field, `"`)
		problem.What = fmt.Sprintf("there is no field %q here", field)
		problem.Hint = didYouMean(field, knownFields)
	}
	p.add(problem)
}

func (p *fileParser) add(problem *Problem) {
	if problem.Line > 0 && problem.Line <= len(p.lines) {
		problem.Excerpt = strings.TrimRight(p.lines[problem.Line-1], "\r")
	}
	p.problems = append(p.problems, problem)
}

// wrong notes a mistake at a path such as $.panels[0].type.
func (p *fileParser) wrong(path, what, hint string) {
	pos := p.at(path)
	p.add(&Problem{File: p.name, Line: pos.Line, Column: pos.Column, What: what, Hint: hint})
}

// at finds where the value at a path stands; for a block, its first line.
func (p *fileParser) at(path string) Pos {
	pos := Pos{File: p.name, Line: 1, Column: 1}
	for path != "" {
		if yp, err := yaml.PathString(path); err == nil {
			if node, err := yp.FilterFile(p.tree); err == nil && node != nil {
				return p.start(node)
			}
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut <= 0 {
			break
		}
		path = path[:cut]
	}
	return pos
}

func (p *fileParser) start(node ast.Node) Pos {
	pos := Pos{File: p.name, Line: 1, Column: 1}
	switch n := node.(type) {
	case *ast.LiteralNode:
		// The text of a block begins on the line after its | or >.
		at := n.Start.Position
		pos.Line, pos.Column = at.Line+1, 1
		if at.Line < len(p.lines) {
			line := p.lines[at.Line]
			pos.Column = len(line) - len(strings.TrimLeft(line, " ")) + 1
		}
		return pos
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return p.start(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return p.start(n.Key)
	}
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		pos.Line, pos.Column = tk.Position.Line, tk.Position.Column
	}
	return pos
}

func (p *fileParser) variables(d *definition, docs []variableDoc) map[string]bool {
	declared := map[string]bool{}
	for i, v := range docs {
		path := "$.variables[" + strconv.Itoa(i) + "]"
		switch {
		case !isName(v.Name):
			p.wrong(path+".name", fmt.Sprintf("%q cannot be a variable's name", v.Name), "use letters, digits and _, beginning with a letter")
		case declared[v.Name]:
			p.wrong(path+".name", fmt.Sprintf("there are two variables %q", v.Name), "")
		}
		declared[v.Name] = true
		if v.Default == "" && len(v.Options.values) > 0 {
			v.Default = v.Options.values[0]
		}
		if len(v.Options.values) > 0 && !slices.Contains(v.Options.values, v.Default) {
			p.wrong(path+".default", fmt.Sprintf("%q is not among the options", v.Default), didYouMean(v.Default, v.Options.values))
		}
		if v.Label == "" {
			v.Label = v.Name
		}
		d.variables = append(d.variables, variable{
			Variable: Variable{Name: v.Name, Label: v.Label, Value: v.Default, Default: v.Default, Options: v.Options.values},
			query:    v.Options.query, pos: p.at(path + ".options.query"),
		})
	}
	return declared
}

func (p *fileParser) panel(d *definition, i int, pd panelDoc, declared, seen map[string]bool) {
	path := "$.panels[" + strconv.Itoa(i) + "]"
	before := len(p.problems)
	switch {
	case pd.ID == "":
		p.wrong(path, "a panel needs an id", "add id: a short name, unique on the page")
	case !isSlug(pd.ID):
		p.wrong(path+".id", fmt.Sprintf("%q cannot be a panel's id", pd.ID), "use letters, digits, - and _")
	case seen[pd.ID]:
		p.wrong(path+".id", fmt.Sprintf("there are two panels %q", pd.ID), "")
	}
	seen[pd.ID] = true
	p.panelType(path, pd.Type)
	if strings.TrimSpace(pd.Query) == "" {
		p.wrong(path, "a panel needs a query", "add query: SELECT …")
	}
	if pd.Limit < 0 || pd.Limit > maxRows {
		p.wrong(path+".limit", "a limit is between 1 and "+strconv.Itoa(maxRows)+" rows", "")
	}
	if pd.Width < 0 || pd.Width > 12 {
		p.wrong(path+".width", "a width is between 1 and 12 columns", "")
	}
	every, err := parseEvery(pd.Every)
	if err != nil {
		p.wrong(path+".every", err.Error(), "write every: 60s")
	}
	n := Panel{
		ID: pd.ID, Title: pd.Title, Type: pd.Type, Source: pd.Query, Pos: p.at(path + ".query"),
		Limit: pd.Limit, Key: pd.Key, Watch: pd.Watch, Every: every, Width: pd.Width, Height: pd.Height, Unit: pd.Unit,
	}
	if n.Title == "" {
		n.Title = n.ID
	}
	if n.Limit == 0 {
		n.Limit = defaultRows
	}
	for name, c := range pd.Columns {
		n.Columns = p.column(path+".columns."+name, n.Columns, name, c)
	}
	b := bind(pd.Query, declared)
	for _, t := range b.unknown {
		at := n.Pos.after(pd.Query, t.at)
		names := make([]string, 0, len(declared))
		for name := range declared {
			names = append(names, name)
		}
		hint := didYouMean(t.text[1:], names)
		if hint == "" {
			hint = "declare it under variables:"
		}
		p.add(&Problem{File: p.name, Line: at.Line, Column: at.Column, What: "there is no variable " + t.text, Hint: hint})
	}
	n.SQL, n.Ordered = b.sql, b.ordered
	if b.clock != "" && n.Every == 0 {
		n.Every, n.Clock = clockPace, true
	}
	if len(p.problems) == before {
		d.panels = append(d.panels, n)
		d.params = append(d.params, b.names)
	}
}

func (p *fileParser) panelType(path, typ string) {
	switch {
	case typ == "":
		p.wrong(path, "a panel needs a type", "types are "+strings.Join(panelTypes, " and "))
	case slices.Contains(panelTypes, typ):
	case slices.Contains(laterTypes, typ):
		p.wrong(path+".type", fmt.Sprintf("this version has no %q panels yet", typ), "types are "+strings.Join(panelTypes, " and "))
	default:
		hint := didYouMean(typ, panelTypes)
		if hint == "" {
			hint = "types are " + strings.Join(panelTypes, " and ")
		}
		p.wrong(path+".type", fmt.Sprintf("there is no panel type %q", typ), hint)
	}
}

func (p *fileParser) column(path string, into map[string]Format, name string, c columnDoc) map[string]Format {
	if c.Align != "" && !slices.Contains(aligns, c.Align) {
		p.wrong(path+".align", fmt.Sprintf("there is no alignment %q", c.Align), "left, right or center")
	}
	for _, color := range c.Colors {
		if !slices.Contains(colorNames, color) {
			hint := didYouMean(color, colorNames)
			if hint == "" {
				hint = "colours are " + strings.Join(colorNames, ", ")
			}
			p.wrong(path+".colors", fmt.Sprintf("there is no colour %q", color), hint)
		}
	}
	if into == nil {
		into = map[string]Format{}
	}
	into[name] = Format{Label: c.Label, Unit: c.Unit, Align: c.Align, Decimals: c.Decimals, Colors: c.Colors}
	return into
}

// after is the place of a byte offset in a query that begins at pos. The
// lines of a block keep its indentation.
func (pos Pos) after(query string, offset int) Pos {
	before := query[:min(offset, len(query))]
	lines := strings.Count(before, "\n")
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	return Pos{File: pos.File, Line: pos.Line + lines, Column: pos.Column + column}
}

func parseEvery(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("%q is not a time of at least a second", text)
	}
	return d, nil
}

func isName(s string) bool { return s != "" && startsWord(s) && skipWord(s, 0) == len(s) && !strings.Contains(s, "$") }

func isSlug(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// slugOf is a file's name without its folder and ending.
func slugOf(file string) string {
	file = file[strings.LastIndexByte(file, '/')+1:]
	return strings.TrimSuffix(strings.TrimSuffix(file, ".yaml"), ".yml")
}

// didYouMean proposes the nearest of the choices, if one is near.
func didYouMean(word string, choices []string) string {
	best, at := "", 3
	for _, c := range choices {
		if d := distance(strings.ToLower(word), c); d < at && d < len(c) {
			best, at = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := last
			if a[i] != b[j] {
				next = min(last, row[j], row[j+1]) + 1
			}
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
