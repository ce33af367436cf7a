package e2e_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// strict has the server ask everybody for a password who comes over TCP, among them the
// owner of the tables, who is nobody more.
const strict = `CREATE ROLE app_owner LOGIN CREATEROLE PASSWORD 'the owner''s';
DO $$ BEGIN
	EXECUTE format('ALTER DATABASE %I OWNER TO app_owner', current_database());
	EXECUTE format('COPY (VALUES (%L), (%L)) TO %L', 'local all all trust', 'host all all all scram-sha-256', current_setting('hba_file'));
	PERFORM pg_reload_conf();
END $$;
CREATE TABLE orders (id int PRIMARY KEY, customer text);
ALTER TABLE orders OWNER TO app_owner;
INSERT INTO orders VALUES (1, 'Miller');`

// TestFirstSteps runs the commands of docs/deploy.md that lead from a clone to a
// signed-in page over TLS, in a folder of their own, on a database that has never
// heard of rowcast. The clone is left out, and the build is the one that all
// tests share.
func TestFirstSteps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "psql", "openssl", "curl"} {
		program(t, name)
	}
	_, section, _ := strings.Cut(readFile(t, "../docs/deploy.md"), "\n## From a clone to a signed-in page over TLS\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)\n```sh\n(.*?)\n```\n").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section has %d lists of commands", len(blocks))
	}
	listen := freeAddress(t)
	_, port, _ := net.SplitHostPort(listen)
	prepare, serving, found := strings.Cut(blocks[0][1], "\n# 5. The server.\n")
	if !found {
		t.Fatal("the server is not started")
	}
	prepare = replaced(prepare,
		"git clone https://github.com/rowcast/rowcast && cd rowcast", "mkdir rowcast && cd rowcast",
		"go build -o bin/rowcast ./cmd/rowcast", "mkdir bin && ln -s "+binary(t)+" bin/rowcast")
	serving = replaced(serving, "localhost:8443", "localhost:"+port, " bin/rowcast serve", " exec bin/rowcast serve")
	looking := replaced(blocks[1][1], "localhost:8443", "localhost:"+port)

	server := pgtest.Server(t, nil, pgtest.TCP())
	conn := pgtest.Connect(t, server.URL())
	if _, err := conn.PgConn().Exec(t.Context(), strict).ReadAll(); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PGHOST=" + at.Hostname(), "PGPORT=" + at.Port(), "PGUSER=app_owner", "PGDATABASE=" + strings.TrimPrefix(at.Path, "/"),
		"PGPASSWORD=the owner's", "PGSSLMODE=disable"}

	dir := t.TempDir()
	out := bash(t, dir, env, "correct horse\n", prepare)
	for _, want := range []string{`"public"."orders"  rings`, "CREATE ROLE", "anna can sign in"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	dir = filepath.Join(dir, "rowcast")
	for _, name := range []string{"secrets/reader", "secrets/tls.key", "state/users"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is there for others to read: %v, %v", name, info, err)
		}
	}
	p := start(t, "bash", env, "-c", "cd '"+dir+"'\n"+serving)
	if want := "https://" + listen + "/"; p.URL != want {
		t.Errorf("it serves %s, want %s", p.URL, want)
	}
	if out := bash(t, dir, env, "correct horse\n", looking); !strings.Contains(out, `"address":"/t/public.orders"`) {
		t.Errorf("anna sees %s", out)
	}
	if out := bash(t, dir, env, "", "! curl -sS --cacert secrets/tls.crt -f https://localhost:"+port+"/api/v1/pages 2>&1"); !strings.Contains(out, "401") {
		t.Errorf("nobody sees %s", out)
	}
	if out := bash(t, dir, env, "", "curl -fsS --cacert secrets/tls.crt -b secrets/cookies https://localhost:"+port+"/t/public.orders"); !strings.Contains(out, "Miller") {
		t.Errorf("anna's page is %.2000s", out)
	}
	log := p.tail()
	if strings.Contains(log, "warn") || strings.Contains(log, "WARN") {
		t.Errorf("the server has something to say:\n%s", log)
	}
}

// bash runs commands as a person pastes them, each of which must succeed, and
// returns what they print. input is what is typed.
func bash(t *testing.T, dir string, env []string, input, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-u", "-o", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, append(environment(), env...), strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nby\n%s", err, out, commands)
	}
	return string(out)
}
