package live

import "time"

const (
	startAhead = 32  // queries that a new session sends ahead of their answers
	mostAhead  = 256 // and at most, when answers come quickly
	aheadShare = 8   // what is under way may take an eighth of the budget
)

// request is a query of a reading, and what was known of it beforehand.
type request struct {
	query
	page int           // the first page of the reading that asks it
	took time.Duration // when it was last answered
	last *answer       // that answer, or nil
}

// window says how far a session may send ahead of the answers: far enough
// that the server never waits for us, and not so far that a reading which has
// used up its budget still has much to come. It learns from one reading to
// the next.
type window struct {
	ahead int           // how many queries may be under way
	mean  time.Duration // what the answers of late took
	under []request     // sent and not answered, oldest first
	cost  time.Duration // of those, as far as known
	alone time.Time     // until then no answers come together
}

// low tells whether it is time to send more: so many at once that they travel
// together, and early enough that the server does not wait.
func (w *window) low() bool { return len(w.under) <= w.ahead/2 }

// room tells whether to send q now. A page that is being answered will be read
// to its end, so nothing is gained by holding its queries back.
func (w *window) room(q request, low bool, budget time.Duration) bool {
	return len(w.under) == 0 || q.page == w.under[0].page ||
		low && len(w.under) < w.ahead && w.cost+q.took <= budget/aheadShare
}

func (w *window) sent(q request) {
	w.under = append(w.under, q)
	w.cost += q.took
}

// answered notes the answer of the oldest query under way. The window opens
// by one with each answer and closes at once when they take long.
func (w *window) answered(took, budget time.Duration) {
	w.cost -= w.under[0].took
	w.under = w.under[1:]
	w.mean += (took - w.mean) / 8
	w.ahead = min(w.ahead+1, mostAhead, max(1, int(budget/aheadShare/max(w.mean, time.Microsecond))))
}

// reset forgets what is under way: the transaction is over.
func (w *window) reset() { w.under, w.cost = nil, 0 }

// crowded tells whether queries of more than one page are under way.
func (w *window) crowded() bool {
	return len(w.under) > 0 && w.under[0].page != w.under[len(w.under)-1].page
}
