package live

import (
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
)

// deafness is how long the doorbell may be away before a page whose rows can
// be read goes by the clock.
const deafness = proofLasts

// patience is how long a page that opens may be silent before it says how it
// stands.
const patience = time.Second

// assess says what may be claimed of a page now. It never says "live" of a
// page whose proof is older than proofLasts.
func (e *Engine) assess(p *page, now time.Time) delta.Status {
	now = now.Add(e.source.skew) // all that follows is by the database's clock
	s := delta.Status{
		Page: p.def.Address, At: p.proof,
		Next: e.cfg.Next, Safety: e.cfg.Safety,
	}
	age := now.Sub(p.proof)
	// A proof from the future is one from before the clock was set back.
	proven := !p.proof.IsZero() && age > -proofLasts
	switch {
	case p.state == nil:
		s.State, s.Since = "stale", p.opened.Add(e.source.skew)
		s.Reason, s.Message = e.reason(p)
	case p.timed() || e.clockwork(p) != "" || p.uncertain():
		if proven && age < e.cfg.Timed+proofLasts && !e.failed() {
			s.State, s.Every, s.Tables = "timed", e.cfg.Timed, p.untolling
			s.Message = e.clockwork(p)
			break
		}
		s.State, s.Since = "stale", s.At
		s.Reason, s.Message = e.reason(p)
	case proven && age < proofLasts && !p.distrust && !e.starting():
		s.State = "live"
	default:
		s.State, s.Since = "stale", s.At
		s.Reason, s.Message = e.reason(p)
	}
	return s
}

// expires is when a live page is live no more unless more is proven; zero for others.
func (e *Engine) expires(p *page) time.Time {
	if p.status.State != "live" {
		return time.Time{}
	}
	return p.proof.Add(proofLasts - e.source.skew)
}

// clockwork says why a page whose tables have bells goes by the clock all the
// same; "" when it does not.
func (e *Engine) clockwork(p *page) string {
	if e.source.muted {
		return "the notification queue is too full to rely on"
	}
	switch {
	case len(p.bells) == 0:
		return ""
	case e.source.listening:
		return e.cfg.Bell.Unarmable()
	case e.failing():
	case e.source.reason == "not_armed", time.Since(e.source.since) > deafness:
		return e.source.message // rows are read, but nothing is heard, or ever will be: of a standby, say
	}
	return ""
}

// reason says why a page is not live.
func (e *Engine) reason(p *page) (code, message string) {
	switch {
	case e.failing() || !e.source.listening && e.source.reason != "":
		if e.source.reason != "" {
			return e.source.reason, e.source.message
		}
		return "database_unreachable", "the database does not answer"
	case p.state == nil:
		return "starting", "the first rows are being read"
	case p.distrust:
		return "bell_missing", "a table changed and its bell did not ring"
	case e.source.muted:
		return "queue_full", "the database's notification queue is too full"
	case p.gens == nil && len(p.bells) > 0:
		return "not_armed", "a transaction that wrote the table is still open"
	}
	return "behind", "the last refresh takes longer than usual"
}

// tell publishes the page's status: to everybody when it changed in kind or
// when it is time for the next one, else only for newcomers.
func (e *Engine) tell(p *page, now time.Time) {
	if e.early(p, now) {
		return
	}
	s := e.assess(p, now)
	news := s.State != p.status.State || s.Reason != p.status.Reason || p.statusSent.IsZero()
	due := now.Sub(p.statusSent) >= e.cfg.Next
	if s.State == "timed" && !s.At.Equal(p.status.At) && now.Sub(p.statusSent) >= time.Second {
		due = true // its viewers count from its last read
	}
	if !news && !due && s.At.Equal(p.status.At) {
		return
	}
	if news || due {
		p.statusSent = now
	}
	p.status = s
	e.cfg.Hub.Publish(p.def.ID(), broadcast.Update[*delta.State]{
		Status: e.encoder(s), Quiet: !news && !due,
	})
}

// starting tells whether the doorbell has not said anything yet: there may be none,
// as on a standby.
func (e *Engine) starting() bool { return !e.source.listening && e.source.reason == "starting" }

// early tells whether a page has only just opened: its first rows come before
// any status, and what it may claim depends on tables still being looked up, and
// on the doorbell.
func (e *Engine) early(p *page, now time.Time) bool {
	return (p.state == nil || p.statusSent.IsZero() && (!p.resolved || e.starting())) && now.Sub(p.opened) < patience
}

// encoder writes the status when it is delivered: its age is then that of
// the moment. Ages are by the database's clock, never younger than they are.
func (e *Engine) encoder(s delta.Status) func(time.Time) []byte {
	skew := e.source.skew
	return func(now time.Time) []byte { return delta.EncodeStatus(s, now.Add(skew)) }
}
