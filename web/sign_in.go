package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/views"
)

// serveSignIn answers GET /sign-in?next=…: the form, or for whoever is signed in
// already what they asked for.
func (s *Server) serveSignIn(w http.ResponseWriter, r *http.Request) {
	v, query := visitorOf(r.Context()), r.URL.Query()
	next := safeNext(query.Get("next"))
	if v.none == nil && s.entitled(v, next) {
		http.Redirect(w, r, v.base+next, http.StatusSeeOther)
		return
	}
	m := s.signInModel(r, next)
	if m.Provider != "" && query.Has("again") && errors.Is(v.none, access.ErrEnded) {
		// Sessions are short there, for groups to count; a reader need not notice.
		http.Redirect(w, r, m.Provider+"&silent", http.StatusSeeOther)
		return
	}
	switch {
	case v.none == nil:
		m.Text = fmt.Sprintf("You are signed in as %s, and what you asked for is not there, or not for you.", v.pass.Viewer.Name)
	case query.Has("again"):
		m.Text = sessionEnded
	}
	formsSayWhence(w)
	s.writePage(w, r, http.StatusOK, views.SignInPage(m))
}

const sessionEnded = "Your session ended. Sign in again, and the page goes on."

// formsSayWhence has the page's forms carry their Origin: without a referrer a
// browser calls it null. What links to other sites there are carry none.
func formsSayWhence(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "same-origin") }

// entitled tells whether a visitor may go to a place of this server. What is no
// page shows itself to whom it may.
func (s *Server) entitled(v *visitor, next string) bool {
	u, err := url.Parse(next)
	if err != nil {
		return false
	}
	if !strings.HasPrefix(u.Path, "/d/") && !strings.HasPrefix(u.Path, "/t/") && (u.Path != s.config.Status || u.Path == "") {
		return true
	}
	return s.entitle(v, next) == nil
}

func (s *Server) signInModel(r *http.Request, next string) views.SignIn {
	v := visitorOf(r.Context())
	m := views.SignIn{Chrome: s.frame(r.Context(), "Sign in"), Action: v.base + signInPath, Next: next}
	if v.gate.Mode() == access.ModeOIDC {
		m.Provider = v.base + signInPath + "/provider?next=" + url.QueryEscape(next)
	}
	return m
}

// signIn answers POST /sign-in. That it comes from a page of this server was
// looked at before any route, so nobody is signed in as somebody else's choice.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	name, password := r.PostFormValue("name"), r.PostFormValue("password")
	next := safeNext(r.PostFormValue("next"))
	m := s.signInModel(r, next)
	m.Name = name
	formsSayWhence(w) // the form may be shown again
	if from, err := url.Parse(r.Header.Get("Origin")); err == nil && from.Scheme == "http" && !isLocal(from.Hostname()) {
		// The password has travelled in the open already; saying so is all that is left.
		m.Trouble = "This page came over plain http, where a browser keeps no session. Open it over https, and choose another password: this one could be read on its way."
		s.writePage(w, r, http.StatusBadRequest, views.SignInPage(m))
		return
	}
	kept, err := v.gate.SignIn(r, name, password, v.from)
	var wait *access.Wait
	switch {
	case err == nil:
		for _, c := range kept {
			http.SetCookie(w, c)
		}
		http.Redirect(w, r, v.base+next, http.StatusSeeOther)
		return
	case errors.As(err, &wait):
		seconds := int(wait.For/time.Second) + 1
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		m.Trouble = fmt.Sprintf("%s. Try again in %s.", capital(wait.Error()), plural(seconds, "second"))
		s.writePage(w, r, http.StatusTooManyRequests, views.SignInPage(m))
	case errors.Is(err, access.ErrBusy):
		w.Header().Set("Retry-After", "3")
		m.Trouble = "Many sign in at this moment. Try again."
		s.writePage(w, r, http.StatusServiceUnavailable, views.SignInPage(m))
	case errors.Is(err, access.ErrWrong):
		m.Trouble = "Name or password is wrong."
		s.writePage(w, r, http.StatusUnauthorized, views.SignInPage(m))
	default:
		s.fail(w, r, err)
	}
}

func isLocal(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// signOut answers POST /sign-out: the session is over everywhere, and what it
// has open closes.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	cookie, err := v.gate.SignOut(v.pass, v.from)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.Look()
	http.SetCookie(w, cookie)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, v.base+signInPath, http.StatusSeeOther)
}

// toSignIn sends a person who has to sign in there, and back afterwards.
func (s *Server) toSignIn(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	target := v.base + signInPath
	asked := url.Values{}
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		asked.Set("next", here(r))
	}
	if errors.Is(v.none, access.ErrEnded) {
		asked.Set("again", "")
	}
	if len(asked) > 0 {
		target += "?" + asked.Encode()
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// toProvider answers GET /sign-in/provider?next=…: the way to the provider, which
// with silent is to ask nothing.
func (s *Server) toProvider(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	query := r.URL.Query()
	to, kept, err := v.gate.BeginOIDC(r.Context(), safeNext(query.Get("next")), query.Has("silent"))
	if err != nil {
		if s.tells("provider") {
			s.logs(r.Context()).Error("the provider of sign-ins cannot be asked", "error", err)
		}
		m := s.signInModel(r, "/")
		m.Trouble = "The provider of sign-ins does not answer. Try again."
		s.writePage(w, r, http.StatusServiceUnavailable, views.SignInPage(m))
		return
	}
	http.SetCookie(w, kept)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fromProvider answers GET /sign-in/callback: the way back.
func (s *Server) fromProvider(w http.ResponseWriter, r *http.Request) {
	v := visitorOf(r.Context())
	kept, gone, next, err := v.gate.EndOIDC(r, v.from)
	http.SetCookie(w, gone)
	next = safeNext(next)
	if err == nil {
		http.SetCookie(w, kept)
		http.Redirect(w, r, v.base+next, http.StatusSeeOther)
		return
	}
	m, status := s.signInModel(r, next), http.StatusUnauthorized
	var wait *access.Wait
	switch {
	case errors.As(err, &wait):
		m.Trouble, status = capital(wait.Error())+". Try again in a minute.", http.StatusTooManyRequests
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.For/time.Second)+1))
	case errors.Is(err, access.ErrBusy):
		w.Header().Set("Retry-After", "3")
		m.Trouble, status = "Many sign in at this moment. Try again.", http.StatusServiceUnavailable
	case errors.Is(err, access.ErrNobody):
		m.Text = sessionEnded
	case errors.Is(err, access.ErrSubject):
		s.logs(r.Context()).Error("a sign-in is refused", "error", err)
		m.Trouble, status = "The provider knows you by a name that cannot be used here. The server's log says why.", http.StatusForbidden
	case errors.Is(err, access.ErrWrong):
		m.Trouble = "That sign-in did not work, or took too long. Begin it again from here."
	default:
		s.logs(r.Context()).Error("a sign-in could not be ended", "error", err)
		m.Trouble, status = "The provider of sign-ins does not answer. Try again.", http.StatusServiceUnavailable
	}
	s.writePage(w, r, status, views.SignInPage(m))
}
