package dashboard

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter is one condition that a table's rows meet.
type Filter struct {
	Column string
	Op     string // one of the column's operators
	Value  string // as the address has it, decoded; "" for operators without one
}

// written is the filter as a canonical address has it.
func (f Filter) written() string {
	s := escape(writeName(f.Column)) + "." + f.Op
	switch {
	case !takesValue(f.Op):
		return s
	case f.Op == opIn:
		items, _ := parseItems(f.Value)
		return s + "." + writeItems(items)
	}
	return s + "." + escape(f.Value)
}

// Values are the values of a list; nil for other operators.
func (f Filter) Values() []string {
	if f.Op != opIn {
		return nil
	}
	items, _ := parseItems(f.Value)
	return items
}

// parseFilter reads "column.op.value" and "column.op".
func parseFilter(text string) (f Filter, err error) {
	bad := refuse("bad_request", "a filter is a column, an operator and a value, such as total.gt.100, not %q", clip(text))
	name, rest, ok := cutName(text, '.')
	if !ok || rest == "" {
		return f, bad
	}
	op, value, valued := strings.Cut(rest[1:], ".")
	switch {
	case !slices.Contains(operators, op):
		return f, refuse("bad_request", "there is no operator %q; there are %s", clip(op), list(operators))
	case takesValue(op) && !valued:
		return f, refuse("bad_request", "the filter %q lacks a value", clip(text))
	case !takesValue(op):
		value = ""
	}
	return Filter{name, op, value}, nil
}

// fit holds a filter against its column and writes its value in one way.
func (f *Filter) fit(table string, col *column) error {
	if col == nil {
		return refuse("bad_request", "the table %q has no column %q to filter by", table, clip(f.Column))
	}
	if takesValue(f.Op) && !slices.Contains(col.Operators, f.Op) {
		return refuse("bad_request", "%q, which is of type %s, has no operator %s; it has %s", col.Name, col.Type, f.Op, list(col.Operators))
	}
	switch f.Op {
	case opNull, opNotNull, opHas, opHasnt, opStarts, opEnds, opContains:
		return nil
	case opLast:
		if _, ok := parseSpan(f.Value); !ok {
			return refuse("bad_request", "%q last %q: write a number and s, m, h, d, w, mo or y, such as 15m", col.Name, clip(f.Value))
		}
		return nil
	case opIn:
		items, ok := parseItems(f.Value)
		if !ok || len(items) > mostItems {
			return refuse("bad_request", "%q in: write at most %d values with commas between them, in quotes where they hold commas", col.Name, mostItems)
		}
		for _, item := range items {
			if err := col.known(item); err != nil {
				return err
			}
		}
		slices.Sort(items)
		for i := range items {
			if strings.ContainsAny(items[i], `,"`) {
				items[i] = quote(items[i])
			}
		}
		f.Value = strings.Join(items, ",")
		return nil
	}
	return f.plain(col)
}

// plain writes a single value in one way where Go knows the type.
func (f *Filter) plain(col *column) error {
	bits := map[string]int{"int2": 16, "int4": 32, "int8": 64}[col.base]
	switch {
	case bits > 0:
		n, err := strconv.ParseInt(strings.TrimSpace(f.Value), 10, bits)
		if err != nil {
			return refuse("bad_request", "%q is not a value of %q, which is of type %s", clip(f.Value), col.Name, col.Type)
		}
		f.Value = strconv.FormatInt(n, 10)
	case col.Kind == KindBool:
		yes, ok := parseBool(f.Value)
		if !ok {
			return refuse("bad_request", "%q is true or false, not %q", col.Name, clip(f.Value))
		}
		f.Value = strconv.FormatBool(yes)
	case col.Kind == KindEnum:
		return col.known(f.Value)
	}
	return nil
}

// known refuses what is no label of an enum.
func (c *column) known(label string) error {
	if c.Kind != KindEnum || slices.Contains(c.Enum, label) {
		return nil
	}
	return refuse("bad_request", "%q cannot be %q; it is one of %s", c.Name, clip(label), list(c.Enum))
}

func parseBool(s string) (yes, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "yes", "y", "on", "1":
		return true, true
	case "false", "f", "no", "n", "off", "0":
		return false, true
	}
	return false, false
}

// span is a length of time up to now.
type span struct {
	interval string        // for PostgreSQL
	about    time.Duration // months and years as if they were all alike
}

// parseSpan reads "15m", "24h", "7d".
func parseSpan(s string) (span, bool) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 100_000 || digits[0] == '+' {
		return span{}, false
	}
	const day = 24 * time.Hour
	for _, u := range []struct {
		short, long string
		about       time.Duration
	}{
		{"s", "seconds", time.Second}, {"m", "minutes", time.Minute}, {"h", "hours", time.Hour}, {"d", "days", day}, {"w", "weeks", 7 * day},
		{"mo", "months", 30 * day}, {"y", "years", 365 * day},
	} {
		if s[len(digits):] == u.short {
			about := time.Duration(math.MaxInt64)
			if u.about <= about/time.Duration(n) {
				about = u.about * time.Duration(n)
			}
			return span{fmt.Sprintf("%d %s", n, u.long), about}, n <= 1000 || u.about < 30*day
		}
	}
	return span{}, false
}

// pace is how often a filter's rows may change by the clock alone; 0: never.
func (f *Filter) pace(col *column) time.Duration {
	if f.Op == opLast {
		s, _ := parseSpan(f.Value)
		return min(max(s.about/60, 2*time.Second), clockEvery).Round(time.Second)
	}
	if col.Kind == KindTime || col.Kind == KindDate {
		for _, word := range []string{"now", "today", "tomorrow", "yesterday"} {
			if strings.Contains(strings.ToLower(f.Value), word) {
				return clockEvery
			}
		}
	}
	return 0
}

// sortFilters puts filters in their canonical order and drops repetitions.
func (c *catalog) sortFilters(all []Filter) []Filter {
	all = slices.Clone(all)
	place := func(f Filter) int {
		return slices.IndexFunc(c.columns, func(col column) bool { return col.Name == f.Column })
	}
	slices.SortFunc(all, func(x, y Filter) int {
		return cmp.Or(cmp.Compare(place(x), place(y)),
			cmp.Compare(slices.Index(operators, x.Op), slices.Index(operators, y.Op)), cmp.Compare(x.Value, y.Value))
	})
	return slices.Compact(all)
}
