package live

import (
	"math/rand/v2"
	"time"
)

// source is what the loop knows of the way to the database.
type source struct {
	listening bool
	muted     bool
	reason    string // why not, as in the protocol
	message   string
	since     time.Time
	skew      time.Duration // the database's clock minus ours, at most
	identity  string        // of the running server; another one starts new epochs
	began     birth         // of the youngest session
	parted    time.Time     // when sessions last began anew because of it
}

// worker is one session and whether a job is using it.
type worker struct {
	session  *session
	busy     bool
	stale    bool // the session may lead to a server that is no longer the one
	failures int  // in a row
	retryAt  time.Time
}

func (e *Engine) workers() []*worker { return []*worker{&e.main, &e.opener, &e.lane} }

// failing tells whether the pages cannot be read. A lane without a session is
// its panels' trouble only.
func (e *Engine) failing() bool { return e.main.failures > 0 || e.opener.failures > 0 }

// failed tells whether they could not be read again and again: one failure is
// often a connection that ended, and the next try has another.
func (e *Engine) failed() bool { return e.main.failures > 1 || e.opener.failures > 1 }

// unreachable notes that the database did not answer a worker, which tries
// again a little later; err is nil where what it answered is not wanted.
func (e *Engine) unreachable(w *worker, err error) {
	if err == nil {
		return
	}
	first := !e.failing()
	w.failures++
	e.counters.failures.Add(1)
	wait := min(100*time.Millisecond<<min(w.failures, 5), 2*time.Second)
	w.retryAt = time.Now().Add(wait/2 + rand.N(wait/2))
	if first && w.failures == 1 {
		e.log.Warn("cannot read panels", "session", w.session.role, "error", err)
	}
}

// answered notes that the database answered a worker.
func (e *Engine) answered(w *worker) {
	failed := e.failing()
	w.failures, w.retryAt = 0, time.Time{}
	if failed && !e.failing() {
		e.log.Info("panels are read again")
	}
}

// reached notes that the database answered, and whether it is still the same.
func (e *Engine) reached(w *worker, res *result) {
	e.answered(w)
	e.source.skew = res.snap.skew
	if e.source.identity != "" && e.source.identity != res.identity {
		e.log.Warn("the database restarted or is another; pages start anew")
		keep := map[*page]bool{}
		for _, t := range res.tasks {
			keep[t.page] = t.page.state == nil
		}
		for _, p := range e.pages {
			if !keep[p] {
				e.renew(p)
			}
		}
		e.book = newCatalog()
		clear(e.blocked)
		for _, other := range e.workers() {
			other.stale = other != w
		}
	}
	e.source.identity = res.identity
	e.agree(w, res.birth)
}

// clocked follows the database's clock: where a ping tells that it was set,
// every page is read, which tells by how much.
func (e *Engine) clocked(at time.Time) {
	if off := at.Sub(time.Now().Add(e.source.skew)); off.Abs() < proofLasts {
		return
	}
	for _, p := range e.pages {
		p.dirty = true
	}
}
