package live

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// task is one page's part in a cycle. It holds copies, because the loop goes
// on while the cycle reads.
type task struct {
	page  *page
	epoch string
	turn  time.Time // when the page was read before
	rung  time.Time // the first ring that it answers
	items []item
}

// item is one panel to read.
type item struct {
	panel *panel
	def   *dashboard.Panel
	query query
	step  int
	took  time.Duration // when it was last read
	last  *answer
	prev  *delta.Panel

	candid bool // its viewers may see queries
}

// outcome is one panel as it was read.
type outcome struct {
	item   item
	answer *answer
	panel  *delta.Panel // nil when there is an error
	change *delta.Change
	step   int
	took   time.Duration
	err    *delta.Error
	locked bool // the error is that somebody holds a table
	put    bool // it was put off: the page opens without it
}

// taskFor makes a page's part of a cycle out of these panels.
func taskFor(p *page, panels []*panel) task {
	t := task{page: p, epoch: p.epoch, turn: p.read, rung: p.rung}
	for _, n := range panels {
		it := item{panel: n, def: n.def, query: n.query, step: n.step, took: n.took, last: n.last, candid: p.def.Candid}
		if p.state != nil {
			it.prev = p.state.Panels[n.def.ID]
		}
		t.items = append(t.items, it)
	}
	return t
}

// requestsOf are the tasks' queries in the tasks' order, each once.
func requestsOf(tasks []task) []request {
	var list []request
	seen := map[string]bool{}
	for i, t := range tasks {
		for _, it := range t.items {
			if !seen[it.query.id] {
				seen[it.query.id] = true
				list = append(list, request{query: it.query, page: i, took: it.took, last: it.last})
			}
		}
	}
	return list
}

// result is what a job brings back to the loop.
type result struct {
	tasks    []task
	left     []bool      // per task: it was not answered, and keeps its turn
	outcomes [][]outcome // per task that was
	watched  []relation  // of the first task
	apart    bool        // all tasks read the same relations, as far as was known
	snap     *snapshot
	gens     map[int64]uint64 // of the bells armed before the snapshot
	identity string
	birth    birth // of its session
	began    time.Time
	ended    time.Time
	err      error
}

// readTasks reads tasks in one snapshot and works out what changed.
func readTasks(ctx context.Context, s *session, tasks []task, r reading) (res *result) {
	res = &result{tasks: tasks, began: time.Now()}
	defer func() {
		res.ended, res.identity, res.birth = time.Now(), s.identity, s.began
		var bug *panicked
		if errors.As(res.err, &bug) {
			s.close() // nobody knows how it stands
			s.cfg.Log.Error("panic while reading pages", "panic", bug.value, "stack", string(bug.stack))
		}
	}()
	defer caught(&res.err)
	r.requests = requestsOf(tasks)
	res.snap, res.err = s.read(ctx, r)
	if res.err != nil {
		return res
	}
	for _, t := range tasks {
		res.left = append(res.left, !t.answered(res.snap))
	}
	if len(res.snap.torn()) > 0 {
		return res
	}
	if res.compare(s); res.err != nil {
		return res
	}
	if r.discover {
		res.watched = s.watched(ctx, tasks[0])
	}
	return res
}

// together is how many tasks are compared by one goroutine before it takes more.
const together = 16

// compare makes outcomes of the answers, on all cores where there are many: the
// database has nothing to do for this cycle meanwhile.
func (res *result) compare(s *session) {
	res.outcomes = make([][]outcome, len(res.tasks))
	bugs := make([]error, min(runtime.GOMAXPROCS(0), (len(res.tasks)+together-1)/together))
	var taken atomic.Int64
	var all sync.WaitGroup
	for i := range bugs {
		work := func() {
			defer caught(&bugs[i])
			for {
				to := int(taken.Add(together))
				for at := to - together; at < min(to, len(res.tasks)); at++ {
					res.outcomes[at] = res.outcomesOf(s, at)
				}
				if to >= len(res.tasks) {
					return
				}
			}
		}
		if i == len(bugs)-1 {
			work() // which is all of it where there are few
		} else {
			all.Go(work)
		}
	}
	all.Wait()
	res.err = errors.Join(bugs...)
}

// outcomesOf are those of one task; none where it was left.
func (res *result) outcomesOf(s *session, task int) []outcome {
	if res.left[task] {
		return nil
	}
	items := res.tasks[task].items
	list := make([]outcome, 0, len(items))
	for _, it := range items {
		list = append(list, it.outcome(s, res.snap.answers[it.query.id]))
	}
	return list
}

// answered tells whether all panels of the task have an answer, or an error.
func (t task) answered(snap *snapshot) bool {
	for _, it := range t.items {
		if snap.answers[it.query.id] == nil {
			return false
		}
	}
	return true
}

// outcome makes a panel of an answer; a panic over it is that panel's error.
func (it item) outcome(s *session, a *answer) (o outcome) {
	var bug error
	defer func() {
		if bug != nil {
			s.cfg.Log.Error("panic while comparing a panel", "panel", it.def.ID, "error", bug)
			o = outcome{item: it, step: it.step, err: s.explain(bug)}
		}
	}()
	defer caught(&bug)
	return it.compare(a)
}

// compare makes a panel of an answer and finds what changed.
func (it item) compare(a *answer) outcome {
	o := outcome{item: it, answer: a, step: it.step, took: a.took, err: a.err, locked: a.locked, put: a.put}
	if a.put {
		return o
	}
	if a.err != nil {
		o.err = it.locate(a.err)
		if !it.candid {
			o.err = discreet(a.err)
		}
		return o
	}
	if a.same != nil {
		o.answer = a.same // the newest one would hold all before it
		if p := it.prev; a.same == it.last && p != nil && p.Err == nil && p.At.IsZero() {
			o.panel = p
			return o
		}
	}
	width := max(0, len(a.columns)-it.def.Hidden)
	panel := &delta.Panel{Columns: a.columns[:width:width], Truncated: a.truncated}
	candidates := a.keys
	if named := namedKey(it.def.Key, a.columns); named != nil {
		candidates = append([]delta.KeyChoice{named}, candidates...)
	}
	keys, step := delta.Keys(a.rows, candidates, it.step)
	o.step = step
	panel.Rows = make([]delta.Row, len(a.rows))
	for i, cells := range a.rows {
		panel.Rows[i] = delta.Row{Key: keys[i], Cells: cells[:width:width]}
	}
	if !it.def.Ordered {
		delta.SortByKey(panel.Rows)
	}
	if flaw.On("panic-over-a-panel") && it.def.ID == "bug" {
		panic("a bug")
	}
	o.panel = panel
	o.change = delta.Diff(o.before(), panel)
	return o
}

// apart is a panel that is not read in its page's snapshot.
func apart(p *delta.Panel, at time.Time, every time.Duration) *delta.Panel {
	own := *p
	own.At, own.Every = at, every
	return &own
}

// before is what the panel's change starts from: nothing where the keys are
// others now, so that it is replaced whole once.
func (o outcome) before() *delta.Panel {
	if o.step != o.item.step {
		return nil
	}
	return o.item.prev
}

// namedKey finds the columns that the definition names as the key.
func namedKey(names []string, columns []delta.Column) delta.KeyChoice {
	var key delta.KeyChoice
	for _, name := range names {
		i := slices.IndexFunc(columns, func(c delta.Column) bool { return c.Name == name })
		if i < 0 {
			return nil
		}
		key = append(key, i)
	}
	return key
}
