package delta

import "slices"

// Diff returns the change that makes old into new, or nil when nothing changed.
//
// Its ops are few: one per row that went, came, or moved (the rows that stay in
// place are a longest increasing subsequence of the kept ones), and one per row
// with changed cells, which names only those. It replaces the panel whole where
// old is nil, the columns differ, a panel's own clock or pace went away, or the
// ops would cost more bytes than the rows. Keys must be unique in each panel.
func Diff(old, new *Panel) *Change {
	if old == new {
		return nil
	}
	if old == nil || !sameColumns(old.Columns, new.Columns) ||
		new.At.IsZero() && !old.At.IsZero() || new.Every == 0 && old.Every != 0 {
		return replacement(old, new)
	}
	ops, fit := diffRows(old.Rows, new.Rows, rowsSize(new))
	if !fit {
		return replacement(old, new)
	}
	c := Change{Ops: ops}
	if old.Truncated != new.Truncated {
		t := new.Truncated
		c.Truncated = &t
	}
	if !equalError(old.Err, new.Err) {
		c.Err, c.ErrCleared = new.Err, new.Err == nil
	}
	if !old.At.Equal(new.At) {
		c.At = new.At
	}
	if old.Every != new.Every {
		c.Every = new.Every
	}
	if c.Ops == nil && c.Truncated == nil && c.Err == nil && !c.ErrCleared && c.At.IsZero() && c.Every == 0 {
		return nil
	}
	return &c
}

// DiffState returns the changes of the panels that changed; an empty map means
// that nothing did. A panel that only old has is not mentioned, for the set of
// panels is fixed within an epoch.
func DiffState(old, new *State) map[string]*Change {
	changes := make(map[string]*Change)
	for id, p := range new.Panels {
		var before *Panel
		if old != nil {
			before = old.Panels[id]
		}
		if c := Diff(before, p); c != nil {
			changes[id] = c
		}
	}
	return changes
}

// replacement states error: null outright where an error is over, so that a
// client which keeps the old error across new rows is right as well.
func replacement(old, new *Panel) *Change {
	c := &Change{Replace: true, Columns: new.Columns, Rows: new.Rows, Err: new.Err, At: new.At, Every: new.Every}
	if new.Truncated {
		t := true
		c.Truncated = &t
	}
	c.ErrCleared = old != nil && old.Err != nil && new.Err == nil
	return c
}

func sameColumns(a, b []Column) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	return slices.EqualFunc(a, b, equalColumn)
}

// diffRows gives up (false) as soon as the ops outweigh limit bytes.
func diffRows(old, new []Row, limit int) ([]Op, bool) {
	d := differ{limit: limit}
	// What is at the same place at both ends needs no lookup; often that is all.
	head := 0
	for head < len(old) && head < len(new) && old[head].Key == new[head].Key {
		head++
	}
	tail := 0
	for tail < len(old)-head && tail < len(new)-head && old[len(old)-1-tail].Key == new[len(new)-1-tail].Key {
		tail++
	}
	if head+tail < len(old) || head+tail < len(new) {
		d.align(old[head:len(old)-tail], new[head:len(new)-tail], head)
	}
	for i := range head {
		d.set(&old[i], &new[i])
	}
	for i := range tail {
		d.set(&old[len(old)-tail+i], &new[len(new)-tail+i])
	}
	return d.ops, d.size <= limit
}

// differ collects ops and their weight in bytes.
type differ struct {
	ops         []Op
	size, limit int
}

// absent marks a row that the other side does not have.
const absent = -1

// align makes the keys of old into those of new, both standing behind offset
// rows that stay. It goes through new from the front and puts each row that
// does not stay right behind its predecessor. Rows that are still to be moved
// away ("waiting") may stand in front of that place, so an index is the row's
// final place plus the number of those.
func (d *differ) align(old, new []Row, offset int) {
	from := origins(old, new)
	taken := make([]bool, len(old)) // has a counterpart in new
	for _, o := range from {
		if o != absent {
			taken[o] = true
		}
	}
	for i := range old {
		if !taken[i] {
			d.add(Op{Kind: Remove, Key: old[i].Key}, keySize(old[i].Key)+6)
		}
	}
	stays := increasing(from, len(old))
	waits := taken // from here on: kept, but still at its old place and not staying
	for i, o := range from {
		if o != absent && stays[i] {
			waits[o] = false
		}
	}
	waiting, anchor := 0, 0 // rows waiting in old[:anchor]
	for i, o := range from {
		if d.size > d.limit {
			return
		}
		switch {
		case o == absent:
			r := &new[i]
			d.add(Op{Kind: Insert, Key: r.Key, Index: offset + i + waiting, Cells: r.Cells}, rowSize(r)+10)
			continue
		case stays[i]:
			for ; anchor < o; anchor++ {
				if waits[anchor] {
					waiting++
				}
			}
		default:
			if waits[o] = false; o < anchor {
				waiting--
			}
			d.add(Op{Kind: Move, Key: new[i].Key, Index: offset + i + waiting}, keySize(new[i].Key)+10)
		}
		d.set(&old[o], &new[i])
	}
}

// set adds an op for the cells in which b differs from a.
func (d *differ) set(a, b *Row) {
	first := 0
	for first < len(b.Cells) && first < len(a.Cells) && a.Cells[first] == b.Cells[first] {
		first++
	}
	if first == len(b.Cells) || d.size > d.limit {
		return
	}
	changed := 0
	for i := first; i < len(b.Cells); i++ {
		if i >= len(a.Cells) || a.Cells[i] != b.Cells[i] {
			changed++
		}
	}
	cells, size := make([]SetCell, 0, changed), keySize(b.Key)+8
	for i := first; i < len(b.Cells); i++ {
		if i >= len(a.Cells) || a.Cells[i] != b.Cells[i] {
			cells = append(cells, SetCell{Column: i, Cell: b.Cells[i]})
			size += cellSize(b.Cells[i]) + 5
		}
	}
	d.add(Op{Kind: Set, Key: b.Key, Set: cells}, size)
}

func (d *differ) add(op Op, size int) {
	if d.ops == nil {
		d.ops = make([]Op, 0, 16)
	}
	d.ops = append(d.ops, op)
	d.size += size
}

// origins returns for each new row its index in old, or absent.
func origins(old, new []Row) []int {
	at := make(map[string]int, len(old))
	for i := range old {
		at[old[i].Key] = i
	}
	from := make([]int, len(new))
	for i := range new {
		o, ok := at[new[i].Key]
		if !ok {
			o = absent
		}
		from[i] = o
	}
	return from
}

// increasing marks a longest increasing subsequence of from (values below n,
// absent ones skipped): the rows that need not move.
func increasing(from []int, n int) []bool {
	stays := make([]bool, len(from))
	last, sorted := absent, true
	for i, o := range from {
		if o == absent {
			continue
		}
		stays[i] = true
		if o < last {
			sorted = false
			break
		}
		last = o
	}
	if sorted {
		return stays
	}
	clear(stays)
	ends := make([]int, 0, min(n, len(from))) // ends[k]: index in from of the smallest end of a run of k+1
	before := make([]int, len(from))          // the predecessor in the best run that ends here
	for i, o := range from {
		if o == absent {
			continue
		}
		lo, hi := 0, len(ends)
		for lo < hi {
			if mid := int(uint(lo+hi) >> 1); from[ends[mid]] < o {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		before[i] = absent
		if lo > 0 {
			before[i] = ends[lo-1]
		}
		if lo == len(ends) {
			ends = append(ends, i)
		} else {
			ends[lo] = i
		}
	}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i != absent; i = before[i] {
			stays[i] = true
		}
	}
	return stays
}
