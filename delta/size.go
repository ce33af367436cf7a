package delta

// The sizes here are what the encoding of plain text takes, near enough to
// compare ops with rows and to reserve a buffer once.

func rowsSize(p *Panel) int {
	n := 24
	for i := range p.Columns {
		n += len(p.Columns[i].Name) + len(p.Columns[i].Type) + 22
		for _, label := range p.Columns[i].Enum {
			n += len(label) + 3
		}
	}
	for i := range p.Rows {
		n += rowSize(&p.Rows[i])
	}
	return n
}

func rowSize(r *Row) int {
	n := keySize(r.Key) + 3
	for i := range r.Cells {
		n += cellSize(r.Cells[i]) + 1
	}
	return n
}

// keySize allows for the quotes that most keys hold and JSON escapes.
func keySize(key string) int { return len(key) + 4 }

func cellSize(c Cell) int {
	if c.Null {
		return 4
	}
	return len(c.Text) + 2
}

func changeSize(c *Change) int {
	n := 96
	if c.Replace {
		n += rowsSize(&Panel{Columns: c.Columns, Rows: c.Rows})
	}
	for i := range c.Ops {
		op := &c.Ops[i]
		n += keySize(op.Key) + 20
		for _, cell := range op.Cells {
			n += cellSize(cell) + 1
		}
		for _, set := range op.Set {
			n += cellSize(set.Cell) + 8
		}
	}
	if c.Err != nil {
		n += len(c.Err.Code) + len(c.Err.Message)
	}
	return n
}
