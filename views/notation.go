package views

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Notation is how the numbers of a column are written in figures: Style is one of [Formats] or "", and what stands before and
// after each is the currency of a column of money.
type Notation struct{ Style, Before, After string }

// measured: does the column hold quantities, which can be drawn?
func (c *Column) measured() bool {
	switch c.kind {
	case integer, decimal, duration, currency:
		return true
	}
	return false
}

// counts is what a column's numbers count: they share a scale with those of their like.
func (c *Column) counts() kind {
	if c.kind == integer {
		return decimal
	}
	return c.kind
}

// digits is a cell's number as it is drawn: as it is stored, the seconds of an interval, money without its currency. Nil: none.
func (c *Column) digits(cell *Cell) *string {
	s := cell.source()
	if s == nil {
		return nil
	}
	switch c.kind {
	case duration:
		return lapse(*s)
	case currency:
		if m, ok := coins(*s); ok {
			return &m.digits
		}
		return nil
	}
	return s
}

// float is a cell's number; NaN where it has none.
func (c *Column) float(cell *Cell) float64 {
	s := c.digits(cell)
	if s == nil {
		return gap
	}
	f, err := strconv.ParseFloat(*s, 64)
	if err != nil || math.IsInf(f, 0) {
		return gap
	}
	return f
}

// decimalsOf is how many decimals a cell's number is written with, or two of a long tail.
func (c *Column) decimalsOf(cell *Cell) int {
	s := c.digits(cell)
	if s == nil {
		return 0
	}
	if _, tiny, ok := strings.Cut(*s, "e-"); ok {
		n, _ := strconv.Atoi(tiny)
		return n
	}
	_, frac, _ := strings.Cut(*s, ".")
	if strings.Trim(frac, "0123456789") != "" {
		return 0
	}
	if len(frac) > 4 {
		return 2
	}
	return len(frac)
}

// notation is how the numbers of a column at some place are written: a currency is that of the first that has one.
func notation(columns []Column, rows []Row, i int) Notation {
	c := &columns[i]
	n := Notation{Style: c.style}
	if c.kind != currency {
		return n
	}
	for k := range rows {
		if s := rows[k].Cells[i].source(); s != nil {
			if m, ok := coins(*s); ok {
				n.Before, n.After = m.before, m.after
				break
			}
		}
	}
	return n
}

// with puts what stands around a number at its place: a sign comes first.
func (n Notation) with(text string) string {
	if n.Before+n.After == "" {
		return text
	}
	digits, negative := strings.CutPrefix(text, "−")
	if negative {
		return "−" + n.Before + digits + n.After
	}
	return n.Before + text + n.After
}

// text is a number with that many decimals.
func (n Notation) text(f float64, decimals int) string {
	switch n.Style {
	case "duration", "bytes":
		return Column{style: n.Style}.quantity(strconv.FormatFloat(f, 'f', -1, 64)).Text
	case "percent":
		return decimalText(f*100, max(0, decimals-2)) + "%"
	}
	return n.with(decimalText(f, decimals))
}

// tick is a number of a scale, short. by is the distance to the next.
func (n Notation) tick(f, by float64) string {
	switch n.Style {
	case "duration":
		return seconds("", f).Text
	case "percent":
		return shortText(f*100, by*100) + "%"
	case "bytes":
		if math.Abs(f) < 1024 {
			return shortText(f, by) + " B"
		}
		unit := min(5, math.Floor(math.Log2(math.Abs(f))/10+1e-9))
		size := math.Pow(1024, unit)
		return shortText(f/size, by/size) + " " + []string{"", "KiB", "MiB", "GiB", "TiB", "PiB"}[int(unit)]
	}
	return n.with(shortText(f, by))
}

// end is an end of a scale that the file or a column gives.
func (n Notation) end(f float64) string {
	switch n.Style {
	case "duration", "bytes":
		return n.text(f, 0)
	case "percent":
		return plainText(f*100) + "%"
	}
	return n.with(plainText(f))
}

// lapses are round lengths of time, in seconds, between a second and a day.
var lapses = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, day}

// round is the least round number that is not below raw, as people count what is written so.
func (n Notation) round(raw float64) float64 {
	size := 1.0
	switch {
	case n.Style == "bytes" && raw > 1:
		return math.Pow(2, math.Ceil(math.Log2(raw*0.999)))
	case n.Style == "duration" && raw > 0.5 && raw <= day:
		for _, by := range lapses {
			if by >= raw*0.999 {
				return by
			}
		}
	case n.Style == "duration" && raw > day:
		size = day
	}
	unit := math.Pow(10, math.Floor(math.Log10(raw/size)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= raw/size*0.999 {
			return m * unit * size
		}
	}
	return raw
}

var lapseText = regexp.MustCompile(`^(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-])?(\d+):(\d\d):(\d\d(?:\.\d+)?))?$`)

// lapse is an interval in seconds, as PostgreSQL's extract(epoch FROM …) counts: a month is 30 days, a year 365.25. Nil: it has no
// length that can be told, as an infinite one.
func lapse(s string) *string {
	m := lapseText.FindStringSubmatch(s)
	if m == nil || s == "" {
		return nil
	}
	of := func(s string, unit float64) float64 {
		if s == "" {
			return 0
		}
		return parse(s) * unit
	}
	clock := of(m[5], 3600) + of(m[6], 60) + of(m[7], 1)
	if m[4] == "-" {
		clock = -clock
	}
	v := of(m[1], 365.25*day) + of(m[2], 30*day) + of(m[3], day) + clock
	text := strconv.FormatFloat(math.Floor(v*1e6+0.5)/1e6, 'f', -1, 64)
	return &text
}

type coin struct{ digits, before, after string }

var (
	coinText  = regexp.MustCompile(`^([^\d]*)(\d(?:[\d.,'’\x{a0}\x{202f} ]*\d)?)([^\d]*)$`)
	coinCents = regexp.MustCompile(`^(.*)[.,](\d{1,2})$`)
	coinBoth  = regexp.MustCompile(`^(?:.*,.*(\.)|.*\..*(,))(\d+)$`) // both signs: the last is the point
)

// coins reads money as the database's locale writes it, such as "-$1,234.50", "1.234,50 €" or "(£3.00)": a point or comma before
// one or two last digits begins the decimals, and so does the last sign where there are both.
func coins(s string) (coin, bool) {
	m := coinText.FindStringSubmatch(s)
	if m == nil {
		return coin{}, false
	}
	whole, cents := m[2], ""
	if k := coinCents.FindStringSubmatch(m[2]); k != nil {
		whole, cents = k[1], "."+k[2]
	} else if k := coinBoth.FindStringSubmatch(m[2]); k != nil {
		whole, cents = strings.TrimSuffix(m[2], k[3]), "."+k[3]
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, whole)
	if strings.ContainsAny(m[1]+m[3], "-−(") {
		digits = "-" + digits
	}
	strip := strings.NewReplacer("-", "", "−", "", "(", "", ")", "").Replace
	return coin{digits + cents, strip(m[1]), strip(m[3])}, true
}
