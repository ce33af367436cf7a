package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// visitor is whoever sent a request, and what they may. All that is served is
// served to a visitor, and every page is found for one, by [Server.find].
type visitor struct {
	gate *access.Gate // nil: nobody has to sign in, and everybody may see everything
	pass access.Pass
	none error // why the pass is nobody's; nil: it is somebody's
	// shared is set for whoever came by a link. They may see its page alone, and
	// are never asked to sign in.
	shared bool
	from   string // the address of the network
	// relayed is set where that is not a client's: a proxy is all that is known.
	relayed bool
	base    string // path before every URL of the pages that are served

	// The request that the visitor sent, for its log; nothing depends on them.
	request, route, page string

	pages Pages
}

type visitorKey struct{}

// linkPrefix stands before the URLs of whoever came by a link: its token, then
// the paths of all routes. So a page that was opened by a link stays within it,
// in a frame of another site too, and no cookie is needed.
const linkPrefix = "/s/"

// visit finds out whose a request is, and takes what says so off its path.
func (s *Server) visit(r *http.Request) (*visitor, *http.Request) {
	r = s.withoutBase(r)
	v := &visitor{gate: s.config.Access, base: s.config.BasePath, pages: s.config.Pages, request: s.nameRequest(r)}
	v.from = s.config.Proxies.Client(r)
	v.relayed = s.config.Proxies.Relays(v.from)
	if v.gate == nil {
		return v, r
	}
	if token, rest, shared := linked(r); shared {
		v.shared, v.base = true, v.base+linkPrefix+token
		v.pass, v.none = v.gate.WhoBy(token)
		return v, rest
	}
	v.pass, v.none = v.gate.Who(r)
	return v, r
}

// linked takes the token of a link off a request's path.
func linked(r *http.Request) (token string, rest *http.Request, shared bool) {
	after, shared := strings.CutPrefix(r.URL.EscapedPath(), linkPrefix)
	if !shared {
		return "", r, false
	}
	token, raw, _ := strings.Cut(after, "/")
	u := *r.URL
	path, err := url.PathUnescape("/" + raw)
	if err != nil || !isToken(token) {
		token, path, raw = "", "/", ""
	}
	u.Path, u.RawPath = path, "/"+raw
	stripped := *r
	stripped.URL = &u
	return token, &stripped, true
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

func (v *visitor) with(r *http.Request) *http.Request { return r.WithContext(v.in(r.Context())) }

func (v *visitor) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// visitorOf is the visitor of a request, or of what is done for it. Without one
// it is nobody, who may see nothing.
func visitorOf(ctx context.Context) *visitor {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{gate: new(access.Gate), none: access.ErrNobody}
}

// again is the visitor as it is now: sessions end, and groups change.
func (v *visitor) again() *visitor {
	if v.gate == nil || v.none != nil {
		return v
	}
	now := *v
	now.pass, now.none = v.gate.Still(v.pass)
	return &now
}

// turnedAway writes it down that somebody was who is nobody, or whose session or link
// is none, but not that a proxy or a provider is to be asked again.
func (v *visitor) turnedAway(err error, r *http.Request) {
	if p := new(problem); errors.As(err, &p) && p != errAgain {
		v.gate.Tell(access.EventDenied, v.pass, v.from, r.URL.Path)
	}
}

// somebody is nil for a visitor who is let in at all.
func (v *visitor) somebody() error {
	if v.gate == nil || v.none == nil {
		return nil
	}
	if errors.Is(v.none, access.ErrNoLink) {
		return &problem{status: http.StatusNotFound, code: codeNotFound, message: v.none.Error()}
	}
	if errors.Is(v.none, access.ErrAgain) {
		return errAgain
	}
	if errors.Is(v.none, access.ErrNobody) || errors.Is(v.none, access.ErrEnded) {
		return &problem{status: http.StatusUnauthorized, code: codeUnauthorized, message: v.none.Error()}
	}
	return v.none // a fault, which is logged where it is told
}

func (v *visitor) mayDashboard(rule dashboard.Access) bool {
	return v.gate == nil || v.none == nil && v.gate.May(v.pass.Viewer, access.Rule(rule))
}

func (v *visitor) mayTable(schema, name string) bool {
	return v.gate == nil || v.none == nil && v.gate.MayTable(v.pass.Viewer, schema, name)
}

func (v *visitor) admin() bool {
	return v.gate == nil || v.none == nil && v.gate.Admin(v.pass.Viewer)
}

// entitle says whether a visitor may see the page of an address. It decides for
// pages, exports, sockets and event streams alike, before anything else is
// looked up. A page that is not theirs does not exist for them.
func (s *Server) entitle(v *visitor, address string) error {
	if v.gate == nil {
		return nil
	}
	if err := v.somebody(); err != nil {
		return err
	}
	about, err := v.pages.Subject(address)
	if err != nil {
		return err
	}
	message := notYours
	if !v.shared {
		if v.may(about) {
			return nil
		}
	} else if link, leads := s.leads(v, about); leads {
		if v.gate.Shows(link, access.Rule(about.Access)) {
			return nil
		}
		message = access.ErrNoLink.Error()
	}
	v.gate.Tell(access.EventDenied, v.pass, v.from, address)
	return &problem{status: http.StatusNotFound, code: codeNotFound, message: message}
}

// notYours is said of what is not there and of what is not for whoever asks, alike.
const notYours = "there is no such page, or it is not for you"

// may tells whether a rule names the visitor for what an address is about.
func (v *visitor) may(about dashboard.Subject) bool {
	switch about.Kind {
	case dashboard.KindDashboard:
		return v.mayDashboard(about.Access)
	case dashboard.KindTable:
		return v.mayTable(about.Schema, about.Name)
	case dashboard.KindStatus:
		return v.admin()
	}
	return false
}

// leads tells whether the visitor's link is one to that dashboard. With which values is
// seen when the page is found.
func (s *Server) leads(v *visitor, about dashboard.Subject) (access.Link, bool) {
	link, _ := v.pass.Link()
	to, err := s.config.Pages.Subject(link.Page)
	return link, err == nil && to.Kind == dashboard.KindDashboard && about.Kind == to.Kind && about.Slug == to.Slug
}

// lock lets a visitor who came by a link have the page with the link's values
// only, and without what could be chosen instead.
func (s *Server) lock(ctx context.Context, v *visitor, page *dashboard.Page) error {
	link, _ := v.pass.Link()
	locked, err := s.config.Pages.Page(ctx, link.Page)
	if err != nil {
		return err
	}
	if page.Address != locked.Address || page.RunsAsViewer() {
		v.gate.Tell(access.EventDenied, v.pass, v.from, page.Address)
		return &problem{status: http.StatusNotFound, code: codeNotFound, message: "this link leads to another page"}
	}
	page.Locked()
	return nil
}

// find looks a page up for a visitor. There is no other way to a page.
func (s *Server) find(ctx context.Context, v *visitor, address string) (*dashboard.Page, error) {
	err := s.mayAsk(v, address)
	if err != nil {
		return nil, err
	}
	page, err := s.theirs(ctx, v, address)
	if err == nil && v.gate != nil {
		v.gate.Tell(access.EventOpened, v.pass, v.from, page.Address)
	}
	return page, err
}

// theirs is a page as its visitor may see it.
func (s *Server) theirs(ctx context.Context, v *visitor, address string) (*dashboard.Page, error) {
	if err := s.entitle(v, address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookup)
	defer cancel()
	page, err := s.config.Pages.Page(ctx, address)
	if err != nil {
		return nil, err
	}
	if v.shared {
		err = s.lock(ctx, v, page)
	} else {
		err = s.own(v, page)
	}
	if err != nil {
		return nil, err
	}
	return page, nil
}

// whose names a visitor for counting.
func (v *visitor) whose() string {
	if v.gate == nil || v.none != nil {
		return ""
	}
	return v.pass.Holder()
}

// rank is what of a visitor decides what is on the pages that they may see.
func (v *visitor) rank() string {
	if v.gate == nil || v.none != nil {
		return ""
	}
	return fmt.Sprintf("%v %q %s", v.gate.Author(v.pass.Viewer), v.pass.Viewer.Groups, v.tablesRunAs())
}

// tablesRunAs is as whom table pages are read, as a text.
func (v *visitor) tablesRunAs() string {
	if as := v.gate.RunAs(); as != nil {
		return fmt.Sprintf("%q %q", as.Role, as.Settings)
	}
	return ""
}

// own makes a page that of its visitor: those who may see queries, and those for
// whom the database has other rows, do not share it with others.
func (s *Server) own(v *visitor, page *dashboard.Page) error {
	if v.gate == nil {
		page.Candid = s.config.Authors
		return page.For("", nil)
	}
	if page.Candid = v.gate.Author(v.pass.Viewer); page.Candid {
		page.Context += "candid "
	}
	if as := v.gate.RunAs(); as != nil && page.Table != nil {
		theirs, err := dashboard.NewRunAs(as.Role, as.Settings)
		if err != nil {
			return fmt.Errorf("read a table as its viewer: %w", err)
		}
		page.RunAs(theirs)
	}
	return page.For(v.pass.Viewer.Name, v.pass.Viewer.Groups)
}

// index lists what a visitor may see.
func (s *Server) index(ctx context.Context, v *visitor) (dashboard.Index, error) {
	if err := s.mayAsk(v, "/"); err != nil {
		return dashboard.Index{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookup)
	defer cancel()
	all, err := s.config.Pages.Index(ctx)
	return v.part(all), err
}

// part is what of an index a visitor may see.
func (v *visitor) part(all dashboard.Index) (mine dashboard.Index) {
	if v.gate == nil {
		return all
	}
	for _, d := range all.Dashboards {
		if v.mayDashboard(d.Access) {
			mine.Dashboards = append(mine.Dashboards, d)
		}
	}
	for _, t := range all.Tables {
		if v.gate.RunAs() != nil {
			t.RowsEstimate = -1 // of all rows: theirs are others
		}
		if v.mayTable(t.Schema, t.Name) {
			mine.Tables = append(mine.Tables, t)
		}
	}
	return mine
}

// need is what a route asks of whoever calls it.
type need int

const (
	nobody   need = iota // may call it: the route of whoever forgot to say
	anybody              // health, files, the way in
	somebody             // who is let in at all; pages are found for them
	members              // who signed in, and did not come by a link
	admins
)

// handle adds a route. It is the only way to one, so that none is forgotten.
func (s *Server) handle(n need, pattern string, h http.Handler) {
	s.patterns = append(s.patterns, pattern)
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitorOf(r.Context())
		v.route = pattern
		if err := s.meets(v, n, r); err != nil {
			s.fail(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	}))
}

func (s *Server) meets(v *visitor, n need, r *http.Request) error {
	if n == anybody {
		return nil
	}
	if err := v.somebody(); err != nil {
		v.turnedAway(err, r)
		return err
	}
	switch {
	case n == somebody, n == members && !v.shared, n == admins && v.admin():
		return nil
	case n == admins:
		v.gate.Tell(access.EventDenied, v.pass, v.from, r.URL.Path)
	}
	return notFound(r)
}

// pageHandler answers a request for a page that was found for its visitor.
type pageHandler func(w http.ResponseWriter, r *http.Request, page *dashboard.Page)

// at finds the page that a request is for.
func (s *Server) at(address func(*http.Request) string, h pageHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := visitorOf(r.Context())
		v.asks(address(r))
		page, err := s.find(r.Context(), v, address(r))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		h(w, r, page)
	}
}

// here is the address of the request itself, named that of its parameter page.
func here(r *http.Request) string {
	if r.URL.RawQuery != "" {
		return r.URL.EscapedPath() + "?" + r.URL.RawQuery
	}
	return r.URL.EscapedPath()
}

func named(r *http.Request) string { return r.URL.Query().Get("page") }

// signInURL is where a visitor whose session ended goes; "" where there is no
// such page.
func (v *visitor) signInURL() string {
	if v.gate == nil || v.shared || !v.gate.Asks() {
		return ""
	}
	return v.base + signInPath
}

const (
	signInPath  = "/sign-in"
	signOutPath = "/sign-out"
)

// safeNext is where to go after a sign-in: a page of this server, or "/".
func safeNext(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(text) < 1 || text[0] != '/' || len(text) > 1 && (text[1] == '/' || text[1] == '\\') || !clean(u) {
		return "/"
	}
	for _, c := range []byte(text) {
		if c < ' ' || c == '\\' || c == 0x7f {
			return "/"
		}
	}
	if u.Path == signInPath || u.Path == signOutPath {
		return "/"
	}
	return text
}

// mayReference tells whether a visitor may know of the table that a key leads to.
func (v *visitor) mayReference(address string) bool {
	if v.gate == nil {
		return true
	}
	about, err := v.pages.Subject(address)
	return err == nil && v.mayTable(about.Schema, about.Name)
}
