package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// scaleOf gives the ends of a scale of numbers. Bars and areas begin at zero; a line does where it is not far. A limit that is
// near is in sight. NaN: no numbers.
func (c *Chart) scaleOf(low, high float64) (lo, hi float64) {
	lo, hi = low, high
	if math.IsNaN(lo) {
		lo, hi = 0, 1
	} else {
		near := breadth(lo, hi) / 2
		for _, t := range c.Thresholds {
			if t.From >= low-near && t.From <= high+near {
				lo, hi = min(lo, t.From), max(hi, t.From)
			}
		}
	}
	if c.Type != "line" || lo == hi || lo >= 0 && lo <= hi*0.6 {
		lo = min(0, lo)
	}
	if c.Type != "line" || lo == hi {
		hi = max(0, hi)
	}
	size := breadth(lo, hi)
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

// breadth is never zero: of a single number it is its own size.
func breadth(lo, hi float64) float64 {
	if hi > lo {
		return hi - lo
	}
	if hi != 0 {
		return math.Abs(hi)
	}
	return 1
}

// ticks are round numbers between two, about so many, and the distance between them; whole: of numbers that have no decimals.
func ticks(lo, hi float64, about int, whole bool, written Notation) (at []float64, by float64) {
	raw := (hi - lo) / float64(max(1, about))
	if whole && written.Style != "percent" && written.Style != "duration" {
		raw = max(1, raw)
	}
	by = written.round(raw)
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

// clock is how far a zone's clock is ahead of UTC from some moment on.
type clock struct{ from, offset float64 }

// clocks are those that an axis of time is written by, the earliest first.
func (p *Plot) clocks() []clock {
	all := []clock{{from: math.Inf(-1)}}
	for i, offset := range p.Offsets {
		if i == 0 {
			all[0].offset = offset
		} else if offset != all[len(all)-1].offset {
			all = append(all, clock{p.X[i], offset})
		}
	}
	return all
}

// zonedTicks are places on an axis of seconds since 1970, at most so many, named by the clocks of their time.
func zonedTicks(lo, hi float64, most int, clocks []clock) []tick {
	var all []tick
	for i, c := range clocks {
		begin, end, next := lo, hi, math.Inf(1)
		if i > 0 {
			begin = max(lo, c.from)
		}
		if i+1 < len(clocks) {
			next = clocks[i+1].from
			end = min(hi, next)
		}
		if begin > end {
			continue
		}
		for _, t := range timeTicks(begin+c.offset, end+c.offset, most, hi-lo) {
			t.at -= c.offset
			if t.at < next && (len(all) == 0 || t.at-all[len(all)-1].at >= 0.6*(hi-lo)/float64(most)) { // where clocks change, names may come close
				all = append(all, t)
			}
		}
	}
	return all
}

// timeTicks are places on an axis of wall clock seconds, at most so many; wide is the whole axis, of which this may be a part.
func timeTicks(lo, hi float64, most int, wide float64) []tick {
	var all []tick
	for _, by := range timeSteps {
		if wide/float64(by) > float64(most) {
			continue
		}
		shift := 0.0
		if by == 7*day {
			shift = 4 * day // weeks begin on Mondays
		}
		for t := math.Ceil((lo-shift)/float64(by))*float64(by) + shift; t <= hi; t += float64(by) {
			at, layout := time.Unix(int64(t), 0).UTC(), "15:04:05"
			if by >= day || by >= 60 && int64(t)%day == 0 && wide > 1.5*day {
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
		if wide/(float64(m)*30.44*day) <= float64(most) {
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

// powerText is a number that is too large or too small for its digits: 1.5e296.
func powerText(f float64) string {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 2, 64), 64)
	return minus(strings.NewReplacer("e+0", "e", "e+", "e", "e-0", "e-").Replace(strconv.FormatFloat(v, 'e', -1, 64)))
}

// decimalText is a number with that many decimals, as people read it.
func decimalText(f float64, decimals int) string {
	if a := math.Abs(f); a >= 1e21 || decimals > 6 && a > 0 && a < 1e-3 {
		return powerText(f)
	}
	return number(strconv.FormatFloat(f, 'f', min(20, decimals), 64), &decimals).Text
}

// shortText is a number of a scale: 1,500, 20 k, 1.5 M. by is the distance to the next.
func shortText(f, by float64) string {
	if a := math.Abs(f); a >= 1e15 && by >= 1e12 || a > 0 && a < 1e-3 && by < 0.999e-6 {
		return powerText(f)
	}
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
	return decimalText(f, int(max(0, min(12, -math.Floor(math.Log10(by)+1e-9)))))
}

// ranged is the chart with what its time range means now.
func (c Chart) ranged(now time.Time, zoned bool) Chart {
	if s, ok := spanOf(c.Range, now, c.Zone, zoned); ok {
		c.Window, c.from, c.to = s.window, s.from, s.to
	}
	return c
}

// ends are both ends of the axis. A window ends now, by the clock that its times are written in; bars stand in the middle of
// their step.
func (c *Chart) ends(p *Plot, now time.Time, zoned bool) (lo, hi float64) {
	half := p.Step / 2
	if half == 0 && c.Window > 0 {
		half = c.Window / 48
	} else if half == 0 {
		half = 0.5
	}
	lo, hi = p.X[0], p.X[len(p.X)-1]
	shift := 0.0
	if c.Type == "bar" {
		shift = half
		if pace := p.pace(); pace > 0 {
			shift = min(half, pace/2)
		}
	}
	switch {
	case c.to > 0:
		return c.from - shift, c.to - shift
	case c.Window > 0:
		hi = float64(now.UnixMilli()) / 1000
		if zone, err := time.LoadLocation(c.Zone); err == nil && c.Zone != "" && !zoned {
			_, offset := now.In(zone).Zone()
			hi += float64(offset)
		}
		hi += shift
		return hi - c.Window, hi
	case p.Axis == "category":
		return lo - 0.5, hi + 0.5
	case c.Type == "bar" || lo == hi:
		return lo - half, hi + half
	}
	return lo, hi
}

// name is how a reader calls a point of the axis.
func (c *Chart) name(p *Plot, i int) string {
	switch p.Axis {
	case "category":
		return p.Labels[i]
	case "number":
		return plainText(p.X[i])
	}
	step := p.Step
	switch {
	case step >= 0.9*day:
	case !p.Regular:
		step = 0
	case c.Type == "bar":
		step = p.pace()
	}
	return spanText(p.X[i]+p.Offsets[i], step, c.Type == "bar", p.X[len(p.X)-1]-p.X[0])
}

// spanText is how a reader calls a wall clock second, with the end of its step where it lasts; wide is the whole axis.
func spanText(wall, step float64, lasts bool, wide float64) string {
	t := time.UnixMilli(int64(math.Floor(wall * 1000))).UTC()
	if step >= 0.9*day && math.Mod(wall, day) == 0 {
		switch {
		case step >= 27*day && t.Day() == 1:
			return t.Format("Jan 2006")
		case wide > 300*day:
			return t.Format("2 Jan 2006")
		}
		return t.Format("2 Jan")
	}
	layout := "15:04:05"
	if step >= 60 && math.Mod(wall, 60) == 0 {
		layout = "15:04"
	}
	text := t.Format(layout)
	if lasts && step >= 60 {
		text += "–" + t.Add(time.Duration(step*float64(time.Second))).Format(layout)
	}
	if wide > 1.5*day {
		text = t.Format("2 Jan, ") + text
	}
	return text
}

// gutter is how much room the names of a scale take at the right of a plot, in rem of their own size.
func gutter(marks []Mark) string {
	longest := 0
	for _, m := range marks {
		longest = max(longest, utf8.RuneCountInString(m.Text))
	}
	for _, g := range []float64{2.25, 3, 3.75, 4.5} {
		if g >= float64(longest)*0.39+0.3 {
			return strconv.FormatFloat(g, 'f', -1, 64)
		}
	}
	return "5.25"
}

// categoryTicks are as many names as have room beside each other on an axis of so many rem, the longer ones cut: all of them, or
// every so many where a cut would leave too little.
func categoryTicks(labels []string, wide float64) []tick {
	const letter = 0.4
	step, longest := wide/float64(max(1, len(labels))), 1
	for _, l := range labels {
		longest = min(16, max(longest, utf8.RuneCountInString(l)))
	}
	fit, letters, every := int(math.Floor((step-0.5)/letter)), longest, 1
	if fit >= min(longest, 8) {
		letters = min(longest, fit)
	} else {
		every = int(math.Ceil((float64(letters)*letter + 0.5) / step))
	}
	var all []tick
	for i := (every - 1) / 2; i < len(labels); i += every {
		text := []rune(labels[i])
		if len(text) > letters {
			text = append([]rune(strings.TrimRight(string(text[:letters-1]), " ")), '…')
		}
		all = append(all, tick{float64(i), string(text)})
	}
	return all
}
