package live

import (
	"fmt"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// What is compared while others are read counts only if the reading ends with the same
// answers: one that is tried again reads others.
func TestWhatIsComparedAheadIsWhatWasReadInTheEnd(t *testing.T) {
	c := &comparison{outcomes: make([][]outcome, 50), of: make([][]*answer, 50)}
	first, last := map[string]*answer{}, map[string]*answer{}
	for i := range 50 {
		id := fmt.Sprint(i)
		c.tasks = append(c.tasks, task{items: []item{{def: &dashboard.Panel{ID: "p"}, query: query{id: id}}}})
		first[id] = &answer{rows: [][]delta.Cell{{{Text: "first"}}}, columns: []delta.Column{{Name: "c"}}}
		last[id] = first[id]
		if i%2 == 1 {
			last[id] = &answer{rows: [][]delta.Cell{{{Text: "last"}}}, columns: []delta.Column{{Name: "c"}}}
		}
	}
	delete(last, "9") // left for the next reading
	for next := range 40 {
		c.reached(next, first)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	ahead := 0
	for i, list := range c.outcomes {
		if list != nil && c.of[i][0] == first[fmt.Sprint(i)] {
			ahead++
		}
	}
	if ahead < 40-together || ahead > 40 {
		t.Errorf("%d of 40 were compared ahead", ahead)
	}
	outcomes, err := c.finish(last)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range outcomes {
		want := "first"
		if i%2 == 1 {
			want = "last"
		}
		switch {
		case i == 9:
			if list != nil {
				t.Error("what was left has an outcome")
			}
		case len(list) != 1 || list[0].panel.Rows[0].Cells[0].Text != want:
			t.Errorf("task %d: %+v, want what was read %s", i, list, want)
		}
	}
}
