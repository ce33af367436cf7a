package web_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/static"
	"github.com/rowcast/rowcast/web"
)

// nonce is what the page's own scripts have; "" where there is none.
func nonce(resp *http.Response) string {
	_, rest, _ := strings.Cut(resp.Header.Get("Content-Security-Policy"), "script-src 'nonce-")
	n, _, _ := strings.Cut(rest, "'")
	return n
}

// A page's scripts carry its nonce, which is another one each time.
func TestNonce(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	seen := map[string]bool{}
	for _, address := range []string{"/", "/d/shop", "/d/shop", "/d/nowhere", "/d/nowhere"} {
		resp, body := s.ask("GET", address)
		n := nonce(resp)
		if len(n) < 20 || seen[n] {
			t.Errorf("%s: the nonce %q", address, n)
		}
		seen[n] = true
		loads := strings.Count(body, "<script") + strings.Count(body, `rel="modulepreload"`)
		if have := strings.Count(body, `nonce="`+n+`"`); loads < 2 || have != loads {
			t.Errorf("%s: %d of %d have it", address, have, loads)
		}
	}
}

// guarded checks the headers that every answer has.
func guarded(t *testing.T, route string, resp *http.Response) {
	t.Helper()
	scripts := "'none'"
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && resp.Header.Get("Location") == "" {
		scripts = "'nonce-" + nonce(resp) + "' 'strict-dynamic'"
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src " + scripts + "; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; " +
			"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		"Permissions-Policy":        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Strict-Transport-Security": "", "Access-Control-Allow-Origin": "", "Server": "",
	} {
		switch got := resp.Header.Get(name); {
		case name == "Referrer-Policy" && got == "same-origin" && (strings.Contains(route, "/sign-in") || strings.Contains(route, "/links")):
			// Their forms say whence they come.
		case name == "Cache-Control" && resp.StatusCode == http.StatusOK && strings.Contains(route, "/static/"):
			// A file under its hash.
		case got != want:
			t.Errorf("%s: %s is %q", route, name, got)
		}
	}
	if len(resp.Header.Values("X-Request-Id")) != 1 {
		t.Errorf("%s: its request has no name, or two", route)
	}
}

// All routes that there are carry the headers, whoever asks: the server itself says
// which they are, in each way in, and none of those in its source is left out.
func TestEveryPatternHasTheHeaders(t *testing.T) {
	ways := map[string]*site{
		"open": newSite(t, func(c *web.Config) {
			c.Demo = &web.Demo{Insert: func(context.Context) error { return nil }}
			c.Tables, c.Status, c.Metrics = &ledger{}, "/status", http.NotFoundHandler()
		}),
	}
	for _, page := range []string{"/d/shop", "/t/public.orders", "/status"} {
		ways["open"].begin(page, "a row")
	}
	withPasswords, byProvider := newDoor(t), func() *site { d, _ := newProviderDoor(t); return d.site }()
	ways["passwords"], ways["a provider"] = withPasswords.site, byProvider
	visitors := map[string][]string{"nobody": nil, "anna": withPasswords.signIn("anna"), "root": withPasswords.signIn("root")}
	walked := map[string]bool{}
	for way, s := range ways {
		for _, pattern := range s.Patterns() {
			walked[pattern] = true
			method, path := target(pattern)
			if pattern == "GET /api/v1/events" {
				method = "HEAD" // it would go on
			}
			for who, header := range visitors {
				if way != "passwords" && who != "nobody" || pattern == "POST /sign-out" && who != "nobody" {
					continue
				}
				resp, _ := s.ask(method, path, header...)
				guarded(t, fmt.Sprintf("%s by %s as %s", pattern, way, who), resp)
			}
		}
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "s.handle("); n != len(walked) {
		t.Errorf("%d routes are added, and %d were walked", n, len(walked))
	}
}

// Whatever is answered carries the headers.
func TestHeadersOnEveryRoute(t *testing.T) {
	s := newSite(t, func(c *web.Config) {
		c.Demo = &web.Demo{Insert: func(context.Context) error { return nil }}
	})
	s.begin("/d/shop", "a")
	s.begin("/t/public.orders", "a")
	for route, want := range map[string]int{
		"GET /":                                        200,
		"GET /d/shop":                                  200,
		"HEAD /d/shop":                                 200,
		"GET /t/public.orders?sort=-id":                200,
		"GET /d/shop/latest.csv":                       200,
		"GET /d/shop/latest.json":                      200,
		"GET /t/public.orders/rows.csv":                200,
		"GET /live":                                    426,
		"GET /api/v1/pages":                            200,
		"GET /api/v1/snapshot" + query("/d/shop"):      200,
		"HEAD /api/v1/events" + query("/d/shop"):       200,
		"GET /healthz":                                 200,
		"GET /readyz":                                  200,
		"GET " + static.Path(static.Entry):             200,
		"GET /static/0000/js/main.js":                  404,
		"POST /demo/order":                             303,
		"GET /demo/order":                              404,
		"POST /d/shop":                                 405,
		"DELETE /api/v1/pages":                         405,
		"GET /d/shpo":                                  404,
		"GET /t/hr.salaries":                           403,
		"GET /d/panic":                                 500,
		"GET /d/shop/":                                 404,
		"GET /d/shop/latest.xml":                       404,
		"GET /d/shop/other.csv":                        404,
		"GET //d/shop":                                 404,
		"GET /d//shop":                                 404,
		"GET /x/../d/shop":                             404,
		"GET /d/./shop":                                404,
		"GET /d/%2e%2e/shop":                           404,
		"GET /d/..%2fshop":                             404,
		"GET /nothing":                                 404,
		"GET /api/v1/snapshot" + query("/d/shpo"):      404,
		"GET /api/v1/snapshot":                         404,
		"GET /api/v1/events" + query("/d/shpo"):        404,
		"GET /api/v1/events" + query("/t/hr.salaries"): 403,
		"GET /api/v2/pages":                            404,
	} {
		method, target, _ := strings.Cut(route, " ")
		resp, body := s.ask(method, target)
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", route, resp.StatusCode, want)
		}
		if guarded(t, route, resp); resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s has a cookie", route)
		}
		if resp.StatusCode >= 400 && strings.HasPrefix(target, "/api/") {
			var e struct {
				Error struct{ Code, Message string }
			}
			if json.Unmarshal([]byte(body), &e) != nil || e.Error.Code == "" || e.Error.Message == "" {
				t.Errorf("%s: error %s", route, body)
			}
		}
		if strings.Contains(body, " style=") || strings.Contains(body, "<script>") || strings.Contains(body, " onclick") {
			t.Errorf("%s has inline style or code", route)
		}
	}
	if !strings.Contains(s.logs.String(), "a request panicked") {
		t.Error("the panic is not in the log")
	}
}

func TestPageIsRenderedWithItsData(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "Aiko <b>Tanabe</b>", "\u2028")
	resp, body := s.ask("GET", "/d/shop?utm_source=x")
	if resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", resp.Header)
	}
	for _, part := range []string{`data-page="/d/shop"`, `data-cursor="e:1"`, `data-live="/live"`, "Aiko &lt;b&gt;Tanabe", static.Path(static.Entry)} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	s.until("released", func() bool { return s.watchers("/d/shop") == 0 })
}

func TestPageWithoutRowsSaysSo(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.FirstPaint = 10 * time.Millisecond })
	_, body := s.ask("GET", "/d/shop")
	if !strings.Contains(body, "The first rows are being read.") || !strings.Contains(body, `data-cursor=""`) {
		t.Errorf("the page says %s", body)
	}
	s.hub.Publish("/d/shop", broadcast.Update[*delta.State]{Status: func(now time.Time) []byte {
		return delta.EncodeStatus(delta.Status{Page: "/d/shop", State: "stale", Since: now, Reason: "database_unreachable", Message: "the database does not answer"}, now)
	}})
	if _, body = s.ask("GET", "/d/shop"); !strings.Contains(body, "the database does not answer") {
		t.Errorf("the page says %s", body)
	}
}

func TestNamesThatNeedEscapes(t *testing.T) {
	s := newSite(t)
	for _, address := range []string{"/t/public.%22Order%22", "/t/public.%22orders.csv%22", "/t/public.%22a%2Fb%22", "/t/public.%22%3F%23%25%22", "/t/public.%22%E2%82%AC%22", "/t/public.%22..%22"} {
		s.add(address, "rows").Table = &dashboard.Table{Schema: "public", Name: "x", RelKind: "r"}
		s.begin(address, "a row")
		if resp, body := s.ask("GET", address); resp.StatusCode != 200 || !strings.Contains(body, "a row") {
			t.Errorf("%s: %d", address, resp.StatusCode)
		}
		if resp, body := s.ask("GET", address+"/rows.csv"); resp.StatusCode != 200 || body != "name\r\na row\r\n" {
			t.Errorf("%s: %d %q", address, resp.StatusCode, body)
		}
		if resp, body := s.ask("GET", "/api/v1/snapshot"+query(address)); resp.StatusCode != 200 || !strings.Contains(body, "a row") {
			t.Errorf("%s: %d %q", address, resp.StatusCode, body)
		}
	}
}

func TestBasePath(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.BasePath = "/live/" })
	s.begin("/d/shop", "a")
	for _, path := range []string{"/live/d/shop", "/d/shop"} { // a proxy may take the base path off
		resp, body := s.ask("GET", path)
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		for _, part := range []string{`data-page="/d/shop"`, `data-live="/live/live"`, `"/live/static/`, `href="/live/d/shop"`, `href="/live/"`} {
			if !strings.Contains(body, part) {
				t.Errorf("%s lacks %s", path, part)
			}
		}
		if strings.Contains(body, `"/static/`) || strings.Contains(body, `href="/d/`) {
			t.Errorf("%s has a link without the base path", path)
		}
	}
	if resp, _ := s.ask("GET", "/live/d/%22x%22/y.csv"); resp.StatusCode != 404 {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, body := s.ask("GET", "/live"); resp.StatusCode != 200 || !strings.Contains(body, `href="/live/"`) {
		t.Errorf("the front page is answered with %d", resp.StatusCode)
	}
	for _, path := range []string{"/live/live", "/live"} { // the socket's own name is the base's here
		conn, _, err := websocket.Dial(t.Context(), s.url(path), nil)
		if err != nil {
			t.Fatal(path, err)
		}
		_ = conn.CloseNow()
	}
}

func TestMistakeInAFileIsShownToWhoMaySeeQueries(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/d/broken", "/"} {
		if _, body := s.ask("GET", path); strings.Contains(body, "panels: 7") || strings.Contains(body, "broken.yaml") {
			t.Errorf("%s shows the file to everybody", path)
		}
	}
	s = newSite(t, func(c *web.Config) { c.Authors = true })
	resp, body := s.ask("GET", "/d/broken")
	if resp.StatusCode != 503 || !strings.Contains(body, "broken.yaml:3:5: panels must be a list") || !strings.Contains(body, "panels: 7") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, body = s.ask("GET", "/"); !strings.Contains(body, "broken.yaml:3:5") || strings.Contains(body, `href="/d/broken"`) {
		t.Errorf("the index says %s", body)
	}
}

func TestSnapshotIsTheSocketsMessage(t *testing.T) {
	s := newSite(t)
	want := s.begin("/d/shop", "a", "b")
	resp, body := s.ask("GET", "/api/v1/snapshot"+query("/d/shop"))
	m, err := delta.Decode([]byte(body))
	if err != nil || !m.State.Equal(want) || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", body, err)
	}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	_, body := s.ask("GET", "/api/v1/pages")
	want := `{"pages":[{"address":"/d/shop","kind":"dashboard","title":"Shop"},` +
		`{"address":"/t/public.orders","kind":"table","title":"orders","live":true,"rows_estimate":2100000}]}`
	if strings.TrimSpace(body) != want {
		t.Errorf("got %s", body)
	}
}

func TestErrorsTellWhatMayBeTold(t *testing.T) {
	s := newSite(t)
	_, body := s.ask("GET", "/api/v1/snapshot"+query("/d/shpo"))
	if strings.TrimSpace(body) != `{"error":{"code":"not_found","message":"no page \"/d/shpo\""}}` {
		t.Errorf("got %s", body)
	}
	s.mu.Lock()
	s.fault = errors.New("password of db-1 is wrong")
	s.mu.Unlock()
	resp, body := s.ask("GET", "/api/v1/snapshot"+query("/d/shop"))
	if resp.StatusCode != 500 || strings.TrimSpace(body) != `{"error":{"code":"internal","message":"internal error (request `+resp.Header.Get("X-Request-Id")+`)"}}` {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if resp, body = s.ask("GET", "/d/shop", "Accept", "text/html"); resp.StatusCode != 500 || strings.Contains(body, "db-1") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if !strings.Contains(s.logs.String(), "db-1") {
		t.Error("the fault is not in the log")
	}
}

func TestReadiness(t *testing.T) {
	ready := web.Readiness{}
	s := newSite(t, func(c *web.Config) { c.Ready = func() web.Readiness { return ready } })
	for _, c := range []struct {
		ready web.Readiness
		path  string
		code  int
		says  string
	}{
		{web.Readiness{}, "/readyz", 503, `{"status":"starting"}`},
		{web.Readiness{Ready: true}, "/readyz", 200, `{"status":"ok"}`},
		{web.Readiness{Ready: true}, "/readyz?live=1", 200, `{"status":"ok"}`},
		{web.Readiness{Ready: true, Degraded: "database_unreachable"}, "/readyz", 200, `{"reason":"database_unreachable","status":"degraded"}`},
		{web.Readiness{Ready: true, Degraded: "database_unreachable"}, "/readyz?live=1", 503, `{"reason":"database_unreachable","status":"degraded"}`},
		{web.Readiness{}, "/healthz", 200, `{"status":"ok"}`},
	} {
		ready = c.ready
		if resp, body := s.ask("GET", c.path); resp.StatusCode != c.code || strings.TrimSpace(body) != c.says {
			t.Errorf("%+v %s: %d %s", c.ready, c.path, resp.StatusCode, body)
		}
	}
}

func TestDemoButton(t *testing.T) {
	inserted, fault := 0, error(nil)
	s := newSite(t, func(c *web.Config) {
		c.Demo = &web.Demo{Tables: []string{"shop.orders"}, Insert: func(context.Context) error { inserted++; return fault }}
	})
	for address, stands := range map[string]bool{"/t/shop.orders": true, "/t/shop.visits": false, "/t/public.orders": false, "/d/shop": true} {
		p := s.add(address, "rows")
		if schema, name, table := strings.Cut(strings.TrimPrefix(address, "/t/"), "."); table {
			p.Table = &dashboard.Table{Schema: schema, Name: name, Rows: 200, Page: 1}
		}
		s.begin(address, "x")
		if _, body := s.ask("GET", address, "Accept", "text/html"); strings.Contains(body, "data-demo") != stands {
			t.Errorf("%s: the button stands there: %t", address, !stands)
		}
	}
	if resp, _ := s.ask("POST", "/demo/order"); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _ := s.ask("POST", "/demo/order", "X-Rowcast", "fetch", "Sec-Fetch-Site", "same-origin"); resp.StatusCode != 204 {
		t.Errorf("%d", resp.StatusCode)
	}
	for _, foreign := range [][]string{{"Origin", "https://evil.test"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		if resp, _ := s.ask("POST", "/demo/order", foreign...); resp.StatusCode != 403 {
			t.Errorf("%v: %d", foreign, resp.StatusCode)
		}
	}
	if inserted != 2 {
		t.Errorf("inserted %d orders", inserted)
	}
	fault = errors.New("no")
	if resp, _ := s.ask("POST", "/demo/order"); resp.StatusCode != 500 {
		t.Errorf("%d", resp.StatusCode)
	}
	plain := newSite(t)
	if resp, _ := plain.ask("POST", "/demo/order"); resp.StatusCode != 405 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestCompressed(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", strings.Repeat("x", 5000))
	for path, packed := range map[string]bool{"/d/shop": true, "/api/v1/snapshot" + query("/d/shop"): true, "/healthz": false} {
		if resp, _ := s.ask("GET", path, "Accept-Encoding", "gzip"); (resp.Header.Get("Content-Encoding") == "gzip") != packed {
			t.Errorf("%s: encoding %q", path, resp.Header.Get("Content-Encoding"))
		}
	}
}

// What a browser reads from a page's HTML is what the socket would say.
func TestPagesKeepWhatHTMLWouldChange(t *testing.T) {
	s := newSite(t)
	value := "a\r\nb\rc \xff\xe2\x82 é" + strings.Repeat("long\r", 80)
	s.begin("/d/shop", value)
	_, body := s.ask("GET", "/d/shop")
	want := html.UnescapeString(strings.ReplaceAll(body, "\r", "\n")) // as a parser reads it, but for elements
	if text := string([]rune(value)); !strings.Contains(want, text) {
		t.Errorf("%q is not in %.3000q", text, body[strings.Index(body, "<tbody"):])
	}
}

// Only over TLS, and only where it was asked for: it holds for all ports of a host.
func TestStrictTLS(t *testing.T) {
	for _, c := range []struct {
		life time.Duration
		tls  bool
		want string
	}{{0, true, ""}, {time.Hour, false, ""}, {time.Hour, true, "max-age=3600"}} {
		s := newSite(t, func(config *web.Config) { config.StrictTLS = c.life })
		for _, target := range []string{"/", "/healthz", "/nothing", static.Path(static.Entry)} {
			r := httptest.NewRequest("GET", target, nil)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if got := w.Header().Get("Strict-Transport-Security"); got != c.want {
				t.Errorf("%s, %v, over TLS %v: %q", target, c.life, c.tls, got)
			}
		}
	}
}
