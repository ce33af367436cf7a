package live

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

const testBudget = time.Second

// fill sends requests of pages of their own until there is no room.
func fill(w *window, took time.Duration) int {
	n := 0
	for low := w.low(); w.room(request{page: 1000 + n, took: took}, low, testBudget) && n < 1000; n++ {
		w.sent(request{page: 1000 + n, took: took})
	}
	return n
}

func TestTheWindowOpensWhileAnswersAreQuick(t *testing.T) {
	w := window{ahead: startAhead}
	if n := fill(&w, 0); n != startAhead {
		t.Errorf("%d queries are sent ahead at first", n)
	}
	for range 1000 {
		w.answered(50*time.Microsecond, testBudget)
		fill(&w, 50*time.Microsecond)
	}
	if n := len(w.under); n < mostAhead/2 || n > mostAhead {
		t.Errorf("%d are under way after a thousand quick answers", n)
	}
}

func TestTheWindowClosesWhenAnswersAreSlow(t *testing.T) {
	w := window{ahead: mostAhead}
	fill(&w, 0)
	for range 20 {
		w.answered(200*time.Millisecond, testBudget)
	}
	if w.ahead != 1 {
		t.Errorf("%d may be under way that take a fifth of the budget each", w.ahead)
	}
	w.reset()
	if n := fill(&w, 0); n != 1 {
		t.Errorf("the next reading begins with %d", n)
	}
}

func TestTheWindowHoldsBackWhatIsKnownToBeSlow(t *testing.T) {
	w := window{ahead: mostAhead}
	if n := fill(&w, 30*time.Millisecond); n != 4 { // an eighth of the budget
		t.Errorf("%d queries of 30 ms are under way", n)
	}
	w.reset()
	if n := fill(&w, time.Minute); n != 1 {
		t.Errorf("%d queries of a minute are under way, want one, for there is no progress without", n)
	}
	if !w.room(request{page: 1000, took: time.Minute}, false, testBudget) {
		t.Error("a page that is being answered is not sent whole")
	}
	if w.crowded() {
		t.Error("one page is a crowd")
	}
	w.sent(request{page: 1001})
	if !w.crowded() {
		t.Error("two pages are none")
	}
}

func TestAReadingThatIsLateKeepsWhatAnsweredAndWhatFailed(t *testing.T) {
	named := func(id string, page int) request { return request{query: query{id: id}, page: page} }
	a := attempt{
		reading: reading{requests: []request{named("a", 0), named("b", 1), named("c", 2), named("d", 2), named("e", 3), named("f", 4), named("g", 4)}},
		failed:  map[string]*answer{"c": {err: &delta.Error{}}},
		killed:  map[string]int{"g": 1},
	}
	a.shed(map[string]*answer{"a": {took: 7}})
	var kept []string
	for _, q := range a.requests {
		kept = append(kept, q.id)
	}
	if !slices.Equal(kept, []string{"a", "c", "d", "f", "g"}) {
		t.Errorf("kept %v", kept)
	}
	if a.requests[0].took != 7 {
		t.Error("what an answer took is forgotten")
	}
}

// Who came together and was late is timed by itself the next time, whenever that is.
func TestWhatCameLateTogetherIsTimedAlone(t *testing.T) {
	tr := &transaction{session: &session{cfg: Config{Slow: 250 * time.Millisecond}, statement: time.Second, window: window{ahead: 1}}}
	tr.reached = func(int, map[string]*answer) {}
	snap := &snapshot{answers: map[string]*answer{}}
	for i := range crowd {
		q := request{query: query{id: fmt.Sprint(i)}, page: i, took: 50 * time.Microsecond}
		tr.requests = append(tr.requests, q)
		snap.answers[q.id] = new(answer)
		tr.window.sent(q)
		tr.arrived(i, snap)
	}
	if !tr.brief(tr.requests[0], time.Now()) {
		t.Fatal("what was quick is asked alone")
	}
	tr.timed(200*time.Millisecond, snap)
	for i, q := range tr.requests {
		q.took = snap.answers[q.id].took
		if tr.brief(q, time.Now().Add(time.Hour)) || q.took > tr.cfg.heavy() {
			t.Fatalf("query %d is held to have taken %v of 200 ms that all took", i, q.took)
		}
	}
}

func TestAReadingThatAnsweredNothingIsTriedWithOnePage(t *testing.T) {
	a := attempt{reading: reading{requests: []request{{query: query{id: "a"}}, {query: query{id: "b"}}, {query: query{id: "c"}, page: 1}}}}
	a.shed(nil)
	if len(a.requests) != 2 {
		t.Errorf("%d queries are left of three of two pages", len(a.requests))
	}
}

func TestPagesComeInTheirTurn(t *testing.T) {
	now := time.Now()
	at := func(address, zone string, read time.Time) *page {
		return &page{def: &dashboard.Page{Address: address, TimeZone: zone}, read: read}
	}
	pages := []*page{
		at("/d/4", "B", now), at("/d/3", "A", now), at("/d/2", "A", now), at("/d/9", "Z", now.Add(-time.Second)),
	}
	slices.SortFunc(pages, byTurn)
	var order string
	for _, p := range pages {
		order += p.def.Address[3:]
	}
	if order != "9234" {
		t.Errorf("the order is %s", order)
	}
}
