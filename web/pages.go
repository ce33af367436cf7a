package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/views"
)

// serveIndex answers GET /.
func (s *Server) serveIndex(w http.ResponseWriter, r *http.Request) {
	if v := visitorOf(r.Context()); v.shared {
		s.toShared(w, r, v)
		return
	}
	index, err := s.index(r.Context(), visitorOf(r.Context()))
	if err != nil && len(index.Dashboards) == 0 {
		s.fail(w, r, err)
		return
	}
	trouble := ""
	if err != nil { // the dashboards are known, the tables are not
		trouble = s.explain(r.Context(), err).message
	}
	s.writePage(w, r, http.StatusOK, views.IndexPage(s.indexModel(r, index, trouble)))
}

// toShared sends whoever came by a link to what it leads to, with what was asked
// of the browser's own code, such as kiosk.
func (s *Server) toShared(w http.ResponseWriter, r *http.Request, v *visitor) {
	link, _ := v.pass.Link()
	target := link.Page
	if asked := r.URL.RawQuery; asked != "" {
		if strings.Contains(target, "?") {
			target += "&" + asked
		} else {
			target += "?" + asked
		}
	}
	http.Redirect(w, r, v.base+target, http.StatusSeeOther)
}

// servePage answers GET /d/… and /t/…: the page with its data. The socket goes
// on from the cursor that the page carries.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request, page *dashboard.Page) {
	state, err := s.first(r.Context(), page)
	var p *problem
	if errors.As(err, &p) {
		s.fail(w, r, p)
		return
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return // the reader left
	}
	m := s.paint(r, page, state)
	if page.Table != nil {
		s.writePage(w, r, http.StatusOK, views.TableView(m.table()))
		return
	}
	s.glimpse(page, state)
	s.writePage(w, r, http.StatusOK, views.DashboardPage(m.dashboard()))
}

// first is what a page is rendered with. Of several panels it waits for none; one
// that is all there is to see is waited for.
func (s *Server) first(ctx context.Context, page *dashboard.Page) (*delta.State, error) {
	if panels := asked(page); len(panels) == 1 {
		return s.whole(ctx, page, s.config.FirstPaint, panels...)
	}
	return s.state(ctx, page, s.config.FirstPaint)
}

// paint gathers what a page's models are made from. state is nil where the first
// rows have not come yet.
func (s *Server) paint(r *http.Request, page *dashboard.Page, state *delta.State) *paint {
	p := &paint{server: s, visitor: visitorOf(r.Context()), page: page, state: state, now: time.Now(), zone: time.UTC, chrome: s.chrome(r.Context(), page.Title)}
	if z, err := time.LoadLocation(page.TimeZone); err == nil {
		p.zone = z
	}
	p.author = s.mayAuthor(r)
	query := r.URL.Query()
	p.chrome.Kiosk, p.chrome.Embed = query.Has("kiosk"), query.Has("embed")
	cursor := ""
	if state != nil {
		cursor = state.Cursor
	}
	if m, ok := s.newest(r.Context(), page.ID(), cursor); ok {
		p.status = &m
	}
	return p
}

// theme is what the reader chose: in this address, else in this browser, whose
// own code keeps the cookie.
func theme(r *http.Request) string {
	if asked := r.URL.Query().Get("theme"); asked != "" {
		return asked
	}
	if kept, err := r.Cookie("rowcast.theme"); err == nil {
		return kept.Value
	}
	return ""
}

// writePage renders into memory first, so that a fault becomes an error page and
// not half a page.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	var b bytes.Buffer
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", s.policy(nonce, s.framed(r)))
	if err := page.Render(templ.WithNonce(views.WithTheme(r.Context(), theme(r)), nonce), &b); err != nil {
		if r.Context().Err() == nil {
			s.logs(r.Context()).Error("a page could not be rendered", "error", err)
		}
		http.Error(w, internal(r.Context()), http.StatusInternalServerError)
		return
	}
	s.writeBytes(w, r, status, "text/html; charset=utf-8", exact(b.Bytes()))
}

// exact keeps what whoever reads HTML would change, for the browser takes its
// first state from the page: carriage returns, which would be gone, and bytes
// that are not UTF-8, which become what they are on the wire.
func exact(html []byte) []byte {
	if !utf8.Valid(html) {
		html = []byte(string([]rune(string(html))))
	}
	if bytes.IndexByte(html, '\r') < 0 {
		return html
	}
	return bytes.ReplaceAll(html, []byte("\r"), []byte("&#13;"))
}
