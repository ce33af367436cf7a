package live

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/flaw"
)

// together is how many tasks are compared by one goroutine before it takes more.
const together = 16

// comparison makes outcomes of what tasks were answered: of the first ones while the
// database is at the last, and of what is left on all cores.
type comparison struct {
	session  *session
	tasks    []task
	outcomes [][]outcome
	of       [][]*answer // per task: the answers that its outcomes were made of
	handed   int         // the tasks before it are the helper's
	ahead    chan portion
	helper   sync.WaitGroup
	bug      error // the helper's
}

// portion is what some tasks in a row were answered.
type portion struct {
	first   int
	answers [][]*answer
}

// reached says that the tasks before this one have been answered. A reading that is
// tried again says so again, and what it reads then is compared in the end; what it read
// before is kept until then. With one processor nothing is compared ahead, for it would
// count as what the database takes.
func (c *comparison) reached(next int, answers map[string]*answer) {
	if next-c.handed < together || runtime.GOMAXPROCS(0) == 1 {
		return
	}
	p := portion{first: c.handed}
	for ; c.handed < next; c.handed++ {
		p.answers = append(p.answers, c.tasks[c.handed].answers(answers))
	}
	if c.ahead == nil {
		c.ahead = make(chan portion, len(c.tasks)/together) // room for all
		c.helper.Go(func() { c.help(c.ahead) })
	}
	c.ahead <- p
}

func (c *comparison) help(ahead <-chan portion) {
	defer caught(&c.bug)
	for p := range ahead {
		for i, answers := range p.answers {
			c.compare(p.first+i, answers)
		}
	}
}

// stop waits until nothing is compared ahead any more, and says what went wrong there.
func (c *comparison) stop() error {
	if c.ahead != nil {
		close(c.ahead)
		c.helper.Wait()
		c.ahead = nil
	}
	return c.bug
}

// finish compares what has not been yet, and returns all outcomes: per task, none
// where it was left.
func (c *comparison) finish(answers map[string]*answer) ([][]outcome, error) {
	_ = c.stop() // its caller is told in the end
	var taken atomic.Int64
	var all sync.WaitGroup
	bugs := make([]error, min(runtime.GOMAXPROCS(0), (len(c.tasks)+together-1)/together))
	for i := range bugs {
		work := func() {
			defer caught(&bugs[i])
			for {
				to := int(taken.Add(together))
				for at := to - together; at < min(to, len(c.tasks)); at++ {
					c.compare(at, c.tasks[at].answers(answers))
				}
				if to >= len(c.tasks) {
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
	return c.outcomes, errors.Join(bugs...)
}

// compare makes one task's outcomes, unless they were made of the same answers.
func (c *comparison) compare(task int, answers []*answer) {
	if slices.Equal(c.of[task], answers) {
		return
	}
	c.of[task], c.outcomes[task] = answers, nil
	for i, a := range answers {
		c.outcomes[task] = append(c.outcomes[task], c.tasks[task].items[i].outcome(c.session, a))
	}
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
