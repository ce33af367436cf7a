//go:build unix

package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// shop is the demo as a process, and what it printed.
type shop struct {
	cmd   *exec.Cmd
	data  string
	URL   string // of the shop's dashboard
	psql  string // the command that inserts an order
	took  time.Duration
	ended chan error
}

var openAt = regexp.MustCompile(`The shop is open:\s+(http\S+)`)

// openShop starts the demo with its data in a folder, and waits for its address.
func openShop(t *testing.T, data string, args ...string) *shop {
	t.Helper()
	pgtest.New(t) // skips where there is no PostgreSQL
	s := &shop{data: data, ended: make(chan error, 1)}
	s.cmd = exec.Command(binary(t), append([]string{"demo", "--listen", "127.0.0.1:0", "--data", data}, args...)...)
	s.cmd.Env = environment()
	log := &strings.Builder{}
	s.cmd.Stderr = log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type printed struct{ url, psql string }
	opened := make(chan printed, 1)
	go func() {
		var p printed
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := strings.TrimSpace(lines.Text())
			if m := openAt.FindStringSubmatch(line); m != nil {
				p.url = m[1]
			}
			if strings.Contains(line, "INSERT INTO") {
				p.psql = line
			}
			if strings.Contains(line, "Ctrl-C") {
				opened <- p
			}
		}
		s.ended <- s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("the demo's log:\n%s", log)
		}
	})
	select {
	case p := <-opened:
		s.URL, s.psql, s.took = p.url, p.psql, time.Since(began)
	case err := <-s.ended:
		t.Fatalf("the demo ended: %v\n%s", err, log)
	case <-time.After(2 * time.Minute):
		t.Fatal("the demo does not open")
	}
	if s.URL == "" || s.psql == "" {
		t.Fatalf("the demo printed the address %q and the command %q", s.URL, s.psql)
	}
	return s
}

// dataDir is a folder with a short name: a socket's path has little room.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // root runs PostgreSQL as another user
		t.Fatal(err)
	}
	return filepath.Join(dir, "d")
}

// postmaster is the process id of the demo's PostgreSQL.
func (s *shop) postmaster(t *testing.T) int {
	t.Helper()
	var pid int
	err := filepath.WalkDir(s.data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "postmaster.pid" {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			first, _, _ := strings.Cut(string(b), "\n")
			pid, err = strconv.Atoi(first)
			return err
		}
		return nil
	})
	if err != nil || pid == 0 {
		t.Fatalf("find the demo's PostgreSQL below %s: %d, %v", s.data, pid, err)
	}
	return pid
}

// vanishes waits until a process is gone.
func vanishes(t *testing.T, pid int) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			t.Logf("PostgreSQL was gone after %s", time.Since(began).Round(10*time.Millisecond))
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("PostgreSQL (process %d) still runs 10 s later", pid)
		}
	}
}

// Killed, the demo leaves nothing behind; it opens again quickly; and Ctrl-C
// ends it well.
func TestDemoLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	first := openShop(t, data)
	postmaster := first.postmaster(t)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	vanishes(t, postmaster)
	<-first.ended

	second := openShop(t, data)
	t.Logf("open after %s the first time, %s the second", first.took.Round(10*time.Millisecond), second.took.Round(10*time.Millisecond))
	if second.took > 10*time.Second { // about 2 s on an idle machine
		t.Errorf("the second start took %s", second.took)
	}
	postmaster = second.postmaster(t)
	if err := second.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-second.ended:
		if err != nil {
			t.Errorf("after Ctrl-C the demo ended with %v, want success", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("the demo goes on after Ctrl-C")
	}
	vanishes(t, postmaster)
}

// The demo's button and its command both insert an order that appears.
func testDemoInBrowser(t *testing.T, b *browser) {
	s := openShop(t, dataDir(t), "--rate", "0")
	w := b.tab(t)
	w.watch(s.URL)
	const newest = `Number(document.querySelector('[data-panel="latest"] tbody tr:not(.leaving) td').innerText.replace(",", ""))`
	const rows = `document.querySelectorAll('[data-panel="latest"] tbody tr:not(.leaving)').length`
	before := ask[int](w, newest)
	w.until("the orders", rows+` === 50`)
	w.click("form[data-demo] button")
	w.until("the order of the button", newest+` === `+strconv.Itoa(before+1))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "sh", "-c", s.psql).CombinedOutput(); err != nil || !strings.Contains(string(out), "INSERT 0 1") {
		t.Fatalf("%s: %v\n%s", s.psql, err, out)
	}
	w.until("the order of the command", newest+` === `+strconv.Itoa(before+2))
	if got := ask[string](w, `document.querySelector('[data-panel="latest"] tbody tr:not(.leaving)').innerText`); !strings.Contains(got, "42.00") {
		t.Errorf("the newest row is %q, want one of 42.00", got)
	}
	w.stayed()
}
