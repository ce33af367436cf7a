package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// judge compares what viewers were shown with what the database held.
type judge struct {
	aborts, frames, resumes, faults, statuses, marked, matched, alone atomic.Int64
	// asked are the panels of the page with this address.
	asked func(page string) []question
	// beside are pages without a snapshot's name, on the logged tables alone.
	beside []string
	// mute: what is written now need not be heard of, for it rings no bell.
	mute atomic.Bool

	mu       sync.Mutex
	wrong    []string             // broken promises, in words
	spoiled  chan struct{}        // closed at the first
	commits  map[string]time.Time // committed transactions, and when at the latest
	states   map[string]*delta.State
	waiting  []*delta.State // to be compared
	nameless []*delta.State // the same, of pages beside
	claims   map[claim]bool
	begun    uint64 // the log holds nothing from before the end of this transaction
}

// claim is a status `live` beside the snapshot that was on the screen.
type claim struct {
	cut string
	at  time.Time
}

func newJudge() *judge {
	return &judge{asked: func(string) []question { return stormy() },
		spoiled: make(chan struct{}), commits: map[string]time.Time{},
		states: map[string]*delta.State{}, claims: map[claim]bool{}}
}

// accuse notes a broken promise.
func (j *judge) accuse(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.wrong) == 0 {
		close(j.spoiled)
	}
	if len(j.wrong) < 10 {
		j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
	}
}

func (j *judge) verdict() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.wrong)
}

// forget drops what was judged, with the log up to that transaction.
func (j *judge) forget(last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun = last
	j.commits, j.states, j.claims, j.nameless = map[string]time.Time{}, map[string]*delta.State{}, map[claim]bool{}, nil
}

func (j *judge) committed(xid string, at time.Time) {
	if j.mute.Load() {
		return
	}
	j.mu.Lock()
	j.commits[xid] = at
	j.mu.Unlock()
}

// writes are the transactions that are known to be committed.
func (j *judge) writes() (all []edit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for text, at := range j.commits {
		if xid, err := strconv.ParseUint(text, 10, 64); err == nil {
			all = append(all, edit{mark: xid, acked: at})
		}
	}
	return all
}

// witness is a viewer's said: it keeps what has to be judged.
func (j *judge) witness(m *delta.Message, s *delta.State) {
	switch m.Type {
	case delta.TypeSnapshot, delta.TypeDelta:
		j.frames.Add(1)
		j.mu.Lock()
		first := j.states[s.Cursor]
		if first == nil {
			j.states[s.Cursor] = s
			switch {
			case slices.Contains(j.beside, s.Page):
				j.nameless = append(j.nameless, s)
			case j.names(s.Page):
				j.waiting = append(j.waiting, s)
			}
		}
		j.mu.Unlock()
		if first != nil && !samePanels(first, s) {
			j.accuse("two viewers hold different states of cursor %s", s.Cursor)
		}
	case delta.TypeStatus:
		if m.Status.State != "live" {
			return
		}
		j.statuses.Add(1)
		if text, ok := cutOf(s); ok {
			j.mu.Lock()
			j.claims[claim{text, m.Status.At}] = true
			j.mu.Unlock()
		} else if s == nil {
			j.accuse("live without a state")
		}
	}
}

// names tells whether the page has a panel that names the snapshot.
func (j *judge) names(page string) bool {
	return slices.ContainsFunc(j.asked(page), func(q question) bool { return q.id == cut.id })
}

func samePanels(a, b *delta.State) bool {
	return maps.EqualFunc(a.Panels, b.Panels, (*delta.Panel).Equal)
}

// cutOf is the snapshot that a state names, unless it is marked as not of the
// common one.
func cutOf(s *delta.State) (string, bool) {
	if s == nil {
		return "", false
	}
	p := s.Panels[cut.id]
	if p == nil || p.Err != nil || !p.At.IsZero() || len(p.Rows) != 1 {
		return "", false
	}
	return p.Rows[0].Cells[0].Text, true
}

// work judges states as they come until ctx ends, and the rest then.
func (j *judge) work(ctx context.Context, conn *pgx.Conn) error {
	for {
		j.mu.Lock()
		batch := j.waiting
		j.waiting = nil
		j.mu.Unlock()
		if err := j.compareAll(conn, j.byCut(batch)); err != nil {
			return err
		}
		if len(batch) == 0 && ctx.Err() != nil {
			return nil
		}
		if len(batch) == 0 {
			sleep(ctx, 20*time.Millisecond)
		}
	}
}

// companions judges the pages beside: a state that was read at the very moment
// of one that names its snapshot was read in that snapshot, for a moment is the
// start of a transaction. How many were compared, and how many were not, is counted.
func (j *judge) companions(conn *pgx.Conn) error {
	j.mu.Lock()
	nameless, states := j.nameless, maps.Clone(j.states)
	j.nameless = nil
	j.mu.Unlock()
	cuts := map[time.Time]string{}
	for _, s := range states {
		if text, ok := cutOf(s); ok {
			if other, known := cuts[s.At]; known && other != text {
				text = "" // two transactions began in the same microsecond
			}
			cuts[s.At] = text
		}
	}
	groups := map[string][]*delta.State{}
	for _, s := range nameless {
		if text := cuts[s.At]; text != "" {
			groups[text] = append(groups[text], s)
			j.matched.Add(1)
		} else {
			j.alone.Add(1)
		}
	}
	return j.compareAll(conn, groups)
}

// compareAll compares states by the snapshots that they were read in.
func (j *judge) compareAll(conn *pgx.Conn, groups map[string][]*delta.State) error {
	for cut, states := range groups {
		if old, err := j.precedes(cut); err != nil {
			return err
		} else if old {
			j.marked.Add(int64(len(states)))
			continue
		}
		if err := j.compare(conn, cut, states); err != nil {
			return err
		}
	}
	return nil
}

// precedes tells whether a snapshot is from before the log began: who comes may
// be shown an older one first, with what followed it.
func (j *judge) precedes(cut string) (bool, error) {
	s, err := parseSnapshot(cut)
	if err != nil {
		return false, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for xid := range s.running {
		if xid <= j.begun {
			return true, nil
		}
	}
	return s.max <= j.begun, nil
}

// byCut puts together what was read in the same snapshot, which is mostly many
// pages.
func (j *judge) byCut(states []*delta.State) map[string][]*delta.State {
	groups := map[string][]*delta.State{}
	for _, s := range states {
		if text, ok := cutOf(s); ok {
			groups[text] = append(groups[text], s)
		} else {
			j.marked.Add(1)
		}
	}
	return groups
}

// compare asks the panels' own queries of the tables as they were in the states'
// snapshot.
func (j *judge) compare(conn *pgx.Conn, text string, states []*delta.State) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, fill := range []string{shadowAcct, shadowTotal} {
			if _, err := tx.Exec(ctx, fill, text); err != nil {
				return fmt.Errorf("fill shadow: %w", err)
			}
		}
		answers := map[string][][]delta.Cell{} // by query
		for _, s := range states {
			if err := j.compareState(ctx, tx.Conn().PgConn(), text, s, answers); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `TRUNCATE pg_temp.acct, pg_temp.total`)
		return err
	})
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	return nil
}

// compareState compares one state; answers are those that are known already.
func (j *judge) compareState(ctx context.Context, conn *pgconn.PgConn, text string, s *delta.State, answers map[string][][]delta.Cell) error {
	for _, q := range j.asked(s.Page) {
		p := s.Panels[q.id]
		if p == nil || p.Err != nil || !p.At.IsZero() {
			j.marked.Add(1)
			continue
		}
		want, known := answers[q.query]
		if !known {
			var err error
			if want, err = answerTo(ctx, conn, q); err != nil {
				return err
			}
			answers[q.query] = want
		}
		if diff := differ(q, p, want); diff != "" {
			j.accuse("cursor %s of %s is not the snapshot %s: panel %s: %s", s.Cursor, s.Page, text, q.id, diff)
		}
	}
	return nil
}

// order checks that no page went back within its epoch.
func (j *judge) order() (snapshots, epochs int, err error) {
	type moment struct {
		version uint64
		cut     string
	}
	j.mu.Lock()
	states := maps.Clone(j.states)
	j.mu.Unlock()
	byEpoch, cuts := map[string][]moment{}, map[string]bool{}
	for cursor, s := range states {
		epoch, version, _ := strings.Cut(cursor, ":")
		n, err := strconv.ParseUint(version, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("cursor %q: %w", cursor, err)
		}
		if text, ok := cutOf(s); ok {
			byEpoch[epoch] = append(byEpoch[epoch], moment{n, text})
			cuts[text] = true
		}
	}
	for epoch, list := range byEpoch {
		slices.SortFunc(list, func(a, b moment) int { return cmp.Compare(a.version, b.version) })
		for i := 1; i < len(list); i++ {
			a, err := parseSnapshot(list[i-1].cut)
			if err != nil {
				return 0, 0, err
			}
			b, err := parseSnapshot(list[i].cut)
			if err != nil {
				return 0, 0, err
			}
			if !a.before(b) {
				j.accuse("epoch %s went back from %s (%d) to %s (%d)", epoch, list[i-1].cut, list[i-1].version, list[i].cut, list[i].version)
			}
		}
	}
	return len(cuts), len(byEpoch), nil
}

// honesty checks each claim "live": every logged transaction that had committed
// before it was on the screen.
func (j *judge) honesty(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT xid::text FROM acct_log UNION SELECT xid::text FROM total_log`)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	logged, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	j.mu.Lock()
	claims, commits := maps.Clone(j.claims), maps.Clone(j.commits)
	j.mu.Unlock()
	for c := range claims {
		shown, err := parseSnapshot(c.cut)
		if err != nil {
			return err
		}
		for _, x := range logged {
			at, known := commits[x]
			if !known || !at.Before(c.at) {
				continue
			}
			xid, err := strconv.ParseUint(x, 10, 64)
			if err != nil {
				return err
			}
			if !shown.sees(xid) {
				j.accuse("live as of %s, but transaction %d of before %s is not in %s", c.at, xid, at, c.cut)
			}
		}
	}
	return nil
}
