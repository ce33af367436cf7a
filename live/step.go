package live

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

const (
	catalogEvery = 5 * time.Second        // how often the watched relations' bells are looked at
	unarmedEvery = 250 * time.Millisecond // pace of a page that could not be armed for a second
	statusEvery  = 250 * time.Millisecond // how often the pages' statuses are assessed
	faultEvery   = 2 * time.Second        // how often a broken panel is tried again unasked
	verySlow     = 4                      // times what is slow: it goes to its own lane at once
	laneShare    = 9                      // a panel with a lane of its own rests nine times as long as it ran
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
	for _, p := range e.pages {
		e.tell(p, now)
	}
	next := now.Add(statusEvery)
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

// startOpening reads the pages that show nothing yet, one at a time, so that
// what each of them reads is known; and the catalog, when that is due.
func (e *Engine) startOpening(now time.Time, jobs *jobs) time.Time {
	if e.opener.busy {
		return time.Time{}
	}
	if now.Before(e.opener.retryAt) {
		return e.opener.retryAt
	}
	var next time.Time
	for _, p := range e.pages {
		if p.state != nil {
			continue
		}
		if due := p.read.Add(e.cfg.Frame); due.After(now) {
			next = earliest(due, next)
			continue
		}
		t := taskFor(p, p.shared())
		p.dirty, p.read = false, now
		e.launch(jobs, &e.opener, func(ctx context.Context) func() {
			res := readTasks(ctx, e.opener.session, []task{t}, reading{discover: true})
			return func() {
				e.settle(&e.opener, res)
				if len(res.watched) > 0 && e.current(t) {
					e.adopt(p, res.watched[0], true, nil)
				}
				p.discovered = time.Now()
				p.dirty = true // it was read unarmed
			}
		})
		return next
	}
	if e.book.wanted || !e.book.due.After(now) {
		e.startCatalog(now, jobs)
		return next
	}
	if due := e.startDiscovery(now, jobs); !due.IsZero() {
		next = earliest(due, next)
	}
	return earliest(e.book.due, next)
}

// startCatalog looks at the bells of all relations that the pages read.
func (e *Engine) startCatalog(now time.Time, jobs *jobs) {
	relations := map[uint32]bool{}
	for _, p := range e.pages {
		for oid := range p.relations {
			relations[oid] = true
		}
	}
	e.book.wanted, e.book.due = false, now.Add(catalogEvery)
	if len(relations) == 0 {
		e.learn(newCatalog())
		return
	}
	e.launch(jobs, &e.opener, func(ctx context.Context) func() {
		c, err := e.opener.session.readCatalog(ctx, relations)
		return func() {
			switch {
			case err == nil:
				e.answered(&e.opener)
				e.learn(c)
			case broken(err):
				e.unreachable(&e.opener, err)
				e.book.wanted = true
			default: // as before until it is due again; no reason to stop reading
				e.log.Warn("cannot look at the tables' bells", "error", err)
			}
		}
	})
}

// learn takes a freshly read catalog: where it differs, every page is wired
// anew and read again.
func (e *Engine) learn(c *catalog) {
	before := e.book
	c.due, c.wanted = time.Now().Add(catalogEvery), e.book.wanted
	e.book = c
	for _, p := range e.pages {
		p.distrust = false
		changed := false
		for oid := range p.relations {
			if c.gone(oid) {
				delete(p.relations, oid)
				p.resolved = false
			}
			changed = changed || c.differs(before, oid)
		}
		if !changed && p.resolved {
			continue
		}
		p.unsure = p.unsure || changed // a view may read other tables now
		bells := p.bells
		c.wire(p)
		if changed || !slices.Equal(bells, p.bells) || p.gens == nil {
			p.gens = nil
			p.touch()
		}
	}
	e.rewire()
}

// due says when a page must be read next.
func (e *Engine) due(p *page) time.Time {
	at := p.read.Add(e.cfg.Safety)
	for _, n := range p.panels {
		if n.def.Every > 0 && !n.own && n.fault == nil {
			at = earliest(at, p.read.Add(n.def.Every))
		}
	}
	switch {
	case p.dirty:
		at = p.read.Add(e.cfg.Frame)
	case !p.resolved: // what rings for it is not known
		at = earliest(at, p.read.Add(e.cfg.Timed))
	case p.timed() || e.clockwork(p) != "":
		at = earliest(at, p.read.Add(e.cfg.Timed))
	case p.gens == nil && len(p.bells) > 0:
		pace := e.cfg.Frame
		if !p.unarmed.IsZero() && p.read.Sub(p.unarmed) > time.Second && p.read.Sub(p.changed) > time.Second {
			pace = unarmedEvery
		}
		at = earliest(at, p.read.Add(pace))
	}
	// A cycle that takes long rests as long, whatever rings.
	if rested := p.ended.Add(p.took); at.Before(rested) {
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
	pages, apart, next := e.choose(now)
	if len(pages) == 0 {
		return next
	}
	var tasks []task
	needed := map[int64]bool{}
	for _, p := range pages {
		t := taskFor(p, p.shared())
		if flaw.On("only-rung-panels") && len(t.items) > 1 {
			t.items = t.items[int(p.version)%len(t.items):][:1]
		}
		tasks = append(tasks, t)
		// Cleared before the snapshot: what rings from here on rings again.
		p.dirty, p.read = false, now
		if !p.timed() && e.clockwork(p) == "" {
			for _, b := range p.bells {
				needed[b] = true
			}
		}
	}
	e.counters.cycles.Add(1)
	bells := slices.Sorted(maps.Keys(needed))
	r := e.reading(pages)
	e.launch(jobs, &e.main, func(ctx context.Context) func() {
		res := e.cycle(ctx, tasks, bells, r)
		res.apart = apart
		if flaw.On("unordered-publisher") && rand.N(8) == 0 {
			time.AfterFunc(100*time.Millisecond, func() { e.do(func() { e.settle(&e.main, res) }) })
			return func() {}
		}
		return func() {
			e.settle(&e.main, res)
			e.disarm(bells) // a page may have gone while they were armed
		}
	})
	return next
}

// choose picks the pages of the next cycle out of those that are due: all
// that stand, or some that read the same tables and of late tore or may have.
func (e *Engine) choose(now time.Time) (pages []*page, apart bool, next time.Time) {
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
		return pages, len(pages) == 1, next
	}
	e.turn = false
	first := slices.MinFunc(torn, func(a, b *page) int { return a.read.Compare(b.read) })
	torn = slices.DeleteFunc(torn, func(p *page) bool { return !maps.Equal(p.relations, first.relations) })
	return torn, true, next
}

// startLane reads one panel that is slow, or tries one that is broken, in a
// snapshot of its own. Each may use at most a tenth of the time.
func (e *Engine) startLane(now time.Time, jobs *jobs) time.Time {
	if e.lane.busy {
		return time.Time{}
	}
	if now.Before(e.lane.retryAt) {
		return e.lane.retryAt
	}
	var at time.Time
	var pick *panel
	var of *page
	for _, p := range e.pages {
		if p.state == nil {
			continue
		}
		for _, n := range p.panels {
			if !n.own && n.fault == nil {
				continue
			}
			due := n.read.Add(e.cfg.Safety)
			if n.def.Every > 0 {
				due = earliest(due, n.read.Add(n.def.Every))
			}
			if p.timed() {
				due = earliest(due, n.read.Add(e.cfg.Timed))
			}
			if n.fault != nil {
				due = earliest(due, n.read.Add(faultEvery))
			} else if n.dirty {
				due = n.read.Add(e.cfg.Frame)
			}
			if rested := n.read.Add(n.took * (laneShare + 1)); due.Before(rested) {
				due = rested
			}
			if pick == nil || due.Before(at) {
				at, pick, of = due, n, p
			}
		}
	}
	if pick == nil {
		return at
	}
	if at.After(now) {
		return at
	}
	t := taskFor(of, []*panel{pick})
	r := e.reading([]*page{of})
	r.discover = pick.fault != nil // nobody may have seen yet what it reads
	pick.dirty, pick.read = false, now
	e.launch(jobs, &e.lane, func(ctx context.Context) func() {
		res := readTasks(ctx, e.lane.session, []task{t}, r)
		return func() { e.guard(of, func() { e.settleLane(of, pick, t, res) }) }
	})
	return time.Time{}
}

// settleLane applies what the lane read: a slow panel's rows go out with
// their own time; a broken one that works again goes back to its page.
func (e *Engine) settleLane(p *page, n *panel, t task, res *result) {
	n.took = res.ended.Sub(res.began)
	if res.err != nil {
		n.dirty = true
		e.unreachable(&e.lane, res.err)
		return
	}
	e.answered(&e.lane)
	if !e.current(t) || p.state == nil {
		return
	}
	if e.lane.stale || res.identity != e.source.identity {
		// A server that is not the one of the page; the session is closed first.
		e.lane.stale, n.dirty = true, true
		return
	}
	e.noteLocks(res.snap)
	e.adopt(p, res.snap.relations, true, nil)
	if len(res.watched) > 0 {
		e.adopt(p, res.watched[0], true, nil)
	}
	if len(res.snap.torn()) > 0 {
		n.dirty = true
		return
	}
	o := res.outcomes[0][0]
	changes, panels := map[string]*delta.Change{}, map[string]*delta.Panel{}
	switch {
	case o.err != nil:
		n.fault = o.err
		e.show(p, n, o.err, changes, panels)
	case !n.own:
		n.fault = nil // the next cycle shows its rows, in the common snapshot
		p.touch()
		return
	default:
		n.fault, n.step = nil, o.step
		o.panel.At = res.snap.at
		o.panel.Every = n.pace()
		panels[n.def.ID] = o.panel
		if c := delta.Diff(o.before(), o.panel); c != nil {
			changes[n.def.ID] = c
		}
	}
	if len(changes) > 0 {
		e.publish(p, p.state.At, changes, panels)
	}
}
