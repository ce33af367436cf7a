package live

import "time"

// pastMidnight is how long after midnight a page is read: so much may be wrong
// about what the database's clock says.
const pastMidnight = 100 * time.Millisecond

// alarm is when a panel that was read then must be read again because of the
// clock alone; zero where that changes nothing.
func (e *Engine) alarm(p *page, n *panel, read time.Time) (at time.Time) {
	if n.def.Every > 0 {
		at = read.Add(n.def.Every)
	}
	if n.def.Daily {
		midnight := nextMidnight(read.Add(e.source.skew).In(p.place)).Add(pastMidnight - e.source.skew)
		if at.IsZero() || midnight.Before(at) {
			at = midnight
		}
	}
	return at
}

// nextMidnight is when the day after t's begins in t's zone.
func nextMidnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
}
