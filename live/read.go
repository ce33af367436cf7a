package live

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// query is what a panel asks; two panels with the same id share one answer.
type query struct {
	id    string
	text  string // two queries with the same text share a statement
	sql   string // as written, placeholders $1…
	args  [][]byte
	zone  string
	limit int
	as    string // role and settings, as one text; "" is the role that reads
	role  string
	set   []dashboard.Setting
}

func newQuery(page *dashboard.Page, p *dashboard.Panel) query {
	q := query{sql: strings.TrimRight(p.SQL, "; \t\r\n"), zone: page.TimeZone, limit: p.Limit}
	if q.zone == "" {
		q.zone = "UTC"
	}
	var id strings.Builder
	if q.role, q.set = page.Role, page.Settings; q.role != "" || len(q.set) > 0 {
		q.as = fmt.Sprintf("as %q %q ", q.role, q.set)
		id.WriteString(q.as) // the same query is another one for whoever may see other rows
	}
	// The zone belongs to it: literals get their meaning when it is parsed.
	q.text = fmt.Sprintf("%q %d %q", q.sql, q.limit, q.zone)
	id.WriteString(q.text)
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
	statement *statement
	columns   []delta.Column
	rows      [][]delta.Cell
	keys      []delta.KeyChoice // by the row description: primary key, then unique keys
	truncated bool
	size      int     // bytes of its cells
	same      *answer // the one before, where nothing changed since
	took      time.Duration
	err       *delta.Error
	locked    bool // the error is that somebody holds a table
	put       bool // there is none: it was put off, for the others not to wait
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
	began     time.Duration // that clock before the first query
	worked    time.Duration // and how far it went until the last one had ended: without the line, where the answers fit its buffers
	answers   map[string]*answer
	relations []relation
	taken     []uint32 // tables that were locked before the snapshot
	missed    []uint32 // tables that could not be locked before the snapshot
	swayed    bool     // a query changed what others mean
}

// torn are the relations that were swapped, rewritten or dropped under the
// snapshot: what was read of them never was.
func (s *snapshot) torn() (oids []uint32) {
	if flaw.On("no-torn-check") {
		return nil
	}
	for _, r := range s.relations {
		if !r.stands {
			oids = append(oids, r.oid)
		}
	}
	return oids
}

// miss notes tables that could not be locked before the snapshot. One that was
// read all the same came free in between, and may have lost a partition under
// the snapshot, which shows nowhere: it counts as torn.
func (s *snapshot) miss(tables []lock) {
	for _, t := range tables {
		s.missed = append(s.missed, t.oid)
	}
	for i, r := range s.relations {
		if slices.Contains(s.missed, r.oid) {
			s.relations[i].stands = false
		}
	}
}

// firstUserOID is where the oids of what initdb did not make begin.
const firstUserOID = 16384

// lock is a table to lock before the snapshot.
type lock struct {
	oid  uint32
	name string // quoted, with its schema
}

// reading says what to read, and how.
type reading struct {
	requests []request
	locks    []lock // tables to lock before the snapshot
	blocked  []lock // tables that could not be, a moment ago
	hasty    bool   // do not wait long for a lock
	unasked  bool   // a safety interval has passed, and nothing else asks for it
	discover bool   // also resolve the further tables that the first page names
	// patience is what a query may take before it is put off: its page is read
	// without it. 0: what the session allows.
	patience time.Duration
	// reached is told, from within, that the pages before this one have their answers.
	reached func(page int, answers map[string]*answer)
}

const (
	// hasty is how long a lock is waited for once one was not to be had: the
	// other panels, and the other pages, shall not wait for each in turn.
	hasty = 20 * time.Millisecond
	// kills is how often a session may end while it runs a panel before the
	// panel is held to be the cause.
	kills = 3
	// putOffs is how many queries of a page are waited for in vain before nothing of it
	// is tried any more that has not been answered yet.
	putOffs = 4
	// grace is what an answer may take beyond the server's own limits before
	// the connection is given up.
	grace = 2 * time.Second
)

// read answers all queries in one snapshot. A query that fails is answered
// with its error and the rest are read again without it, so the answers
// without an error always share one snapshot. Pages that cannot be answered
// within the budget are left without an answer.
func (s *session) read(ctx context.Context, r reading) (*snapshot, error) {
	a := attempt{
		reading: r, began: time.Now(), failed: map[string]*answer{}, killed: map[string]int{},
		prepared: map[string]*answer{}, anew: map[string]int{}, missed: slices.Clone(r.blocked),
	}
	a.hasty = r.hasty || len(r.blocked) > 0
	if err := s.trim(ctx, r.requests); err != nil {
		return nil, err
	}
	for {
		if err := s.ensure(ctx); err != nil {
			return nil, err
		}
		if err := s.replan(ctx, r.unasked); err != nil {
			return nil, err
		}
		if s.wary() { // what is set anew before each query is what the server says now
			if _, err := s.reload(ctx); err != nil {
				return nil, err
			}
		}
		ready, err := s.prepareAll(ctx, &a)
		if err != nil {
			return nil, err
		}
		snap, f := s.transact(ctx, a, ready)
		if f == nil && snap.swayed && !s.wary() {
			if err := s.heed(ctx, &a); err != nil {
				return nil, err
			}
			continue
		}
		if f == nil {
			maps.Copy(snap.answers, a.failed)
			snap.miss(a.missed)
			for _, l := range a.locks {
				snap.taken = append(snap.taken, l.oid)
			}
			return snap, nil
		}
		if ctx.Err() != nil {
			return nil, f.err
		}
		if err := s.blame(ctx, &a, ready, f); err != nil {
			return nil, err
		}
		if f.query != none && time.Since(a.began) > s.cfg.budget() || f.late {
			a.shed(f.answers)
		}
	}
}

// attempt is what the tries of one reading have taught.
type attempt struct {
	reading
	began    time.Time
	failed   map[string]*answer
	prepared map[string]*answer // by text: nil, or why it could not be
	anew     map[string]int     // by text: how often it was prepared anew
	killed   map[string]int     // how often the session ended while the query ran
	missed   []lock             // tables that could not be locked before the snapshot
	loaded   bool               // the session's settings were found to be others now
	oneByOne bool               // lock the tables one by one, to see which it is
	hurried  bool               // a query was put off, and others shall not be waited for as long
}

// shed leaves the pages that were not answered in time for the next reading.
// One with a query that failed, was prepared anew, or ended the session, stays until
// that is settled: it must not come first again and again.
func (a *attempt) shed(answered map[string]*answer) {
	stays := map[int]bool{}
	for _, q := range a.requests {
		if a.failed[q.id] != nil || a.killed[q.id] > 0 || a.anew[q.text] > 0 {
			stays[q.page] = true
		}
	}
	if len(answered) == 0 && len(stays) == 0 && len(a.requests) > 0 {
		stays[a.requests[0].page] = true // one at least is read
	}
	var kept []request
	for _, q := range a.requests {
		if got := answered[q.id]; got != nil {
			if got.took > 0 { // else it came with others, and was not timed
				q.took = got.took
			}
		} else if !stays[q.page] {
			continue
		}
		kept = append(kept, q)
	}
	a.requests = kept
}

// prepareAll prepares the queries that have not failed, each text once.
func (s *session) prepareAll(ctx context.Context, a *attempt) ([]request, error) {
	var ready []request
	for _, q := range a.requests {
		if a.failed[q.id] != nil {
			continue
		}
		why, known := a.prepared[q.text]
		if !known || why == nil && s.statements[q.text] == nil {
			var err error
			if why, err = s.prepareFor(ctx, a, q.query); err != nil {
				return nil, err
			}
			a.prepared[q.text] = why
		}
		if why != nil {
			a.failed[q.id] = why
			continue
		}
		ready = append(ready, q)
	}
	if err := s.wait(ctx, a.lockTimeout(s.cfg)); err != nil {
		s.close()
		return nil, err
	}
	return ready, nil
}

// lockTimeout is how long a lock is waited for in what comes now.
func (a *attempt) lockTimeout(c Config) time.Duration {
	if a.hasty {
		return min(c.LockTimeout, hasty)
	}
	return c.LockTimeout
}

// prepareFor prepares a query, or says what its viewers are told instead.
func (s *session) prepareFor(ctx context.Context, a *attempt, q query) (*answer, error) {
	err := s.wait(ctx, a.lockTimeout(s.cfg))
	if err == nil {
		err = s.prepare(ctx, q)
	}
	if err == nil {
		return nil, nil
	}
	if broken(err) {
		s.close()
		return nil, fmt.Errorf("prepare panel: %w", err)
	}
	a.hasty = a.hasty || codeOf(err) == lockNotAvailable
	return &answer{err: s.explainQuery(ctx, q, err, 0), locked: codeOf(err) == lockNotAvailable}, nil
}

// panicked is a panic that was caught while a panel was read.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "internal error" }

// caught turns a panic into an error; to be deferred.
func caught(err *error) {
	if value := recover(); value != nil {
		*err = &panicked{value, debug.Stack()}
	}
}
