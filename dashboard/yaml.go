package dashboard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// largestFile bounds a dashboard's file.
const largestFile = 256 << 10

// document reads one YAML file and collects every mistake in it.
type document struct {
	file, source string
	anchors      map[string]ast.Node
	problems     []Problem
}

// field is one entry that a mapping may have.
type field struct {
	name string
	read func(ast.Node)
}

// parse gives the file's only document; nil with a problem where there is none.
func (d *document) parse() (body ast.Node) {
	switch {
	case len(d.source) > largestFile:
		d.failAt(0, 0, "split it", "the file is larger than %d KiB", largestFile>>10)
		return nil
	case !utf8.ValidString(d.source) || strings.ContainsRune(d.source, 0):
		d.failAt(0, 0, "save it as UTF-8", "the file is not UTF-8 text")
		return nil
	case nesting(d.source) > 100:
		d.failAt(0, 0, "", "the file nests brackets too deeply")
		return nil
	}
	defer func() {
		// A file that breaks the YAML reader must not take the server with it.
		if r := recover(); r != nil {
			d.failAt(0, 0, "", "the file cannot be read as YAML")
			body = nil
		}
	}()
	file, err := parser.ParseBytes([]byte(d.source), 0)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.failAt(0, 0, "begin with title: and panels:", "the file is empty")
		return nil
	}
	if len(bodies) > 1 {
		d.fail(bodies[1], "put it into a file of its own", "a file holds one dashboard, and a second document begins here")
		return nil
	}
	d.anchors = map[string]ast.Node{}
	ast.Walk(collector{d.anchors}, bodies[0])
	return bodies[0]
}

// collector remembers what anchors name.
type collector struct{ anchors map[string]ast.Node }

func (c collector) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		c.anchors[a.Name.GetToken().Value] = a.Value
	}
	return c
}

// nesting is how deep flow brackets and dashes could nest, at most.
func nesting(source string) int {
	depth, deepest := 0, 0
	dashes := 0
	for _, c := range source {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			dashes++
		case ' ':
		default:
			dashes = 0
		}
		deepest = max(deepest, depth, dashes)
	}
	return deepest
}

// syntax reports what the YAML reader says.
func (d *document) syntax(err error) {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil || at.GetToken().Position == nil {
		d.failAt(0, 0, "", "not YAML: %s", firstLine(err.Error()))
		return
	}
	p := at.GetToken().Position
	what := firstLine(at.GetMessage())
	hint := ""
	switch indent := deeper(d.source, p.Line); {
	case strings.Contains(what, "already defined"):
		hint = "keep one of them"
	case strings.Contains(d.source, "\t"):
		hint = "YAML indents with spaces, never with tabs"
	case strings.Contains(what, "reserved character") || strings.Contains(what, "directive"):
		hint = "a text that begins with @, ` or % needs quotes around it"
	case indent > 0:
		hint = fmt.Sprintf("line %d stands further right than the field above it, which has a value: begin both in the same column", indent)
	case strings.HasPrefix(what, "value is not allowed"):
		hint = "the line begins in a column of its own: fields of one entry stand exactly below each other"
	case strings.Contains(what, "mapping value is not allowed") || strings.Contains(what, "map"):
		hint = "a text that holds a colon, a # or a quote needs quotes around it, or a | and the next line"
	}
	d.failAt(p.Line, p.Column, hint, "not YAML: %s", what)
}

// deeper is the line after one that holds a field and its value, where that next line is a field that stands further right; else 0.
func deeper(source string, line int) int {
	lines := strings.Split(source, "\n")
	if line < 1 || line >= len(lines) {
		return 0
	}
	column := func(s string) int { return len(s) - len(strings.TrimLeft(s, " -")) }
	next, _, field := strings.Cut(strings.TrimLeft(lines[line], " -"), ":")
	if field && isName(next, "_-") && column(lines[line]) > column(lines[line-1]) {
		return line + 1
	}
	return 0
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func (d *document) failAt(line, column int, hint, what string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: line, Column: column, What: fmt.Sprintf(what, args...), Hint: hint,
		Excerpt: excerpt(d.source, line, column),
	})
}

func (d *document) fail(n ast.Node, hint, what string, args ...any) {
	line, column := place(n)
	d.failAt(line, column, hint, what, args...)
}

// place is where a node begins.
func place(n ast.Node) (line, column int) {
	var t *yamltoken.Token
	switch n := n.(type) {
	case nil:
		return 0, 0
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return place(n.Values[0])
		}
		t = n.GetToken()
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	default:
		t = n.GetToken()
	}
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

func (d *document) pos(n ast.Node) Pos {
	line, column := place(n)
	return Pos{d.file, line, column}
}

// resolve follows anchors, aliases and tags to what they stand for.
func (d *document) resolve(n ast.Node) ast.Node {
	for range 16 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		case *ast.AliasNode:
			n = d.anchors[v.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// entries are the pairs of a mapping, or nil with a problem.
func (d *document) entries(n ast.Node, what string) []*ast.MappingValueNode {
	switch v := d.resolve(n).(type) {
	case *ast.MappingNode:
		return v.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{v}
	default:
		d.fail(n, "write name: value", "%s is a mapping of names to values, not %s", what, describe(v))
		return nil
	}
}

// object reads the entries of a mapping; one that is not known is a problem.
func (d *document) object(n ast.Node, what string, fields []field) bool {
	entries := d.entries(n, what)
	for _, e := range entries {
		name := e.Key.GetToken().Value
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case name == "<<":
			d.fail(e, "write the fields out", "merging with << is not supported")
		case i < 0:
			names := make([]string, len(fields))
			for j, f := range fields {
				names[j] = f.name
			}
			d.fail(e, didYouMean(name, names), "%s has no field %q", what, name)
		case d.dangling(e.Value):
		case missing(d.resolve(e.Value)):
			d.fail(e, "give it one, or leave the line out", "%s has no value", name)
		default:
			fields[i].read(e.Value)
		}
	}
	return entries != nil
}

// dangling reports an alias of nothing.
func (d *document) dangling(n ast.Node) bool {
	alias, ok := n.(*ast.AliasNode)
	if !ok || d.resolve(alias) != nil {
		return false
	}
	name := alias.Value.GetToken().Value
	d.fail(alias, "write the value out", "nothing is called %s with &%[1]s", name)
	return true
}

func missing(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}

// items are the entries of a list, or nil with a problem.
func (d *document) items(n ast.Node, what string) []ast.Node {
	s, ok := d.resolve(n).(*ast.SequenceNode)
	if !ok {
		d.fail(n, "write [a, b], or one entry a line, each after a dash", "%s is a list, not %s", what, describe(d.resolve(n)))
		return nil
	}
	return s.Values
}

// text reads one scalar as it is written; numbers and booleans are text too.
func (d *document) text(n ast.Node, what string) (string, bool) {
	switch v := d.resolve(n).(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	default:
		d.fail(n, "", "%s is a text, not %s", what, describe(v))
		return "", false
	}
}

// line reads a text that is shown or used as a name: not empty.
func (d *document) line(n ast.Node, what string) (string, bool) {
	s, ok := d.text(n, what)
	if ok && strings.TrimSpace(s) == "" {
		d.fail(n, "", "%s is empty", what)
		return "", false
	}
	return strings.TrimSpace(s), ok
}

func (d *document) texts(n ast.Node, what string) []string {
	var all []string
	for _, item := range d.items(n, what) {
		if s, ok := d.text(item, "an entry of "+what); ok {
			all = append(all, s)
		}
	}
	return all
}

func (d *document) whole(n ast.Node, what string, low, high int) (int, bool) {
	if v, ok := d.resolve(n).(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(v.GetToken().Value); err == nil && low <= i && i <= high {
			return i, true
		}
	}
	d.fail(n, "", "%s is a whole number from %d to %d, not %s", what, low, high, describe(d.resolve(n)))
	return 0, false
}

func (d *document) yes(n ast.Node, what string) bool {
	v, ok := d.resolve(n).(*ast.BoolNode)
	if !ok {
		d.fail(n, "", "%s is true or false, not %s", what, describe(d.resolve(n)))
		return false
	}
	return v.Value
}

func (d *document) oneOf(n ast.Node, what string, known ...string) string {
	s, ok := d.line(n, what)
	if ok && !slices.Contains(known, s) {
		d.fail(n, didYouMean(s, known), "%s cannot be %q", what, s)
		return ""
	}
	return s
}

func (d *document) duration(n ast.Node, what string, low, high time.Duration) time.Duration {
	s, ok := d.line(n, what)
	if !ok {
		return 0
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		hint := "write a number and its unit, such as 30s, 5m or 1h"
		if _, err := strconv.Atoi(s); err == nil {
			hint = "did you mean " + s + "s?"
		}
		d.fail(n, hint, "%s cannot be %q", what, s)
		return 0
	}
	if t < low || t > high {
		d.fail(n, "write a time from "+asWritten(low)+" to "+asWritten(high), "%s cannot be %s", what, s)
		return 0
	}
	return t
}

// locator is for finding places inside a scalar.
func (d *document) locator(n ast.Node) locator {
	n = d.resolve(n)
	line, column := place(n)
	l := locator{file: d.file, source: d.source, line: line, column: column}
	switch v := n.(type) {
	case *ast.LiteralNode:
		l.value, l.line, l.column = v.Value.Value, line+1, 1
	case *ast.StringNode:
		l.value = v.Value
		switch v.Token.Type {
		case yamltoken.DoubleQuoteType:
			l.style = '"'
			l.column++
		case yamltoken.SingleQuoteType:
			l.style = '\''
			l.column++
		}
	}
	return l
}

func describe(n ast.Node) string {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	default:
		return strconv.Quote(clip(v.GetToken().Value))
	}
}
