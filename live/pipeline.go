package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/flaw"
)

const (
	begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	// The first statement that takes the snapshot; from here on each has its limit.
	moment = `SELECT pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_catalog.set_config('statement_timeout', $1, true), ` + clock
	// The locks are listed before anything of our own locks a catalog table; the row
	// without one tells what the settings are now.
	locked = `SELECT DISTINCT relation, NULL, NULL, NULL::pg_catalog.int8 FROM pg_catalog.pg_lock_status()
WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND mode = 'AccessShareLock' AND granted
UNION ALL SELECT NULL, ` + sense + `, ` + clock
	// Microseconds, whatever a query has set for how numbers read.
	clock    = `(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8`
	standing = `SELECT c.oid, c.relkind, c.relfilenode = 0 OR c.relfilenode IS NOT DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)
FROM pg_catalog.pg_class c
WHERE c.oid IN (SELECT relation FROM pg_catalog.pg_lock_status()
	WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND mode = 'AccessShareLock' AND granted)`
	rollback = `ROLLBACK`
	// A panel may have taken advisory locks; none of them outlives its cycle.
	unlock = `SELECT pg_catalog.pg_advisory_unlock_all()`
	// Both tell what it was: a query may have set it for those after it.
	timeZone = `SELECT pg_catalog.current_setting('TimeZone'), pg_catalog.set_config('TimeZone', $1, true)`
	setLocal = `SELECT pg_catalog.current_setting($1, true), pg_catalog.set_config($1, $2, true)`
	atMost   = `SELECT pg_catalog.set_config('statement_timeout', $1, true)`
)

// fixed are the statements that every session has prepared, named by their place.
var fixed = [...]string{begin, moment, locked, standing, rollback, unlock, timeZone, atMost, setLocal, restore, bypasses}

// none is the index of no query and of no lock.
const none = -1

// failure is why a transaction was given up, and whose step it was.
type failure struct {
	err     error
	query   int
	lock    int
	after   int // the last query that was answered
	took    time.Duration
	unclear bool               // whether it was that query's is not known: answers were to come together
	late    bool               // it was ended here: too much was still to come
	overdue bool               // the connection was, for the database did not end the query in time
	answers map[string]*answer // of the queries before
}

// step is one expected result of the pipeline.
type step struct {
	query  int // that it is to blame on
	lock   int
	answer bool // of the query itself
	sends  bool // the database sends its answers up to here
	take   func(*pgconn.ResultReader, *snapshot) error
}

// transaction is one pipeline on its way.
type transaction struct {
	*session
	attempt
	requests []request
	pipe     *pgconn.Pipeline
	began    time.Time
	steps    []step        // expected and not taken
	local    string        // time zone, after all that was sent
	as       query         // as whom the last query runs that was sent
	next     int           // the request to send next
	bundled  time.Duration // what the queries may take whose answers the database was not told to send
	come     []int         // the requests whose answers came, and that are not timed
	size     int           // of the answers
	full     int           // the page after which no other is kept; none: there is room
	ended    bool          // all has been sent
}

// transact runs the queries as one pipeline in one transaction. Pages that it
// did not begin within the budget stay without an answer.
func (s *session) transact(ctx context.Context, a attempt, requests []request) (*snapshot, *failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var crowded, late, overdue atomic.Bool
	// Each step may take what the server allows it; a connection that is silent
	// for longer is dead.
	patience := s.statement + s.cfg.LockTimeout + grace
	watchdog := time.AfterFunc(patience, func() { overdue.Store(true); cancel() })
	defer watchdog.Stop()
	// Where quick queries all turned slow at once, too many are under way.
	limit := time.AfterFunc(2*s.cfg.budget()+s.statement, func() {
		if crowded.Load() {
			late.Store(true)
			cancel()
		}
	})
	defer limit.Stop()
	defer s.window.reset()

	t := &transaction{
		session: s, attempt: a, requests: requests, pipe: s.conn.PgConn().StartPipeline(ctx),
		began: time.Now(), full: none,
	}
	snap, last := &snapshot{answers: map[string]*answer{}}, none
	t.begin()
	for since, now := t.began, t.began; ; {
		if err := t.send(now); err != nil {
			_ = t.pipe.Close()
			s.close()
			return nil, &failure{err: fmt.Errorf("send cycle: %w", err), query: none, lock: none, after: last, late: late.Load(), answers: snap.answers}
		}
		if len(t.steps) == 0 {
			break
		}
		crowded.Store(s.window.crowded())
		company := t.company()
		if len(t.come) == 0 {
			watchdog.Reset(patience + time.Duration(company-1)*t.limit())
		}
		step := t.steps[0]
		t.steps = t.steps[1:]
		err := step.run(t.pipe, snap)
		now = time.Now()
		if err != nil {
			f := &failure{err: t.abandon(err), query: step.query, lock: step.lock, after: last, took: t.credible(now.Sub(since)),
				late: late.Load(), overdue: overdue.Load(), answers: snap.answers}
			if f.unclear = company > 1 && f.query != none && (f.late || silent(err)); f.unclear {
				t.window.part()
			}
			return nil, f
		}
		if step.answer {
			last = step.query
			t.arrived(last, snap)
		}
		if step.sends {
			t.timed(now.Sub(since), snap)
		}
		if len(t.come) == 0 {
			since = now
		}
	}
	if err := t.pipe.Close(); err != nil {
		s.close()
		return nil, &failure{err: fmt.Errorf("end cycle: %w", err), query: none, lock: none, after: last}
	}
	snap.skew = snap.at.Sub(t.began)
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
func (t *transaction) abandon(cause error) error {
	if isTooLarge(cause) {
		// The rest of the result is not worth reading.
		t.close()
		return errTooLarge
	}
	if broken(cause) { // a panic too: nobody knows where the pipeline stands
		t.close()
		return fmt.Errorf("read panels: %w", cause)
	}
	if !t.ended { // what is under way is skipped up to here
		if err := t.pipe.Sync(); err != nil {
			t.close()
			return fmt.Errorf("read panels: %w", errors.Join(errEnded, err))
		}
	}
	closeErr := t.pipe.Close()
	var pg *pgconn.PgError
	if closeErr != nil && !errors.As(closeErr, &pg) {
		t.close()
		return fmt.Errorf("read panels: %w", errors.Join(errEnded, closeErr))
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, end := range []string{rollback, unlock} {
		if err := t.conn.PgConn().ExecParams(ctx, end, nil, nil, nil, nil).Read().Err; err != nil {
			t.close()
			return cause
		}
	}
	return cause
}

// errEnded is what ends a session without a word of PostgreSQL's own.
var errEnded = errors.New("the connection ended")

// run adds a statement to the pipeline.
func (t *transaction) run(sql string, args [][]byte, st step) {
	if i := slices.Index(fixed[:], sql); i >= 0 {
		t.pipe.SendQueryPrepared(fixedName(i), args, nil, nil)
	} else {
		t.pipe.SendQueryParams(sql, args, nil, nil, nil)
	}
	t.steps = append(t.steps, st)
}

func other(take func(*pgconn.ResultReader, *snapshot) error) step {
	return step{query: none, lock: none, take: take}
}

// begin adds what comes before the queries.
func (t *transaction) begin() {
	if flaw.On("no-common-snapshot") {
		t.run("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", nil, other(discard))
	} else {
		t.run(begin, nil, other(discard))
	}
	for i, sql := range lockTables(t.locks, t.oneByOne) {
		t.run(sql, nil, step{query: none, lock: i, take: discard})
	}
	t.run(moment, [][]byte{[]byte(milliseconds(t.limit()))}, other(takeMoment))
	t.flush()
}

// limit is what the database gives each query.
func (t *transaction) limit() time.Duration {
	if t.patience > 0 {
		return t.patience
	}
	return t.statement
}

// credible is what a query may have cost that seemed to take so long: the database ends
// it at its limit, and what lies beyond that was this program's, which stood still. A
// panel that rested for it would be wrong for a minute after a machine slept.
func (t *transaction) credible(took time.Duration) time.Duration {
	return min(took, t.limit()+t.limit()/4)
}

// send sends as many queries as there is room for, and the end after the last
// that is to be read.
func (t *transaction) send(now time.Time) error {
	sent := false
	for low := t.window.low(); t.next < len(t.requests) && !t.over(now); t.next++ {
		if q := t.requests[t.next]; !t.window.room(q, low, t.cfg.budget()) {
			break
		}
		t.ask(t.next, now)
		sent = true
	}
	if sent {
		t.flush()
	}
	if !t.ended && (t.next == len(t.requests) || t.over(now)) {
		t.end()
		sent = true
	}
	if !sent {
		return nil
	}
	return t.pipe.Flush()
}

// over tells whether the budget is used up before the next query, which
// begins a page.
func (t *transaction) over(now time.Time) bool {
	if t.ended {
		return true
	}
	if t.next == 0 || t.requests[t.next].page == t.requests[t.next-1].page {
		return false
	}
	return t.full != none || now.Sub(t.began) > t.cfg.budget()
}

// ask adds a query.
func (t *transaction) ask(i int, now time.Time) {
	q := t.requests[i]
	brief := t.brief(q, now)
	if !brief || t.wary() || q.zone != t.local || q.as != "" || t.as.as != "" {
		t.flush() // what comes now is timed by itself
	}
	t.beware(i)
	if q.zone != t.local {
		t.run(timeZone, [][]byte{[]byte(q.zone)}, step{query: i, lock: none, take: t.expect(t.here(), strings.EqualFold)})
		t.local = q.zone
		t.flush()
	}
	t.become(i, q.query)
	st := t.statements[q.text]
	t.pipe.SendQueryPrepared(st.name, q.args, nil, nil)
	t.window.sent(q)
	t.steps = append(t.steps, step{query: i, lock: none, answer: true, take: func(rr *pgconn.ResultReader, snap *snapshot) error {
		if t.full != none && t.full != q.page {
			return discard(rr, snap)
		}
		if flaw.On("panic-while-reading") && strings.Contains(q.text, "bug") {
			panic("a bug")
		}
		a, err := st.collect(rr, q.limit, t.cfg.MaxBytes, q.last)
		if err == nil {
			snap.answers[q.id] = a
		}
		return err
	}})
	if t.bundled += q.took; !brief || t.bundled >= t.cfg.heavy()/bundleShare {
		t.flush()
	}
}

// end adds what comes after the queries.
func (t *transaction) end() {
	t.become(none, query{})
	if t.patience > 0 {
		t.run(atMost, [][]byte{[]byte(milliseconds(t.statement))}, other(discard))
	}
	t.run(locked, nil, other(t.takeLocked))
	t.run(standing, nil, other(takeStanding))
	t.run(rollback, nil, other(discard))
	t.run(unlock, nil, other(discard))
	t.judge()
	t.pipe.SendPipelineSync()
	t.ended = true
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
