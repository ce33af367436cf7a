package main

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/postgres"
)

//go:embed dashboards sql
var files embed.FS

// ground is what a measurement stands on: a fresh PostgreSQL with default
// settings and a session in it, the program, and a folder for files.
type ground struct {
	dir     string // temporary
	bin     string // of PostgreSQL's programs
	rowcast string
	pprof   string // where it tells its profiles; "": nowhere
	server  *postgres.Server
	conn    *pgx.Conn
}

// open prepares the ground; close gives everything back.
func (s site) open(ctx context.Context) (_ *ground, err error) {
	parent := s.Dir
	if parent == "" {
		if info, err := os.Stat("/var/tmp"); err == nil && info.IsDir() {
			parent = "/var/tmp" // /tmp is memory on many systems
		}
	}
	g := &ground{rowcast: s.Rowcast, pprof: s.Pprof}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.dir, err = os.MkdirTemp(parent, "rowcast-bench-"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if g.rowcast == "" {
		g.rowcast = filepath.Join(g.dir, "rowcast")
		build := exec.CommandContext(ctx, "go", "build", "-o", g.rowcast, "github.com/rowcast/rowcast/cmd/rowcast")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build rowcast: %w\n%s", err, out)
		}
	}
	g.server, err = postgres.Start(ctx, postgres.Config{TempDir: parent, Database: "bench", Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	if g.conn, err = g.connect(ctx); err != nil {
		return nil, err
	}
	if g.bin, err = postgres.FindBinaries(); err != nil {
		return nil, err
	}
	if err := os.CopyFS(g.dir, files); err != nil {
		return nil, fmt.Errorf("copy files: %w", err)
	}
	return g, nil
}

func (g *ground) close() error {
	var err error
	if g.conn != nil {
		_ = g.conn.Close(context.Background()) // its server ends next
	}
	if g.server != nil {
		err = g.server.Close()
	}
	return errors.Join(err, os.RemoveAll(g.dir))
}

// connect opens a session under a name that is none of rowcast's.
func (g *ground) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, g.server.URL())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// script runs a file of sql/ in one transaction.
func (g *ground) script(ctx context.Context, name string) error {
	text, err := files.ReadFile("sql/" + name)
	if err == nil {
		_, err = g.conn.Exec(ctx, string(text), pgx.QueryExecModeSimpleProtocol)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// command is rowcast with this database and these dashboards.
func (g *ground) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.rowcast, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ROWCAST_") }),
		"DATABASE_URL="+g.server.URL())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	return cmd
}

// serving is a running `rowcast serve`.
type serving struct {
	pid     int
	url     string   // with a slash at its end
	cookies []string // of those who signed in; nil: nobody has to
	stop    func() error
}

// serve starts the program with a folder of dashboards/, and more flags, and waits
// until it has told its address. Its warnings go to standard error.
func (g *ground) serve(ctx context.Context, dashboards string, more ...string) (*serving, error) {
	ctx, cancel := context.WithCancel(ctx)
	args := []string{"serve", "--listen", "127.0.0.1:0", "--max-address-pages", "2000", "--dashboards", filepath.Join(g.dir, "dashboards", dashboards)}
	if g.pprof != "" {
		args = append(args, "--pprof", g.pprof)
	}
	cmd := g.command(ctx, append(args, more...)...)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start rowcast: %w", err)
	}
	url, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var line struct{ Level, Msg, URL string }
			if json.Unmarshal(lines.Bytes(), &line) != nil || line.Level == "ERROR" || line.Level == "WARN" {
				fmt.Fprintln(os.Stderr, "  rowcast:", lines.Text())
			}
			if line.Msg == "serving" {
				url <- line.URL
			}
		}
		ended <- cmd.Wait()
	}()
	s := &serving{pid: cmd.Process.Pid, stop: func() error {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("stop rowcast: %w", err)
		}
		return nil
	}}
	select {
	case s.url = <-url:
		return s, nil
	case err := <-ended:
		cancel()
		return nil, fmt.Errorf("rowcast ended at start: %w", err)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.stop())
	}
}

// conditions describes the machine, for the head of a report.
func (g *ground) conditions(ctx context.Context) (string, error) {
	var version, fsync, commit string
	err := g.conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('fsync'),
		pg_catalog.current_setting('synchronous_commit')`).Scan(&version, &fsync, &commit)
	if err != nil {
		return "", fmt.Errorf("ask for settings: %w", err)
	}
	flush, err := g.flush()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("PostgreSQL %s (fsync %s, synchronous_commit %s), %s/%s, %d cores, 8 KiB written and flushed in %s%s, load average %s",
		version, fsync, commit, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), flush.Round(10*time.Microsecond), g.tracked(), loadAverage()), nil
}

// flush is the median time to write a page and have it on disk.
func (g *ground) flush() (time.Duration, error) {
	f, err := os.Create(filepath.Join(g.dir, "flush"))
	if err != nil {
		return 0, fmt.Errorf("measure disk: %w", err)
	}
	defer f.Close()
	page, times := make([]byte, 8192), make([]time.Duration, 101)
	for i := range times {
		began := time.Now()
		if _, err = f.WriteAt(page, 0); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return 0, fmt.Errorf("measure disk: %w", err)
		}
		times[i] = time.Since(began)
	}
	return quantile(times, 0.5), nil
}

// tracked says whether the system's firewall follows the connections to this machine
// itself, which is a tenth of what each write to a viewer costs, of floor and rowcast
// alike; "": it does not, or that is not to be read.
func (g *ground) tracked() string {
	server, client, err := tcpPair()
	if err != nil {
		return ""
	}
	defer server.Close()
	defer client.Close()
	known, err := os.ReadFile("/proc/net/nf_conntrack")
	_, port, _ := net.SplitHostPort(client.LocalAddr().String())
	if err != nil || !strings.Contains(string(known), " sport="+port+" ") {
		return ""
	}
	return ", a firewall that tracks connections"
}

func tcpPair() (server, client net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if server, err = l.Accept(); err != nil {
		client.Close()
		return nil, nil, err
	}
	return server, client, nil
}

// loadAverage is the system's own of the last minute, where it has one.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
