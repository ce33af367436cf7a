package web

import (
	"fmt"
	"net/http"
	"net/url"
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

// allows reports whether the page that sent r may listen here: one of the same
// host, or of the list. A request without an Origin comes from no page, unless
// the browser says otherwise.
func (all origins) allows(r *http.Request) bool {
	sent := r.Header.Values("Origin")
	if len(sent) == 0 {
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "same-origin" || site == "none"
	}
	if len(sent) > 1 {
		return false
	}
	from, ok := parseOrigin(sent[0])
	if !ok {
		return false // "null" among them
	}
	if from.host == bare(from.scheme, r.Host) {
		return true
	}
	for _, o := range all {
		if o == from {
			return true
		}
	}
	return false
}
