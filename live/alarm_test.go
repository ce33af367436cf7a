package live

import (
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

// TestPagesTurnAtMidnight holds that what goes with the calendar is read just
// after midnight by the page's clock, which is the database's in its time
// zone, also in the nights in which clocks change.
func TestPagesTurnAtMidnight(t *testing.T) {
	e := New(Config{Safety: 240 * time.Hour})
	e.source.skew = -3 * time.Second // our clock is ahead
	for _, c := range []struct {
		zone, read, due string // by our clock
		every           time.Duration
		daily           bool
	}{
		{zone: "Europe/Berlin", daily: true, read: "2026-11-25T12:00:00Z", due: "2026-11-25T23:00:03.1Z"},
		{zone: "Europe/Berlin", daily: true, read: "2026-11-25T23:00:02Z", due: "2026-11-25T23:00:03.1Z"}, // there it is not midnight yet
		{zone: "Europe/Berlin", daily: true, read: "2026-11-25T23:00:03.1Z", due: "2026-11-26T23:00:03.1Z"},
		{zone: "Europe/Berlin", daily: true, read: "2026-10-24T23:00:00Z", due: "2026-10-25T23:00:03.1Z"}, // a day of 25 hours
		{zone: "Europe/Berlin", daily: true, read: "2026-03-28T23:30:00Z", due: "2026-03-29T22:00:03.1Z"}, // and one of 23
		{zone: "America/New_York", daily: true, read: "2026-11-25T12:00:00Z", due: "2026-11-26T05:00:03.1Z"},
		{zone: "Asia/Kolkata", daily: true, every: time.Minute, read: "2026-11-25T12:00:00Z", due: "2026-11-25T12:01:00Z"},
		{zone: "Asia/Kolkata", daily: true, every: time.Minute, read: "2026-11-25T18:29:30Z", due: "2026-11-25T18:30:03.1Z"},
		{zone: "", daily: true, read: "2026-11-25T12:00:00Z", due: "2026-11-26T00:00:03.1Z"},
		{zone: "UTC", every: time.Minute, read: "2026-11-25T23:59:30Z", due: "2026-11-26T00:00:30Z"},
	} {
		p := newPage(&dashboard.Page{TimeZone: c.zone, Panels: []dashboard.Panel{{ID: "p", SQL: "SELECT 1", Limit: 1, Every: c.every, Daily: c.daily}}})
		p.resolved, p.dirty = true, false
		p.read = at(t, c.read)
		if got := e.due(p); !got.Equal(at(t, c.due)) {
			t.Errorf("in %q, read at %s, it is due at %s, want %s", c.zone, c.read, got.UTC().Format(time.RFC3339Nano), c.due)
		}
	}
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}
