package dashboard

import (
	"strconv"
	"strings"
	"time"
)

// A day of a variable is one of the calendar, or so many days from the one
// that it is now by the dashboard's clock. So one statement serves all days,
// and a relative one is another from midnight on.
const dayForm = `COALESCE($%d::pg_catalog.date, pg_catalog.now()::pg_catalog.date OPERATOR(pg_catalog.+) $%d::pg_catalog.int4)`

// farthestDay is how many days from today a relative day may be.
const farthestDay = 36_600

// DayPresets are the relative days that readers are offered.
func DayPresets() []string { return []string{"today", "yesterday"} }

// relativeDay reads "today", "yesterday", "tomorrow" and "today-7" as days
// from today, and gives the one way in which addresses write them.
func relativeDay(s string) (days int, text string, ok bool) {
	switch s = strings.ReplaceAll(s, " ", ""); s {
	case "yesterday":
		days = -1
	case "tomorrow":
		days = 1
	case "today":
	default:
		by, found := strings.CutPrefix(s, "today")
		n, err := strconv.Atoi(by)
		if !found || err != nil || by[0] != '-' && by[0] != '+' || n < -farthestDay || n > farthestDay {
			return 0, "", false
		}
		days = n
	}
	switch days {
	case -1:
		return days, "yesterday", true
	case 0:
		return days, "today", true
	case 1:
		return days, "tomorrow", true
	case max(days, 0):
		return days, "today+" + strconv.Itoa(days), true
	}
	return days, "today" + strconv.Itoa(days), true
}

// canonicalDay is a day as addresses have it.
func canonicalDay(s string) (string, bool) {
	if _, text, ok := relativeDay(s); ok {
		return text, true
	}
	_, err := time.Parse(time.DateOnly, s)
	return s, err == nil
}
