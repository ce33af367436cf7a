package views

import (
	"math"
	"strconv"
	"strings"
)

// quantity formats a number that is no key.
func (c Column) quantity(s string) Cell {
	switch c.style {
	case "plain":
		return Cell{Text: minus(s)}
	case "percent":
		return percentage(s, c.decimals)
	case "compact":
		if math.Abs(parse(s)) >= 9999.5 {
			return scaled(s, 1000, []string{"k", "M", "G", "T"}, "", c.decimals)
		}
	case "bytes":
		if math.Abs(parse(s)) >= 1023.5 {
			return scaled(s, 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB"}, " bytes", c.decimals)
		}
		cell := number(s, c.decimals)
		cell.Text += " B"
		return cell
	case "duration":
		return seconds(s, parse(s))
	}
	return number(s, c.decimals)
}

// percentage writes 0.125 as 12.5%.
func percentage(s string, decimals *int) Cell {
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, dot := strings.Cut(digits, ".")
	if !isDigits(whole) || dot && !isDigits(frac) {
		return number(s, nil)
	}
	frac += strings.Repeat("0", max(0, 2-len(frac)))
	whole = strings.TrimLeft(whole+frac[:2], "0")
	if whole == "" {
		whole = "0"
	}
	if negative {
		whole = "-" + whole
	}
	one := 1
	if decimals == nil {
		decimals = &one
	}
	hundredfold := whole
	if frac[2:] != "" {
		hundredfold += "." + frac[2:]
	}
	cell := number(hundredfold, decimals)
	if cell.Title != "" {
		cell.Title = s
	}
	cell.Text += "%"
	return cell
}

// scaled writes a large number with a unit that makes it short: three figures about, the whole on hover.
func scaled(s string, base float64, units []string, of string, decimals *int) Cell {
	v, unit := parse(s), 0
	for v /= base; math.Abs(v) >= base-0.5 && unit < len(units)-1; unit++ {
		v /= base
	}
	if math.Abs(v) >= 1e15 || math.IsNaN(v) {
		return number(s, decimals)
	}
	places := 1
	if math.Abs(v) >= 99.95 {
		places = 0
	}
	if decimals != nil {
		places = *decimals
	}
	return Cell{Text: number(strconv.FormatFloat(v, 'f', -1, 64), &places).Text + " " + units[unit], Title: number(s, nil).Text + of}
}

// seconds writes a duration: "850 ms", "12.3 s", "3 min 20 s", "1 h 4 min", "3 d 4 h".
func seconds(s string, v float64) Cell {
	t := math.Abs(v)
	if math.IsNaN(t) || t >= 1e12 {
		return number(s, nil)
	}
	n := int64(math.Floor(t + 0.5))
	two := func(big, small int64, bigUnit, smallUnit string) string {
		text := group(strconv.FormatInt(big, 10)) + " " + bigUnit
		if small > 0 {
			text += " " + strconv.FormatInt(small, 10) + " " + smallUnit
		}
		return text
	}
	var text string
	switch {
	case t == 0:
		return Cell{Text: "0 s"}
	case t < 0.0005:
		text = "<1 ms"
	case t < 0.9995:
		text = strconv.FormatFloat(math.Floor(t*1000+0.5), 'f', -1, 64) + " ms"
	case t < 59.95:
		text = strconv.FormatFloat(math.Floor(t*10+0.5)/10, 'f', -1, 64) + " s"
	case n < 3600:
		text = two(n/60, n%60, "min", "s")
	case n < 86400:
		text = two(n/3600, n%3600/60, "h", "min")
	default:
		text = two(n/86400, n%86400/3600, "d", "h")
	}
	if v < 0 {
		text = "−" + text
	}
	return Cell{Text: text, Title: s}
}

// amount is an interval or money as it is stored, or an interval as a duration; one with months or years is no length of time, and
// stays as it is.
func (c Column) amount(s string) Cell {
	months := strings.Contains(s, "mon") || strings.Contains(s, "year")
	if v := lapse(s); c.style == "duration" && c.kind == duration && v != nil && !months {
		return seconds(s, parse(*v))
	}
	return Cell{Text: s}
}
