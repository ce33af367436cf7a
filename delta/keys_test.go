package delta_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowcast/rowcast/delta"
)

// cells reads rows of one-letter cells; "-" is NULL.
func cells(rows ...string) (all [][]delta.Cell) {
	for _, r := range rows {
		var row []delta.Cell
		for _, c := range strings.Fields(r) {
			row = append(row, delta.Cell{Text: c})
			if c == "-" {
				row[len(row)-1] = delta.Cell{Null: true}
			}
		}
		all = append(all, row)
	}
	return all
}

func TestKeys(t *testing.T) {
	second := []delta.KeyChoice{{1}}
	for _, tc := range []struct {
		name       string
		rows       [][]delta.Cell
		candidates []delta.KeyChoice
		from       int
		keys       string
		used       int
	}{
		{"a candidate", cells("a x", "a y"), second, 0, `["x"] ["y"]`, 0},
		{"two columns", cells("a x 1", "a y 1"), []delta.KeyChoice{{2, 0}, {1, 0}}, 0, `["x","a"] ["y","a"]`, 1},
		{"a candidate that is not unique", cells("a x", "b x"), second, 0, `["a"] ["b"]`, 2},
		{"a candidate with NULL", cells("a x", "b -"), second, 0, `["a"] ["b"]`, 2},
		{"a candidate out of range", cells("a", "b"), []delta.KeyChoice{{7}, {-1}}, 0, `["a"] ["b"]`, 3},
		{"a later step stays", cells("a x", "b y"), second, 2, `["a"] ["b"]`, 2},
		{"a single row", cells("a"), nil, 0, `[]`, 0},
		{"a single row with a candidate", cells("a x"), second, 0, `["x"]`, 0},
		{"a single row later", cells("a x"), nil, 1, `["a"]`, 1},
		{"an empty candidate for many rows", cells("a", "b"), []delta.KeyChoice{{}}, 0, `["a"] ["b"]`, 2},
		{"leading run of two", cells("a x", "a y", "b x"), nil, 0, `["a","x"] ["a","y"] ["b","x"]`, 2},
		{"no rows", nil, second, 2, ``, 2},
		{"no rows, other step", nil, second, 0, ``, 0},
	} {
		keys, used := delta.Keys(tc.rows, tc.candidates, tc.from)
		if got := strings.Join(keys, " "); got != tc.keys || used != tc.used {
			t.Errorf("%s: %s by step %d, want %s by step %d", tc.name, got, used, tc.keys, tc.used)
		}
	}
}

func TestKeysByHash(t *testing.T) {
	rows := cells("a -", "a -", "b -", "a -")
	keys, used := delta.Keys(rows, []delta.KeyChoice{{1}}, 0)
	if used != 4 || len(keys) != 4 {
		t.Fatalf("keys %q by step %d, want hashes by step 4", keys, used)
	}
	if keys[1] != keys[0]+".2" || keys[3] != keys[0]+".3" || keys[2] == keys[0] || !strings.HasPrefix(keys[2], "#") {
		t.Errorf("keys %q", keys)
	}
	again, used := delta.Keys(cells("b -", "a -"), []delta.KeyChoice{{1}}, used)
	if used != 4 || again[0] != keys[2] || again[1] != keys[0] {
		t.Errorf("keys %q by step %d: the same row has another key", again, used)
	}
	if k, used := delta.Keys(cells("x y", "x z"), nil, 99); used != 3 || !strings.HasPrefix(k[0], "#") {
		t.Errorf("keys %q by step %d from beyond the last", k, used)
	}
	null, _ := delta.Keys([][]delta.Cell{{{Null: true}}, {{Text: ""}}, {{Text: "null"}}}, nil, 0)
	if slices.Sort(null); len(slices.Compact(null)) != 3 {
		t.Errorf("keys %q: NULL, nothing and 'null' are three", null)
	}
}

// Cells that differ in bytes that no message can carry must not give one key.
func TestKeysAreUniqueOnTheWire(t *testing.T) {
	keys, used := delta.Keys([][]delta.Cell{{{Text: "\xff"}}, {{Text: "\xfe"}}}, nil, 0)
	if used != 2 || keys[0] == keys[1] {
		t.Errorf("keys %q by step %d", keys, used)
	}
}

func TestKeysProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 3).Draw(t, "width")
		cell := rapid.Custom(func(t *rapid.T) delta.Cell {
			text := rapid.SampledFrom([]string{"", "a", "b", `"`, ",", `","`, "\xff", "\xfe", "null"}).Draw(t, "text")
			null := rapid.IntRange(0, 9).Draw(t, "null") == 0
			if null {
				text = ""
			}
			return delta.Cell{Text: text, Null: null}
		})
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, width, width), 1, 12).Draw(t, "rows")
		candidates := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(rapid.IntRange(0, 3), 0, 2), func(c []int) delta.KeyChoice { return c }), 0, 2).Draw(t, "candidates")
		from := rapid.IntRange(0, 6).Draw(t, "from")
		keys, used := delta.Keys(rows, candidates, from)
		if len(keys) != len(rows) || used < min(from, len(candidates)+width+1) {
			t.Fatalf("%d keys for %d rows, step %d from %d", len(keys), len(rows), used, from)
		}
		unique := slices.Clone(keys)
		slices.Sort(unique)
		if len(slices.Compact(unique)) != len(rows) {
			t.Fatalf("keys %q are not unique", keys)
		}
		if again, step := delta.Keys(rows, candidates, used); step != used || !slices.Equal(again, keys) {
			t.Fatalf("the step %d does not stay: %q by %d", used, again, step)
		}
	})
}

func TestSortByKey(t *testing.T) {
	want := []string{`[]`, `["1"]`, `["1","10"]`, `["2"]`, `["02"]`, `["10"]`, `["a2"]`, `["a10"]`, `["b"]`}
	rows := make([]delta.Row, len(want))
	for i := range want {
		rows[(i*5)%len(want)].Key = want[i]
	}
	delta.SortByKey(rows)
	var got []string
	for _, r := range rows {
		got = append(got, r.Key)
	}
	at := func(k string) int { return slices.Index(got, k) }
	for _, pair := range [][2]string{{`["1"]`, `["2"]`}, {`["2"]`, `["10"]`}, {`["a2"]`, `["a10"]`}, {`["10"]`, `["a2"]`}, {`["a10"]`, `["b"]`}} {
		if at(pair[0]) > at(pair[1]) {
			t.Errorf("%s is behind %s in %q", pair[0], pair[1], got)
		}
	}
}

// Whatever order the rows come in, they leave in one.
func TestSortByKeyIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[a0-2]{0,6}`), 0, 12, rapid.ID).Draw(t, "keys")
		sorted := func(keys []string) (out []string) {
			rows := make([]delta.Row, len(keys))
			for i, k := range keys {
				rows[i].Key = k
			}
			delta.SortByKey(rows)
			for _, r := range rows {
				out = append(out, r.Key)
			}
			return out
		}
		a, b := sorted(keys), sorted(rapid.Permutation(keys).Draw(t, "other order"))
		if !slices.Equal(a, b) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

func BenchmarkKeys(b *testing.B) {
	p := table(1000)
	rows := make([][]delta.Cell, len(p.Rows))
	for i := range p.Rows {
		rows[i] = append([]delta.Cell{{Text: p.Rows[i].Key}}, p.Rows[i].Cells...)
	}
	b.Run("one column", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			delta.Keys(rows, []delta.KeyChoice{{0}}, 0)
		}
	})
	b.Run("hash", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			delta.Keys(rows, nil, 99)
		}
	})
}

func BenchmarkSortByKey(b *testing.B) {
	rows := table(1000).Rows
	shuffled := make([]delta.Row, len(rows))
	for i := range rows {
		shuffled[(i*389)%len(rows)] = rows[i]
	}
	b.Run("sorted", func(b *testing.B) {
		for b.Loop() {
			delta.SortByKey(rows)
		}
	})
	b.Run("shuffled", func(b *testing.B) {
		again := slices.Clone(shuffled)
		for b.Loop() {
			copy(again, shuffled)
			delta.SortByKey(again)
		}
	})
}
