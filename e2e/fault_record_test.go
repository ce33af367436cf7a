package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// record is what one viewer of a page was shown, moment by moment, and what of
// that can be judged without a log: everything here is arithmetic on what was
// received and on what the writers know of their own writes.
type record struct {
	mu       sync.Mutex
	instants []instant
	calms    []calm
}

// instant is what a page showed from then on.
type instant struct {
	at     time.Time // by this process's clock
	screen *delta.State
	status *delta.Status // nil: nothing was said on this connection yet
	frame  bool          // it brought the screen
	claim  bool          // it brought the status
}

func (m instant) live() bool { return m.status != nil && m.status.State == "live" && m.screen != nil }

// calm is a time in which nobody wrote what a page shows.
type calm struct {
	from, until time.Time
	want        map[string][][]delta.Cell
}

// heard adds a message that was applied.
func (r *record) heard(m *delta.Message, screen *delta.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := instant{at: time.Now(), screen: screen}
	if n := len(r.instants); n > 0 {
		next.status = r.instants[n-1].status
	}
	switch {
	case m.Status != nil:
		next.status, next.claim = m.Status, true
	case m.Type == delta.TypeSnapshot || m.Type == delta.TypeDelta:
		next.frame = true
	default:
		return
	}
	r.instants = append(r.instants, next)
}

// lost notes that the connection is gone, which the page says at once.
func (r *record) lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.instants); n > 0 && r.instants[n-1].status != nil {
		r.instants = append(r.instants, instant{at: time.Now(), screen: r.instants[n-1].screen})
	}
}

// calmly notes a time in which the page's answers did not change.
func (r *record) calmly(c calm) {
	r.mu.Lock()
	r.calms = append(r.calms, c)
	r.mu.Unlock()
}

func (r *record) all() ([]instant, []calm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.instants), slices.Clone(r.calms)
}

// forget keeps the newest moment only.
func (r *record) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calms = nil
	if n := len(r.instants); n > 0 {
		r.instants = []instant{r.instants[n-1]}
	}
}

// edit is a write that was committed; its mark is what a page shows of it.
type edit struct {
	mark         uint64
	began, acked time.Time
}

// diary is what one writer knows of its writes, one after the other, each with
// a mark that is larger than all before.
type diary struct {
	mu        sync.Mutex
	edits     []edit
	tried     uint64          // the largest that may be committed
	takenBack map[uint64]bool // were never committed
}

func newDiary() *diary { return &diary{takenBack: map[uint64]bool{}} }

// tries notes that the next mark is about to be written, and returns it.
func (d *diary) tries() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried++
	return d.tried
}

// did notes that the database said that the write was committed.
func (d *diary) did(e edit) {
	d.mu.Lock()
	d.edits, d.tried = append(d.edits, e), e.mark // what was in doubt before is now known
	d.mu.Unlock()
}

// tookBack notes that the write was rolled back.
func (d *diary) tookBack(mark uint64) {
	d.mu.Lock()
	d.takenBack[mark] = true
	d.mu.Unlock()
}

// forget drops all edits but the last.
func (d *diary) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.edits); n > 0 {
		d.edits = []edit{d.edits[n-1]}
	}
}

func (d *diary) all() []edit {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.edits)
}

// written is a page whose whole content is a function of the last mark of one writer.
type written struct {
	*diary
	// mark finds it in one panel.
	mark func(id string, p *delta.Panel) (uint64, bool)
	// holds is what all panels then hold.
	holds func(mark uint64) map[string][][]delta.Cell
}

// inSnapshot tells whether a panel is of the page's common snapshot.
func inSnapshot(p *delta.Panel) bool { return p != nil && p.Err == nil && p.At.IsZero() }

// shows is the mark that the screen shows. It is an error if the panels are not
// what they were after one and the same write; false: all have times or errors
// of their own.
func (w *written) shows(asked []question, s *delta.State) (mark uint64, known bool, err error) {
	for _, q := range asked {
		p := s.Panels[q.id]
		if !inSnapshot(p) {
			continue
		}
		n, ok := w.mark(q.id, p)
		switch {
		case !ok:
			return 0, false, fmt.Errorf("panel %s shows what nobody wrote", q.id)
		case known && n != mark:
			return 0, false, fmt.Errorf("panel %s is of write %d beside others of write %d", q.id, n, mark)
		}
		mark, known = n, true
	}
	if !known {
		return 0, false, nil
	}
	want := w.holds(mark)
	for _, q := range asked {
		if p := s.Panels[q.id]; inSnapshot(p) {
			if diff := differ(q, p, want[q.id]); diff != "" {
				return 0, false, fmt.Errorf("panel %s is not what write %d left: %s", q.id, mark, diff)
			}
		}
	}
	return mark, true, nil
}

// sees tells which marks the screen shows; nil: that cannot be told.
func (s *sight) sees(screen *delta.State) func(mark uint64) bool {
	if screen == nil {
		return nil
	}
	if s.written != nil {
		n, known, err := s.written.shows(s.asked, screen)
		if !known || err != nil {
			return nil
		}
		return func(mark uint64) bool { return mark <= n }
	}
	if text, ok := cutOf(screen); ok {
		if shown, err := parseSnapshot(text); err == nil {
			return shown.sees
		}
	}
	return nil
}

// charges are the broken promises of a record.
type charges struct {
	page string
	list []string
}

func (c *charges) add(format string, args ...any) {
	if len(c.list) < 3 { // what follows is mostly the same
		c.list = append(c.list, c.page+": "+fmt.Sprintf(format, args...))
	}
}

// judged is what is wrong with what the page showed, up to now, beside these
// writes, of which it need not hear at once where they are unrung. limit is how
// long a page may be called live without a write.
func (s *sight) judged(edits []edit, now time.Time, unrung bool, limit func(edit) time.Duration) []string {
	instants, calms := s.all()
	c := &charges{page: s.page}
	s.forward(c, instants)
	s.committed(c, instants)
	s.truthful(c, instants, edits, now, limit)
	s.asInCalm(c, instants, calms)
	s.asTold(c, instants, now, unrung, limit)
	return c.list
}

// forward: neither the page's time nor, within an epoch, its version goes back.
func (s *sight) forward(c *charges, instants []instant) {
	var last *delta.State
	for _, m := range instants {
		if m.screen == nil {
			continue
		}
		if last != nil {
			epoch, version := placeOf(last.Cursor)
			thenEpoch, thenVersion := placeOf(m.screen.Cursor)
			if m.screen.At.Before(last.At) {
				c.add("went back from %s (%s) to %s (%s)", last.At, last.Cursor, m.screen.At, m.screen.Cursor)
			}
			if epoch == thenEpoch && thenVersion < version {
				c.add("went back from %s to %s", last.Cursor, m.screen.Cursor)
			}
		}
		last = m.screen
	}
}

// placeOf is a cursor's epoch and version.
func placeOf(cursor string) (epoch string, version uint64) {
	epoch, text, _ := strings.Cut(cursor, ":")
	version, _ = strconv.ParseUint(text, 10, 64)
	return epoch, version
}

// committed: of a page that one writer writes, every frame is what one of its
// writes left, never one before what was shown, one that was taken back, or one
// that had not begun.
func (s *sight) committed(c *charges, instants []instant) {
	if s.written == nil {
		return
	}
	s.written.mu.Lock()
	tried, takenBack := s.written.tried, maps.Clone(s.written.takenBack)
	s.written.mu.Unlock()
	edits := s.written.all()
	began := make(map[uint64]time.Time, len(edits))
	for _, e := range edits {
		began[e.mark] = e.began
	}
	last := uint64(0)
	for _, m := range instants {
		if m.screen == nil {
			continue
		}
		n, known, err := s.written.shows(s.asked, m.screen)
		switch {
		case err != nil:
			c.add("%v", err)
		case !known:
		case n < last:
			c.add("went back from write %d to %d", last, n)
		case takenBack[n], n > tried, began[n].After(m.at):
			c.add("shows write %d, which was not committed", n)
		}
		if known {
			last = max(last, n)
		}
	}
}

// truthful: what was committed before a frame's own time is on it, what was
// committed before the time of a claim "live" is on the screen, and no page stays
// live for longer than the limit without what was committed.
func (s *sight) truthful(c *charges, instants []instant, edits []edit, now time.Time, limit func(edit) time.Duration) {
	for i, m := range instants {
		sees := s.sees(m.screen)
		if sees == nil {
			continue
		}
		until := now
		if i+1 < len(instants) {
			until = instants[i+1].at
		}
		for _, e := range edits {
			if sees(e.mark) {
				continue
			}
			switch {
			case m.frame && e.acked.Before(m.screen.At):
				c.add("the frame of %s lacks write %d of before %s", m.screen.At, e.mark, e.acked)
			case m.claim && m.live() && e.acked.Before(m.status.At):
				c.add("live as of %s without write %d of before %s", m.status.At, e.mark, e.acked)
			case m.live() && e.acked.Add(staleWithin).Before(until) && e.acked.Add(limit(e)).Before(until):
				c.add("called live %s after write %d, without it", until.Sub(e.acked).Round(10*time.Millisecond), e.mark)
			}
		}
	}
}

// asInCalm: while nobody writes, frames that were read then, and screens that
// are called live as of then, are what there is.
func (s *sight) asInCalm(c *charges, instants []instant, calms []calm) {
	for _, quiet := range calms {
		for _, m := range instants {
			read := m.frame && m.screen.At.After(quiet.from)
			claimed := m.claim && m.live() && m.status.At.After(quiet.from)
			if !read && !claimed || !m.at.Before(quiet.until) {
				continue
			}
			for _, q := range s.asked {
				p := m.screen.Panels[q.id]
				if !inSnapshot(p) {
					continue
				}
				if diff := differ(q, p, quiet.want[q.id]); diff != "" {
					c.add("panel %s is not what there is since %s: %s", q.id, quiet.from, diff)
				}
			}
		}
	}
}

// staleFrom is when the page first was not called live after the fault began,
// and what it said then; nil if it always was.
func (r *record) staleFrom(began, until time.Time) (time.Time, *delta.Status) {
	instants, _ := r.all()
	for i, m := range instants {
		end := until
		if i+1 < len(instants) {
			end = instants[i+1].at
		}
		if end.After(began) && m.at.Before(until) && m.status != nil && !m.live() {
			return latest(m.at, began), m.status
		}
	}
	return time.Time{}, nil
}

// liveIn is the first moment between these two at which the page became live.
func (r *record) liveIn(from, until time.Time) (time.Time, bool) {
	instants, _ := r.all()
	for _, m := range instants {
		if m.at.After(from) && m.at.Before(until) && m.live() {
			return m.at, true
		}
	}
	return time.Time{}, false
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
