package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestProxyHeaders(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.1.0.0/16", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Mode: ModeProxy, Proxies: proxies, Headers: Headers{User: "X-Forwarded-User", Groups: "X-Groups"}, Policy: &Policy{}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from   string
		header http.Header
		name   string
		groups []string
		client string
	}{
		{"10.1.2.3:99", http.Header{"X-Forwarded-User": {"anna"}, "X-Groups": {"sales, night,,"}}, "anna", []string{"sales", "night"}, "10.1.2.3"},
		{"[::1]:99", http.Header{"X-Forwarded-User": {"anna"}, "X-Forwarded-For": {"1.1.1.1, 192.0.2.7, 10.1.9.9"}}, "anna", nil, "192.0.2.7"},
		{"[::ffff:10.1.2.3]:99", http.Header{"X-Forwarded-User": {"anna"}}, "anna", nil, "10.1.2.3"},
		{"10.2.0.1:99", http.Header{"X-Forwarded-User": {"anna"}, "X-Forwarded-For": {"10.1.1.1"}}, "", nil, "10.2.0.1"},
		{"10.1.2.3:99", http.Header{"X-Forwarded-User": {"anna", "root"}}, "", nil, "10.1.2.3"},
		{"10.1.2.3:99", http.Header{"X-Forwarded-User": {"anna"}, "X-Groups": {"sales", "admins"}}, "", nil, "10.1.2.3"},
		{"10.1.2.3:99", http.Header{"X-Forwarded-User": {"anna, root"}}, "", nil, "10.1.2.3"},
		{"10.1.2.3:99", http.Header{"X-Forwarded-User": {""}}, "", nil, "10.1.2.3"},
		{"10.1.2.3:99", http.Header{}, "", nil, "10.1.2.3"},
		{"10.1.2.3:99", http.Header{"X-Forwarded-For": {"nonsense"}}, "", nil, "10.1.2.3"},
		{"@", http.Header{"X-Forwarded-User": {"anna"}}, "", nil, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header = c.from, c.header
		p, err := g.Who(r)
		if p.Viewer.Name != c.name || !slices.Equal(p.Viewer.Groups, c.groups) || (c.name == "") != errors.Is(err, ErrNobody) {
			t.Errorf("%s %v: %+v %v", c.from, c.header, p.Viewer, err)
		}
		if got := g.config.Proxies.Client(r); got != c.client {
			t.Errorf("%s %v comes from %q, want %q", c.from, c.header, got, c.client)
		}
	}
	if _, err := g.SignIn(httptest.NewRequest("POST", "/", nil), "anna", "x", "10.1.2.3"); !errors.Is(err, ErrWrong) {
		t.Errorf("a second way in is open: %v", err)
	}
	for _, bad := range []string{"", "10.0.0", "example.org", "10.0.0.0/99"} {
		if _, err := ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestAProxysWordLastsSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxies, _ := ParseProxies([]string{"10.1.2.3"})
		g, err := New(Config{Mode: ModeProxy, Proxies: proxies, Headers: Headers{User: "X-User"}, Policy: &Policy{}, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header = "10.1.2.3:99", http.Header{"X-User": {"anna"}}
		p, err := g.Who(r)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(trusted - time.Second)
		if _, err := g.Still(p); err != nil {
			t.Error(err)
		}
		time.Sleep(spread + time.Second)
		if _, err := g.Still(p); !errors.Is(err, ErrAgain) {
			t.Error(err)
		}
	})
}
