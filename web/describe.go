package web

import (
	"net/http"

	"github.com/rowcast/rowcast/dashboard"
)

// pageJSON is what a browser that goes from one page to another without a reload
// needs to know of it besides its rows.
type pageJSON struct {
	Address string `json:"address"` // canonical
	Kind    string `json:"kind"`
	Title   string `json:"title"`

	Variables []variableJSON `json:"variables,omitempty"` // of a dashboard, in its order
	Table     *tableJSON     `json:"table,omitempty"`
}

// servePageDescription answers GET /api/v1/page?page=….
func (s *Server) servePageDescription(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	s.writeJSON(w, r, http.StatusOK, describe(visitorOf(r.Context()), page))
}

func describe(v *visitor, page *dashboard.Page) pageJSON {
	return pageJSON{
		Address: page.Address, Kind: string(page.Kind), Title: page.Title,
		Variables: describeVariables(page), Table: describeTable(v, page),
	}
}
