package live_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rowcast/rowcast/live"
)

func TestManyPagesOfSeveralDashboardsShareTheirCycles(t *testing.T) {
	b := start(t, accounts, func(c *live.Config) { c.Safety = time.Second })
	queries := []string{"SELECT v, $1::text FROM a", "SELECT sum(a.v), $1::text FROM a, b", "SELECT v, $1::text FROM b"}
	var viewers []*viewer
	for i := range 90 {
		value := fmt.Sprint(i)
		p := panel("p", queries[i%3])
		p.Args = []*string{&value}
		viewers = append(viewers, b.view(page(fmt.Sprintf("/d/%d?v=%d", i%3, i), p)))
	}
	for _, v := range viewers {
		v.until("live", func() bool { return v.is("live") })
	}
	before := b.engine.Stats().Cycles
	for i := range 10 {
		b.exec(fmt.Sprintf("BEGIN; UPDATE a SET v = %d; UPDATE b SET v = %d; COMMIT", i, i))
		for _, v := range viewers {
			v.until("the change", func() bool { return v.cell("p", 0, 0) == fmt.Sprint(i) })
		}
	}
	if n := b.engine.Stats().Cycles - before; n > 450 { // each by itself: 900
		t.Errorf("%d cycles for ten changes of ninety pages", n)
	}
	// Safety readings, and looks at what each page reads; then a ping, which tells whether anybody rang.
	read := time.Now().Add(2 * time.Second)
	b.await("a ping after them", func() bool { return b.engine.Stats().Proved.After(read) })
	if n := b.engine.Stats().Unrung; n > 0 {
		t.Errorf("%d changes are said to have rung nobody", n)
	}
	for _, v := range viewers {
		v.until("still live", func() bool { return v.is("live") })
	}
}
