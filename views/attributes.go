package views

import (
	"encoding/json"
	"strconv"

	"github.com/a-h/templ"
)

func documentTitle(c Chrome) string {
	if c.Title == "" {
		return "rowcast"
	}
	return c.Title + " · rowcast"
}

func home(c Chrome) string { return c.Base + "/" }

func number0(n int) string { return strconv.Itoa(n) }

func flag(b bool) string { return strconv.FormatBool(b) }

func width(p *Panel) int {
	if p.Width < 1 || p.Width > 12 {
		return 12
	}
	return p.Width
}

// panelState is what the rule above a panel tells.
func panelState(p *Panel) string {
	switch {
	case p.State != "":
		return p.State
	case p.Columns == nil:
		return "loading"
	case p.Type == "table" && len(p.Rows) == 0:
		return "empty"
	default:
		return ""
	}
}

func sortOf(c Column) string {
	if c.Sort == "" {
		return "none"
	}
	return c.Sort
}

func cellAttributes(col *Column, c *Cell) templ.OrderedAttributes {
	a := roleAttribute(col)
	add := func(name string, value any) { a = append(a, templ.KV(name, value)) }
	if c.Null {
		add("data-null", true)
	}
	if c.Raw != "" {
		add("data-raw", c.Raw)
	}
	if c.Title != "" {
		add("title", c.Title)
	}
	if c.Time != "" {
		add("data-time", c.Time)
	}
	return a
}

func roleAttribute(col *Column) templ.OrderedAttributes {
	if col.As == "" {
		return nil
	}
	return templ.OrderedAttributes{templ.KV[string, any]("data-as", col.As)}
}

// columnsJSON is the protocol's list of columns; "" where there is no result yet.
func columnsJSON(columns []Column) string {
	if columns == nil {
		return ""
	}
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	list := make([]column, len(columns))
	for i, c := range columns {
		list[i] = column{c.Name, c.Type}
	}
	return marshal(list)
}

func formatsJSON(formats map[string]Format) string {
	if len(formats) == 0 {
		return ""
	}
	return marshal(formats)
}

// statRows is a stat's rows as the protocol writes them: unlike a table's they cannot be read from what is shown.
func statRows(p *Panel) string {
	if p.Type != "stat" || p.Columns == nil {
		return ""
	}
	rows := make([][]*string, len(p.Rows))
	for i, r := range p.Rows {
		rows[i] = append(rows[i], &r.Key)
		for j := range r.Cells {
			rows[i] = append(rows[i], r.Cells[j].source())
		}
	}
	return marshal(rows)
}

// source is PostgreSQL's text of a cell, nil for null.
func (c *Cell) source() *string {
	switch {
	case c.Null:
		return nil
	case c.Raw != "":
		return &c.Raw
	default:
		return &c.Text
	}
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("views: " + err.Error()) // strings and slices of strings always marshal
	}
	return string(b)
}
