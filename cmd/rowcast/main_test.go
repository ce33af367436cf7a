package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// output is what a command wrote, readable while it writes.
type output struct {
	mu   sync.Mutex // guards all below
	text bytes.Buffer
	more chan struct{} // closed when there is; nil: nobody waits for it
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	text, _ := o.now()
	return text
}

// now is what was written so far, and a channel that says when there is more.
func (o *output) now() (text string, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

// command runs rowcast to its end.
func command(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out output
	err = run(ctx, args, &out, io.Discard)
	return out.String(), err
}

// server is a running `rowcast serve`.
type server struct {
	url  string
	log  *output
	stop context.CancelFunc
	done chan error
}

func serve(t *testing.T, database string, args ...string) *server {
	t.Helper()
	s := begin(t, database, args...)
	s.serves(t)
	return s
}

// begin starts a server that may have to wait.
func begin(t *testing.T, database string, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{log: &output{}, stop: cancel, done: make(chan error, 1)}
	args = append([]string{"serve", "--database-url", database, "--listen", "127.0.0.1:0"}, args...)
	go func() { s.done <- run(ctx, args, io.Discard, s.log) }()
	t.Cleanup(func() {
		cancel()
		if s.done != nil {
			<-s.done
		}
	})
	return s
}

// serves waits until the server tells its address.
func (s *server) serves(t *testing.T) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		log, more := s.log.now()
		for line := range strings.Lines(log) {
			var entry struct{ Msg, URL string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
				s.url = entry.URL
				return
			}
		}
		select {
		case err := <-s.done:
			s.done = nil
			t.Fatalf("serve ended: %v\n%s", err, s.log)
		case <-deadline:
			t.Fatalf("serve did not start\n%s", s.log)
		case <-more:
		}
	}
}

func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServeShowsADatabaseItHasNeverSeen(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id serial PRIMARY KEY, text text); INSERT INTO notes (text) VALUES ('hello')`)
	s := serve(t, db.URL, "--watch", "public.*")
	for path, want := range map[string]string{
		"":                                     "notes",
		"t/public.notes":                       "hello",
		"healthz":                              "",
		"readyz":                               "",
		"api/v1/pages":                         "/t/public.notes",
		"metrics":                              "rowcast_pages",
		"t/public.notes/rows.csv":              "hello",
		"api/v1/snapshot?page=/t/public.notes": `"hello"`,
	} {
		status, body := get(t, s.url+path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q:\n%.500s", path, status, want, body)
		}
	}
	if out, err := command(t, "status", "--database-url", db.URL); err != nil || !strings.Contains(out, "public\".\"notes\"  rings") {
		t.Errorf("status: %v\n%s", err, out)
	}
}

func TestServeStopsWithinTenSecondsAndWithoutAnError(t *testing.T) {
	db := pgtest.New(t)
	s := serve(t, db.URL)
	resp, err := http.Get(s.url + "api/v1/events?page=/t/none.none")
	if err == nil {
		resp.Body.Close()
	}
	began := time.Now()
	s.stop()
	err = <-s.done
	s.done = nil
	if err != nil {
		t.Errorf("stopped with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	secured := pgtest.Server(t, nil, pgtest.TCP())
	wrongPassword, err := url.Parse(secured.URL())
	if err != nil {
		t.Fatal(err)
	}
	wrongPassword.User = url.UserPassword("postgres", "canary-password")
	noDatabase := *wrongPassword
	noDatabase.Path = "/nowhere"
	good, err := url.Parse(secured.URL())
	if err != nil {
		t.Fatal(err)
	}
	noDatabase.User = good.User
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	db := pgtest.New(t)
	db.Script(t, "CREATE TABLE owned (id int)")
	noUsers := t.TempDir()
	if err := os.WriteFile(filepath.Join(noUsers, "users"), []byte("anna"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"a wrong URL", []string{"--database-url", "postgres://me:canary-password@host:port/x"}, []string{"read database URL", "postgres://user:password@host"}},
		{"a wrong password", []string{"--database-url", wrongPassword.String()}, []string{"password authentication failed"}},
		{"no such database", []string{"--database-url", noDatabase.String()}, []string{`database "nowhere" does not exist`}},
		{"nobody there", []string{"--database-url", "postgres://me:canary-password@" + nobody + "/x", "--wait", "0s"}, []string{"connection refused"}},
		{"beyond loopback", []string{"--database-url", db.URL, "--listen", "0.0.0.0:0"}, []string{"--let-anyone-on-the-network-read"}},
		{"behind a proxy without sign-in", []string{"--database-url", db.URL, "--host", "example.com"}, []string{"through a proxy", "--auth", "--let-anyone-on-the-network-read"}},
		{"trusting a proxy without sign-in", []string{"--database-url", db.URL, "--trusted-proxy", "127.0.0.1"}, []string{"through a proxy", "--auth", "--let-anyone-on-the-network-read"}},
		{"known by another name without sign-in", []string{"--database-url", db.URL, "--public-url", "https://example.com/"}, []string{"through a proxy"}},
		{"too powerful a role behind a proxy", []string{"--database-url", db.URL, "--host", "example.com", "--let-anyone-on-the-network-read"}, []string{"superuser", "--allow-powerful-role"}},
		{"too powerful a role", []string{"--database-url", db.URL, "--listen", "0.0.0.0:0", "--let-anyone-on-the-network-read"}, []string{"superuser", "CREATE ROLE", "--allow-powerful-role"}},
		{"too powerful a role for those who sign in", []string{"--database-url", db.URL, "--listen", "0.0.0.0:0", "--auth", "proxy", "--trusted-proxy", "10.0.0.1"}, []string{"superuser", "--allow-powerful-role"}},
		{"passwords without a folder", []string{"--database-url", db.URL, "--auth", "password"}, []string{"--state"}},
		{"passwords without users", []string{"--database-url", db.URL, "--auth", "password", "--state", "/nowhere/at/all"}, []string{"/nowhere/at/all/users", "rowcast user add"}},
		{"a proxy that is not named", []string{"--database-url", db.URL, "--auth", "proxy"}, []string{"--trusted-proxy"}},
		{"a proxy that is no address", []string{"--database-url", db.URL, "--auth", "proxy", "--trusted-proxy", "proxy"}, []string{`"proxy"`, "10.0.0.0/8"}},
		{"a provider without a client", []string{"--database-url", db.URL, "--auth", "oidc", "--oidc-issuer", "https://x.example"}, []string{"--oidc-client", "--public-url"}},
		{"rules that are not there", []string{"--database-url", db.URL, "--auth", "proxy", "--trusted-proxy", "10.0.0.1", "--access", "/nowhere.yaml"}, []string{"/nowhere.yaml"}},
		{"rules for nobody", []string{"--database-url", db.URL, "--access", "/nowhere.yaml"}, []string{"--access", "--auth"}},
		{"users that cannot be read", []string{"--database-url", db.URL, "--auth", "password", "--state", noUsers}, []string{noUsers + "/users: line 1"}},
		{"an unknown way in", []string{"--database-url", db.URL, "--auth", "nobody"}, []string{"nobody"}},
		{"no such folder", []string{"--database-url", db.URL, "--dashboards", "/nowhere/at/all"}, []string{`"/nowhere/at/all": no such file`}},
		{"an unknown flag", []string{"--databse"}, []string{"--databse", "--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, err := command(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, c.args...)...)
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "canary-password") {
				t.Errorf("the password is in: %v", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v to say so", took)
			}
		})
	}
}

func TestSaysThatNoDatabaseIsNamed(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "ROWCAST_DATABASE_URL", "PGHOST", "PGSERVICE", "PGDATABASE"} {
		t.Setenv(name, "")
	}
	t.Setenv("PGPORT", "1")
	t.Setenv("PGUSER", "somebody")
	_, err := command(t, "serve", "--listen", "127.0.0.1:0", "--wait", "0s")
	for _, want := range []string{"reach database somebody on ", "DATABASE_URL=postgres://"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	_, err = command(t, "serve", "--listen", "127.0.0.1:0", "--wait", "0s", "--database-url", "postgres://127.0.0.1:1/x")
	if err == nil || strings.Contains(err.Error(), "DATABASE_URL") || strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("of a database that is away it says: %v", err)
	}
}

// A demo whose port is taken says so before it makes a shop.
func TestDemoTakesItsPortFirst(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	db := pgtest.New(t)
	_, err = command(t, "demo", "--database-url", db.URL, "--listen", taken.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "address already in use; stop what listens there, or take another address: --listen") {
		t.Fatalf("the demo says %v", err)
	}
	var tables int
	if err := db.Conn(t).QueryRow(t.Context(), `SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`).Scan(&tables); err != nil || tables > 0 {
		t.Errorf("%d tables are there, %v", tables, err)
	}
}

func TestServeWaitsForADatabaseThatIsDown(t *testing.T) {
	pg := pgtest.Server(t, nil)
	if err := pg.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log := &output{}
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--database-url", pg.URL(), "--listen", "127.0.0.1:0"}, io.Discard, log)
	}()
	await(t, log, "waiting for the database")
	if err := pg.Restart(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	await(t, log, `"serving"`)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func await(t *testing.T, log *output, want string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		text, more := log.now()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("%q was never said:\n%s", want, text)
		}
	}
}

func TestWatchUnwatchUninstall(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE a (id int); CREATE TABLE "B c" (id int); CREATE SCHEMA "Till"; CREATE TABLE "Till".sales (id int)`)
	url := []string{"--database-url", db.URL}
	for _, step := range []struct{ args, want string }{
		{"status", "no table has the doorbell"},
		{"watch public.*", `"public"."B c"  rings`},
		{"doctor", "2 tables have the doorbell"},
		{"doctor", `GRANT SELECT ON ALL TABLES IN SCHEMA "Till", public TO rowcast_reader`},
		{"unwatch public.a", "1 tables no longer"},
		{"uninstall", "gone"},
		{"status", "no table has the doorbell"},
	} {
		out, err := command(t, append(strings.Fields(step.args), url...)...)
		if err != nil || !strings.Contains(out, step.want) {
			t.Errorf("%s: %v\n%s", step.args, err, out)
		}
	}
}

func TestCheckNamesThePlace(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE orders (id int)`)
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("title: Shop\npanels:\n  - id: a\n    type: table\n    qurey: SELECT 1\n")
	out, err := command(t, "check", dir)
	if err == nil || !strings.Contains(out, "shop.yaml:5:") || !strings.Contains(out, "query") {
		t.Errorf("a mistyped field: %v\n%s", err, out)
	}
	write("title: Shop\npanels:\n  - id: a\n    type: table\n    query: |\n      SELECT id\n      FROM ordres\n")
	out, err = command(t, "check", dir, "--database-url", db.URL)
	if err == nil || !strings.Contains(out, "shop.yaml:7:12") {
		t.Errorf("a mistyped table: %v\n%s", err, out)
	}
	write("title: Shop\npanels:\n  - id: a\n    type: table\n    query: SELECT id FROM orders\n")
	if out, err = command(t, "check", dir, "--database-url", db.URL); err != nil || !strings.Contains(out, "good") {
		t.Errorf("a good one: %v\n%s", err, out)
	}
	good := filepath.Join(dir, "good.yaml")
	if err := os.Rename(filepath.Join(dir, "shop.yaml"), good); err != nil {
		t.Fatal(err)
	}
	write("title: [\n")
	if out, err = command(t, "check", good); err != nil || !strings.Contains(out, "good.yaml is good") {
		t.Errorf("one file beside another that is wrong: %v\n%s", err, out)
	}
	if out, err = command(t, "check", filepath.Join(dir, "shop.yaml")); err == nil || !strings.Contains(out, "shop.yaml:1:") {
		t.Errorf("one file that is wrong: %v\n%s", err, out)
	}
	if out, err = command(t, "check", t.TempDir()); err != nil || !strings.Contains(out, "there are no dashboards in ") {
		t.Errorf("an empty folder: %v\n%s", err, out)
	}
}

func TestAReadingRoleNeedsNoMore(t *testing.T) {
	db := pgtest.New(t)
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	db.Script(t, `CREATE TABLE open (id int PRIMARY KEY); CREATE TABLE closed (id int);
INSERT INTO open VALUES (1)`)
	if _, err := command(t, "watch", "public.*", "--database-url", db.URL); err != nil {
		t.Fatal(err)
	}
	db.Script(t, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN; GRANT USAGE ON SCHEMA public TO %[1]s; GRANT SELECT ON open TO %[1]s`, role))
	t.Cleanup(func() { db.Script(t, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)) })
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", role)
	u.RawQuery = q.Encode()
	s := serve(t, u.String())
	if status, body := get(t, s.url+"api/v1/pages"); status != 200 || !strings.Contains(body, "public.open") || strings.Contains(body, "public.closed") {
		t.Errorf("pages: %d %s", status, body)
	}
	if status, _ := get(t, s.url+"t/public.closed"); status != http.StatusForbidden {
		t.Errorf("a table without the right to read it: %d", status)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"api/v1/events?page=/t/public.open", nil)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if strings.Contains(string(body), `"state":"live"`) {
				cancel()
				break
			}
			if time.Now().After(deadline) {
				cancel()
				t.Fatalf("never live: %.600s", body)
			}
		}
		cancel()
	}
}
