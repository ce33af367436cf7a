package views

import (
	"strconv"
	"strings"
	"time"
)

// axisSpan is what a time range means on an axis, now: up to now it is a window of so many seconds; anything else has two ends, in
// seconds since 1970, or by the zone's clock where the times on the axis have no zone.
type axisSpan struct{ window, from, to float64 }

// spanOf reads "last-15m", "today" or "2026-11-20T10:00..2026-11-20T12:00". The same as static/js/timerange.js does, both are
// held to testdata/chart.json. False: it is none of them.
func spanOf(text string, now time.Time, zone string, zoned bool) (s axisSpan, ok bool) {
	if last, ok := strings.CutPrefix(text, "last-"); ok && last != "" {
		n, err := strconv.Atoi(last[:len(last)-1])
		length := map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': day}[last[len(last)-1]]
		return axisSpan{window: float64(n * length)}, err == nil && length > 0
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	begin, end, ok := calendarRange(text, now.In(place))
	if !ok {
		from, to, _ := strings.Cut(text, "..")
		var err1, err2 error
		begin, err1 = clockTime(from)
		end, err2 = clockTime(to)
		if err1 != nil || err2 != nil {
			return axisSpan{}, false
		}
	}
	seconds := func(t time.Time) float64 {
		if zoned {
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, place)
		}
		return float64(t.Unix())
	}
	return axisSpan{from: seconds(begin), to: seconds(end)}, true
}

// calendarRange is a range that the calendar bounds, by its own clock.
func calendarRange(text string, now time.Time) (from, to time.Time, ok bool) {
	at := func(months, days int) time.Time {
		return time.Date(now.Year(), now.Month()+time.Month(months), days, 0, 0, 0, 0, time.UTC)
	}
	monday := now.Day() - (int(now.Weekday())+6)%7
	switch text {
	case "today":
		return at(0, now.Day()), at(0, now.Day()+1), true
	case "yesterday":
		return at(0, now.Day()-1), at(0, now.Day()), true
	case "this-week":
		return at(0, monday), at(0, monday+7), true
	case "this-month":
		return at(0, 1), at(1, 1), true
	}
	return from, to, false
}

// clockTime reads a moment as a clock shows it.
func clockTime(s string) (t time.Time, err error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}
