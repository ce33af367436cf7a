package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// planted stands in each value and secret of the run below, and in nothing else.
const planted = "canary"

const plantedBoard = `title: Words
access: {everyone: true}
variables:
  - {name: word, type: text, default: ''}
  - {name: pick, query: 'SELECT complain(word) FROM words', strict: true, default: ''}
panels:
  - {id: words, type: table, query: "SELECT id, word FROM words WHERE @word = '' OR word = @word"}
  - {id: cast, type: table, query: "SELECT word::int FROM words"}
  - {id: raised, type: table, query: "SELECT complain(word || @word) FROM words"}
`

// A whole run, with people who sign in, pages that work and pages that do not, exports,
// links, clients that misbehave and a database that goes away: both logs tell of it, by
// requests and pages, and hold no value, no password and no token.
func TestTheLogsHoldNoValues(t *testing.T) {
	t.Parallel()
	pg := pgtest.Server(t, nil, pgtest.TCP())
	owner := pgtest.Connect(t, pg.URL())
	run := func(sql string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		`CREATE ROLE reader LOGIN PASSWORD 'canary-of-the-database'`,
		`CREATE TABLE words (id int PRIMARY KEY, word text)`,
		`INSERT INTO words VALUES (1, 'canary-cell')`,
		`CREATE FUNCTION complain(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not %', $1 USING DETAIL = $1; END $$`,
		`CREATE VIEW broken AS SELECT n AS id, CASE n WHEN 5000 THEN complain('canary-cell') ELSE 'canary-cell' END AS word FROM generate_series(1, 5000) AS n`,
		`GRANT SELECT ON words, broken TO reader`,
	} {
		run(sql)
	}
	at, err := url.Parse(pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword("reader", "canary-of-the-database")
	state, files := t.TempDir(), t.TempDir()
	if err := access.SetUser(filepath.Join(state, "users"), "anna", "canary-of-anna", nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"words.yaml": plantedBoard, "rules": "admins: {users: [anna]}\n"} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	audit := filepath.Join(state, "audit")
	s := serve(t, at.String(), "--admin-database-url", pg.URL(), "--dashboards", files, "--access", filepath.Join(files, "rules"), "--auth", "password", "--state", state, "--audit-log", audit)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	cookie := ""
	ask := func(method, path string, form url.Values, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Cookie": {cookie}, "User-Agent": {"canary-agent"}, "Referer": {s.url + "?canary-referer"}, "X-Request-Id": {"canary-request"}, "Authorization": {"Bearer canary-bearer"}}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for _, c := range resp.Cookies() {
			cookie = c.Name + "=" + c.Value + "; other=canary-cookie"
			if c.Name == access.CookieName {
				break
			}
		}
		body, _ := io.ReadAll(resp.Body) // one that breaks off is among them
		return resp.StatusCode, string(body)
	}
	secrets := []string{planted}

	for _, password := range []string{"canary-guess", "canary-of-anna"} {
		ask("POST", "sign-in", url.Values{"name": {"anna"}, "password": {password}, "next": {"/d/words?word=canary-next"}})
	}
	_, token, _ := strings.Cut(cookie, "=")
	token, _, _ = strings.Cut(token, ";")
	if secrets = append(secrets, token); len(token) < 20 {
		t.Fatalf("anna has no session: %q", cookie)
	}
	for path, want := range map[string]int{
		"d/words?word=canary-variable":                                             200,
		"d/words?pick=canary-picked":                                               200,
		"d/words/words.csv?word=canary-cell":                                       200,
		"api/v1/snapshot?page=" + url.QueryEscape("/d/words?word=canary-variable"): 200,
		"t/public.words?where=word.is.canary-cell&q=canary-search":                 200,
		"t/public.words?where=id.gt.canary-filter":                                 400,
		"t/public.words?sort=canary-sort":                                          400,
		"t/public.words/all.csv?where=word.is.canary-cell":                         200,
		"t/public.broken/all.csv":                                                  200,
		"api/v1/count?page=/t/public.broken":                                       0,
		"api/v1/row?page=/t/public.words&key=" + url.QueryEscape(`["canary-key"]`): 0,
		"api/v1/row?page=/t/public.words&key=" + url.QueryEscape(`canary-key`):     0,
		"d/nothing?word=canary-guessed":                                            404,
		"%64/words?word=canary-escaped":                                            0,
		"live?word=canary-socket":                                                  0,
	} {
		if got, body := ask("GET", path, nil); want != 0 && got != want {
			t.Errorf("%s: %d %.200s", path, got, body)
		}
	}
	_, made := ask("POST", "links", url.Values{"page": {"/d/words?word=canary-locked"}, "note": {"canary-note"}, "days": {"7"}}, "Origin", strings.TrimSuffix(s.url, "/"), "Accept", "application/json")
	link, err := command(t, "share", "add", "/d/words?word=canary-locked", "--state", state, "--note", "canary-note", "--audit-log", audit)
	if err != nil {
		t.Fatal(err, made)
	}
	secrets = append(secrets, strings.TrimPrefix(strings.TrimSpace(link), "/s/"))
	if status, body := ask("GET", strings.TrimPrefix(strings.TrimSpace(link), "/")+"/d/words?word=canary-locked", nil); status >= 400 {
		t.Errorf("the link: %d %q %.2000s", status, link, body)
	}
	raw := func(text string) {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = conn.Read(make([]byte, 1))
	}
	raw("canary-nonsense\r\n\r\n")
	raw("GET /canary\x00 HTTP/1.1\r\nHost: x\r\nCanary: \x00canary\r\n\r\n")
	raw("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\ncanary-chunk")
	raw("\x16\x03\x01canary")

	// While somebody watches, the database goes away, the file gets a mistake, and a
	// column another name.
	hear := events(t, s, "/d/words?word=canary-watched", "Cookie", cookie)
	hear(`"type":"status"`)
	run(`ALTER ROLE reader NOLOGIN`)
	run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'`)
	hear(`"state":"stale"`)
	ask("GET", "t/public.words/all.csv?where=word.is.canary-cell", nil)
	ask("GET", "d/words?word=canary-away", nil)
	run(`ALTER ROLE reader LOGIN`)
	hear(`"state":"live"`)
	run(`INSERT INTO words VALUES (2, 'canary-second')`)
	if err := os.WriteFile(filepath.Join(files, "words.yaml"), []byte(strings.Replace(plantedBoard, "FROM words WHERE", "FROM nowhere WHERE", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, s.log, "a dashboard has a mistake")
	run(`ALTER TABLE words RENAME COLUMN word TO canaries`)
	ask("GET", "d/words?word=canary-renamed", nil)
	ask("POST", "sign-out", url.Values{"x": {"canary-form"}}, "Origin", strings.TrimSuffix(s.url, "/"))

	told, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	for log, wants := range map[string][]string{
		s.log.String(): {"doorbell lost", `"msg":"an export was broken off","request":"`, `SQLSTATE P0001`, `"route":"GET /t/{table}/all.csv","page":"/t/public.broken"`, `"file":"words.yaml"`, `"the options of a variable cannot be read"`},
		string(told):   {`"event":"sign_in_failed"`, `"event":"sign_in"`, `"event":"page_opened"`, `"page":"/d/words"`, `"event":"link_made"`, `"event":"sign_out"`},
	} {
		for _, want := range wants {
			if !strings.Contains(log, want) {
				t.Errorf("a log does not tell %s:\n%s", want, log)
			}
		}
		for line := range strings.Lines(log) {
			for _, secret := range secrets {
				if strings.Contains(strings.ToLower(line), strings.ToLower(secret)) {
					t.Errorf("a log holds %q: %s", secret, line)
				}
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("a line is no JSON: %q", line)
			}
		}
	}
}
