package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rowcast/rowcast/dashboard"
)

// chunk is how much of an export is written at once.
const chunk = 32 << 10

// exporter streams all rows of a table page as they are read. Its client's pace
// is the database's: nothing is held but one chunk.
type exporter struct {
	server *Server
	w      http.ResponseWriter
	b      []byte
	begun  bool
}

// flush writes what has gathered, where that is much or the last.
func (e *exporter) flush(all bool) error {
	if len(e.b) < chunk && !all {
		return nil
	}
	_ = e.server.allow(e.w, len(e.b)) // servers of tests may not support deadlines
	_, err := e.w.Write(e.b)
	e.b = e.b[:0]
	return err
}

// run answers a request for all rows. A fault in the middle cuts the connection,
// so that a part is never taken for the whole.
func (e *exporter) run(r *http.Request, page *dashboard.Page, begin func([]columnJSON), row func([][]byte), end func()) {
	err := e.server.config.Tables.Export(r.Context(), page, func(columns []dashboard.ExportColumn) error {
		e.begun = true
		list := make([]columnJSON, len(columns))
		for i, c := range columns {
			list[i] = columnJSON(c)
		}
		begin(list)
		if r.Method == http.MethodHead {
			return errHeadOnly
		}
		return e.flush(false)
	}, func(cells [][]byte) error {
		row(cells)
		return e.flush(false)
	})
	switch {
	case errors.Is(err, errHeadOnly):
	case err != nil && !e.begun:
		e.server.fail(e.w, r, err)
	case err == nil:
		end()
		if e.flush(true) == nil {
			return
		}
		fallthrough
	default:
		if r.Context().Err() == nil {
			e.server.logs(r.Context()).Warn("an export was broken off", "error", dashboard.Loggable(err))
		}
		panic(http.ErrAbortHandler)
	}
}

var errHeadOnly = errors.New("only the head is asked for")

// serveAllCSV answers GET /t/{table}/all.csv?…: every row that the filters leave.
func (s *Server) serveAllCSV(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	e := &exporter{server: s, w: w}
	var c *csvText
	e.run(r, page, func(columns []columnJSON) {
		attach(w, page.Title+".csv")
		w.Header().Set("Content-Type", csvType)
		c = newCSV(columns, guarded(r))
		e.b, c.b = c.b, nil
	}, func(cells [][]byte) {
		c.b = e.b
		for i, cell := range cells {
			c.cell(i, string(cell), cell == nil)
		}
		c.end()
		e.b = c.b
	}, func() {})
}

// serveAllJSON answers GET /t/{table}/all.json?…, in the shape of a panel's rows.
func (s *Server) serveAllJSON(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	e := &exporter{server: s, w: w}
	first := true
	e.run(r, page, func(columns []columnJSON) {
		attach(w, page.Title+".json")
		w.Header().Set("Content-Type", "application/json")
		e.b = append(e.b, `{"columns":`...)
		e.b = appendJSON(e.b, columns)
		e.b = append(e.b, `,"rows":[`...)
	}, func(cells [][]byte) {
		if !first {
			e.b = append(e.b, ",\n"...)
		}
		first = false
		texts := make([]*string, len(cells))
		for i, cell := range cells {
			if cell != nil {
				text := string(cell)
				texts[i] = &text
			}
		}
		e.b = appendJSON(e.b, texts)
	}, func() {
		e.b = append(e.b, `],"truncated":false}`+"\n"...)
	})
}

func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is plain data
	}
	return append(b, text...)
}

// serveCount answers GET /api/v1/count?page=….
func (s *Server) serveCount(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	count, err := s.config.Tables.Count(r.Context(), page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeJSON(w, r, http.StatusOK, count)
}

// rowJSON is one row with all its fields.
type rowJSON struct {
	Address string       `json:"address"` // of the page that shows this row alone; "" where there is none
	Columns []columnJSON `json:"columns"`
	Cells   []*string    `json:"cells"`
}

// serveRow answers GET /api/v1/row?page=…&key=…: all fields of one row of a
// table, those too that the page does not show.
func (s *Server) serveRow(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	row, err := s.config.Tables.Row(r.Context(), page, r.URL.Query().Get("key"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m := rowJSON{Address: row.Address, Columns: make([]columnJSON, len(row.Columns)), Cells: filled(row.Cells)}
	for i, c := range row.Columns {
		m.Columns[i] = columnJSON(c)
	}
	s.writeJSON(w, r, http.StatusOK, m)
}

// serveDraft answers GET /t/{table}/dashboard.yaml: a first dashboard of the
// table, as a file to save and change.
func (s *Server) serveDraft(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	text, err := s.config.Tables.Draft(r.Context(), page)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeBytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
}
