package views

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Variable is one choice in the bar.
type Variable struct {
	Name, Label string
	Type        string // "text", "number", "integer", "date", "select" or "range"
	Multiple    bool
	Values      []string // chosen; one, "" where it is empty, unless Multiple
	Defaults    []string
	Options     []Option // that may be chosen, or are suggested; of a range, and of a day that goes with the calendar, its presets
	Panel       string   // id of the panel whose rows are the options; "" where the file lists them
	Zone        string   // the time zone of a range's moments

	Truncated     bool   // there are more options than are listed
	columns, rows string // of that panel, as the protocol writes them; "" where it has no result yet
}

// Option is one value of a variable and what readers see of it.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Choice is an option as the bar offers it.
type Choice struct {
	Option
	Chosen bool `json:"chosen"`
}

// manyOptions is the number of options from which on they can be searched.
const manyOptions = 10

// longList is the number of options from which on one of them is chosen in a box that can be searched.
const longList = 50

// anything is what stands where nothing is chosen.
const anything = "any"

// OptionRows makes options of a result's rows: the first cell is the value, the second its label. NULLs and repetitions are left out.
func OptionRows(rows [][]*string) []Option {
	var options []Option
	seen := map[string]bool{}
	for _, cells := range rows {
		if len(cells) == 0 || cells[0] == nil || seen[*cells[0]] {
			continue
		}
		o := Option{Value: *cells[0], Label: *cells[0]}
		if len(cells) > 1 && cells[1] != nil {
			o.Label = *cells[1]
		}
		seen[o.Value] = true
		options = append(options, o)
	}
	return options
}

// SetRows takes the options from the panel that reads them: its columns, and its rows with their keys.
func (v *Variable) SetRows(fields []Field, keys []string, rows [][]*string) {
	columns := make([]Column, len(fields))
	for i, f := range fields {
		columns[i] = Column{Name: f.Name, Type: f.Type}
	}
	keyed := make([][]*string, len(rows))
	for i, cells := range rows {
		keyed[i] = append([]*string{&keys[i]}, cells...)
	}
	v.Options, v.columns, v.rows = OptionRows(rows), columnsJSON(columns), marshal(keyed)
}

// Choices are the options as the bar offers them: what is chosen is always among them, and what is chosen by default too, unless
// several may be.
func (v *Variable) Choices() []Choice {
	options := slices.Clone(v.Options)
	missing := v.Values
	if !v.Multiple {
		missing = slices.Concat(v.Defaults, v.Values)
	}
	for _, value := range slices.Backward(missing) {
		if !slices.ContainsFunc(options, func(o Option) bool { return o.Value == value }) {
			options = slices.Insert(options, 0, Option{Value: value, Label: v.label(value)})
		}
	}
	choices := make([]Choice, len(options))
	for i, o := range options {
		if o.Label == "" {
			o.Label = anything
		}
		choices[i] = Choice{Option: o, Chosen: slices.Contains(v.Values, o.Value)}
	}
	return choices
}

// label is what readers see of a value that is no option.
func (v *Variable) label(value string) string {
	switch v.Type {
	case "range":
		return RangeText(value)
	case "date":
		return DayText(value)
	}
	return value
}

// Text is what is chosen, in few words.
func (v *Variable) Text() string {
	labels := v.chosen()
	if len(labels) > 2 {
		return strconv.Itoa(len(labels)) + " of " + strconv.Itoa(len(v.Choices()))
	}
	return strings.Join(labels, ", ")
}

// chosen are the labels of what is chosen, the word for anything where nothing is.
func (v *Variable) chosen() []string {
	var labels []string
	for _, c := range v.Choices() {
		if c.Chosen {
			labels = append(labels, c.Label)
		}
	}
	if len(labels) == 0 {
		return []string{anything}
	}
	return labels
}

// allChosen is what is chosen, by name, as part of a sentence.
func (v *Variable) allChosen() string {
	labels := v.chosen()
	if n := len(labels) - saidMost; n > 0 {
		labels = append(labels[:saidMost:saidMost], strconv.Itoa(n)+" more")
	}
	text := strings.Join(labels, ", ")
	if v.Type == "range" {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// saidMost is how many chosen options are said by name.
const saidMost = 6

// Said is what was chosen on a page, where the bar is not: on a wall and on paper. A time range is always said.
func Said(list []Variable) string {
	var words []string
	for i := range list {
		if v := &list[i]; v.Type == "range" || !slices.Equal(v.Values, v.Defaults) {
			words = append(words, v.Label+": "+v.allChosen())
		}
	}
	return strings.Join(words, " · ")
}

// rangeTexts are the ranges that the calendar bounds.
var rangeTexts = map[string]string{"today": "Today", "yesterday": "Yesterday", "this-week": "This week", "this-month": "This month"}

// RangeText is a time range as readers see it: "Last 15 min", "2026-11-20 10:00 – 12:00".
func RangeText(value string) string {
	if text, ok := rangeTexts[value]; ok {
		return text
	}
	if span, ok := strings.CutPrefix(value, "last-"); ok && span != "" {
		number, unit := span[:len(span)-1], span[len(span)-1:]
		if unit == "m" {
			unit = "min"
		}
		return "Last " + number + " " + unit
	}
	from, to, ok := strings.Cut(value, "..")
	if !ok {
		return value
	}
	day, _, _ := strings.Cut(from, "T")
	if until, clock, ok := strings.Cut(to, "T"); ok && until == day {
		to = clock
	}
	return strings.ReplaceAll(from, "T", " ") + " – " + strings.ReplaceAll(to, "T", " ")
}

// DayText is a day as readers see it: "Today", "7 days ago", "2026-11-20".
func DayText(value string) string {
	if text := dayTexts[value]; text != "" {
		return text
	}
	if days, ok := strings.CutPrefix(value, "today-"); ok {
		return days + " days ago"
	}
	if days, ok := strings.CutPrefix(value, "today+"); ok {
		return "In " + days + " days"
	}
	return value
}

var dayTexts = map[string]string{"today": "Today", "yesterday": "Yesterday", "tomorrow": "Tomorrow"}

// Moves tells whether the variable is a day, and one of these goes with the calendar.
func (v *Variable) Moves() bool {
	return v.Type == "date" && slices.ContainsFunc(slices.Concat(v.Values, v.Defaults), func(s string) bool { return DayText(s) != s })
}

// kind is the control that a variable needs.
func (v *Variable) kind() string {
	switch {
	case v.Type == "range" || v.Moves() || v.Multiple || v.Type == "select" && len(v.Options) > longList:
		return "pick"
	case v.Type == "select":
		return "select"
	}
	return "field"
}

// fileOptions are the options that do not come from a panel, for the browser.
func (v *Variable) fileOptions() string {
	if v.Panel != "" || v.Options == nil {
		return "[]"
	}
	return marshal(v.Options)
}

// tick is the kind of box that stands before each option.
func (v *Variable) tick() string {
	if v.Multiple {
		return "checkbox"
	}
	return "radio"
}

// listRole is what a list of such boxes is.
func (v *Variable) listRole() string {
	if v.Multiple {
		return "group"
	}
	return "radiogroup"
}

// cutNote says that there are more options than are listed.
func (v *Variable) cutNote() string {
	if !v.Truncated {
		return ""
	}
	return "Only the first " + Count(int64(len(v.Options)), false) + " are listed"
}

func (v *Variable) defaults() string {
	if v.Defaults == nil {
		return "[]"
	}
	return marshal(v.Defaults)
}

func (v *Variable) value() string {
	if len(v.Values) == 0 {
		return ""
	}
	return v.Values[0]
}

// input are the attributes of a field that is typed into.
func (v *Variable) input() (typ, mode, pattern, title string) {
	switch v.Type {
	case "number":
		return "text", "decimal", `\s*[+\-]?(\d+\.?\d*|\.\d+)\s*`, "A number, such as 12 or 0.5"
	case "integer":
		return "text", "numeric", `\s*[+\-]?\d{1,18}\s*`, "A whole number"
	case "date":
		return "date", "", "", ""
	}
	return "text", "", "", ""
}

func inputAttributes(v *Variable) templ.OrderedAttributes {
	typ, mode, pattern, title := v.input()
	var a attributes
	a.add("type", typ)
	a.add("inputmode", mode)
	a.add("pattern", pattern)
	a.add("title", title)
	if v.Type == "date" { // a year that is being typed is none yet
		a.add("min", "1000-01-01")
	}
	if v.Type == "text" && (len(v.Options) > 0 || v.Panel != "") {
		a.add("list", "suggest-"+v.Name)
	}
	return templ.OrderedAttributes(a)
}

// variableAttributes are what the browser knows a variable by.
func variableAttributes(v *Variable) templ.OrderedAttributes {
	var a attributes
	a.add("data-variable", v.Name)
	a.add("data-type", v.Type)
	a.add("data-defaults", v.defaults())
	a.add("data-options", v.fileOptions())
	a.add("data-panel-id", v.Panel)
	a.add("data-columns", v.columns)
	a.add("data-rows", v.rows)
	if v.Truncated {
		a.add("data-truncated", "true")
	}
	a.add("data-zone", v.Zone)
	if v.Multiple {
		a = append(a, templ.KV[string, any]("data-multiple", true))
	}
	if v.Type == "date" && v.value() == "" {
		a = append(a, templ.KV[string, any]("data-empty", true))
	}
	return templ.OrderedAttributes(a)
}
