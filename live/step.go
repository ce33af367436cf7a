package live

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rowcast/rowcast/internal/flaw"
)

const (
	catalogEvery = 2 * time.Second        // how often the watched relations' bells are looked at
	catalogMost  = 4 * time.Second        // how often where a look takes long
	catalogShare = 50                     // a look waits so many times as long as the quicker of the last two took, between these two
	catalogLate  = 500 * time.Millisecond // how long it may wait for pages that open
	catalogLeast = 20 * time.Millisecond  // least time between two looks at it
	unarmedEvery = 250 * time.Millisecond // pace of a page that could not be armed for a second
	strangeEvery = time.Second            // pace of a page of which it is not known what rings for it
	deafEvery    = time.Second            // how often pages by the clock are read just after the doorbell was lost
	statusEvery  = 250 * time.Millisecond // how often the pages' statuses are assessed
	faultEvery   = 2 * time.Second        // how often a broken panel is tried again unasked
	verySlow     = 4                      // times what is slow: the budget of a reading
	forgiven     = 10 * time.Minute       // after which a panel that was slow counts as if it never had been
)

// step starts the work that is due and says when to look again.
func (e *Engine) step(now time.Time, jobs *jobs) time.Time {
	for _, p := range e.pages {
		if p.viewers == 0 && now.Sub(p.empty) > e.cfg.Grace {
			e.forget(p)
		}
	}
	if len(e.pages) == 0 {
		e.rest()
		return now.Add(time.Minute)
	}
	next := now.Add(statusEvery)
	for _, p := range e.pages {
		e.tell(p, now)
		if over := e.expires(p); over.After(now) {
			next = earliest(next, over)
		}
	}
	next = earliest(next, e.startOpening(now, jobs))
	next = earliest(next, e.startCycle(now, jobs))
	return earliest(next, e.startLane(now, jobs))
}

func earliest(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// rest closes the sessions that nobody needs.
func (e *Engine) rest() {
	for _, w := range e.workers() {
		if !w.busy {
			w.session.close()
		}
	}
}

// launch runs a job on a worker and settles its result in the loop.
func (e *Engine) launch(jobs *jobs, w *worker, work func(ctx context.Context) func()) {
	w.busy = true
	anew := w.stale
	w.stale = false
	jobs.start(func(ctx context.Context) {
		if anew {
			w.session.close()
		}
		settle := work(ctx)
		e.do(func() {
			w.busy = false
			settle()
		})
	})
}

// due says when a page must be read next.
func (e *Engine) due(p *page) time.Time {
	at := p.read.Add(e.cfg.Safety)
	for _, n := range p.panels {
		if !n.away() {
			at = earliest(at, e.alarm(p, n, p.read))
		}
	}
	switch {
	case p.dirty:
		at = p.read.Add(e.cfg.Frame)
	case !p.resolved || p.unsure: // what rings for it is not known
		at = earliest(at, p.read.Add(strangeEvery))
	case p.timed() || e.clockwork(p) != "":
		every := e.cfg.Timed
		if !e.source.listening && time.Since(e.source.since) < deafness { // the session that reads may end a moment after the one that listens
			every = min(every, deafEvery)
		}
		at = earliest(at, p.read.Add(every))
	case p.gens == nil && len(p.bells) > 0:
		pace := e.cfg.Frame
		if !p.unarmed.IsZero() && p.read.Sub(p.unarmed) > time.Second && p.read.Sub(p.changed) > time.Second {
			pace = unarmedEvery
		}
		at = earliest(at, p.read.Add(pace))
	}
	// A cycle that takes long rests as long, whatever rings.
	if rested := p.ended.Add(e.cfg.rest(p.took)); at.Before(rested) {
		at = rested
	}
	return at
}

// startCycle reads every page that is due in one snapshot.
func (e *Engine) startCycle(now time.Time, jobs *jobs) time.Time {
	if e.main.busy {
		return time.Time{}
	}
	if now.Before(e.main.retryAt) {
		return e.main.retryAt
	}
	if now.Before(e.pause) {
		return e.pause
	}
	pages, apart, trimmed, next := e.choose(now)
	if len(pages) == 0 {
		return next
	}
	var tasks []task
	needed := map[int64]bool{}
	unasked := false
	for _, p := range pages {
		unasked = unasked || now.Sub(p.read) >= e.cfg.Safety
		t := taskFor(p, p.shared())
		if flaw.On("only-rung-panels") && len(t.items) > 1 {
			t.items = t.items[int(p.version)%len(t.items):][:1]
		}
		tasks = append(tasks, t)
		// Cleared before the snapshot: what rings from here on rings again.
		p.dirty, p.read, p.rung = false, now, time.Time{}
		if !p.timed() && e.clockwork(p) == "" {
			for _, b := range p.bells {
				needed[b] = true
			}
		}
	}
	e.counters.cycles.Add(1)
	bells := slices.Sorted(maps.Keys(needed))
	relations := map[uint32]bool{}
	for _, p := range pages {
		maps.Copy(relations, p.relations)
	}
	r := e.reading(relations)
	r.unasked, r.patience = unasked, e.cfg.Slow
	e.launch(jobs, &e.main, func(ctx context.Context) func() {
		armed := time.Now()
		res := e.cycle(ctx, tasks, bells, r)
		res.apart = apart
		if flaw.On("unordered-publisher") && rand.N(8) == 0 {
			time.AfterFunc(100*time.Millisecond, func() { e.do(func() { e.settle(&e.main, res) }) })
			return func() {}
		}
		return func() {
			e.cfg.Meter.Armed(res.began.Sub(armed))
			e.cfg.Meter.Cycle(res.ended.Sub(armed))
			e.settle(&e.main, res)
			e.pause = e.breath(res, trimmed)
			e.disarm(bells) // a page may have gone while they were armed
		}
	})
	return next
}

// breath is when the next cycle may begin. What rings meanwhile is read
// together then; where more was due than fits, half of the time is the others'.
func (e *Engine) breath(res *result, trimmed bool) time.Time {
	took := e.cfg.rest(res.ended.Sub(res.began))
	if !trimmed && !slices.Contains(res.left, true) {
		took = min(took, e.cfg.Frame)
	}
	return res.ended.Add(took)
}

// choose picks the pages of the next cycle out of those that are due: all
// that stand, as far as it may take, or some that read the same tables and of
// late tore or may have.
func (e *Engine) choose(now time.Time) (pages []*page, apart, trimmed bool, next time.Time) {
	var torn []*page
	for _, p := range e.pages {
		if p.state == nil {
			continue
		}
		if due := e.due(p); due.After(now) {
			next = earliest(due, next)
			continue
		}
		if now.Before(p.apart) {
			torn = append(torn, p)
		} else {
			pages = append(pages, p)
		}
	}
	if len(torn) == 0 || len(pages) > 0 && !e.turn {
		e.turn = true
		fit := e.affordable(pages)
		return fit, len(fit) == 1, len(fit) < len(pages), next
	}
	e.turn = false
	slices.SortFunc(torn, byTurn)
	first := torn[0]
	torn = slices.DeleteFunc(torn, func(p *page) bool { return !maps.Equal(p.relations, first.relations) })
	return torn, true, false, next
}

// byTurn puts pages that waited longest first. Those that waited equally long
// come by time zone, each change of which costs a statement, and always in
// the same order, so that a reading that was cut short goes on where it was.
func byTurn(a, b *page) int {
	return cmp.Or(a.read.Compare(b.read), cmp.Compare(a.def.TimeZone, b.def.TimeZone), cmp.Compare(a.def.Address, b.def.Address))
}

// affordable puts pages in their turn, and leaves for the next cycle those
// with which it would use up its budget, as far as is known beforehand.
func (e *Engine) affordable(pages []*page) []*page {
	slices.SortFunc(pages, byTurn)
	var all time.Duration
	for i, p := range pages {
		for _, n := range p.shared() {
			all += n.took
		}
		if all > e.cfg.budget() && i > 0 {
			return pages[:i]
		}
	}
	return pages
}
