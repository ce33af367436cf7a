package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origins are those that may open a socket besides the server's own host.
type origins []origin

// origin is scheme, host and port, lower-case, the scheme's own port left out.
type origin struct{ scheme, host string }

// CheckOrigins returns an error that names the first of list that is not an
// origin, such as "https://wall.example" or "http://10.0.0.5:8080".
func CheckOrigins(list []string) error {
	for _, text := range list {
		if _, ok := parseOrigin(text); !ok {
			return fmt.Errorf("read origin %q: it must be a scheme and a host, such as https://wall.example, in ASCII and without a path", text)
		}
	}
	return nil
}

func parseOrigins(list []string) origins {
	var all origins
	for _, text := range list {
		if o, ok := parseOrigin(text); ok {
			all = append(all, o)
		}
	}
	return all
}

func parseOrigin(text string) (origin, bool) {
	scheme, host, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return origin{}, false
	}
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host || u.Hostname() == "" || strings.HasSuffix(host, ":") {
		return origin{}, false
	}
	for _, c := range []byte(host) {
		if c <= ' ' || c >= 0x7f || c == '*' || c == ',' || c == '\\' {
			return origin{}, false // a browser sends names of other scripts in ASCII
		}
	}
	return origin{scheme, bare(scheme, host)}, true
}

// bare is a host in lower case without the scheme's own port.
func bare(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

func (all origins) hasHost(host string) bool {
	for _, o := range all {
		if o.host == bare(o.scheme, host) {
			return true
		}
	}
	return false
}

// publicOrigin is that of the address which people use; the zero value: it is not known.
func publicOrigin(address string) origin {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return origin{}
	}
	o, _ := parseOrigin(u.Scheme + "://" + u.Host)
	return o
}

// home reports whether o is the origin of this server's pages, as r was asked for:
// its host, by the scheme that the request came by. Where neither the public
// address nor TLS nor a trusted proxy tells the scheme, either of them is.
func (s *Server) home(o origin, r *http.Request) bool {
	if o == s.public && o.host != "" {
		return true
	}
	if o.host != bare(o.scheme, r.Host) {
		return false
	}
	scheme := s.config.Proxies.Scheme(r)
	if r.TLS == nil && s.public.host == o.host { // what a proxy says may be of its own way here
		scheme = s.public.scheme
	}
	return scheme == "" || scheme == o.scheme
}

// allows reports whether the page that sent r may listen here: one of this server,
// or of the list. A request without an Origin comes from no page, unless the
// browser says otherwise.
func (s *Server) allows(r *http.Request) bool {
	if len(r.Header.Values("Origin")) == 0 {
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "same-origin" || site == "none"
	}
	from, ok := sender(r)
	return ok && (s.home(from, r) || slices.Contains(s.origins, from))
}

// sender is the origin of the page that sent r; false where it is none, "null" among
// them, or there are several.
func sender(r *http.Request) (origin, bool) {
	sent := r.Header.Values("Origin")
	if len(sent) != 1 {
		return origin{}, false
	}
	return parseOrigin(sent[0])
}

// foreign reports whether a request that may change something was sent by a page
// that is not this server's. Those that may open a socket are foreign too: what
// their readers do there is nobody's wish here.
func (s *Server) foreign(r *http.Request) bool {
	if s.cross.Check(r) != nil {
		return true
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || r.Header.Get("Origin") == "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return false
	}
	from, ok := sender(r) // which the check above holds against the host alone
	return !ok || !s.home(from, r)
}
