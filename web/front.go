package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/views"
)

// jumpList is what there is to go to, kept for a moment: every page carries the
// part of it that its reader may see.
type jumpList struct {
	at  time.Time
	all dashboard.Index
}

// The palette's list is at most so old, so long, and waited for so long.
const (
	jumpFresh = 5 * time.Second
	jumpMost  = 500
	jumpWait  = time.Second
)

// jumps returns the last list where a new one cannot be had.
func (s *Server) jumps(ctx context.Context, v *visitor) []views.JumpGroup {
	if v.somebody() != nil {
		return nil
	}
	last := s.jump.Load()
	if last == nil || time.Since(last.at) >= jumpFresh {
		ctx, cancel := context.WithTimeout(ctx, jumpWait)
		defer cancel()
		all, err := s.config.Pages.Index(ctx)
		if err != nil && last != nil {
			all = last.all
		}
		last = &jumpList{time.Now(), all}
		s.jump.Store(last)
	}
	return s.jumpGroups(v, v.part(last.all))
}

func (s *Server) jumpGroups(v *visitor, index dashboard.Index) []views.JumpGroup {
	var groups []views.JumpGroup
	add := func(title string, targets []views.JumpTarget) {
		if len(targets) > 0 {
			groups = append(groups, views.JumpGroup{Title: title, Targets: targets})
		}
	}
	var boards, panels, tables []views.JumpTarget
	for _, d := range index.Dashboards {
		if d.Broken {
			continue
		}
		boards = append(boards, views.JumpTarget{Text: d.Title, Href: v.href(d.Address), Icon: "layout-dashboard"})
		for _, p := range d.Panels[:min(len(d.Panels), jumpMost-len(panels))] {
			panels = append(panels, views.JumpTarget{Text: p.Title, Note: d.Title, Href: v.href(d.Address) + "#panel-" + p.ID, Icon: "arrow-right"})
		}
	}
	for _, t := range index.Tables[:min(len(index.Tables), jumpMost)] {
		note := views.Count(t.RowsEstimate, true)
		if note != "" {
			note += " rows"
		}
		tables = append(tables, views.JumpTarget{Text: t.Schema + "." + t.Name, Note: note, Href: v.href(t.Address), Icon: "table-2"})
	}
	add("Dashboards", boards)
	add("Tables", tables)
	if at := s.statusURL(v); at != "" {
		add("Server", []views.JumpTarget{{Text: "Server status", Href: at, Icon: "monitor"}})
	}
	if len(panels) > 0 {
		groups = append(groups, views.JumpGroup{Title: "Panels", Targets: panels, Within: true})
	}
	return groups
}

// statusURL is where the server's own figures are; "" where a visitor may not see
// them.
func (s *Server) statusURL(v *visitor) string {
	if s.config.Status == "" || !v.may(dashboard.Subject{Kind: dashboard.KindStatus}) {
		return ""
	}
	return v.href(s.config.Status)
}

func (s *Server) indexModel(r *http.Request, index dashboard.Index, trouble string) views.Index {
	ctx := r.Context()
	v, author := visitorOf(ctx), s.mayAuthor(r)
	m := views.Index{Chrome: s.frame(ctx, "All pages"), Title: s.config.Database, Folder: s.config.Folder, Demo: s.demo(v), Grant: s.grantAll()}
	m.Guest = !v.admin()
	m.Jump = s.jumpGroups(v, index)
	m.Status = s.statusURL(v)
	if m.Title == "" {
		m.Title = "All pages"
	}
	if m.Sub = plural(len(index.Tables), "table"); m.Guest && len(index.Tables) == 0 {
		m.Sub = ""
	}
	switch n := len(index.Dashboards); {
	case n > 0 && m.Sub == "":
		m.Sub = plural(n, "dashboard")
	case n > 0:
		m.Sub = plural(n, "dashboard") + ", " + m.Sub
	}
	if trouble != "" {
		m.Sub, m.Away = trouble, true
	}
	for _, d := range index.Dashboards {
		if d.Broken {
			if author {
				m.Problems = append(m.Problems, faulty(d.Title, d.Problem))
			}
			continue
		}
		m.Dashboards = append(m.Dashboards, views.Board{Title: d.Title, Description: d.Description, Href: v.href(d.Address), Problem: d.Problem != nil, Peek: s.peek(ctx, v, d)})
	}
	live := 0
	for _, t := range index.Tables {
		if n := len(m.Schemas); n == 0 || m.Schemas[n-1].Name != t.Schema {
			m.Schemas = append(m.Schemas, views.Schema{Name: t.Schema})
		}
		line := views.TableLine{Name: t.Name, Href: v.href(t.Address), State: "timed", Word: "by the clock",
			Kind: relation(t.RelKind), Columns: firstOf(t.Columns), Rows: views.Count(t.RowsEstimate, true)}
		if t.Live {
			line.State, line.Word = "live", "live"
			live++
		}
		last := &m.Schemas[len(m.Schemas)-1]
		last.Tables = append(last.Tables, line)
	}
	if len(index.Tables) > 0 {
		var counts []string
		if live > 0 {
			counts = append(counts, fmt.Sprintf("%d live", live))
		}
		if n := len(index.Tables) - live; n > 0 {
			counts = append(counts, fmt.Sprintf("%d by the clock", n))
		}
		m.Counts = strings.Join(counts, ", ")
	}
	return m
}

// firstOf lists the first 16 names, and says where there are more.
func firstOf(names []string) string {
	if len(names) > 16 {
		return strings.Join(names[:16], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// grantAll lets the role read tables, for whoever owns them.
func (s *Server) grantAll() string {
	role := "CURRENT_USER"
	if s.config.Role != "" {
		role = identifier(s.config.Role)
	}
	return "GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + role + ";"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// relation is a pg_class.relkind in words; an ordinary table needs none.
func relation(kind string) string {
	switch kind {
	case "p":
		return "partitioned"
	case "v":
		return "view"
	case "m":
		return "materialized view"
	case "f":
		return "foreign table"
	}
	return ""
}

// file is the URL of a file that belongs to a page: the page's address with the
// file's name below it.
func (v *visitor) file(address, name string) string {
	path, query, found := strings.Cut(address, "?")
	path += "/" + name
	if found {
		path += "?" + query
	}
	return v.href(path)
}

// shellName is a table's name as it is typed after a command.
func shellName(t *dashboard.Table) string {
	name := identifier(t.Schema) + "." + identifier(t.Name)
	for _, c := range name {
		if c != '.' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
	}
	return name
}

func identifier(name string) string {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
