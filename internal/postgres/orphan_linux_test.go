package postgres_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/postgres"
)

// family is a parent that was started to be killed, and what stands below it.
type family struct {
	parent     *exec.Cmd
	server     int // process ids
	supervisor int
	dir, url   string
}

func TestNothingIsLeftAfterKill(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprintf("supervisor too %v", both), func(t *testing.T) {
			dir := place(t)
			f := startFamily(t, dir)
			conn, err := pgx.Connect(t.Context(), f.url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if both {
				kill9(t, f.supervisor)
			}
			kill9(t, f.parent.Process.Pid)
			_ = f.parent.Wait() // its lock is free once it is gone; it was killed, as it says
			// The connection breaks when the server stops, and not before.
			if _, err := conn.WaitForNotification(t.Context()); err == nil {
				t.Error("the connection outlived the parent")
			}
			// The lock is given up when the last process is gone.
			exec1(t, start(t, config(dir)).URL(), `SELECT 1`)
			gone(t, f.server)
			gone(t, f.supervisor)
		})
	}
}

func TestTemporaryDirectoryIsRemovedAfterKill(t *testing.T) {
	f := startFamily(t, "")
	if _, err := os.Stat(f.dir); err != nil {
		t.Fatal(err)
	}
	kill9(t, f.parent.Process.Pid)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(f.dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", f.dir)
		}
	}
}

func TestProgramThatForgotTheHook(t *testing.T) {
	t.Setenv("ROWCAST_SUPERVISE_POSTGRES", "1")
	_, err := postgres.Start(t.Context(), config(""))
	if err == nil || !strings.Contains(err.Error(), "MaybeSupervise") {
		t.Errorf("%v, want what is missing", err)
	}
}

func startFamily(t *testing.T, dir string) family {
	t.Helper()
	if _, err := postgres.FindBinaries(); errors.Is(err, postgres.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	f := family{parent: parentCommand(dir)}
	out, err := f.parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.parent.Process.Kill(); _ = f.parent.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent says %q: %v", line, err)
	}
	if _, err := fmt.Sscan(line, &f.server, &f.dir, &f.url); err != nil {
		t.Fatalf("the parent says %q: %v", line, err)
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(f.server) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	if _, err := fmt.Sscan(rest[2:], &f.supervisor); err != nil {
		t.Fatal(err)
	}
	return f
}

func kill9(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// gone fails when the process runs; a zombie that init has not reaped yet does not.
func gone(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil && !strings.Contains(string(status), ") Z ") {
		t.Errorf("process %d is left: %s", pid, status)
	}
}
