package e2e_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const unitFile = "../docs/deploy/rowcast.service"

// The documented unit is one that systemd understands.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	analyze := program(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "rowcast.service")
	text := replaced(readFile(t, "../docs/deploy/rowcast.service"), "ExecStart=/usr/local/bin/rowcast ", "ExecStart="+binary(t)+" ")
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("systemd: %v\n%s", err, out)
	}
}

// What systemd would run with the documented unit, after the commands of its first
// lines, as another user: the server as it stands there, and with those who sign in.
func TestSystemdCommand(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil, pgtest.TCP())
	conn := pgtest.Connect(t, server.URL())
	const reader = `CREATE ROLE rowcast_reader LOGIN PASSWORD 'the password'; GRANT SELECT ON orders TO rowcast_reader;`
	if _, err := conn.PgConn().Exec(t.Context(), strict+reader).ReadAll(); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.User, at.RawQuery = url.User("rowcast_reader"), "sslmode=disable"
	u := newUnit(t, at.String())
	u.prepare(t)

	resp, err := get(t.Context(), u.run(t, "").URL+"t/public.orders")
	if err != nil {
		t.Fatal(err)
	}
	whole(t, resp, "Miller")

	bash(t, u.dir, nil, "correct horse\n", strings.Join(u.as, " ")+" "+u.dir+"/bin/rowcast "+u.find(t, `(?m)^#   runuser -u rowcast -- rowcast (.*)$`))
	if err := os.WriteFile(u.dir+"/etc/access.yaml", []byte("tables: [{match: [public.orders], groups: [staff]}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), u.run(t, u.find(t, `(?m)^#   (--auth .*)$`)).URL+"api/v1/pages"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("nobody signed in, and sees %v", err)
	}
	if log := readFile(t, u.dir+"/logs/audit.log"); !strings.Contains(log, `"event":"rules_changed"`) {
		t.Errorf("the audit log is %q", log)
	}
}

// unit is the documented unit with all of its files in a folder.
type unit struct {
	text, dir string
	user      string   // of the service; "": the test's own
	as        []string // what runs a command as that user
}

func newUnit(t *testing.T, database string) *unit {
	t.Helper()
	dir, err := os.MkdirTemp("", "unit") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	u := &unit{dir: dir, as: []string{"env"}, text: replaced(readFile(t, unitFile), "/etc/rowcast", dir+"/etc", "/usr/local/bin/", dir+"/bin/",
		"/var/lib/rowcast", dir+"/state", "postgres://rowcast_reader@db.internal:5432/app?sslmode=verify-full&require_auth=scram-sha-256", database)}
	if os.Geteuid() == 0 {
		u.user, u.as = "nobody", []string{program(t, "setpriv"), "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"}
	}
	return u
}

// find is the first group of what matches in the unit.
func (u *unit) find(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(u.text)
	if found == nil {
		t.Fatalf("the unit has no %s", pattern)
	}
	return found[1]
}

// prepare runs the commands of the first lines that make files, and does what
// systemd does for User, StateDirectory, LogsDirectory and LoadCredential.
func (u *unit) prepare(t *testing.T) {
	t.Helper()
	commands := []string{"chmod 755 " + u.dir, "cd " + u.dir, "mkdir bin run state logs"}
	for _, c := range regexp.MustCompile(`(?m)^#   ((?:install|echo|printf) .*)$`).FindAllStringSubmatch(u.text, -1) {
		commands = append(commands, strings.Replace(c[1], " rowcast ", " "+binary(t)+" ", 1))
	}
	name, secret, _ := strings.Cut(u.find(t, `(?m)^LoadCredential=(.*)$`), ":")
	commands = append(commands, "cp "+secret+" run/"+name)
	if u.user != "" {
		commands = append(commands, "chown -R "+u.user+" run state logs", "chmod 400 run/"+name)
	}
	bash(t, u.dir, nil, "", strings.Join(commands, "\n"))
}

// run starts what ExecStart says, with more flags, as systemd would.
func (u *unit) run(t *testing.T, more string) *process {
	t.Helper()
	env := append(strings.Fields(readFile(t, u.find(t, `(?m)^EnvironmentFile=(.*)$`))),
		"CREDENTIALS_DIRECTORY="+u.dir+"/run", "STATE_DIRECTORY="+u.dir+"/state", "LOGS_DIRECTORY="+u.dir+"/logs", "ROWCAST_LISTEN=127.0.0.1:0")
	command := strings.Fields(os.Expand(u.find(t, `(?m)^ExecStart=(.*)$`)+" "+more, func(name string) string {
		for _, e := range env {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value
			}
		}
		return ""
	}))
	command = append(slices.Clone(u.as), command...)
	return start(t, command[0], env, command[1:]...)
}
