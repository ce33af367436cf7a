package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// front is a proxy that people put before the server, with the configuration
// that the documentation gives them.
type front struct {
	name, file string
	// command starts it with the configuration in this file.
	command func(tb testing.TB, config string) *exec.Cmd
	// fit turns the documented text into one for this test.
	fit func(text, dir, listen, server string) string
	// wait is what to put another text for, and that text, with how long a silent
	// connection is kept.
	wait [2]string
}

// nginxAround is nginx's configuration around the file of one site.
const nginxAround = `daemon off;
worker_processes 1;
error_log stderr warn;
pid %[1]s/nginx.pid;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	%[2]s
}
`

func fronts() []front {
	return []front{
		{
			name: "nginx", file: "../docs/deploy/nginx.conf",
			command: func(tb testing.TB, config string) *exec.Cmd {
				return exec.Command(program(tb, "nginx"), "-e", "stderr", "-p", filepath.Dir(config), "-c", config)
			},
			fit: func(text, dir, listen, server string) string {
				text = replaced(text, "listen 443 ssl", "listen "+listen+" ssl", "/etc/ssl/example.com", filepath.Join(dir, "example.com"),
					"http://127.0.0.1:8080", "http://"+server)
				return fmt.Sprintf(nginxAround, dir, text)
			},
			wait: [2]string{"proxy_read_timeout 75s", "proxy_read_timeout %s"},
		},
		{
			name: "Caddy", file: "../docs/deploy/Caddyfile",
			command: func(tb testing.TB, config string) *exec.Cmd {
				return exec.Command(program(tb, "caddy"), "run", "--adapter", "caddyfile", "--config", config)
			},
			fit: func(text, dir, listen, server string) string {
				_, port, _ := net.SplitHostPort(listen)
				text = replaced(text, "\nexample.com {", "\nhttps://example.com:"+port+" {\n\tbind 127.0.0.1\n\ttls "+filepath.Join(dir, "example.com.crt")+" "+filepath.Join(dir, "example.com.key"),
					"127.0.0.1:8080", server)
				return "{\n\tadmin off\n\tauto_https off\n}\n" + text
			},
			wait: [2]string{"reverse_proxy 127.0.0.1:8080 {", "reverse_proxy 127.0.0.1:8080 {\n\ttransport http {\n\tread_timeout %s\n\t}"},
		},
	}
}

// replaced puts new texts in the place of old ones, each of which must be there.
func replaced(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("the documented configuration has no " + pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// program finds what a machine may lack.
func program(tb testing.TB, name string) string {
	tb.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
		tb.Fatal("needs " + name)
	}
	tb.Skip("needs " + name)
	return ""
}

// The documented proxies, each the real program with the documented file: the
// page, its files and its socket work behind TLS and below a path.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, f := range fronts() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'hello')`)
			state := t.TempDir()
			rowcast(t, "correct horse\n", "user", "add", "anna", "--state", state)
			rules := filepath.Join(state, "access.yaml")
			if err := os.WriteFile(rules, []byte("tables: [{match: [public.notes], users: [anna]}]\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			inside := freeAddress(t) // its URL is the proxy's
			start(t, binary(t), nil, append(f.serve(t, "/var/lib/rowcast", state, "/etc/rowcast/access.yaml", rules), "--database-url", db.URL, "--watch", "public.*",
				"--listen", inside, "--allow-powerful-role")...)
			client := f.start(t, inside)
			follow(t, client, "https://example.com/live/", "Sign in")
			page := enter(t, client, "https://example.com/live/sign-in", "notes")
			if !strings.Contains(page, `href="/live/t/public.notes"`) {
				t.Errorf("links do not stay below the path:\n%.2000s", page)
			}
			page = follow(t, client, "https://example.com/live/t/public.notes", "hello")
			script := regexp.MustCompile(`src="(/live/static/[^"]+)"`).FindStringSubmatch(page)
			if script == nil {
				t.Fatalf("no script below the path:\n%.2000s", page)
			}
			follow(t, client, "https://example.com"+script[1], "import")

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			ws, _, err := websocket.Dial(ctx, "https://example.com/live/live", &websocket.DialOptions{
				HTTPClient: client, Subprotocols: []string{"rowcast.v1"}, HTTPHeader: http.Header{"Origin": {"https://example.com"}},
			})
			if err != nil {
				t.Fatalf("the socket: %v", err)
			}
			defer ws.CloseNow()
			if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"watch","page":"/t/public.notes"}`)); err != nil {
				t.Fatal(err)
			}
			hear := func(want string) {
				t.Helper()
				for {
					_, m, err := ws.Read(ctx)
					if err != nil {
						t.Fatalf("before %q: %v", want, err)
					}
					if strings.Contains(string(m), want) {
						return
					}
				}
			}
			hear(`"hello"`)
			db.Exec(t, `INSERT INTO notes VALUES (2, 'through the proxy')`)
			hear("through the proxy")
			foreign, resp, err := websocket.Dial(ctx, "https://example.com/live/live", &websocket.DialOptions{
				HTTPClient: client, Subprotocols: []string{"rowcast.v1"}, HTTPHeader: http.Header{"Origin": {"https://evil.example"}, "X-Request-Id": {"chosen"}},
			})
			if err == nil {
				_ = foreign.CloseNow()
				t.Error("another site's page may listen through the proxy")
			} else if resp == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("another site's page: %v", err)
			} else if id := resp.Header.Get("X-Request-Id"); id == "" || id == "chosen" {
				t.Errorf("a browser has its request called %q", id)
			}
		})
	}
}

// serve is the command that the file gives for the program behind it, with
// other files.
func (f front) serve(t *testing.T, pairs ...string) []string {
	t.Helper()
	text := regexp.MustCompile(`(?m)\\\n#`).ReplaceAllString(readFile(t, f.file), "")
	command := regexp.MustCompile(`(?m)^# +rowcast (serve .*)$`).FindStringSubmatch(text)
	if command == nil {
		t.Fatalf("%s gives no command", f.file)
	}
	return strings.Fields(replaced(command[1], pairs...))
}

// follow gets a page through the proxy.
func follow(t *testing.T, client *http.Client, address, want string) string {
	t.Helper()
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return whole(t, resp, want)
}

// enter signs in through the proxy, and returns the page that it leads to.
func enter(t *testing.T, client *http.Client, address, want string) string {
	t.Helper()
	form := url.Values{"name": {"anna"}, "password": {"correct horse"}, "next": {"/"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://example.com")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return whole(t, resp, want)
}

// whole is the text of a good answer, in which this is.
func whole(t *testing.T, resp *http.Response, want string) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
		t.Fatalf("%s: %s, %v; %q is not in\n%.1000s", resp.Request.URL, resp.Status, err, want, body)
	}
	return string(body)
}

// start runs the proxy before a server and returns a client for whom
// example.com is that proxy.
func (f front) start(t *testing.T, server string) *http.Client {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are another user
		t.Fatal(err)
	}
	roots := certify(t, dir, "example.com")
	listen := freeAddress(t)
	config := filepath.Join(dir, filepath.Base(f.file))
	if err := os.WriteFile(config, []byte(f.fit(readFile(t, f.file), dir, listen, server)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := f.command(t, config)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", listen); err == nil {
			conn.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", f.name, err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", f.name)
		}
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, listen)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: transport, Jar: jar}
}

// certify writes a host's certificate and key into dir and returns who vouches for it.
func certify(t *testing.T, dir, host string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{
		host + ".crt": cert, host + ".key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
