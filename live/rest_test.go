package live

import (
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// A reading takes long where the tables are large, and where the line to the
// database is silent for a while: then a page may not wait as long again to be
// right. It did, for six seconds after a silence of six.
func TestAfterASilenceNobodyRestsAsLong(t *testing.T) {
	e, p := shown(t)
	began := time.Now().Add(-6 * time.Second)
	p.read, p.ended, p.took, p.dirty = began, time.Now(), 6*time.Second, true
	const most = 2 * time.Second
	if wait := time.Until(e.due(p)); wait > most {
		t.Errorf("a page that waited for six seconds is read again in %s", wait)
	}
	res := &result{began: began, ended: time.Now(), left: []bool{true}}
	if wait := time.Until(e.breath(res, false)); wait > most {
		t.Errorf("and the database in %s", wait)
	}
	p.took = 800 * time.Millisecond // as large tables take
	if wait := time.Until(e.due(p)); wait < 700*time.Millisecond {
		t.Errorf("after a reading of 0.8 s the database rests for %s", wait)
	}
}

// What a panel takes it pays for from its first reading on, in whichever lane that was.
func TestAPanelRestsForAllThatItTook(t *testing.T) {
	const heavy = 10 * time.Millisecond
	for _, took := range []time.Duration{45 * time.Millisecond, time.Second, 5 * time.Second} {
		var c cost
		began := time.Now()
		now, used := began, time.Duration(0)
		for range 20 {
			now, used = now.Add(took), used+took
			c.charge(took, took, heavy, now)
			now = c.free(now.Add(-took))
		}
		if share := used.Seconds() / now.Sub(began).Seconds(); share > 0.1 {
			t.Errorf("readings that take %s have %.1f %% of the time", took, 100*share)
		}
	}
}

// One heavy reading among quick ones may have been the line's: the panel is looked at
// again soon, and has to rest for both where it was its own. One that comes and goes
// has no second look for nothing.
func TestOneHeavyReadingAmongQuickOnesIsForgiven(t *testing.T) {
	const heavy, long = 10 * time.Millisecond, 4 * time.Second
	var c cost
	now := time.Now()
	wait := func(took time.Duration) time.Duration {
		c.charge(took, took, heavy, now)
		if c.long == 1 {
			c.relapse(now)
		}
		return c.free(now.Add(-took)).Sub(now)
	}
	wait(time.Millisecond)
	if w := wait(long); w > time.Second {
		t.Errorf("it is looked at again after %s", w)
	}
	now = now.Add(soonAgain)
	if w := wait(time.Millisecond); w > laneShare*time.Millisecond {
		t.Errorf("it is quick, and rests for %s", w)
	}
	wait(long)
	now = now.Add(soonAgain)
	if w := wait(long); w < 2*laneShare*long-soonAgain {
		t.Errorf("after two of %s it rests for %s", long, w)
	}
	for range mostEarly {
		wait(time.Millisecond)
		wait(long)
	}
	if w := wait(time.Millisecond); w > time.Second {
		t.Errorf("quick again, it rests for %s", w)
	}
	if w := wait(long); w < laneShare*long {
		t.Errorf("heavy time and again, it rests for %s", w)
	}
	if few, many := (&cost{}).proof(), c.proof(); few > 3 || many < 20 {
		t.Errorf("%d and %d quick readings bring it back", few, many)
	}
}

// A heavy reading that took much longer than the one before may have stood still with
// its program: it is paid for as soon as another one shows that it was its own.
func TestWhatTookMuchLongerOnceIsDoubted(t *testing.T) {
	const heavy, usual, long = 10 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second
	var c cost
	now := time.Now()
	wait := func(took time.Duration) time.Duration {
		now = now.Add(took)
		c.charge(took, took, heavy, now)
		rest := c.free(now.Add(-took)).Sub(now)
		now = now.Add(rest)
		return rest
	}
	wait(usual)
	for range 2 {
		if w := wait(long); w > laneShare*usual {
			t.Errorf("after one of %s it rests for %s", long, w)
		}
		if w := wait(usual); w > laneShare*usual {
			t.Errorf("as before, it rests for %s", w)
		}
	}
	wait(long)
	if w := wait(long); w < laneShare*(2*long-usual) {
		t.Errorf("after two of %s it rests for %s", long, w)
	}
}

// What the line took is not the database's work: a panel whose rows were long on their way
// rests for a little of that, and what it owed for such a reading before is forgotten.
func TestWhatTheLineTookIsChargedForAQuarter(t *testing.T) {
	const heavy, onItsWay = 10 * time.Millisecond, 400 * time.Millisecond
	var c cost
	now := time.Now()
	c.charge(onItsWay, onItsWay, heavy, now) // beside others nobody knows
	for range 10 {
		now = now.Add(onItsWay)
		c.charge(onItsWay, time.Millisecond, heavy, now)
		if c.long == 0 {
			t.Fatal("it counts as quick, and would hold others up")
		}
		free := c.free(now.Add(-onItsWay))
		if rest := free.Sub(now); rest != laneShare*onItsWay/lineShare {
			t.Errorf("it rests for %s", rest)
		}
		now = free
	}
	now = now.Add(2 * onItsWay)
	c.charge(2*onItsWay, onItsWay, heavy, now)
	if c.worth != onItsWay+onItsWay/roundShare {
		t.Errorf("the database's own work is charged as %s", c.worth)
	}
	if share := onItsWay.Seconds() / c.free(now.Add(-onItsWay)).Sub(now).Seconds(); share > 0.1 {
		t.Errorf("the database's own work has %.1f %% of the time", 100*share)
	}
}

// One that stood still with its line, or its program, has not worked for it.
func TestWhatStoodStillIsNotCharged(t *testing.T) {
	const heavy, worked = 10 * time.Millisecond, time.Millisecond
	var c cost
	now := time.Now()
	for _, took := range []time.Duration{400 * time.Millisecond, 6 * time.Second, 3 * time.Second, time.Second, 100 * time.Millisecond} {
		now = now.Add(took)
		c.charge(took, worked, heavy, now)
		free := c.free(now.Add(-took))
		if rest, want := free.Sub(now), min(laneShare*mostLine, laneShare*took/lineShare); rest != want {
			t.Errorf("after %s of the line it rests for %s, want %s", took, rest, want)
		}
		now = free
	}
}

// A query that is put off did not end in the transaction that answered the others: it is
// charged as it took, whatever the database did there.
func TestWhatIsPutOffIsChargedAsItTook(t *testing.T) {
	const patience = 120 * time.Millisecond
	for _, put := range []bool{true, false} {
		e, p := shown(t)
		n := p.panels[0]
		n.own, n.trial = true, true
		one := taskFor(p, []*panel{n})
		o := outcome{item: one.items[0], answer: &answer{}, panel: &delta.Panel{}, took: patience, put: put}
		e.settleLane(&result{
			tasks: []task{one}, outcomes: [][]outcome{{o}}, snap: &snapshot{worked: time.Millisecond},
			identity: e.source.identity, began: time.Now().Add(-patience), ended: time.Now(),
		})
		if want := patience / lineShare; put && n.worth != patience || !put && n.worth != want {
			t.Errorf("put off: %t, charged as %s", put, n.worth)
		}
	}
}
