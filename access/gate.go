package access

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Mode is the one way in.
type Mode string

// The ways in. There is no mode for nobody: without a gate everybody is let in.
const (
	ModePassword Mode = "password" // a name and a password of the users file
	ModeProxy    Mode = "proxy"    // a proxy in front says who it is
	ModeOIDC     Mode = "oidc"     // a provider of OpenID Connect says who it is
)

// CookieName is the cookie that holds a session. The prefix has the browser keep
// it for this host alone, sent over TLS or to this machine only.
const CookieName = "__Host-rowcast"

// Config says how people get in. Mode and Policy are required, Users, Browsers and
// Sessions for ModePassword, Proxies and Headers for ModeProxy, OIDC and Sessions
// for ModeOIDC.
type Config struct {
	Mode     Mode
	Users    *Users
	Browsers *Browsers
	Sessions *Sessions
	OIDC     *OIDC
	Proxies  Proxies // whose headers count
	Headers  Headers
	Policy   *Policy
	Links    *Links // nil: there are none
	Log      *slog.Logger
	Audit    *slog.Logger // nil: Log
}

// Gate lets people in. Its methods may be called at the same time.
type Gate struct {
	config Config
	trials trials
	begun  Throttle // sessions, by whose they are
	audit  audit
}

// New returns a gate.
func New(c Config) (*Gate, error) {
	if c.Policy == nil {
		return nil, errors.New("make gate: there is no policy")
	}
	switch c.Mode {
	case ModePassword:
		if c.Users == nil || c.Browsers == nil || c.Sessions == nil {
			return nil, errors.New("make gate: passwords need users, browsers and sessions")
		}
	case ModeProxy:
		if len(c.Proxies) == 0 || c.Headers.User == "" {
			return nil, errors.New("make gate: a proxy needs its addresses and the name of its header")
		}
	case ModeOIDC:
		if c.OIDC == nil || c.Sessions == nil {
			return nil, errors.New("make gate: a provider needs its configuration and sessions")
		}
	default:
		return nil, fmt.Errorf("make gate: there is no mode %q", c.Mode)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Audit == nil {
		c.Audit = c.Log
	}
	g := &Gate{config: c, audit: audit{log: c.Audit}}
	c.Policy.tell(&g.audit)
	return g, nil
}

// Pass is what a request proved. It may be kept and looked at again. The zero
// value is nobody's.
type Pass struct {
	Viewer  Viewer
	session string // the digest of its token; "" where there is none
	token   string // of a link; "" where it is none's
	link    Link
	until   time.Time
}

// Link is the link that let somebody in, who may see its page and nothing else.
func (p Pass) Link() (Link, bool) { return p.link, p.token != "" }

// Holder names whoever has the pass: the user, or "link" and the link's name. No
// user is called so, for a name has no spaces.
func (p Pass) Holder() string {
	if p.token != "" {
		return "link " + p.link.ID
	}
	return p.Viewer.Name
}

// Proof tells passes apart by what they rest on: the session, or the link. It is ""
// for those of which each rests on a request of its own. A link's is its secret.
func (p Pass) Proof() string {
	if p.token != "" {
		return p.token
	}
	return p.session
}

// Same reports whether two looks at one pass found the same.
func (p Pass) Same(as Pass) bool {
	return p.Proof() == as.Proof() && p.until.Equal(as.until) && p.link.Page == as.link.Page &&
		p.Viewer.Name == as.Viewer.Name && p.Viewer.Label == as.Viewer.Label && slices.Equal(p.Viewer.Groups, as.Viewer.Groups)
}

// A proxy's word about a connection lasts for trusted, and by chance for up to
// spread longer, so that those who came together do not all come again together.
// With the time until that is noticed it is less than a minute.
const (
	trusted = 28 * time.Second
	spread  = 14 * time.Second
)

// Who says whose a request is. The error is [ErrNobody] or [ErrEnded] where it
// proves nothing, any other is a fault.
func (g *Gate) Who(r *http.Request) (Pass, error) {
	if g.config.Mode == ModeProxy {
		v, err := g.config.Headers.viewer(r, g.config.Proxies)
		if err == nil {
			g.tellMaker(v)
		}
		return Pass{Viewer: v, until: time.Now().Add(trusted + rand.N(spread))}, err
	}
	token, err := tokenOf(r)
	if err != nil {
		return Pass{}, err
	}
	return g.Still(Pass{session: digest(token)})
}

// tokenOf is the session's cookie. Two of them are none: one was slipped in.
func tokenOf(r *http.Request) (string, error) {
	kept := r.CookiesNamed(CookieName)
	if len(kept) != 1 || kept[0].Value == "" {
		return "", ErrNobody
	}
	return kept[0].Value, nil
}

// Still looks at a pass again and returns it as it is now, with the viewer's
// groups of now. The error is [ErrEnded] where it is over, and [ErrAgain] where
// only another request could tell.
func (g *Gate) Still(p Pass) (Pass, error) {
	if p.token != "" {
		return g.WhoBy(p.token)
	}
	if p.session == "" {
		switch {
		case p.Viewer.Name == "":
			return Pass{}, ErrEnded
		case !time.Now().Before(p.until):
			return Pass{}, ErrAgain
		}
		return p, nil
	}
	found, err := g.config.Sessions.look(p.session)
	switch {
	case err != nil:
		return Pass{}, err
	case found.Way != g.config.Mode:
		return Pass{}, ErrEnded // of another way in, which was closed since
	}
	p.Viewer, p.until = Viewer{Name: found.Name, Label: found.Label, Groups: found.Groups}, found.Until
	if g.config.Mode == ModePassword {
		u, ok := g.config.Users.get(found.Name)
		if !ok || u.mark() != found.Mark {
			return Pass{}, ErrEnded
		}
		p.Viewer.Groups = u.groups
	}
	return p, nil
}

// Asks reports whether people sign in here, and not with a proxy in front.
func (g *Gate) Asks() bool { return g.config.Mode != ModeProxy }

// Mode is the way in.
func (g *Gate) Mode() Mode { return g.config.Mode }

// Wait is how long to wait before the next sign-in.
type Wait struct {
	For    time.Duration
	Failed bool // for what failed; else for what did not
}

func (w *Wait) Error() string {
	if w.Failed {
		return "too many sign-ins failed"
	}
	return "too many sign-ins"
}

// perUser is how often one user may sign in, at once as often as they may have screens:
// each session is a file, for as long as it lasts.
var perUser = Allowance{Burst: 500, Every: 10 * time.Second}

// SignIn begins a session for a name and its password, and returns the cookies that
// the browser which sent r is to keep. from is the address that asks. Its error is
// [ErrWrong], [ErrBusy] or a [*Wait]; any other is a fault.
func (g *Gate) SignIn(r *http.Request, name, password, from string) ([]*http.Cookie, error) {
	if g.config.Mode != ModePassword {
		return nil, ErrWrong
	}
	counts := tries(name, from, g.config.Browsers.knows(r, name))
	if used, err := g.trials.begin(r.Context(), counts); err != nil {
		if used != nil {
			g.audit.write(EventSignInLimited, used.who, from, "")
		}
		return nil, err
	}
	wrong := false
	defer func() { g.trials.end(counts, wrong) }()
	u, err := g.config.Users.check(r.Context(), name, password)
	if wrong = errors.Is(err, ErrWrong); wrong { // any other is not their failure
		g.audit.write(EventSignInFails, name, from, "")
	}
	if err != nil {
		return nil, err
	}
	kept, err := g.begin(session{Name: name, Mark: u.mark(), Way: ModePassword})
	if err != nil {
		return nil, err
	}
	g.audit.write(EventSignIn, name, from, "")
	return []*http.Cookie{kept, g.config.Browsers.meet(name)}, nil
}

func (g *Gate) begin(who session) (*http.Cookie, error) {
	if wait := g.begun.Wait(who.Name, perUser, time.Now()); wait > 0 {
		return nil, &Wait{For: wait}
	}
	token, err := g.config.Sessions.begin(who)
	if err != nil {
		return nil, err
	}
	c := cookie(token)
	c.Expires = time.Now().Add(g.config.Sessions.life)
	return c, nil
}

func cookie(value string) *http.Cookie {
	return &http.Cookie{Name: CookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// SignOut ends the session of a pass, and returns the cookie that takes it from
// the browser.
func (g *Gate) SignOut(p Pass, from string) (*http.Cookie, error) {
	gone := cookie("")
	gone.MaxAge = -1
	if p.session == "" {
		return gone, nil
	}
	if err := g.config.Sessions.end(p.session); err != nil {
		return nil, err
	}
	g.audit.write(EventSignOut, p.Viewer.Name, from, "")
	return gone, nil
}

// May reports whether v may see what has this rule. Admins may see everything.
func (g *Gate) May(v Viewer, r Rule) bool { return r.Names(v) || g.Admin(v) }

// MayTable is the same for a table, whose rule is in the policy.
func (g *Gate) MayTable(v Viewer, schema, name string) bool {
	return g.May(v, g.config.Policy.get().table(schema, name))
}

// RunAs is as whom table pages are read; nil: as the role that reads.
func (g *Gate) RunAs() *RunAs { return g.config.Policy.get().RunAs }

// Admin reports whether v may see everything.
func (g *Gate) Admin(v Viewer) bool { return g.config.Policy.get().Admins.Names(v) }

// Author reports whether v may see the queries of what v may see.
func (g *Gate) Author(v Viewer) bool { return g.May(v, g.config.Policy.get().Authors) }

// Tell writes a line into the audit log. page is an address of a page, whose
// query is left out.
func (g *Gate) Tell(e Event, p Pass, from, page string) {
	g.audit.write(e, p.Holder(), from, page)
}
