package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// as asks as a browser that keeps a cookie, or through a proxy.
func as(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	return get(t, url, append([]string{"Accept", "application/json"}, header...)...)
}

// held opens a socket and an event stream, waits until both show the page, and says
// how they end: the one by its close code, the other by its last words.
func held(t *testing.T, s *server, page, cookie string) (<-chan websocket.StatusCode, <-chan string) {
	t.Helper()
	header := http.Header{"Cookie": {cookie}}
	ws, _, err := websocket.Dial(t.Context(), s.url+"live", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"type":"watch","page":%q}`, page)); err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"api/v1/events?page="+page, nil)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "id: ") {
		t.Fatal(line, err)
	}
	closed, ended := make(chan websocket.StatusCode, 1), make(chan string, 1)
	var shows sync.WaitGroup
	shows.Add(1)
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	all.Go(func() {
		shown := sync.OnceFunc(shows.Done)
		defer shown()
		for {
			_, b, err := ws.Read(t.Context())
			if err != nil {
				closed <- websocket.CloseStatus(err)
				_ = ws.CloseNow()
				return
			}
			if strings.Contains(string(b), `"snapshot"`) {
				shown()
			}
		}
	})
	all.Go(func() {
		defer resp.Body.Close()
		told, _ := io.ReadAll(lines)
		ended <- string(told)
	})
	shows.Wait()
	return closed, ended
}

const tillFile = "title: Till\naccess: {users: [anna]}\npanels: [{id: rows, type: table, query: 'SELECT id FROM notes'}]\n"

// guardedBy serves a dashboard for anna, and tables for the group ops.
func guardedBy(t *testing.T, state string, args ...string) (*server, string) {
	t.Helper()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (4711)`)
	files := t.TempDir()
	for name, text := range map[string]string{"till.yaml": tillFile, "rules": "admins: {users: [root]}\ntables: [{match: [public.*], groups: [ops]}]\n"} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{"--dashboards", files, "--access", filepath.Join(files, "rules"), "--audit-log", filepath.Join(state, "audit")}, args...)
	return serve(t, db.URL, args...), files
}

func TestPasswordsLetIn(t *testing.T) {
	state := t.TempDir()
	if err := access.SetUser(filepath.Join(state, "users"), "anna", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	s, files := guardedBy(t, state, "--auth", "password", "--state", state)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(s.url+"sign-in", url.Values{"name": {"anna"}, "password": {"correct horse"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(resp.Cookies()) != 2 {
		t.Fatalf("%d with %d cookies", resp.StatusCode, len(resp.Cookies()))
	}
	cookie := []string{"Cookie", resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value}
	status, body := as(t, s.url+"d/till/rows.csv", cookie...)
	if status != 200 || !strings.Contains(body, "4711") {
		t.Errorf("%d %s", status, body)
	}
	for _, path := range []string{"t/public.notes", "d/nothing", "metrics"} {
		if status, _ := as(t, s.url+path, cookie...); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if _, list := as(t, s.url+"api/v1/pages", cookie...); !strings.Contains(list, "/d/till") || strings.Contains(list, "notes") {
		t.Errorf("anna may open %s", list)
	}
	if status, body := as(t, s.url+"d/till/rows.csv"); status != 401 || strings.Contains(body, "4711") {
		t.Errorf("nobody: %d %s", status, body)
	}
	if status, _ := as(t, s.url+"healthz"); status != 200 {
		t.Errorf("health: %d", status)
	}
	// A rule that changes counts, although the rest of its version has a mistake.
	until := func(what string, want int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			status, _ := as(t, s.url+"d/till/rows.csv", cookie...)
			if status == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d", what, status)
			}
		}
	}
	socket, stream := held(t, s, "/d/till", cookie[1])
	wrong := strings.NewReplacer("anna", "ben", "notes", "nowhere").Replace(tillFile)
	if err := os.WriteFile(filepath.Join(files, "till.yaml"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	until("a changed rule", 404)
	// What was open before it is closed at once.
	for deadline := time.After(5 * time.Second); socket != nil || stream != nil; {
		select {
		case code := <-socket:
			if socket = nil; code != websocket.StatusPolicyViolation {
				t.Errorf("the socket is closed with %d", code)
			}
		case told := <-stream:
			if stream = nil; !strings.Contains(told, `"type":"error"`) && !strings.Contains(told, `"type":"reload"`) { // whichever is first
				t.Errorf("the stream ends after %s", told)
			}
		case <-deadline:
			t.Fatal("what was open goes on")
		}
	}
	if _, err := command(t, "user", "remove", "anna", "--state", state); err != nil {
		t.Fatal(err)
	}
	until("a user who is gone", 401)
	log, err := os.ReadFile(filepath.Join(state, "audit"))
	if err != nil || !strings.Contains(string(log), `"event":"sign_in","user":"anna"`) {
		t.Errorf("%v %s", err, log)
	}
}

func TestAProxyLetsIn(t *testing.T) {
	s, _ := guardedBy(t, t.TempDir(), "--auth", "proxy", "--trusted-proxy", "127.0.0.1", "--user-header", "X-User", "--groups-header", "X-Groups", "--allow-powerful-role")
	for _, c := range []struct {
		path   string
		header []string
		status int
	}{
		{"d/till", []string{"X-User", "anna"}, 200},
		{"d/till", []string{"X-User", "ben"}, 404},
		{"t/public.notes", []string{"X-User", "ben", "X-Groups", "tea,ops"}, 200},
		{"t/public.notes", []string{"X-Groups", "ops"}, 401},
		{"status", []string{"X-User", "root"}, 200},
		{"status", []string{"X-User", "anna", "X-Groups", "ops"}, 404},
		{"status/findings.csv", []string{"X-User", "anna"}, 404},
		{"api/v1/snapshot?page=/status", []string{"X-User", "anna"}, 404},
		{"status", nil, 401},
		{"d/till", nil, 401},
		{"sign-in", nil, 404},
	} {
		if status, _ := as(t, s.url+c.path, c.header...); status != c.status {
			t.Errorf("%s as %v: %d, want %d", c.path, c.header, status, c.status)
		}
	}
}

// What a provider says of somebody holds for as long as the session.
func TestHowLongASignInLasts(t *testing.T) {
	for _, c := range []struct {
		auth access.Mode
		said time.Duration
		want time.Duration
	}{{access.ModePassword, 0, 24 * time.Hour}, {access.ModeOIDC, 0, time.Hour}, {access.ModeOIDC, 8 * time.Hour, 8 * time.Hour}} {
		f := accessFlags{Auth: c.auth, Session: c.said}
		if got := f.session(); got != c.want {
			t.Errorf("--auth %s --session %v: %v", c.auth, c.said, got)
		}
	}
}

func TestSomebodyListensBeyondLoopback(t *testing.T) {
	for auth, ok := range map[access.Mode]bool{access.ModePassword: true, access.ModeProxy: true, authNone: false, "": false} {
		f := serveFlags{Listen: "0.0.0.0:8080"}
		f.Auth = auth
		if err := f.guardAddress(); (err == nil) != ok {
			t.Errorf("--auth %q: %v", auth, err)
		}
		if f.mayAuthor() {
			t.Errorf("--auth %q: everybody may see queries", auth)
		}
		f.Listen = "127.0.0.1:0"
		if f.mayAuthor() == f.signIn() {
			t.Errorf("--auth %q on loopback: everybody may see queries: %v", auth, f.mayAuthor())
		}
	}
}

// Only where everybody at this machine is trusted, and nobody else can come, is what a
// proxy brings refused.
func TestWhereAProxyIsRefused(t *testing.T) {
	for _, c := range []struct {
		flags  serveFlags
		direct bool
	}{
		{serveFlags{Listen: "127.0.0.1:8080"}, true},
		{serveFlags{Listen: "[::1]:8080", Hosts: []string{"localhost"}}, true},
		{serveFlags{Listen: "127.0.0.1:8080", ServeEveryone: true}, false},
		{serveFlags{Listen: "0.0.0.0:8080", ServeEveryone: true}, false},
		{serveFlags{Listen: "127.0.0.1:8080", accessFlags: accessFlags{Auth: access.ModePassword}}, false},
		{serveFlags{Listen: "127.0.0.1:8080", accessFlags: accessFlags{TrustedProxies: []string{"10.0.0.9"}}}, false},
	} {
		if got := c.flags.direct(); got != c.direct {
			t.Errorf("%+v: %v", c.flags, got)
		}
	}
}

// The database decides which rows of one dashboard a viewer sees.
func TestRowsAreTheViewers(t *testing.T) {
	db := pgtest.New(t)
	role := "reader_" + db.Name[:min(len(db.Name), 40)]
	db.Script(t, fmt.Sprintf(`CREATE TABLE notes (id int PRIMARY KEY, owner text); INSERT INTO notes VALUES (4711, 'anna'), (4712, 'ben');
		ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON notes USING (owner = current_setting('app.user', true));
		CREATE ROLE %[1]q LOGIN; GRANT USAGE ON SCHEMA public TO %[1]q; GRANT SELECT ON notes TO %[1]q`, role))
	t.Cleanup(func() { db.Script(t, fmt.Sprintf("DROP OWNED BY %[1]q; DROP ROLE %[1]q", role)) })
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", role)
	u.User, u.RawQuery = nil, q.Encode()
	dir := t.TempDir()
	file := "title: Own\naccess: {everyone: true}\nrun_as: {settings: {app.user: '{user}'}}\npanels: [{id: rows, type: table, query: 'SELECT id FROM notes'}]\n"
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	s := serve(t, u.String(), "--watch", "none", "--dashboards", dir, "--state", state, "--auth", "proxy", "--trusted-proxy", "127.0.0.1", "--user-header", "X-User")
	for name, rows := range map[string]string{"anna": "id\r\n4711\r\n", "ben": "id\r\n4712\r\n", "nobody": "id\r\n"} {
		for _, path := range []string{"d/own/rows.csv", "d/own/rows.csv?other=x"} {
			if status, body := as(t, s.url+path, "X-User", name); status != 200 || body != rows {
				t.Errorf("%s gets %d %q", name, status, body)
			}
		}
	}
	// A link has no viewer whose rows it could show.
	link, err := command(t, "share", "add", "/d/own", "--state", state)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := as(t, strings.TrimRight(s.url, "/")+strings.TrimSpace(link)+"/d/own/rows.csv"); status != 404 || strings.Contains(body, "471") {
		t.Errorf("by a link: %d %s", status, body)
	}
	open := serve(t, u.String(), "--watch", "none", "--dashboards", dir)
	if status, body := as(t, open.url+"d/own/rows.csv"); status != 403 || strings.Contains(body, "471") {
		t.Errorf("where nobody signs in: %d %s", status, body)
	}
}
