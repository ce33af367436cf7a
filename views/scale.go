package views

import (
	"math"
	"strconv"
	"time"
)

// scaleOf gives the ends of a scale of numbers. Bars and areas begin at zero; a line does where it is not far. NaN: no numbers.
func (c *Chart) scaleOf(low, high float64) (lo, hi float64) {
	lo, hi = low, high
	if math.IsNaN(lo) {
		lo, hi = 0, 1
	}
	if c.Type != "line" || lo >= 0 && lo <= hi*0.6 {
		lo = min(0, lo)
	}
	if c.Type != "line" {
		hi = max(0, hi)
	}
	size := hi - lo
	if size == 0 {
		size = math.Abs(hi)
	}
	if size == 0 {
		size = 1
	}
	room := size * 0.12
	if c.Type == "bar" {
		room = size * 0.04
	}
	if hi != 0 || lo == 0 {
		hi += room
	}
	if lo != 0 {
		lo -= room
	}
	if c.Min != nil {
		lo = *c.Min
	}
	if c.Max != nil {
		hi = *c.Max
	}
	if hi <= lo {
		hi = lo + 1
	}
	return lo, hi
}

// ticks are round numbers between two, about so many, and the distance between them; whole: of numbers that have no decimals.
func ticks(lo, hi float64, about int, whole bool) (at []float64, by float64) {
	raw := (hi - lo) / float64(max(1, about))
	if whole {
		raw = max(1, raw)
	}
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	by = raw
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= raw*0.999 {
			by = m * unit
			break
		}
	}
	for i := math.Ceil(lo/by - 1e-9); i*by <= hi+by*1e-9 && len(at) < 50; i++ {
		v, _ := strconv.ParseFloat(strconv.FormatFloat(i*by, 'g', 12, 64), 64)
		at = append(at, v+0)
	}
	return at, by
}

const day = 86400

var (
	timeSteps  = []int64{1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, day, 2 * day, 7 * day}
	monthSteps = []int{1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400}
)

// tick is a place on an axis and how it reads.
type tick struct {
	at   float64
	text string
}

// timeTicks are places on an axis of wall clock seconds, at most so many.
func timeTicks(lo, hi float64, most int) []tick {
	var all []tick
	for _, by := range timeSteps {
		if (hi-lo)/float64(by) > float64(most) {
			continue
		}
		shift := 0.0
		if by == 7*day {
			shift = 4 * day // weeks begin on Mondays
		}
		for t := math.Ceil((lo-shift)/float64(by))*float64(by) + shift; t <= hi; t += float64(by) {
			at, layout := time.Unix(int64(t), 0).UTC(), "15:04:05"
			if by >= day || by >= 60 && int64(t)%day == 0 && hi-lo > 1.5*day {
				layout = "2 Jan"
			} else if by >= 60 {
				layout = "15:04"
			}
			all = append(all, tick{t, at.Format(layout)})
		}
		return all
	}
	months := monthSteps[len(monthSteps)-1]
	for _, m := range monthSteps {
		if (hi-lo)/(float64(m)*30.44*day) <= float64(most) {
			months = m
			break
		}
	}
	from := time.Unix(int64(lo), 0).UTC()
	for m := (from.Year()*12 + int(from.Month()) - 1) / months * months; len(all) <= most+1; m += months {
		t := time.Date(m/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC)
		at := float64(t.Unix())
		if at > hi {
			break
		}
		if at < lo {
			continue
		}
		layout := "Jan"
		if months >= 12 {
			layout = "2006"
		} else if m%12 == 0 {
			layout = "Jan 2006"
		}
		all = append(all, tick{at, t.Format(layout)})
	}
	return all
}

// decimalText is a number with that many decimals, as people read it.
func decimalText(f float64, decimals int) string {
	return number(strconv.FormatFloat(f, 'f', decimals, 64), &decimals).Text
}

// shortText is a number of a scale: 1,500, 20 k, 1.5 M. by is the distance to the next.
func shortText(f, by float64) string {
	for _, s := range []struct {
		size, unit, least float64
		sign              string
	}{{1e12, 1e12, 1e9, " T"}, {1e9, 1e9, 1e6, " G"}, {1e6, 1e6, 1e3, " M"}, {1e4, 1e3, 100, " k"}} {
		if math.Abs(f) >= s.size && by >= s.least {
			places := 2
			if math.Mod(by, s.unit) == 0 {
				places = 0
			} else if math.Mod(by, s.unit/10) == 0 {
				places = 1
			}
			return decimalText(f/s.unit, places) + s.sign
		}
	}
	return decimalText(f, int(max(0, min(6, -math.Floor(math.Log10(by)+1e-9)))))
}
