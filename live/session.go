package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is one connection for panels, opened when it is first needed. One
// goroutine uses it at a time.
type session struct {
	cfg        Config
	role       string
	statement  time.Duration // what one panel may take
	conn       *pgx.Conn
	statements map[string]*statement
	named      int // statements so far
	types      map[uint32]typeOf
	zone       string        // that literals are parsed in
	limit      time.Duration // of a lock's wait
	identity   string
	began      birth
	base       string    // the parameter role as it is between pages: "none", or what the session began with
	sense      string    // what settings are between pages, but the time zone
	born       string    // the time zone that the session began with
	swayed     time.Time // when a query last changed settings for those after it
	claims     *claims   // settings that some page sets
	window     window
	planned    time.Time // when plans were last given up
}

func newSession(cfg Config, role string, statement time.Duration) *session {
	return &session{claims: &claims{}, cfg: cfg, role: role, statement: statement, window: window{ahead: startAhead}}
}

// settings fix what shapes the text of a cell, so that the same value reads
// the same in every session, and bound what the session may hold up. Machine code
// is made anew for each execution: the look at the catalog, whose estimate is high
// and which runs in 2 ms, took 300 to 800 ms with it, each time. Without
// parallel workers the time that a query takes is the most that it uses of a core,
// which is what its pace is measured by, and all locks are the session's own: what
// a worker reads would stay unknown.
const settings = `SELECT
	pg_catalog.set_config('DateStyle', 'ISO, YMD', false),
	pg_catalog.set_config('IntervalStyle', 'postgres', false),
	pg_catalog.set_config('bytea_output', 'hex', false),
	pg_catalog.set_config('extra_float_digits', '1', false),
	pg_catalog.set_config('client_encoding', 'UTF8', false),
	pg_catalog.set_config('synchronize_seqscans', 'off', false),
	pg_catalog.set_config('plan_cache_mode', 'force_custom_plan', false),
	pg_catalog.set_config('jit', 'off', false),
	pg_catalog.set_config('max_parallel_workers_per_gather', '0', false),
	pg_catalog.set_config('idle_in_transaction_session_timeout', '2s', false),
	pg_catalog.set_config('statement_timeout', $1, false),
	pg_catalog.set_config('lock_timeout', $2, false)`

// limits end a session whose client is frozen in the middle of an answer; a
// server that does not know one of them goes without.
const limits = `SELECT pg_catalog.set_config(name, $1, false) FROM pg_catalog.pg_settings
WHERE name = 'tcp_user_timeout' OR name = 'transaction_timeout' AND $2::pg_catalog.bool`

// identity tells one running server from another: after a restart, a
// failover or a restore its answers cannot be compared with those before.
const identity = `SELECT pg_catalog.concat_ws('/',
	(SELECT system_identifier FROM pg_catalog.pg_control_system()),
	(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
	pg_catalog.pg_postmaster_start_time())`

// reader is the role that reads, and the settings by which it does, as it began.
const reader = `SELECT pg_catalog.current_setting('role'), ` + sense

// ensure connects where needed.
func (s *session) ensure(ctx context.Context) error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := s.cfg.Connect(ctx, s.role)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	set := conn.PgConn().ExecParams(ctx, settings,
		[][]byte{[]byte(milliseconds(s.statement)), []byte(milliseconds(s.cfg.LockTimeout))}, nil, nil, nil).Read()
	// A page that opens may have many slow panels in one transaction yet.
	lim := conn.PgConn().ExecParams(ctx, limits, [][]byte{[]byte(milliseconds(s.cfg.StatementTimeout + 3*time.Second)),
		strconv.AppendBool(nil, s.role != "open")}, nil, nil, nil).Read()
	id := conn.PgConn().ExecParams(ctx, identity, nil, nil, nil, nil).Read()
	who := conn.PgConn().ExecParams(ctx, reader, nil, nil, nil, nil).Read()
	if err := errors.Join(set.Err, lim.Err, id.Err, who.Err); err != nil {
		_ = conn.Close(ctx)
		return fmt.Errorf("prepare session: %w", err)
	}
	if err := prepareFixed(ctx, conn.PgConn()); err != nil {
		_ = conn.Close(ctx)
		return fmt.Errorf("prepare session: %w", err)
	}
	s.conn, s.statements = conn, map[string]*statement{}
	s.types = map[uint32]typeOf{}
	s.zone, s.limit, s.planned = "", s.cfg.LockTimeout, time.Now()
	s.identity = string(id.Rows[0][0])
	s.base, s.sense, s.born = string(who.Rows[0][0]), string(who.Rows[0][1]), string(who.Rows[0][2])
	s.began = birth{time.Now(), meaning(s.sense, s.born)}
	return nil
}

// prepareFixed prepares what every cycle runs: parsing and planning it anew
// each time cost more than the panels of a small page.
func prepareFixed(ctx context.Context, conn *pgconn.PgConn) error {
	for i, sql := range fixed {
		if _, err := conn.Prepare(ctx, fixedName(i), sql, nil); err != nil {
			return err
		}
	}
	return nil
}

func fixedName(i int) string { return "f" + strconv.Itoa(i) }

// close ends the connection; the next ensure opens another.
func (s *session) close() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
	s.conn = nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// maxStatements is how many prepared statements a session may keep.
const maxStatements = 500

// trim gives up the prepared statements when they have become many, so that a
// long life with many pages does not fill the server's memory.
func (s *session) trim(ctx context.Context, requests []request) error {
	if len(s.statements) > max(maxStatements, 2*len(requests)) {
		return s.forget(ctx)
	}
	return nil
}

// forget gives up the prepared statements.
func (s *session) forget(ctx context.Context) error {
	if s.conn == nil || s.conn.IsClosed() || len(s.statements) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout+grace)
	defer cancel()
	err := s.conn.PgConn().ExecParams(ctx, "DEALLOCATE ALL", nil, nil, nil, nil).Read().Err
	if err == nil {
		err = prepareFixed(ctx, s.conn.PgConn())
	}
	if err != nil {
		s.close()
		return fmt.Errorf("forget statements: %w", err)
	}
	s.statements = map[string]*statement{}
	return nil
}

// freshPlan is how old a plan may be that reads a page unasked.
const freshPlan = time.Second

// replan gives up the session's plans after a while; statements stay prepared.
// PostgreSQL keeps with a plan the row security policies that held for the role when
// it was made, and makes another one where a policy changes, but not where the role
// leaves another to which a policy applies: the rows would stay on the screen. So no
// plan is older than half the safety interval, and what is read because that has
// passed is planned anew.
func (s *session) replan(ctx context.Context, unasked bool) error {
	most := s.cfg.Safety / 2
	if unasked {
		most = min(most, freshPlan)
	}
	if time.Since(s.planned) < most {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := s.conn.PgConn().ExecParams(ctx, "DISCARD PLANS", nil, nil, nil, nil).Read().Err; err != nil {
		s.close()
		return fmt.Errorf("give up plans: %w", err)
	}
	s.planned = time.Now()
	return nil
}

// broken tells an error of the connection or the server from one of a query.
func broken(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true
	}
	if pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC" {
		return true // whatever its code, the session is over
	}
	switch pg.Code {
	case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03", transactionTimeout, "53300", "28000", "28P01", "3D000":
		return true
	}
	return strings.HasPrefix(pg.Code, "08")
}

const (
	lockNotAvailable   = "55P03" // a lock was not granted in time
	transactionTimeout = "25P04" // all of a transaction took too long; ends the session
)

func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
