package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/flaw"
)

const (
	begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	// The first statement that takes the snapshot.
	moment = `SELECT pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	// The locks are listed before anything of our own locks a catalog table.
	locked = `SELECT DISTINCT relation FROM pg_catalog.pg_lock_status()
WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND mode = 'AccessShareLock' AND granted`
	standing = `SELECT c.oid, c.relkind, c.relfilenode = 0 OR c.relfilenode IS NOT DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)
FROM pg_catalog.pg_class c
WHERE c.oid IN (SELECT relation FROM pg_catalog.pg_lock_status()
	WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND mode = 'AccessShareLock' AND granted)`
	rollback = `ROLLBACK`
	// A panel may have taken advisory locks; none of them outlives its cycle.
	unlock   = `SELECT pg_catalog.pg_advisory_unlock_all()`
	timeZone = `SELECT pg_catalog.set_config('TimeZone', $1, true)`
	serial   = `SELECT pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)`
)

// fixed are the statements that every session has prepared, named by their place.
var fixed = [...]string{begin, moment, locked, standing, rollback, unlock, timeZone, serial}

// none is the index of no query and of no lock.
const none = -1

// failure is why a transaction was given up, and whose step it was.
type failure struct {
	err     error
	query   int
	lock    int
	took    time.Duration
	answers map[string]*answer // of the queries before
}

// step is one expected result of the pipeline.
type step struct {
	query  int // that it is to blame on
	lock   int
	answer bool // of the query itself
	take   func(*pgconn.ResultReader, *snapshot) error
}

// transact runs the queries as one pipeline in one transaction.
func (s *session) transact(ctx context.Context, a attempt, queries []query) (*snapshot, *failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Each step may take what the server allows it; a connection that is silent
	// for longer is dead.
	patience := s.statement + s.cfg.LockTimeout + grace
	watchdog := time.AfterFunc(patience, cancel)
	defer watchdog.Stop()
	started := time.Now()
	pipe := s.conn.PgConn().StartPipeline(ctx)
	steps := s.send(pipe, a, queries)
	if err := pipe.Sync(); err != nil {
		_ = pipe.Close()
		s.close()
		return nil, &failure{fmt.Errorf("send cycle: %w", err), none, none, 0, nil}
	}
	snap := &snapshot{answers: map[string]*answer{}}
	before := started
	for _, step := range steps {
		err := step.run(pipe, snap)
		now := time.Now()
		if err != nil {
			return nil, &failure{s.abandon(pipe, err), step.query, step.lock, now.Sub(before), snap.answers}
		}
		if step.answer {
			q := queries[step.query]
			snap.answers[q.id].took = now.Sub(before)
			s.statements[q.text].runs++
		}
		before = now
		watchdog.Reset(patience)
	}
	if err := pipe.Close(); err != nil {
		s.close()
		return nil, &failure{fmt.Errorf("end cycle: %w", err), none, none, 0, nil}
	}
	snap.skew = snap.at.Sub(started)
	return snap, nil
}

// run takes the step's result. What panics over it is that result's trouble.
func (st step) run(pipe *pgconn.Pipeline, snap *snapshot) (err error) {
	defer caught(&err)
	rr, err := next(pipe)
	if err != nil {
		return err
	}
	return st.take(rr, snap)
}

// abandon leaves a failed transaction: it is rolled back, or the connection
// ends where the error is not the query's own.
func (s *session) abandon(pipe *pgconn.Pipeline, cause error) error {
	if isTooLarge(cause) {
		// The rest of the result is not worth reading.
		s.close()
		return errTooLarge
	}
	if broken(cause) { // a panic too: nobody knows where the pipeline stands
		s.close()
		return fmt.Errorf("read panels: %w", cause)
	}
	closeErr := pipe.Close()
	var pg *pgconn.PgError
	if closeErr != nil && !errors.As(closeErr, &pg) {
		s.close()
		return fmt.Errorf("read panels: %w", errors.Join(errEnded, closeErr))
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, end := range []string{rollback, unlock} {
		if err := s.conn.PgConn().ExecParams(ctx, end, nil, nil, nil, nil).Read().Err; err != nil {
			s.close()
			return cause
		}
	}
	return cause
}

// errEnded is what ends a session without a word of PostgreSQL's own.
var errEnded = errors.New("the connection ended")

func (s *session) send(pipe *pgconn.Pipeline, a attempt, queries []query) []step {
	var steps []step
	run := func(sql string, args [][]byte, st step) {
		if i := slices.Index(fixed[:], sql); i >= 0 {
			pipe.SendQueryPrepared(fixedName(i), args, nil, nil)
		} else {
			pipe.SendQueryParams(sql, args, nil, nil, nil)
		}
		steps = append(steps, st)
	}
	other := func(take func(*pgconn.ResultReader, *snapshot) error) step {
		return step{query: none, lock: none, take: take}
	}
	if flaw.On("no-common-snapshot") {
		run("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", nil, other(discard))
	} else {
		run(begin, nil, other(discard))
	}
	for i, sql := range lockTables(a.locks, a.oneByOne) {
		run(sql, nil, step{query: none, lock: i, take: discard})
	}
	run(moment, nil, other(takeMoment))
	if a.discover {
		run(serial, nil, other(discard))
	}
	zone := ""
	for i, q := range queries {
		if q.zone != zone {
			zone = q.zone
			run(timeZone, [][]byte{[]byte(zone)}, step{query: i, lock: none, take: discard})
		}
		st := s.statements[q.text]
		// Flushed one by one: otherwise all answers come at the end, and no
		// panel's time can be told from another's.
		pipe.SendFlushRequest()
		pipe.SendQueryPrepared(st.name, q.args, nil, nil)
		steps = append(steps, step{query: i, lock: none, answer: true, take: func(rr *pgconn.ResultReader, snap *snapshot) error {
			a, err := st.collect(rr, q.limit, s.cfg.MaxBytes)
			if err == nil {
				snap.answers[q.id] = a
			}
			return err
		}})
	}
	pipe.SendFlushRequest()
	run(locked, nil, other(takeLocked))
	run(standing, nil, other(takeStanding))
	run(rollback, nil, other(discard))
	run(unlock, nil, other(discard))
	return steps
}

// lockTables are the statements that lock the tables before the snapshot.
func lockTables(tables []lock, oneByOne bool) []string {
	if len(tables) == 0 {
		return nil
	}
	var list []string
	for _, t := range tables {
		list = append(list, t.name)
	}
	if !oneByOne {
		list = []string{strings.Join(list, ", ONLY ")}
	}
	for i, names := range list {
		list[i] = "LOCK TABLE ONLY " + names + " IN ACCESS SHARE MODE"
	}
	return list
}

// next is the pipeline's next result.
func next(pipe *pgconn.Pipeline) (*pgconn.ResultReader, error) {
	res, err := pipe.GetResults()
	if err != nil {
		return nil, err
	}
	rr, ok := res.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("read pipeline: unexpected %T", res)
	}
	return rr, nil
}

func discard(rr *pgconn.ResultReader, _ *snapshot) error {
	_, err := rr.Close()
	return err
}

func takeMoment(rr *pgconn.ResultReader, snap *snapshot) error {
	if rr.NextRow() {
		at, err := time.Parse(time.RFC3339Nano, string(rr.Values()[0]))
		if err != nil {
			return fmt.Errorf("parse clock: %w", err)
		}
		snap.at = at
	}
	_, err := rr.Close()
	return err
}

func takeLocked(rr *pgconn.ResultReader, snap *snapshot) error {
	for rr.NextRow() {
		oid, err := strconv.ParseUint(string(rr.Values()[0]), 10, 32)
		if err != nil {
			return fmt.Errorf("parse oid: %w", err)
		}
		// Until pg_class shows it, a user's relation does not stand.
		snap.relations = append(snap.relations, relation{oid: uint32(oid), stands: oid < firstUserOID})
	}
	_, err := rr.Close()
	return err
}

func takeStanding(rr *pgconn.ResultReader, snap *snapshot) error {
	at := map[uint32]int{}
	for i, r := range snap.relations {
		at[r.oid] = i
	}
	for rr.NextRow() {
		v := rr.Values()
		oid, err := strconv.ParseUint(string(v[0]), 10, 32)
		if err != nil {
			return fmt.Errorf("parse oid: %w", err)
		}
		if i, ok := at[uint32(oid)]; ok {
			snap.relations[i].kind = v[1][0]
			if oid >= firstUserOID {
				snap.relations[i].stands = string(v[2]) == "t"
			}
		}
	}
	_, err := rr.Close()
	return err
}
