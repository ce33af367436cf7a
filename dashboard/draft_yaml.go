package dashboard

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// yaml writes the dashboard's file.
func (d *draft) yaml() string {
	t := d.table
	title := readable(t.Name)
	var b strings.Builder
	line := func(indent int, parts ...string) {
		b.WriteString(strings.Repeat(" ", indent) + strings.Join(parts, "") + "\n")
	}
	line(0, "# Save this in the folder of dashboards, as ", fileName(t.Name), ", and change what you like.")
	line(0, "title: ", yamlText(title))
	line(0, "panels:")
	panel := func(id, title, typ, width, query string, more ...string) {
		line(2, "- id: ", id)
		line(4, "title: ", yamlText(title))
		line(4, "type: ", typ)
		writeQuery(line, query)
		if strings.Contains(query, "now()") {
			line(4, "every: 60s # for what changes with the clock alone")
		}
		line(4, "width: ", width)
		for _, m := range more {
			line(4, m)
		}
	}
	whole := t.RowsEstimate <= wholeTable || d.window == ""
	from, recent := "FROM "+t.quoted, ""
	if d.window != "" {
		recent = "\nWHERE " + d.moment.spelled + " > now() - interval '" + d.window + "'"
	}
	counted, since := "", ""
	if !whole {
		counted, since = recent, " in "+d.window
	}
	panel("count", "Rows"+since, "stat", "3", "SELECT count(*) AS rows\n"+from+counted)
	if c := d.quantity; c != nil {
		sum := "sum(" + c.spelled + ")"
		if slices.Contains([]string{"numeric", "float4", "float8"}, c.base) { // one NaN would make the sum NaN
			sum = "sum(NULLIF(" + c.spelled + ", 'NaN'))"
		}
		panel("sum", readable(c.Name)+since, "stat", "3", "SELECT "+sum+" AS "+c.spelled+"\n"+from+counted)
	}
	if c := d.category; c != nil {
		panel("breakdown", "By "+strings.ToLower(readable(c.Name))+since, "donut", "6",
			"SELECT "+c.spelled+", count(*) AS "+d.rowsName(c)+"\n"+from+counted+"\nGROUP BY 1\nORDER BY 2 DESC\nLIMIT 12",
			append(series(c), append([]string{"y: " + d.rowsName(c)}, d.formats(c.Name)...)...)...)
	}
	if c := d.moment; c != nil {
		panel("over_time", map[string]string{"hour": "By hour", "day": "By day", "month": "By month"}[d.step], "bar", "12",
			"SELECT date_trunc('"+d.step+"', "+c.spelled+") AS "+d.step+", count(*) AS rows\n"+from+recent+"\nGROUP BY 1\nORDER BY 1",
			"x: "+d.step, "y: rows")
	}
	if len(d.columns) > 0 {
		panel("newest", d.newestTitle(), "table", "12", "SELECT "+d.spelled(d.columns)+"\n"+from+d.orderBy(),
			append([]string{"limit: 50"}, append(d.key(), d.formats(d.columns...)...)...)...)
	}
	return b.String()
}

// writeQuery writes a query as a block, where its names have no characters that
// a block would change.
func writeQuery(line func(int, ...string), query string) {
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	lines := strings.Split(query, "\n")
	if strings.ContainsFunc(query, odd) || slices.ContainsFunc(lines, func(l string) bool { return l != strings.TrimSpace(l) || l == "" }) {
		line(4, "query: ", yamlQuoted(query))
		return
	}
	line(4, "query: |")
	for _, l := range lines {
		line(6, l)
	}
}

func (d *draft) newestTitle() string {
	if len(d.order) > 0 {
		return "Newest rows"
	}
	return "Rows"
}

func (d *draft) spelled(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = d.table.cat.byName(name).spelled
	}
	return strings.Join(list, ", ")
}

func (d *draft) orderBy() string {
	var parts []string
	for _, s := range d.order {
		part := d.spelled([]string{s.Column})
		if s.Desc {
			part += " DESC"
			if c := d.table.cat.byName(s.Column); !c.NotNull {
				part += " NULLS LAST"
			}
		}
		parts = append(parts, part)
	}
	for _, k := range d.table.Key {
		if len(parts) > 0 && !slices.ContainsFunc(d.order, func(s SortTerm) bool { return s.Column == k }) {
			parts = append(parts, d.spelled([]string{k})+" DESC")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "\nORDER BY " + strings.Join(parts, ", ")
}

// series names the column, unless the file's reader would take spaces off it.
func series(c *column) []string {
	if c.Name != strings.TrimSpace(c.Name) {
		return nil
	}
	return []string{"series: " + yamlText(c.Name)}
}

func (d *draft) key() []string {
	if len(d.table.Key) == 0 {
		return nil
	}
	names := make([]string, len(d.table.Key))
	for i, k := range d.table.Key {
		names[i] = yamlText(k)
	}
	return []string{"key: [" + strings.Join(names, ", ") + "]"}
}

// rowsName is a name for the number of rows that the other column does not have.
func (d *draft) rowsName(other *column) string {
	if other.Name == "rows" {
		return "row_count"
	}
	return "rows"
}

// formats gives colors to the labels of enums.
func (d *draft) formats(names ...string) []string {
	var lines []string
	for _, name := range names {
		c := d.table.cat.byName(name)
		if c.Kind != KindEnum || len(c.Enum) == 0 || len(c.Enum) > len(spareColors) {
			continue
		}
		colors := make([]string, len(c.Enum))
		for i, color := range colorsOf(c.Enum) {
			colors[i] = yamlText(c.Enum[i]) + ": " + color
		}
		lines = append(lines, "  "+yamlText(name)+": {colors: {"+strings.Join(colors, ", ")+"}}")
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"columns:"}, lines...)
}

// spareColors are for labels that say nothing by themselves.
var spareColors = []string{"blue", "teal", "purple", "olive", "navy", "pink", "brown", "gray", "green", "amber", "red"}

// colorsOf gives each label its color: what went well is green, what waits
// amber, what failed red.
func colorsOf(labels []string) []string {
	colors := make([]string, len(labels))
	for i, label := range labels {
		switch {
		case says(label, "paid", "ok", "active", "done", "success", "succeeded", "complete", "completed", "approved", "delivered", "open", "up", "healthy"):
			colors[i] = "green"
		case says(label, "pending", "waiting", "queued", "draft", "warning", "warn", "processing", "trial", "paused"):
			colors[i] = "amber"
		case says(label, "failed", "error", "cancelled", "canceled", "rejected", "refunded", "late", "overdue", "down", "critical", "blocked"):
			colors[i] = "red"
		}
	}
	for i := range colors {
		for _, spare := range spareColors {
			if colors[i] == "" && !slices.Contains(colors, spare) {
				colors[i] = spare
			}
		}
		if colors[i] == "" {
			colors[i] = "gray"
		}
	}
	return colors
}

// readable makes a heading of a name: "order_items" is "Order items".
func readable(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || !unicode.IsPrint(r) || unicode.IsSpace(r) })
	s := []rune(strings.Join(words, " "))
	if len(s) == 0 {
		return "Table"
	}
	s[0] = unicode.ToUpper(s[0])
	return string(s)
}

// fileName is a name for the file, which becomes the dashboard's address.
func fileName(table string) string {
	slug := strings.Map(func(r rune) rune {
		if r < 128 && isName(string(r), "_-") {
			return unicode.ToLower(r)
		}
		return -1
	}, table)
	if slug = strings.Trim(slug, "-_"); slug == "" {
		slug = "table"
	}
	return slug[:min(len(slug), 40)] + ".yaml"
}

// yamlText writes a text as it is where YAML reads it so, else in quotes.
func yamlText(s string) string {
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return yamlQuoted(s)
	}
	for i, r := range s {
		letter := r < 128 && unicode.IsLetter(r) || r == '_'
		inside := r < 128 && unicode.IsDigit(r) || r == ' ' && i+1 < len(s)
		if !letter && (i == 0 || !inside) {
			return yamlQuoted(s)
		}
	}
	return s
}

// yamlQuoted writes a text in double quotes, which YAML reads as JSON does.
func yamlQuoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		panic("a text cannot be encoded") // it always can
	}
	return strings.TrimSuffix(b.String(), "\n")
}
