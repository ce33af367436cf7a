package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The types of variable, as files spell them.
const (
	VariableText    = "text"    // any text, perhaps with options as suggestions
	VariableNumber  = "number"  // a numeric
	VariableInteger = "integer" // a bigint
	VariableDate    = "date"    // a day, perhaps one that goes with the calendar, such as yesterday
	VariableSelect  = "select"  // one or several of a list
	VariableRange   = "range"   // from one moment to another; relative ones slide
)

// VariableTypes are the types of variable.
func VariableTypes() []string {
	return []string{VariableText, VariableNumber, VariableInteger, VariableDate, VariableSelect, VariableRange}
}

// Variable is one choice that a dashboard offers.
type Variable struct {
	Name  string
	Label string // the name, where the file gives none
	Type  string // one of [VariableTypes]
	// Values are what is chosen on this page, each in its canonical form: one,
	// which is "" while it is empty, or any number of them where Multiple is set.
	Values   []string
	Defaults []string // what Values are where the address says nothing
	Multiple bool
	Strict   bool     // only what is among the options may be chosen
	Options  []Option // as the file lists them
	// OptionsPanel is the ID of the panel whose rows are the options, where they
	// come from a query: the value, and in a second column its label.
	OptionsPanel string

	at       Pos  // where its name stands
	nullable bool // without a default: while it is empty it is NULL
}

// Option is one value that may be chosen.
type Option struct {
	Value string
	Label string // what readers see, never ""
}

// Value is the only value of a variable that takes one, else the first.
func (v *Variable) Value() string {
	if len(v.Values) == 0 {
		return ""
	}
	return v.Values[0]
}

// offers tells whether the file lists a value.
func (v *Variable) offers(value string) bool {
	return slices.ContainsFunc(v.Options, func(o Option) bool { return o.Value == value })
}

// set takes the values of the address.
func (v *Variable) set(given []string) error {
	values, why := v.canonical(given)
	if why != "" {
		err := refuse("bad_request", "%s cannot be %s", v.Name, why)
		err.Parameter = v.Name
		return err
	}
	v.Values = values
	return nil
}

// canonical puts values into the form and the order in which addresses have
// them, or says why they cannot be taken.
func (v *Variable) canonical(given []string) (values []string, why string) {
	if !v.Multiple {
		given = given[:min(1, len(given))]
	}
	for _, s := range given {
		if v.Multiple && (s == "" || slices.Contains(values, s)) {
			continue
		}
		value, why := v.one(s)
		if why != "" {
			return nil, fmt.Sprintf("%q; %s", clip(s), why)
		}
		values = append(values, value)
	}
	switch {
	case !v.Multiple && (len(values) == 0 || v.Type == VariableRange && values[0] == ""):
		return slices.Clone(v.Defaults), ""
	case v.Multiple && len(v.Options) > 0:
		slices.SortFunc(values, func(a, b string) int { return v.place(a) - v.place(b) })
	case v.Multiple:
		slices.Sort(values)
	}
	return values, ""
}

// place is a value's number among the options.
func (v *Variable) place(value string) int {
	return slices.IndexFunc(v.Options, func(o Option) bool { return o.Value == value })
}

// one checks one value by the variable's type.
func (v *Variable) one(s string) (value, why string) {
	switch v.Type {
	case VariableNumber, VariableInteger, VariableDate, VariableRange:
		if s = strings.TrimSpace(s); s == "" {
			return "", ""
		}
	}
	ok := true
	switch v.Type {
	case VariableNumber:
		value, ok = canonicalNumber(s)
		why = "it is a number, such as 12 or 0.5"
	case VariableInteger:
		n, err := strconv.ParseInt(s, 10, 64)
		value, ok = strconv.FormatInt(n, 10), err == nil
		why = "it is a whole number"
	case VariableDate:
		value, ok = canonicalDay(s)
		why = "it is a date, such as 2026-11-20, today, yesterday or today-7"
	case VariableRange:
		r, err := parseRange(s)
		value, ok = r.text, err == nil
		if err != nil {
			why = err.Error()
		}
	default:
		value, ok = s, len(v.Options) == 0 || !v.Strict || v.offers(s)
		if !ok {
			why = "it is one of " + list(optionValues(v.Options))
		}
	}
	if ok {
		return value, ""
	}
	return "", why
}

// canonicalNumber is a decimal number without what adds nothing to it.
func canonicalNumber(s string) (string, bool) {
	sign := ""
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = "-", s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if whole+fraction == "" || len(s) > 100 || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole+fraction == "" {
		return "0", true
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}

func optionValues(options []Option) []string {
	values := make([]string, len(options))
	for i, o := range options {
		values[i] = o.Value
	}
	return values
}

// symbol is a name that queries may use, and what stands in its place.
type symbol struct {
	name   string
	form   string   // with a verb for the number of each parameter; "": it cannot be used
	params []string // names of the parameters, unique on the dashboard
	hint   string   // what to write in its place, where it cannot be used
}

// The ends of a time range: an instant, or the clock cut to a unit and shifted.
// So one statement serves all ranges, and a relative one never stands still.
const rangeEnd = `COALESCE($%d::pg_catalog.timestamptz, ` +
	`pg_catalog.date_trunc($%d::pg_catalog.text, pg_catalog.now()) OPERATOR(pg_catalog.+) $%d::pg_catalog.interval)`

// symbols are the names that the variable gives to queries.
func (v *Variable) symbols() []symbol {
	form := "$%d" // PostgreSQL infers the type
	switch {
	case v.Multiple:
		form = "($%d::pg_catalog.text[])"
	case v.Type == VariableNumber:
		form = "($%d::pg_catalog.numeric)"
	case v.Type == VariableInteger:
		form = "($%d::pg_catalog.int8)"
	case v.Type == VariableDate:
		return []symbol{{name: v.Name, form: dayForm, params: []string{v.Name, v.Name + " shift"}}}
	case v.Type == VariableRange:
		end := func(name string) symbol {
			return symbol{name: name, form: rangeEnd, params: []string{name, name + " unit", name + " shift"}}
		}
		from, to := end(v.Name+"_from"), end(v.Name+"_to")
		return []symbol{from, to, {name: v.Name, hint: fmt.Sprintf("write @%s and @%s", from.name, to.name)}}
	}
	return []symbol{{name: v.Name, form: form, params: []string{v.Name}}}
}

// args adds the variable's bind parameters, by name; nil is NULL.
func (v *Variable) args(into map[string]*string) {
	value := v.Value()
	switch {
	case v.Multiple && len(v.Values) == 0:
		into[v.Name] = nil
	case v.Multiple:
		text := arrayText(v.Values)
		into[v.Name] = &text
	case v.Type == VariableRange:
		r, _ := parseRange(value) // it is canonical
		for name, end := range map[string]rangeBound{v.Name + "_from": r.from, v.Name + "_to": r.to} {
			into[name], into[name+" unit"], into[name+" shift"] = orNull(end.at), orNull(end.unit), orNull(end.shift)
		}
	case v.Type == VariableDate:
		into[v.Name], into[v.Name+" shift"] = orNull(value), nil
		if days, _, ok := relativeDay(value); ok {
			shift := strconv.Itoa(days)
			into[v.Name], into[v.Name+" shift"] = nil, &shift
		}
	case value == "" && (v.nullable || v.Type == VariableNumber || v.Type == VariableInteger):
		into[v.Name] = nil
	default:
		into[v.Name] = &value
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// arrayText is PostgreSQL's text of an array of texts.
func arrayText(values []string) string {
	var b strings.Builder
	for i, s := range values {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`)
	}
	return b.String() + "}"
}
