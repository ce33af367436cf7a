package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// TestCompose runs docker-compose.yml as a person would: up, a row by psql,
// the database restarted, the server restarted, down.
func TestCompose(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image: not with -short")
	}
	c := newCompose(t)
	c.do(t, buildWait, "--profile", "demo", "build")
	c.startsAtOnce(t)
	c.do(t, time.Minute, "--profile", "demo", "up", "-d")
	shop := "http://127.0.0.1:" + c.demoPort
	mine := "http://127.0.0.1:" + c.port
	waitReady(t, mine)
	waitReady(t, shop)
	for service, meant := range map[string][]string{"rowcast": nil, "demo": {"the role can do more than read"}} {
		id := c.id(t, service)
		walls(t, id)
		warnsOfNothing(t, id, meant...)
	}

	orders := c.watch(t, shop, "/t/shop.orders")
	orders.expect(t, `"type":"snapshot"`)
	orders.expect(t, `"state":"live"`)
	c.psql(t, "INSERT INTO shop.orders (customer_id, total) VALUES (1, 4242.42)")
	orders.expect(t, "4242.42")
	orders.close()

	// A table that rowcast has never seen; its bell comes within a minute, until
	// then the page goes by the clock.
	c.psql(t, "CREATE TABLE public.notes (id int PRIMARY KEY, body text)")
	notes := c.watch(t, mine, "/t/public.notes")
	notes.expect(t, `"type":"snapshot"`)
	c.psql(t, "INSERT INTO notes VALUES (1, 'before the restarts')")
	notes.expect(t, "before the restarts")

	c.do(t, time.Minute, "restart", "db")
	c.psql(t, "INSERT INTO notes VALUES (2, 'after the database came back')")
	notes.expect(t, "after the database came back")

	c.do(t, time.Minute, "restart", "rowcast")
	notes.expect(t, `"type":"bye"`)
	notes.close()
	waitReady(t, mine)
	c.psql(t, "INSERT INTO notes VALUES (3, 'after the server came back')")
	again := c.watch(t, mine, "/t/public.notes")
	again.expect(t, "after the server came back")
	again.close()

	c.psql(t, `DO $$ BEGIN
		ASSERT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'rowcast/panels' AND usename = 'rowcast_reader'), 'nobody reads as the reading role';
		ASSERT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%' AND usename = 'postgres'), 'the superuser serves pages';
	END $$`)
	for _, service := range []string{"db", "rowcast", "demo"} {
		id := c.id(t, service)
		if env := inspect(t.Context(), id, "{{.Config.Env}}"); strings.Contains(env, "PASSWORD=") {
			t.Errorf("%s: a password is in the container's environment: %s", service, env)
		}
	}
	began := time.Now()
	c.do(t, time.Minute, "--profile", "demo", "stop", "rowcast", "demo")
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("stopping took %s: something was killed", took)
	}
	for _, service := range []string{"rowcast", "demo"} {
		id := c.id(t, service)
		out, err := exec.CommandContext(t.Context(), "docker", "inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", id).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != "0 false" {
			t.Errorf("%s ended with %q (%v), want exit code 0", service, got, err)
		}
	}
}

// compose is a project of its own, on ports of its own.
type compose struct {
	program        []string
	env            []string
	port, demoPort string
	cookie         string // of who signed in; "": nobody did
}

// newCompose skips the test where the file cannot be run.
func newCompose(t *testing.T) *compose {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers: %v %s", err, bytes.TrimSpace(out))
	}
	c := &compose{port: freePort(t), demoPort: freePort(t)}
	switch {
	case exec.CommandContext(ctx, "docker", "compose", "version").Run() == nil:
		c.program = []string{"docker", "compose"}
	case exec.CommandContext(ctx, "docker-compose", "version").Run() == nil:
		c.program = []string{"docker-compose"}
	case os.Getenv("ROWCAST_REQUIRE_ALL") == "1":
		t.Fatal("a Docker engine answers, but neither docker compose nor docker-compose is installed")
	default:
		t.Skip("a Docker engine answers, but neither docker compose nor docker-compose is installed")
	}
	for _, image := range []string{"postgres:18", "golang:1.26"} {
		if exec.CommandContext(t.Context(), "docker", "image", "inspect", image).Run() == nil {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "docker", "pull", "-q", image).CombinedOutput(); err != nil {
			t.Skipf("a Docker engine answers, but has no image %s and cannot fetch it: %s", image, bytes.TrimSpace(out))
		}
	}
	c.env = append(os.Environ(),
		fmt.Sprintf("COMPOSE_PROJECT_NAME=rowcast-e2e-%d", os.Getpid()),
		"ROWCAST_PORT="+c.port, "DEMO_PORT="+c.demoPort,
	)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			logs, _ := c.command(ctx, "--profile", "demo", "logs", "--tail", "40").CombinedOutput()
			t.Logf("logs:\n%s", logs)
		}
		if out, err := c.command(ctx, "--profile", "demo", "down", "-v").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	return c
}

func (c *compose) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(append([]string{}, c.program[1:]...), args...)
	cmd := exec.CommandContext(ctx, c.program[0], args...)
	cmd.Dir, cmd.Env = "..", c.env
	return cmd
}

// do runs one compose command and returns what it printed.
func (c *compose) do(t *testing.T, patience time.Duration, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := c.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("compose %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// id is that of a service's container, whether it runs or not.
func (c *compose) id(t *testing.T, service string) string {
	t.Helper()
	return strings.TrimSpace(c.do(t, time.Minute, "--profile", "demo", "ps", "-q", "-a", service))
}

// psql runs a statement in the database's container; a database that has just
// been restarted is given time.
func (c *compose) psql(t *testing.T, statement string) {
	t.Helper()
	retry(t, "psql "+statement, func(ctx context.Context) error {
		out, err := c.command(ctx, "exec", "-T", "db", "psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "app", "-c", statement).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// waitReady waits until the server takes visitors.
func waitReady(t *testing.T, url string) {
	t.Helper()
	retry(t, url, func(ctx context.Context) error {
		resp, err := get(ctx, url+"/readyz")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// retry tries until it works, for a minute at most.
func retry(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if err := try(ctx); err == nil {
			return
		} else if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, last)
		case <-tick.C:
		}
	}
}

// get fails unless the answer is 200. Its connection is not kept.
func get(ctx context.Context, url string) (*http.Response, error) { return getWith(ctx, url, nil) }

// getWith is get with a header.
func getWith(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		err = errors.New(resp.Status)
	}
	return resp, err
}

// events is what a page's socket or event stream says.
type events struct {
	cancel context.CancelFunc
	lines  chan string // closed with the stream
}

// signIn signs in whom the server lets in by that name and password.
func (c *compose) signIn(t *testing.T, url, name, password string) {
	t.Helper()
	form := strings.NewReader(neturl.Values{"name": {name}, "password": {password}, "next": {"/"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/sign-in", form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Origin": {url}, "Content-Type": {"application/x-www-form-urlencoded"}}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(resp.Cookies()) == 0 {
		t.Fatalf("signing in: %s", resp.Status)
	}
	c.cookie, _, _ = strings.Cut(resp.Cookies()[0].String(), ";")
}

// watch opens a socket and asks for a page; a page whose table is new is given time.
func (c *compose) watch(t *testing.T, url, page string) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	e := &events{cancel: cancel, lines: make(chan string, 1000)}
	as := http.Header{"Origin": {url}, "Cookie": {c.cookie}}
	var ws *websocket.Conn
	retry(t, url+page, func(context.Context) (err error) {
		resp, err := getWith(ctx, url+page, as)
		if err != nil {
			return err
		}
		resp.Body.Close()
		ws, _, err = websocket.Dial(ctx, url+"/live", &websocket.DialOptions{Subprotocols: []string{"rowcast.v1"}, HTTPHeader: as})
		if err != nil {
			return err
		}
		ws.SetReadLimit(-1)
		return ws.Write(ctx, websocket.MessageText, delta.EncodeWatch(page, ""))
	})
	go func() {
		defer close(e.lines)
		defer ws.CloseNow()
		for {
			_, message, err := ws.Read(ctx)
			if err != nil {
				return
			}
			select {
			case e.lines <- string(message):
			case <-ctx.Done():
				return
			}
		}
	}()
	return e
}

// listen opens an event stream, as a user whom a proxy names or as nobody.
func listen(t *testing.T, ctx context.Context, url, user string) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	e := &events{cancel: cancel, lines: make(chan string, 1000)}
	as := http.Header{}
	if user != "" {
		as.Set("X-Forwarded-User", user)
	}
	var resp *http.Response
	retry(t, url, func(context.Context) (err error) {
		resp, err = getWith(ctx, url, as)
		return err
	})
	go func() {
		defer close(e.lines)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			select {
			case e.lines <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return e
}

// expect reads on until a line holds the text, and returns what came until then.
func (e *events) expect(t *testing.T, text string) (all string) {
	t.Helper()
	late := time.NewTimer(90 * time.Second)
	defer late.Stop()
	var seen []string
	for {
		select {
		case line, ok := <-e.lines:
			if seen = append(seen, line); strings.Contains(line, text) {
				return strings.Join(seen, "\n")
			}
			if !ok {
				t.Fatalf("the stream ended before %q:\n%s", text, strings.Join(seen, "\n"))
			}
		case <-late.C:
			t.Fatalf("%q did not come:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// close ends the stream and waits until its goroutine is gone.
func (e *events) close() {
	e.cancel()
	for range e.lines {
	}
}

// freePort is a port that nobody listens on at present.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
