package views

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
)

func documentTitle(c Chrome) string {
	if c.Title == "" {
		return "rowcast"
	}
	return c.Title + " · rowcast"
}

// firstFile is the smallest dashboard worth having; templ would fold its lines.
const firstFile = `title: Orders
panels:
  - id: today
    title: Orders today
    type: stat
    query: SELECT count(*) FROM orders WHERE placed_at >= current_date`

func home(c Chrome) string { return c.Base + "/" }

func digits(n int) string { return strconv.Itoa(n) }

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
	case p.Type == "text":
		return ""
	case p.Columns == nil:
		return "loading"
	case p.Stat != nil && p.Stat.Level == "amber":
		return "warn"
	case p.Stat != nil && p.Stat.Level == "red":
		return "bad"
	case p.Type != "stat" && len(p.Rows) == 0:
		return "empty"
	default:
		return ""
	}
}

// unit is what stands beside a stat's number, also when the browser writes it.
func unit(p *Panel) string {
	if p.Unit == "" && p.Stat != nil {
		return p.Stat.Unit
	}
	return p.Unit
}

// attributes collects those that are not empty.
type attributes templ.OrderedAttributes

func (a *attributes) add(name, value string) {
	if value != "" {
		*a = append(*a, templ.KV[string, any](name, value))
	}
}

// hide is for columns that are there but not shown.
func (a *attributes) hide(col *Column) {
	if col.Hidden {
		*a = append(*a, templ.KV[string, any]("hidden", true))
	}
}

// veiled tells whether a column is hidden, so that others may be the first and the last.
func veiled(columns []Column) bool {
	return slices.ContainsFunc(columns, func(c Column) bool { return c.Hidden })
}

// columnWidths are those of the columns that are shown, in percent; none where no column has one.
func columnWidths(columns []Column) []int {
	var widths []int
	some := false
	for _, c := range columns {
		if !c.Hidden {
			widths, some = append(widths, c.Width), some || c.Width > 0
		}
	}
	if !some {
		return nil
	}
	return widths
}

func widthAttributes(percent int) templ.OrderedAttributes {
	var a attributes
	if percent > 0 {
		a.add("width", digits(percent)+"%")
	}
	return templ.OrderedAttributes(a)
}

// linkAttributes are those of a link that leaves this server: a window of its own, which learns nothing of this page.
func linkAttributes(href string) templ.OrderedAttributes {
	var a attributes
	if outside(href) {
		a.add("target", "_blank")
		a.add("rel", "noopener noreferrer")
	}
	return templ.OrderedAttributes(a)
}

func headAttributes(col *Column) templ.OrderedAttributes {
	var a attributes
	a.add("class", col.Class)
	a.add("aria-sort", col.Sort)
	a.hide(col)
	return templ.OrderedAttributes(a)
}

func emptyCellAttributes(col *Column) templ.OrderedAttributes {
	var a attributes
	a.add("class", col.Class)
	a.add("data-as", col.As)
	a.hide(col)
	return templ.OrderedAttributes(a)
}

func cellAttributes(col *Column, c *Cell) templ.OrderedAttributes {
	var a attributes
	a.add("class", strings.TrimSpace(col.Class+" "+c.Class))
	a.add("data-as", col.As)
	a.hide(col)
	a.add("title", c.Title)
	a.add("data-time", c.Time)
	a.add("data-raw", c.Raw)
	if c.Null {
		a = append(a, templ.KV[string, any]("data-null", true))
	}
	return templ.OrderedAttributes(a)
}

// columnsJSON is the protocol's list of columns; "" where there is no result yet.
func columnsJSON(columns []Column) string {
	if columns == nil {
		return ""
	}
	type column struct {
		Name string   `json:"name"`
		Type string   `json:"type"`
		Enum []string `json:"enum,omitempty"`
	}
	list := make([]column, len(columns))
	for i, c := range columns {
		list[i] = column{c.Name, c.Type, c.Enum}
	}
	return marshal(list)
}

func formatsJSON(formats map[string]Format) string {
	if len(formats) == 0 {
		return ""
	}
	return marshal(formats)
}

// rowsJSON are rows as the protocol writes them where they cannot be read from what is shown, as a table's can.
func rowsJSON(p *Panel) string {
	if p.Type == "table" || p.Columns == nil {
		return ""
	}
	return marshal(wireRows(p.Rows))
}

func wireRows(list []Row) [][]*string {
	rows := make([][]*string, len(list))
	for i, r := range list {
		rows[i] = append(rows[i], &r.Key)
		for j := range r.Cells {
			rows[i] = append(rows[i], r.Cells[j].source())
		}
	}
	return rows
}

// companionsJSON are the panels that a stat shows besides its own, as the protocol writes them; null where there is no result yet.
func companionsJSON(p *Panel) string {
	if len(p.Companions) == 0 {
		return ""
	}
	type result struct {
		Columns json.RawMessage `json:"columns"`
		Rows    [][]*string     `json:"rows"`
	}
	all := map[string]*result{}
	for id, r := range p.Companions {
		all[id] = nil
		if r != nil && r.Columns != nil {
			all[id] = &result{json.RawMessage(columnsJSON(r.Columns)), wireRows(r.Rows)}
		}
	}
	return marshal(all)
}

// statJSON is how the browser judges a stat; "" where nothing is said.
func statJSON(p *Panel) string {
	if p.StatOptions == nil {
		return ""
	}
	return marshal(p.StatOptions)
}

// statOf is never nil, so that there is a place for what comes.
func statOf(p *Panel) *Stat {
	if p.Stat == nil {
		return &Stat{}
	}
	return p.Stat
}

func changeOf(p *Panel) *Change {
	if p.Stat == nil || p.Stat.Change == nil {
		return &Change{}
	}
	return p.Stat.Change
}

func trendOf(p *Panel) *Trend {
	if p.Stat == nil || p.Stat.Trend == nil {
		return &Trend{X: "0", Y: "0"}
	}
	return p.Stat.Trend
}

// limitPath is a line across, nowhere in sight where there is no limit.
func limitPath(t *Trend) string {
	if t.Limit == "" {
		return ""
	}
	return "M0 " + t.Limit + "H100"
}

// chartJSON is what the browser draws a chart by; "" where there is none.
func chartJSON(p *Panel) string {
	if p.Chart == nil {
		return ""
	}
	return marshal(p.Chart)
}

// isChart tells the types with axes.
func isChart(p *Panel) bool { return p.Type == "line" || p.Type == "area" || p.Type == "bar" }

// partsOf is never nil, so that there is a place for what comes.
func partsOf(p *Panel) *Parts {
	if p.Parts == nil {
		return &Parts{}
	}
	return p.Parts
}

// first is the part that a gauge shows.
func (p *Parts) first() Part {
	if len(p.Parts) == 0 {
		return Part{Hue: "ink", Size: "0"}
	}
	return p.Parts[0]
}

// rings are the arcs of a donut: one at least, for the browser to copy.
func (p *Parts) rings() []Part {
	if len(p.Parts) == 0 {
		return []Part{{Hue: "ink", Size: "0", Start: "0"}}
	}
	return p.Parts
}

// seam is how long an arc is with a little paper after it.
func seam(size string) string {
	f, err := strconv.ParseFloat(size, 64)
	switch {
	case err != nil:
		return size
	case f >= 100:
		return "101" // so that its ends meet
	}
	return strconv.FormatFloat(max(0, math.Floor((f-0.6)*100+0.5)/100), 'f', -1, 64)
}

// markOffset is where a gauge's mark begins: half its length before its place.
func markOffset(mark string) string {
	f, err := strconv.ParseFloat(mark, 64)
	if err != nil {
		return "0"
	}
	return strconv.FormatFloat(0.4-f, 'f', -1, 64)
}

func chartLabel(p *Panel) string {
	if p.Figure == nil || p.Figure.Label == "" {
		return p.Title
	}
	return p.Title + ". " + p.Figure.Label + "."
}

func chartKeys(p *Panel) []Key {
	if p.Figure == nil {
		return nil
	}
	return p.Figure.Keys
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

// whole is a number's title where it is written small.
func whole(text string) string {
	if long(text) == "" {
		return ""
	}
	return text
}

// long says how far a number is beyond what has room in a ring or gauge: the larger, the smaller it is written.
func long(text string) string {
	switch n := utf8.RuneCountInString(text); {
	case n <= 6:
		return ""
	case n <= 9:
		return "1"
	case n <= 12:
		return "2"
	case n <= 14:
		return "3"
	}
	return "4"
}
