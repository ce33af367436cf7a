package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

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
	}
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
