// Package pgtest gives tests a real PostgreSQL: one server per test binary,
// started when the first test asks for it, and one database per test, cloned
// from a template in some ten milliseconds. Tests may run in parallel.
//
// A package that uses it has this in one of its test files:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// Where no PostgreSQL can be found the tests are skipped, and fail instead when
// ROWCAST_REQUIRE_ALL=1.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/rowcast/rowcast/internal/postgres"
)

// patience bounds what the server is asked to do for a test.
const patience = time.Minute

// DB is one test's own database. It is dropped when the test ends.
type DB struct {
	// Name is the database's name.
	Name string
	// URL is its connection string, as a superuser.
	URL string
	// Server is the server that it lives on, shared by all tests of the binary:
	// do not stop it.
	Server *postgres.Server
}

// cluster is the server that all tests of this binary share.
type cluster struct {
	server func() (*postgres.Server, error)
	number atomic.Int64 // of the newest database

	mu        sync.Mutex
	started   *postgres.Server
	templates map[string]func() error
}

// shared has to be a variable of the package: tests have no common parent that
// could hold it.
var shared = newCluster()

func newCluster() *cluster {
	c := &cluster{templates: map[string]func() error{}}
	c.server = sync.OnceValues(func() (*postgres.Server, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a first run may fetch the binaries
		defer cancel()
		s, err := postgres.Start(ctx, config(nil))
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.started = s
		c.mu.Unlock()
		return s, nil
	})
	return c
}

// config is a server for tests: fast, forgetful, in memory where that is roomy.
func config(settings map[string]string) postgres.Config {
	return postgres.Config{
		TempDir: memoryDir(), InitCache: true, Throwaway: true,
		Settings: settings, Progress: os.Stderr,
	}
}

// Main is the body of a TestMain: it runs the tests, stops the server, checks
// that no goroutine is left (the options say which may be), and exits.
func Main(m *testing.M, leaks ...goleak.Option) {
	postgres.MaybeSupervise()
	code := m.Run()
	shared.mu.Lock()
	server := shared.started
	shared.mu.Unlock()
	if server != nil {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest: stop the server:", err)
			code = max(code, 1)
		}
	}
	if code == 0 {
		if err := goleak.Find(leaks...); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// An Option changes the database that New makes.
type Option func(*options)

type options struct {
	template string
	setup    func(url string) error
}

// WithSetup makes the database a copy of a template that setup prepared, once
// per test binary and name. setup must close its connections.
func WithSetup(name string, setup func(url string) error) Option {
	return func(o *options) { o.template, o.setup = name, setup }
}

// New makes an empty database, or a copy of a template, for this test.
func New(tb testing.TB, opts ...Option) *DB {
	tb.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	server, err := shared.server()
	if err != nil {
		missing(tb, err)
	}
	template := "template0"
	if o.setup != nil {
		if template, err = shared.template(server, o.template, o.setup); err != nil {
			tb.Fatalf("pgtest: prepare template %q: %v", o.template, err)
		}
	}
	name := fmt.Sprintf("t%d_%s", shared.number.Add(1), plain(tb.Name()))
	if err := create(server, name, template); err != nil {
		tb.Fatalf("pgtest: create database: %v", err)
	}
	tb.Cleanup(func() {
		if err := execOn(server, "DROP DATABASE "+quote(name)+" WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: drop database: %v", err)
		}
	})
	return &DB{Name: name, URL: server.DatabaseURL(name), Server: server}
}

// template makes the template of that name once, and returns its database.
func (c *cluster) template(server *postgres.Server, name string, setup func(string) error) (string, error) {
	database := "tpl_" + plain(name)
	c.mu.Lock()
	once, there := c.templates[name]
	if !there {
		once = sync.OnceValue(func() error {
			if err := create(server, database, "template0"); err != nil {
				return err
			}
			if err := setup(server.DatabaseURL(database)); err != nil {
				return err
			}
			return seal(server, database)
		})
		c.templates[name] = once
	}
	c.mu.Unlock()
	return database, once()
}

// seal lets nobody into a template, and waits until everybody has left: a
// database that is in use cannot be copied.
func seal(server *postgres.Server, database string) error {
	if err := execOn(server, "ALTER DATABASE "+quote(database)+" ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	return execOn(server, `SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity WHERE datname = $1`, database)
}

func create(server *postgres.Server, name, template string) error {
	sql := "CREATE DATABASE " + quote(name) + " TEMPLATE " + quote(template)
	err := execOn(server, sql+" STRATEGY FILE_COPY") // faster than WAL_LOG without fsync
	if isSyntax(err) {                               // before PostgreSQL 15
		err = execOn(server, sql)
	}
	return err
}

// Conn opens a connection that is closed when the test ends.
func (db *DB) Conn(tb testing.TB) *pgx.Conn {
	tb.Helper()
	return Connect(tb, db.URL)
}

// Exec runs one statement on a connection of its own, and fails the test if
// that fails.
func (db *DB) Exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := exec(ctx, db.URL, sql, args...); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

// Script runs many statements, separated by semicolons, in one transaction.
func (db *DB) Script(tb testing.TB, sql string) {
	tb.Helper()
	db.Exec(tb, sql, pgx.QueryExecModeSimpleProtocol)
}

// Connect opens a connection to any URL that is closed when the test ends.
func Connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatalf("pgtest: connect: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = conn.Close(ctx) // tests cut connections on purpose
	})
	return conn
}

// A ServerOption changes the server that Server starts.
type ServerOption func(*postgres.Config)

// TCP makes the server listen on 127.0.0.1 too, and its URL say so.
func TCP() ServerOption { return func(c *postgres.Config) { c.TCP = true } }

// Server starts a server of the test's own, which it may stop, restart and
// configure. It is closed when the test ends.
func Server(tb testing.TB, settings map[string]string, opts ...ServerOption) *postgres.Server {
	tb.Helper()
	cfg := config(settings)
	for _, opt := range opts {
		opt(&cfg)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s, err := postgres.Start(ctx, cfg)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("pgtest: close the server: %v", err)
		}
	})
	return s
}

// missing ends a test that has no server.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, postgres.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		tb.Skipf("needs PostgreSQL: %v", err)
	}
	tb.Fatalf("pgtest: %v", err)
}

func execOn(server *postgres.Server, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return exec(ctx, server.URL(), sql, args...)
}

func exec(ctx context.Context, url, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("run %.80q: %w", sql, err)
	}
	return nil
}

func isSyntax(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "42601"
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// plain keeps what reads well in a database's name, and keeps it short.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, name)
	return name[:min(len(name), 40)]
}
