package e2e_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const insiders = `title: Till
access: {users: [id1]}
panels: [{id: rows, title: Rows, type: table, query: SELECT body FROM notes}]
`

// People sign in with a provider that is somebody else's program, by its own form,
// as in any browser: state, nonce, PKCE, the client's secret and the provider's keys
// are all its own. Who they are is its subject.
func TestSignInWithAProvider(t *testing.T) {
	t.Parallel()
	here, theirs := freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(here)
	_, theirPort, _ := net.SplitHostPort(theirs)
	public, issuer := "http://localhost:"+port, "http://localhost:"+theirPort+"/"
	startProvider(t, theirPort, public+"/sign-in/callback")

	secret := filepath.Join(t.TempDir(), "client")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, body text); INSERT INTO notes VALUES (1, 'for insiders')`)
	p := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", here, "--public-url", public, "--state", t.TempDir(),
		"--dashboards", dashboards(t, map[string]string{"till.yaml": insiders}),
		"--auth", "oidc", "--oidc-issuer", issuer, "--oidc-client", "web", "--oidc-secret", secret)

	for _, c := range []struct {
		user, password string
		status         int
		says           string
	}{
		{"test-user@localhost", "verysecure", http.StatusOK, "for insiders"},
		{"test-user2", "verysecure", http.StatusNotFound, "There is no page for you at /d/till"},
	} {
		b := newStroll(t)
		page, body := b.get(public + "/d/till")
		if page.Path != "/sign-in" || strings.Contains(body, "Till") {
			t.Fatalf("whoever has not signed in is at %s: %.500s", page, body)
		}
		door := regexp.MustCompile(`href="(/sign-in/provider[^"]*)"`).FindStringSubmatch(body)
		if door == nil {
			t.Fatalf("there is no way to the provider: %.1000s", body)
		}
		page, body = b.get(public + strings.ReplaceAll(door[1], "&amp;", "&"))
		id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(body)
		if page.Host != "localhost:"+theirPort || id == nil {
			t.Fatalf("the provider's form is not at %s: %.500s", page, body)
		}
		_, body = b.send(page.String(), url.Values{"username": {c.user}, "password": {"wrong"}, "id": {id[1]}})
		if b.status != http.StatusOK || strings.Contains(body, "Till") {
			t.Errorf("a wrong password: %d %.300s", b.status, body)
		}
		page, body = b.send(page.String(), url.Values{"username": {c.user}, "password": {c.password}, "id": {id[1]}})
		if page.Host != "localhost:"+port || page.Path != "/d/till" || b.status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s comes to %s, %d: %.1500s\n%s", c.user, page, b.status, body, p.tail())
		}
	}
	if !p.says(`"event":"sign_in","user":"id1"`, patience) || strings.Contains(p.tail(), "verysecure") {
		t.Errorf("the log does not say who came, or says how:\n%s", p.tail())
	}
}

// startProvider runs the provider of tools/provider until the test ends.
func startProvider(t *testing.T, port, redirect string) {
	t.Helper()
	cmd := exec.Command(program(t, "oidc-provider"))
	cmd.Env = append(os.Environ(), "PORT="+port, "REDIRECT_URI="+redirect)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	retry(t, "provider", func(ctx context.Context) error {
		resp, err := get(ctx, "http://localhost:"+port+"/.well-known/openid-configuration")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// stroll goes where links and redirects lead, as a browser does that keeps secure
// cookies on this machine without TLS.
type stroll struct {
	*testing.T
	client  *http.Client
	cookies map[string]map[string]*http.Cookie // by host, then by name
	status  int                                // of the last page
}

func newStroll(t *testing.T) *stroll {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &stroll{T: t, cookies: map[string]map[string]*http.Cookie{}, client: &http.Client{
		Timeout: 30 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *stroll) get(address string) (*url.URL, string) { return s.send(address, nil) }

// send posts a form, or asks without one, and follows redirects.
func (s *stroll) send(address string, form url.Values) (*url.URL, string) {
	s.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	for range 10 {
		req, err := http.NewRequestWithContext(s.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			s.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "text/html")
		for _, c := range s.cookies[req.URL.Host] {
			req.AddCookie(c)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			s.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		kept := s.cookies[req.URL.Host]
		if kept == nil {
			kept = map[string]*http.Cookie{}
			s.cookies[req.URL.Host] = kept
		}
		for _, c := range resp.Cookies() {
			if kept[c.Name] = c; c.MaxAge < 0 {
				delete(kept, c.Name)
			}
		}
		next, err := resp.Location()
		if err != nil {
			s.status = resp.StatusCode
			return req.URL, string(body)
		}
		method, form, address = http.MethodGet, nil, next.String()
	}
	s.Fatal("redirects without an end")
	return nil, ""
}
