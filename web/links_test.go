package web_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// share makes a link by its page, as anna, and returns its path.
func (d *door) share(page string, as []string) string {
	d.Helper()
	form := url.Values{"page": {page}, "note": {"hall"}, "days": {"7"}}
	req, _ := http.NewRequestWithContext(d.Context(), "POST", d.url("/links"), strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(as[0], as[1])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	body := read(d.T, resp)
	path := regexp.MustCompile(`/s/[A-Za-z0-9_.-]+`).FindString(body)
	if resp.StatusCode != 200 || path == "" {
		d.Fatalf("no link: %d %s", resp.StatusCode, body)
	}
	return path
}

func TestALinkShowsItsPageAndNothingElse(t *testing.T) {
	d := newDoor(t)
	d.add("/d/other", "latest")
	d.rule("other", dashboard.Access{Everyone: true})
	d.begin("/d/other", "another row")
	d.mu.Lock()
	d.pages["/d/shop"].Panels[0].Columns = map[string]dashboard.Format{"name": {Link: "/t/public.orders?where=name.is.{name}"}}
	d.pages["/d/shop"].Panels = append(d.pages["/d/shop"].Panels, dashboard.Panel{ID: "@status", OptionsOf: "status", SQL: "SELECT 1"})
	d.mu.Unlock()
	anna := d.signIn("anna")
	link := d.share("/d/shop", anna)

	resp, _ := d.ask("GET", link+"?kiosk")
	if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != link+"/d/shop?kiosk" {
		t.Errorf("%d to %q", resp.StatusCode, to)
	}
	resp, body := d.ask("GET", link+"/d/shop", "Cookie", "theme=x")
	if resp.StatusCode != 200 || !strings.Contains(body, "secret row") {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	for _, part := range []string{`data-live="` + link + `/live"`, `data-signin=""`, `href="` + link + `/d/shop/latest.csv"`, `src="/static/`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	d.mu.Lock()
	read := d.last
	d.mu.Unlock()
	// What could be chosen instead is a panel too, and stays out of the page that
	// links share, which is another than that of those who signed in.
	if len(read.Panels) != 1 || read.ID() == "/d/shop" || read.Candid {
		t.Errorf("a link reads %d panels of %q", len(read.Panels), read.ID())
	}
	for _, part := range []string{"demo/order", "/t/public.orders?", "sign-out", "Jump to", "orders", `href="/d/`, `href="/t/`, "@status"} {
		if strings.Contains(body, part) {
			t.Errorf("the page has %s", part)
		}
	}
	if resp.Header.Get("X-Robots-Tag") == "" || resp.Header.Get("Referrer-Policy") != "no-referrer" || len(resp.Cookies()) > 0 {
		t.Errorf("%v", resp.Header)
	}
	// All routes that there are: its own page's, and nothing of any other.
	own := map[string]bool{"GET /d/{dashboard}": true, "GET /d/{dashboard}/{file}": true, "GET /api/v1/page": true, "GET /api/v1/snapshot": true, "GET /api/v1/events": true,
		"GET /healthz": true, "GET /readyz": true, "GET /sign-in": true, "POST /sign-in": true, "GET /{$}": true, "GET /api/v1/pages": true, "GET /live": true, "GET /static/{file...}": true}
	for _, pattern := range d.Patterns() {
		method, path := target(pattern)
		if method == "GET" && pattern == "GET /api/v1/events" {
			method = "HEAD"
		}
		resp, body := d.ask(method, link+path, anna...) // what is signed in does not add to it
		if !own[pattern] && resp.StatusCode != 404 {
			t.Errorf("%s by the link: %d", pattern, resp.StatusCode)
		}
		if own[pattern] && resp.StatusCode >= 400 && pattern != "GET /live" && pattern != "GET /static/{file...}" && pattern != "POST /sign-in" {
			t.Errorf("%s by the link: %d", pattern, resp.StatusCode)
		}
		other := strings.ReplaceAll(path, "shop", "other")
		if strings.Contains(path, "shop") {
			if resp, _ := d.ask(method, link+other); resp.StatusCode != 404 {
				t.Errorf("%s of another page by the link: %d", pattern, resp.StatusCode)
			}
		}
		if strings.Contains(body, "orders") && !strings.Contains(path, "orders") {
			t.Errorf("%s by the link tells of tables: %s", pattern, body)
		}
	}
	c := d.dialAt(link + "/live")
	c.watch("/d/other", "")
	c.expect("error")
	c.watch("/t/public.orders", "")
	c.expect("error")
	c.watch("/d/shop", "")
	m := c.expect("watching", "snapshot")
	if m.State.Panels["latest"] == nil {
		t.Errorf("%+v", m.State)
	}
	if log := d.audit.String(); !strings.Contains(log, `"event":"link_made","user":"anna"`) || !strings.Contains(log, `"event":"page_opened","user":"link `) || strings.Contains(log, link[3:]) {
		t.Error(log)
	}
}

// Other values than those that it was made with do not open by a link.
func TestALinksValuesAreLocked(t *testing.T) {
	d := newDoor(t)
	d.add("/d/shop?status=paid", "latest")
	d.begin("/d/shop?status=paid", "paid row")
	link := d.share("/d/shop?status=paid", d.signIn("anna"))
	const paid, none, late = "%2Fd%2Fshop%3Fstatus%3Dpaid", "%2Fd%2Fshop", "%2Fd%2Fshop%3Fstatus%3Dlate"
	for address, want := range map[string]int{
		"/d/shop?status=paid": 200, "/d/shop?status=paid&utm=x": 200, "/d/shop": 404, "/d/shop?status=late": 404,
		"/d/shop/latest.csv?status=paid": 200, "/d/shop/latest.csv": 404, "/d/shop/latest.csv?status=late": 404, "/d/shop/latest.json?status=late": 404,
		"/api/v1/snapshot?page=" + paid: 200, "/api/v1/snapshot?page=" + none: 404, "/api/v1/snapshot?page=" + late: 404,
		"/api/v1/page?page=" + paid: 200, "/api/v1/page?page=" + late: 404, "/api/v1/events?page=" + none: 404, "/api/v1/events?page=" + late: 404,
	} {
		if resp, _ := d.ask("GET", link+address); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", address, resp.StatusCode, want)
		}
	}
}

func TestALinkThatIsRevokedEndsAtOnce(t *testing.T) {
	d := newDoor(t)
	anna, ben, root := d.signIn("anna"), d.signIn("ben"), d.signIn("root")
	link := d.share("/d/shop", anna)
	c := d.dialAt(link + "/live")
	c.watch("/d/shop", "")
	c.expect("watching", "snapshot", "status")
	id := strings.Split(strings.TrimPrefix(link, "/s/"), ".")[0]
	for who, header := range map[string][]string{"whoever may not share": ben, "nobody": {"X", "y"}} {
		if resp := d.submit("/links/revoke", url.Values{"id": {id}}, header...); resp.StatusCode < 400 && resp.Header.Get("Location") != "/sign-in" {
			t.Errorf("%s revokes: %d", who, resp.StatusCode)
		}
		if resp := d.submit("/links", url.Values{"page": {"/d/shop"}, "days": {"7"}}, header...); resp.StatusCode < 400 && resp.Header.Get("Location") != "/sign-in" {
			t.Errorf("%s shares: %d", who, resp.StatusCode)
		}
	}
	if _, body := d.ask("GET", "/links", root...); !strings.Contains(body, "hall") || strings.Contains(body, link) || strings.Contains(body, "never") {
		t.Errorf("the list: %s", body)
	}
	if resp := d.submit("/links/revoke", url.Values{"id": {id}}, anna...); resp.StatusCode != 303 {
		t.Errorf("%d", resp.StatusCode)
	}
	if code := c.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
	resp, body := d.ask("GET", link+"/d/shop")
	if resp.StatusCode != 404 || resp.Header.Get("Location") != "" || !strings.Contains(body, "This link has ended") || strings.Contains(body, "All pages") || !strings.Contains(body, `data-retry="0"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := d.ask("GET", link+"/api/v1/events"+query("/d/shop"), "Last-Event-ID", "e:1"); resp.StatusCode < 204 || resp.StatusCode == 200 {
		t.Errorf("the stream of a revoked link: %d", resp.StatusCode)
	}
	if log := d.audit.String(); !strings.Contains(log, `"event":"link_revoked","user":"anna"`) {
		t.Error(log)
	}
	if _, err := os.Stat(d.path("links/" + id + ".json")); err == nil {
		t.Error("its file is still there")
	}
}

func TestWhatCannotBeShared(t *testing.T) {
	d := newDoor(t)
	anna := d.signIn("anna")
	for _, page := range []string{"/d/other", "/t/public.orders", "/d/nothing", "", "https://evil.example/d/shop"} {
		resp := d.submit("/links", url.Values{"page": {page}, "days": {"7"}}, anna...)
		if resp.StatusCode != 400 {
			t.Errorf("%q: %d", page, resp.StatusCode)
		}
	}
	if resp := d.submit("/links", url.Values{"page": {"/d/shop"}, "days": {"100000"}}, anna...); resp.StatusCode != 400 {
		t.Errorf("a life that is not offered: %d", resp.StatusCode)
	}
	for _, path := range []string{"/s", "/s/", "/s/x", "/s/../d/shop", "/s/%2e%2e/d/shop", "/s/x/d/shop", "/s//d/shop", "/s/" + access.CookieName + "/d/shop"} {
		if resp, body := d.ask("GET", path, anna...); resp.StatusCode != 404 || strings.Contains(body, "secret") {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
