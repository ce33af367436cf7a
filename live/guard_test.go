package live

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// quietBell is a doorbell that arms everything and never rings.
type quietBell struct{}

func (quietBell) Arm(context.Context, []int64) map[int64]uint64 { return nil }
func (quietBell) Disarm([]int64)                                {}
func (quietBell) Generation(int64) uint64                       { return 1 }
func (quietBell) Watched(bool)                                  {}
func (quietBell) Unarmable() string                             { return "" }

func shown(t *testing.T) (*Engine, *page) {
	t.Helper()
	e := New(Config{Hub: broadcast.New[*delta.State](broadcast.Config{}), Bell: quietBell{}, Log: slog.New(slog.DiscardHandler)})
	p := e.open(&dashboard.Page{Address: "/d/x", Panels: []dashboard.Panel{{ID: "a", SQL: "SELECT 1", Limit: 1}}})
	p.resolved, p.gens = true, map[int64]uint64{1: 1}
	p.state = &delta.State{Panels: map[string]*delta.Panel{}}
	e.source.listening, e.source.reason = true, ""
	return e, p
}

func TestAPanicOverAnAnswerIsItsPanelsError(t *testing.T) {
	s := newSession(Config{}.withDefaults(), "panels", time.Second)
	o := item{def: &dashboard.Panel{ID: "a"}}.outcome(s, nil)
	if o.err == nil || o.err.Code != "internal" {
		t.Errorf("got %+v", o.err)
	}
}

func TestAPanicOverAPageLeavesTheOthers(t *testing.T) {
	e, p := shown(t)
	epoch := p.epoch
	e.guard(p, func() { panic("a bug") })
	if p.epoch == epoch || p.state != nil || e.pages["/d/x"] != p {
		t.Error("the page does not start anew")
	}
	if pick, next := e.unopened(time.Now()); pick != nil || next.Before(time.Now().Add(time.Second)) {
		t.Error("it does so at once, and forever")
	}
}

// Whichever clock is set back, the database's or this machine's: what was proven by
// the old one is worth nothing, and the next ping has all read by the new one.
func TestAClockThatIsSetBackEndsTheProof(t *testing.T) {
	for whose, off := range map[string]time.Duration{"the database's": -time.Minute, "ours": time.Minute} {
		e, p := shown(t)
		now := time.Now()
		p.prove(now.Add(time.Hour))
		if s := e.assess(p, now); s.State == "live" {
			t.Errorf("%s: a proof from the future says live", whose)
		}
		p.dirty = false
		e.proved(now.Add(off)) // so far is the database's clock from ours now
		if !p.dirty {
			t.Errorf("%s: nobody looks by how much the clock was set", whose)
		}
		e.source.skew = off
		if s := e.assess(p, now); s.State != "live" {
			t.Errorf("%s: %s by the new clock", whose, s.State)
		}
		if s := e.assess(p, now.Add(proofLasts+time.Millisecond)); s.State == "live" {
			t.Errorf("%s: live for longer than a proof lasts", whose)
		}
		p.prove(now.Add(off - time.Second))
		if !p.proof.Equal(now.Add(off)) {
			t.Errorf("%s: an older proof of the same clock takes the page back", whose)
		}
	}
}

func TestABellThatEndsUnheardIsNoticed(t *testing.T) {
	e, p := shown(t)
	p.dirty, p.gens = false, map[int64]uint64{1: 7}
	e.proved(time.Now())
	if !p.dirty || !p.proof.IsZero() {
		t.Error("a page whose bell stands with another generation is taken for proven")
	}
}

func TestACycleStaysShort(t *testing.T) {
	e, p := shown(t)
	p.panels[0].took = 900 * time.Millisecond
	other := newPage(p.def)
	other.panels[0].took, other.read = 900*time.Millisecond, time.Now()
	if got := e.affordable([]*page{other, p}); len(got) != 1 || got[0] != p {
		t.Errorf("%d pages in one cycle of two seconds", len(got))
	}
	p.panels[0].took = time.Millisecond
	if got := e.affordable([]*page{other, p}); len(got) != 2 {
		t.Errorf("%d pages in a cycle of one second", len(got))
	}
}

func TestAPageThatWasNotReadKeepsItsTurnAndProvesNothing(t *testing.T) {
	e, p := shown(t)
	turn := time.Now().Add(-time.Minute)
	p.read, p.dirty, p.gens = turn, true, map[int64]uint64{1: 7}
	work := taskFor(p, p.shared())
	p.dirty, p.read = false, time.Now()
	e.settle(&e.main, &result{
		tasks: []task{work}, left: []bool{true}, outcomes: [][]outcome{nil}, began: time.Now(), ended: time.Now(),
		snap: &snapshot{at: time.Now()}, gens: map[int64]uint64{1: 8},
	})
	if !p.dirty || !p.read.Equal(turn) {
		t.Errorf("it is dirty: %v, and was read %v ago", p.dirty, time.Since(p.read))
	}
	if !p.proof.IsZero() || p.gens[1] != 7 || e.Stats().Frames != 0 {
		t.Error("it counts as read")
	}
	if e.Stats().Left != 1 {
		t.Error("nobody counts it")
	}
}

// frames keeps what the meter hears of frames.
type frames struct {
	unmetered
	took []time.Duration
}

func (f *frames) Frame(sinceRing time.Duration) { f.took = append(f.took, sinceRing) }

// A frame is as old as the first ring before its snapshot, whenever its reading began;
// a reading that fails still owes it, and one that came later is the next frame's.
func TestAFrameIsAsOldAsTheFirstRingThatItAnswers(t *testing.T) {
	e, p := shown(t)
	heard := &frames{}
	e.cfg.Meter = heard
	began := time.Now().Add(-time.Minute)
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	read := func(asked, rung time.Time, fault error) {
		p.rung = asked
		work := taskFor(p, p.shared())
		p.rung = rung // while it was read
		done := outcome{item: work.items[0], panel: &delta.Panel{}, change: &delta.Change{}}
		e.settle(&e.main, &result{tasks: []task{work}, left: []bool{false}, outcomes: [][]outcome{{done}}, began: began, ended: began, snap: &snapshot{at: began}, err: fault})
	}
	for _, c := range []struct {
		what        string
		asked, rung time.Time
		fault       error
		want, next  time.Time // zero: no frame is counted, no ring is owed
	}{
		{"it rang, and was read", at(-5), time.Time{}, nil, at(-5), time.Time{}},
		{"it rang again while its bells were armed", at(-5), at(-1), nil, at(-5), time.Time{}},
		{"it rang only then", time.Time{}, at(-1), nil, at(-1), time.Time{}},
		{"it rang after the snapshot", at(-5), at(1), nil, at(-5), at(1)},
		{"it rang only after it", time.Time{}, at(1), nil, time.Time{}, at(1)},
		{"the reading fails", at(-5), at(1), io.ErrUnexpectedEOF, time.Time{}, at(-5)},
		{"nothing rang", time.Time{}, time.Time{}, nil, time.Time{}, time.Time{}},
	} {
		heard.took = nil
		read(c.asked, c.rung, c.fault)
		if c.want.IsZero() != (len(heard.took) == 0) {
			t.Errorf("%s: %v is counted", c.what, heard.took)
		} else if !c.want.IsZero() && (time.Since(c.want)-heard.took[0]).Abs() > 500*time.Millisecond {
			t.Errorf("%s: counted as %v old, not as %v", c.what, heard.took[0], time.Since(c.want))
		}
		if !p.rung.Equal(c.next) {
			t.Errorf("%s: the next one answers a ring of %v, not of %v", c.what, p.rung.Sub(began), c.next.Sub(began))
		}
	}
}

func TestAConnectionThatBreaksIsNoBug(t *testing.T) {
	s := &session{}
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.ErrUnexpectedEOF, "the connection to the database breaks while this is read"},
		{&panicked{value: "mistake"}, "internal error"},
	} {
		if e := s.explain(fmt.Errorf("read answer: %w", c.err)); e.Code != "internal" || e.Message != c.want {
			t.Errorf("%v: %+v", c.err, e)
		}
	}
}
