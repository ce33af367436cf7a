package live

import (
	"errors"
	"time"
)

// Answers that are sent one by one cost the database, and who reads them, a tenth of
// what a thousand quick ones take. So those of queries that were quick come together:
// what each of them took is not known then, nor which is to blame where none comes.
const (
	crowd       = 64               // queries of a reading, below which there is little to be won
	briefShare  = 20               // of what a panel may take with every frame, a query may take to be one of many
	bundleShare = 10               // and all of them together
	alone       = 10 * time.Second // for so long they come one by one after the session ended, or was given up
)

// brief tells whether what q takes may be known as a part of what many took.
func (t *transaction) brief(q request, now time.Time) bool {
	return len(t.requests) >= crowd && q.took > 0 && q.took <= t.cfg.heavy()/briefShare && !now.Before(t.window.alone)
}

// flush has the database send its answers up to here.
func (t *transaction) flush() {
	t.bundled = 0
	if n := len(t.steps); n > 0 && !t.steps[n-1].sends {
		t.steps[n-1].sends = true
		t.pipe.SendFlushRequest()
	}
}

// company is how many answers come together with the next one, that one included.
func (t *transaction) company() int {
	n := len(t.come)
	for _, st := range t.steps {
		if st.answer {
			n++
		}
		if st.sends {
			break
		}
	}
	return max(1, n)
}

// arrived notes an answer, unless it is of a page too many.
func (t *transaction) arrived(i int, snap *snapshot) {
	t.come = append(t.come, i)
	q := t.requests[i]
	if a := snap.answers[q.id]; a != nil {
		if t.size += a.size; t.size > t.cfg.MaxCycleBytes && t.full == none {
			t.full = q.page
		}
	}
}

// timed notes what the answers took that came together: each its part. Where that was
// long nobody knows whose fault it was: each is held to have taken what has it timed by
// itself the next time, however late that is.
func (t *transaction) timed(took time.Duration, snap *snapshot) {
	n := len(t.come)
	long := n > 1 && took > t.cfg.heavy()
	for _, i := range t.come {
		q, part := t.requests[i], t.credible(took/time.Duration(n))
		t.window.answered(part, t.cfg.budget())
		if long {
			part = t.cfg.heavy()/briefShare + 1
		}
		if a := snap.answers[q.id]; a != nil {
			a.took = part
			t.reached(q.page, snap.answers)
		}
	}
	t.come = t.come[:0]
}

// silent tells that the session ended without telling where: PostgreSQL's own last word
// is sent behind all answers before it, but a pooler's is not.
func silent(err error) bool {
	var bug *panicked
	return broken(err) && codeOf(err) != transactionTimeout && !isTooLarge(err) && !errors.As(err, &bug)
}

// part has answers come one by one for a while.
func (w *window) part() { w.alone = time.Now().Add(alone) }
