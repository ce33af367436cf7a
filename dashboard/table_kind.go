package dashboard

import "slices"

// ColumnKind is what a column's values are, as far as filtering them goes.
type ColumnKind string

// The kinds of column, as the JSON API spells them.
const (
	KindNumber ColumnKind = "number"
	KindText   ColumnKind = "text"
	KindBool   ColumnKind = "bool"
	KindTime   ColumnKind = "time" // date and time of day
	KindDate   ColumnKind = "date"
	KindUUID   ColumnKind = "uuid"
	KindJSON   ColumnKind = "json"
	KindEnum   ColumnKind = "enum"
	KindArray  ColumnKind = "array"
	KindOther  ColumnKind = "other"
)

func kindOf(c *column) ColumnKind {
	switch c.base {
	case "int2", "int4", "int8", "numeric", "float4", "float8", "money", "oid":
		return KindNumber
	case "text", "varchar", "bpchar", "citext", "name", "char":
		return KindText
	case "bool":
		return KindBool
	case "timestamptz", "timestamp":
		return KindTime
	case "date":
		return KindDate
	case "uuid":
		return KindUUID
	case "json", "jsonb":
		return KindJSON
	}
	switch {
	case c.class == "e":
		return KindEnum
	case c.category == "A" && c.class == "b":
		return KindArray
	}
	return KindOther
}

// The operators of filters.
const (
	opHas      = "has"
	opHasnt    = "hasnt"
	opIs       = "is"
	opIsnt     = "isnt"
	opStarts   = "starts"
	opEnds     = "ends"
	opIn       = "in"
	opLess     = "lt"
	opAtMost   = "le"
	opMore     = "gt"
	opAtLeast  = "ge"
	opLast     = "last"
	opContains = "contains"
	opNull     = "null"
	opNotNull  = "notnull"
)

// operators lists all of them, in the order in which filters stand in an address.
var operators = []string{
	opIs, opIsnt, opIn, opHas, opHasnt, opStarts, opEnds, opAtLeast, opMore, opAtMost, opLess, opLast, opContains, opNull, opNotNull,
}

// operatorsOf lists the operators that fit a column, the most useful first.
func operatorsOf(c *column) []string {
	var fit []string
	switch c.Kind {
	case KindText:
		fit = []string{opHas, opHasnt, opIs, opIsnt, opStarts, opEnds, opIn}
	case KindNumber:
		fit = []string{opIs, opIsnt, opLess, opAtMost, opMore, opAtLeast}
	case KindTime, KindDate:
		fit = []string{opLast, opIs, opIsnt, opLess, opAtMost, opMore, opAtLeast}
	case KindBool:
		fit = []string{opIs}
	case KindEnum:
		fit = []string{opIs, opIsnt, opIn}
	case KindUUID:
		fit = []string{opIs, opIsnt}
	case KindJSON:
		fit = []string{opHas, opContains}
	case KindArray:
		if c.element != "" {
			fit = []string{opContains}
		}
	default:
		fit = []string{opHas}
		if c.Sortable && c.class != "p" { // no text can be read as an anonymous record
			fit = []string{opHas, opIs, opIsnt, opLess, opAtMost, opMore, opAtLeast}
		}
	}
	if c.NotNull {
		return fit // null is understood all the same
	}
	return append(fit, opNull, opNotNull)
}

// takesValue tells whether an operator compares with something.
func takesValue(op string) bool { return op != opNull && op != opNotNull }

// searchable tells whether a search looks into the column; numbers only where
// it is for one.
func (c *column) searchable(digits bool) bool {
	return slices.Contains([]ColumnKind{KindText, KindEnum, KindUUID}, c.Kind) || digits && c.Kind == KindNumber
}
