package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/static"
	"github.com/rowcast/rowcast/web"
)

// A page whose code is that of another build is told so, once, and goes on.
func TestNewerCodeIsAnnounced(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	for version, want := range map[string][]string{
		"":               {delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus},
		static.Version(): {delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus},
		"0000":           {delta.TypeWatching, delta.TypeReload, delta.TypeSnapshot, delta.TypeStatus},
	} {
		conn, _, err := websocket.Dial(t.Context(), s.url("/live?v="+version), &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t, conn}
		c.watch("/d/shop", "")
		for _, typ := range want {
			if m := c.next(); m.Type != typ || typ == delta.TypeReload && m.Page != "/d/shop" {
				t.Errorf("version %q: got %s of %q, want %s", version, m.Type, m.Page, typ)
			}
		}
		c.watch("/d/shop", "e:1")
		c.expect(delta.TypeWatching, delta.TypeStatus)
		_ = conn.CloseNow()
		e := s.stream("/api/v1/events" + query("/d/shop") + "&v=" + version)
		for _, typ := range want[1:] { // whoever asks for a stream need not be told of what
			e.expect(typ, map[string]string{delta.TypeSnapshot: "e:1"}[typ])
		}
	}
}

// Where a proxy says who it is, an open socket and an event stream come again within
// a minute, with what they have, so that the proxy is asked; and nobody else does.
func TestAProxyIsAskedAgainWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxies, err := access.ParseProxies([]string{"192.0.2.9"})
		if err != nil {
			t.Fatal(err)
		}
		policy, err := access.OpenPolicy("", slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		gate, err := access.New(access.Config{Mode: access.ModeProxy, Proxies: proxies, Headers: access.Headers{User: "X-User"}, Policy: policy, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		hub := broadcast.New[*delta.State](broadcast.Config{})
		pages := &site{T: t, hub: hub, pages: map[string]*dashboard.Page{}, rules: map[string]dashboard.Access{"shop": {Everyone: true}}, open: map[string]int{}}
		pages.add("/d/shop", "latest")
		s := web.New(web.Config{Access: gate, Pages: pages, Feed: pages, Hub: hub, Proxies: proxies, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = s.Run(ctx) }()
		defer cancel()
		var left []time.Duration
		began := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			all.Go(func() {
				r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/events"+query("/d/shop"), nil)
				r.RemoteAddr = "192.0.2.9:1"
				r.Header.Set("X-User", "anna")
				w := patient{httptest.NewRecorder()}
				s.ServeHTTP(w, r)
				if !strings.Contains(w.Body.String(), `{"type":"bye","reason":"again","retry_after_ms":0}`) {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				mu.Lock()
				defer mu.Unlock()
				left = append(left, time.Since(began))
			})
		}
		all.Wait()
		slices.Sort(left)
		if last := left[len(left)-1]; last > time.Minute || left[0] < 20*time.Second || last-left[0] < time.Second {
			t.Errorf("they come again after %v", left)
		}
	})
}

// patient is a recorder for which time does not matter.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

// A socket is told that it may come at once.
func TestASocketComesAgainAtOnce(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	c := s.sees("/d/shop")
	s.SendAgain()
	if m := c.expect(delta.TypeBye); m.Reason != "again" || m.RetryAfter != 0 {
		t.Errorf("%+v", m)
	}
	if code := c.closed(); code != websocket.StatusServiceRestart {
		t.Errorf("closed with %d", code)
	}
	c = s.dial()
	c.watch("/d/shop", "e:1")
	c.expect(delta.TypeWatching, delta.TypeStatus)
}

// Pages stand in frames of the named origins only; nothing else is relaxed.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		embed                             []string
		dest, ancestors, options, sharing string
	}{
		{nil, "iframe", "'none'", "DENY", "same-origin"},
		{[]string{"https://wiki.example", "HTTP://10.0.0.5:8080"}, "iframe", "'self' https://wiki.example http://10.0.0.5:8080", "", "cross-origin"},
		{[]string{"https://wiki.example"}, "document", "'self' https://wiki.example", "", "same-origin"},
		{[]string{"https://wiki.example"}, "script", "'self' https://wiki.example", "", "same-origin"},
		{[]string{"*"}, "iframe", "'none'", "", "cross-origin"}, // CheckOrigins refuses it at the start
	} {
		s := newSite(t, func(w *web.Config) { w.Embed = c.embed })
		s.begin("/d/shop", "a")
		resp, body := s.ask("GET", "/d/shop?embed", "Sec-Fetch-Dest", c.dest)
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != http.StatusOK || !strings.Contains(policy, "frame-ancestors "+c.ancestors+";") ||
			resp.Header.Get("X-Frame-Options") != c.options || resp.Header.Get("Cross-Origin-Resource-Policy") != c.sharing {
			t.Errorf("%v as %s: %d %v", c.embed, c.dest, resp.StatusCode, resp.Header)
		}
		if !strings.Contains(body, `class="embed"`) {
			t.Error("the page does not know that it is in a frame")
		}
	}
}

// What asks for a click that counts stands in nobody's frame, whoever may frame pages.
func TestWhatStandsInNoFrame(t *testing.T) {
	d := newDoor(t, func(c *web.Config) { c.Embed = []string{"https://wiki.example"} })
	anna := d.signIn("anna")
	for path, framed := range map[string]bool{
		"/": true, "/d/shop": true, "/d/nothing": true, "/t/public.orders": true, "/t/public.orders?embed": true, "/s/" + strings.Repeat("x", 12) + "/": true,
		"/links": false, "/links?page=/d/shop": false, "/sign-in": false, "/sign-in?next=/d/shop": false, "/sign-out": false, "/api/v1/pages": false, "/healthz": false, "/nothing": false, "/d": false,
	} {
		resp, _ := d.ask("GET", path, append([]string{"Sec-Fetch-Dest", "iframe"}, anna...)...)
		policy, options, sharing := resp.Header.Get("Content-Security-Policy"), resp.Header.Get("X-Frame-Options"), resp.Header.Get("Cross-Origin-Resource-Policy")
		if strings.Contains(policy, "frame-ancestors 'self' https://wiki.example;") != framed || strings.Contains(policy, "frame-ancestors 'none';") == framed ||
			(options == "") != framed || (sharing == "cross-origin") != framed {
			t.Errorf("%s, %d, may stand in a frame: %v\n%v", path, resp.StatusCode, !framed, resp.Header)
		}
	}
}

// Queries, and what helps whoever wrote them, are for those who may see them.
func TestQueriesAreForAuthors(t *testing.T) {
	for _, author := range []bool{true, false} {
		s := newSite(t, func(c *web.Config) { c.Authors = author })
		p := s.add("/d/shop", "latest")
		p.Panels[0].Source, p.Panels[0].Pos.File = "SELECT secret_word FROM orders", "shop.yaml"
		st := state("/d/shop", 1, "a")
		st.Panels["latest"].Err = &delta.Error{Code: "query_failed", Message: "no such column", Hint: "perhaps another", Position: 8, Line: 31, Column: 16}
		st.Panels["latest"].At, st.Panels["latest"].Every = time.Date(2026, 11, 20, 14, 29, 52, 0, time.UTC), time.Minute
		s.publish(nil, st)
		_, body := s.ask("GET", "/d/shop")
		for _, told := range []string{"secret_word", "shop.yaml, line 31, column 16", `<span class="err">secret_word</span>`, "Perhaps another."} {
			if strings.Contains(body, told) != author {
				t.Errorf("author %v: %q is told: %v", author, told, !author)
			}
		}
		if !strings.Contains(body, "as of 14:29:52, every 1 min") || !strings.Contains(body, "No such column.") {
			t.Error("the page does not say how old a panel is, or what is wrong with it")
		}
		_, body = s.ask("GET", "/t/hr.salaries")
		if strings.Contains(body, "GRANT SELECT ON hr.salaries TO reader;") != author {
			t.Errorf("author %v: the statement that helps", author)
		}
	}
}

// What a reader chose is in the first paint, so that nothing flickers.
func TestThemeIsInTheFirstPaint(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	for _, c := range []struct{ target, cookie, want string }{
		{"/d/shop", "", ""}, {"/d/shop", "dark", "dark"}, {"/", "light", "light"}, {"/d/shpo", "dark", "dark"},
		{"/d/shop?theme=light", "dark", "light"}, {"/d/shop", `"><script>`, ""}, {"/d/shop?theme=%22x", "", ""},
	} {
		if _, body := s.ask("GET", c.target, "Cookie", "rowcast.theme="+c.cookie, "Accept", "text/html"); !strings.Contains(body, `data-theme="`+c.want+`"`) {
			t.Errorf("%s with %q: not %q", c.target, c.cookie, c.want)
		}
	}
}
