//go:build unix

package postgres_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/postgres"
)

func TestDataAreKept(t *testing.T) {
	cfg := config(place(t))
	cfg.Throwaway = false
	s := start(t, cfg)
	exec1(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)
	if err := s.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	if s.PID() != 0 {
		t.Errorf("PID is %d after Stop, want 0", s.PID())
	}
	began := time.Now()
	again := start(t, cfg)
	t.Logf("second start took %v", time.Since(began))
	exec1(t, again.URL(), `SELECT n FROM kept`)
}

func TestSecondServerOnTheSameDirectory(t *testing.T) {
	dir := place(t)
	start(t, config(dir))
	if _, err := postgres.Start(t.Context(), config(dir)); !errors.Is(err, postgres.ErrInUse) {
		t.Errorf("in this process: %v, want ErrInUse", err)
	}
	out, err := parentCommand(dir).Output()
	want := "belongs to process " + strconv.Itoa(os.Getpid())
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("in another process: %q, %v; want %q", out, err, want)
	}
}

func TestServerEndsByItself(t *testing.T) {
	s := start(t, config(place(t)))
	p, err := os.FindProcess(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Wait says %v, want that it was killed", err)
	}
	// Its backends may still be on their way out, and its pid file is there.
	if err := s.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	exec1(t, s.URL(), `SELECT 1`)
}

func TestDeadServersPIDFile(t *testing.T) {
	dir := place(t)
	s := start(t, config(dir))
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	// The number belongs to a stranger of the same user now.
	sleep := exec.Command("sleep", "600")
	sleep.SysProcAttr = sameUser(t, dir)
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	_, rest, _ := strings.Cut(string(text), "\n")
	stale := strconv.Itoa(sleep.Process.Pid) + "\n" + rest
	if err := os.WriteFile(pidFile, []byte(stale), 0o644); err != nil {
		t.Fatal(err)
	}
	exec1(t, start(t, config(dir)).URL(), `SELECT 1`)
}

func TestTCPWantsThePassword(t *testing.T) {
	cfg := config(place(t))
	cfg.TCP, cfg.Database = true, "shop"
	s := start(t, cfg)
	exec1(t, s.URL(), `SELECT 1`)
	conf, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	if conf.Host != "127.0.0.1" || conf.Database != "shop" || len(conf.Password) < 20 {
		t.Errorf("the address is %s, database %s, password of %d characters", conf.Host, conf.Database, len(conf.Password))
	}
	conf.Password = "wrong"
	if _, err := pgx.ConnectConfig(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("with a wrong password: %v, want 28P01", err)
	}
}

func TestPsqlCommandRuns(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("needs psql")
	}
	s := start(t, config(place(t)))
	out, err := exec.Command("sh", "-c", s.PsqlCommand()+` -Atc 'SELECT 6 * 7'`).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "42" {
		t.Errorf("%q, %v; want 42", out, err)
	}
}

func TestWrongSettingIsExplained(t *testing.T) {
	cfg := config("")
	cfg.Settings = map[string]string{"no_such_setting": "1"}
	_, err := postgres.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("%v, want the server's own words", err)
	}
}

func TestMissingBinariesAreExplained(t *testing.T) {
	t.Setenv("PG_BIN", t.TempDir())
	if _, err := postgres.Start(t.Context(), config("")); err == nil || !strings.Contains(err.Error(), "PG_BIN") {
		t.Errorf("%v, want a word about PG_BIN", err)
	}
}

// place is a directory that the server's user can reach; t.TempDir is private.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rowcast-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, cfg postgres.Config) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), cfg)
	if errors.Is(err, postgres.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func parentCommand(dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+dir)
	return cmd
}
