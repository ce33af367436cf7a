package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/web"
)

// caller is somebody at an address, as a proxy tells, and a socket of theirs.
type caller struct {
	*testing.T
	*websocket.Conn
}

// calls opens a socket, or says by which message and close code it was refused.
func calls(t *testing.T, s *server, user, from string) caller {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+"live", &websocket.DialOptions{
		Subprotocols: []string{web.Subprotocol}, HTTPHeader: http.Header{"X-User": {user}, "X-Forwarded-For": {from}},
	})
	if err != nil {
		t.Fatalf("%s at %s: %v", user, from, err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return caller{t, conn}
}

// next is the next message that is an error or says what is watched.
func (c caller) next() (m delta.Message) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	defer cancel()
	for m.Type != delta.TypeError && m.Type != delta.TypeWatching {
		_, b, err := c.Read(ctx)
		if err != nil {
			c.Fatal(err)
		}
		if m, err = delta.Decode(b); err != nil {
			c.Fatal(err)
		}
	}
	return m
}

// refused holds that a socket was turned away, and how.
func (c caller) refused(message string) {
	c.Helper()
	if m := c.next(); m.Type != delta.TypeError || m.Err.Code != "too_many" || m.Err.Message != message {
		c.Errorf("refused with %+v; want %q", m.Err, message)
	}
	if _, _, err := c.Read(c.Context()); websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		c.Errorf("closed with %v", err)
	}
}

// watches one page; its refusal is "" where there is none.
func (c caller) watches(page string) (refusal string) {
	c.Helper()
	if err := c.Write(c.Context(), websocket.MessageText, delta.EncodeWatch(page, "")); err != nil {
		c.Fatal(err)
	}
	m := c.next()
	if m.Type == delta.TypeWatching {
		return ""
	}
	if m.Err.Code != "too_many" {
		c.Errorf("%s is refused with %+v", page, m.Err)
	}
	return m.Err.Message
}

// Each flag bounds what it says, for who is counted, and who has more is told.
func TestLimitsAreMetOverASocket(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	files := t.TempDir()
	const board = "title: Notes\naccess: {everyone: true}\nvariables:\n  - {name: x, type: text, default: ''}\npanels:\n  - {id: all, type: table, query: 'SELECT id, text FROM notes WHERE text <> @x ORDER BY id'}\n"
	if err := os.WriteFile(filepath.Join(files, "notes.yaml"), []byte(board), 0o600); err != nil {
		t.Fatal(err)
	}
	begins := func(args ...string) (s, told *server) {
		t.Helper()
		figures := freeAddress(t)
		args = append([]string{"--dashboards", files, "--auth", "proxy", "--trusted-proxy", "127.0.0.1", "--user-header", "X-User", "--allow-powerful-role", "--metrics-listen", figures}, args...)
		return serve(t, db.URL, args...), &server{url: "http://" + figures + "/"}
	}
	s, told := begins("--max-sockets", "8", "--max-user-sockets", "4", "--max-address-sockets", "6")
	gather := func(n int, who func(i int) (user, from string)) (all []caller) {
		t.Helper()
		for i := range n {
			user, from := who(i)
			all = append(all, calls(t, s, user, from))
		}
		becomes(t, told, "rowcast_viewers", func(v float64) bool { return int(v) == n })
		return all
	}
	leave := func(all []caller) {
		t.Helper()
		for _, c := range all {
			_ = c.CloseNow()
		}
		becomes(t, told, "rowcast_viewers", func(v float64) bool { return v == 0 })
	}

	anna := gather(4, func(i int) (string, string) { return "anna", fmt.Sprintf("192.0.2.%d", i) })
	calls(t, s, "anna", "192.0.2.9").refused("you have too many connections open")
	leave(anna)
	house := gather(6, func(i int) (string, string) { return fmt.Sprint("guest", i), "198.51.100.1" })
	calls(t, s, "ben", "198.51.100.1").refused("your address has too many connections open")
	leave(house)
	all := gather(8, func(i int) (string, string) { return fmt.Sprint("guest", i), fmt.Sprintf("198.51.100.%d", 10+i) })
	calls(t, s, "ben", "198.51.100.30").refused("too many connections are open")
	if status, body := as(t, s.url+"api/v1/events?page=/d/notes", "X-User", "ben", "X-Forwarded-For", "198.51.100.30"); status != http.StatusTooManyRequests || !strings.Contains(body, "too_many") {
		t.Errorf("a stream is answered %d %s", status, body)
	}
	leave(all)

	s, told = begins("--max-pages", "50", "--max-user-pages", "20", "--max-address-pages", "25")
	// opens has somebody watch so many pages, each on a socket of its own, and returns the last.
	opens := func(user, from string, first, n int) (c caller) {
		t.Helper()
		for i := range n {
			c = calls(t, s, user, from)
			if refusal := c.watches(fmt.Sprintf("/d/notes?x=%d", first+i)); refusal != "" {
				t.Fatalf("page %d of %s: %s", i, user, refusal)
			}
		}
		return c
	}
	// more is another page, on a socket that has one, at the pace of who asked for as many.
	more := func(c caller, x int, want string) {
		t.Helper()
		time.Sleep(600 * time.Millisecond)
		if refusal := c.watches(fmt.Sprintf("/d/notes?x=%d", x)); refusal != want {
			t.Errorf("x=%d is refused with %q; want %q", x, refusal, want)
		}
	}
	opens("anna", "192.0.2.1", 0, 20)
	one := calls(t, s, "anna", "192.0.2.2")
	more(one, 20, "you have too many different pages open")
	if status, body := as(t, s.url+"d/notes?x=21", "X-User", "anna", "X-Forwarded-For", "192.0.2.3"); status != http.StatusTooManyRequests {
		t.Errorf("another page of anna's is answered %d %.200s", status, body)
	}
	more(one, 0, "") // the socket stays, and what is open may be seen
	opens("dora", "203.0.113.1", 100, 15)
	opens("emil", "203.0.113.1", 200, 10)
	more(calls(t, s, "emil", "203.0.113.1"), 210, "your address has too many different pages open")
	opens("fritz", "203.0.113.99", 300, 5)
	last := calls(t, s, "fritz", "203.0.113.99")
	more(last, 305, "too many different pages are open")
	if err := last.Write(t.Context(), websocket.MessageText, delta.EncodeWatch("/d/notes?x="+strings.Repeat("x", 4096), "")); err != nil {
		t.Fatal(err)
	}
	if m := last.next(); m.Type != delta.TypeError || m.Err.Code != "bad_request" || !strings.Contains(m.Err.Message, "4096 bytes") {
		t.Errorf("a long address is answered with %+v", m)
	}
	if n := metric(t, told, "rowcast_pages"); n > 50 {
		t.Errorf("%v pages are live", n)
	}
}

// What a panel may have, in rows, bytes and time, is the panel's own trouble, and said
// to who watches.
func TestPanelsAreBounded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	files := t.TempDir()
	const board = `title: Large
panels:
  - {id: rows, type: table, limit: 10, query: 'SELECT generate_series(1, 1000000000) AS n'}
  - {id: bytes, type: table, query: "SELECT repeat('x', 1000000) AS x FROM generate_series(1, 100)"}
  - {id: time, type: table, query: 'SELECT pg_sleep(60)'}
  - {id: well, type: table, query: "SELECT 'it is well' AS a"}
`
	if err := os.WriteFile(filepath.Join(files, "large.yaml"), []byte(board), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, db.URL, "--dashboards", files, "--panel-timeout", "300ms")
	resident := metric(t, s, "process_resident_memory_bytes")
	events(t, s, "/d/large") // keeps it open
	var shown struct {
		Panels map[string]struct {
			Rows      [][]*string
			Truncated bool
			Error     *struct{ Code string }
		}
	}
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, body := get(t, s.url+"api/v1/snapshot?page=/d/large")
		shown.Panels = nil
		if err := json.Unmarshal([]byte(body), &shown); err != nil {
			t.Fatal(err)
		}
		p := shown.Panels
		if rows, long, late := p["rows"], p["bytes"].Error, p["time"].Error; rows.Truncated && len(rows.Rows) == 10 && len(p["well"].Rows) == 1 &&
			long != nil && long.Code == "too_large" && late != nil && late.Code == "timeout" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the panels are not bounded: %.500s", body)
		}
	}
	for panel, code := range map[string]string{"bytes": "too_large", "time": "timeout"} {
		if n := metric(t, s, "rowcast_query_errors_total", `page="/d/large"`, `panel="`+panel+`"`, `code="`+code+`"`); n < 1 {
			t.Errorf("of %s %v errors are counted", panel, n)
		}
	}
	if grown := metric(t, s, "process_resident_memory_bytes") - resident; grown > 200<<20 { // of all tests beside it, too
		t.Errorf("the program grew by %.0f MB", grown/(1<<20))
	}
}

// The table of limits names each flag with what it is, and tests that there are.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## How much anybody may take")
	table, _, _ = strings.Cut(table, "\n## ")
	words := regexp.MustCompile(`([a-z])([A-Z])`)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[limitFlags]()) {
		name := "--" + strings.ToLower(words.ReplaceAllString(field.Name, "$1-$2"))
		n := field.Tag.Get("default")
		if len(n) > 3 {
			n = n[:len(n)-3] + "," + n[len(n)-3:]
		}
		if !strings.Contains(table, "`"+name+"` | "+n+" |") {
			t.Errorf("the table has no %s of %s", name, n)
		}
	}
	tests := map[string]bool{}
	for _, pattern := range []string{"../../*/*_test.go", "../../cmd/rowcast/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
				tests[string(m[1])] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(table, -1)
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	if len(named) < 20 {
		t.Errorf("the table names %d tests", len(named))
	}
}
