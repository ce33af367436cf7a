package live

import (
	"context"
	"maps"
	"runtime/debug"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// cycle arms the bells of the pages, reads them in one snapshot and reports.
func (e *Engine) cycle(ctx context.Context, tasks []task, bells []int64, r reading) *result {
	var gens map[int64]uint64
	if len(bells) > 0 && !flaw.On("snapshot-before-arming") {
		gens = e.cfg.Bell.Arm(ctx, bells)
	}
	res := readTasks(ctx, e.main.session, tasks, r)
	if len(bells) > 0 && flaw.On("snapshot-before-arming") {
		gens = e.cfg.Bell.Arm(ctx, bells)
	}
	res.gens = gens
	return res
}

// settle applies what a cycle or an opening read: the loop is the only
// publisher, so frames leave in the order of their snapshots.
func (e *Engine) settle(w *worker, res *result) {
	if res.err != nil || w.stale {
		for _, t := range res.tasks {
			t.page.touch()
			t.page.read = res.began
			t.page.owes(t.rung)
		}
		e.unreachable(w, res.err)
		return
	}
	e.reached(w, res)
	e.noteLocks(res.snap)
	torn := res.snap.torn()
	known := map[uint32]bool{}
	for _, t := range res.tasks {
		maps.Copy(known, t.page.relations)
	}
	for i, t := range res.tasks {
		p := t.page
		if !e.current(t) {
			continue // dropped or renewed meanwhile
		}
		p.ended, p.took = res.ended, res.ended.Sub(res.began)
		if res.left[i] { // and is the first to be read next time
			e.counters.left.Add(1)
			p.dirty, p.read = true, t.turn
			p.owes(t.rung)
			continue
		}
		p.read = res.began
		e.adopt(p, res.snap.relations, len(res.tasks) == 1, known)
		if len(torn) > 0 {
			p.owes(t.rung)
			e.rebuilding(p, torn, known, res.apart)
			continue
		}
		if p.tries == 0 && res.apart {
			p.apart = time.Time{}
		}
		p.tries = 0
		e.guard(p, func() { e.settlePage(t, res, res.outcomes[i]) })
	}
}

// current tells whether the page still is what the task was made for.
func (e *Engine) current(t task) bool {
	return e.pages[t.page.def.ID()] == t.page && t.page.epoch == t.epoch
}

// guard keeps a panic over one page from being everybody's: the page starts
// anew a little later.
func (e *Engine) guard(p *page, work func()) {
	defer func() {
		if value := recover(); value != nil {
			e.log.Error("panic over a page", "page", p.def.Path(), "panic", value, "stack", string(debug.Stack()))
			e.renew(p)
			p.read = time.Now().Add(faultEvery)
		}
	}()
	work()
}

// settlePage makes the frame of one page out of what was read.
func (e *Engine) settlePage(t task, res *result, outcomes []outcome) {
	p := t.page
	changes, panels := map[string]*delta.Change{}, map[string]*delta.Panel{}
	for _, o := range outcomes {
		n := o.item.panel
		e.measure(p, o)
		if o.put {
			e.putOff(p, n, o, changes, panels)
			continue
		}
		if o.err != nil {
			e.fault(p, n, o, changes, panels)
			continue
		}
		n.step, n.last = o.step, o.answer
		e.time(n, o.took)
		if n.own { // it just became slow: from here on it has a time of its own
			o.panel = apart(o.panel, res.snap.at, e.pace(n))
			o.change = delta.Diff(o.before(), o.panel)
		}
		panels[n.def.ID] = o.panel
		if o.change != nil {
			changes[n.def.ID] = o.change
		}
	}
	for _, o := range outcomes {
		if o.item.panel.away() { // it rests for that itself
			p.took = max(0, p.took-o.took)
		}
	}
	e.suspect(p, changes)
	e.arm(p, pick(res.gens, p.bells), res)
	if flaw.On("premature-proof") {
		p.prove(res.snap.at.Add(res.ended.Sub(res.began)))
	}
	p.prove(res.snap.at)
	if ring := p.answered(t.rung, res.began); len(changes) > 0 && !ring.IsZero() {
		e.cfg.Meter.Frame(time.Since(ring))
	}
	e.publish(p, res.snap.at, changes, panels)
}

// arm notes whether the page's bells were armed when it was read.
func (e *Engine) arm(p *page, gens map[int64]uint64, res *result) {
	switch {
	case len(p.bells) == 0 || p.timed() || e.clockwork(p) != "":
	case gens == nil:
		p.unheard = res.ended
	case !maps.Equal(gens, p.gens): // nil among them
		p.unheard = res.began
	}
	p.gens = gens
	if gens != nil {
		p.unarmed = time.Time{}
	} else if p.unarmed.IsZero() {
		p.unarmed = time.Now()
	}
}

// pick takes the generations of these bells, or nil if one is not armed.
func pick(gens map[int64]uint64, bells []int64) map[int64]uint64 {
	picked := make(map[int64]uint64, len(bells))
	for _, b := range bells {
		g := gens[b]
		if g == 0 {
			return nil
		}
		picked[b] = g
	}
	return picked
}

// suspect remembers a change of a page all of whose bells stood armed: the
// next ping tells whether somebody rang after all.
func (e *Engine) suspect(p *page, changes map[string]*delta.Change) {
	if p.state == nil || len(changes) == 0 || len(p.gens) == 0 || !e.quiet(p.gens) {
		return
	}
	if !p.resolved || p.unsure || p.timed() {
		return // another table may have changed it, one that rings nothing
	}
	for id := range changes {
		if was := p.state.Panels[id]; was == nil || !was.At.IsZero() {
			return // it comes from its lane: it is new here, whatever rang
		}
		for _, n := range p.panels {
			if n.def.ID == id && (n.def.Every > 0 || changes[id].Err != nil || changes[id].ErrCleared) {
				return // the clock may have changed it, or its own recovery
			}
		}
	}
	p.unrung = &suspicion{gens: p.gens, at: time.Now().Add(e.source.skew)}
}

// putOff leaves a panel to its lane that the others did not wait for: too slow for
// them is no error yet, for there it has more time. What it shows stays, and says as
// of when it is.
func (e *Engine) putOff(p *page, n *panel, o outcome, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	now := time.Now()
	if o.took > 0 { // else it was not even begun
		n.charge(o.took, o.took, e.cfg.heavy(), now)
	}
	if p.state == nil {
		n.trial, n.dirty = true, true
		if o.took > 0 {
			e.slow.note(n.query.text, false, now)
		}
		return
	}
	e.part(n, now)
	if p.state.Panels[n.def.ID] == nil {
		return // its lane shows it first, too
	}
	late := *p.state.Panels[n.def.ID]
	if late.At.IsZero() {
		late.At, late.Every = p.state.At, e.pace(n)
	}
	panels[n.def.ID] = &late
	if c := delta.Diff(o.item.prev, &late); c != nil {
		changes[n.def.ID] = c
	}
}

// fault shows a panel's error and takes it out of the common snapshot; its
// own lane tries it again.
func (e *Engine) fault(p *page, n *panel, o outcome, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	slow := o.err.Code == "timeout" && !o.locked && o.took > e.cfg.Slow
	if slow && p.state != nil {
		e.putOff(p, n, o, changes, panels)
		return
	}
	n.fault, n.dirty, n.read = o.err, false, time.Now()
	n.own = n.own || slow || o.err.Code == "too_large"
	e.show(p, n, o.err, changes, panels)
}

// show puts an error on a panel, which keeps its last rows, unless the error is that
// they are not to be seen any more.
func (e *Engine) show(p *page, n *panel, fault *delta.Error, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	var prev *delta.Panel
	if p.state != nil {
		prev = p.state.Panels[n.def.ID]
	}
	next := &delta.Panel{}
	switch {
	case fault.Code == "forbidden":
		n.last = nil // the same rows would be new ones
	case prev != nil:
		*next = *prev
	}
	next.Err = fault
	panels[n.def.ID] = next
	if c := delta.Diff(prev, next); c != nil {
		changes[n.def.ID] = c
	}
}

// rebuilding repeats a cycle that read a relation which was being replaced;
// after three times the panels say so. Pages that may be the ones are read
// apart from the others for a while, so that these go on.
func (e *Engine) rebuilding(p *page, torn []uint32, known map[uint32]bool, apart bool) {
	e.counters.repeats.Add(1)
	p.touch()
	e.book.due = time.Now()
	suspect := false
	for _, oid := range torn {
		suspect = suspect || p.relations[oid] || !known[oid]
	}
	if suspect {
		p.apart = time.Now().Add(apartFor)
	}
	if !apart {
		return
	}
	if p.tries++; p.tries <= 3 || p.state == nil {
		return
	}
	changes, panels := map[string]*delta.Change{}, map[string]*delta.Panel{}
	for _, n := range p.shared() {
		e.show(p, n, &delta.Error{Code: "rebuilding", Message: "a table of this page is being rebuilt"}, changes, panels)
	}
	e.publish(p, p.state.At, changes, panels)
}
