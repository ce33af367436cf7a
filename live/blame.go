package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// blame decides what the next try does without. It returns the error of a
// session that failed through no query's fault.
func (s *session) blame(ctx context.Context, a *attempt, ready []request, f *failure) error {
	if f.late {
		s.window.ahead = 1 // what is quick now was thought so before
		if f.query != none && f.took > s.cfg.Slow && !f.unclear {
			a.failed[ready[f.query].id] = &answer{err: late, took: f.took}
		}
		return nil
	}
	if f.lock != none && !broken(f.err) {
		a.hasty = true
		switch {
		case !a.oneByOne:
			a.oneByOne = true
		default: // held exclusively, renamed or dropped: its panels will tell
			a.missed = append(a.missed, a.locks[f.lock])
			a.locks = slices.Delete(slices.Clone(a.locks), f.lock, f.lock+1)
		}
		return nil
	}
	if f.unclear {
		return nil // the next try will tell
	}
	if disarmed(f.err) {
		s.close()
		if f.after == none {
			return f.err
		}
		a.failed[ready[f.after].id] = &answer{err: forgetful}
		return nil
	}
	if f.query == none {
		return f.err
	}
	q := ready[f.query]
	var bug *panicked
	switch {
	case errors.As(f.err, &bug):
		s.cfg.Log.Error("panic while reading a panel", "panic", bug.value, "stack", string(bug.stack))
	case isTooLarge(f.err):
	case codeOf(f.err) == transactionTimeout: // all of them took too long
		f.took = max(f.took, verySlow*s.cfg.Slow)
	case broken(f.err):
		if f.overdue && f.after != none {
			s.swayed = time.Now() // a query before it may have given all those after it for ever
		}
		// Whoever ended the session may have meant the session, not the query.
		if a.killed[q.id]++; a.killed[q.id] < kills {
			return nil
		}
	case lostRace(f.err):
		if a.killed[q.id]++; a.killed[q.id] < kills {
			return giveWay(ctx, a.killed[q.id])
		}
	case a.renews(s.statements[q.text], q.text, f.err):
		return s.renew(ctx, a, q.query, f.err)
	}
	if codeOf(f.err) == "57014" && a.patience > 0 {
		a.putOff(ready, q, f)
		return nil
	}
	a.hasty = a.hasty || codeOf(f.err) == lockNotAvailable
	a.failed[q.id] = &answer{err: s.explainQuery(ctx, q.query, f.err, len(wrapper)), took: f.took, locked: codeOf(f.err) == lockNotAvailable}
	return nil
}

// lostRace tells an error that says nothing of the query, and that PostgreSQL
// asks to be tried again: a standby had to apply what the query still saw the
// rows of, or one of a circle of locks had to give way.
func lostRace(err error) bool {
	switch codeOf(err) {
	case "40001", "40P01":
		return true
	}
	return false
}

// giveWay waits a moment after a lost race: a standby applies several records of
// the kind, one after the other.
func giveWay(ctx context.Context, times int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(times) * 50 * time.Millisecond):
		return nil
	}
}

// late is what a query is told that took long among many.
var late = &delta.Error{Code: "timeout", Message: "the queries read with it took too long together"}

// putOff leaves a query to its lane that would hold up the others. Where there are many
// of them, none gets as long as the first, and after a few nothing is tried any more
// of what has not been answered yet.
func (a *attempt) putOff(ready []request, slow request, f *failure) {
	if !a.hurried {
		a.hurried, a.patience = true, a.patience/2
	}
	a.failed[slow.id] = &answer{put: true, took: f.took}
	waited := 0
	for _, q := range a.requests {
		if got := a.failed[q.id]; q.page == slow.page && got != nil && got.put {
			waited++
		}
	}
	if waited < putOffs {
		return
	}
	for _, q := range ready {
		if q.page == slow.page && f.answers[q.id] == nil && a.failed[q.id] == nil {
			a.failed[q.id] = &answer{put: true}
		}
	}
}
