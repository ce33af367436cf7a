package delta_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/node"
)

// TestBrowserAppliesAsWeDo draws states and steps between them, some of them
// spoiled, and holds what the browser's code makes of the messages against what
// this package does. ROWCAST_CASES draws more; ROWCAST_SEED repeats them.
func TestBrowserAppliesAsWeDo(t *testing.T) {
	t.Parallel()
	d := drawing{drawn(t)}
	cases := make([][]json.RawMessage, howMany(t, 600))
	lost := make([]bool, len(cases))
	n := 0
	for i := range cases {
		before := d.state(nil)
		before.Cursor = "e:1"
		after := d.state(before)
		after.Cursor = "e:2"
		changes := delta.DiffState(before, after)
		if d.IntN(3) == 0 {
			d.spoil(changes)
		}
		message := delta.EncodeDelta("e:1", after, changes)
		m, err := delta.Decode(message)
		if err != nil {
			t.Fatalf("%v in %s", err, message)
		}
		got, err := delta.ApplyState(before, &m)
		if lost[i] = errors.Is(err, delta.ErrLost); lost[i] {
			n++
			got = after
		} else if err != nil {
			t.Fatal(err)
		}
		cases[i] = []json.RawMessage{delta.EncodeSnapshot(before), message, delta.EncodeSnapshot(got)}
	}
	var answers [][]*struct {
		Cursor string
		Panels map[string]any
	}
	err := node.Run("delta", cases, &answers)
	if errors.Is(err, node.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		switch {
		case lost[i] != (a[1] == nil):
			t.Errorf("lost here %t, in the browser %t: %s\nto %s", lost[i], a[1] == nil, cases[i][1], cases[i][0])
		case !lost[i] && cmp.Diff(a[1], a[2]) != "":
			t.Errorf("the browser shows otherwise: %s\n%s\nto %s", cmp.Diff(a[2], a[1]), cases[i][1], cases[i][0])
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d steps, %d that do not fit", len(cases), n)
	if n < len(cases)/20 || n > len(cases)/2 {
		t.Errorf("%d of %d steps do not fit", n, len(cases))
	}
}

// drawn is a source of random numbers; its seed is ROWCAST_SEED or drawn, and
// printed.
func drawn(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	t.Logf("ROWCAST_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 21))
}

// howMany is ROWCAST_CASES, or the few that are enough for every run.
func howMany(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("ROWCAST_CASES")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ROWCAST_CASES: %v", err)
	}
	return n
}

// drawing draws states.
type drawing struct{ *rand.Rand }

// state is any state, or one that follows another.
func (d drawing) state(old *delta.State) *delta.State {
	s := &delta.State{Page: "/d/x", At: time.UnixMicro(d.Int64N(1 << 50)).UTC(), Panels: map[string]*delta.Panel{}}
	for _, id := range []string{"rows", "@a", "b.spark", "__proto__"}[:1+d.IntN(4)] {
		if old != nil && old.Panels[id] != nil {
			s.Panels[id] = d.step(old.Panels[id])
		} else {
			s.Panels[id] = d.panel()
		}
	}
	return s
}

func (d drawing) panel() *delta.Panel {
	p := &delta.Panel{Columns: []delta.Column{}, Truncated: d.IntN(4) == 0}
	for range d.IntN(4) {
		c := delta.Column{Name: d.text(), Type: []string{"text", "int8", "mood"}[d.IntN(3)]}
		if c.Type == "mood" {
			c.Enum = []string{d.text(), "b"}
		}
		p.Columns = append(p.Columns, c)
	}
	for range d.IntN(3) * d.IntN(50) {
		p.Rows = d.insert(p.Rows, len(p.Columns))
	}
	if d.IntN(6) == 0 {
		p.Err = &delta.Error{Code: "timeout", Message: d.text()}
	}
	if d.IntN(6) == 0 {
		p.At, p.Every = time.UnixMicro(d.Int64N(1<<50)).UTC(), time.Duration(d.IntN(1e6))*time.Millisecond
	}
	return p
}

// step is a panel as it may become.
func (d drawing) step(old *delta.Panel) *delta.Panel {
	if d.IntN(8) == 0 {
		return d.panel()
	}
	p := *old
	p.Rows = slices.Clone(old.Rows)
	for range d.IntN(8) {
		i := 0
		if len(p.Rows) > 0 {
			i = d.IntN(len(p.Rows))
		}
		switch kind := d.IntN(4); {
		case kind == 0 || len(p.Rows) == 0:
			p.Rows = d.insert(p.Rows, len(p.Columns))
		case kind == 1:
			p.Rows = slices.Delete(p.Rows, i, i+1)
		case kind == 2 && len(p.Columns) > 0:
			cells := slices.Clone(p.Rows[i].Cells)
			cells[d.IntN(len(cells))] = d.cell()
			p.Rows[i] = delta.Row{Key: p.Rows[i].Key, Cells: cells}
		case kind == 3:
			r := p.Rows[i]
			p.Rows = slices.Delete(p.Rows, i, i+1)
			p.Rows = slices.Insert(p.Rows, d.IntN(len(p.Rows)+1), r)
		}
	}
	if d.IntN(8) == 0 {
		p.Truncated = !p.Truncated
	}
	if d.IntN(8) == 0 {
		p.Err = nil
	}
	return &p
}

func (d drawing) insert(rows []delta.Row, columns int) []delta.Row {
	key := strconv.Quote(fmt.Sprint(d.text(), d.IntN(1000)))
	if slices.ContainsFunc(rows, func(r delta.Row) bool { return r.Key == key }) {
		return rows
	}
	r := delta.Row{Key: key}
	for range columns {
		r.Cells = append(r.Cells, d.cell())
	}
	return slices.Insert(rows, d.IntN(len(rows)+1), r)
}

func (d drawing) cell() delta.Cell {
	if d.IntN(6) == 0 {
		return delta.Cell{Null: true}
	}
	return delta.Cell{Text: d.text()}
}

// text is a word, a number that no double holds, or what encoders get wrong.
func (d drawing) text() string {
	return []string{"", "a", "b", "0", "9007199254740993", "-1.10", "NaN", "\\", "\"", "</script>", "\u2028", "é", "🦀", "\ufffd", "__proto__", "\x01\x7f", "null", "\r\n"}[d.IntN(18)]
}

// spoil makes one of the changes one that may not fit.
func (d drawing) spoil(changes map[string]*delta.Change) {
	for _, c := range changes {
		if len(c.Ops) == 0 {
			continue
		}
		op := &c.Ops[d.IntN(len(c.Ops))]
		switch d.IntN(5) {
		case 0:
			op.Key = `"nobody"`
		case 1:
			op.Index += d.IntN(200) - 100
		case 2:
			op.Key = c.Ops[0].Key
		case 3:
			c.Ops = append(c.Ops, c.Ops...)
		case 4:
			for i := range op.Set {
				op.Set[i].Column += d.IntN(4)
			}
		}
	}
}
