package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/views"
)

// firstRows bounds how long the API waits for a page's first state.
const firstRows = 10 * time.Second

// state opens a page and returns its newest state; it waits for the first one.
// The page stays open for a while after it, by the grace of the feed.
func (s *Server) state(ctx context.Context, page *dashboard.Page, wait time.Duration) (*delta.State, error) {
	v := visitorOf(ctx)
	release, err := s.open(v, s.shares(v), page)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.config.Hub.Latest(ctx, page.ID())
}

// whole is the page's state once all of these panels are in it; when that takes
// longer, the state without those that are too slow.
func (s *Server) whole(ctx context.Context, page *dashboard.Page, wait time.Duration, panels ...string) (*delta.State, error) {
	v := visitorOf(ctx)
	release, err := s.open(v, s.shares(v), page)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	state, err := s.config.Hub.Latest(ctx, page.ID())
	if err != nil {
		return nil, err
	}
	sub := s.config.Hub.Subscribe(page.ID(), state.Cursor)
	defer sub.Close()
	for !holds(state, panels) {
		if _, err := sub.Next(ctx); err != nil {
			break
		}
		if newer, err := s.config.Hub.Latest(ctx, page.ID()); err == nil {
			state = newer
		}
	}
	return state, nil
}

func holds(state *delta.State, panels []string) bool {
	for _, id := range panels {
		if state.Panels[id] == nil {
			return false
		}
	}
	return true
}

// asked are the panels of a page that have rows.
func asked(page *dashboard.Page) (ids []string) {
	for i := range page.Panels {
		if page.Panels[i].Type != "text" {
			ids = append(ids, page.Panels[i].ID)
		}
	}
	return ids
}

// serveSnapshot answers GET /api/v1/snapshot?page=….
func (s *Server) serveSnapshot(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	state, err := s.whole(r.Context(), page, firstRows, asked(page)...)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeBytes(w, r, http.StatusOK, "application/json", delta.EncodeSnapshot(state))
}

// apiPage is one entry of /api/v1/pages.
type apiPage struct {
	Address      string `json:"address"`
	Kind         string `json:"kind"`
	Title        string `json:"title"`
	Live         *bool  `json:"live,omitempty"`
	RowsEstimate *int64 `json:"rows_estimate,omitempty"`

	Peek *views.Peek `json:"peek,omitempty"`
}

// servePages answers GET /api/v1/pages.
func (s *Server) servePages(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	index, err := s.index(r.Context(), v)
	if err != nil && len(index.Dashboards) == 0 {
		s.fail(w, r, err)
		return
	}
	pages := []apiPage{}
	for _, d := range index.Dashboards {
		if d.Broken {
			continue
		}
		pages = append(pages, apiPage{Address: d.Address, Kind: string(dashboard.KindDashboard), Title: d.Title, Peek: s.peek(r.Context(), v, d)})
	}
	for _, t := range index.Tables {
		p := apiPage{Address: t.Address, Kind: string(dashboard.KindTable), Title: t.Name, Live: &t.Live}
		if t.RowsEstimate >= 0 {
			p.RowsEstimate = &t.RowsEstimate
		}
		pages = append(pages, p)
	}
	s.writeJSON(w, r, http.StatusOK, map[string]any{"pages": pages})
}

// serveHealth answers GET /healthz.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	s.writeJSON(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

// serveReady answers GET /readyz. A fault of the database is no reason to take
// the server out, for it can say what is wrong; ?live=1 asks more strictly.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ready := s.config.Ready()
	status, body := http.StatusOK, map[string]string{"status": "ok"}
	switch {
	case s.drain.Err() != nil:
		status, body["status"] = http.StatusServiceUnavailable, "stopping"
	case !ready.Ready:
		status, body["status"] = http.StatusServiceUnavailable, "starting"
	case ready.Degraded != "":
		body["status"] = "degraded"
		if live := r.URL.Query().Get("live"); live != "" && live != "0" {
			status = http.StatusServiceUnavailable
		}
	}
	if ready.Degraded != "" {
		body["reason"] = ready.Degraded
	}
	s.writeJSON(w, r, status, body)
}

// serveDemo answers POST /demo/order: by 204 to the page's own code, by going
// back to the front page to a form.
func (s *Server) serveDemo(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), lookup)
	defer cancel()
	if err := s.config.Demo.Insert(ctx); err != nil {
		s.fail(w, r, err)
		return
	}
	if strings.EqualFold(r.Header.Get("X-Rowcast"), "fetch") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, visitorOf(r.Context()).base+"/", http.StatusSeeOther)
}
