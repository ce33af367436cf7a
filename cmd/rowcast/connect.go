package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// databaseFlags name the database. PG* variables work as they do for psql.
type databaseFlags struct {
	DatabaseURL  string `name:"database-url" env:"DATABASE_URL,ROWCAST_DATABASE_URL" help:"PostgreSQL to serve, as a URL or key=value pairs; PG* variables work too."`
	PasswordFile string `placeholder:"FILE" help:"File that holds the password, such as a mounted secret."`
}

// adminFlags name the role that installs, where it is not the one that reads.
type adminFlags struct {
	AdminDatabaseURL  string `name:"admin-database-url" help:"The same database as a role that may install the doorbell; it is used for nothing else."`
	AdminPasswordFile string `placeholder:"FILE" help:"File that holds that role's password."`
}

// openAdmin is the database for installing; reader unless another was named.
func (f adminFlags) openAdmin(reader *database) (*database, error) {
	if f.AdminDatabaseURL == "" {
		return reader, nil
	}
	admin, err := databaseFlags{f.AdminDatabaseURL, f.AdminPasswordFile}.counted(reader.traffic)
	if err != nil {
		return nil, fmt.Errorf("administrator: %w", err)
	}
	return admin, nil
}

// database makes the sessions that the parts ask for.
type database struct {
	config   *pgx.ConnConfig
	sessions *sessions
	traffic  *traffic
	guessed  bool // nobody said where it is
}

// maxMessage bounds one message from the server: a cell past it ends the
// connection before it fills the memory.
const maxMessage = 16 << 20

func (f databaseFlags) open() (*database, error) { return f.counted(&traffic{}) }

// counted is a database whose sessions are counted there.
func (f databaseFlags) counted(by *traffic) (*database, error) {
	config, err := pgx.ParseConfig(f.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", redacted(err))
	}
	if f.PasswordFile != "" {
		secret, err := os.ReadFile(f.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		config.Password = strings.TrimRight(string(secret), "\r\n")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 3 * time.Second
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // whatever the URL says: none is pasted into a text
	config.MaxProtocolMessageBodyLen = maxMessage
	by.follow(config)
	guessed := f.DatabaseURL == "" && os.Getenv("PGHOST") == "" && os.Getenv("PGSERVICE") == ""
	return &database{config, newSessions(config), by, guessed}, nil
}

// redacted keeps what is wrong with a URL and drops the URL, which may hold a
// password.
func redacted(err error) error {
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) {
		return err
	}
	text := err.Error()
	if _, what, ok := strings.Cut(text, "`: "); ok {
		text = what
	}
	return fmt.Errorf("%s (a URL looks like postgres://user:password@host:5432/database)", text)
}

// connect opens a session; role is its purpose, seen in pg_stat_activity.
func (d *database) connect(ctx context.Context, role string) (*pgx.Conn, error) {
	return d.connectAs(ctx, "rowcast/"+role)
}

// connectAs opens a session under an application name of its own.
func (d *database) connectAs(ctx context.Context, name string) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, d.named(name))
}

// named is how a session of that application name is opened.
func (d *database) named(name string) *pgx.ConnConfig {
	config := d.config.Copy()
	config.RuntimeParams["application_name"] = name
	return config
}

// where names the database for people, without a password.
func (d *database) where() string {
	host := d.config.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, fmt.Sprint(d.config.Port))
	}
	name := d.config.Database
	if name == "" {
		name = d.config.User // as PostgreSQL takes it
	}
	return fmt.Sprintf("%s on %s as %s", name, host, d.config.User)
}

// unreachable says which database does not answer, and where nobody named one how
// that is done.
func (d *database) unreachable(err error) error {
	err = fmt.Errorf("reach database %s: %w", d.where(), short(err))
	if d.guessed {
		err = fmt.Errorf("%w\nno database is named: DATABASE_URL=postgres://user:password@host:5432/database names one, and so does --database-url", err)
	}
	return err
}

// refused tells an answer that waiting will not change: a wrong password, a
// database or role that does not exist, no permission.
func refused(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "28000", "28P01", "3D000", "42501":
		return true
	}
	return false
}

// reach waits until the database answers, at most so long; with wait 0 it
// tries once.
func (d *database) reach(ctx context.Context, wait time.Duration, waiting func(error)) error {
	deadline := time.Now().Add(wait)
	pause := 100 * time.Millisecond
	for tries := 0; ; tries++ {
		err := d.answers(ctx)
		if err == nil || errors.Is(err, errPooler) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused(err) || time.Now().Add(pause).After(deadline) {
			return d.unreachable(err)
		}
		if tries == 0 {
			waiting(short(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// answers tries once whether sessions can be had, each with a backend of its own.
func (d *database) answers(ctx context.Context) error {
	conn, err := d.connect(ctx, "start")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return d.direct(ctx, conn)
}

// errPooler says that sessions do not keep their backend.
var errPooler = errors.New("a pooler in transaction mode stands between rowcast and PostgreSQL, " +
	"where LISTEN and session locks are lost; use PostgreSQL's own port, or a pool in session mode")

// direct opens a second session like this one: two open ones with one backend prove
// a pooler in transaction mode. What slips through is found by the doorbell's own test.
func (d *database) direct(ctx context.Context, conn *pgx.Conn) error {
	other, err := d.connectAs(ctx, conn.Config().RuntimeParams["application_name"])
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(ctx) }()
	var pids [2]uint32
	for i, conn := range []*pgx.Conn{conn, other} {
		if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&pids[i]); err != nil {
			return err
		}
	}
	if pids[0] == pids[1] {
		return errPooler
	}
	return nil
}

// short is the last link of the chain of an error of connecting: what the
// server or the network said, without the connection's parameters.
func short(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return errors.New(pg.Message)
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			// With and without TLS it may have failed alike.
			return errors.New(strings.Join(slices.Compact(strings.Split(err.Error(), "\n")), "\n"))
		}
		if _, isNet := err.(*net.OpError); isNet {
			return err
		}
		err = next
	}
}
