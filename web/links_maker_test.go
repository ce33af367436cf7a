package web_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// opens expects a link to show its page by each way, or by none.
func (d *door) opens(link string, shows bool, why string) {
	d.Helper()
	for _, path := range []string{"/d/shop", "/d/shop/latest.csv", "/d/shop/latest.json", "/api/v1/page" + query("/d/shop"), "/api/v1/snapshot" + query("/d/shop"), "/api/v1/events" + query("/d/shop")} {
		method := http.MethodGet
		if strings.Contains(path, "events") {
			method = http.MethodHead
		}
		resp, body := d.ask(method, link+path)
		if (resp.StatusCode == http.StatusOK) != shows || !shows && (resp.StatusCode != http.StatusNotFound || strings.Contains(body, "secret row")) {
			d.Errorf("%s, by %s: %d", why, path, resp.StatusCode)
		}
		if path == "/d/shop" && !shows && !strings.Contains(body, "This link has ended") {
			d.Errorf("%s: it says %s", why, body)
		}
	}
}

// A link shows what its maker may see, and shows it again once they may; one of the
// command line is nobody's, and whoever may not see the page cannot tell the difference
// from one that was revoked.
func TestALinkShowsWhatItsMakerMaySee(t *testing.T) {
	d := newDoor(t)
	anna, root := d.signIn("anna"), d.signIn("root")
	link := d.share("/d/shop", anna)
	links, err := access.OpenLinks(d.dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := links.Make("/d/shop", "", "", "", access.LongestLife)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := links.Make("/d/shop", "", "anna", access.ModeOIDC, access.LongestLife)
	if err != nil {
		t.Fatal(err)
	}
	d.opens("/s/"+other, false, "an anna of another way in")
	for _, c := range []struct {
		rule  dashboard.Access
		shows bool
	}{{dashboard.Access{Users: []string{"ben"}}, false}, {dashboard.Access{}, false}, {dashboard.Access{Users: []string{"anna"}}, true}, {dashboard.Access{Everyone: true}, true}, {dashboard.Access{Groups: []string{"sales"}}, true}} {
		d.rule("shop", c.rule)
		d.opens(link, c.shows, "after a rule")
		d.opens("/s/"+token, true, "of the command line")
		_, list := d.ask("GET", "/links", root...)
		if ended := strings.Count(list, "not for its maker any more"); ended != map[bool]int{true: 1, false: 2}[c.shows] {
			t.Errorf("%+v: the list has %d that ended: %s", c.rule, ended, list)
		}
	}
	d.rule("shop", dashboard.Access{})
	d.opens(link, false, "after all rules")
	id := strings.Split(strings.TrimPrefix(link, "/s/"), ".")[0]
	if log := d.audit.String(); !strings.Contains(log, `"event":"denied","user":"link `+id+`"`) {
		t.Error(log)
	}
}

// What a provider says of somebody at a later sign-in counts for their links too.
func TestALinkFollowsWhatAProviderSaysOfItsMaker(t *testing.T) {
	d, p := newProviderDoor(t)
	signIn := func(subject string, groups ...string) []string {
		t.Helper()
		kept, back := d.depart(p, subject, groups...)
		resp, _ := d.ask("GET", back, "Cookie", kept)
		if session(resp) == nil {
			t.Fatal(resp.StatusCode)
		}
		return session(resp)
	}
	link := d.share("/d/shop", signIn("subject-1", "sales"))
	d.opens(link, true, "as it was made")
	signIn("subject-2")
	d.opens(link, true, "after somebody else signed in")
	signIn("subject-1", "tea")
	d.opens(link, false, "after its maker came back without the group")
	signIn("subject-1", "tea", "sales")
	d.opens(link, true, "after its maker came back with it")
}

// What a proxy says of somebody with a later request counts as well, and for another
// server that shares the folder.
func TestALinkFollowsWhatAProxySaysOfItsMaker(t *testing.T) {
	proxied := func(c *access.Config) {
		c.Mode, c.Headers = access.ModeProxy, access.Headers{User: "X-User", Groups: "X-Groups"}
		var err error
		if c.Proxies, err = access.ParseProxies([]string{"127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	}
	d := newWay(t, proxied)
	as := func(groups string) []string { return []string{"X-User", "anna", "X-Groups", groups} }
	resp := d.submit("/links", url.Values{"page": {"/d/shop"}, "days": {"7"}}, as("sales,tea")...)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode)
	}
	list, err := access.OpenLinks(d.dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := list.Make("/d/shop", "", "anna", access.ModeProxy, access.LongestLife)
	if err != nil {
		t.Fatal(err)
	}
	link := "/s/" + token
	for _, c := range []struct {
		groups string
		shows  bool
	}{{"sales,tea", true}, {"tea,sales", true}, {"tea", false}, {"", false}, {"sales", true}} {
		d.ask("GET", "/", as(c.groups)...)
		d.opens(link, c.shows, "in "+c.groups)
	}
	d.ask("GET", "/", as("tea")...)
	if _, err := access.RevokeLinksBy(d.dir, "anna"); err != nil {
		t.Fatal(err)
	}
	_, later, err := list.Make("/d/shop", "", "ben", access.ModeProxy, access.LongestLife)
	if err != nil {
		t.Fatal(err)
	}
	d.opens("/s/"+later, false, "of somebody of whom nothing was told")
}

// Nobody fills the state folder with links, and what goes wrong there is not told to
// who makes one.
func TestLinksAreBounded(t *testing.T) {
	d := newDoor(t)
	anna := d.signIn("anna")
	share := func(want int, says string) {
		t.Helper()
		form := url.Values{"page": {"/d/shop"}, "days": {"7"}}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url("/links"), strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(anna[0], anna[1])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, resp); resp.StatusCode != want || !strings.Contains(body, says) || strings.Contains(body, d.dir) {
			t.Errorf("%d, want %d: %s", resp.StatusCode, want, body)
		}
	}
	links, err := access.OpenLinks(d.dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for i := range access.MostLinks {
		by := "anna"
		if i < 2 {
			by = []string{"ben", ""}[i]
		}
		one, _, err := links.Make("/d/shop", "", by, access.ModePassword, access.LongestLife)
		if err != nil {
			t.Fatal(err)
		}
		id = one.ID
	}
	share(http.StatusOK, "/s/") // one is ben's, and one nobody's
	share(http.StatusOK, "/s/")
	share(http.StatusBadRequest, "You have 200 links")
	if err := links.Revoke(id); err != nil {
		t.Fatal(err)
	}
	share(http.StatusOK, "/s/")
	if err := os.RemoveAll(d.path("links")); err != nil {
		t.Fatal(err)
	}
	share(http.StatusInternalServerError, "")
}
