package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/views"
)

const linksPath = "/links"

// day is the unit in which a link's life is chosen.
const day = 24 * time.Hour

// lives are how long a link may last, as the form offers it.
var lives = [...]struct {
	days int
	text string
}{{1, "a day"}, {7, "a week"}, {30, "a month"}, {365, "a year"}}

// sharer is nil for a visitor who may make links.
func (s *Server) sharer(r *http.Request) error {
	if v := visitorOf(r.Context()); v.gate != nil && v.gate.Sharer(v.pass.Viewer) {
		return nil
	}
	return notFound(r)
}

// serveLinks answers GET /links?page=…: the links that there are, and a form for
// one to that page.
func (s *Server) serveLinks(w http.ResponseWriter, r *http.Request) {
	s.writeLinks(w, r, http.StatusOK, views.Links{Page: named(r)})
}

func (s *Server) writeLinks(w http.ResponseWriter, r *http.Request, status int, m views.Links) {
	v := visitorOf(r.Context())
	err := s.sharer(r)
	var all []access.Link
	if err == nil {
		all, err = v.gate.ListLinks(v.pass)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	formsSayWhence(w)
	m.Chrome = s.chrome(r.Context(), "Share links")
	m.Place = []views.Crumb{{Text: "Share links", Href: v.href(linksPath)}}
	m.Make, m.Revoke = v.href(linksPath), v.href(linksPath+"/revoke")
	for _, l := range lives {
		m.Lives = append(m.Lives, views.Option{Value: fmt.Sprint(l.days), Label: l.text})
	}
	now := time.Now()
	for _, l := range all {
		line := views.LinkLine{ID: l.ID, Page: l.Page, Href: v.href(l.Page), Note: l.Note, By: l.By, Until: moment(l.Until), Used: "never", Over: !now.Before(l.Until)}
		if !line.Over && !s.shows(v.gate, l) {
			line.Over, line.Until = true, "not for its maker any more"
		}
		if !l.Used.IsZero() {
			line.Used = moment(l.Used)
		}
		m.List = append(m.List, line)
	}
	s.writePage(w, r, status, views.LinksPage(m))
}

// shows tells whether whoever made a link may see its dashboard now.
func (s *Server) shows(gate *access.Gate, l access.Link) bool {
	to, err := s.config.Pages.Subject(l.Page)
	return err == nil && to.Kind == dashboard.KindDashboard && gate.Shows(l, access.Rule(to.Access))
}

// moment is a time as lists of links show it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// makeLink answers POST /links. The link is shown once and kept nowhere.
func (s *Server) makeLink(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	if err := s.sharer(r); err != nil {
		s.fail(w, r, err)
		return
	}
	m := views.Links{Page: strings.TrimSpace(r.PostFormValue("page")), Note: strings.TrimSpace(r.PostFormValue("note"))}
	life := time.Duration(0)
	for _, l := range lives {
		if r.PostFormValue("days") == fmt.Sprint(l.days) {
			life = time.Duration(l.days) * day
		}
	}
	page, err := s.find(r.Context(), v, m.Page)
	switch {
	case err != nil:
		m.Trouble = capital(s.explain(r.Context(), err).message) + "."
	case page.Kind == dashboard.KindStatus:
		m.Trouble = "This page is for admins alone."
	case page.RunsAsViewer():
		m.Trouble = "This dashboard shows each viewer what is theirs, so there is nothing that a link could show."
	case life == 0:
		m.Trouble = "Choose how long the link lasts."
	default:
		_, token, err := v.gate.MakeLink(v.pass, v.from, page.Address, m.Note, life)
		var unfit access.UnfitLink
		if errors.As(err, &unfit) {
			m.Trouble = capital(unfit.Error()) + "."
			break
		}
		if err != nil { // it may name files of the server
			s.fail(w, r, err)
			return
		}
		m.Made = s.origin(r) + s.config.BasePath + linkPrefix + token
		m.Page, m.Note = "", ""
		s.writeLinks(w, r, http.StatusOK, m)
		return
	}
	s.writeLinks(w, r, http.StatusBadRequest, m)
}

// origin is that of the page which sent a form, so that what is made there can be
// taken elsewhere; "" where the browser does not say.
func (s *Server) origin(r *http.Request) string {
	from := r.Header.Get("Origin")
	if _, ok := parseOrigin(from); !ok {
		return ""
	}
	return from
}

// revokeLink answers POST /links/revoke: whoever watches by it has to leave.
func (s *Server) revokeLink(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	err := s.sharer(r)
	if err == nil {
		err = v.gate.RevokeLink(v.pass, v.from, r.PostFormValue("id"))
	}
	if errors.Is(err, access.ErrNoLink) {
		err = notFound(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.Look()
	http.Redirect(w, r, v.href(linksPath), http.StatusSeeOther)
}
