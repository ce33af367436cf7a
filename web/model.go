package web

import (
	"context"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
	"github.com/rowcast/rowcast/static"
	"github.com/rowcast/rowcast/views"
)

// paint is one page about to be rendered.
type paint struct {
	server *Server
	*visitor
	page   *dashboard.Page
	state  *delta.State   // nil: no rows yet
	status *delta.Message // nil: nobody said
	now    time.Time
	zone   *time.Location
	chrome views.Chrome
	author bool // the reader may see queries
}

func (p *paint) dashboard() views.Dashboard {
	m := views.Dashboard{
		Chrome: p.chrome, Live: p.live(), Title: p.page.Title, Description: p.page.Description, Demo: p.server.demo(p.visitor),
	}
	if p.page.Kind == dashboard.KindStatus {
		m.Demo = nil // it is about the server
	}
	m.Place, m.Locked = []views.Crumb{{Text: p.page.Title, Href: p.href(p.page.Address)}}, p.shared
	if m.Share != "" && p.page.Kind == dashboard.KindDashboard && !p.page.RunsAsViewer() {
		m.Share += "?page=" + url.QueryEscape(p.page.Address)
	}
	for i := range p.page.Variables {
		m.Variables = append(m.Variables, p.variable(&p.page.Variables[i]))
	}
	for i := range p.page.Panels {
		if p.page.Panels[i].OptionsOf != "" || p.page.Panels[i].Of != "" {
			continue // shown elsewhere: in the bar, or by a stat
		}
		m.Panels = append(m.Panels, p.panel(&p.page.Panels[i]))
		if p.page.Panels[i].HasAxes() && m.Assets.Charts == nil {
			m.Assets.Charts = p.server.urls(static.ChartModules())
			m.Assets.Styles = append(m.Assets.Styles, p.server.urls(static.ChartStyles())...)
		}
	}
	if e := p.page.Problem; e != nil && p.author {
		problem := faulty(p.page.Title, e)
		m.Problem = &problem
	}
	return m
}

// faulty is a mistake in a dashboard's file; nil is an empty one.
func faulty(title string, e *dashboard.Problem) views.Problem {
	if e == nil {
		return views.Problem{Title: title}
	}
	at := dashboard.Pos{File: e.File, Line: e.Line, Column: e.Column}
	return views.Problem{Title: title, Where: at.String(), What: e.What, Hint: e.Hint, Excerpt: e.Excerpt}
}

func (p *paint) table() views.TablePage {
	t := p.page.Table
	m := views.TablePage{
		Chrome: p.chrome, Live: p.live(), Schema: t.Schema, Name: t.Name, Data: tableData(p.visitor, p.page), Demo: p.server.demo(p.visitor),
	}
	if d := p.server.config.Demo; d != nil && !slices.Contains(d.Tables, t.Schema+"."+t.Name) {
		m.Demo = nil // nothing would change here
	}
	if c := t.Estimate(); c != nil && c.Rows > 0 { // else "No rows" says it
		m.Total = views.Count(c.Rows, !c.Exact)
	}
	m.First, m.Search = (t.Page-1)*t.Rows+1, t.Search
	if m.Columns = strconv.Itoa(len(t.Columns)); len(t.Shown) < len(t.Columns) {
		m.Columns = strconv.Itoa(len(t.Shown)) + " of " + m.Columns
	}
	filtered := map[string]bool{}
	for _, f := range t.Where {
		filtered[f.Column] = true
	}
	m.Filters = len(filtered)
	m.Assets.Modules = append(m.Assets.Modules, p.server.urls(static.TableModules())...)
	m.Place = []views.Crumb{{Quiet: t.Schema + ".", Text: t.Name, Href: p.href(p.page.Address)}}
	if !t.Live && (t.RelKind == "r" || t.RelKind == "p") {
		m.Watch = "rowcast watch " + shellName(t)
	}
	if len(p.page.Panels) > 0 {
		m.Rows = p.panel(&p.page.Panels[0])
		m.CSV, m.JSON = m.Rows.CSV, p.file(p.page.Address, "rows.json")
		m.AllCSV, m.AllJSON = p.file(p.page.Address, "all.csv"), p.file(p.page.Address, "all.json")
		p.sortable(m.Rows.Columns)
	}
	return m
}

// sortable makes the heads lead to the other order. A click on the column that
// the rows are in turns them round.
func (p *paint) sortable(columns []views.Column) {
	t := p.page.Table
	can := map[string]bool{}
	for _, c := range t.Columns {
		can[c.Name] = c.Sortable
	}
	for i := range columns {
		c := &columns[i]
		if !can[c.Name] {
			continue
		}
		next := dashboard.SortTerm{Column: c.Name}
		if len(t.Sort) > 0 && t.Sort[0].Column == c.Name {
			c.Sort = "ascending"
			if t.Sort[0].Desc {
				c.Sort = "descending"
			}
			next.Desc = !t.Sort[0].Desc
		}
		c.SortHref = p.href(t.SortBy(next))
	}
}

// panel is one panel of the page. What panics over its rows is its own trouble: the
// others are shown.
func (p *paint) panel(def *dashboard.Panel) (m views.Panel) {
	defer func() {
		if value := recover(); value != nil {
			p.server.logs(p.visitor.in(context.Background())).Error("panic while rendering a panel", "panel", def.ID, "panic", value, "stack", string(debug.Stack()))
			m = p.outline(def)
			m.SetError(codeInternal, "internal error")
		}
	}()
	m = p.outline(def)
	p.furnish(&m, def)
	return m
}

// outline is a panel's place, with what its definition alone says.
func (p *paint) outline(def *dashboard.Panel) views.Panel {
	m := views.Panel{
		ID: def.ID, Title: def.Title, Note: def.Description, Type: def.Type, Width: def.Width, Height: def.Height, Limit: def.Limit, Unit: def.Unit,
		Query: p.queryOf(def), File: def.Pos.File, Guest: !p.author && p.page.Kind == dashboard.KindDashboard,
		Raw: p.page.Table != nil, Formats: map[string]views.Format{}, CSV: p.file(p.page.Address, def.ID+".csv"),
	}
	for name, f := range def.Columns {
		m.Formats[name] = p.format(f)
	}
	if len(def.Key) == 1 { // a number that names a row is no quantity
		f := m.Formats[def.Key[0]]
		f.Key = true
		m.Formats[def.Key[0]] = f
	}
	return m
}

// furnish adds what there is to show.
func (p *paint) furnish(m *views.Panel, def *dashboard.Panel) {
	if c := def.Chart; c != nil {
		m.Chart = &views.Chart{Type: def.Type, X: c.X, Y: c.Y, Series: c.Series, Stacked: c.Stacked, Order: c.Order, Unit: def.Unit, Min: c.Min, Max: c.Max, MaxBy: c.MaxBy, Target: c.Target, Window: c.Window.Seconds()}
		p.span(m.Chart, c)
		m.Chart.Thresholds = thresholds(c.Thresholds)
		if m.Chart.Unit == "" && len(c.Y) == 1 {
			m.Chart.Unit = def.Columns[c.Y[0]].Unit
		}
	}
	if s := def.Stat; s != nil {
		m.StatOptions = &views.StatOptions{Thresholds: thresholds(s.Thresholds)}
		p.companions(m, def)
	}
	if def.Type == "text" {
		m.Text = views.Markdown(def.Content)
		return
	}
	var have *delta.Panel
	if p.state != nil {
		have = p.state.Panels[def.ID]
	}
	if have == nil {
		m.Late = p.state != nil
		return // its place, without rows
	}
	m.Truncated = have.Truncated
	if have.Columns != nil {
		p.fill(m, have)
		if m.Message != nil && p.author {
			at := def.PlaceOf(m.Misnamed())
			m.Locate(at.Line, at.Column)
		}
	}
	if !have.At.IsZero() {
		m.AsOf = views.Clock(have.At.In(p.zone))
	}
	m.At, m.Every = have.At, have.Every
	if e := have.Err; e != nil {
		m.SetError(e.Code, e.Message)
		if p.author {
			m.Explain(views.Mistake{Hint: e.Hint, Fix: e.Fix, Position: e.Position, Line: e.Line, Column: e.Column})
		}
	}
	for _, id := range def.Companions() {
		if c := p.state.Panels[id]; c != nil && c.Err != nil && have.Err == nil {
			m.SetError(c.Err.Code, c.Err.Message)
			break
		}
	}
}

// format is what a dashboard says about a column. Paths of links are those of the proxy, as all others.
func (v *visitor) format(f dashboard.Format) views.Format {
	m := views.Format{
		Label: f.Label, Unit: f.Unit, Align: f.Align, Decimals: f.Decimals, Time: f.Time, Key: f.Key, Colors: f.Colors,
		Format: f.Format, Thresholds: thresholds(f.Thresholds), Hidden: f.Hidden, Width: f.Width, Link: f.Link,
	}
	if f.Bar != nil {
		m.Bar = &views.Bar{Max: f.Bar.Max}
	}
	switch {
	case strings.HasPrefix(f.Link, "/") && v.shared:
		m.Link = "" // a link leads to its own page only
	case strings.HasPrefix(f.Link, "/"):
		m.Link = v.href(f.Link)
	}
	return m
}

func thresholds(all []dashboard.Threshold) []views.Threshold {
	var list []views.Threshold
	for _, t := range all {
		list = append(list, views.Threshold(t))
	}
	return list
}

// queryOf is a panel's query for those who may see it.
func (p *paint) queryOf(def *dashboard.Panel) string {
	if !p.author {
		return ""
	}
	return def.Source
}

// companions reads the panels that a stat shows besides its own. What is wrong with one of them is told as the stat's trouble.
func (p *paint) companions(m *views.Panel, def *dashboard.Panel) {
	o := m.StatOptions
	if c := def.Stat.Compare; c != nil {
		o.Compare, o.Label, o.Good = c.Column, c.Label, c.Good
		if c.Column == "" {
			o.Earlier = def.Earlier()
		}
	}
	if def.Stat.Spark {
		o.Spark = def.Spark()
	}
	m.Companions = map[string]*views.Result{}
	for _, id := range def.Companions() {
		m.Companions[id] = p.companion(m, id)
	}
}

func (p *paint) companion(m *views.Panel, id string) *views.Result {
	if p.state == nil || p.state.Panels[id] == nil || p.state.Panels[id].Columns == nil {
		return nil
	}
	have := p.state.Panels[id]
	fields := make([]views.Field, len(have.Columns))
	for i, c := range have.Columns {
		fields[i] = views.Field{Name: c.Name, Type: c.Type, Format: m.Formats[c.Name]}
	}
	r := &views.Result{Columns: views.Describe(fields, false)}
	r.Rows = p.rows(r.Columns, have)
	return r
}

func (p *paint) rows(columns []views.Column, have *delta.Panel) []views.Row {
	rows := make([]views.Row, len(have.Rows))
	for i, r := range have.Rows {
		cells := make([]views.Cell, len(r.Cells))
		for j, c := range r.Cells {
			cells[j] = columns[j].Cell(c.Text, c.Null, p.now)
		}
		rows[i] = views.Row{Key: r.Key, Cells: cells}
	}
	return rows
}

// span gives a chart the time range that its axis shows.
func (p *paint) span(m *views.Chart, c *dashboard.Chart) {
	if c.Window == 0 && c.Range == "" {
		return
	}
	m.Zone = p.zone.String() // of times that name none
	for i := range p.page.Variables {
		if v := &p.page.Variables[i]; v.Name == c.Range {
			m.RangeBy, m.Range = v.Name, v.Value()
		}
	}
}

func (p *paint) fill(m *views.Panel, have *delta.Panel) {
	fields := make([]views.Field, len(have.Columns))
	for i, c := range have.Columns {
		fields[i] = views.Field{Name: c.Name, Type: c.Type, Enum: c.Enum, Format: m.Formats[c.Name]}
	}
	m.Columns = views.Describe(fields, m.Raw)
	if flaw.On("panic-while-rendering") && m.ID == "bug" {
		panic("a bug")
	}
	m.Rows = p.rows(m.Columns, have)
	views.Complete(m.Columns, m.Rows)
	if m.Chart != nil {
		m.Draw(p.state.At)
	}
	if m.Type == "stat" {
		o := m.StatOptions
		if o == nil {
			o = &views.StatOptions{}
		}
		m.DrawStat(m.Companions[o.Earlier], m.Companions[o.Spark])
	}
}

func (p *paint) live() views.Live {
	l := views.Live{Page: p.page.Address, Definition: p.page.Mark, Zone: p.zone.String(), Socket: p.base + "/live", SignIn: p.signInURL()}
	if p.state != nil {
		l.Cursor = p.state.Cursor
		l.At = p.state.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		l.Clock = views.Clock(p.state.At.In(p.zone))
	}
	l.Banner = p.banner()
	return l
}

// banner says what is wrong, if anything is known to be.
func (p *paint) banner() *views.Banner {
	switch {
	case p.status != nil && p.status.Status.State == "stale" && p.state == nil:
		return &views.Banner{Kind: "warn", Head: "Not there yet.", Text: p.status.Status.Message}
	case p.status != nil && p.status.Status.State == "stale":
		s := p.status.Status
		text := s.Message
		if s.Reason == "database_unreachable" {
			text = "The database does not answer." // what the driver says is for the log
		}
		return &views.Banner{Kind: "warn", Head: "Stale since " + views.Clock(s.Since.In(p.zone)) + ".", Text: text}
	case p.state == nil:
		return &views.Banner{Kind: "warn", Head: "Not there yet.", Text: "The first rows are being read."}
	}
	return nil
}

func (s *Server) notice(r *http.Request, p *problem) views.Notice {
	n := views.Notice{Status: p.status, Code: strconv.Itoa(p.status), Head: http.StatusText(p.status), Text: capital(p.message)}
	switch p.code {
	case codeNotFound:
		if n.Head = "There is no page at " + r.URL.Path; strings.EqualFold(n.Head, p.message) {
			n.Text = ""
		}
		if p.message == notYours { // and the head may not say less
			n.Head, n.Text = "There is no page for you at "+r.URL.Path, "It is not there, or no rule names you"
		}
		if p.meant != "" {
			n.Link = &views.Crumb{Text: "Open " + p.meant, Href: visitorOf(r.Context()).href(p.meant)}
		}
		if visitorOf(r.Context()).none == access.ErrNoLink {
			n.Head, n.Text, n.Alone = "This link has ended", "Whoever gave it to you can make another one", true
		}
	case codeForbidden:
		n.Code, n.Icon, n.Head, n.Retry = "", "lock", "Not for this role", 5
		if p.away || p.status == http.StatusForbidden && r.Method != http.MethodGet {
			n.Head, n.Alone = "Not from here", p.away
		}
		if p.away {
			n.Retry = 0
		}
		if p.fix != "" && s.mayAuthor(r) {
			n.Text, n.Command, n.Hint = capital(p.message)+". Whoever owns it can run:", p.fix, "This page comes by itself once it may."
		}
	case codeUnavailable:
		n.Code, n.Icon, n.Head, n.Hint, n.Retry = "", "unplug", "Not available now", "This page tries again by itself.", 3
	case codeInternal:
		n.Head, n.Text = "Something went wrong here", "The server's log says more of request "+visitorOf(r.Context()).request
		if r.Method == http.MethodGet {
			n.Hint, n.Retry = "This page tries again by itself.", 10
		}
	case codeBadRequest:
		n.Head = "This address cannot be read"
		if r.URL.RawQuery != "" {
			n.Link, n.Without = &views.Crumb{Text: "The page without it", Href: visitorOf(r.Context()).href(without(r, p.parameter))}, p.parameter != ""
		}
	}
	// A dashboard's file may come back, and so may an option; a wall has nobody to ask again.
	if at := r.URL.Path; n.Retry == 0 && !n.Alone && n.Status < 500 && (strings.HasPrefix(at, "/d/") || strings.HasPrefix(at, "/t/")) {
		n.Retry, n.Hint = 10, "This page comes by itself once it is there."
		if p.code == codeBadRequest {
			n.Hint = "This page comes by itself once its address can be read."
		}
	}
	if e := p.file; e != nil && s.mayAuthor(r) {
		m := faulty("", e)
		n.Head, n.Text, n.Detail, n.Hint, n.Retry = "This dashboard's file has a mistake", m.Where+": "+m.What, m.Excerpt, m.Hint, 2
		n.Icon = "triangle-alert"
		if n.Hint == "" {
			n.Hint = "This page comes by itself once the file is right."
		}
	}
	n.Chrome = s.frame(r.Context(), n.Head)
	if p.status == http.StatusNotFound || p.code == codeBadRequest || p.code == codeForbidden && r.Method == http.MethodGet || p.file != nil {
		n.Chrome = s.chrome(r.Context(), n.Head)
	}
	return n
}

// without is a request's address without one of its parameters, or without all of them where none is named.
func without(r *http.Request, parameter string) string {
	query := r.URL.Query()
	query.Del(parameter)
	if parameter == "" || len(query) == 0 {
		return r.URL.EscapedPath()
	}
	return r.URL.EscapedPath() + "?" + query.Encode()
}
