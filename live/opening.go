package live

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// startOpening reads the pages that show nothing yet; and the catalog, when
// that is due. A page that could not be read before waits for that. The first
// of its kind is read by itself, so that what it reads is known; all that ask
// the same for other values are read in one batch from then on.
func (e *Engine) startOpening(now time.Time, jobs *jobs) time.Time {
	if e.opener.busy {
		return time.Time{}
	}
	if now.Before(e.opener.retryAt) {
		return e.opener.retryAt
	}
	next := e.book.due
	if e.book.wanted {
		next = e.book.read.Add(catalogLeast)
	}
	page, due := e.unopened(now)
	switch {
	case page != nil && page.read.IsZero() && (next.After(now) || now.Sub(next) < catalogLate || e.book.read.IsZero()):
		e.startFirst(page, now, jobs)
	case !next.After(now):
		e.startCatalog(now, jobs)
	case page != nil:
		e.startFirst(page, now, jobs)
	default:
		if look := e.startDiscovery(now, jobs); !look.IsZero() {
			next = earliest(next, look)
		}
	}
	return earliest(next, due)
}

// unopened is the page that shows nothing and has waited longest, if one is
// due, else when the next one will be.
func (e *Engine) unopened(now time.Time) (pick *page, next time.Time) {
	for _, p := range e.pages {
		if p.state != nil {
			continue
		}
		if due := e.opens(p); due.After(now) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
		} else if pick == nil || byTurn(p, pick) < 0 {
			pick = p
		}
	}
	return pick, next
}

// opens is when a page that shows nothing may be read.
func (e *Engine) opens(p *page) time.Time { return p.read.Add(e.cfg.Frame << min(p.tries, 4)) }

// startFirst reads a page that shows nothing yet, and those that open with it.
func (e *Engine) startFirst(first *page, now time.Time, jobs *jobs) {
	r := reading{}
	pages := []*page{first}
	if known := e.kin(first); known != nil {
		pages = e.alike(first, now)
		for _, p := range pages {
			maps.Copy(p.relations, known.relations)
			e.book.wire(p)
		}
		r = e.reading(known.relations)
	}
	var tasks []task
	panels := 0
	for _, p := range pages {
		tasks = append(tasks, taskFor(p, p.shared()))
		panels += len(p.shared())
		p.dirty, p.read = false, now
	}
	r.discover, r.patience = true, e.cfg.patience(panels)
	e.launch(jobs, &e.opener, func(ctx context.Context) func() {
		res := readTasks(ctx, e.opener.session, tasks, r)
		res.apart = true
		return func() {
			e.settle(&e.opener, res)
			for i, t := range tasks {
				if res.err != nil || res.left[i] || !e.current(t) {
					continue
				}
				e.adopt(t.page, res.watched, true, nil)
				t.page.discovered, t.page.look = time.Now(), res.ended.Sub(res.began)
				t.page.dirty = true // it was read unarmed
			}
		}
	})
}

// kin is a page that asks the same as p for other values, and of which it is
// known what it reads; or nil.
func (e *Engine) kin(p *page) *page {
	for _, k := range e.pages {
		if k.shape == p.shape && k.state != nil && !k.unsure && !k.distrust && len(k.relations) > 0 {
			return k
		}
	}
	return nil
}

// alike are p and the pages that show nothing yet and ask the same for other
// values, those that waited longest first.
func (e *Engine) alike(p *page, now time.Time) []*page {
	var list []*page
	for _, k := range e.pages {
		if k.shape == p.shape && k.state == nil && !e.opens(k).After(now) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, byTurn)
	return list
}

// startCatalog looks at the bells of all relations that the pages read.
func (e *Engine) startCatalog(now time.Time, jobs *jobs) {
	relations := map[uint32]bool{}
	for _, p := range e.pages {
		for oid := range p.relations {
			relations[oid] = true
		}
	}
	e.book.wanted, e.book.due, e.book.read = false, now.Add(catalogEvery), now
	if len(relations) == 0 {
		e.learn(newCatalog(), jobs)
		return
	}
	e.launch(jobs, &e.opener, func(ctx context.Context) func() {
		c, err := e.opener.session.readCatalog(ctx, relations)
		return func() {
			switch {
			case err == nil:
				e.answered(&e.opener)
				e.learn(c, jobs)
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
func (e *Engine) learn(c *catalog, jobs *jobs) {
	before := e.book
	c.took = time.Since(before.read)
	usual := min(c.took, cmp.Or(before.took, c.took)) // a machine that was busy for a moment has nobody wait for the next look
	c.due, c.read, c.wanted = time.Now().Add(min(max(catalogEvery, catalogShare*usual), catalogMost)), before.read, before.wanted
	e.book = c
	for oid := range e.blocked {
		if c.tables[oid] == nil {
			delete(e.blocked, oid)
		}
	}
	var altered []*page
	for _, p := range e.pages {
		p.distrust = false
		changed, lost := false, false
		for oid := range p.relations {
			if c.gone(oid) {
				delete(p.relations, oid)
				p.resolved, p.altered, lost = false, true, true
			}
			changed = changed || c.differs(before, oid)
		}
		if p.altered = p.altered || changed; p.altered && p.def.Table != nil {
			altered = append(altered, p)
		}
		if !changed && p.resolved {
			continue
		}
		p.unsure = p.unsure || changed || lost // a view may read other tables now, and a name be another table's
		bells := p.bells
		c.wire(p)
		if changed || lost || !slices.Equal(bells, p.bells) || p.gens == nil {
			p.gens = nil
			p.touch()
		}
	}
	e.rewire()
	e.redefine(altered, jobs)
}
