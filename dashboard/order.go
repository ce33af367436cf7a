package dashboard

import (
	"slices"
	"strings"
)

// smallTable is up to how many rows sorting without an index costs little.
const smallTable = 100_000

// catalog is what a table page is made from.
type catalog struct {
	columns []column
	indexes []index
	links   []foreignKey
	rows    int64
}

func (c *catalog) byNumber(n int16) *column {
	for i := range c.columns {
		if c.columns[i].number == n {
			return &c.columns[i]
		}
	}
	return nil
}

func (c *catalog) byName(name string) *column {
	for i := range c.columns {
		if c.columns[i].Name == name {
			return &c.columns[i]
		}
	}
	return nil
}

// primary are the primary key's columns, nil unless all of them may be read.
func (c *catalog) primary() []*column {
	for _, x := range c.indexes {
		if x.primary {
			return c.all(x)
		}
	}
	return nil
}

// key are the columns that tell rows apart: the primary key's, or those of a
// unique index without NULLs.
func (c *catalog) key() []*column {
	if key := c.primary(); key != nil {
		return key
	}
	for _, x := range c.indexes {
		key := c.all(x)
		if x.unique && key != nil && !slices.ContainsFunc(key, func(col *column) bool { return !col.NotNull }) {
			return key
		}
	}
	return nil
}

func (c *catalog) all(x index) []*column {
	var list []*column
	for _, n := range x.columns {
		col := c.byNumber(n)
		if col == nil {
			return nil
		}
		list = append(list, col)
	}
	return list
}

// leads tells whether an index begins with the column, so that reading in its
// order is cheap.
func (c *catalog) leads(col *column) bool {
	return slices.ContainsFunc(c.indexes, func(x index) bool { return x.columns[0] == col.number })
}

// newestFirst chooses the order that most likely shows new rows first and that
// an index serves; sorting is for small tables only. Empty: as stored.
func (c *catalog) newestFirst() []SortTerm {
	key := c.primary()
	if len(key) == 1 && grows(key[0]) {
		return descending(key[0])
	}
	if col := c.moment(func(col *column) bool { return col.NotNull && c.leads(col) }); col != nil {
		return descending(col)
	}
	if len(key) > 1 && grows(key[0]) {
		return descending(key...)
	}
	for _, x := range c.indexes {
		if cols := c.all(x); x.unique && len(cols) == 1 && cols[0].NotNull && grows(cols[0]) {
			return descending(cols...)
		}
	}
	if c.rows <= smallTable {
		if col := c.moment(func(col *column) bool { return col.NotNull }); col != nil {
			return descending(col)
		}
		if col := c.moment(func(col *column) bool { return saysCreated(col.Name) }); col != nil {
			return descending(col)
		}
		for i := range c.columns {
			if col := &c.columns[i]; col.identity || strings.HasPrefix(col.preset, "nextval(") {
				return descending(col)
			}
		}
	}
	return descending(key...)
}

// moment is the best column that holds when a row came to be.
func (c *catalog) moment(fits func(*column) bool) *column {
	var best *column
	for i := range c.columns {
		col := &c.columns[i]
		if isMoment(col) && fits(col) && (best == nil || saysCreated(col.Name) && !saysCreated(best.Name)) {
			best = col
		}
	}
	return best
}

func isMoment(c *column) bool {
	return c.base == "timestamptz" || c.base == "timestamp" || c.base == "date"
}

// grows tells whether later rows have greater values: numbers, moments, and
// UUIDs that begin with the time.
func grows(c *column) bool {
	switch c.base {
	case "int2", "int4", "int8", "numeric":
		return true
	case "uuid", "text", "varchar", "bpchar":
		preset := strings.ToLower(c.preset)
		return slices.ContainsFunc([]string{"v7", "ulid", "v6"}, func(s string) bool { return strings.Contains(preset, s) })
	}
	return isMoment(c)
}

func saysCreated(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"creat", "insert", "placed", "occur", "added", "ordered", "logged", "received", "event", "mtime", "timestamp"},
		func(s string) bool { return strings.Contains(name, s) })
}

func descending(columns ...*column) []SortTerm {
	var terms []SortTerm
	for _, c := range columns {
		terms = append(terms, SortTerm{c.Name, true})
	}
	return terms
}

// orderBy writes the clause, with the key behind the terms, so that rows that
// are equal in them keep their places. "" without terms.
func (c *catalog) orderBy(terms []SortTerm) string {
	if len(terms) == 0 {
		return ""
	}
	var parts []string
	for _, t := range terms {
		part := quote(t.Column)
		if t.Desc {
			part += " DESC"
			// An index has its NULLs first in this direction; where none could be
			// used anyway they go where people expect them.
			if col := c.byName(t.Column); !col.NotNull && !c.leads(col) {
				part += " NULLS LAST"
			}
		}
		parts = append(parts, part)
	}
	for _, k := range c.key() {
		if slices.ContainsFunc(terms, func(t SortTerm) bool { return t.Column == k.Name }) {
			continue
		}
		part := quote(k.Name)
		if terms[len(terms)-1].Desc {
			part += " DESC"
		}
		parts = append(parts, part)
	}
	return "\nORDER BY " + strings.Join(parts, ", ")
}
