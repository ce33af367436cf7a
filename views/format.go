package views

import (
	"slices"
	"strings"
)

// Format is what a dashboard says about one column. The zero value lets name and type decide.
type Format struct {
	Label    string            `json:"label,omitempty"`    // head of the column, for its name
	Unit     string            `json:"unit,omitempty"`     // stands once, in the head: "EUR"
	Align    string            `json:"align,omitempty"`    // "left", "right"; "": quantities right
	Decimals *int              `json:"decimals,omitempty"` // fixed number of decimals
	Time     string            `json:"time,omitempty"`     // "relative", "absolute"; "": relative on dashboards where a timestamptz is named …_at
	Key      bool              `json:"key,omitempty"`      // identifies a row, here or in another table: shown as it is, on the left
	Colors   map[string]string `json:"colors,omitempty"`   // value to the name of a hue, each of which has a shape of its own too; makes the column a status

	Format     string      `json:"format,omitempty"`     // of a number: "percent" of a share (0.25 is 25.0%), "bytes", "duration" in seconds, "compact" (1.3 M), "plain" (as it is stored); "": by its type
	Thresholds []Threshold `json:"thresholds,omitempty"` // of a number: its colour from some value on, the least first
	Bar        *Bar        `json:"bar,omitempty"`        // of a number: a bar under it
	Hidden     bool        `json:"hidden,omitempty"`     // not shown: there for links, and in the files
	Width      int         `json:"width,omitempty"`      // of 100 that the table is wide; 0: as its content needs
	Link       string      `json:"link,omitempty"`       // where a cell leads: "/t/public.orders?where=id.is.{id}"; see [Complete]
}

// Bar is a bar under each number of a column, as long as the number. Max is how much a whole one is; nil: the column's largest.
type Bar struct {
	Max *float64 `json:"max,omitempty"`
}

// Field is one column of a result: its name, its type as pg_type.typname, and what the dashboard says about it.
type Field struct {
	Name, Type string
	Enum       []string // labels in their order, where the type is an enum
	Format     Format
}

// Column is a field ready to be shown. Class belongs on its head and on every cell; As is the place that its cells take where
// a narrow screen folds rows ("title", "amount", "key", "status", "time" or "").
type Column struct {
	Name, Type string
	Head       string // "Total, EUR"
	Class      string
	As         string
	SortHref   string // where a click on the head leads; "" where it does not sort
	Sort       string // "ascending" or "descending" if the rows are in its order
	Hidden     bool
	Width      int // of 100; 0: as its content needs
	Enum       []string

	kind       kind
	bare       bool // digits without separators
	relative   bool
	label      string // the head without its unit
	unit       string
	decimals   *int
	colors     map[string]string
	dealt      []string // labels of an enum whose colours are not the file's
	style      string
	thresholds []Threshold
	bar        *Bar
	link       []piece
}

type kind int

const (
	text kind = iota
	integer
	decimal
	boolean
	document
	uuid
	moment   // timestamptz
	datetime // timestamp
	calendar // date, time, addresses: as they are, figures of one width
	duration // interval
	currency // money: as the database's locale writes it
	binary
	array
	span // a range
)

func kindOf(typ string) kind {
	switch typ {
	case "int2", "int4", "int8", "oid", "xid", "xid8":
		return integer
	case "numeric", "float4", "float8":
		return decimal
	case "bool":
		return boolean
	case "json", "jsonb":
		return document
	case "uuid":
		return uuid
	case "timestamptz":
		return moment
	case "timestamp":
		return datetime
	case "date", "time", "timetz", "inet", "cidr", "macaddr", "macaddr8", "pg_lsn":
		return calendar
	case "interval":
		return duration
	case "money":
		return currency
	case "bytea":
		return binary
	case "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange":
		return span
	default:
		if strings.HasPrefix(typ, "_") {
			return array
		}
		return text
	}
}

// Describe decides how a result's columns are shown. Raw keeps names as they are and times absolute: a table's own page.
func Describe(fields []Field, raw bool) []Column {
	columns := make([]Column, len(fields))
	for i, f := range fields {
		k := kindOf(f.Type)
		columns[i] = Column{
			Name: f.Name, Type: f.Type, Hidden: f.Format.Hidden, Width: f.Format.Width, Enum: f.Enum,
			kind: k, label: headLabel(f, raw), unit: f.Format.Unit, decimals: f.Format.Decimals, colors: f.Format.Colors,
			style: f.Format.Format, thresholds: f.Format.Thresholds, bar: f.Format.Bar, link: linkPieces(f.Format.Link, fields),
			bare:     k == integer && (f.Format.Key || namesKey(f.Name)),
			relative: k == moment && (f.Format.Time == "relative" || f.Format.Time == "" && !raw && strings.HasSuffix(f.Name, "_at")),
		}
		c := &columns[i]
		if c.Head = c.label; c.unit != "" {
			c.Head += ", " + c.unit
		}
		if k == duration && c.style == "" && !raw {
			c.style = "duration"
		}
		if c.colors == nil && len(f.Enum) > 0 {
			c.colors, c.dealt = Deal(f.Enum), f.Enum
		}
		if !c.measured() || c.bare {
			c.bar, c.thresholds = nil, nil
		}
	}
	assign(columns, fields, raw)
	for i := range columns {
		columns[i].Class = class(&columns[i], fields[i].Format, raw)
	}
	markEnds(columns)
	return columns
}

// markEnds names the first and the last column that are shown where that is not where they stand.
func markEnds(columns []Column) {
	if !veiled(columns) {
		return
	}
	shown := func(c Column) bool { return !c.Hidden }
	if i := slices.IndexFunc(columns, shown); i >= 0 {
		columns[i].Class = strings.TrimSpace(columns[i].Class + " first")
	}
	for i := len(columns) - 1; i >= 0; i-- {
		if shown(columns[i]) {
			columns[i].Class = strings.TrimSpace(columns[i].Class + " last")
			return
		}
	}
}

func namesKey(name string) bool {
	return name == "id" || strings.HasSuffix(name, "_id") || name == "year"
}

// namesRow: does the name promise what people call a row?
func namesRow(name string) bool {
	switch name {
	case "name", "title", "label", "subject", "email", "username", "customer", "product":
		return true
	}
	return strings.HasSuffix(name, "_name")
}

func headLabel(f Field, raw bool) string {
	switch {
	case f.Format.Label != "":
		return f.Format.Label
	case raw:
		return f.Name
	case f.Name == "id":
		return "ID"
	default:
		return capital(strings.ReplaceAll(f.Name, "_", " "))
	}
}

// capital writes an ASCII first letter large; other scripts keep what they have, alike in both languages.
func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// assign gives each place of a folded row to the first column that fits.
func assign(columns []Column, fields []Field, raw bool) {
	first := func(as string, fits func(c *Column, f Field) bool) bool {
		for i := range columns {
			if columns[i].As == "" && !columns[i].Hidden && fits(&columns[i], fields[i]) {
				columns[i].As = as
				return true
			}
		}
		return false
	}
	_ = first("key", func(_ *Column, f Field) bool { return f.Format.Key }) ||
		first("key", func(c *Column, f Field) bool { return f.Name == "id" || c.kind == uuid }) ||
		first("key", func(c *Column, _ Field) bool { return c.bare })
	_ = first("status", func(_ *Column, f Field) bool { return f.Format.Colors != nil }) ||
		first("status", func(_ *Column, f Field) bool { return f.Name == "status" || f.Name == "state" }) ||
		first("status", func(c *Column, _ Field) bool { return c.colors != nil })
	_ = first("time", func(c *Column, _ Field) bool { return c.kind == moment }) ||
		first("time", func(c *Column, _ Field) bool { return c.kind == datetime || c.Type == "date" })
	titled := first("title", func(c *Column, _ Field) bool { return c.kind == text && namesRow(c.Name) }) ||
		!raw && first("title", func(c *Column, _ Field) bool { return c.kind == text })
	_ = first("amount", func(c *Column, _ Field) bool { return c.kind == decimal }) ||
		first("amount", func(c *Column, _ Field) bool { return c.kind == integer && !c.bare })
	if titled || len(columns) == 0 {
		return
	}
	for _, as := range []string{"key", "status", ""} { // what stands in for a title
		if i := slices.IndexFunc(columns, func(c Column) bool { return c.As == as && !c.Hidden }); i >= 0 {
			if as == "key" { // the place of the key is free now
				first("key", func(c *Column, _ Field) bool { return c.kind == text })
			}
			columns[i].As = "title"
			return
		}
	}
	columns[0].As = "title"
}

func class(c *Column, f Format, raw bool) string {
	var names []string
	quantity := c.measured() && !c.bare && (c.kind != duration || c.style == "duration")
	if f.Align == "right" || f.Align == "" && (quantity || c.relative) {
		names = append(names, "n")
	}
	switch c.kind {
	case integer, decimal, moment, datetime, calendar, duration, currency, uuid:
		names = append(names, "num")
	case document, binary:
		names = append(names, "doc")
	}
	if c.kind == uuid {
		names = append(names, "uuid")
	}
	if c.bar != nil {
		names = append(names, "barred")
	}
	if c.Width > 0 {
		names = append(names, "sized")
	}
	switch {
	case raw:
	case c.As == "title":
		names = append(names, "lead")
	case c.bare || c.kind == uuid:
		names = append(names, "key")
	case c.relative:
		names = append(names, "dim")
	}
	return strings.Join(names, " ")
}
