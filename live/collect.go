package live

import (
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// collector makes an answer of a result. Most readings find what the one
// before found: nothing is allocated while that is so, and texts that stayed
// are shared with it afterwards.
type collector struct {
	answer *answer
	last   *answer // of the same statement, or nil
	same   bool    // so far this is what last was; rows are those of last
	rows   int
	slab   []delta.Cell
}

// collect reads the result's cells as PostgreSQL's own text, no further than
// the limits. last is the answer before, or nil.
func (st *statement) collect(rr *pgconn.ResultReader, limit, maxBytes int, last *answer) (*answer, error) {
	c := &collector{answer: &answer{statement: st, columns: st.columns, keys: st.keys}}
	if last != nil && last.statement == st {
		c.last, c.same = last, true
	}
	a := c.answer
	width := len(rr.FieldDescriptions())
	for rr.NextRow() {
		if c.rows == limit {
			a.truncated = true
			continue // the one row past the limit
		}
		values := rr.Values()
		for _, v := range values {
			a.size += len(v)
		}
		if a.size > maxBytes {
			return nil, errTooLarge
		}
		c.add(values)
	}
	_, err := rr.Close()
	if err == nil && width != len(st.columns) {
		return nil, &pgconn.PgError{Code: "0A000", Message: "the columns of the result changed"}
	}
	c.finish()
	return a, err
}

// add takes a row.
func (c *collector) add(values [][]byte) {
	var old []delta.Cell
	if c.last != nil && c.rows < len(c.last.rows) {
		old = c.last.rows[c.rows]
	}
	if c.same && (old == nil || !equal(old, values)) {
		c.part()
	}
	if !c.same {
		row := c.row(len(values))
		for i, v := range values {
			switch {
			case v == nil:
				row[i].Null = true
			case old != nil && !old[i].Null && old[i].Text == string(v):
				row[i].Text = old[i].Text
			default:
				row[i].Text = string(v)
			}
		}
	}
	c.rows++
}

// finish ends an answer that is the last one, or was up to here.
func (c *collector) finish() {
	if !c.same {
		return
	}
	if c.rows != len(c.last.rows) || c.answer.truncated != c.last.truncated {
		c.part()
		return
	}
	c.answer.rows, c.answer.same = c.last.rows, c.last
}

// part ends the likeness. The rows so far are copied: one that is shared would
// keep all that were allocated with it.
func (c *collector) part() {
	c.same = false
	c.answer.rows = make([][]delta.Cell, 0, len(c.last.rows)+1)
	for _, old := range c.last.rows[:c.rows] {
		copy(c.row(len(old)), old)
	}
}

// row allocates the next row of the answer.
func (c *collector) row(width int) []delta.Cell {
	if len(c.slab) < width {
		c.slab = make([]delta.Cell, max(64, width)*max(1, width))
	}
	row := c.slab[:width:width]
	c.slab = c.slab[width:]
	c.answer.rows = append(c.answer.rows, row)
	return row
}

func equal(cells []delta.Cell, values [][]byte) bool {
	for i, v := range values {
		if cells[i].Null != (v == nil) || cells[i].Text != string(v) {
			return false
		}
	}
	return true
}
