package web_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/web"
)

func TestOrigins(t *testing.T) {
	s := newSite(t, func(c *web.Config) {
		c.Origins = []string{"https://wall.example", "http://10.0.0.5:8080", "HTTPS://Upper.Example:443", "*", "wall2.example", "https://ümlaut.example"}
	})
	for _, c := range []struct {
		origin, host string
		ok           bool
	}{
		{"", "dash.example", true},
		{"http://dash.example", "dash.example", true},
		{"https://dash.example", "dash.example", true},
		{"https://DASH.example", "dash.EXAMPLE", true},
		{"http://dash.example:80", "dash.example", true},
		{"https://dash.example", "dash.example:443", true},
		{"http://dash.example:8080", "dash.example:8080", true},
		{"http://[::1]:8080", "[::1]:8080", true},
		{"https://wall.example", "dash.example", true},
		{"https://wall.example:443", "dash.example", true},
		{"http://10.0.0.5:8080", "dash.example", true},
		{"https://upper.example", "dash.example", true},
		{"null", "dash.example", false},
		{"http://wall.example", "dash.example", false},
		{"https://wall.example:8443", "dash.example", false},
		{"http://10.0.0.5", "dash.example", false},
		{"https://wall.example.evil.test", "dash.example", false},
		{"https://evilwall.example", "dash.example", false},
		{"https://sub.wall.example", "dash.example", false},
		{"https://wall2.example", "dash.example", false},
		{"http://dash.example:8081", "dash.example:8080", false},
		{"http://dash.example:8080", "dash.example", false},
		{"http://dash.example.", "dash.example", false},
		{"http://dash.example/", "dash.example", false},
		{"http://user@dash.example", "dash.example", false},
		{"ftp://dash.example", "dash.example", false},
		{"file://", "dash.example", false},
		{"http://", "dash.example", false},
		{"https://xn--dsh-8na.example", "dash.example", false},
		{"https://dàsh.example", "dash.example", false},
		{"http://dash.example http://evil.test", "dash.example", false},
		{"*", "dash.example", false},
	} {
		opts := &websocket.DialOptions{Host: c.host, HTTPHeader: http.Header{}}
		if c.origin != "" {
			opts.HTTPHeader.Set("Origin", c.origin)
		}
		conn, resp, err := websocket.Dial(t.Context(), s.url("/live"), opts)
		if err == nil {
			_ = conn.CloseNow()
		}
		if (err == nil) != c.ok || err != nil && resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q on host %q: %v", c.origin, c.host, err)
		}
		resp, _ = s.ask("HEAD", "/api/v1/events"+query("/d/shop"), "Origin", c.origin, "Host", c.host)
		if want := map[bool]int{true: 200, false: 403}[c.ok]; c.origin != "" && resp.StatusCode != want {
			t.Errorf("events: origin %q on host %q: %d", c.origin, c.host, resp.StatusCode)
		}
	}
	r := httptest.NewRequest("GET", "/live", nil)
	r.Header["Origin"] = []string{"http://example.com", "http://example.com"}
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("two origins: %d", w.Code)
	}
	if resp, _ := s.ask("GET", "/api/v1/events"+query("/d/shop"), "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("cross-site events: %d", resp.StatusCode)
	}
}

// Whoever comes from elsewhere is told to the log once a minute, and not at length.
func TestForeignOriginsDoNotFillTheLog(t *testing.T) {
	s := newSite(t)
	for range 20 {
		_, res, err := websocket.Dial(t.Context(), s.http.URL+"/live", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://" + strings.Repeat("e", 8<<10) + ".example"}}})
		if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
			t.Fatalf("answered %v, %v", res, err)
		}
	}
	said := s.logs.String()
	if n := strings.Count(said, "a socket from another origin was refused"); n != 1 || len(said) > 2<<10 {
		t.Errorf("it is said %d times, in %d bytes", n, len(said))
	}
}

// Where it is known that people come by https, a page of the same name that came by
// http, and so could be anybody's, is another origin; for sockets, streams and forms.
func TestOriginsHaveAScheme(t *testing.T) {
	proxies := access.Proxies{netip.MustParsePrefix("192.0.2.9/32")}
	d := newDoor(t, func(c *web.Config) {
		c.Proxies, c.PublicURL, c.Origins = proxies, "https://live.example/board", []string{"https://wall.example"}
	})
	anna := d.signIn("anna")
	for _, c := range []struct {
		what, origin, host, from, said string
		tls, ok                        bool
	}{
		{"TLS here", "https://dash.example", "dash.example", "192.0.2.1", "", true, true},
		{"TLS here", "http://dash.example", "dash.example", "192.0.2.1", "", true, false},
		{"TLS here, whatever is said", "http://dash.example", "dash.example", "192.0.2.9", "http", true, false},
		{"a proxy says https", "https://dash.example", "dash.example", "192.0.2.9", "https", false, true},
		{"a proxy says https", "http://dash.example", "dash.example", "192.0.2.9", "https", false, false},
		{"a proxy says http", "https://dash.example", "dash.example", "192.0.2.9", "http", false, false},
		{"anybody says http", "https://dash.example", "dash.example", "192.0.2.1", "http", false, true},
		{"a proxy says nothing", "http://dash.example", "dash.example", "192.0.2.9", "", false, true},
		{"a chain of proxies", "http://dash.example", "dash.example", "192.0.2.9", "https, http", false, true},
		{"the public address", "https://live.example", "live.example", "192.0.2.9", "http", false, true},
		{"the public address by http", "http://live.example", "live.example", "192.0.2.9", "http", false, false},
		{"the public address by another name", "https://live.example", "inside:8080", "192.0.2.9", "http", false, true},
	} {
		for _, asked := range []string{"HEAD /api/v1/events" + query("/d/shop"), "POST /demo/order"} {
			method, target, _ := strings.Cut(asked, " ")
			r := httptest.NewRequest(method, target, nil)
			r.Host, r.RemoteAddr = c.host, c.from+":1"
			r.Header = http.Header{"Origin": {c.origin}, "Cookie": {anna[1]}}
			if c.said != "" {
				r.Header.Set("X-Forwarded-Proto", c.said)
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			if d.ServeHTTP(w, r); (w.Code != http.StatusForbidden) != c.ok {
				t.Errorf("%s: %s %s of %s is answered %d", c.what, asked, c.host, c.origin, w.Code)
			}
		}
	}
	// Who may open sockets from elsewhere may do nothing else.
	if resp, _ := d.ask("HEAD", "/api/v1/events"+query("/d/shop"), append(anna, "Origin", "https://wall.example")...); resp.StatusCode != 200 {
		t.Errorf("a stream of the wall: %d", resp.StatusCode)
	}
	for _, path := range []string{"/sign-in", "/sign-out", "/links", "/links/revoke", "/demo/order"} {
		for _, site := range []string{"cross-site", "same-site", ""} { // as browsers say it, and one that says nothing
			if resp := d.submit(path, url.Values{"name": {"anna"}, "password": {password}}, append(anna, "Origin", "https://wall.example", "Sec-Fetch-Site", site)...); resp.StatusCode != 403 {
				t.Errorf("the wall posts to %s: %d", path, resp.StatusCode)
			}
		}
	}
}

func TestCheckOrigins(t *testing.T) {
	if err := web.CheckOrigins([]string{"https://wall.example", "http://localhost:3000"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "*", "wall.example", "https://*.example", "https://wall.example/", "https://wall.example:", "ws://wall.example", "https://ümlaut.example"} {
		if web.CheckOrigins([]string{bad}) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestHosts(t *testing.T) {
	s := newSite(t, func(c *web.Config) {
		c.Hosts = []string{"localhost", "127.0.0.1", "::1"}
		c.Origins = []string{"https://wall.example"}
		c.Database = "the_database"
	})
	s.begin("/d/shop", "a")
	for host, want := range map[string]int{"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "LOCALHOST": 200, "wall.example": 200,
		"rebound.evil.test": 421, "rebound.evil.test:8080": 421, "localhost.evil.test": 421} {
		resp, body := s.ask("GET", "/d/shop", "Host", host)
		if resp.StatusCode != want {
			t.Errorf("%s: %d", host, resp.StatusCode)
		}
		// A page that rebound its name reads what it is answered.
		if want == 421 && (tells(body, "/d/shop") || strings.Contains(body, "the_database")) {
			t.Errorf("%s is told what there is: %s", host, body)
		}
		if resp, _ := s.ask("GET", "/healthz", "Host", host); resp.StatusCode != 200 {
			t.Errorf("%s: healthz is %d", host, resp.StatusCode)
		}
	}
}

// Where nobody signs in because only people at this machine come, what a proxy gives
// itself away in is refused on every route but health, sockets and streams included.
func TestWhatComesThroughAProxyIsRefused(t *testing.T) {
	direct := newSite(t, func(c *web.Config) { c.Direct, c.Database = true, "the_database" })
	open := newSite(t)
	for _, s := range []*site{direct, open} {
		s.begin("/d/shop", "a")
	}
	for _, c := range [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", ""}, {"x-forwarded-host", "live.example"}, {"X-Forwarded-Proto", "https"}, {"Forwarded", "for=192.0.2.1"},
		{"Via", "1.1 gate"}, {"X-Real-IP", "192.0.2.1"}, {"CF-Connecting-IP", "192.0.2.1"}} {
		for _, pattern := range direct.Patterns() {
			method, path := target(pattern)
			want := http.StatusForbidden
			switch pattern {
			case "GET /healthz", "GET /readyz":
				want = http.StatusOK
			case "GET /static/{file...}":
				want = http.StatusNotFound
			}
			resp, body := direct.ask(method, path, c[0], c[1])
			if resp.StatusCode != want || want == http.StatusForbidden && !strings.Contains(body, "--trusted-proxy") {
				t.Errorf("%s with %s: %d %s", pattern, c[0], resp.StatusCode, body)
			}
			if tells(body, path) || strings.Contains(body, "the_database") {
				t.Errorf("%s with %s tells what there is: %s", pattern, c[0], body)
			}
		}
		_, resp, err := websocket.Dial(t.Context(), direct.url("/live"), &websocket.DialOptions{HTTPHeader: http.Header{c[0]: {c[1]}}})
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("a socket with %s: %v", c[0], err)
		}
		if resp, _ := open.ask("GET", "/d/shop", c[0], c[1]); resp.StatusCode != http.StatusOK {
			t.Errorf("elsewhere, with %s: %d", c[0], resp.StatusCode)
		}
	}
	old := httptest.NewRequest("GET", "http://127.0.0.1/d/shop", nil)
	old.Proto, old.ProtoMajor, old.ProtoMinor = "HTTP/1.0", 1, 0
	rec := httptest.NewRecorder()
	if direct.ServeHTTP(rec, old); rec.Code != http.StatusForbidden {
		t.Errorf("HTTP/1.0: %d", rec.Code)
	}
	if resp, _ := direct.ask("GET", "/d/shop", "X-Forwarded-User", "anna", "X-Requested-With", "x", "Accept", "text/html"); resp.StatusCode != http.StatusOK {
		t.Errorf("a browser: %d", resp.StatusCode)
	}
	if n := strings.Count(direct.logs.String(), "what comes through a proxy is refused"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}
