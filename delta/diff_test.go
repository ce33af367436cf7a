package delta_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowcast/rowcast/delta"
)

// lines is a panel with one column, a row per letter, keyed by it.
func lines(keys string) *delta.Panel {
	p := &delta.Panel{Columns: []delta.Column{{Name: "c", Type: "text"}}}
	for _, k := range keys {
		p.Rows = append(p.Rows, delta.Row{Key: string(k), Cells: []delta.Cell{{Text: "a value that is long enough to make ops the shorter way"}}})
	}
	return p
}

func TestDiffIsFewOps(t *testing.T) {
	for _, tc := range []struct{ old, new, ops string }{
		{"abcdef", "abcdef", ""},
		{"abcdef", "bcdefa", ">a5"},
		{"abcdef", "fabcde", ">f0"},
		{"abcdef", "abdecf", ">c4"},
		{"abcdef", "abcef", "-d"},
		{"abcdef", "abcxdef", "+x3"},
		{"abcdef", "xabcde", "-f +x0"},
		{"abcdef", "acbdef", ">c1"},
		{"abcdef", "cdefab", ">a5 >b5"},
		{"abcdef", "xbyace", "-d -f +x0 >b1 +y2"},
		{"", "ab", "+a0 +b1"},
		{"ab", "", "-a -b"},
	} {
		old, new := lines(tc.old), lines(tc.new)
		var got string
		if c := delta.Diff(old, new); c != nil {
			if c.Replace {
				t.Errorf("%s → %s: replaced", tc.old, tc.new)
				continue
			}
			for _, op := range c.Ops {
				got += fmt.Sprintf(" %c%s", op.Kind, op.Key)
				if op.Kind == delta.Insert || op.Kind == delta.Move {
					got += fmt.Sprint(op.Index)
				}
			}
			mustApply(t, old, c, new)
		}
		if got = trimSpace(got); got != tc.ops && !(tc.old == "" || tc.new == "") {
			t.Errorf("%s → %s: %s, want %s", tc.old, tc.new, got, tc.ops)
		}
	}
}

func trimSpace(s string) string {
	if s == "" {
		return s
	}
	return s[1:]
}

// A permutation costs as many moves as rows stand outside of a longest
// increasing subsequence, found here by trying all.
func TestDiffMovesAreMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "n")
		letters := "abcdefghi"[:n]
		perm := rapid.Permutation([]byte(letters)).Draw(t, "perm")
		longest := 0
		for set := range 1 << n {
			run, last, ok := 0, byte(0), true
			for i, c := range perm {
				if set&(1<<i) != 0 {
					ok, last, run = ok && c > last, c, run+1
				}
			}
			if ok {
				longest = max(longest, run)
			}
		}
		old, new := lines(letters), lines(string(perm))
		c := delta.Diff(old, new)
		ops := 0
		if c != nil {
			ops = len(c.Ops)
			mustApply(t, old, c, new)
		}
		if ops != n-longest || c != nil && c.Replace {
			t.Fatalf("%s → %s: %d ops, want %d moves: %+v", letters, perm, ops, n-longest, c)
		}
	})
}

func TestDiffNothing(t *testing.T) {
	p := lines("abc")
	p.Err, p.At, p.Every = &delta.Error{Code: "timeout", Message: "m"}, time.Unix(1, 0), time.Second
	q := *p
	q.Rows, q.Err, q.At = slices.Clone(p.Rows), &delta.Error{Code: "timeout", Message: "m"}, p.At.UTC()
	if c := delta.Diff(p, &q); c != nil {
		t.Errorf("change %+v between equal panels", c)
	}
	changes := delta.DiffState(&delta.State{Panels: map[string]*delta.Panel{"a": p}}, &delta.State{Panels: map[string]*delta.Panel{"a": &q}})
	if changes == nil || len(changes) != 0 {
		t.Errorf("changes %v, want an empty map", changes)
	}
	if changes = delta.DiffState(nil, &delta.State{Panels: map[string]*delta.Panel{"a": p}}); !changes["a"].Replace {
		t.Error("without a state before, panels are not replaced")
	}
}

func TestDiffIsNotLongerThanRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := panels(t)
		c := delta.Diff(a, b)
		if c == nil {
			return
		}
		s := &delta.State{}
		whole := *c
		whole.Ops, whole.Replace, whole.Columns, whole.Rows = nil, true, b.Columns, b.Rows
		got := len(delta.EncodeDelta("", s, map[string]*delta.Change{"p": c}))
		rows := len(delta.EncodeDelta("", s, map[string]*delta.Change{"p": &whole}))
		if got > rows+rows/4+64 { // escapes are not counted
			t.Errorf("%d bytes where the rows take %d", got, rows)
		}
	})
}

func TestDiffApplyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := panels(t)
		checkDiffApply(t, a, b)
	})
}

// FuzzDiffApply builds two panels from bytes: whatever they are, the change
// leads from one to the other, also over the wire.
func FuzzDiffApply(f *testing.F) {
	f.Add([]byte("abcdef"), []byte("fabcde"), uint8(0))
	f.Add([]byte("abc"), []byte(""), uint8(3))
	f.Add([]byte("hello world"), []byte("world hello \xff"), uint8(0xff))
	f.Fuzz(func(t *testing.T, x, y []byte, flags uint8) {
		a, b := fuzzPanel(x, flags&15), fuzzPanel(y, flags>>4)
		checkDiffApply(t, a, b)
	})
}

func fuzzPanel(b []byte, flags uint8) *delta.Panel {
	p := &delta.Panel{Columns: []delta.Column{{Name: "a", Type: "text"}, {Name: "b", Type: "text"}}, Truncated: flags&1 != 0}
	if flags&2 != 0 {
		p.Err = &delta.Error{Code: "timeout"}
	}
	if flags&4 != 0 {
		p.At, p.Every = time.UnixMicro(int64(len(b))).UTC(), time.Duration(1+len(b))*time.Millisecond
	}
	if flags&8 != 0 {
		p.Columns[1].Name = "c"
	}
	seen := map[string]bool{}
	for i, c := range b {
		key := fmt.Sprintf("[%q]", c%64)
		if !seen[key] {
			seen[key] = true
			p.Rows = append(p.Rows, delta.Row{Key: key, Cells: []delta.Cell{{Text: string(rune(c))}, {Null: c&64 != 0}}})
			if i%2 == 0 && c&64 == 0 {
				p.Rows[len(p.Rows)-1].Cells[1].Text = string(rune(i))
			}
		}
	}
	return p
}

func checkDiffApply(t rapid.TB, a, b *delta.Panel) {
	t.Helper()
	before := clone(a)
	c := delta.Diff(a, b)
	if c == nil {
		if !a.Equal(b) {
			t.Fatalf("no change between\n%+v\n%+v", a, b)
		}
		return
	}
	if !c.Replace && c.Ops != nil && len(c.Ops) == 0 {
		t.Fatal("ops are given and empty")
	}
	mustApply(t, a, c, b)
	if d := cmp.Diff(before, a); d != "" {
		t.Fatalf("the old panel was changed: %s", d)
	}
	s := &delta.State{Page: "/d/x", Cursor: "e:2", At: time.UnixMicro(2).UTC(), Panels: map[string]*delta.Panel{"p": b}}
	m, err := delta.Decode(delta.EncodeDelta("e:1", s, map[string]*delta.Change{"p": c}))
	if err != nil {
		t.Fatal(err)
	}
	if m.From != "e:1" || m.Cursor != s.Cursor || m.Page != s.Page || !m.At.Equal(s.At) {
		t.Fatalf("the message says %+v", m)
	}
	mustApply(t, a, m.Changes["p"], b)
	shown, err := delta.Decode(delta.EncodeSnapshot(s))
	if err != nil {
		t.Fatal(err)
	}
	if !shown.State.Equal(s) {
		t.Fatalf("the snapshot says %+v", shown.State)
	}
}

func clone(p *delta.Panel) *delta.Panel {
	q := *p
	q.Rows = slices.Clone(p.Rows)
	for i := range q.Rows {
		q.Rows[i].Cells = slices.Clone(q.Rows[i].Cells)
	}
	return &q
}

func mustApply(t rapid.TB, old *delta.Panel, c *delta.Change, want *delta.Panel) {
	t.Helper()
	got, err := delta.Apply(old, c)
	if err != nil {
		t.Fatalf("apply %+v: %v", c, err)
	}
	if !got.Equal(want) {
		t.Fatalf("got\n%+v\nwant\n%+v\nby %+v", got, want, c)
	}
}

// panels draws two panels that share much, with texts of all kinds.
func panels(t *rapid.T) (a, b *delta.Panel) {
	columns := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) delta.Column {
		return delta.Column{Name: rapid.SampledFrom([]string{"a", "b", "__proto__"}).Draw(t, "name"), Type: "text"}
	}), 1, 3).Draw(t, "columns")
	cell := rapid.Custom(func(t *rapid.T) delta.Cell {
		if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
			return delta.Cell{Null: true}
		}
		return delta.Cell{Text: rapid.OneOf(rapid.SampledFrom([]string{"", "x", "19.90"}), rapid.String()).Draw(t, "text")}
	})
	row := rapid.Custom(func(t *rapid.T) delta.Row {
		return delta.Row{Key: rapid.StringMatching(`\["[a-h][0-9]?"\]`).Draw(t, "key"), Cells: rapid.SliceOfN(cell, len(columns), len(columns)).Draw(t, "cells")}
	})
	rows := rapid.SliceOfNDistinct(row, 0, 24, func(r delta.Row) string { return r.Key })
	panel := rapid.Custom(func(t *rapid.T) *delta.Panel {
		p := &delta.Panel{Columns: columns, Rows: rows.Draw(t, "rows"), Truncated: rapid.Bool().Draw(t, "truncated")}
		if rapid.Bool().Draw(t, "failed") {
			p.Err = &delta.Error{Code: "timeout", Message: rapid.String().Draw(t, "message")}
		}
		if rapid.Bool().Draw(t, "slow") {
			p.At = time.UnixMicro(rapid.Int64Range(1, 1e15).Draw(t, "at")).UTC()
			p.Every = time.Duration(rapid.IntRange(1, 99).Draw(t, "every")) * time.Millisecond
		}
		return p
	})
	a, b = panel.Draw(t, "a"), panel.Draw(t, "b")
	if rapid.Bool().Draw(t, "related") { // b is a, shuffled, with some of its own rows
		shuffled := rapid.Permutation(a.Rows).Draw(t, "shuffled")
		own := slices.DeleteFunc(slices.Clone(b.Rows), func(r delta.Row) bool {
			return slices.ContainsFunc(a.Rows, func(o delta.Row) bool { return o.Key == r.Key })
		})
		b.Rows = append(slices.Clone(shuffled[:len(shuffled)-len(shuffled)/3]), own...)
	}
	return a, b
}

func TestApplyStateIsLost(t *testing.T) {
	old := &delta.State{Page: "/d/x", Cursor: "e:1"}
	for name, m := range map[string]*delta.Message{
		"other cursor": {Type: delta.TypeDelta, Page: "/d/x", From: "e:0"},
		"other page":   {Type: delta.TypeDelta, Page: "/d/y", From: "e:1"},
		"no panel":     {Type: delta.TypeDelta, Page: "/d/x", From: "e:1", Changes: map[string]*delta.Change{"p": {ErrCleared: true}}},
		"short row": {Type: delta.TypeDelta, Page: "/d/x", From: "e:1",
			Changes: map[string]*delta.Change{"p": {Replace: true, Columns: make([]delta.Column, 2), Rows: make([]delta.Row, 1)}}},
	} {
		if s, err := delta.ApplyState(old, m); !errors.Is(err, delta.ErrLost) || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if s, err := delta.ApplyState(old, &delta.Message{Type: delta.TypeStatus}); s != old || err != nil {
		t.Errorf("a status makes %v, %v of a state", s, err)
	}
}

// table is a panel of n rows and 8 columns, as a page of orders has.
func table(n int) *delta.Panel {
	r := rand.New(rand.NewPCG(1, 2))
	p := &delta.Panel{}
	for c := range 8 {
		p.Columns = append(p.Columns, delta.Column{Name: fmt.Sprint("column", c), Type: "text"})
	}
	for i := range n {
		cells := make([]delta.Cell, 8)
		for c := range cells {
			cells[c].Text = fmt.Sprintf("value %d", r.IntN(1e6))
		}
		p.Rows = append(p.Rows, delta.Row{Key: fmt.Sprintf("[%q]", fmt.Sprint(100000+i)), Cells: cells})
	}
	return p
}

// fresh copies every text, as a new read of the database does.
func fresh(p *delta.Panel) *delta.Panel {
	q := clone(p)
	for i := range q.Rows {
		q.Rows[i].Key = string([]byte(q.Rows[i].Key))
		for j := range q.Rows[i].Cells {
			q.Rows[i].Cells[j].Text = string([]byte(q.Rows[i].Cells[j].Text))
		}
	}
	return q
}

func BenchmarkDiff(b *testing.B) {
	old := table(1000)
	set := fresh(old)
	for i := range 10 {
		set.Rows[i*97].Cells[3].Text += "!"
	}
	window := fresh(table(1010))
	window.Rows = append(slices.Clone(window.Rows[1000:]), window.Rows[:990]...)
	moved := fresh(old)
	for i := range 10 {
		j := (i*389 + 77) % 1000
		moved.Rows[i*97], moved.Rows[j] = moved.Rows[j], moved.Rows[i*97]
	}
	for _, bc := range []struct {
		name string
		new  *delta.Panel
	}{{"nothing", fresh(old)}, {"set10", set}, {"window10", window}, {"moved20", moved}, {"all", fresh(lineless(1000))}} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				delta.Diff(old, bc.new)
			}
		})
	}
}

func lineless(n int) *delta.Panel {
	p := table(n)
	for i := range p.Rows {
		p.Rows[i].Key = "x" + p.Rows[i].Key
	}
	return p
}

func BenchmarkEncode(b *testing.B) {
	old := table(1000)
	set := fresh(old)
	for i := range 10 {
		set.Rows[i*97].Cells[3].Text += "!"
	}
	s := &delta.State{Page: "/d/x", Cursor: "e:2", Panels: map[string]*delta.Panel{"p": set}}
	changes := delta.DiffState(&delta.State{Panels: map[string]*delta.Panel{"p": old}}, s)
	b.Run("delta10", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.SetBytes(int64(len(delta.EncodeDelta("e:1", s, changes))))
		}
	})
	b.Run("snapshot1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.SetBytes(int64(len(delta.EncodeSnapshot(s))))
		}
	})
}
