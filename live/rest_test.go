package live

import (
	"slices"
	"testing"
	"time"
)

// A reading takes long where the tables are large, and where the line to the
// database is silent for a while: then a page may not wait as long again to be
// right. It did, for six seconds after a silence of six.
func TestAfterASilenceNobodyRestsAsLong(t *testing.T) {
	e, p := shown(t)
	began := time.Now().Add(-6 * time.Second)
	p.read, p.ended, p.took, p.dirty = began, time.Now(), 6*time.Second, true
	const most = 2 * time.Second
	if wait := time.Until(e.due(p)); wait > most {
		t.Errorf("a page that waited for six seconds is read again in %s", wait)
	}
	res := &result{began: began, ended: time.Now(), left: []bool{true}}
	if wait := time.Until(e.breath(res, false)); wait > most {
		t.Errorf("and the database in %s", wait)
	}
	p.took = 800 * time.Millisecond // as large tables take
	if wait := time.Until(e.due(p)); wait < 700*time.Millisecond {
		t.Errorf("after a reading of 0.8 s the database rests for %s", wait)
	}
}

// A panel that is read apart rests nine times as long as its reading took. It did
// so from the first time on, though the line may have been narrow for a moment.
func TestAPanelReadApartRestsLongerTheLongerItIsHeavy(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		want []int // milliseconds, after each heavy reading
	}{
		{100 * time.Millisecond, []int{900, 900, 900}},
		{time.Second, []int{2000, 4000, 9000, 9000}},
		{4 * time.Second, []int{2000, 4000, 36000, 36000}},
	} {
		var rests []int
		for i := range c.want {
			n := &panel{took: c.took, stuck: i + 1}
			rests = append(rests, int(n.rest()/time.Millisecond))
		}
		if !slices.Equal(rests, c.want) {
			t.Errorf("readings that take %s: %v, want %v", c.took, rests, c.want)
		}
	}
}
