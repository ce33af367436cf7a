package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// A server that trusts its machine's people is not opened to all by a proxy that
// nobody named, and that asks by the server's own name: nginx as it is without
// further words, and as it is usually written.
func TestBehindAProxyThatNobodyNamed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'hello')`)
	inside := freeAddress(t)
	p := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--watch", "none", "--listen", inside)
	follow(t, http.DefaultClient, p.URL+"t/public.notes", "hello")
	for name, more := range map[string]string{
		"no further word": "",
		"as usual":        "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header X-Real-IP $remote_addr;",
	} {
		f := front{name: "nginx", file: "../docs/deploy/nginx.conf", command: fronts()[0].command, fit: func(_, dir, listen, server string) string {
			return fmt.Sprintf(nginxAround, dir, "server { listen "+listen+"; location / { proxy_pass http://"+server+"; "+more+" } }")
		}}
		client := f.start(t, inside)
		for _, path := range []string{"", "t/public.notes", "t/public.notes/rows.csv", "api/v1/pages", "api/v1/events?page=/t/public.notes", "live", "status", "metrics"} {
			resp, err := client.Get("http://example.com/" + path)
			if err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(resp.Body)
			if resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			body := string(said)
			if resp.StatusCode != http.StatusForbidden || strings.Contains(body, "hello") || strings.Contains(body, "notes") && !strings.Contains(path, "notes") {
				t.Errorf("%s, /%s: %s %s", name, path, resp.Status, body)
			}
			if said := strings.Contains(body, "--auth") && strings.Contains(body, "--let-anyone-on-the-network-read"); !said {
				t.Errorf("%s, /%s: it does not say what to do: %s", name, path, body)
			}
		}
		follow(t, client, "http://example.com/healthz", "")
	}
	if !p.says("what comes through a proxy is refused", patience) {
		t.Errorf("the log does not say it:\n%s", p.tail())
	}
}
