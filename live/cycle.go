package live

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// task is one page's part in a cycle. It holds copies, because the loop goes
// on while the cycle reads.
type task struct {
	page  *page
	epoch string
	items []item
}

// item is one panel to read.
type item struct {
	panel *panel
	def   *dashboard.Panel
	query query
	step  int
	prev  *delta.Panel
}

// outcome is one panel as it was read.
type outcome struct {
	item   item
	panel  *delta.Panel // nil when there is an error
	change *delta.Change
	step   int
	took   time.Duration
	err    *delta.Error
}

// taskFor makes a page's part of a cycle out of these panels.
func taskFor(p *page, panels []*panel) task {
	t := task{page: p, epoch: p.epoch}
	for _, n := range panels {
		it := item{panel: n, def: n.def, query: n.query, step: n.step}
		if p.state != nil {
			it.prev = p.state.Panels[n.def.ID]
		}
		t.items = append(t.items, it)
	}
	return t
}

func queriesOf(tasks []task) []query {
	var list []query
	seen := map[string]bool{}
	for _, t := range tasks {
		for _, it := range t.items {
			if !seen[it.query.id] {
				seen[it.query.id] = true
				list = append(list, it.query)
			}
		}
	}
	// Panels of one time zone together: each change of zone costs a statement.
	slices.SortStableFunc(list, func(a, b query) int {
		switch {
		case a.zone < b.zone:
			return -1
		case a.zone > b.zone:
			return 1
		}
		return 0
	})
	return list
}

// result is what a job brings back to the loop.
type result struct {
	tasks    []task
	outcomes [][]outcome // per task
	snap     *snapshot
	gens     map[int64]uint64 // of the bells armed before the snapshot
	identity string
	began    time.Time
	ended    time.Time
	err      error
}

// readTasks reads tasks in one snapshot and works out what changed.
func readTasks(ctx context.Context, s *session, tasks []task, r reading) *result {
	res := &result{tasks: tasks, began: time.Now()}
	r.queries = queriesOf(tasks)
	for _, t := range tasks {
		for _, it := range t.items {
			r.watch = append(r.watch, it.def.Watch...)
		}
	}
	res.snap, res.err = s.read(ctx, r)
	res.ended, res.identity = time.Now(), s.identity
	if res.err != nil || res.snap.torn() {
		return res
	}
	for _, t := range tasks {
		list := make([]outcome, 0, len(t.items))
		for _, it := range t.items {
			list = append(list, it.compare(res.snap.answers[it.query.id]))
		}
		res.outcomes = append(res.outcomes, list)
	}
	return res
}

// compare makes a panel of an answer and finds what changed.
func (it item) compare(a *answer) outcome {
	o := outcome{item: it, step: it.step, took: a.took, err: a.err}
	if a.err != nil {
		return o
	}
	panel := &delta.Panel{Columns: a.columns, Truncated: a.truncated}
	candidates := a.keys
	if named := namedKey(it.def.Key, a.columns); named != nil {
		candidates = append([]delta.KeyChoice{named}, candidates...)
	}
	keys, step := delta.Keys(a.rows, candidates, it.step)
	o.step = step
	panel.Rows = make([]delta.Row, len(a.rows))
	for i, cells := range a.rows {
		panel.Rows[i] = delta.Row{Key: keys[i], Cells: cells}
	}
	if !it.def.Ordered {
		delta.SortByKey(panel.Rows)
	}
	o.panel = panel
	prev := it.prev
	if prev != nil && step != it.step {
		prev = nil // other keys: the panel is replaced whole once
	}
	o.change = delta.Diff(prev, panel)
	return o
}

// namedKey finds the columns that the definition names as the key.
func namedKey(names []string, columns []delta.Column) delta.KeyChoice {
	var key delta.KeyChoice
	for _, name := range names {
		i := slices.IndexFunc(columns, func(c delta.Column) bool { return c.Name == name })
		if i < 0 {
			return nil
		}
		key = append(key, i)
	}
	return key
}

// cycle arms the bells of the pages, reads them in one snapshot and reports.
func (e *Engine) cycle(ctx context.Context, tasks []task, bells []int64, locks []string) *result {
	var gens map[int64]uint64
	if len(bells) > 0 && !flaw.On("snapshot-before-arming") {
		gens = e.cfg.Bell.Arm(ctx, bells)
	}
	res := readTasks(ctx, e.main.session, tasks, reading{locks: locks})
	if len(bells) > 0 && flaw.On("snapshot-before-arming") {
		gens = e.cfg.Bell.Arm(ctx, bells)
	}
	res.gens = gens
	return res
}

// settle applies what a cycle or an opening read: the loop is the only
// publisher, so frames leave in the order of their snapshots.
func (e *Engine) settle(res *result) {
	if res.err != nil {
		e.unreachable(res)
		return
	}
	e.reached(res)
	grown := false
	for i, t := range res.tasks {
		p := t.page
		if e.pages[p.def.Address] != p || p.epoch != t.epoch {
			continue // dropped or renewed meanwhile
		}
		p.read, p.ended, p.took = res.began, res.ended, res.ended.Sub(res.began)
		for _, r := range res.snap.relations {
			if relevant(r) && !p.relations[r.oid] {
				p.relations[r.oid], grown = true, true
				p.resolved = false
			}
		}
		if res.snap.torn() {
			e.rebuilding(p)
			continue
		}
		p.tries = 0
		e.settlePage(p, res, res.outcomes[i])
	}
	if grown {
		e.book.wanted = true
	}
}

// relevant tells whether a relation says something about when a page changes.
func relevant(r relation) bool {
	return r.oid >= firstUserOID || r.kind == 'r' || r.kind == 'v'
}

// settlePage makes the frame of one page out of what was read.
func (e *Engine) settlePage(p *page, res *result, outcomes []outcome) {
	changes, panels := map[string]*delta.Change{}, map[string]*delta.Panel{}
	for _, o := range outcomes {
		n := o.item.panel
		if o.err != nil {
			e.fault(p, n, o, changes, panels)
			continue
		}
		n.step = o.step
		e.time(n, o.took)
		if n.own && p.state != nil {
			continue // it just became slow: its own lane goes on from the old rows
		}
		panels[n.def.ID] = o.panel
		if o.change != nil {
			changes[n.def.ID] = o.change
		}
	}
	e.suspect(p, changes)
	p.gens = pick(res.gens, p.bells)
	if p.gens != nil {
		p.unarmed = time.Time{}
	} else if p.unarmed.IsZero() {
		p.unarmed = time.Now()
	}
	if res.snap.at.After(p.proof) {
		p.proof = res.snap.at
	}
	e.publish(p, res.snap.at, changes, panels)
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
	if p.state == nil || len(changes) == 0 || p.gens == nil || len(p.gens) == 0 || !e.quiet(p.gens) {
		return
	}
	for id := range changes {
		for _, n := range p.panels {
			if n.def.ID == id && n.def.Every > 0 {
				return // the clock may have changed it
			}
		}
	}
	p.unrung = &suspicion{gens: p.gens, at: time.Now().Add(e.source.skew)}
}

// time learns a panel's cost: one that is slow three times, or very slow
// once, no longer holds up the others of its page.
func (e *Engine) time(n *panel, took time.Duration) {
	n.took = took
	if took <= e.cfg.Slow {
		return
	}
	if n.slow++; n.slow >= 3 || took > 4*e.cfg.Slow {
		n.own, n.dirty = true, true
	}
}

// fault shows a panel's error and takes it out of the common snapshot; its
// own lane tries it again.
func (e *Engine) fault(p *page, n *panel, o outcome, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	n.fault, n.dirty, n.read = o.err, false, time.Now()
	if o.err.Code == "too_large" || o.err.Code == "timeout" && o.took > e.cfg.Slow {
		n.own = true
	}
	e.show(p, n, o.err, changes, panels)
}

// show puts an error on a panel, which keeps its last rows.
func (e *Engine) show(p *page, n *panel, fault *delta.Error, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	var prev *delta.Panel
	if p.state != nil {
		prev = p.state.Panels[n.def.ID]
	}
	next := &delta.Panel{}
	if prev != nil {
		*next = *prev
	}
	next.Err = fault
	panels[n.def.ID] = next
	if c := delta.Diff(prev, next); c != nil {
		changes[n.def.ID] = c
	}
}

// rebuilding repeats a cycle that read a relation which was being replaced;
// after three times the panels say so.
func (e *Engine) rebuilding(p *page) {
	e.counters.repeats.Add(1)
	p.touch()
	p.relations, p.resolved = map[uint32]bool{}, false // some of them are gone
	e.book.due = time.Now()
	if p.tries++; p.tries <= 3 || p.state == nil {
		return
	}
	changes, panels := map[string]*delta.Change{}, map[string]*delta.Panel{}
	for _, n := range p.shared() {
		e.show(p, n, &delta.Error{Code: "rebuilding", Message: "a table of this page is being rebuilt"}, changes, panels)
	}
	e.publish(p, p.state.At, changes, panels)
}

// unreachable notes that the database did not answer; everything stays dirty.
func (e *Engine) unreachable(res *result) {
	for _, t := range res.tasks {
		t.page.touch()
		t.page.read = res.began
	}
	e.source.failures++
	e.counters.failures.Add(1)
	wait := min(100*time.Millisecond<<min(e.source.failures, 5), 2*time.Second)
	e.source.retryAt = time.Now().Add(wait/2 + rand.N(wait/2))
	if e.source.failures == 1 {
		e.log.Warn("cannot read panels", "error", res.err)
	}
}

// reached notes that the database answered, and whether it is still the same.
func (e *Engine) reached(res *result) {
	if e.source.failures > 0 {
		e.log.Info("panels are read again")
	}
	e.source.failures, e.source.retryAt = 0, time.Time{}
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
	}
	e.source.identity = res.identity
}
