package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rowcast/rowcast/access"
)

// rotated is an audit log of which lines are told by number.
type rotated struct {
	*testing.T
	path string
	said bytes.Buffer // in the other log
	to   *slog.Logger
}

func newRotated(t *testing.T) *rotated {
	t.Helper()
	r := &rotated{T: t, path: filepath.Join(t.TempDir(), "audit.log")}
	to, done, err := auditFlags{AuditLog: r.path}.openAudit(slog.New(slog.NewTextHandler(&r.said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	r.to = to
	return r
}

func (r *rotated) tell(n int) { access.Record(r.to, access.EventDenied, fmt.Sprint(n), "") }

// holds expects these lines in a file beside the log.
func (r *rotated) holds(name string, want ...string) {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(r.path), name))
	var got []string
	for _, m := range regexp.MustCompile(`"user":"(\d+)"`).FindAllStringSubmatch(string(b), -1) {
		got = append(got, m[1])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.Errorf("%s holds %v, want %v (%v)", name, got, want, err)
	}
}

// A line goes to the file that has the name, whatever became of the one before.
func TestTheAuditLogFollowsItsName(t *testing.T) {
	r := newRotated(t)
	dir := filepath.Dir(r.path)
	r.tell(1)
	for i, move := range []func() error{
		func() error { return os.Rename(r.path, r.path+".1") },
		func() error { return os.Remove(r.path) },
		func() error { return os.WriteFile(r.path+".new", nil, 0o600) },
		func() error { return os.Rename(r.path+".new", r.path) }, // in its place
	} {
		if err := move(); err != nil {
			t.Fatal(err)
		}
		r.tell(10 * (i + 1))
		r.tell(10*(i+1) + 1)
	}
	r.holds("audit.log.1", "1")
	r.holds("audit.log", "40", "41")
	if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if r.said.Len() > 0 {
		t.Errorf("said %s", &r.said)
	}
	// Where none can be opened, the one that was goes on, and that is said once.
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	r.tell(50)
	r.tell(51)
	if n := strings.Count(r.said.String(), "cannot be opened anew"); n != 1 {
		t.Errorf("said %d times: %s", n, &r.said)
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	r.holds("audit.log", "40", "41", "50", "51")
}

// What the file does not take is not lost.
func TestAuditLinesThatCannotBeWrittenGoToTheOtherLog(t *testing.T) {
	var said bytes.Buffer
	to, done, err := auditFlags{AuditLog: "/dev/full"}.openAudit(slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	access.Record(to, access.EventUserRemoved, "os:root", "", "name", "anna")
	if !strings.Contains(said.String(), "cannot be written") || !strings.Contains(said.String(), `\"event\":\"user_removed\"`) {
		t.Errorf("said %q", said.String())
	}
}

// The example, by logrotate itself, while lines are told: each is in one of the files,
// once and whole.
func TestLogrotate(t *testing.T) {
	program, err := exec.LookPath("/usr/sbin/logrotate")
	if err != nil {
		if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			t.Fatal("needs logrotate")
		}
		t.Skip("needs logrotate")
	}
	example, err := os.ReadFile("../../docs/deploy/logrotate.conf")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	r := newRotated(t)
	dir := filepath.Dir(r.path)
	fit := strings.NewReplacer("/var/log/rowcast/audit.log", r.path, "su rowcast rowcast", "su "+me.Username+" "+group.Name).Replace(string(example))
	config, state := filepath.Join(t.TempDir(), "rowcast"), filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(config, []byte(fit), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const rounds, most = 3, 200000
	told := 0
	var all sync.WaitGroup
	stop, begun := make(chan struct{}), make(chan struct{}, 1)
	all.Go(func() {
		for ; told < most; told++ {
			select {
			case <-stop:
				return
			default:
			}
			r.tell(told)
			select {
			case begun <- struct{}{}:
			default:
			}
		}
	})
	for range rounds {
		<-begun
		<-begun // the file has a line, or logrotate leaves it
		if out, err := exec.Command(program, "--force", "--state", state, config).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	<-begun
	<-begun
	close(stop)
	all.Wait()
	files, err := filepath.Glob(r.path + "*")
	if err != nil || len(files) != rounds+1 {
		t.Fatalf("there are %v, %v", files, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if strings.HasSuffix(file, ".gz") {
			b, err = exec.Command("gzip", "-dc", file).Output()
		}
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %d bytes, %v", file, len(b), err)
		}
		for line := range strings.Lines(string(b)) {
			m := regexp.MustCompile(`^\{.*"user":"(\d+)"\}\n$`).FindStringSubmatch(line)
			if m == nil || seen[m[1]] {
				t.Fatalf("%s has %q", file, line)
			}
			seen[m[1]] = true
		}
	}
	if len(seen) != told {
		t.Errorf("%d lines of %d are there", len(seen), told)
	}
	if r.said.Len() > 0 {
		t.Errorf("said %s", &r.said)
	}
}
