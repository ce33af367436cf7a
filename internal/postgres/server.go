// Package postgres runs a local PostgreSQL server of our own, for the demo and
// the tests: it finds or fetches the binaries, makes the data directory, starts
// the server so that only the calling user can reach it, and never leaves it
// behind, even when the calling process is killed.
//
// A program that calls [Start] must call [MaybeSupervise] first thing in main
// (in TestMain for tests): the server runs below a copy of that program, which
// holds a pipe to its parent and stops PostgreSQL when the pipe closes.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role that owns the server; it may do everything.
const Superuser = "postgres"

// ErrInUse says that another process runs a server on the same directory.
var ErrInUse = errors.New("data directory is in use")

// ErrNotFound says that no PostgreSQL could be found, fetched or run by Docker;
// its text names the command that installs one.
var ErrNotFound = errors.New("PostgreSQL not found")

// Config says where the server lives and how it runs. The zero value is a
// server in a temporary directory, reachable by a unix socket only.
type Config struct {
	// Dir keeps the data between runs. Empty: a temporary directory, removed by
	// Close and when the process ends.
	Dir string
	// TempDir is where temporary directories are made; empty: the system's.
	TempDir string
	// InitCache keeps a fresh data directory to copy from, in place of running
	// initdb each time. For tests.
	InitCache bool
	// Throwaway trades the safety of the data for speed. For tests.
	Throwaway bool
	// TCP listens on 127.0.0.1 with a generated password too, and URL uses it.
	TCP bool
	// Port is the TCP port; 0: a free one.
	Port int
	// Database is created when missing and is what URL names; empty: postgres.
	Database string
	// Settings are server parameters, given on the command line.
	Settings map[string]string
	// Offline never fetches binaries and never asks Docker.
	Offline bool
	// Progress tells a person what takes long; nil: nobody.
	Progress io.Writer
}

// Mode says how a server is shut down.
type Mode string

// The shutdown modes of PostgreSQL.
const (
	// Fast ends all sessions and writes everything to disk.
	Fast Mode = "fast"
	// Immediate drops everything on the floor, like a crash.
	Immediate Mode = "immediate"
	// Smart waits for all clients to leave.
	Smart Mode = "smart"
)

// Server is a running, or stopped, local PostgreSQL. Its methods may be called
// from any goroutine, but Stop, Restart and Close not at the same time.
type Server struct {
	cfg      Config
	home     home
	engine   engine
	port     int
	password string
	owner    *os.File // the lock on the directory, held while the server is ours

	mu  sync.Mutex
	run *run // the newest, perhaps ended
}

// engine is one way to run the server: binaries on this machine, or Docker.
type engine interface {
	// prepare makes the data directory ready; lock is already held.
	prepare(ctx context.Context, s *Server) error
	// spec says what the supervisor runs.
	spec(s *Server) spec
	// address is where clients connect.
	address(s *Server) address
	// discard removes a temporary server's data outside of its directory.
	discard(s *Server) error
	// psql is the command line that opens a prompt.
	psql(s *Server, url string) string
}

// address is a unix socket directory or an IP address, with a port.
type address struct {
	host, password string
	port           int
}

// Start makes the data directory when there is none, starts the server, and
// returns once it accepts connections. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if os.Getenv(superviseEnv) != "" {
		return nil, errNotSupervised // a copy of ourselves that was never told to supervise
	}
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	if cfg.Database == "" {
		cfg.Database = "postgres"
	}
	engine, err := findEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	home, err := openHome(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, home: home, engine: engine, port: 5432}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) begin(ctx context.Context) error {
	locks, err := s.home.acquire(ctx)
	if err != nil {
		return err
	}
	defer locks.server.Close() // the supervisor holds its own copy by then
	s.owner = locks.owner
	if s.password, err = s.home.password(); err != nil {
		return err
	}
	_, docker := s.engine.(*docker)
	if s.cfg.TCP || docker {
		if s.port = s.cfg.Port; s.port == 0 {
			if s.port, err = freePort(); err != nil {
				return err
			}
		}
	}
	if err := s.engine.prepare(ctx, s); err != nil {
		return err
	}
	if err := s.launch(ctx, locks.server); err != nil {
		return err
	}
	return s.setUp(ctx)
}

// setUp gives the superuser its password and creates the database.
func (s *Server) setUp(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.localURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the new server: %w", err)
	}
	defer conn.Close(ctx)
	if s.cfg.TCP {
		// ALTER ROLE takes no parameters; the password is letters and digits.
		if _, err := conn.Exec(ctx, `ALTER ROLE `+Superuser+` PASSWORD '`+s.password+`'`); err != nil {
			return fmt.Errorf("set the password: %w", err)
		}
	}
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)`, s.cfg.Database).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{s.cfg.Database}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// launch starts a supervisor with the server below it and waits until the
// server accepts connections.
func (s *Server) launch(ctx context.Context, lock *os.File) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := s.launchOnce(ctx, lock)
		// A server killed a moment ago may still have backends on their way out.
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) ||
			!strings.Contains(err.Error(), "pre-existing shared memory block") {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (s *Server) launchOnce(ctx context.Context, lock *os.File) error {
	r, err := startRun(s.engine.spec(s), lock)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.run = r
	s.mu.Unlock()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		conn, err := pgx.Connect(try, s.localURL("postgres"))
		if err == nil {
			conn.Close(try)
			cancel()
			return nil
		}
		cancel()
		select {
		case <-r.done:
			return fmt.Errorf("start PostgreSQL: %w%s", r.err, s.home.tail(r.logFrom))
		case <-ctx.Done():
			r.stop(Immediate)
			<-r.done
			return fmt.Errorf("start PostgreSQL: %w%s", context.Cause(ctx), s.home.tail(r.logFrom))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// URL is the connection string of Config.Database, as the superuser.
func (s *Server) URL() string { return s.DatabaseURL(s.cfg.Database) }

// DatabaseURL is the connection string of another database of this server.
func (s *Server) DatabaseURL(database string) string {
	a := s.engine.address(s)
	if s.cfg.TCP {
		a = address{host: "127.0.0.1", port: s.port, password: s.password}
	}
	return a.url(database)
}

func (s *Server) localURL(database string) string { return s.engine.address(s).url(database) }

func (a address) url(database string) string {
	if filepath.IsAbs(a.host) {
		q := url.Values{"host": {a.host}, "port": {strconv.Itoa(a.port)}, "user": {Superuser}}
		return "postgres:///" + url.PathEscape(database) + "?" + q.Encode()
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(Superuser, a.password),
		Host: net.JoinHostPort(a.host, strconv.Itoa(a.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// PsqlCommand is a shell command that opens a prompt on Config.Database; append
// -c and a statement to run just that.
func (s *Server) PsqlCommand() string { return s.engine.psql(s, s.URL()) }

// Dir is the directory that holds the data directory, the socket and the log.
func (s *Server) Dir() string { return s.home.dir }

// Log is the path of the server's log file.
func (s *Server) Log() string { return s.home.log() }

// PID is the process id of the server (the postmaster, or the Docker client),
// and 0 when it has ended.
func (s *Server) PID() int {
	r := s.current()
	select {
	case <-r.done:
		return 0
	default:
		return r.pid
	}
}

// Done is closed when the server that runs now has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.current().done }

// Wait blocks until the server has ended; nil after a shutdown that was asked
// for, else why it ended.
func (s *Server) Wait() error {
	r := s.current()
	<-r.done
	return r.err
}

// Stop shuts the server down and returns when it is gone. A fast shutdown that
// takes over ten seconds becomes an immediate one. The data stay, and Restart
// brings the server back. Stopping a stopped server does nothing.
func (s *Server) Stop(mode Mode) error {
	if s.owner != nil {
		defer s.owner.Close() // closing it twice does no harm
	}
	r := s.current()
	if r == nil {
		return nil // it never ran
	}
	r.stop(mode)
	<-r.done
	return r.err
}

// Restart stops the server if it runs, and starts it again at the same address.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	if err := s.Stop(mode); err != nil && !errors.Is(err, errUnexpected) {
		return err
	}
	locks, err := s.home.acquire(ctx)
	if err != nil {
		return err
	}
	defer locks.server.Close()
	s.owner = locks.owner
	return s.launch(ctx, locks.server)
}

// Close stops the server fast and removes its directory if that is temporary.
func (s *Server) Close() error {
	mode := Fast
	if s.home.temporary {
		mode = Immediate
	}
	err := s.Stop(mode)
	if errors.Is(err, errUnexpected) {
		err = nil // it had ended before; Wait has told
	}
	if s.home.temporary {
		err = errors.Join(err, s.engine.discard(s))
	}
	return errors.Join(err, s.home.remove())
}

func (s *Server) current() *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func newPassword() string { return rand.Text() }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
