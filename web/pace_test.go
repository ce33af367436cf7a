package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/web"
)

// answers asks so often and counts what comes; a refusal has to say when to come
// again.
func (s *site) answers(times int, path string, header ...string) (fine, refused int) {
	s.Helper()
	for range times {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.RemoteAddr = "127.0.0.1:1"
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, req)
		switch rec.Code {
		case http.StatusOK:
			fine++
		case http.StatusTooManyRequests:
			if n, err := strconv.Atoi(rec.Header().Get("Retry-After")); err != nil || n < 1 || n > 60 {
				s.Errorf("a refusal says to come again after %q", rec.Header().Get("Retry-After"))
			}
			refused++
		default:
			s.Fatalf("%s is answered %d %s", path, rec.Code, rec.Body)
		}
	}
	return fine, refused
}

// Two thousand screens behind one address load a page anew at once, and ask for its
// count; nobody is refused. Rows that are read each time have a pace of their own.
func TestAWallOfScreensMayLoadAtOnce(t *testing.T) {
	s := newSite(t, func(c *web.Config) {
		c.Proxies = access.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
		c.Tables = &ledger{}
	})
	s.add("/t/public.orders", "rows").Table = &dashboard.Table{Schema: "public", Name: "orders"}
	s.begin("/t/public.orders", "a")
	s.sees("/t/public.orders") // it is live
	page := "?page=" + url.QueryEscape("/t/public.orders")
	for _, path := range []string{"/api/v1/page" + page, "/api/v1/count" + page} {
		if _, refused := s.answers(2000, path, as("192.0.2.1")...); refused > 0 {
			t.Errorf("%d of 2000 are refused %s", refused, path)
		}
	}
	fine, refused := s.answers(700, "/api/v1/row"+page+"&key=[1]", as("192.0.2.1")...)
	if fine < 500 || refused < 100 {
		t.Errorf("of 700 rows %d are read, %d refused", fine, refused)
	}
	if fine, _ := s.answers(1, "/api/v1/row"+page+"&key=[1]", as("192.0.2.2")...); fine != 1 {
		t.Error("another address is refused")
	}
}

// A user has a pace whatever the address.
func TestOneUserHasAPaceAtAllAddresses(t *testing.T) {
	d := newDoor(t, func(c *web.Config) { c.Proxies = access.Proxies{netip.MustParsePrefix("127.0.0.1/32")} })
	anna, root := d.signIn("anna"), d.signIn("root")
	path := "/api/v1/row" + query("/t/public.orders") + "&key=[1]"
	d.sees("/t/public.orders", anna...)
	fine, refused := 0, 0
	for i := range 150 {
		f, r := d.answers(1, path, append(as(fmt.Sprintf("192.0.2.%d", i)), anna...)...)
		fine, refused = fine+f, refused+r
	}
	if fine < 100 || refused < 30 {
		t.Errorf("of 150 rows %d are read, %d refused", fine, refused)
	}
	if fine, _ := d.answers(1, path, append(as("192.0.2.1"), root...)...); fine != 1 {
		t.Error("another user at one of these addresses is refused")
	}
}

// One user, or address, has one export at a time, and others have theirs meanwhile.
func TestNobodyTakesAllExports(t *testing.T) {
	hold := make(chan struct{})
	proxies := access.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
	d := newDoor(t, func(c *web.Config) { c.Tables, c.Proxies = &ledger{rows: 1, hold: hold}, proxies })
	open := newSite(t, func(c *web.Config) { c.Tables, c.Proxies = &ledger{rows: 1, hold: hold}, proxies })
	anna, root := d.signIn("anna"), d.signIn("root")
	for _, c := range []struct {
		*site
		one, other []string
	}{
		{d.site, append(as("192.0.2.1"), anna...), append(as("192.0.2.1"), root...)},
		{open, as("192.0.2.1"), as("192.0.2.2")},
	} {
		codes := make(chan int, 5)
		answer := func(want int, which string) {
			t.Helper()
			select {
			case code := <-codes:
				if code != want {
					t.Errorf("%s is answered %d", which, code)
				}
			case <-time.After(5 * time.Second):
				close(hold)
				t.Fatalf("%s is not answered", which)
			}
		}
		export := func(header []string) {
			r := httptest.NewRequest(http.MethodGet, "/t/public.orders/all.csv", nil)
			r.RemoteAddr = "127.0.0.1:1"
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			c.ServeHTTP(w, r)
			codes <- w.Code
		}
		for range 5 { // the first waits, whichever it is
			go export(c.one)
		}
		for range 4 {
			answer(http.StatusTooManyRequests, "an export beside another")
		}
		go export(c.other)
		for range 2 {
			hold <- struct{}{}
			answer(http.StatusOK, "an export of one's own")
		}
		go export(c.one)
		hold <- struct{}{}
		answer(http.StatusOK, "another after the first")
	}
}
