package live

import (
	"context"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// startLane reads one panel that is slow, or tries one that is broken, in a
// snapshot of its own. Each may use at most a tenth of the time in the long run.
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
			if !n.away() {
				continue
			}
			due := n.read.Add(e.cfg.Safety)
			due = earliest(due, e.alarm(p, n, n.read))
			if p.timed() {
				due = earliest(due, n.read.Add(e.cfg.Timed))
			}
			if n.fault != nil {
				due = earliest(due, n.read.Add(faultEvery))
			} else if n.dirty && !p.rearmed(n.since) {
				continue // its page is read first, which arms the bells, and a write meanwhile is heard
			} else if n.dirty || n.read.Before(p.unheard) {
				due = n.read.Add(e.cfg.Frame)
			}
			if n.quick > 0 && n.fault == nil {
				due = n.read.Add(e.cfg.Frame) // if it stays quick it returns, whatever rings
			}
			if n.trial {
				due = n.read.Add(n.took) // those that nobody waited for yet come first
			} else if free := n.free(n.read); due.Before(free) {
				due = free
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
	tasks := e.askers(of, pick)
	r := e.reading(pick.relations)
	r.discover = pick.fault != nil || pick.trial // nobody may have seen yet what it reads
	if pick.trial && pick.took == 0 {            // others that are quick may be waiting for their trial
		r.patience = e.cfg.trial()
	}
	for oid := range of.relations {
		_, held := e.blocked[oid]
		r.hasty = r.hasty || held
	}
	r.unasked = now.Sub(pick.read) >= e.cfg.Safety
	for _, t := range tasks {
		n := t.items[0].panel
		n.dirty, n.read = false, now
	}
	e.launch(jobs, &e.lane, func(ctx context.Context) func() {
		res := readTasks(ctx, e.lane.session, tasks, r)
		return func() { e.settleLane(res) }
	})
	return time.Time{}
}

// askers are a panel's part of what the lane reads next, and that of all others there
// that ask the same: a heavy query is read once, however many pages have it.
func (e *Engine) askers(of *page, pick *panel) []task {
	tasks := []task{taskFor(of, []*panel{pick})}
	if pick.trial || pick.fault != nil {
		return tasks
	}
	for _, p := range e.pages {
		for _, n := range p.panels {
			if n != pick && n.own && !n.trial && n.fault == nil && p.state != nil && n.query.id == pick.query.id && (!n.dirty || p.rearmed(n.since)) {
				tasks = append(tasks, taskFor(p, []*panel{n}))
			}
		}
	}
	return tasks
}

// settleLane applies what the lane read.
func (e *Engine) settleLane(res *result) {
	if res.err != nil {
		for _, t := range res.tasks {
			t.items[0].panel.dirty = true
		}
		e.unreachable(&e.lane, res.err)
		return
	}
	e.answered(&e.lane)
	e.noteLocks(res.snap)
	for i, t := range res.tasks {
		e.guard(t.page, func() { e.settleApart(t, res, i) })
	}
}

// settleApart applies what the lane read to one panel: a slow one's rows go out with
// their own time; a broken one that works again goes back to its page.
func (e *Engine) settleApart(t task, res *result, i int) {
	p, n := t.page, t.items[0].panel
	if !e.current(t) || p.state == nil {
		return
	}
	if e.lane.stale || res.identity != e.source.identity {
		// A server that is not the one of the page; the session is closed first.
		e.lane.stale, n.dirty = true, true
		return
	}
	e.agree(&e.lane, res.birth)
	e.adopt(p, res.snap.relations, true, nil)
	for _, r := range res.snap.relations {
		if relevant(r) {
			n.relations[r.oid] = true
		}
	}
	e.adopt(p, res.watched, true, nil)
	if len(res.snap.torn()) > 0 {
		took := res.ended.Sub(res.began)
		n.charge(took, took, e.cfg.heavy(), res.ended)
		n.dirty = true
		return
	}
	o := res.outcomes[i][0]
	e.measure(p, o)
	if !o.locked && (o.err == nil || o.took > e.cfg.heavy()) { // to wait for a lock costs nothing, and to fail at once proves nothing
		worked := o.took
		if o.err == nil && !o.put { // else what worked was another transaction
			worked = min(worked, res.snap.worked)
		}
		n.charge(o.took, worked, e.cfg.heavy(), res.ended)
	}
	if o.put { // it gets all the time that it needs once the others had their trial
		n.dirty, n.read = true, time.Time{}
		return
	}
	trial := n.trial
	if trial {
		e.tried(n, o)
	}
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
		n.fault, n.step, n.last = nil, o.step, o.answer
		o.panel = apart(o.panel, res.snap.at, e.pace(n))
		panels[n.def.ID] = o.panel
		if c := delta.Diff(o.before(), o.panel); c != nil {
			changes[n.def.ID] = c
		}
	}
	if len(changes) > 0 {
		e.publish(p, p.state.At, changes, panels)
	}
	if o.err == nil && n.own {
		e.returns(p, n)
	}
}

// tried ends the trial of a panel that its page opened without: quick enough,
// and it belongs into the common snapshot; else it stays in its lane.
func (e *Engine) tried(n *panel, o outcome) {
	n.trial = false
	dirty, read := n.dirty, n.read
	switch {
	case o.locked:
	case n.took > e.cfg.holdup()/2 && o.err == nil, n.long > 0 && n.known, o.err != nil && o.err.Code == "timeout":
		e.part(n, time.Now())
	case o.err == nil:
		e.slow.clear(n.query.text)
	case o.err.Code == "too_large":
		n.own = true
	}
	n.dirty, n.read = dirty, read // it was just read
}
