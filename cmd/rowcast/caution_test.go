package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestWhichDatabaseProvesWhoItIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgres:///app?host=/run/postgresql":                       "",
		"postgres://localhost/app":                                   "",
		"postgres://127.0.0.1/app?sslmode=disable":                   "",
		"postgres://[::1]/app":                                       "",
		"postgres://db.example/app?sslmode=verify-full":              "",
		"postgres://db.example/app":                                  "db.example", // prefer
		"postgres://db.example/app?sslmode=allow":                    "db.example",
		"postgres://db.example/app?sslmode=disable":                  "db.example",
		"postgres://db.example/app?sslmode=require":                  "db.example",
		"postgres://db.example/app?sslmode=verify-ca":                "db.example",
		"postgres://localhost,10.0.0.7/app?sslmode=require":          "10.0.0.7",
		"host=db.example dbname=app sslmode=verify-full":             "",
		"postgres://127.0.0.1,db.example/app?sslmode=verify-full":    "",
		"postgres://db.example/app?sslmode=require&sslrootcert=none": "error",
	} {
		db, err := databaseFlags{DatabaseURL: text}.open()
		if want == "error" {
			if err == nil {
				t.Errorf("%s is taken", text)
			}
		} else if err != nil || db.unproven() != want {
			t.Errorf("%s: %v, unproven is %q, want %q", text, err, db.unproven(), want)
		}
	}
}

// The start says what it is as safe as its operator left it, and the doctor too.
func TestWhatIsNotSafeIsSaid(t *testing.T) {
	t.Parallel()
	db := pgtest.Server(t, nil, pgtest.TCP())
	at, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	const (
		way    = "the database need not prove who it is"
		open   = "nobody has to sign in: anyone who reaches this address reads the database"
		listed = "a password in the arguments can be read by everybody on this machine"
	)
	says := func(s *server, want ...string) {
		t.Helper()
		s.serves(t)
		for _, text := range []string{way, open, listed} {
			wanted := strings.Contains(strings.Join(want, "\n"), text)
			if strings.Contains(s.log.String(), text) != wanted {
				t.Errorf("%q is said: %v\n%s", text, !wanted, s.log)
			}
		}
		s.stop()
		<-s.done
		s.done = nil
	}
	says(begin(t, at.String()), listed)
	at.Host += ",db.example:5432" // asked where the first one does not answer
	says(begin(t, at.String(), "--listen", "0.0.0.0:0", "--let-anyone-on-the-network-read", "--allow-powerful-role"), way, open, listed)
	says(begin(t, at.String(), "--trust-the-way-to-the-database"), listed)
	if out, err := command(t, "doctor", "--database-url", at.String()); !strings.Contains(out, "  - the database at db.example need not prove who it is") || !strings.Contains(out, "sslmode=verify-full") {
		t.Errorf("the doctor: %v\n%s", err, out)
	}
	// One that asks for another proof than is said is not given it.
	at, _ = url.Parse(db.URL())
	at.RawQuery += "&require_auth=md5"
	if _, err := command(t, "serve", "--database-url", at.String(), "--wait", "0", "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "require") {
		t.Errorf("require_auth is not held: %v", err)
	}
}

// It is said once for a host, however many roles go there, and not where the operator
// knows the way.
func TestAWayIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	at := func(text string) *database {
		db, err := databaseFlags{DatabaseURL: text}.open()
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	reader, owner, other := at("postgres://reader@db/app"), at("postgres://owner@db/app"), at("postgres://owner@db.example/app")
	safe := at("postgres://reader@db/app?sslmode=verify-full")
	for _, c := range []struct {
		trust bool
		ways  []*database
		want  int
	}{
		{false, []*database{reader, reader}, 1},
		{false, []*database{reader, owner}, 1},
		{false, []*database{reader, other}, 2},
		{false, []*database{safe, owner}, 1},
		{false, []*database{safe, safe}, 0},
		{true, []*database{reader, other}, 0},
	} {
		var log bytes.Buffer
		(&serveFlags{TrustWay: c.trust}).cautionWays(slog.New(slog.NewTextHandler(&log, nil)), c.ways...)
		if n := strings.Count(log.String(), "the database need not prove who it is"); n != c.want {
			t.Errorf("%+v: said %d times, want %d:\n%s", c, n, c.want, &log)
		}
	}
}

// Everybody who lists processes sees arguments; what is in the environment they do not.
func TestPasswordsInArguments(t *testing.T) {
	for _, c := range []struct {
		args, env, want string
	}{
		{args: "--database-url=postgres://me:secret@127.0.0.1:1/app", want: "DATABASE_URL in the environment"},
		{args: "--database-url postgres://me@127.0.0.1:1/app?password=secret", want: "DATABASE_URL in the environment"},
		{args: "--database-url=host=127.0.0.1|port=1|password=secret", want: "DATABASE_URL in the environment"},
		{args: "--admin-database-url postgres://me:secret@127.0.0.1:1/app", env: "postgres://127.0.0.1:1/app", want: "ROWCAST_ADMIN_DATABASE_URL"},
		{args: "--database-url postgres://me@127.0.0.1:1/app"},
		{env: "postgres://me:secret@127.0.0.1:1/app"},
	} {
		t.Setenv("DATABASE_URL", c.env)
		args := []string{"serve", "--wait", "0", "--listen", "127.0.0.1:0"}
		for _, a := range strings.Fields(c.args) {
			args = append(args, strings.ReplaceAll(a, "|", " "))
		}
		var log output
		if err := run(t.Context(), args, io.Discard, &log); err == nil {
			t.Fatal("there is a database where none was")
		}
		said := strings.Contains(log.String(), "a password in the arguments") && strings.Contains(log.String(), c.want)
		if said != (c.want != "") || strings.Contains(log.String(), "secret") {
			t.Errorf("%+v: %s", c, &log)
		}
	}
}

func TestThatEverybodyReadsIsSaidEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+time.Minute)
		defer cancel()
		f := &serveFlags{Listen: "0.0.0.0:8080"}
		if err := f.remind(slog.New(slog.NewTextHandler(&log, nil)))(ctx); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "nobody has to sign in"); n != 3 {
			t.Errorf("said %d times in two hours:\n%s", n, &log)
		}
	})
}
