package status

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// mostPanels bounds the table of panels.
const mostPanels = 50

// slow is from when on a panel that takes so long time after time is read apart
// from its page.
const slow = 0.05

// Page is the page's definition, made anew for every caller.
func (b *Board) Page() *dashboard.Page {
	chart := func(id, title, unit string, columns map[string]dashboard.Format, y ...string) dashboard.Panel {
		return dashboard.Panel{ID: id, Title: title, Type: "line", Width: 6, Limit: 1000, Unit: unit, Columns: columns,
			Chart: &dashboard.Chart{X: "at", Y: y, Window: charted}}
	}
	stat := func(id, title, note string, columns map[string]dashboard.Format, thresholds ...dashboard.Threshold) dashboard.Panel {
		return dashboard.Panel{ID: id, Title: title, Description: note, Type: "stat", Width: 3, Limit: 1, Columns: columns,
			Stat: &dashboard.Stat{Thresholds: thresholds}}
	}
	looked := func(id, title, note string) dashboard.Panel {
		return dashboard.Panel{ID: id, Title: title, Description: note, Type: "table", Width: 12, Limit: 100,
			Ordered: true, Columns: map[string]dashboard.Format{
				"state": {Colors: map[string]string{"good": "green", "note": "grey", "to mend": "amber"}},
				"mend":  {Label: "What mends it"},
			}}
	}
	lasts := dashboard.Format{Format: "duration"}
	one := 1
	rate := dashboard.Format{Decimals: &one}
	late := []dashboard.Threshold{{From: 3, Color: "amber"}}
	return &dashboard.Page{
		Address: Address, Kind: dashboard.KindStatus, Title: "Server status",
		Description: "What this server does, as /metrics tells it; times are of the last minute", TimeZone: b.cfg.TimeZone,
		Panels: []dashboard.Panel{
			looked("findings", "To mend", "what is wrong now, as the doctor finds it; looked at again every minute"),
			stat("viewers", "Viewers", "", map[string]dashboard.Format{"slow": {Label: "slow ones"}}),
			stat("frames", "Frames a second", "", map[string]dashboard.Format{"frames": rate, "total": {Label: "since the start"}, "sent": {Format: "bytes", Label: "sent a second"}, "resyncs": {Label: "snapshots in place of them"}}),
			stat("latency", "Commit to frame", "median", map[string]dashboard.Format{"median": lasts, "p99": {Format: "duration", Label: "for 99 of 100"}, "rings": {Decimals: &one, Label: "rings a second"}}),
			stat("proof", "Age of the proof", "", map[string]dashboard.Format{"age": lasts, "unrung": {Label: "unrung changes"}}, late...),
			stat("statements", "Statements a second", "", map[string]dashboard.Format{"statements": rate, "each": {Decimals: &one, Label: "for each frame"}}),
			stat("waited", "Database wait", "a second", map[string]dashboard.Format{"waited": lasts, "each": {Format: "duration", Label: "for each frame"}}),
			stat("sessions", "Database sessions", "", map[string]dashboard.Format{"bells": {Label: "bells armed"}}),
			stat("process", "Memory", "", map[string]dashboard.Format{"memory": {Format: "bytes"}, "cpu": {Format: "percent", Label: "of a core"}}),
			chart("frames_over_time", "Frames a second, over time", "", map[string]dashboard.Format{"frames": rate}, "frames"),
			chart("latency_over_time", "Commit to frame, in milliseconds", "", map[string]dashboard.Format{"p99": {Label: "99 of 100"}}, "median", "p99"),
			chart("statements_over_time", "Statements a second, over time", "", map[string]dashboard.Format{"statements": rate}, "statements"),
			chart("viewers_over_time", "Viewers and database sessions", "", nil, "viewers", "sessions"),
			{ID: "panels", Title: "Panels read in the last minute", Description: "the longest first", Type: "table", Width: 12, Limit: mostPanels,
				Ordered: true, Columns: map[string]dashboard.Format{
					"page": {Key: true}, "mean": {Format: "duration", Thresholds: []dashboard.Threshold{{From: slow, Color: "amber"}}}, "p99": {Format: "duration", Label: "99 of 100 within"},
					"interval": {Format: "duration", Label: "Every"}, "errors": {Thresholds: []dashboard.Threshold{{From: 1, Color: "red"}}},
				}},
			looked("examined", "What else the doctor looked at", "looked at again every minute"),
		},
	}
}

// panels are the figures of the moment. There is a sample.
func (h *history) panels(now time.Time) map[string]*delta.Panel {
	s, recent, minuteAgo := h.newest(), h.before(lately), h.before(minute)
	waits := s.frames.since(minuteAgo.frames)
	age := s.value("rowcast_proof_age_seconds")
	if age < 0 || s.value("rowcast_pages") == 0 {
		age = math.NaN() // while nobody watches nothing is proven, and nothing has to be
	}
	return map[string]*delta.Panel{
		"viewers": single(whole("viewers", s.value("rowcast_viewers")), whole("pages", s.value("rowcast_pages")), whole("subscribers", s.value("rowcast_subscribers")), whole("slow", s.value("rowcast_slow_viewers"))),
		"frames": single(number("frames", s.rate(recent, "rowcast_frames_total"), 1), whole("total", s.value("rowcast_frames_total")),
			number("sent", s.rate(recent, "rowcast_sent_bytes_total"), 0), whole("resyncs", s.value("rowcast_resyncs_total"))),
		"latency": single(number("median", waits.quantile(.5), 6), number("p99", waits.quantile(.99), 6), number("rings", s.rate(recent, "rowcast_rings_total"), 1)),
		"proof":   single(number("age", age, 1), whole("unrung", s.value("rowcast_unrung_changes_total"))),

		"statements": single(number("statements", s.rate(recent, "rowcast_database_statements_total"), 1), number("each", s.each(minuteAgo, "rowcast_database_statements_total"), 1)),
		"waited":     single(number("waited", s.rate(recent, "rowcast_database_seconds_total"), 6), number("each", s.each(minuteAgo, "rowcast_database_seconds_total"), 6)),
		"sessions":   single(whole("sessions", s.value("rowcast_database_sessions")), whole("bells", s.value("rowcast_bells_armed")), whole("refused", s.value("rowcast_database_refusals_total"))),
		"process":    single(whole("memory", s.value("process_resident_memory_bytes")), number("cpu", s.rate(recent, "process_cpu_seconds_total"), 4)),

		"frames_over_time":     h.series(line{"frames", 1, func(p point) float64 { return p.frames }}),
		"latency_over_time":    h.series(line{"median", 1, func(p point) float64 { return 1000 * p.median }}, line{"p99", 1, func(p point) float64 { return 1000 * p.most }}),
		"statements_over_time": h.series(line{"statements", 1, func(p point) float64 { return p.statements }}),
		"viewers_over_time":    h.series(line{"viewers", 0, func(p point) float64 { return p.viewers }}, line{"sessions", 0, func(p point) float64 { return p.sessions }}),

		"panels": panelsPanel(s, minuteAgo),
	}
}

// field is one column and its cell.
type field struct {
	column delta.Column
	cell   delta.Cell
}

// number is a float8 with that many decimals; NaN is NULL.
func number(name string, v float64, decimals int) field {
	f := field{column: delta.Column{Name: name, Type: "float8"}}
	if f.cell.Null = math.IsNaN(v); !f.cell.Null {
		f.cell.Text = strconv.FormatFloat(v, 'f', decimals, 64)
	}
	return f
}

func whole(name string, v float64) field {
	f := number(name, v, 0)
	f.column.Type = "int8"
	return f
}

func text(name, s string) field {
	return field{column: delta.Column{Name: name, Type: "text"}, cell: delta.Cell{Text: s}}
}

// single is a panel of one row.
func single(fields ...field) *delta.Panel { return table(nil, [][]field{fields}) }

// table is a panel of rows that have the same columns; key names those, by index,
// that tell them apart.
func table(key delta.KeyChoice, list [][]field) *delta.Panel {
	p := &delta.Panel{}
	cells := make([][]delta.Cell, len(list))
	for i, fields := range list {
		for _, f := range fields {
			if i == 0 {
				p.Columns = append(p.Columns, f.column)
			}
			cells[i] = append(cells[i], f.cell)
		}
	}
	keys, _ := delta.Keys(cells, []delta.KeyChoice{key}, 0)
	for i, k := range keys {
		p.Rows = append(p.Rows, delta.Row{Key: k, Cells: cells[i]})
	}
	return p
}

// line is one line of a chart.
type line struct {
	name     string
	decimals int
	of       func(point) float64
}

// series is a chart's panel, a row for each point.
func (h *history) series(lines ...line) *delta.Panel {
	rows := make([][]field, len(h.points))
	for i, p := range h.points {
		rows[i] = append(rows[i], field{delta.Column{Name: "at", Type: "timestamptz"}, delta.Cell{Text: p.at.UTC().Format("2006-01-02 15:04:05+00")}})
		for _, l := range lines {
			rows[i] = append(rows[i], number(l.name, l.of(p), l.decimals))
		}
	}
	return table(delta.KeyChoice{0}, rows)
}

// panelsPanel lists the panels that were read since an earlier sample.
func panelsPanel(s, earlier *sample) *delta.Panel {
	all := s.work(earlier)
	while := s.at.Sub(earlier.at).Seconds()
	rows := make([][]field, min(len(all), mostPanels))
	for i := range rows {
		w := all[i]
		rows[i] = panelRow(w.page, w.panel, float64(w.runs.count), w.runs.mean(), w.runs.quantile(.99), while/float64(w.runs.count), w.errors)
	}
	p := table(delta.KeyChoice{0, 1}, rows)
	p.Columns = columns(panelRow("", "", 0, 0, 0, 0, 0)) // also of no rows
	p.Truncated = len(all) > mostPanels
	return p
}

func panelRow(page, panel string, runs, mean, p99, interval, errors float64) []field {
	return []field{
		text("page", page), text("panel", panel), whole("readings", runs), number("mean", mean, 6), number("p99", p99, 6),
		number("interval", interval, 3), whole("errors", errors),
	}
}

func columns(fields []field) (list []delta.Column) {
	for _, f := range fields {
		list = append(list, f.column)
	}
	return list
}

// findingsPanels list findings: what is to be mended, or that nothing is, and what else
// was looked at, with what is good everywhere last. What mends them only where that may
// be told.
func findingsPanels(list []Finding, candid bool) (ill, other *delta.Panel) {
	row := func(f Finding) []field {
		if f.Mend == "" {
			f.Mend = "–"
		}
		fields := []field{text("state", f.State), text("finding", f.What)}
		if candid {
			fields = append(fields, text("mend", f.Mend))
		}
		return fields
	}
	rows := map[string][][]field{}
	for _, f := range list {
		rows[f.State] = append(rows[f.State], row(f))
	}
	if len(rows["to mend"]) == 0 {
		rows["to mend"] = [][]field{row(Finding{State: "good", What: fmt.Sprintf("nothing is: %d things were looked at", len(list))})}
	}
	ill, other = table(delta.KeyChoice{1}, rows["to mend"]), table(delta.KeyChoice{1}, slices.Concat(rows["note"], rows["good"]))
	other.Columns = ill.Columns // also of no rows
	return ill, other
}
