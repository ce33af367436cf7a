package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// pair writes a certificate for 127.0.0.1 with this serial number into dir.
func pair(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "rowcast"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestCertificateIsRenewedWhileTheServerRuns(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, 1)
	log := &output{}
	c, err := openCertificate(cert, key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.every = time.Millisecond
	done := make(chan error, 1)
	go func() { done <- c.Run(t.Context()) }()
	t.Cleanup(func() { <-done })
	serial := func() int64 { return c.current.Load().Leaf.SerialNumber.Int64() }
	until := func(what string, reached func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !reached(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: serial %d\n%s", what, serial(), log)
			}
		}
	}
	pair(t, dir, 2)
	until("not renewed", func() bool { return serial() == 2 })
	if err := os.WriteFile(cert, []byte("half of one"), 0o600); err != nil {
		t.Fatal(err)
	}
	until("a mistake is not said", func() bool { return strings.Contains(log.String(), "stays as it was") })
	if serial() != 2 {
		t.Errorf("serial %d after a mistake", serial())
	}
	pair(t, dir, 3)
	until("not renewed after a mistake", func() bool { return serial() == 3 })
}

func TestServeOverTLS(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'hello')`)
	cert, key := pair(t, t.TempDir(), 1)
	s := serve(t, db.URL, "--watch", "public.*", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("the server says it is at %s", s.url)
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(s.url + "t/public.notes")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("the page: %s, %s", resp.Status, resp.Proto)
	}
	ws := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+"live", &websocket.DialOptions{
		HTTPClient: ws, Subprotocols: []string{"rowcast.v1"}, HTTPHeader: http.Header{"Origin": {strings.TrimSuffix(s.url, "/")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"watch","page":"/t/public.notes"}`)); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.Read(ctx); err != nil || !strings.Contains(string(message), `"watching"`) {
		t.Errorf("the socket's first message: %s, %v", message, err)
	}
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--url", s.url + "healthz"}, {"--listen", at.Host, "--tls-cert", cert}, {"--listen", "0.0.0.0:" + at.Port(), "--tls-cert", cert}} {
		if _, err := command(t, append([]string{"health"}, args...)...); err != nil {
			t.Errorf("health %v: %v", args, err)
		}
	}
	if _, err := command(t, "serve", "--database-url", db.URL, "--tls-cert", cert); err == nil || !strings.Contains(err.Error(), "--tls-key") {
		t.Errorf("a certificate without its key: %v", err)
	}
}

// A handshake that does not go on ends its connection after a while, whatever becomes
// of the certificate meanwhile; who is inside hears of each change all along, and who
// comes after it was renewed is shown the new one.
func TestTLSHandshakesThatDoNotEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	dir := t.TempDir()
	cert, key := pair(t, dir, 1)
	s := serve(t, db.URL, "--watch", "public.*", "--tls-cert", cert, "--tls-key", key)
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	roots := func() *tls.Config {
		text, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	}
	inside := tls.Client(dial(), roots())
	_ = inside.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(inside, "GET /api/v1/events?page=/t/public.notes HTTP/1.1\r\nHost: "+at.Host+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(inside)
	hear := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("%q does not come: %v", want, lines.Err())
	}
	hear(`"state":"live"`)
	begun := map[string]func(net.Conn){
		"nothing":                 func(net.Conn) {},
		"half a hello":            func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) },
		"a record without an end": func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 1, 64, 0}) },
		"a hello, and no more": func(c net.Conn) {
			near, far := net.Pipe()
			go func() { _ = tls.Client(near, roots()).Handshake() }()
			hello := make([]byte, 16<<10)
			n, _ := far.Read(hello)
			_, _ = c.Write(hello[:n])
			_ = far.Close()
		},
		"a handshake, and no request": func(c net.Conn) { _ = tls.Client(c, roots()).Handshake() },
	}
	began, waiting := time.Now(), map[string]net.Conn{}
	for name, begin := range begun {
		waiting[name] = dial()
		begin(waiting[name])
	}
	db.Exec(t, `INSERT INTO notes VALUES (1, 'beside them')`)
	hear("beside them")
	pair(t, dir, 2)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn := tls.Client(dial(), roots())
		err := conn.Handshake()
		if err == nil && conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not shown: %v", err)
		}
	}
	for name, conn := range waiting {
		_ = conn.SetReadDeadline(began.Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it is waited for", name)
		}
	}
	db.Exec(t, `INSERT INTO notes VALUES (2, 'under the old one')`)
	hear("under the old one")
}

func TestProfilesStayOnThisMachine(t *testing.T) {
	db := pgtest.New(t)
	address := freeAddress(t)
	s := serve(t, db.URL, "--pprof", address)
	if status, body := get(t, "http://"+address+"/debug/pprof/goroutine?debug=1"); status != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("the profile: %d %s", status, body)
	}
	if status, _ := get(t, s.url+"debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("profiles among the pages: %d", status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/debug/pprof/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("under a foreign name: %s", resp.Status)
	}
	if _, err := command(t, "serve", "--database-url", db.URL, "--pprof", "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("profiles for the network: %v", err)
	}
	s.stop()
	if err := <-s.done; err != nil {
		t.Errorf("with profiles a server that is stopped ends with %v", err)
	}
	s.done = nil
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

func TestInstallingAsAnotherRole(t *testing.T) {
	db := pgtest.New(t)
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	db.Script(t, fmt.Sprintf(`CREATE TABLE notes (id int PRIMARY KEY, text text); CREATE ROLE %[1]s LOGIN;
		REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT ON notes TO %[1]s`, role))
	t.Cleanup(func() { db.Exec(t, `DROP OWNED BY `+role); db.Exec(t, `DROP ROLE `+role) })
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	s := serve(t, u.String(), "--watch", "public.*", "--admin-database-url", db.URL)
	hear := events(t, s, "/t/public.notes")
	hear(`"state":"live"`) // which needs a bell, which the reader could not have put there
	db.Exec(t, `INSERT INTO notes VALUES (1, 'heard')`)
	hear("heard")
	s.stop()
	if out, err := command(t, "uninstall", "--database-url", u.String(), "--admin-database-url", db.URL); err != nil {
		t.Errorf("uninstall: %v\n%s", err, out)
	}
}

func TestPasswordFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("s3cret word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := databaseFlags{"postgres://reader@db/app", file}.open()
	if err != nil || db.config.Password != "s3cret word" {
		t.Errorf("the password is not that of the file: %v", err)
	}
	if _, err := (databaseFlags{"postgres://reader@db/app", file + "s"}).open(); err == nil {
		t.Error("a missing file was not missed")
	}
}

// A URL cannot have values pasted into a query's text.
func TestTheURLChoosesNoProtocol(t *testing.T) {
	db, err := databaseFlags{DatabaseURL: "postgres://reader@db/app?default_query_exec_mode=simple_protocol"}.open()
	if err != nil {
		t.Fatal(err)
	}
	if mode := db.named("test").DefaultQueryExecMode; mode != pgx.QueryExecModeCacheStatement {
		t.Errorf("queries go by %v", mode)
	}
}
