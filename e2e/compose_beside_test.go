package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// buildWait is how long the image may take where nothing of it is there yet.
const buildWait = 15 * time.Minute

// startsAtOnce starts servers on a database that has never heard of rowcast, all
// at once: its schema is made once, all of them go on, and each is heard by its
// viewers.
func (c *compose) startsAtOnce(t *testing.T) {
	t.Helper()
	c.do(t, time.Minute, "run", "--rm", "roles") // and the database, which it waits for
	c.psql(t, "CREATE TABLE public.crowd (id int PRIMARY KEY, body text)")
	ids, urls := make([]string, 3), make([]string, 3)
	var all sync.WaitGroup
	for i := range ids {
		port := freePort(t)
		urls[i] = "http://127.0.0.1:" + port
		all.Go(func() {
			out, err := c.command(t.Context(), "run", "-d", "--no-deps", "-p", "127.0.0.1:"+port+":8080", "-e", "ROWCAST_PUBLIC_URL="+urls[i],
				"rowcast", "serve", "--dashboards", "/dashboards", "--watch", "*.*").Output()
			if words := strings.Fields(string(out)); err != nil || len(words) == 0 {
				t.Errorf("start one of three: %v, %s", err, out)
			} else {
				ids[i] = words[len(words)-1]
			}
		})
	}
	all.Wait()
	defer func() { _ = exec.Command("docker", append([]string{"rm", "-f"}, ids...)...).Run() }()
	if t.Failed() {
		t.FailNow()
	}
	for _, id := range ids {
		retry(t, "a server among three", func(ctx context.Context) error {
			if got := inspect(ctx, id, "{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}"); got != "running healthy 0" {
				return errors.New(got)
			}
			return nil
		})
	}
	c.psql(t, `DO $$ BEGIN ASSERT (SELECT count(*) = count(DISTINCT version_id) AND count(*) > 1 FROM rowcast.goose_version), 'migrated more than once'; END $$`)
	viewers := make([]*events, len(ids))
	for i, url := range urls {
		viewers[i] = c.watch(t, url, "/t/public.crowd")
		viewers[i].expect(t, `"state":"live"`) // which takes the second and the third a slot of their own
	}
	c.psql(t, "INSERT INTO crowd VALUES (1, 'seen by all three')")
	for i, v := range viewers {
		v.expect(t, "seen by all three")
		v.close()
		warnsOfNothing(t, ids[i])
	}
	c.psql(t, "DROP TABLE public.crowd")
	walls(t, ids[0])
	parts, err := exec.CommandContext(t.Context(), "docker", "cp", ids[0]+":/rowcast.cdx.json", "-").Output()
	if err != nil || !bytes.Contains(parts, []byte(`"bomFormat": "CycloneDX"`)) || !bytes.Contains(parts, []byte("pkg:golang/github.com/jackc/pgx/v5@")) {
		t.Errorf("the image does not say what it is made of: %v", err)
	}
}

// walls looks at what the engine says of a container that runs rowcast: it is nobody,
// writes to no disk, has no rights of root and is published on this machine alone.
func walls(t *testing.T, id string) {
	t.Helper()
	if got, want := inspect(t.Context(), id, "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.SecurityOpt}} {{.Config.Healthcheck.Test}}"),
		"65532:65532 true false [ALL] [] [no-new-privileges:true] [CMD /rowcast health]"; got != want {
		t.Errorf("it runs with %s, want %s", got, want)
	}
	if got := inspect(t.Context(), id, "{{range $port, $at := .NetworkSettings.Ports}}{{$port}}{{range $at}} {{.HostIp}}{{end}};{{end}}"); got != "8080/tcp 127.0.0.1;" {
		t.Errorf("it is published at %s", got)
	}
}

// warnsOfNothing looks for warnings in a container's log: none but those that whoever runs the
// file is meant to read.
func warnsOfNothing(t *testing.T, id string, but ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "logs", id).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"msg":"serving"`) {
		t.Fatalf("the log of %s: %v\n%s", id, err, out)
	}
	for line := range strings.Lines(string(out)) {
		meant := slices.ContainsFunc(append(but, "nobody has to sign in"), func(text string) bool { return strings.Contains(line, text) })
		if strings.Contains(line, `"level":"`) && !strings.Contains(line, `"level":"INFO"`) && !meant {
			t.Errorf("it warns without need: %s", line)
		}
	}
}

// inspect tells of a container what the template asks for.
func inspect(ctx context.Context, id, template string) string {
	out, err := exec.CommandContext(ctx, "docker", "inspect", "-f", template, id).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return strings.TrimSpace(string(out))
}

// TestComposeBesideADatabase runs the file for a database that is there already,
// with its role, its secret, its certificate, who signs in, and its doorbell as the
// file's first lines say.
func TestComposeBesideADatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image: not with -short")
	}
	dir := t.TempDir() // it is needed until all is taken down
	c := newCompose(t)
	// The same file, with its secret and its folder elsewhere.
	text := readFile(t, "../docs/deploy/docker-compose.yml")
	rules := regexp.MustCompile(`(?m)^# +echo '(.*)' > access.yaml$`).FindStringSubmatch(text)
	authority := regexp.MustCompile(`(?m)^# - \./(ca\.pem:/\S+:ro) and (&sslrootcert=\S+) `).FindStringSubmatch(text)
	if rules == nil || authority == nil {
		t.Fatal("the file's first lines say nothing of rules, or of an authority")
	}
	override := fmt.Sprintf("services: {rowcast: {volumes: ['%[1]s/dashboards:/dashboards:ro', '%[1]s/access.yaml:/access.yaml:ro', '%[1]s/%[2]s']}}\nsecrets: {reader: {file: '%[1]s/reader'}}\n", dir, authority[1])
	certify(t, dir, "db.example")
	certificate, secret := readFile(t, filepath.Join(dir, "db.example.crt")), readFile(t, filepath.Join(dir, "db.example.key"))
	for name, text := range map[string]string{"reader": "only 'reading'", "access.yaml": rules[1], "override.yml": override, "ca.pem": certificate} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dashboards"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.program = append(c.program, "-f", "docs/deploy/docker-compose.yml", "-f", filepath.Join(dir, "override.yml"))
	way := "@db.example:5432/app?sslmode=verify-full" + authority[2]
	c.env = append(c.env, "DATABASE_URL=postgres://rowcast_reader"+way, "PGPASSWORD=the owner's")
	c.do(t, buildWait, "up", "--no-start", "--build") // makes the network

	psql := existing(t, certificate, secret)
	psql(`CREATE TABLE notes (id int PRIMARY KEY, body text)`)
	c.do(t, time.Minute, "run", "--rm", "-e", "PGPASSWORD", "-e", "ROWCAST_PASSWORD_FILE=", "rowcast",
		"watch", "public.*", "--database-url", "postgres://owner"+way)
	psql(`CREATE ROLE rowcast_reader LOGIN PASSWORD 'only ''reading'''`)
	psql(`GRANT USAGE ON SCHEMA public, rowcast TO rowcast_reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO rowcast_reader`)

	add := c.command(t.Context(), "run", "--rm", "-T", "rowcast", "user", "add", "anna", "--group", "staff", "--state", "/state")
	add.Stdin = strings.NewReader("correct horse\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("add a user: %v\n%s", err, out)
	}

	c.do(t, time.Minute, "up", "-d")
	mine := "http://127.0.0.1:" + c.port
	waitReady(t, mine)
	if _, err := get(t.Context(), mine+"/api/v1/pages"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("nobody signed in, and sees %v", err)
	}
	c.signIn(t, mine, "anna", "correct horse")
	notes := c.watch(t, mine, "/t/public.notes")
	notes.expect(t, `"type":"snapshot"`)
	notes.expect(t, `"state":"live"`)
	psql(`INSERT INTO notes VALUES (1, 'beside it')`)
	notes.expect(t, "beside it")
	db := fmt.Sprintf("rowcast-e2e-%d-existing", os.Getpid())
	if out, err := exec.CommandContext(t.Context(), "docker", "restart", db).CombinedOutput(); err != nil {
		t.Fatalf("restart the database: %v\n%s", err, out)
	}
	psql(`INSERT INTO notes VALUES (2, 'after the database came back')`)
	notes.expect(t, "after the database came back")
	c.do(t, time.Minute, "restart", "rowcast")
	notes.expect(t, `"type":"bye"`)
	notes.close()
	waitReady(t, mine)
	again := c.watch(t, mine, "/t/public.notes") // still signed in
	again.expect(t, "after the database came back")
	again.close()
	id := strings.TrimSpace(c.do(t, time.Minute, "ps", "-q", "rowcast"))
	walls(t, id)
	psql(`DO $$ BEGIN ASSERT (SELECT pg_catalog.bool_and(ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'rowcast_reader'), 'it talks in the clear'; END $$`)
	if env := inspect(t.Context(), id, "{{.Config.Env}}"); strings.Contains(env, "reading'") || strings.Contains(env, "owner's") {
		t.Errorf("a password is in the container's environment: %s", env)
	}
}

// existing runs a database that nobody's compose file knows, known as db.example
// in the network of the test's project, with this certificate and its key, and returns
// what runs a statement there.
func existing(t *testing.T, certificate, key string) (psql func(statement string)) {
	t.Helper()
	project := fmt.Sprintf("rowcast-e2e-%d", os.Getpid())
	db := project + "-existing"
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", db).Run() })
	out, err := exec.CommandContext(t.Context(), "docker", "run", "-d", "--name", db, "--network", project+"_default", "--network-alias", "db.example",
		"-e", "POSTGRES_USER=owner", "-e", "POSTGRES_DB=app", "-e", "POSTGRES_PASSWORD=the owner's", "-e", "PGPASSWORD=the owner's", "postgres:18").CombinedOutput()
	if err != nil {
		t.Fatalf("start a database: %v\n%s", err, out)
	}
	psql = func(statement string) {
		t.Helper()
		retry(t, statement, func(ctx context.Context) error {
			out, err := exec.CommandContext(ctx, "docker", "exec", db, "psql", "-h", "127.0.0.1", "-U", "owner", "-v", "ON_ERROR_STOP=1", "app", "-c", statement).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	psql(`SELECT`) // it is there, and so is its folder
	for name, text := range map[string]string{"server.crt": certificate, "server.key": key} {
		put := exec.CommandContext(t.Context(), "docker", "exec", "-i", db, "sh", "-c", `cd "$PGDATA" && umask 077 && cat > $0 && chown --reference=PG_VERSION $0`, name)
		put.Stdin = strings.NewReader(text)
		if out, err := put.CombinedOutput(); err != nil {
			t.Fatalf("write %s: %v\n%s", name, err, out)
		}
	}
	psql(`ALTER SYSTEM SET ssl = on`)
	psql(`SELECT pg_catalog.pg_reload_conf()`)
	psql(`DO $$ BEGIN ASSERT pg_catalog.current_setting('ssl') = 'on', 'no TLS'; END $$`)
	return psql
}
