package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/web"
)

// target is a request for a route of the shop, or of its table.
func target(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.NewReplacer("{$}", "", "{dashboard}", "shop", "{table}", "public.orders", "{file...}", "x").Replace(path)
	file := "latest.csv"
	if strings.HasPrefix(path, "/t/") {
		file = "rows.csv"
	}
	path = strings.ReplaceAll(path, "{file}", file)
	switch path {
	case "/api/v1/count", "/api/v1/row":
		path += query("/t/public.orders")
	case "/api/v1/page", "/api/v1/snapshot", "/api/v1/events":
		path += query("/d/shop")
	}
	return method, path
}

// TestEveryRouteAsksWhoItIs tries all routes that there are as nobody, with a
// session that is over, as somebody else, and as whom they are for.
func TestEveryRouteAsksWhoItIs(t *testing.T) {
	d := newDoor(t)
	anna, ben, root, over := d.signIn("anna"), d.signIn("ben"), d.signIn("root"), d.signIn("anna")
	d.expire(over)
	// Who has not signed in gets these and nothing else; each says what for.
	open := map[string]int{
		"GET /healthz": 200, "GET /readyz": 200, // for a balancer
		"GET /static/{file...}": 404, "GET /sign-in": 200, "POST /sign-in": 401, // the way in
		"GET /live": 0, // below: it has its own refusal
	}
	// These are for whoever may share, and look for a page themselves.
	shares := map[string]bool{"GET /links": true, "POST /links": true, "POST /links/revoke": true}
	// Lists are for everybody who signed in, and hold what they may see.
	lists := []string{"GET /{$}", "GET /api/v1/pages", "POST /demo/order", "POST /sign-out"}
	patterns := d.Patterns()
	if len(patterns) < 18 {
		t.Fatalf("only %d routes", len(patterns))
	}
	for _, pattern := range patterns {
		method, path := target(pattern)
		want, isOpen := open[pattern]
		for who, header := range map[string][]string{"nobody": nil, "a session that is over": over, "a made-up session": {"Cookie", access.CookieName + "=x"},
			"two sessions": {"Cookie", anna[1] + "; " + ben[1]}} {
			resp, body := d.ask(method, path, header...)
			switch {
			case pattern == "GET /live" && resp.StatusCode == 401:
			case isOpen && want != 0 && resp.StatusCode == want:
			case !isOpen && resp.StatusCode == 401:
			case !isOpen && resp.StatusCode == 303 && strings.HasPrefix(resp.Header.Get("Location"), "/sign-in"):
			default:
				t.Errorf("%s as %s: %d %s", pattern, who, resp.StatusCode, resp.Header.Get("Location"))
			}
			if tells(body, path) {
				t.Errorf("%s tells %s: %s", pattern, who, body)
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"} {
				if resp.Header.Get(name) == "" {
					t.Errorf("%s as %s is answered without %s", pattern, who, name)
				}
			}
		}
		if isOpen || pattern == "POST /sign-out" {
			continue
		}
		resp, body := d.ask(method, path, ben...)
		if in := slices.Contains(lists, pattern); in != (resp.StatusCode < 400) || !in && resp.StatusCode != 404 {
			t.Errorf("%s as somebody else: %d", pattern, resp.StatusCode)
		}
		if tells(body, path) {
			t.Errorf("%s tells somebody else: %s", pattern, body)
		}
		if pattern == "GET /api/v1/events" {
			method = "HEAD" // it would go on
		}
		for who, header := range map[string][]string{"anna": anna, "root": root} {
			resp, _ := d.ask(method, path, header...)
			if shares[pattern] {
				continue // their answers to an empty form are looked at elsewhere
			}
			if mine := who == "root" || pattern != "GET /metrics" && !strings.Contains(pattern, "/status"); mine != (resp.StatusCode < 400) {
				t.Errorf("%s as %s: %d", pattern, who, resp.StatusCode)
			}
		}
	}
	if resp, _ := d.ask("POST", "/sign-out", ben...); resp.StatusCode != 303 {
		t.Errorf("sign-out: %d", resp.StatusCode)
	}
}

// tells reports whether an answer holds more of the shop than was asked for.
func tells(body, path string) bool {
	for _, asked := range []string{path, url.QueryEscape(path)} {
		body = strings.ReplaceAll(body, asked, "")
	}
	return strings.Contains(body, "secret") || strings.Contains(body, "orders") || strings.Contains(body, "Shop")
}

// Routes are added in one place, which the walk above reads.
func TestRoutesAreAddedInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			n += len(regexp.MustCompile(`\.Handle(Func)?\(`).FindAll(b, -1))
			if pages := regexp.MustCompile(`Pages\.(Page|Index)\(`).FindAll(b, -1); len(pages) > 0 && name != "visitor.go" && name != "front.go" {
				t.Errorf("%s looks pages up by itself", name)
			}
		}
	}
	if n != 1 {
		t.Errorf("routes are added in %d places", n)
	}
}

// A socket's answer is no page; what refuses one is for whoever opens its address.
func TestARefusedSocketIsGuarded(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Hosts = []string{"127.0.0.1"} })
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"another origin":      {[]string{"Origin", "http://evil.test"}, http.StatusForbidden},
		"another host":        {[]string{"Host", "evil.test"}, http.StatusMisdirectedRequest},
		"another subprotocol": {[]string{"Sec-WebSocket-Protocol", "mine"}, http.StatusBadRequest},
		"another protocol":    {[]string{"Upgrade", "mine"}, http.StatusUpgradeRequired},
		"another version":     {[]string{"Sec-WebSocket-Version", "7"}, http.StatusBadRequest},
		"a body":              {[]string{"Transfer-Encoding", "chunked"}, http.StatusLengthRequired},
	} {
		r := httptest.NewRequest("GET", "http://127.0.0.1/live", nil)
		for i := 0; i < len(upgrade); i += 2 {
			r.Header.Set(upgrade[i], upgrade[i+1])
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		if host := r.Header.Get("Host"); host != "" {
			r.Host = host
		}
		if r.Header.Get("Transfer-Encoding") != "" {
			r.Body, r.TransferEncoding = io.NopCloser(strings.NewReader("x")), []string{"chunked"}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", name, w.Code, c.status)
		}
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Cache-Control"} {
			if w.Header().Get(header) == "" {
				t.Errorf("%s is answered without %s", name, header)
			}
		}
	}
	conn, resp, err := websocket.Dial(t.Context(), s.url("/live"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseNow()
	if resp.Header.Get("Content-Security-Policy") != "" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("a socket is answered with %v", resp.Header)
	}
}
