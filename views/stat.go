package views

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// StatOptions is how a stat's number is judged; the browser reads it as it is written here.
type StatOptions struct {
	Compare    string      `json:"compare,omitempty"` // column of the same result that the number is measured by
	Earlier    string      `json:"earlier,omitempty"` // or the panel whose first number it is
	Spark      string      `json:"spark,omitempty"`   // the panel that the sparkline is drawn from
	Label      string      `json:"label,omitempty"`   // "on yesterday"; "": by the column's name
	Good       string      `json:"good,omitempty"`    // which way is good: "up", "down" or ""
	Thresholds []Threshold `json:"thresholds,omitempty"`
}

// Result is another panel's rows; nil where there are none yet.
type Result struct {
	Columns []Column
	Rows    []Row
}

// Stat is a big number: Whole and Fraction are set apart in size, Note is a line below it. The browser makes the same from a
// result in static/js/stat.js; both are held to testdata/stat.json.
type Stat struct {
	Cell                  // the value as a cell
	Whole, Fraction, Unit string
	Note                  string
	Size                  string // "long", "longer", "longest" or, of a number that takes lines, "vast": with its unit it may want more room than there is
	Level                 string // colour of the threshold that it reached; "" for none
	Limit                 string // in words: "over 30 min"; "" where that is no trouble
	Change                *Change
	Trend                 *Trend
}

// Change is how a number differs from an earlier one. Way is "up", "down", "same", or "" where nothing can be compared; Mood is
// "good", "poor" or "".
type Change struct {
	Way  string `json:"way"`
	Mood string `json:"mood"`
	Text string `json:"text"` // "8.4%"
	More string `json:"more"` // "+560.20"
	Than string `json:"than"` // "on yesterday"
}

// DrawStat makes the number of a stat from its rows and those of the panels that its options name: of the first row the first cell is
// the value, the others are the note below. No row is shown as a dash.
func (p *Panel) DrawStat(earlier, spark *Result) {
	var o StatOptions
	if p.StatOptions != nil {
		o = *p.StatOptions
	}
	p.Stat = newStat(p.Columns, p.Rows, p.Unit, o, earlier, spark)
}

func newStat(columns []Column, rows []Row, unit string, o StatOptions, earlier, spark *Result) *Stat {
	if len(columns) == 0 {
		return nil
	}
	c := &columns[0]
	if unit == "" {
		unit = c.unit
	}
	if o.Thresholds == nil {
		o.Thresholds = c.thresholds
	}
	if len(rows) == 0 {
		return &Stat{Whole: "–", Note: "no rows", Cell: Cell{Null: true}, Trend: trend(spark, o.Thresholds)}
	}
	cells := rows[0].Cells
	s := &Stat{Cell: cells[0], Whole: cells[0].Text, Unit: unit, Trend: trend(spark, o.Thresholds)}
	if cells[0].Null {
		s.Whole, s.Title = "–", "null"
	} else {
		s.split(c)
		if s.Size = statSize(s.Whole, s.Fraction, unit, c.measured()); s.Size != "" && s.Title == "" {
			s.Title = cells[0].said() // where it is cut, all of it is to be had
		}
		if c.measured() {
			s.Level = reached(o.Thresholds, c.float(&cells[0]))
			s.Limit = o.limit(c, rows, unit)
		}
	}
	var notes []string
	for i := 1; i < len(columns) && i < len(cells); i++ {
		if columns[i].Hidden {
			continue
		}
		if columns[i].Name == o.Compare {
			s.Change = o.change(columns, rows, columns[i].digits(&cells[i]), columns[i].label)
			continue
		}
		if !cells[i].Null { // nothing to add
			notes = append(notes, columns[i].note(&cells[i]))
		}
	}
	s.Note = strings.Join(notes, ", ")
	if o.Earlier != "" && earlier != nil {
		var was *string
		label := ""
		if len(earlier.Columns) > 0 {
			label = earlier.Columns[0].label
		}
		if len(earlier.Rows) > 0 && len(earlier.Rows[0].Cells) > 0 {
			was = earlier.Columns[0].digits(&earlier.Rows[0].Cells[0])
		}
		s.Change = o.change(columns, rows, was, label)
	}
	return s
}

// split sets apart what is written smaller: decimals, and the time of a day.
func (s *Stat) split(c *Column) {
	whole, frac, dot := strings.Cut(s.Whole, ".")
	switch {
	case dot && (c.kind == decimal || c.kind == integer):
		s.Whole, s.Fraction = whole, "."+frac
	case c.kind == currency:
		if at := cents.FindStringIndex(s.Whole); at != nil {
			s.Whole, s.Fraction = s.Whole[:at[0]], s.Whole[at[0]:]
		}
	case s.Dim != "":
		s.Whole, s.Fraction = s.Dim, " "+s.Text
	case s.Blank:
		s.Whole = "“”"
	}
}

// cents are the decimals of money, and what stands after them.
var cents = regexp.MustCompile(`[.,]\d{1,2}\D*$`)

// said is a cell as a text.
func (c *Cell) said() string {
	if c.Dim != "" {
		return c.Dim + " " + c.Text
	}
	return c.Text
}

// statSize weighs the letters of a number as wide as they are drawn.
func statSize(whole, fraction, unit string, number bool) string {
	switch n := 10*utf8.RuneCountInString(whole) + 6*utf8.RuneCountInString(fraction) + 4*utf8.RuneCountInString(unit); {
	case n > 160 && number:
		return "vast"
	case n > 160:
		return "longest"
	case n > 115:
		return "longer"
	case n > 90:
		return "long"
	default:
		return ""
	}
}

// note is a further value of a stat: "1,166 orders".
func (c *Column) note(cell *Cell) string {
	if !c.measured() || cell.Null {
		return cell.said()
	}
	if c.unit != "" {
		return cell.Text + " " + c.unit + " " + lower(c.label)
	}
	return cell.Text + " " + lower(c.label)
}

func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]-'A'+'a') + s[1:]
	}
	return s
}

// trouble is how bad a threshold's colour is.
func trouble(color string) int {
	switch color {
	case "red":
		return 2
	case "amber":
		return 1
	default:
		return 0
	}
}

// limit says which threshold a number in trouble crossed: the one below it, or, where less is worse, the next one up.
func (o *StatOptions) limit(c *Column, rows []Row, unit string) string {
	at, thresholds, v := -1, o.Thresholds, c.float(&rows[0].Cells[0])
	for i, t := range thresholds {
		if v >= t.From {
			at = i
		}
	}
	if at < 0 || trouble(thresholds[at].Color) == 0 {
		return ""
	}
	word, from := "over ", thresholds[at].From
	worseBelow := at > 0 && trouble(thresholds[at-1].Color) > trouble(thresholds[at].Color)
	if next := at + 1; next < len(thresholds) && trouble(thresholds[next].Color) < trouble(thresholds[at].Color) && (at == 0 || worseBelow) {
		word, from = "under ", thresholds[next].From
	}
	words := word + notation([]Column{*c}, rows, 0).with(c.quantity(strconv.FormatFloat(from, 'f', -1, 64)).Text)
	if unit != "" {
		words += " " + unit
	}
	return words
}

// change measures the number by an earlier one; name is the column that holds that.
func (o *StatOptions) change(columns []Column, rows []Row, was *string, name string) *Change {
	c, is := &columns[0], columns[0].digits(&rows[0].Cells[0])
	ch := &Change{Text: "–", Than: o.Label}
	if ch.Than == "" {
		ch.Than = "on " + lower(name)
	}
	if is == nil || was == nil || !c.measured() {
		return ch
	}
	diff, ok := difference(*is, *was)
	if !ok {
		return ch
	}
	if strings.Trim(diff, "-0.") == "" {
		ch.Way, ch.Text = "same", "no change"
		return ch
	}
	amount := notation(columns, rows, 0).with(c.quantity(diff).Text)
	if c.style == "percent" {
		amount = strings.TrimSuffix(amount, "%") + " pp" // points: the percentage beside it is of the number itself
	}
	if ch.Way = "down"; diff[0] != '-' {
		ch.Way, amount = "up", "+"+amount
	}
	switch o.Good {
	case "":
	case ch.Way:
		ch.Mood = "good"
	default:
		ch.Mood = "poor"
	}
	ch.Text = amount
	base, ratio := math.Abs(parse(*was)), parse(*is)/parse(*was)
	switch share := math.Abs(parse(*is)-parse(*was)) / base; {
	case !(base > 0), share >= 10 && !(ratio > 0):
	case share < 10:
		ch.Text, ch.More = percentText(share), amount
	case ratio >= 1e15:
		ch.Text, ch.More = "×"+powerText(ratio), amount
	default:
		ch.Text, ch.More = "×"+Column{style: "compact"}.quantity(strconv.FormatFloat(math.Floor(ratio+0.5), 'f', -1, 64)).Text, amount
	}
	return ch
}

// difference subtracts decimal numbers without rounding.
func difference(a, b string) (string, bool) {
	_, fa, _ := strings.Cut(a, ".")
	_, fb, _ := strings.Cut(b, ".")
	places := max(len(fa), len(fb))
	scale := func(s, frac string) (*big.Int, bool) {
		digits := strings.Replace(s, ".", "", 1) + strings.Repeat("0", places-len(frac))
		if !isDigits(strings.TrimPrefix(digits, "-")) {
			return nil, false
		}
		return new(big.Int).SetString(digits, 10)
	}
	x, okX := scale(a, fa)
	y, okY := scale(b, fb)
	if !okX || !okY {
		return "", false
	}
	digits := x.Sub(x, y).String()
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if places == 0 {
		return sign + digits, true
	}
	digits = strings.Repeat("0", max(0, places+1-len(digits))) + digits
	return sign + digits[:len(digits)-places] + "." + digits[len(digits)-places:], true
}
