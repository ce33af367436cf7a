package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// pooler puts PgBouncer in that mode before a server, and returns the URL that
// leads through it.
func pooler(t *testing.T, pg *postgres.Server, mode string) string {
	t.Helper()
	bouncer, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			t.Fatal("pgbouncer is not installed")
		}
		t.Skip("pgbouncer is not installed")
	}
	target, err := url.Parse(pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	dir, err := os.MkdirTemp("", "bouncer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	q := target.Query()
	ini := fmt.Sprintf("[databases]\npostgres = host=%s port=%s user=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\n"+
		"auth_type = any\npool_mode = %s\nunix_socket_dir =\n", q.Get("host"), q.Get("port"), q.Get("user"), port, mode)
	file := filepath.Join(dir, "bouncer.ini")
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bouncer, "-q", "-u", "postgres", file)
	if os.Geteuid() != 0 {
		cmd = exec.Command(bouncer, "-q", file)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return "postgres://postgres@127.0.0.1:" + port + "/postgres"
}

func TestServeWorksThroughAPoolInSessionMode(t *testing.T) {
	pg := pgtest.Server(t, nil)
	conn := pgtest.Connect(t, pg.URL())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE notes (text text PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	s := serve(t, pooler(t, pg, "session"), "--watch", "public.*")
	next := events(t, s, "/t/public.notes")
	next(`"state":"live"`)
	if _, err := conn.Exec(t.Context(), `INSERT INTO notes VALUES ('through the pool')`); err != nil {
		t.Fatal(err)
	}
	next("through the pool")
}

func TestServeRefusesAPoolerInTransactionMode(t *testing.T) {
	through := pooler(t, pgtest.Server(t, nil), "transaction")
	_, err := command(t, "serve", "--listen", "127.0.0.1:0", "--database-url", through)
	if err == nil || !strings.Contains(err.Error(), "pooler in transaction mode") {
		t.Errorf("serve: %v", err)
	}
	out, err := command(t, "doctor", "--database-url", through)
	if err == nil || !strings.Contains(out, "pooler in transaction mode") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}
