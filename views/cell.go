package views

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Cell is one value, ready to be shown.
type Cell struct {
	Text  string // in ink; "null" where Null
	Dim   string // before it, dim: the date of a timestamp
	Title string // on hover: the whole value where Text is not, "" else
	Class string // of the cell besides its column's: "dim" for false
	Glyph string // shape before it: the colour of a status or threshold, "yes" or "no" of a boolean; "" for none
	Href  string // where it leads; "" for nowhere
	Time  string // RFC 3339, where Text is relative to now and grows
	Raw   string // PostgreSQL's text, where it is not Text
	Null  bool
	Blank bool // an empty text, which is not null
	Tree  bool // a document that can be opened
	Bar   *Extent
}

// Longest texts that a cell and its hover show, in characters.
const (
	longestText  = 300
	longestTitle = 1000
	longestPlain = 48 // beyond this a text has a hover: its column may cut it
	longestTree  = 120
)

// Cell formats a value given as PostgreSQL's text output. now is the time that relative times count from.
func (c Column) Cell(value string, null bool, now time.Time) Cell {
	if null {
		return Cell{Text: "null", Null: true}
	}
	cell := c.format(value, now)
	if c.Width > 0 && cell.Title == "" {
		cell.Title = cell.Text // its column may cut it
	}
	if cell.Text != value {
		cell.Raw = value
	}
	return cell
}

func (c Column) format(s string, now time.Time) Cell {
	if c.colors != nil {
		return Cell{Text: s, Blank: s == "", Glyph: glyph(c.colors[s])}
	}
	switch c.kind {
	case integer, decimal:
		if c.bare {
			return Cell{Text: minus(s)}
		}
		return c.over(s, c.quantity(s))
	case boolean:
		if s == "t" {
			return Cell{Text: "true", Glyph: "yes"}
		}
		return Cell{Text: "false", Glyph: "no", Class: "dim"}
	case uuid:
		return Cell{Text: s, Title: s} // the style sheet shortens it: what is copied is whole
	case document:
		return preview(s)
	case array:
		return list(s)
	case span:
		return between(s)
	case moment, datetime:
		return c.timestamp(s, now)
	case binary:
		if len(s) > 18 {
			return Cell{Text: s[:18] + "…", Title: group(strconv.Itoa((len(s)-2)/2)) + " bytes"}
		}
		return Cell{Text: s}
	case calendar:
		return Cell{Text: s}
	case duration, currency:
		return c.over(s, c.amount(s))
	default:
		if Linkable(s) {
			return address(s)
		}
		return plain(s)
	}
}

// over marks a number that reached a threshold: a shape, a weight and a colour.
func (c Column) over(s string, cell Cell) Cell {
	v := c.digits(&Cell{Text: s})
	if v == nil {
		return cell
	}
	if color := reached(c.thresholds, parse(*v)); color != "" {
		cell.Glyph, cell.Class = color, "over "+color
	}
	return cell
}

// reached is the colour of the last threshold that a number reached, "" for none.
func reached(thresholds []Threshold, v float64) (color string) {
	for _, t := range thresholds {
		if v >= t.From {
			color = glyph(t.Color)
		}
	}
	return color
}

// parse reads a number as PostgreSQL writes it; NaN where it is none.
func parse(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func plain(s string) Cell {
	if s == "" {
		return Cell{Blank: true}
	}
	n := utf8.RuneCountInString(s)
	if n <= longestPlain {
		return Cell{Text: s}
	}
	return Cell{Text: clip(s, n, longestText), Title: clip(s, n, longestTitle)}
}

// clip keeps the first characters of s, which has n.
func clip(s string, n, longest int) string {
	if n <= longest {
		return s
	}
	for i := range s {
		if longest == 0 {
			return s[:i] + "…"
		}
		longest--
	}
	return s
}

func glyph(color string) string {
	switch color {
	case "amber", "blue", "brown", "green", "grey", "navy", "olive", "pink", "purple", "red", "teal":
		return color
	default:
		return "grey"
	}
}

// number writes a decimal number as people read it. It works on digits, never on floats: an int8 or a numeric is shown as
// it is stored, and rounded (with the whole value on hover) only where it has more decimals than a reader needs.
func number(s string, decimals *int) Cell {
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, _ := strings.Cut(digits, ".")
	if !isDigits(whole) || strings.Contains(digits, ".") && !isDigits(frac) {
		return Cell{Text: strings.Replace(minus(s), "Infinity", "∞", 1)}
	}
	places, trim := len(frac), false
	if decimals != nil {
		places = max(0, *decimals)
	} else if len(frac) > 4 {
		places, trim = 4, true
		if strings.Trim(whole, "0") == "" {
			places = max(4, len(frac)-len(strings.TrimLeft(frac, "0"))+3)
		}
	}
	w, f := round(whole, frac, places)
	if trim {
		f = strings.TrimRight(f, "0")
	}
	cell := Cell{Text: group(w)}
	if f != "" {
		cell.Text += "." + f
	}
	if negative && strings.Trim(w+f, "0") != "" {
		cell.Text = "−" + cell.Text
	}
	if len(frac) > places && strings.Trim(frac[places:], "0") != "" {
		cell.Title = s
	}
	return cell
}

// round keeps that many decimals, half away from zero, padding with zeros.
func round(whole, frac string, places int) (string, string) {
	if len(frac) <= places {
		return whole, frac + strings.Repeat("0", places-len(frac))
	}
	digits := []byte(whole + frac[:places])
	if frac[places] >= '5' {
		i := len(digits) - 1
		for i >= 0 && digits[i] == '9' {
			digits[i] = '0'
			i--
		}
		if i >= 0 {
			digits[i]++
		} else {
			digits = append([]byte{'1'}, digits...)
		}
	}
	cut := len(digits) - places
	return string(digits[:cut]), string(digits[cut:])
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// group sets commas between thousands.
func group(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

func minus(s string) string {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return "−" + rest
	}
	return s
}

// stamp splits PostgreSQL's ISO output: date, time without its fraction, fraction, zone.
var stamp = regexp.MustCompile(`^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d(?::\d\d){0,2})?$`)

func (c Column) timestamp(s string, now time.Time) Cell {
	m := stamp.FindStringSubmatch(s)
	if m == nil {
		return Cell{Text: s}
	}
	if t, ok := instant(m); ok && c.relative {
		words, near := Ago(now.Sub(t))
		if !near {
			return Cell{Text: m[1], Title: s}
		}
		return Cell{Text: words, Title: s, Time: t.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	return Cell{Dim: m[1], Text: m[2], Title: s}
}

// instant is the moment that a timestamp with a zone names.
func instant(m []string) (time.Time, bool) {
	if m[4] == "" || len(m[1]) != len("2026-11-20") {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02 15:04:05", m[1]+" "+m[2])
	if err != nil {
		return time.Time{}, false
	}
	if m[3] != "" {
		ns, _ := strconv.Atoi((m[3][1:] + "00000000")[:9])
		t = t.Add(time.Duration(ns))
	}
	var offset, unit = 0, 3600
	for part := range strings.SplitSeq(m[4][1:], ":") {
		n, _ := strconv.Atoi(part)
		offset += n * unit
		unit /= 60
	}
	if m[4][0] == '-' {
		offset = -offset
	}
	return t.Add(-time.Duration(offset) * time.Second), true
}

// Ago says how long ago something was: "now", "12 s", "3 min", "2 h", "4 d", or "in 3 min". Near is false beyond thirty
// days, where a date says more.
func Ago(d time.Duration) (words string, near bool) {
	before := ""
	if d < 0 {
		before = "in "
	}
	s := int64(d.Abs().Round(time.Second) / time.Second) // neither ends beyond the longest duration, which is what centuries are
	switch {
	case s < 2:
		return "now", true
	case s < 60:
		return before + strconv.FormatInt(s, 10) + " s", true
	case s < 3600:
		return before + strconv.FormatInt(s/60, 10) + " min", true
	case s < 86400:
		return before + strconv.FormatInt(s/3600, 10) + " h", true
	default:
		return before + strconv.FormatInt(s/86400, 10) + " d", s < 31*86400
	}
}

// Count writes a number of rows: "1,284", "~185 k", "~2.1 M". From 100,000 on it is short; an estimate carries "~".
// A negative number is not known and is "".
func Count(n int64, estimated bool) string {
	if n < 0 {
		return ""
	}
	about := ""
	if estimated || n >= 100_000 {
		about = "~"
	}
	switch {
	case n < 100_000:
		return about + group(strconv.FormatInt(n, 10))
	case n < 999_500:
		return about + strconv.FormatInt((n+500)/1000, 10) + " k"
	case n < 999_950_000:
		return about + strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " M"
	default:
		return about + strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " G"
	}
}

// Clock is a moment's time of day, "14:32:08", in t's own zone; "" for the zero time.
func Clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("15:04:05")
}
