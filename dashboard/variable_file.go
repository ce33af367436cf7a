package dashboard

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// variableFields are the nodes whose meaning depends on other fields.
type variableFields struct {
	name, typ, options, query, preset, multiple, strict ast.Node
}

// variables reads the variables of a file. A query for options may name any of
// them, so all are known before the first query is read.
func (d *document) variables(def *definition, list ast.Node) {
	queries := map[string]ast.Node{}
	for _, n := range d.items(list, "variables") {
		d.variable(def, n, queries)
	}
	for i := range def.variables {
		v := &def.variables[i]
		if n := queries[v.Name]; n != nil {
			d.optionsQuery(def, v, n)
		}
	}
	d.dependencies(def, queries)
}

func (d *document) variable(def *definition, n ast.Node, queries map[string]ast.Node) {
	v := Variable{Type: VariableText}
	var at variableFields
	whole := d.object(n, "a variable", []field{
		{"name", func(n ast.Node) { at.name = n }},
		{"label", func(n ast.Node) { v.Label, _ = d.line(n, "label") }},
		{"type", func(n ast.Node) { at.typ = n }},
		{"options", func(n ast.Node) { at.options = n }},
		{"query", func(n ast.Node) { at.query = n }},
		{"default", func(n ast.Node) { at.preset = n }},
		{"multiple", func(n ast.Node) { at.multiple = n; v.Multiple = d.yes(n, "multiple") }},
		{"strict", func(n ast.Node) { at.strict = n; v.Strict = d.yes(n, "strict") }},
	})
	if at.name == nil {
		if whole {
			d.fail(n, "add name:", "the variable has no name")
		}
		return
	}
	if !d.variableName(def, &v, at.name) {
		return
	}
	if whole && d.variableType(&v, at) && d.apart(def, &v, at.name) {
		d.options(&v, at)
		d.preset(&v, at.preset)
		queries[v.Name] = at.query
	}
	v.Values = v.Defaults
	def.variables = append(def.variables, v)
}

func (d *document) variableName(def *definition, v *Variable, n ast.Node) bool {
	var ok bool
	if v.Name, ok = d.line(n, "name"); !ok {
		return false
	}
	v.at = d.pos(n)
	if v.Label == "" {
		v.Label = v.Name
	}
	if slices.Contains(ownParameters(), v.Name) {
		d.fail(n, "give it another name", "%q is a parameter that every page has in its address", v.Name)
		return false
	}
	if !isName(v.Name, "_") || isDigit(v.Name[0]) {
		d.fail(n, "use letters, digits and _, as in order_status", "a variable cannot be called %q", v.Name)
		return false
	}
	if slices.ContainsFunc(def.variables, func(o Variable) bool { return o.Name == v.Name }) {
		d.fail(n, "give each variable a name of its own", "there are two variables %q", v.Name)
		return false
	}
	return true
}

// variableType reads the type and refuses what does not go with it.
func (d *document) variableType(v *Variable, at variableFields) bool {
	listed := at.options != nil || at.query != nil
	if listed {
		v.Type = VariableSelect
	}
	if at.typ != nil {
		name, ok := d.line(at.typ, "type")
		if !ok {
			return false
		}
		if !slices.Contains(VariableTypes(), name) {
			d.fail(at.typ, didYouMean(name, VariableTypes()), "there is no variable type %q", name)
			return false
		}
		v.Type = name
	}
	before := len(d.problems)
	const chosen = "leave it out, or make it a select"
	switch v.Type {
	case VariableSelect:
		if !listed {
			d.fail(at.typ, "add options: with a list, or query: SELECT …", "a select has options")
		}
	case VariableText:
	default:
		for _, n := range []ast.Node{at.options, at.query} {
			if n != nil {
				d.fail(n, chosen, "a variable of type %s has no options", v.Type)
			}
		}
	}
	if at.multiple != nil && v.Type != VariableSelect {
		d.fail(at.multiple, chosen, "a variable of type %s has one value", v.Type)
	}
	if at.strict != nil && (v.Type != VariableSelect || at.query == nil) {
		d.fail(at.strict, "leave it out: what the file lists is always strict", "strict is for a select with a query")
	}
	return len(d.problems) == before
}

func (d *document) options(v *Variable, at variableFields) {
	switch {
	case at.options != nil && at.query != nil:
		d.fail(at.query, "keep one of them", "a variable has options or a query for them, not both")
	case at.options != nil:
		if isMapping(d.resolve(at.options)) {
			d.fail(at.options, "write query: beside name:, in place of options:", "options is a list")
			return
		}
		items := d.items(at.options, "options")
		for _, n := range items {
			d.option(v, n)
		}
		if items != nil && len(items) == 0 {
			d.fail(at.options, "", "options is empty")
		}
		v.Strict = v.Type == VariableSelect
	}
}

// option reads one value, or one {value, label}.
func (d *document) option(v *Variable, n ast.Node) {
	var o Option
	before := len(d.problems)
	if isMapping(d.resolve(n)) {
		d.object(n, "an option", []field{
			{"value", func(n ast.Node) { o.Value, _ = d.text(n, "value") }},
			{"label", func(n ast.Node) { o.Label, _ = d.line(n, "label") }},
		})
	} else {
		o.Value, _ = d.text(n, "an entry of options")
	}
	switch {
	case len(d.problems) > before:
		return
	case o.Value == "" && o.Label == "" && !v.Multiple:
		d.fail(n, `give it a label, as in {value: "", label: none}, or leave it out`, "an option is empty")
	case o.Value == "" && v.Multiple:
		d.fail(n, "leave it out: nothing chosen is a choice of its own", "an option of several is empty")
	case v.offers(o.Value):
		d.fail(n, "leave it out", "the option %q is there twice", o.Value)
	}
	if o.Label == "" {
		o.Label = o.Value
	}
	v.Options = append(v.Options, o)
}

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// preset reads the default, or finds one.
func (d *document) preset(v *Variable, n ast.Node) {
	v.Defaults = []string{""}
	switch {
	case n != nil:
	case v.Multiple:
		v.Defaults = nil
		return
	case v.Type == VariableRange:
		v.Defaults = []string{defaultRange}
		return
	case v.Type == VariableSelect && len(v.Options) > 0:
		v.Defaults = []string{v.Options[0].Value}
		return
	default:
		v.nullable = true
		return
	}
	items := []ast.Node{n}
	if list, ok := d.resolve(n).(*ast.SequenceNode); ok && v.Multiple {
		items = list.Values
	}
	var given []string
	for _, item := range items {
		s, ok := d.text(item, "default")
		if !ok {
			return
		}
		if _, why := v.one(s); why != "" && (s != "" || !v.Multiple) {
			if len(v.Options) > 0 {
				d.fail(item, didYouMean(s, optionValues(v.Options)), "the default %q is not one of the options", s)
			} else {
				d.fail(item, "", "the default cannot be %q; %s", s, why)
			}
			return
		}
		given = append(given, s)
	}
	if s := given; len(s) == 1 && strings.TrimSpace(s[0]) == "" && v.Type == VariableRange {
		d.fail(n, "write last-15m, for one", "the default of a time range is empty")
		return
	}
	v.Defaults, _ = v.canonical(given)
}

// optionsQuery makes the panel that reads a variable's options.
func (d *document) optionsQuery(def *definition, v *Variable, n ast.Node) {
	if _, ok := d.text(n, "query"); !ok {
		return
	}
	v.OptionsPanel = "@" + v.Name
	p := Panel{ID: v.OptionsPanel, Title: v.Label, OptionsOf: v.Name, Limit: mostOptions, Width: 12, places: map[string]Pos{}}
	d.panelQuery(def, &p, n)
	def.choices = append(def.choices, p)
}

// dependencies puts the variables into an order in which each comes after
// those that its options depend on, or tells a circle.
func (d *document) dependencies(def *definition, queries map[string]ast.Node) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var way []string
	var visit func(i int) bool
	visit = func(i int) bool {
		v := &def.variables[i]
		switch state[v.Name] {
		case done:
			return true
		case visiting:
			circle := append(way[slices.Index(way, v.Name):], v.Name)
			if len(circle) == 2 {
				d.fail(queries[v.Name], "take it out of the query", "the options of %q depend on %q itself", v.Name, v.Name)
			} else {
				d.fail(queries[v.Name], "let one of them list its options by itself", "the options of %q depend on themselves: %s", v.Name, strings.Join(circle, ", "))
			}
			return false
		}
		state[v.Name], way = visiting, append(way, v.Name)
		for _, name := range def.parents(v) {
			if !visit(slices.IndexFunc(def.variables, func(o Variable) bool { return o.Name == name })) {
				return false
			}
		}
		state[v.Name], way = done, way[:len(way)-1]
		def.order = append(def.order, i)
		return true
	}
	for i := range def.variables {
		if !visit(i) {
			return
		}
	}
}

// uses tells whether the variable changes anything.
func (def *definition) uses(v *Variable) bool {
	for _, p := range slices.Concat(def.panels, def.choices) {
		if p.Chart != nil && p.Chart.Range == v.Name {
			return true
		}
		for _, s := range v.symbols() {
			if len(s.params) > 0 && slices.Contains(p.names, s.params[0]) {
				return true
			}
		}
	}
	return false
}

// ownParameters are those of the browser's own in any page's address.
func ownParameters() []string { return []string{"kiosk", "embed", "rotate", "each", "theme", "widths"} }

// parents are the variables that the options of v depend on.
func (def *definition) parents(v *Variable) (names []string) {
	for i := range def.choices {
		if def.choices[i].OptionsOf != v.Name {
			continue
		}
		for _, o := range def.variables {
			for _, s := range o.symbols() {
				if len(s.params) > 0 && slices.Contains(def.choices[i].names, s.params[0]) && !slices.Contains(names, o.Name) {
					names = append(names, o.Name)
				}
			}
		}
	}
	return names
}

// symbols are the names that queries may use.
func (def *definition) symbols() (all []symbol) {
	for i := range def.variables {
		all = append(all, def.variables[i].symbols()...)
	}
	return all
}

// apart tells whether no other variable gives queries the names that v gives
// them: a time range has two more.
func (d *document) apart(def *definition, v *Variable, n ast.Node) bool {
	for _, s := range v.symbols() {
		if find(def.symbols(), s.name) != nil {
			d.fail(n, "give one of them another name", "a time range makes @%s too", s.name)
			return false
		}
	}
	return true
}
