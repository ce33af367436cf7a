package live

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// proofLasts is how old a page's proof may be for it to be called live.
const proofLasts = 2500 * time.Millisecond

// page is one watched page. All of it is owned by the engine's loop.
type page struct {
	def     *dashboard.Page
	place   *time.Location // its time zone, as far as it is known here
	panels  []*panel
	shape   string // the same for pages that ask the same for other values
	viewers int
	opened  time.Time
	empty   time.Time // since when nobody watches

	epoch   string
	version uint64
	state   *delta.State // what is shown; nil before the first frame
	read    time.Time    // when the last cycle with it began
	ended   time.Time
	changed time.Time // when its last frame went out
	took    time.Duration
	rung    time.Time // the first ring that no reading has answered yet
	dirty   bool
	tries   int       // failed relation checks in a row, read apart
	apart   time.Time // until when it is read apart from pages that read other tables

	relations map[uint32]bool // ever read; they stay until the catalog changes
	bells     []int64
	untolling []string // tables whose changes ring nothing
	resolved  bool     // bells and untolling are those of relations

	unsure     bool          // it may read a relation that is not among its own yet
	sought     bool          // the same, until the reading ends that is to tell
	discovered time.Time     // when what it reads was last certain
	look       time.Duration // what the last look at that took
	watches    bool          // its definition names further tables

	gens     map[int64]uint64 // of all bells, since before the last snapshot; nil: not all armed
	unarmed  time.Time        // since when some bell could not be armed
	unheard  time.Time        // up to then its tables may have been written and nobody rang
	proof    time.Time        // proven up to, by the database's clock
	unrung   *suspicion       // a change that perhaps nobody rang for
	altered  bool             // its relations are not defined as they were; until its definition was made anew
	distrust bool             // its bells missed a change; until the catalog is read again

	status     delta.Status
	statusSent time.Time
}

// panel is one query of a page.
type panel struct {
	def   *dashboard.Panel
	query query
	step  int     // which choice of key is in use; it only grows within an epoch
	last  *answer // what its rows were made of
	cost

	trial bool // shows nothing yet; its lane reads it first, and tells where it belongs
	known bool // its kind is sure to be slow for some value
	own   bool // runs in its own lane
	quick int  // quick readings running there
	fault *delta.Error
	dirty bool      // the lane has something to look at
	since time.Time // it is dirty
	read  time.Time // when the lane last began to read it
	// relations are what its own lane saw it read.
	relations map[uint32]bool
}

// suspicion is a change that a safety read found, with the generations that
// stood before it: if they still stand after the next ping, nobody rang.
type suspicion struct {
	gens map[int64]uint64
	at   time.Time
}

func newPage(def *dashboard.Page) *page {
	p := &page{
		def: def, opened: time.Now(), dirty: true, epoch: newEpoch(),
		relations: map[uint32]bool{}, place: time.UTC,
	}
	if place, err := time.LoadLocation(def.TimeZone); err == nil {
		p.place = place
	}
	var shape strings.Builder
	for i := range def.Panels {
		d := &def.Panels[i]
		if d.SQL == "" {
			continue
		}
		p.watches = p.watches || len(d.Watch) > 0
		n := &panel{def: d, query: newQuery(def, d), dirty: true, relations: map[uint32]bool{}}
		p.panels = append(p.panels, n)
		fmt.Fprintf(&shape, "%s %q\n", n.query.text, d.Watch)
	}
	p.shape = shape.String()
	return p
}

// newEpoch draws the 64 random bits that name a run of versions.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (p *page) cursor() string { return p.epoch + ":" + strconv.FormatUint(p.version, 10) }

// touch marks the page and its own lane dirty.
func (p *page) touch() {
	p.dirty = true
	for _, n := range p.panels {
		if !n.dirty {
			n.dirty, n.since = true, time.Now()
		}
	}
}

// owes keeps a ring that a reading was to answer and did not. It is older than any
// that came since.
func (p *page) owes(rung time.Time) {
	if !rung.IsZero() {
		p.rung = rung
	}
}

// answered is the first ring that a reading answers: the one that it began for, or
// one that came while its bells were armed, before the snapshot. Zero: there is none.
func (p *page) answered(rung, began time.Time) time.Time {
	if p.rung.IsZero() || !p.rung.Before(began) {
		return rung
	}
	late := p.rung
	p.rung = time.Time{}
	return earliest(late, rung)
}

func (p *page) dependsOn(bells map[int64]bool) bool {
	for _, b := range p.bells {
		if bells[b] {
			return true
		}
	}
	return false
}

// away tells whether the panel is read in its own lane, not in its page's snapshot.
func (n *panel) away() bool { return n.own || n.trial || n.fault != nil }

// rearmed tells whether the page was read after t, with its bells armed before
// where that could be.
func (p *page) rearmed(t time.Time) bool { return !p.read.Before(t) && !p.ended.Before(p.read) }

// shared are the panels that are read in the common snapshot.
func (p *page) shared() []*panel {
	var list []*panel
	for _, n := range p.panels {
		if !n.away() {
			list = append(list, n)
		}
	}
	return list
}

// prove moves the page's proof on. It goes back only where the database's
// clock did: a proof from the future would hold for as long as that lies ahead.
func (p *page) prove(at time.Time) {
	if at.After(p.proof) || p.proof.Sub(at) > proofLasts {
		p.proof = at
	}
}

// timed tells whether the page goes by the clock.
func (p *page) timed() bool { return p.resolved && len(p.untolling) > 0 }

// uncertain tells whether the page went by the clock, and it is not known yet
// what it reads now: a table that is gone may have another one in its place, which
// has no bell either, so the page is not called live before that is certain.
func (p *page) uncertain() bool {
	return p.status.State == "timed" && (p.unsure || p.sought || !p.resolved)
}

// same tells whether two definitions ask the same of the database.
func (p *page) same(def *dashboard.Page) bool {
	other := newPage(def)
	if len(other.panels) != len(p.panels) {
		return false
	}
	for i, n := range p.panels {
		o := other.panels[i]
		if n.query.id != o.query.id || n.def.ID != o.def.ID || n.def.Every != o.def.Every ||
			strings.Join(n.def.Key, "\x00") != strings.Join(o.def.Key, "\x00") {
			return false
		}
	}
	return true
}

func (e *Engine) open(def *dashboard.Page) *page {
	p := e.pages[def.ID()]
	if p != nil && !p.same(def) {
		e.retire(p)
		p = nil
	}
	if p == nil {
		p = newPage(def)
		e.slow.recall(p, time.Now())
		e.pages[def.ID()] = p
		e.counters.pages.Store(int64(len(e.pages)))
		e.cfg.Bell.Watched(true)
	}
	p.viewers++
	return p
}

func (e *Engine) release(p *page) {
	if p.viewers--; p.viewers == 0 {
		p.empty = time.Now()
	}
}

// retire ends a page and tells its viewers to load it again.
func (e *Engine) retire(p *page) {
	if e.pages[p.def.ID()] != p {
		return
	}
	e.cfg.Hub.Publish(p.def.ID(), broadcast.Update[*delta.State]{Last: delta.EncodeReload(p.def.Address, "", "")})
	e.forget(p)
}

// forget drops a page and gives up the bells that no other page needs.
func (e *Engine) forget(p *page) {
	delete(e.pages, p.def.ID())
	e.counters.pages.Store(int64(len(e.pages)))
	e.cfg.Hub.Drop(p.def.ID())
	e.rewire()
	if len(e.pages) == 0 {
		e.cfg.Bell.Watched(false)
	}
}

// rewire works out which bells are needed, and disarms those that no longer are.
func (e *Engine) rewire() {
	needed := map[int64]bool{}
	for _, p := range e.pages {
		for _, b := range p.bells {
			needed[b] = true
		}
	}
	e.mu.Lock()
	before := e.known
	e.known = needed
	e.mu.Unlock()
	e.disarm(slices.Collect(maps.Keys(before)))
}

// disarm gives up those of the bells that no page needs.
func (e *Engine) disarm(bells []int64) {
	e.mu.Lock()
	needed := e.known // never changed in place
	e.mu.Unlock()
	var idle []int64
	for _, b := range bells {
		if !needed[b] {
			idle = append(idle, b)
		}
	}
	if len(idle) > 0 {
		e.cfg.Bell.Disarm(idle)
	}
}

// renew starts a new epoch: what is shown is no longer comparable.
func (e *Engine) renew(p *page) {
	fresh := newPage(p.def)
	fresh.viewers, fresh.empty, fresh.altered = p.viewers, p.empty, p.altered
	*p = *fresh
	e.slow.recall(p, time.Now())
	e.cfg.Hub.Drop(p.def.ID())
}

// proved raises the proof of every page whose bells have all been armed, and
// have not rung, since before its last snapshot.
func (e *Engine) proved(at time.Time) {
	e.clocked(at)
	for _, p := range e.pages {
		if p.unrung != nil && at.After(p.unrung.at) {
			if e.quiet(p.unrung.gens) {
				e.reportUnrung(p)
			}
			p.unrung = nil
		}
		if p.state == nil || !p.resolved || p.unsure || p.gens == nil || p.distrust || p.timed() || e.source.muted {
			continue
		}
		if e.quiet(p.gens) {
			p.prove(at)
		} else if !flaw.On("no-resync") {
			// Rung, and then it is dirty already; or a bell ended otherwise.
			p.gens, p.dirty = nil, true
		}
	}
}

// quiet tells whether bells are still armed with these generations.
func (e *Engine) quiet(gens map[int64]uint64) bool {
	for bell, gen := range gens {
		if e.cfg.Bell.Generation(bell) != gen {
			return false
		}
	}
	return true
}

// reportUnrung counts a change that nobody rang for, and takes "live" from
// the page until the catalog shows its bells whole again.
func (e *Engine) reportUnrung(p *page) {
	e.counters.unrung.Add(1)
	p.distrust = true
	e.book.due = time.Now()
	e.log.Warn("a table changed and nobody rang",
		"page", p.def.Path(), "tables", strings.Join(e.book.names(p.relations), ", "))
}

// publish makes the changed panels the page's next frame. Without changes it
// only moves the page's time on.
func (e *Engine) publish(p *page, at time.Time, changes map[string]*delta.Change, panels map[string]*delta.Panel) {
	first := p.state == nil
	if !first && len(changes) == 0 {
		// The state keeps its cursor: only what it is true for moves on.
		next := *p.state
		next.At = at
		p.state = &next
		return
	}
	state := &delta.State{Page: p.def.Address, At: at, Panels: map[string]*delta.Panel{}}
	from := ""
	if !first {
		maps.Copy(state.Panels, p.state.Panels)
		from = p.cursor()
	}
	maps.Copy(state.Panels, panels)
	p.version++
	state.Cursor = p.cursor()
	p.state = state
	p.changed = time.Now()
	e.counters.frames.Add(1)
	u := broadcast.Update[*delta.State]{
		Cursor: state.Cursor, State: state,
		Snapshot: func() []byte { return delta.EncodeSnapshot(state) },
	}
	if !first {
		if flaw.On("forgotten-deletion") {
			forgetDeletion(changes)
		}
		u.Delta = delta.EncodeDelta(from, state, changes)
	}
	e.cfg.Hub.Publish(p.def.ID(), e.withStatus(p, u))
}

// forgetDeletion takes one deletion out of what is sent, for a build with that
// flaw.
func forgetDeletion(changes map[string]*delta.Change) {
	for _, c := range changes {
		if i := slices.IndexFunc(c.Ops, func(o delta.Op) bool { return o.Kind == delta.Remove }); i >= 0 && len(c.Ops) > 1 {
			c.Ops = slices.Delete(slices.Clone(c.Ops), i, i+1)
			return
		}
	}
}

// withStatus adds the page's status to a frame. It is sent by itself only
// when it is news: who applies the frame knows its age.
func (e *Engine) withStatus(p *page, u broadcast.Update[*delta.State]) broadcast.Update[*delta.State] {
	now := time.Now()
	if e.early(p, now) {
		return u
	}
	s := e.assess(p, now)
	u.Quiet = s.State == p.status.State && s.Reason == p.status.Reason && now.Sub(p.statusSent) < e.cfg.Next
	if !u.Quiet {
		p.statusSent = now
	}
	p.status = s
	u.Status = e.encoder(s)
	return u
}
