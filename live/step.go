package live

import (
	"context"
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
	if now.Before(e.source.retryAt) {
		return earliest(e.source.retryAt, now.Add(statusEvery))
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
	for _, w := range []*worker{&e.main, &e.opener, &e.lane} {
		if !w.busy {
			w.session.close()
		}
	}
}

// launch runs a job on a worker and settles its result in the loop.
func (e *Engine) launch(jobs *jobs, w *worker, work func(ctx context.Context) func()) {
	w.busy = true
	jobs.start(func(ctx context.Context) {
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
				e.settle(res)
				p.dirty = true // it was read unarmed
			}
		})
		return next
	}
	if e.book.wanted || !e.book.due.After(now) {
		e.startCatalog(now, jobs)
		return next
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
			if err != nil {
				e.unreachable(&result{err: err})
				e.book.wanted = true
				return
			}
			e.learn(c)
		}
	})
}

// learn takes a freshly read catalog: where it differs, every page is wired
// anew and read again.
func (e *Engine) learn(c *catalog) {
	changed := c.print != e.book.print
	c.due, c.wanted = time.Now().Add(catalogEvery), e.book.wanted
	e.book = c
	for _, p := range e.pages {
		p.distrust = false
		for oid := range p.relations {
			if c.gone(oid) {
				delete(p.relations, oid)
				p.resolved = false
			}
		}
		if !changed && p.resolved {
			continue
		}
		bells := p.bells
		c.wire(p)
		if !slices.Equal(bells, p.bells) || p.gens == nil {
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
	case !p.resolved:
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
	var next time.Time
	var tasks []task
	bells, relations := map[int64]bool{}, map[uint32]bool{}
	for _, p := range e.pages {
		if p.state == nil {
			continue
		}
		if due := e.due(p); due.After(now) {
			next = earliest(due, next)
			continue
		}
		t := taskFor(p, p.shared())
		if flaw.On("only-rung-panels") && p.state != nil && len(t.items) > 1 {
			t.items = t.items[int(p.version)%len(t.items):][:1]
		}
		tasks = append(tasks, t)
		// Cleared before the snapshot: what rings from here on rings again.
		p.dirty = false
		p.read = now
		if !p.timed() && e.clockwork(p) == "" {
			for _, b := range p.bells {
				bells[b] = true
			}
		}
		for oid := range p.relations {
			relations[oid] = true
		}
	}
	if len(tasks) == 0 {
		return next
	}
	e.counters.cycles.Add(1)
	list := make([]int64, 0, len(bells))
	for b := range bells {
		list = append(list, b)
	}
	slices.Sort(list)
	locks := e.book.locks(relations)
	e.launch(jobs, &e.main, func(ctx context.Context) func() {
		res := e.cycle(ctx, tasks, list, locks)
		if flaw.On("unordered-publisher") && rand.N(8) == 0 {
			time.AfterFunc(100*time.Millisecond, func() { e.do(func() { e.settle(res) }) })
			return func() {}
		}
		return func() { e.settle(res) }
	})
	return next
}

// startLane reads one panel that is slow, or tries one that is broken, in a
// snapshot of its own. Each may use at most a tenth of the time.
func (e *Engine) startLane(now time.Time, jobs *jobs) time.Time {
	if e.lane.busy {
		return time.Time{}
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
	pick.dirty, pick.read = false, now
	e.launch(jobs, &e.lane, func(ctx context.Context) func() {
		res := readTasks(ctx, e.lane.session, []task{t}, reading{})
		return func() { e.settleLane(of, pick, t, res) }
	})
	return time.Time{}
}

// settleLane applies what the lane read: a slow panel's rows go out with
// their own time; a broken one that works again goes back to its page.
func (e *Engine) settleLane(p *page, n *panel, t task, res *result) {
	n.took = res.ended.Sub(res.began)
	if res.err != nil {
		n.dirty = true
		e.unreachable(res)
		return
	}
	if e.pages[p.def.Address] != p || p.epoch != t.epoch || p.state == nil {
		return
	}
	if res.snap.torn() {
		n.dirty = true
		return
	}
	for _, r := range res.snap.relations {
		if relevant(r) && !p.relations[r.oid] {
			p.relations[r.oid], p.resolved, e.book.wanted = true, false, true
		}
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
		o.panel.Every = (n.took * (laneShare + 1)).Round(100 * time.Millisecond)
		panels[n.def.ID] = o.panel
		if c := delta.Diff(t.items[0].prev, o.panel); c != nil {
			changes[n.def.ID] = c
		}
	}
	if len(changes) > 0 {
		e.publish(p, p.state.At, changes, panels)
	}
}
