package web

import (
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// serveRows answers GET /d/{dashboard}/{panel}.csv and .json, and
// /t/{table}/rows.csv and .json: a panel's rows as the page has them.
func (s *Server) serveRows(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	file := r.PathValue("file")
	kind := path.Ext(file)
	id := strings.TrimSuffix(file, kind)
	if kind != ".csv" && kind != ".json" {
		s.fail(w, r, notFound(r))
		return
	}
	if !slices.ContainsFunc(page.Panels, func(p dashboard.Panel) bool { return p.ID == id && p.Type != "text" }) {
		s.fail(w, r, &problem{status: http.StatusNotFound, code: codeNotFound, message: "the page has no panel with rows named " + id})
		return
	}
	missing := slices.DeleteFunc(asked(page), func(p string) bool { return p != id })
	state, err := s.whole(r.Context(), page, firstRows, missing...)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p := state.Panels[id]
	switch {
	case p == nil:
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "the panel has no rows yet"})
	case p.Columns == nil && p.Err != nil:
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: p.Err.Code, message: p.Err.Message})
	case kind == ".json":
		s.writeJSON(w, r, http.StatusOK, rowsJSON(p))
	default:
		attach(w, page.Title+"-"+id+".csv")
		s.writeBytes(w, r, http.StatusOK, csvType, rowsCSV(p, guarded(r)))
	}
}

// pageOf is the address of the page that a file belongs to.
func pageOf(r *http.Request) string {
	u := r.URL.EscapedPath()
	u = u[:strings.LastIndexByte(u, '/')]
	if r.URL.RawQuery != "" {
		u += "?" + r.URL.RawQuery
	}
	return u
}

type panelJSON struct {
	Columns   []columnJSON `json:"columns"`
	Rows      [][]*string  `json:"rows"`
	Truncated bool         `json:"truncated"`
	Error     *errorJSON   `json:"error,omitempty"`
}

type columnJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type errorJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func rowsJSON(p *delta.Panel) panelJSON {
	out := panelJSON{Columns: make([]columnJSON, len(p.Columns)), Rows: make([][]*string, len(p.Rows)), Truncated: p.Truncated}
	for i, c := range p.Columns {
		out.Columns[i] = columnJSON{c.Name, c.Type}
	}
	for i, r := range p.Rows {
		cells := make([]*string, len(r.Cells))
		for j := range r.Cells {
			if !r.Cells[j].Null {
				cells[j] = &r.Cells[j].Text
			}
		}
		out.Rows[i] = cells
	}
	if p.Err != nil {
		out.Error = &errorJSON{p.Err.Code, p.Err.Message}
	}
	return out
}

const csvType = "text/csv; charset=utf-8; header=present"

// attach has the answer saved as a file.
func attach(w http.ResponseWriter, name string) {
	name = strings.Trim(strings.ReplaceAll(name, "/", "-"), "-")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

// guarded tells whether a CSV is for a spreadsheet, which takes some texts for
// formulas; ?raw=1 is for programs.
func guarded(r *http.Request) bool {
	raw := r.URL.Query().Get("raw")
	return raw == "" || raw == "0"
}

// rowsCSV writes all rows of a panel.
func rowsCSV(p *delta.Panel, guard bool) []byte {
	columns := make([]columnJSON, len(p.Columns))
	for i, c := range p.Columns {
		columns[i] = columnJSON{c.Name, c.Type}
	}
	c := newCSV(columns, guard)
	for _, r := range p.Rows {
		for i, cell := range r.Cells {
			c.cell(i, cell.Text, cell.Null)
		}
		c.end()
	}
	return c.b
}

// csvText is RFC 4180 in the making: a head, CRLF, quotes where they are needed,
// and an empty field for null. With guard, a text that a spreadsheet would take
// for a formula begins with an apostrophe. encoding/csv is not used, because it
// changes the line ends inside of fields.
type csvText struct {
	b     []byte
	guard []bool // by column
}

func newCSV(columns []columnJSON, guard bool) *csvText {
	c := &csvText{guard: make([]bool, len(columns))}
	for i, column := range columns {
		c.guard[i] = guard && isText(column.Type)
		c.b = appendField(c.b, i, column.Name, guard)
	}
	c.end()
	return c
}

func (c *csvText) cell(i int, text string, null bool) {
	switch {
	case null:
		c.b = appendField(c.b, i, "", false)
	case text == "":
		c.b = appendQuoted(c.b, i, "")
	default:
		c.b = appendField(c.b, i, text, i < len(c.guard) && c.guard[i])
	}
}

func (c *csvText) end() { c.b = append(c.b, "\r\n"...) }

func appendField(b []byte, i int, s string, guard bool) []byte {
	if guard && s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		s = "'" + s
	}
	if strings.ContainsAny(s, "\",\r\n") {
		return appendQuoted(b, i, s)
	}
	if i > 0 {
		b = append(b, ',')
	}
	return append(b, s...)
}

func appendQuoted(b []byte, i int, s string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// isText tells types whose values a person may have written from numbers,
// times and the like, which begin with a sign of their own.
func isText(typ string) bool {
	switch typ {
	case "int2", "int4", "int8", "oid", "xid", "xid8", "cid", "tid", "numeric", "float4", "float8", "money", "bool", "uuid",
		"date", "time", "timetz", "timestamp", "timestamptz", "interval", "inet", "cidr", "macaddr", "macaddr8", "pg_lsn", "bytea",
		"json", "jsonb": // of which only a number begins with one
		return false
	}
	return true
}
