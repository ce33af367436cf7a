package live

import "time"

const (
	laneShare  = 10              // a heavy panel rests ten times as long as it ran: with what begins and ends a reading, it has a tenth
	soonAgain  = time.Second / 2 // a panel that was heavy once among quick readings is looked at again within
	mostEarly  = 3               // so often, and then it has to rest first
	quickAgain = 3               // times running that a panel is quick before it returns from its lane
	quickMost  = 20              // the same for one that did not stay quick; it doubles each time
	suspicious = 3               // times what the reading before took: so much more is believed the second time
	leastPace  = 100 * time.Millisecond
	roundShare = 10                     // what begins and ends a reading is that part of what the database worked, at the most
	lineShare  = 4                      // a reading counts for that part of what it took, at the least: neither the line nor this program is any panel's alone
	mostLine   = 200 * time.Millisecond // but for no more, where the database did not work for longer
)

// cost is what a panel's readings took of late, as a rest that it owes: so what it
// uses is a tenth of the time from its first reading on, whoever paid for that, its
// page or its lane.
type cost struct {
	took     time.Duration // the last reading; 0: there was none yet
	worth    time.Duration // what it was charged as
	rested   time.Time     // when it has rested for all that it was charged
	long     int           // readings running that took long
	doubted  time.Duration // what the last one took beyond its worth, and may not have been its own
	light    bool          // it was quick once
	relapses int           // how often of late it was heavy again after that
	relapsed time.Time     // and when it last was
}

// charge adds a reading that has just ended: how long it took here, and how long the
// database says it worked. It counts as that, and a tenth more for what began and ended
// it, and where most of it was the line's as a quarter of what it took, up to [mostLine]. A panel whose database was quick owes for
// nothing before. One that was charged much more than the heavy one before is charged as that, until the next
// one shows that it was its own: where the program or its machine stood still, the panel
// would be wrong for ten times as long.
func (c *cost) charge(took, worked, heavy time.Duration, now time.Time) {
	worth := max(min(took, worked+worked/roundShare), min(took/lineShare, mostLine))
	owed, doubted := worth, c.doubted
	switch beyond := worth - c.worth; {
	case doubted > 0:
		if c.doubted = 0; worked > heavy && worth > doubted/2 { // it was
			owed += doubted
		}
	case c.long > 0 && beyond > suspicious*c.took:
		took, worth, owed, c.doubted = c.took, c.worth, c.worth, beyond
	}
	c.took, c.worth = took, worth
	if worked <= heavy || c.rested.Before(now) {
		c.rested = now
	}
	c.rested = c.rested.Add(laneShare * owed)
	if c.long++; took <= heavy {
		c.light, c.long = true, 0
	}
}

// owes is what the rest that is still due at that time was charged for.
func (c *cost) owes(now time.Time) time.Duration { return max(0, c.rested.Sub(now)/laneShare) }

// relapse notes that a panel is heavy that had been quick.
func (c *cost) relapse(now time.Time) {
	if now.Sub(c.relapsed) > forgiven { // in a week, every page has a bad moment
		c.relapses = 0
	}
	c.relapses, c.relapsed = c.relapses+1, now
}

// free is when a panel whose last reading began then may be read again. One heavy
// reading among quick ones may have been the line's, or the machine's: it is looked at
// again soon, and rests for both if it was its own.
func (c *cost) free(read time.Time) time.Time {
	if c.long == 1 && c.light && c.relapses <= mostEarly {
		return earliest(c.rested, read.Add(c.took+soonAgain))
	}
	return c.rested
}

// proof is how many quick readings running it takes to return from the lane: few after
// one bad moment, more for what comes and goes.
func (c *cost) proof() int { return min(quickMost, quickAgain<<max(0, min(c.relapses, 8)-1)) }

// time learns a panel's cost in the common snapshot: one that took too long once, or
// owes as much for what it took time after time, no longer holds up the others. One
// that was never quick is soon believed to be heavy.
func (e *Engine) time(n *panel, took time.Duration) {
	now, most := time.Now(), e.cfg.holdup()
	n.charge(took, took, e.cfg.heavy(), now)
	if !n.light {
		most /= 2
	}
	if n.long > 0 && n.owes(now) > most {
		e.part(n, now)
	}
}

// part takes a panel out of its page's snapshot, for it holds the others up.
func (e *Engine) part(n *panel, now time.Time) {
	n.own, n.dirty, n.quick, n.read = true, true, 0, now.Add(-n.took)
	if n.light {
		n.relapse(now)
	}
	e.slow.note(n.query.text, false, now)
}

// returns gives a panel back to its page that has been quick for long enough:
// what made it slow was not its own.
func (e *Engine) returns(p *page, n *panel) {
	now := time.Now()
	if n.long > 0 {
		if n.quick = 0; n.long == 1 && n.light && n.took > e.cfg.holdup() {
			n.relapse(now)
		}
		e.slow.note(n.query.text, true, now)
		return
	}
	if n.quick++; n.quick >= n.proof() {
		n.own, n.quick = false, 0
		e.slow.clear(n.query.text)
		p.touch()
	}
}

// pace is how often a panel with a lane of its own is read while its tables change:
// once it has rested, and once all that need the lane had their turn.
func (e *Engine) pace(n *panel) time.Duration {
	var round time.Duration
	seen := map[string]bool{}
	for _, p := range e.pages {
		for _, other := range p.panels {
			if other.own && !seen[other.query.id] {
				seen[other.query.id] = true
				round += other.took
			}
		}
	}
	return max(leastPace, round, n.free(n.read).Sub(n.read)).Round(leastPace)
}
