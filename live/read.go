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

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// query is what a panel asks; two panels with the same id share one answer.
type query struct {
	id    string
	sql   string // as written, placeholders $1…
	args  [][]byte
	zone  string
	limit int
}

func newQuery(page *dashboard.Page, p *dashboard.Panel) query {
	q := query{sql: strings.TrimRight(p.SQL, "; \t\r\n"), zone: page.TimeZone, limit: p.Limit}
	if q.zone == "" {
		q.zone = "UTC"
	}
	var id strings.Builder
	fmt.Fprintf(&id, "%q %d %q", q.sql, q.limit, q.zone)
	for _, a := range p.Args {
		if a == nil {
			q.args = append(q.args, nil)
			id.WriteString(" null")
			continue
		}
		q.args = append(q.args, []byte(*a))
		fmt.Fprintf(&id, " %q", *a)
	}
	q.id = id.String()
	return q
}

// answer is a query's result in one snapshot, or why there is none.
type answer struct {
	columns   []delta.Column
	rows      [][]delta.Cell
	keys      []delta.KeyChoice // by the row description: primary key, then unique keys
	truncated bool
	took      time.Duration
	err       *delta.Error
}

// relation is one that the transaction read.
type relation struct {
	oid    uint32
	kind   byte
	stands bool // it exists under the snapshot, with the file that it had
}

// snapshot is what one transaction saw.
type snapshot struct {
	at        time.Time     // the database's clock when the transaction began
	skew      time.Duration // that clock minus ours, at most
	answers   map[string]*answer
	relations []relation
}

// torn are the relations that were swapped, rewritten or dropped under the
// snapshot: what was read of them never was.
func (s *snapshot) torn() bool {
	for _, r := range s.relations {
		if !r.stands {
			return true
		}
	}
	return false
}

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
	// A name that is no table's watches nothing.
	named    = `SELECT c.oid, c.relkind FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)`
	rollback = `ROLLBACK`
	// A panel may have taken advisory locks; none of them outlives its cycle.
	unlock   = `SELECT pg_catalog.pg_advisory_unlock_all()`
	timeZone = `SELECT pg_catalog.set_config('TimeZone', $1, true)`
	serial   = `SELECT pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)`
)

// fixed are the statements that every session has prepared, named by their place.
var fixed = [...]string{begin, moment, locked, standing, rollback, unlock, timeZone, serial, named}

// firstUserOID is where the oids of what initdb did not make begin.
const firstUserOID = 16384

// reading says how to read.
type reading struct {
	queries []query
	locks   []string // quoted names to lock before the snapshot
	watch   []string // tables that the pages depend on beyond what they read
	// discover reads without parallel workers: their locks are not ours, so
	// what they read would stay unknown.
	discover bool
}

// read answers all queries in one snapshot. A query that fails is answered
// with its error and the rest are read again without it, so the answers
// without an error always share one snapshot.
func (s *session) read(ctx context.Context, r reading) (*snapshot, error) {
	failed := map[string]*answer{}
	for {
		if err := s.ensure(ctx); err != nil {
			return nil, err
		}
		var ready []query
		for _, q := range r.queries {
			if failed[q.id] != nil {
				continue
			}
			if err := s.prepare(ctx, q); err != nil {
				if broken(err) {
					s.close()
					return nil, fmt.Errorf("prepare panel: %w", err)
				}
				failed[q.id] = &answer{err: s.explain(err)}
				continue
			}
			ready = append(ready, q)
		}
		snap, culprit, err := s.transact(ctx, r, ready)
		if err == nil {
			for id, a := range failed {
				snap.answers[id] = a
			}
			return snap, nil
		}
		if culprit == nil {
			return nil, err
		}
		switch {
		case *culprit == lockStep && len(r.locks) > 0:
			r.locks = nil // dropped, renamed or held exclusively: the panels will tell
		case *culprit < 0:
			return nil, err
		case codeOf(err) == "0A000" && s.statements[ready[*culprit].id].runs > 0:
			// Its columns changed since it was prepared.
			s.forget(ctx)
		default:
			failed[ready[*culprit].id] = &answer{err: s.explain(err), took: s.cfg.Slow + 1}
		}
	}
}

// Steps of the transaction that are not a query's.
const (
	otherStep = -1
	lockStep  = -2
)

// transact runs the queries as one pipeline in one transaction. Where it
// fails, culprit is the index of the query that did it, or a step.
func (s *session) transact(ctx context.Context, r reading, queries []query) (snap *snapshot, culprit *int, err error) {
	budget := time.Duration(len(queries))*s.cfg.StatementTimeout + 5*time.Second
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	started := time.Now()
	pipe := s.conn.PgConn().StartPipeline(ctx)
	steps := s.send(pipe, r, queries)
	if err := pipe.Sync(); err != nil {
		_ = pipe.Close()
		s.close()
		return nil, nil, fmt.Errorf("send cycle: %w", err)
	}
	snap = &snapshot{answers: map[string]*answer{}}
	before := started
	for _, step := range steps {
		rr, err := next(pipe)
		if err == nil {
			err = step.take(rr, snap)
		}
		if err != nil {
			return nil, &step.index, s.abandon(ctx, pipe, err, step.index, queries)
		}
		if step.index >= 0 {
			now := time.Now()
			snap.answers[queries[step.index].id].took = now.Sub(before)
			s.statements[queries[step.index].id].runs++
			before = now
		} else {
			before = time.Now()
		}
	}
	if err := pipe.Close(); err != nil {
		s.close()
		return nil, nil, fmt.Errorf("end cycle: %w", err)
	}
	snap.skew = snap.at.Sub(started)
	return snap, nil, nil
}

// abandon leaves a failed transaction: it is rolled back, or the connection
// ends where the error is not the query's own.
func (s *session) abandon(ctx context.Context, pipe *pgconn.Pipeline, cause error, index int, queries []query) error {
	if errors.Is(cause, errTooLarge) {
		// The rest of the result is not worth reading.
		s.close()
		return cause
	}
	closeErr := pipe.Close()
	var pg *pgconn.PgError
	if broken(cause) || closeErr != nil && !errors.As(closeErr, &pg) {
		s.close()
		if index >= 0 && isTooLarge(cause) {
			return errTooLarge
		}
		return fmt.Errorf("read panels: %w", cause)
	}
	for _, end := range []string{rollback, unlock} {
		if err := s.conn.PgConn().ExecParams(ctx, end, nil, nil, nil, nil).Read().Err; err != nil {
			s.close()
			return fmt.Errorf("roll back: %w", err)
		}
	}
	return cause
}

// step is one expected result of the pipeline.
type step struct {
	index int
	take  func(*pgconn.ResultReader, *snapshot) error
}

func (s *session) send(pipe *pgconn.Pipeline, r reading, queries []query) []step {
	var steps []step
	run := func(sql string, args [][]byte, index int, take func(*pgconn.ResultReader, *snapshot) error) {
		if i := slices.Index(fixed[:], sql); i >= 0 {
			pipe.SendQueryPrepared(fixedName(i), args, nil, nil)
		} else {
			pipe.SendQueryParams(sql, args, nil, nil, nil)
		}
		steps = append(steps, step{index, take})
	}
	if flaw.On("no-common-snapshot") {
		run("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", nil, otherStep, discard)
	} else {
		run(begin, nil, otherStep, discard)
	}
	if len(r.locks) > 0 {
		run("LOCK TABLE ONLY "+strings.Join(r.locks, ", ONLY ")+" IN ACCESS SHARE MODE", nil, lockStep, discard)
	}
	run(moment, nil, otherStep, takeMoment)
	if r.discover {
		run(serial, nil, otherStep, discard)
	}
	zone := ""
	for i, q := range queries {
		if q.zone != zone {
			zone = q.zone
			run(timeZone, [][]byte{[]byte(zone)}, otherStep, discard)
		}
		st := s.statements[q.id]
		// Flushed one by one: otherwise all answers come at the end, and no
		// panel's time can be told from another's.
		pipe.SendFlushRequest()
		pipe.SendQueryPrepared(st.name, q.args, nil, nil)
		steps = append(steps, step{i, func(rr *pgconn.ResultReader, snap *snapshot) error {
			a, err := st.collect(rr, q.limit, s.cfg.MaxBytes)
			if err == nil {
				snap.answers[q.id] = a
			}
			return err
		}})
	}
	pipe.SendFlushRequest()
	run(locked, nil, otherStep, takeLocked)
	run(standing, nil, otherStep, takeStanding)
	for _, name := range r.watch {
		run(named, [][]byte{[]byte(name)}, otherStep, takeNamed)
	}
	run(rollback, nil, otherStep, discard)
	run(unlock, nil, otherStep, discard)
	return steps
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

func takeNamed(rr *pgconn.ResultReader, snap *snapshot) error {
	for rr.NextRow() {
		oid, err := strconv.ParseUint(string(rr.Values()[0]), 10, 32)
		if err != nil {
			return fmt.Errorf("parse oid: %w", err)
		}
		snap.relations = append(snap.relations, relation{oid: uint32(oid), kind: rr.Values()[1][0], stands: true})
	}
	_, err := rr.Close()
	return err
}
