package e2e_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
// lines, as the unit's user, who may write to nothing but the folder of its state:
// the server as it stands there, and with those who sign in.
func TestSystemdCommand(t *testing.T) {
	t.Parallel()
	program(t, "setpriv")
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

	dir, err := os.MkdirTemp("", "unit") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text := replaced(readFile(t, unitFile), "/etc/rowcast", dir+"/etc", "/usr/local/bin/", dir+"/bin/", "/var/lib/rowcast", dir+"/state",
		"postgres://rowcast_reader@db.internal:5432/app", at.String())
	setting := func(name string) string {
		value := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(text)
		if value == nil {
			t.Fatalf("the unit has no %s", name)
		}
		return value[1]
	}
	user, as := setting("User"), []string{"env"}
	if os.Geteuid() == 0 {
		user = "nobody"
		as = []string{"setpriv", "--reuid", user, "--regid", "nogroup", "--clear-groups"}
	}
	comments := regexp.MustCompile(`(?m)^#   (.*)$`).FindAllStringSubmatch(text, -1)
	var commands []string
	for _, c := range comments {
		switch word, _, _ := strings.Cut(c[1], " "); word {
		case "install", "echo", "printf":
			commands = append(commands, c[1])
		}
	}
	if len(commands) != 4 {
		t.Fatalf("the unit begins with the commands %q", comments)
	}
	// What systemd makes of User, StateDirectory and LoadCredential.
	name, secret, _ := strings.Cut(setting("LoadCredential"), ":")
	commands = append(commands, "mkdir -m 755 -p "+dir+"/run "+dir+"/state", "cp "+secret+" "+dir+"/run/"+name, "chmod 755 "+dir)
	if os.Geteuid() == 0 {
		commands = append(commands, "chown -R "+user+" "+dir+"/run "+dir+"/state", "chmod 400 "+dir+"/run/"+name)
	}
	bash(t, filepath.Dir(binary(t)), nil, "", "mkdir "+dir+"/bin\n"+strings.Join(commands, "\n"))

	env := []string{"CREDENTIALS_DIRECTORY=" + dir + "/run", "STATE_DIRECTORY=" + dir + "/state", "ROWCAST_LISTEN=127.0.0.1:0"}
	file, err := os.ReadFile(setting("EnvironmentFile"))
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, strings.Fields(string(file))...)
	expand := func(command string) []string {
		return append(as, strings.Fields(os.Expand(command, func(name string) string {
			for _, e := range env {
				if value, ok := strings.CutPrefix(e, name+"="); ok {
					return value
				}
			}
			t.Fatalf("%s is not there for %s", name, command)
			return ""
		}))...)
	}
	run := func(more string) *process {
		command := expand(setting("ExecStart") + " " + more)
		return start(t, command[0], env, command[1:]...)
	}
	resp, err := get(t.Context(), run("").URL+"t/public.orders")
	if err != nil {
		t.Fatal(err)
	}
	whole(t, resp, "Miller")

	// The same where people sign in.
	var flags, add string
	for _, c := range comments {
		if strings.HasPrefix(c[1], "--auth ") {
			flags = c[1]
		}
		if _, command, ok := strings.Cut(c[1], "runuser -u rowcast -- rowcast "); ok {
			add = strings.Join(as, " ") + " " + dir + "/bin/rowcast " + command
		}
	}
	bash(t, dir, nil, "correct horse\n", add)
	if err := os.WriteFile(dir+"/etc/access.yaml", []byte("tables: [{match: [public.orders], groups: [staff]}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), run(flags).URL+"api/v1/pages"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("nobody signed in, and sees %v", err)
	}
}
