package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

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
	})
	s.begin("/d/shop", "a")
	for host, want := range map[string]int{"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "LOCALHOST": 200, "wall.example": 200,
		"rebound.evil.test": 421, "rebound.evil.test:8080": 421, "localhost.evil.test": 421} {
		if resp, _ := s.ask("GET", "/d/shop", "Host", host); resp.StatusCode != want {
			t.Errorf("%s: %d", host, resp.StatusCode)
		}
		if resp, _ := s.ask("GET", "/healthz", "Host", host); resp.StatusCode != 200 {
			t.Errorf("%s: healthz is %d", host, resp.StatusCode)
		}
	}
}
