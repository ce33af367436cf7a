package live

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/internal/flaw"
)

const (
	apartFor    = 10 * time.Second // how long a page that tore is read apart from others
	blockedFor  = 5 * time.Second  // how long a table that was locked is not asked for
	unsureEvery = time.Second / 4  // least time between two looks at what one page reads
	lookAhead   = time.Second      // what is to be looked at within it goes with others that ask the same
)

// relevant tells whether a relation says something about when a page changes:
// tables, views, sequences; of what initdb made, what a panel may name.
func relevant(r relation) bool {
	return r.oid >= firstUserOID && strings.IndexByte("rpmfvS", r.kind) >= 0 || r.kind == 'r' || r.kind == 'v'
}

// adopt adds the relations that were read to those of the page. Where several
// pages were read together, nobody knows whose a new relation is: the page is
// then looked at by itself.
func (e *Engine) adopt(p *page, read []relation, alone bool, known map[uint32]bool) {
	grown, strange := false, false
	for _, r := range read {
		switch {
		case !relevant(r) || p.relations[r.oid]:
		case alone:
			p.relations[r.oid], grown = true, true
		case known[r.oid]:
			strange = true // another page's; this one may have begun to read it too
		default:
			p.unsure, strange = true, true
		}
	}
	if grown {
		p.resolved, e.book.wanted = false, true
	}
	if !strange && !p.watches {
		p.discovered = time.Now()
	}
}

// discovery is when the page must be looked at by itself.
func (e *Engine) discovery(p *page) time.Time {
	if p.unsure {
		return p.discovered.Add(max(unsureEvery, e.cfg.rest(p.look)))
	}
	return p.discovered.Add(e.cfg.Safety)
}

// tells says that a reading of the page is under way, or begins now, which will
// tell what it reads: to look for that beside it would be to read it twice.
func (e *Engine) tells(p *page, now time.Time) bool {
	if p.unsure || p.watches {
		return false
	}
	if e.main.busy {
		return p.read.After(p.discovered)
	}
	return !e.due(p).After(now)
}

// startDiscovery reads one page by itself, only to see what it reads; with it
// those that ask the same for other values and read the same as far as known.
func (e *Engine) startDiscovery(now time.Time, jobs *jobs) time.Time {
	var pick *page
	for _, p := range e.pages {
		if p.state != nil && !e.tells(p, now) && (pick == nil || e.discovery(p).Before(e.discovery(pick))) {
			pick = p
		}
	}
	if pick == nil {
		return time.Time{}
	}
	if due := e.discovery(pick); due.After(now) {
		return due
	}
	tasks := []task{taskFor(pick, pick.shared())}
	for _, p := range e.pages {
		if p != pick && p.state != nil && p.shape == pick.shape && !p.unsure && !pick.unsure &&
			!e.discovery(p).After(now.Add(lookAhead)) && maps.Equal(p.relations, pick.relations) {
			tasks = append(tasks, taskFor(p, p.shared()))
		}
	}
	r := e.reading(pick.relations)
	r.discover = true
	unsure := pick.unsure
	for _, t := range tasks {
		t.page.discovered, t.page.unsure, t.page.sought = now, false, t.page.unsure
	}
	e.launch(jobs, &e.opener, func(ctx context.Context) func() {
		res := readTasks(ctx, e.opener.session, tasks, r)
		return func() { e.settleDiscovery(res, unsure) }
	})
	return time.Time{}
}

// settleDiscovery takes the relations only: rows are the cycle's, for two who
// publish one page could take it back.
func (e *Engine) settleDiscovery(res *result, unsure bool) {
	again := res.began.Add(-e.cfg.Safety)
	for _, t := range res.tasks {
		t.page.sought = false
	}
	if res.err != nil {
		for _, t := range res.tasks {
			t.page.unsure, t.page.discovered = t.page.unsure || unsure, again
		}
		e.unreachable(&e.opener, res.err)
		return
	}
	e.answered(&e.opener)
	if e.opener.stale || res.identity != e.source.identity {
		return
	}
	e.agree(&e.opener, res.birth)
	e.noteLocks(res.snap)
	for i, t := range res.tasks {
		switch {
		case !e.current(t):
			continue
		case res.left[i]:
			t.page.discovered = again
			continue
		}
		e.adopt(t.page, res.snap.relations, len(res.tasks) == 1, nil)
		e.adopt(t.page, res.watched, true, nil)
		t.page.discovered, t.page.look = time.Now(), res.ended.Sub(res.began)
	}
}

// reading says how to read where these relations are known to be read: which
// tables to lock beforehand.
func (e *Engine) reading(relations map[uint32]bool) reading {
	var r reading
	if flaw.On("no-torn-check") {
		return r
	}
	for _, l := range e.book.locks(relations) {
		switch since, held := e.blocked[l.oid]; {
		case !held:
			r.locks = append(r.locks, l)
		case time.Since(since) < blockedFor:
			r.blocked = append(r.blocked, l)
		default:
			r.locks, r.hasty = append(r.locks, l), true
		}
	}
	return r
}

// noteLocks remembers the tables that could not be locked beforehand, so that
// not every cycle waits for them. One that was read all the same is free.
func (e *Engine) noteLocks(snap *snapshot) {
	for _, oid := range snap.taken {
		delete(e.blocked, oid)
	}
	for _, oid := range snap.missed {
		e.blocked[oid] = time.Now()
	}
	for _, oid := range snap.torn() {
		delete(e.blocked, oid)
	}
}

// watched finds the tables that the task's panels name with "watch". A name
// that is no table's, or none that PostgreSQL can read, watches nothing.
func (s *session) watched(ctx context.Context, t task) []relation {
	var list []relation
	for _, it := range t.items {
		for _, name := range it.def.Watch {
			if s.conn == nil || s.conn.IsClosed() {
				return list
			}
			short, cancel := context.WithTimeout(ctx, grace)
			res := s.conn.PgConn().ExecParams(short, named, [][]byte{[]byte(name)}, nil, nil, nil).Read()
			cancel()
			for _, row := range res.Rows {
				if oid, err := strconv.ParseUint(string(row[0]), 10, 32); err == nil && res.Err == nil {
					list = append(list, relation{oid: uint32(oid), kind: row[1][0], stands: true})
				}
			}
		}
	}
	return list
}

const named = `SELECT c.oid, c.relkind FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)`
