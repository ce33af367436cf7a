package live

import (
	"testing"
	"time"
)

// A page by the clock that lost a table, or may read another one by now, was
// called live for a moment: until it was known that the new one has no bell either.
func TestAPageByTheClockIsNotLiveBeforeItIsKnownWhatItReads(t *testing.T) {
	e, p := shown(t)
	now := time.Now()
	p.prove(now)
	p.status.State = "timed"
	p.unsure = true
	if s := e.assess(p, now); s.State != "timed" {
		t.Errorf("%s while it is not certain what it reads", s.State)
	}
	p.unsure, p.sought = false, true
	if s := e.assess(p, now); s.State != "timed" {
		t.Errorf("%s while it is looked up what it reads", s.State)
	}
	e.settleDiscovery(&result{tasks: []task{taskFor(p, p.shared())}, left: []bool{false}, began: now, snap: &snapshot{at: now}}, true)
	if p.sought {
		t.Error("it is looked up for ever")
	}
	p.resolved = false
	if s := e.assess(p, now); s.State != "timed" {
		t.Errorf("%s while its tables are not looked up", s.State)
	}
	p.resolved = true
	if s := e.assess(p, now); s.State != "live" {
		t.Errorf("%s when all that it reads has bells", s.State)
	}
}

// A standby's page was called live for 2.5 s after it was first read: as of the
// standby's clock, although what the primary had committed was yet to be applied.
func TestAPageOfAStandbyIsNeverLive(t *testing.T) {
	e, p := shown(t)
	now := time.Now()
	p.prove(now)
	p.bells = []int64{1}
	e.source.listening, e.source.since, e.source.reason = false, now, "starting"
	if s := e.assess(p, now); s.State != "stale" || !e.early(p, p.opened) {
		t.Errorf("%s before the doorbell said anything", s.State)
	}
	e.source.reason, e.source.message = "database_unreachable", "the line was cut"
	if s := e.assess(p, now); s.State != "live" {
		t.Errorf("%s a moment after the line of the doorbell was cut", s.State)
	}
	e.source.reason, e.source.message = "not_armed", "this server is a standby"
	if s := e.assess(p, now); s.State != "timed" || s.Message != "this server is a standby" {
		t.Errorf("%s %q where no doorbell can be", s.State, s.Message)
	}
}
