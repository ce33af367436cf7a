package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/static"
)

// policy lets a page load its own files and nothing else, and run the scripts that
// have the answer's nonce, with what those import: other scripts of the same origin
// may be a neighbour's, below another path. Answers without a nonce run none. No
// markup can be made from text, not even by the page's own code. What may stand in
// frames does so in those of these origins only.
func policy(embed origins) func(nonce string, framed bool) string {
	parents := "'none'"
	if len(embed) > 0 {
		parents = "'self'"
		for _, o := range embed {
			parents += " " + o.scheme + "://" + o.host
		}
	}
	return func(nonce string, framed bool) string {
		scripts, ancestors := "'none'", "'none'"
		if nonce != "" {
			scripts = "'nonce-" + nonce + "' 'strict-dynamic'"
		}
		if framed {
			ancestors = parents
		}
		return "default-src 'none'; script-src " + scripts + "; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; " +
			"base-uri 'none'; form-action 'self'; frame-ancestors " + ancestors + "; require-trusted-types-for 'script'; trusted-types 'none'"
	}
}

// framed tells whether a request's answer may stand in a frame of the origins that are
// named: what people look at, and what they are told in its place. Nobody signs in or
// out, or makes links, in a page of somebody else, who could have them click.
func (s *Server) framed(r *http.Request) bool {
	if p := r.URL.Path; p != "/" && p != s.config.Status && !strings.HasPrefix(p, "/d/") && !strings.HasPrefix(p, "/t/") {
		return false
	}
	return len(s.config.Embed) > 0
}

// maxBody bounds what any request may carry.
const maxBody = 64 << 10

// routes says what there is and whom each asks for. Handlers of pages get theirs
// found, and so allowed, by [Server.at].
func (s *Server) routes() {
	s.mux = http.NewServeMux()
	pack := func(h http.HandlerFunc) http.Handler { return gzhttp.GzipHandler(h) }
	s.handle(somebody, "GET /{$}", pack(s.serveIndex))
	s.handle(somebody, "GET /d/{dashboard}", pack(s.at(here, s.servePage)))
	s.handle(somebody, "GET /t/{table}", pack(s.at(here, s.servePage)))
	s.handle(somebody, "GET /d/{dashboard}/{file}", pack(s.at(pageOf, s.serveRows)))
	s.handle(somebody, "GET /t/{table}/{file}", pack(s.at(pageOf, s.serveRows)))
	if s.config.Tables != nil {
		s.handle(somebody, "GET /t/{table}/all.csv", pack(s.at(pageOf, s.more(s.alone(s.serveAllCSV)))))
		s.handle(somebody, "GET /t/{table}/all.json", pack(s.at(pageOf, s.more(s.alone(s.serveAllJSON)))))
		s.handle(somebody, "GET /t/{table}/dashboard.yaml", pack(s.at(pageOf, s.more(s.serveDraft))))
		s.handle(somebody, "GET /api/v1/count", pack(s.at(named, s.serveCount)))
		s.handle(somebody, "GET /api/v1/row", pack(s.at(named, s.more(s.serveRow))))
	}
	if at := s.config.Status; at != "" {
		s.handle(somebody, "GET "+at, pack(s.at(here, s.servePage)))
		s.handle(somebody, "GET "+at+"/{file}", pack(s.at(pageOf, s.serveRows)))
	}
	s.handle(anybody, "GET "+livePath, http.HandlerFunc(s.serveSocket)) // tells nobody why it closes
	s.handle(somebody, "GET /api/v1/pages", pack(s.servePages))
	s.handle(somebody, "GET /api/v1/page", pack(s.at(named, s.servePageDescription)))
	s.handle(somebody, "GET /api/v1/snapshot", pack(s.at(named, s.serveSnapshot)))
	s.handle(somebody, "GET /api/v1/events", http.HandlerFunc(s.serveEvents))
	s.handle(anybody, "GET /healthz", http.HandlerFunc(s.serveHealth))
	s.handle(anybody, "GET /readyz", http.HandlerFunc(s.serveReady))
	s.handle(anybody, "GET /static/{file...}", static.Handler())
	if s.config.Metrics != nil {
		s.handle(admins, "GET /metrics", s.config.Metrics)
	}
	if s.config.Demo != nil {
		s.handle(members, "POST /demo/order", http.HandlerFunc(s.serveDemo))
	}
	if s.config.Access != nil {
		s.handle(members, "GET "+linksPath, pack(s.serveLinks))
		s.handle(members, "POST "+linksPath, pack(s.makeLink))
		s.handle(members, "POST "+linksPath+"/revoke", http.HandlerFunc(s.revokeLink))
	}
	if s.config.Access != nil && s.config.Access.Asks() {
		s.handle(anybody, "GET "+signInPath, pack(s.serveSignIn))
		s.handle(anybody, "POST "+signInPath, http.HandlerFunc(s.signIn))
		if s.config.Access.Mode() == access.ModeOIDC {
			s.handle(anybody, "GET "+signInPath+"/provider", http.HandlerFunc(s.toProvider))
			s.handle(anybody, "GET "+signInPath+"/callback", http.HandlerFunc(s.fromProvider))
		}
		s.handle(members, "POST "+signOutPath, http.HandlerFunc(s.signOut))
	}
}

// guard stands before every route: headers, limits, and a net under panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, r := s.visit(r)
		r = v.with(r)
		defer func() {
			switch err := recover(); err {
			case nil:
			case http.ErrAbortHandler:
				panic(err)
			default:
				s.logs(r.Context()).Error("a request panicked", "panic", err, "stack", string(debug.Stack()))
				s.fail(w, r, errInternal) // has no effect where the answer has begun
			}
		}()
		w.Header().Set(requestHeader, v.request)
		if !opensSocket(r) {
			s.protect(w, r)
		}
		_ = s.allow(w, mostUnasked) // those who send more say so
		if err := s.receive(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// opensSocket tells a request whose answer is no page, if it is served: none of what a
// page may do need be said. Where it is refused, that says it.
func opensSocket(r *http.Request) bool {
	return r.URL.Path == livePath && r.Method == http.MethodGet && r.Header.Get("Upgrade") != ""
}

// protect says what a browser may do with an answer.
func (s *Server) protect(w http.ResponseWriter, r *http.Request) {
	h, framed := w.Header(), s.framed(r)
	h.Set("Content-Security-Policy", s.policy("", framed))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if !framed {
		h.Set("X-Frame-Options", "DENY")
	}
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", s.resourcePolicy(r))
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil && s.config.StrictTLS > 0 {
		h.Set("Strict-Transport-Security", "max-age="+strconv.FormatInt(int64(s.config.StrictTLS.Seconds()), 10))
	}
	if visitorOf(r.Context()).shared {
		h.Set("X-Robots-Tag", "noindex, nofollow")
	}
}

// mostUnasked is what an answer may be before its time is measured by itself: the
// largest file of the browser's own code is smaller.
const mostUnasked = 5 * fragment

// receive reads the body of a request before anything is done for it, so that
// nobody holds up more than a connection by sending it slowly.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(s.config.Write)) // servers of tests may not support deadlines
	if len(r.TransferEncoding) > 0 {                      // where both are said, a proxy in front may go by the other; net/http does not tell
		w.Header().Set("Connection", "close")
		return &problem{status: http.StatusLengthRequired, code: codeBadRequest, message: "the request has to say how long it is, and nothing else of its length"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil { // the deadline stays, or what is left of the body would be waited for
		w.Header().Set("Connection", "close")
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &problem{status: http.StatusRequestEntityTooLarge, code: codeBadRequest, message: "the request is too large"}
		}
		return &problem{status: http.StatusRequestTimeout, code: codeBadRequest, message: "the request did not come in time"}
	}
	_ = c.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// resourcePolicy keeps what is served here out of other sites' pages. A page in
// a frame of a site that isolates itself must say that it may be there; the
// frame's ancestors are judged by the content policy all the same.
func (s *Server) resourcePolicy(r *http.Request) string {
	if s.framed(r) && r.Header.Get("Sec-Fetch-Dest") == "iframe" {
		return "cross-origin"
	}
	return "same-origin"
}

// mayAuthor tells whether whoever asks may see queries and what is wrong with
// them: where people sign in, that is said of them.
func (s *Server) mayAuthor(r *http.Request) bool {
	v := visitorOf(r.Context())
	if v.gate == nil {
		return s.config.Authors
	}
	return v.none == nil && v.gate.Author(v.pass.Viewer)
}

// route refuses what is no route, and serves the rest.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	if p := s.astray(r); p != nil {
		s.fail(w, r, p)
		return
	}
	if !clean(r.URL) {
		s.fail(w, r, notFound(r))
		return
	}
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.fail(w, r, &problem{status: http.StatusMethodNotAllowed, code: codeBadRequest, message: "only GET is answered here"})
		return
	}
	s.fail(w, r, notFound(r))
}

// astray says why a request may not come the way it came, whoever sent it; nil: it
// may. Health is always told, and the files of pages, which hold nothing.
func (s *Server) astray(r *http.Request) *problem {
	for _, prefix := range []string{"/healthz", "/readyz", "/static/"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return nil
		}
	}
	if !s.knowsHost(r.Host) {
		return &problem{status: http.StatusMisdirectedRequest, code: codeForbidden, away: true, message: "this server does not answer to that name"}
	}
	if by := access.Relayed(r); s.config.Direct && by != "" {
		s.relayed.Do(func() {
			s.logs(r.Context()).Warn("what comes through a proxy is refused", "told_by", by, "because", proxied)
		})
		return &problem{status: http.StatusForbidden, code: codeForbidden, away: true, message: proxied}
	}
	if s.foreign(r) {
		return &problem{status: http.StatusForbidden, code: codeForbidden, away: true, message: "the request comes from another site"}
	}
	return nil
}

// proxied is said to whoever comes through a proxy to a server that trusts its
// machine's people. Without it a proxy that rewrites the host would open it to all.
const proxied = "this came through a proxy, and nobody has to sign in here: have people sign in with --auth and name the proxy by --trusted-proxy, or say --let-anyone-on-the-network-read"

// withoutBase also takes requests whose proxy has taken the base path off.
func (s *Server) withoutBase(r *http.Request) *http.Request {
	base := s.config.BasePath
	rest, ok := strings.CutPrefix(r.URL.Path, base+"/")
	switch {
	case base == "" || !ok && r.URL.Path != base:
		return r
	case !ok && r.Header.Get("Upgrade") != "": // a socket, whose path may be the base's name
		return r
	case !ok:
		rest = ""
	}
	u := *r.URL
	u.Path, u.RawPath = "/"+rest, ""
	if raw, ok := strings.CutPrefix(r.URL.RawPath, base+"/"); ok {
		u.RawPath = "/" + raw
	}
	stripped := *r
	stripped.URL = &u
	return &stripped
}

// clean tells a path that is written in its shortest way. Others are not found
// rather than redirected, so that nothing depends on who cleans a path first.
func clean(u *url.URL) bool {
	p := u.EscapedPath()
	if p == "" || p[0] != '/' {
		return false
	}
	c := path.Clean(p)
	return c == p || c+"/" == p
}

func (s *Server) knowsHost(host string) bool {
	return len(s.config.Hosts) == 0 || slices.ContainsFunc(s.config.Hosts, func(h string) bool {
		return strings.EqualFold(h, hostname(host))
	}) || s.origins.hasHost(host)
}

// hostname is a Host header without its port and brackets.
func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

var errInternal = errors.New("internal error")
