package dashboard_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/extended"
)

const calendarPage = `
variables:
  - {name: day, type: date, default: today}
  - {name: range, type: range, default: today}
panels:
  - id: day
    query: SELECT @day, pg_typeof(@day)
  - id: range
    query: SELECT extract(epoch FROM @range_from), extract(epoch FROM @range_to)
  - {id: none, query: SELECT 1}
`

// TestDaysGoWithTheCalendar holds what a relative day is, and that the panels
// which name one are read again at midnight.
func TestDaysGoWithTheCalendar(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	b := open(t, db, map[string]string{"x.yaml": calendarPage})
	for address, days := range map[string]int{
		"/d/x": 0, "/d/x?day=yesterday": -1, "/d/x?day=tomorrow": 1, "/d/x?day=today-7": -7, "/d/x?day=today%2B30": 30,
	} {
		p := page(t, b, address)
		want := func() string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
		before := want()
		if got := answer(t, db, p, "day"); got[0] != before && got[0] != want() || got[1] != "date" { // midnight may pass
			t.Errorf("%s is %q, want %s", address, got, before)
		}
		if n := p.Panels; !n[0].Daily || n[0].Every != time.Minute || !n[1].Daily || n[2].Daily || n[2].Every != 0 {
			t.Errorf("%s: the panels are read every %v, %v and %v", address, n[0].Every, n[1].Every, n[2].Every)
		}
	}
	for address, want := range map[string]string{"/d/x?day=2026-02-28": "2026-02-28", "/d/x?day=": ""} {
		p := page(t, b, address)
		if got := answer(t, db, p, "day"); got[0] != want || p.Panels[0].Daily || p.Panels[0].SQL != page(t, b, "/d/x").Panels[0].SQL {
			t.Errorf("%s is %q, or it moves, or it has a statement of its own", address, got)
		}
	}
}

// TestRealMidnight lets a day and a range pass a midnight by PostgreSQL's own
// clock, in a time zone in which that is in a moment.
func TestRealMidnight(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	b := open(t, db, map[string]string{"x.yaml": calendarPage})
	p := page(t, b, "/d/x?day=yesterday")
	left := time.Duration(0)
	p.TimeZone, left = midnightIn(t, db, time.Second)
	day, from := answer(t, db, p, "day")[0], answer(t, db, p, "range")[0]
	wait := fmt.Sprintf("SELECT pg_sleep(%f)", left.Seconds()+0.05)
	if _, err := db.Exec(t.Context(), wait); err != nil {
		t.Fatal(err)
	}
	before, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, db, p, "day")[0]; got != before.AddDate(0, 0, 1).Format(time.DateOnly) {
		t.Errorf("yesterday was %s before midnight and is %s after it", day, got)
	}
	was, _ := strconv.ParseFloat(from, 64)
	if is, err := strconv.ParseFloat(answer(t, db, p, "range")[0], 64); err != nil || is-was != 86400 {
		t.Errorf("today began at %f before midnight, and at %f after it (%v)", was, is, err)
	}
}

// midnightIn names a time zone in which midnight is so far away at least, and
// at most a second further, and tells how far.
func midnightIn(t *testing.T, db extended.Pool, least time.Duration) (zone string, left time.Duration) {
	t.Helper()
	var now float64
	if err := db.QueryRow(t.Context(), "SELECT extract(epoch FROM clock_timestamp())::float8").Scan(&now); err != nil {
		t.Fatal(err)
	}
	at := int(now+least.Seconds()) + 1 // midnight, in whole seconds
	east, sign := (86400-at%86400)%86400, ""
	if east > 43200 {
		sign, east = "-", 86400-east
	}
	// As an interval it may have seconds.
	return fmt.Sprintf("INTERVAL ''%s%02d:%02d:%02d''", sign, east/3600, east/60%60, east%60), time.Duration((float64(at) - now) * float64(time.Second))
}

// TestRangesOfTheCalendar holds what PostgreSQL makes of a range to what axes
// show of it: through the nights in which clocks change, too.
func TestRangesOfTheCalendar(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	data, err := os.ReadFile("../views/testdata/chart.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Bounds []struct {
			Range, Zone string
			Zoned       bool
			Now         int64
			From, To    float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, c := range golden.Bounds {
		if !c.Zoned || c.To == 0 {
			continue
		}
		held++
		b := open(t, db, map[string]string{"x.yaml": "timezone: " + c.Zone + calendarPage})
		p := page(t, b, "/d/x?range="+strings.ReplaceAll(c.Range, ":", "%3A"))
		p.Panels[1].SQL = strings.ReplaceAll(p.Panels[1].SQL, "pg_catalog.now()", fmt.Sprintf("to_timestamp(%d)", c.Now/1000))
		got := answer(t, db, p, "range")
		from, _ := strconv.ParseFloat(got[0], 64)
		to, _ := strconv.ParseFloat(got[1], 64)
		if from != c.From || to != c.To {
			t.Errorf("%s in %s is %.0f to %.0f, want %.0f to %.0f", c.Range, c.Zone, from, to, c.From, c.To)
		}
	}
	if held < 15 {
		t.Errorf("only %d ranges", held)
	}
}
