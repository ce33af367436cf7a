package dashboard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeRange is a time range: two ends, each an instant or relative to now.
type timeRange struct {
	text     string // canonical
	from, to rangeBound
	pace     time.Duration // how often it is read at least, because it slides; 0: it stands still
}

// rangeBound is one end: an instant by the dashboard's clock, or the database's
// clock cut to a unit and shifted. The other fields are "" then.
type rangeBound struct{ at, unit, shift string }

// defaultRange is the range of a variable that names none.
const defaultRange = "last-1h"

// RangePresets are the relative ranges that readers are offered.
func RangePresets() []string {
	return []string{"last-5m", "last-15m", "last-1h", "last-6h", "last-24h", "last-7d", "last-30d", "today", "yesterday", "this-week", "this-month"}
}

// calendar are the ranges that the calendar bounds.
var calendar = map[string][2]rangeBound{
	"today":      {{unit: "day", shift: "0 days"}, {unit: "day", shift: "1 day"}},
	"yesterday":  {{unit: "day", shift: "-1 day"}, {unit: "day", shift: "0 days"}},
	"this-week":  {{unit: "week", shift: "0 days"}, {unit: "week", shift: "7 days"}},
	"this-month": {{unit: "month", shift: "0 days"}, {unit: "month", shift: "1 month"}},
}

// A range that slides is read sixty times in its length, but not faster than
// this nor slower.
const (
	rangeSteps   = 60
	rangeFastest = time.Second
	rangeSlowest = time.Minute
	longestRange = 3660 * 24 * time.Hour
)

var errNoRange = errors.New("it is a time range, such as last-15m, today or 2026-11-20T10:00..2026-11-20T12:00")

// parseRange reads "last-15m", "today" or "2026-11-20T10:00..2026-11-20T12:00".
func parseRange(s string) (timeRange, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), " ", "-")
	if ends, ok := calendar[s]; ok {
		return timeRange{text: s, from: ends[0], to: ends[1], pace: rangeSlowest}, nil
	}
	if span, ok := strings.CutPrefix(s, "last-"); ok {
		return lastRange(span)
	}
	from, to, ok := strings.Cut(s, "..")
	if !ok {
		return timeRange{}, errNoRange
	}
	begin, err1 := parseMoment(from)
	end, err2 := parseMoment(to)
	switch {
	case err1 != nil || err2 != nil:
		return timeRange{}, errNoRange
	case !begin.Before(end):
		return timeRange{}, errors.New("a time range ends after it begins")
	}
	from, to = momentText(begin), momentText(end)
	return timeRange{text: from + ".." + to, from: rangeBound{at: from}, to: rangeBound{at: to}}, nil
}

// rangeUnit is what a range up to now is counted in.
type rangeUnit struct {
	letter, word string
	length       time.Duration
}

// lastRange is the time up to now: "15m", "90s", "6h", "7d".
func lastRange(span string) (timeRange, error) {
	units := []rangeUnit{{"s", "seconds", time.Second}, {"m", "minutes", time.Minute}, {"h", "hours", time.Hour}, {"d", "days", 24 * time.Hour}}
	at := slices.IndexFunc(units, func(u rangeUnit) bool { return strings.HasSuffix(span, u.letter) })
	if at < 0 {
		return timeRange{}, errNoRange
	}
	n, err := strconv.ParseUint(span[:len(span)-1], 10, 31)
	if err != nil || n == 0 {
		return timeRange{}, errNoRange
	}
	for at < 2 && n%60 == 0 { // a day is not always 24 hours
		n, at = n/60, at+1
	}
	length := time.Duration(n) * units[at].length
	if length > longestRange || length/units[at].length != time.Duration(n) {
		return timeRange{}, errors.New("a time range is ten years at most")
	}
	return timeRange{
		text: fmt.Sprintf("last-%d%s", n, units[at].letter),
		from: rangeBound{unit: "microseconds", shift: fmt.Sprintf("-%d %s", n, units[at].word)},
		to:   rangeBound{unit: "microseconds", shift: "0 days"},
		pace: min(max(length/rangeSteps, rangeFastest), rangeSlowest),
	}, nil
}

// parseMoment reads a moment by the dashboard's clock, which is not a place in
// time before its time zone is known.
func parseMoment(s string) (t time.Time, err error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err = time.Parse(layout, s); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	return t, errNoRange
}

func momentText(t time.Time) string {
	layout := "2006-01-02T15:04"
	if t.Second() != 0 {
		layout += ":05"
	}
	return t.Format(layout)
}
