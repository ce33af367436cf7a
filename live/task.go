package live

import (
	"context"
	"errors"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
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
	c := &comparison{session: s, tasks: tasks, outcomes: make([][]outcome, len(tasks)), of: make([][]*answer, len(tasks))}
	defer func() { res.err = errors.Join(res.err, c.stop()) }()
	r.requests, r.reached = requestsOf(tasks), c.reached
	res.snap, res.err = s.read(ctx, r)
	if res.err != nil {
		return res
	}
	for _, t := range tasks {
		res.left = append(res.left, t.answers(res.snap.answers) == nil)
	}
	if len(res.snap.torn()) > 0 {
		return res
	}
	if res.outcomes, res.err = c.finish(res.snap.answers); res.err != nil {
		return res
	}
	if r.discover {
		res.watched = s.watched(ctx, tasks[0])
	}
	return res
}

// answers are those of the task's panels, errors among them; none where one is missing.
func (t task) answers(of map[string]*answer) []*answer {
	list := make([]*answer, len(t.items))
	for i, it := range t.items {
		if list[i] = of[it.query.id]; list[i] == nil {
			return nil
		}
	}
	return list
}
