package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// door is a site with a sign-in. anna is in sales and may see the shop and its
// orders, ben is nobody in particular, root is an admin.
type door struct {
	*site
	dir   string
	audit *lockedBuffer
}

const password = "correct horse"

const policyText = `
admins: {users: [root]}
authors: {groups: [sales]}
sharers: {groups: [sales]}
tables:
  - match: [public.orders]
    groups: [sales]
`

func newDoor(t *testing.T, change ...func(*web.Config)) *door {
	t.Helper()
	return newWay(t, nil, change...)
}

// newWay is the same with another way in.
func newWay(t *testing.T, way func(*access.Config), change ...func(*web.Config)) *door {
	t.Helper()
	d := &door{dir: t.TempDir(), audit: &lockedBuffer{}}
	gate := d.gate(t, time.Hour, way)
	d.site = newSite(t, append([]func(*web.Config){func(c *web.Config) {
		c.Access, c.Tables = gate, &ledger{}
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "rowcast_pages 1\n") })
		c.Demo = &web.Demo{Insert: func(context.Context) error { return nil }}
		c.Status = "/status"
	}}, change...)...)
	d.rules["shop"] = dashboard.Access{Groups: []string{"sales"}}
	d.begin("/d/shop", "secret row")
	d.begin("/t/public.orders", "secret row")
	d.pages["/status"] = &dashboard.Page{Address: "/status", Kind: dashboard.KindStatus, Title: "Server status", TimeZone: "UTC", Panels: []dashboard.Panel{{ID: "latest", Type: "table"}}}
	d.begin("/status", "secret row")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Server.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

// gate is who is let in, by files in the door's folder; sessions last for life.
func (d *door) gate(t *testing.T, life time.Duration, way func(*access.Config)) *access.Gate {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	d.write("users", fmt.Sprintf("anna:%[1]s:sales\nben:%[1]s\nroot:%[1]s:\n", hash))
	d.write("access.yaml", policyText)
	log := slog.New(slog.DiscardHandler)
	users, err := access.OpenUsers(d.path("users"), log)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := access.OpenPolicy(d.path("access.yaml"), log, func(access.RunAs) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	browsers, err := access.OpenBrowsers(d.dir, log)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := access.OpenSessions(d.dir, life, log)
	if err != nil {
		t.Fatal(err)
	}
	links, err := access.OpenLinks(d.dir, "", log)
	if err != nil {
		t.Fatal(err)
	}
	config := access.Config{
		Links: links, Mode: access.ModePassword, Users: users, Browsers: browsers, Policy: policy, Sessions: sessions,
		Audit: slog.New(slog.NewJSONHandler(d.audit, nil)),
	}
	if way != nil {
		way(&config)
	}
	gate, err := access.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return gate
}

func (d *door) path(name string) string { return filepath.Join(d.dir, name) }

func (d *door) write(name, text string) {
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		panic(err)
	}
}

// submit posts a form.
func (d *door) submit(target string, form url.Values, header ...string) *http.Response {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.url(target), strings.NewReader(form.Encode()))
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// signIn returns the header that a browser sends from then on.
func (d *door) signIn(name string) (header []string) {
	d.Helper()
	resp := d.submit("/sign-in", url.Values{"name": {name}, "password": {password}, "next": {"/d/shop?a=b"}})
	if header = session(resp); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/d/shop?a=b" || header == nil {
		d.Fatalf("sign-in: %d to %q with %v", resp.StatusCode, resp.Header.Get("Location"), header)
	}
	return header
}

// expire makes the session of a header one that was over a second ago.
func (d *door) expire(header []string) {
	d.Helper()
	_, token, _ := strings.Cut(header[1], "=")
	sum := sha256.Sum256([]byte(token))
	name := filepath.Join("sessions", hex.EncodeToString(sum[:]))
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		d.Fatal(err)
	}
	until := regexp.MustCompile(`"until":"[^"]+"`)
	d.write(name, until.ReplaceAllString(string(b), `"until":"`+time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)+`"`))
	time.Sleep(50 * time.Millisecond) // who looked at the file just now does not look again
}

func TestWhatIsNotThereAndWhatIsNotForYouLookAlike(t *testing.T) {
	d := newDoor(t)
	ben := d.signIn("ben")
	for _, pair := range [][2]string{{"/d/shop", "/d/shpo"}, {"/t/public.orders", "/t/public.nothing"}, {"/d/shop/latest.csv", "/d/shpo/latest.csv"},
		{"/api/v1/page" + query("/d/shop?status=nonsense"), "/api/v1/page" + query("/d/shpo")}} {
		is, one := d.ask("GET", pair[0], ben...)
		isNot, other := d.ask("GET", pair[1], ben...)
		one, other = strings.ReplaceAll(one, pair[0], ""), strings.ReplaceAll(other, pair[1], "")
		if n := nonce(isNot); n != "" { // the one thing that differs between any two pages
			one, other = strings.ReplaceAll(one, nonce(is), ""), strings.ReplaceAll(other, n, "")
		}
		if strings.HasPrefix(pair[0], "/d/shop") && strings.Contains(one, "<html") && !strings.Contains(one, "It is not there, or no rule names you.") {
			t.Errorf("%s claims to know: %s", pair[0], one)
		}
		if is.StatusCode != 404 || isNot.StatusCode != 404 || one != other {
			t.Errorf("%s: %d %s\n%s: %d %s", pair[0], is.StatusCode, one, pair[1], isNot.StatusCode, other)
		}
	}
}

// Who has a table open sees it anew when it is read as another one.
func TestTablesThatAreReadAsAnother(t *testing.T) {
	d := newDoor(t)
	d.add("/t/public.orders", "rows").Table = &dashboard.Table{Schema: "public", Name: "orders", RowsEstimate: 4711}
	d.begin("/t/public.orders", "secret row")
	anna := d.signIn("anna")
	open := d.sees("/t/public.orders", anna...)
	d.write("access.yaml", policyText+"run_as: {settings: {app.user: '{user}', app.groups: '{groups}'}}\n")
	d.until("the rule is read", func() bool {
		d.ask("GET", "/t/public.orders", anna...)
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.last.Settings) == 2
	})
	d.mu.Lock()
	last := *d.last
	d.mu.Unlock()
	if last.Settings[0] != (dashboard.Setting{Name: "app.groups", Value: "sales"}) || last.Settings[1] != (dashboard.Setting{Name: "app.user", Value: "anna"}) {
		t.Errorf("it is read with %v", last.Settings)
	}
	if last.Table.RowsEstimate >= 0 || last.Context == "" {
		t.Errorf("it is everybody's: %d rows, %q", last.Table.RowsEstimate, last.Context)
	}
	d.submit("/sign-out", nil, d.signIn("ben")...) // everybody is looked at
	open.expect(delta.TypeBye)
}

func TestQueriesAreForThoseWhomTheRulesName(t *testing.T) {
	d := newDoor(t, func(c *web.Config) { c.Authors = true }) // which counts only where nobody signs in
	d.rules["shop"] = dashboard.Access{Everyone: true}
	d.mu.Lock()
	d.pages["/d/shop"].Panels[0].Source = "SELECT name FROM hidden_table"
	d.mu.Unlock()
	if _, body := d.ask("GET", "/d/shop", d.signIn("anna")...); !strings.Contains(body, "hidden_table") {
		t.Error("an author does not see the query")
	}
	candid := func() bool { // so are what PostgreSQL says of a mistake, and where it is
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.last.Candid
	}
	if !candid() {
		t.Error("an author's page does not tell what helps")
	}
	if resp, body := d.ask("GET", "/d/shop", d.signIn("ben")...); resp.StatusCode != 200 || strings.Contains(body, "hidden_table") {
		t.Errorf("%d: whoever is no author sees the query", resp.StatusCode)
	}
	if candid() {
		t.Error("the page of whoever is no author tells what is wrong with a query")
	}
}

func TestSignInCookie(t *testing.T) {
	d := newDoor(t)
	resp := d.submit("/sign-in", url.Values{"name": {"anna"}, "password": {password}})
	for _, set := range resp.Header.Values("Set-Cookie") {
		for _, part := range []string{"__Host-rowcast", "Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Expires="} {
			if !strings.Contains(set, part) {
				t.Errorf("the cookie lacks %s: %s", part, set)
			}
		}
		if strings.Contains(set, "Domain") || resp.Header.Get("Location") != "/" {
			t.Errorf("%s to %s", set, resp.Header.Get("Location"))
		}
	}
	_, token, _ := strings.Cut(session(resp)[1], "=")
	files, err := os.ReadDir(d.path("sessions"))
	if err != nil || len(files) != 1 {
		t.Fatal(len(files), err)
	}
	b, _ := os.ReadFile(d.path("sessions/" + files[0].Name()))
	if info, _ := files[0].Info(); strings.Contains(files[0].Name()+string(b), token) || info.Mode().Perm() != 0o600 {
		t.Errorf("the folder holds what signs in, or others may read it: %s %v", b, info.Mode())
	}
	if strings.Contains(d.audit.String(), token) || strings.Contains(d.audit.String(), password) {
		t.Error("the audit log holds a secret")
	}
}

func TestSignInIsNobodyElsesChoice(t *testing.T) {
	d := newDoor(t)
	form := url.Values{"name": {"anna"}, "password": {password}}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		for _, path := range []string{"/sign-in", "/sign-out"} {
			if resp := d.submit(path, form, header...); resp.StatusCode != 403 || len(resp.Cookies()) != 0 {
				t.Errorf("%s with %v: %d", path, header, resp.StatusCode)
			}
		}
	}
	for _, next := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "", "/d/../x", "/sign-out", "\t//evil.example", "/\t/evil.example", "/%2f/../x"} {
		form.Set("next", next)
		if to := d.submit("/sign-in", form).Header.Get("Location"); to != "/" {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
	form.Set("next", "/d/shop?status=paid&x=%2F")
	if to := d.submit("/sign-in", form).Header.Get("Location"); to != "/d/shop?status=paid&x=%2F" {
		t.Errorf("leads to %q", to)
	}
	// A browser would not keep the cookie, and the reader would go round in circles.
	if resp := d.submit("/sign-in", form, "Origin", "http://dash.example", "Host", "dash.example"); resp.StatusCode != 400 || len(resp.Cookies()) > 0 || resp.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("plain http is not told: %d", resp.StatusCode)
	}
	if resp := d.submit("/sign-in", form, "Origin", "https://dash.example", "Host", "dash.example"); resp.StatusCode != 303 {
		t.Errorf("https: %d", resp.StatusCode)
	}
	// Without it a browser would not say where the form comes from.
	if resp, _ := d.ask("GET", "/sign-in"); resp.Header.Get("Referrer-Policy") != "same-origin" {
		t.Error(resp.Header.Get("Referrer-Policy"))
	}
}

// Who fails too often is told when to come again, and the audit log once.
func TestSignInIsLimitedAtTheDoor(t *testing.T) {
	d := newDoor(t)
	codes := map[int]int{}
	for range 15 {
		resp := d.submit("/sign-in", url.Values{"name": {"anna"}, "password": {"wrong"}})
		codes[resp.StatusCode]++
		if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode == 429 && (err != nil || after < 1 || after > 61) {
			t.Errorf("come again after %q", resp.Header.Get("Retry-After"))
		}
	}
	if codes[401] != 10 || codes[429] != 5 {
		t.Errorf("15 wrong passwords are answered %v", codes)
	}
	if n := strings.Count(d.audit.String(), "sign_in_limited"); n != 1 {
		t.Errorf("the audit log tells it %d times", n)
	}
}

func TestAuditLog(t *testing.T) {
	d := newDoor(t)
	anna, ben := d.signIn("anna"), d.signIn("ben")
	d.submit("/sign-in", url.Values{"name": {"anna\n{\"event\":\"sign_in\"}"}, "password": {"hunter2hunter2"}})
	for range 3 {
		d.ask("GET", "/d/shop?customer=Miller", anna...)
		d.ask("GET", "/d/shop?customer=Miller", ben...)
	}
	d.submit("/sign-out", nil, anna...)
	log := d.audit.String()
	for line, n := range map[string]int{
		`"event":"sign_in","user":"anna","from":"127.0.0.1"`:                      1,
		`"event":"sign_in","user":"ben"`:                                          1,
		`"event":"sign_in_failed","user":"anna\n{\"event\":\"sign_in\"}"`:         1,
		`"event":"page_opened","user":"anna","from":"127.0.0.1","page":"/d/shop"`: 1,
		`"event":"denied","user":"ben","from":"127.0.0.1","page":"/d/shop"`:       1,
		`"event":"sign_out","user":"anna"`:                                        1,
	} {
		if got := strings.Count(log, line); got != n {
			t.Errorf("%d times %s in\n%s", got, line, log)
		}
	}
	for _, secret := range []string{"Miller", "hunter2", password} {
		if strings.Contains(log+d.logs.String(), secret) {
			t.Errorf("a log holds %q", secret)
		}
	}
}

// The palette names panels of dashboards that its reader may open, on every page.
func TestThePaletteNamesNobodyElsesPanels(t *testing.T) {
	d := newDoor(t)
	d.listed = append(d.listed, dashboard.DashboardEntry{Address: "/d/board", Title: "Board", Access: dashboard.Access{Users: []string{"ben"}}, Panels: []dashboard.PanelEntry{{ID: "pay", Title: "Salaries"}}})
	d.rule("board", dashboard.Access{Users: []string{"ben"}})
	d.rule("sum", dashboard.Access{Everyone: true})
	d.add("/d/sum", "sum")
	d.begin("/d/sum", "row")
	for who, sees := range map[string]bool{"anna": false, "ben": true} {
		session := d.signIn(who)
		for _, path := range []string{"/", "/d/sum"} {
			_, body := d.ask("GET", path, session...)
			if !strings.Contains(body, `id="palette"`) {
				t.Fatalf("%s has no palette for %s", path, who)
			}
			if found := strings.Contains(body, `data-href="/d/board#panel-pay"`) && strings.Contains(body, "Salaries"); found != sees || !sees && strings.Contains(body, "Salaries") {
				t.Errorf("%s names the panel to %s: %v", path, who, found)
			}
		}
	}
}

// What the front page shows of a dashboard is what its reader would see there:
// of pages that are others for others, nothing is passed on.
func TestTheFrontPageShowsNobodyElsesNumbers(t *testing.T) {
	d := newDoor(t)
	page := d.add("/d/sum", "sum")
	page.Panels[0].Type, page.Panels[0].Stat = "stat", &dashboard.Stat{}
	d.rule("sum", dashboard.Access{Everyone: true})
	d.listed = append(d.listed, dashboard.DashboardEntry{Address: "/d/sum", Title: "Sum", Access: dashboard.Access{Everyone: true}})
	st := state("/d/sum", 1)
	st.Panels = map[string]*delta.Panel{"sum": {Columns: []delta.Column{{Name: "n", Type: "int4"}}, Rows: []delta.Row{{Key: "1", Cells: []delta.Cell{{Text: "4711"}}}}}}
	d.mu.Lock() // the page is read for anna alone until ben looks
	d.begun["/d/sum"] = broadcast.Update[*delta.State]{Cursor: st.Cursor, State: st, Snapshot: func() []byte { return delta.EncodeSnapshot(st) }}
	d.mu.Unlock()
	anna, ben := d.signIn("anna"), d.signIn("ben") // one sees queries, so they do not share a page
	d.ask("GET", "/d/sum", anna...)
	const shown = "<span data-whole>4,711</span>"
	if _, front := d.ask("GET", "/", anna...); !strings.Contains(front, shown) {
		t.Error("anna does not see what she saw")
	}
	for _, path := range []string{"/", "/api/v1/pages"} {
		if _, front := d.ask("GET", path, ben...); strings.Contains(front, "4,711") || !strings.Contains(front, "Sum") {
			t.Errorf("%s shows ben the number of a page that is not his: %s", path, front)
		}
	}
	d.publish(nil, st)
	d.ask("GET", "/d/sum", ben...)
	if _, front := d.ask("GET", "/", ben...); !strings.Contains(front, shown) {
		t.Error("ben does not see what he saw")
	}
}

// The server's own figures are for admins: who is none is asked to be another.
func TestStatusIsForAdmins(t *testing.T) {
	d := newDoor(t)
	for name, want := range map[string]int{"anna": 200, "root": 303} {
		header := d.signIn(name)
		if resp, _ := d.ask("GET", "/sign-in?next=%2Fstatus", header...); resp.StatusCode != want {
			t.Errorf("%s on the way there: %d, want %d", name, resp.StatusCode, want)
		}
		if _, body := d.ask("GET", "/", header...); strings.Contains(body, `href="/status"`) != (name == "root") {
			t.Errorf("%s: the front page leads there: %v", name, name != "root")
		}
		if resp, body := d.ask("GET", "/api/v1/snapshot"+query("/status"), header...); (resp.StatusCode == 200) != (name == "root") || strings.Contains(body, "secret") != (name == "root") {
			t.Errorf("%s reads it: %d", name, resp.StatusCode)
		}
	}
}
