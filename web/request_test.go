package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// quoted is an error of PostgreSQL, or of a function there, that quotes a value; its
// code.
type quoted string

func (quoted) Error() string      { return `invalid input syntax for type integer: "Miller"` }
func (q quoted) SQLState() string { return string(q) }

// Whoever sees a fault can quote its name, and the log has under it the route, the
// page and what went wrong, and nobody's values.
func TestAFaultHasANameInTheLogAndInTheAnswer(t *testing.T) {
	const page = "/d/shop?customer=Miller"
	for _, fault := range []error{errors.New("the disk is full"), quoted("22P02"), quoted("P0001")} {
		s := newSite(t)
		s.mu.Lock()
		s.fault = fault
		s.mu.Unlock()
		line := func(id, route string) {
			t.Helper()
			want := regexp.MustCompile(`(?m)^.*msg="a request failed" request=` + regexp.QuoteMeta(id) + ` route="` + regexp.QuoteMeta(route) + `" page=/d/shop error=.*(disk is full|22P02|P0001).*$`)
			if n := len(want.FindAllString(s.logs.String(), -1)); id == "" || n != 1 {
				t.Errorf("%d lines for %q of %s in\n%s", n, id, route, s.logs.String())
			}
		}
		for target, route := range map[string]string{page: "GET /d/{dashboard}", "/api/v1/snapshot" + query(page): "GET /api/v1/snapshot", "/api/v1/events" + query(page): "GET /api/v1/events", "/d/shop/latest.csv?customer=Miller": "GET /d/{dashboard}/{file}"} {
			resp, body := s.ask("GET", target, "Accept", "text/html")
			id := resp.Header.Get("X-Request-Id")
			if resp.StatusCode != 500 || !strings.Contains(body, "equest "+id) {
				t.Errorf("%s: %d does not name %q: %s", target, resp.StatusCode, id, body)
			}
			line(id, route)
		}
		c := s.dial()
		c.watch(page, "")
		m := c.expect(delta.TypeError)
		_, id, _ := strings.Cut(strings.TrimSuffix(m.Err.Message, ")"), "(request ")
		line(id, "GET /live")
		if strings.Contains(s.logs.String(), "Miller") {
			t.Errorf("a value is in the log:\n%s", s.logs.String())
		}
	}
	s := newSite(t)
	resp, body := s.ask("GET", "/d/panic", "Accept", "text/html")
	id := resp.Header.Get("X-Request-Id")
	if log := s.logs.String(); !strings.Contains(body, id) || !strings.Contains(log, `msg="a request panicked" request=`+id+` route="GET /d/{dashboard}" page=/d/panic`) {
		t.Errorf("%q of a panic: %s\n%s", id, body, log)
	}
}

// A proxy that is trusted may have named the request; nobody else may.
func TestWhoNamesARequest(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Proxies = access.Proxies{netip.MustParsePrefix("192.0.2.9/32")} })
	seen := map[string]bool{}
	for _, c := range []struct {
		from, given string
		taken       bool
	}{
		{"192.0.2.9", "from-the-proxy.1", true}, {"192.0.2.1", "from-anybody", false}, {"192.0.2.9", "", false},
		{"192.0.2.9", "with space", false}, {"192.0.2.9", strings.Repeat("x", 65), false}, {"192.0.2.9", "x\"\ny", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r.RemoteAddr, r.Header = c.from+":1", http.Header{"X-Request-Id": {c.given}}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		id := w.Header().Get("X-Request-Id")
		if (id == c.given) != c.taken || len(id) < 12 || seen[id] {
			t.Errorf("%q of %s is called %q", c.given, c.from, id)
		}
		seen[id] = true
	}
}

// What cannot be had is told in the log with the name of the request that was told so,
// once a minute, whoever asks how often.
func TestUnavailableIsLogged(t *testing.T) {
	s := newSite(t)
	s.mu.Lock()
	s.fault = context.DeadlineExceeded
	s.mu.Unlock()
	var first string
	for i := range 20 {
		resp, _ := s.ask("GET", "/d/shop")
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(resp.Status)
		}
		if i == 0 {
			first = resp.Header.Get("X-Request-Id")
		}
	}
	said := s.logs.String()
	if strings.Count(said, "answered 503") != 1 || !strings.Contains(said, "request="+first+" ") || !strings.Contains(said, "page=/d/shop") {
		t.Errorf("of %s the log says %q", first, said)
	}
}
