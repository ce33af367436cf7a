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
			if rested := n.read.Add(n.took + n.rest()); due.Before(rested) {
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
	if n.stuck++; n.took <= e.cfg.heavy() {
		n.stuck = 0
	}
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
	for _, r := range res.snap.relations {
		if relevant(r) {
			n.relations[r.oid] = true
		}
	}
	e.adopt(p, res.watched, true, nil)
	if len(res.snap.torn()) > 0 {
		n.dirty = true
		return
	}
	o := res.outcomes[0][0]
	e.measure(p, o)
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
	case !n.own && (!trial || n.took <= e.cfg.Slow):
		n.fault = nil // the next cycle shows its rows, in the common snapshot
		p.touch()
		return
	default:
		n.fault, n.step, n.last = nil, o.step, o.answer
		o.panel = apart(o.panel, res.snap.at, n.pace())
		panels[n.def.ID] = o.panel
		if c := delta.Diff(o.before(), o.panel); c != nil {
			changes[n.def.ID] = c
		}
	}
	if len(changes) > 0 {
		e.publish(p, p.state.At, changes, panels)
	}
	switch {
	case o.err != nil:
	case n.own:
		e.returns(p, n)
	default: // shown at once, for it took a while; the next cycle puts it beside the others
		p.touch()
	}
}

// tried ends the trial of a panel that its page opened without: quick enough,
// and it belongs into the common snapshot; else it stays in its lane.
func (e *Engine) tried(n *panel, o outcome) {
	n.trial = false
	dirty := n.dirty
	switch {
	case o.locked:
	case n.took > e.cfg.heavy() && n.known, n.took > e.cfg.Slow && o.err != nil && o.err.Code == "timeout":
		e.part(n)
	case o.err == nil:
		if e.time(n, n.took); n.took <= e.cfg.Slow {
			e.slow.clear(n.query.text)
		}
	case o.err.Code == "too_large":
		n.own = true
	}
	n.dirty = dirty // it was just read
}

// returns gives a panel back to its page that has been quick for long enough:
// what made it slow was not its own.
func (e *Engine) returns(p *page, n *panel) {
	if n.took > e.cfg.heavy() {
		n.quick = 0
		e.slow.note(n.query.text, true, time.Now())
	} else if n.quick++; n.quick >= quickAgain {
		n.own, n.slow, n.quick = false, 0, 0
		p.touch()
	}
}
