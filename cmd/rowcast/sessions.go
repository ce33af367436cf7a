package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sessions are the open connections to the database, whoever opened them. Two
// things hold of all of them, and cannot be seen by any one of them alone:
//
//   - They lead to the same running server, which is the one that the newest was
//     led to. After a name or a proxy was pointed elsewhere, one that rings and
//     one that is read would make a page that is called live and is not.
//   - A server that waits for its clients before it shuts down is not kept
//     waiting: it serves its sessions as ever, and tells only those who come new.
type sessions struct {
	mu     sync.Mutex
	open   map[*session]struct{}
	server string    // that the newest was led to; "" before the first
	asked  time.Time // when a session was last asked for
}

// session is one connection, which may be ended from beside.
type session struct {
	net.Conn
	all *sessions

	// Guarded by all.mu.
	server string // that it leads to; "" while it is being opened
	cause  error  // why it was ended from beside
}

var (
	errShuttingDown = errors.New("the database is shutting down")
	errMoved        = errors.New("the database's address leads to another server now")
)

// follow makes every connection of this configuration one of the sessions.
func (a *sessions) follow(config *pgconn.Config) {
	dial, fault := config.DialFunc, config.OnPgError
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		a.note()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s := &session{Conn: conn, all: a}
		a.mu.Lock()
		a.open[s] = struct{}{}
		a.mu.Unlock()
		return s, nil
	}
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		const cannotConnectNow = "57P03"
		if s := sessionOf(conn); s != nil && err.Code == cannotConnectNow {
			at := s.RemoteAddr().String() // of several hosts another may be well
			a.end(errShuttingDown, func(other *session) bool { return other != s && other.RemoteAddr().String() == at })
		}
		return fault(conn, err)
	}
	config.AfterConnect = a.led
}

// note remembers that a session is asked for.
func (a *sessions) note() {
	a.mu.Lock()
	a.asked = time.Now()
	a.mu.Unlock()
}

// led finds out which server a new session leads to, and ends those that lead to
// another one.
func (a *sessions) led(ctx context.Context, conn *pgconn.PgConn) error {
	const ask = `SELECT pg_catalog.concat_ws('/', (SELECT system_identifier FROM pg_catalog.pg_control_system()),
		pg_catalog.pg_postmaster_start_time())`
	res := conn.ExecParams(ctx, ask, nil, nil, nil, nil).Read()
	if res.Err != nil {
		return fmt.Errorf("ask which server it is: %w", res.Err)
	}
	s := sessionOf(conn)
	if s == nil {
		return nil
	}
	server := string(res.Rows[0][0])
	a.mu.Lock()
	s.server = server
	moved := a.server != server
	a.server = server
	a.mu.Unlock()
	if moved {
		a.end(errMoved, func(other *session) bool { return other.server != "" && other.server != server })
	}
	return nil
}

// sessionOf finds the session below a connection.
func sessionOf(conn *pgconn.PgConn) *session {
	below := conn.Conn()
	if secure, ok := below.(*tls.Conn); ok {
		below = secure.NetConn()
	}
	s, _ := below.(*session)
	return s
}

// count is how many are open.
func (a *sessions) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// end closes the sessions that match, whatever they are in the middle of: their
// owners find out when they next read, and open others.
func (a *sessions) end(cause error, match func(*session) bool) {
	var ended []*session
	a.mu.Lock()
	for s := range a.open {
		if match(s) {
			s.cause = cause
			ended = append(ended, s)
		}
	}
	a.mu.Unlock()
	for _, s := range ended {
		_ = s.Close()
	}
}

// Read and Write say why the session was ended, where that was done from beside.
func (s *session) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	return n, s.why(err)
}

// Write: see Read.
func (s *session) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b)
	return n, s.why(err)
}

func (s *session) why(err error) error {
	if err == nil {
		return nil
	}
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if s.cause != nil {
		return s.cause
	}
	return err
}

// Close ends the session.
func (s *session) Close() error {
	s.all.mu.Lock()
	delete(s.all.open, s)
	s.all.mu.Unlock()
	return s.Conn.Close()
}

// How often a session is opened only to see whether one can be, where none was
// opened anyway; less often once this role was refused, lest it is locked.
const (
	probeEvery  = 10 * time.Second
	probeDenied = 5 * time.Minute
)

// probe opens a session now and then until ctx ends: what it is told, or where
// it leads to, is for all of them.
func (d *database) probe(ctx context.Context) error {
	every := probeEvery
	for {
		d.sessions.mu.Lock()
		due := d.sessions.asked.Add(every)
		d.sessions.mu.Unlock()
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			continue
		}
		d.sessions.note() // a name that cannot be resolved is asked for no sooner
		conn, err := d.connect(ctx, "probe")
		if err == nil {
			err = conn.Close(ctx)
		}
		if every = probeEvery; refused(err) {
			every = probeDenied
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func newSessions(config *pgx.ConnConfig) *sessions {
	a := &sessions{open: map[*session]struct{}{}}
	a.follow(&config.Config)
	return a
}
