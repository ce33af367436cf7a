package e2e_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// A trouble is one thing that goes wrong around the program and is mended
// again. Everything else about it is the same for all: see [arena.suffer].
type trouble struct {
	name string
	// inject begins it and returns what ends it; nil: it has ended by itself.
	inject func(*arena) (heal func())
	// lasts is how long it is left so.
	lasts time.Duration
	// stale are the pages that may not be called live meanwhile, by their
	// address, "*" for all: the server can see what is wrong. It begins when inject
	// is called, or says so by [arena.begins].
	stale []string
	// within is how soon they must say so; 0: staleWithin.
	within time.Duration
	// despite is how soon all must be right although it lasts; 0: not before it ends.
	despite time.Duration
	// mended tells whether the program has mended it by itself, which it may, and
	// say so before it ends; nil: it cannot.
	mended func(*arena) bool
	// mutes: what is written meanwhile rings no bell, so nobody need hear of it.
	mutes bool
	// silent are the pages whose answers it, or its end, changes without a bell.
	silent []string
	// outage: the application's own writes cannot work meanwhile.
	outage bool
	// locks: it, or its end, locks what is written.
	locks bool
	// spoils are the pages that may hold an error meanwhile, by their address.
	spoils []string
	// rare ones take long: they are left to the longer run.
	rare bool
}

// family is troubles of one kind.
type family struct {
	name     string
	troubles []trouble
}

func families() []family {
	return []family{
		{"sessions", sessionTroubles()},
		{"database", databaseTroubles()},
		{"network", networkTroubles()},
		{"schema", schemaTroubles()},
		{"locks", lockTroubles()},
		{"writes", writeTroubles()},
		{"viewers", viewerTroubles()},
		{"program", programTroubles()},
	}
}

// TestFaults lets troubles of some families, drawn by the seed, happen to one
// program after the other, with writers and viewers at work.
//
// ROWCAST_FAULTS asks for more: a time, such as 10m, for all of them in drawn
// orders until it is over, or the names of some.
func TestFaults(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(seed(t), 7))
	asked := os.Getenv("ROWCAST_FAULTS")
	long, err := time.ParseDuration(cmp.Or(asked, "0s"))
	plan := draw(r)
	if err != nil {
		plan = named(t, strings.Split(asked, ","))
	}
	a := newArena(t, rand.New(rand.NewPCG(r.Uint64(), 9))) // it draws as often as time allows, the plan does not
	least := int64(20 * len(plan))                         // frames
	for until := time.Now().Add(long); ; {
		for _, f := range plan {
			if t.Run(f.name, func(t *testing.T) { a.suffer(t, f) }); a.beaten {
				t.FailNow() // what follows would be judged by what is left behind
			}
		}
		if !time.Now().Before(until) {
			break
		}
		plan = all()
		r.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	}
	a.close()
	j := a.judge
	t.Logf("%d frames, %d claims of live, %d panels or pages outside of the cut; %d of tables' pages compared, %d not",
		j.frames.Load(), j.statuses.Load(), j.marked.Load(), j.matched.Load(), j.alone.Load())
	if n := j.matched.Load(); n+j.alone.Load() > 100 && n < j.alone.Load() { // a line that is too narrow for a whole cycle has few
		t.Error("most frames of tables' pages were not compared")
	}
	if n := a.judge.frames.Load(); n < least {
		t.Errorf("too little work to mean anything: %d frames", n)
	}
}

// shortRun is how many troubles it has.
const shortRun = 5

// draw takes one trouble that is not rare of each of some families, in a drawn
// order.
func draw(r *rand.Rand) (plan []trouble) {
	for _, f := range families() {
		some := slices.DeleteFunc(f.troubles, func(t trouble) bool { return t.rare })
		plan = append(plan, some[r.IntN(len(some))])
	}
	r.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan[:shortRun]
}

func all() (plan []trouble) {
	for _, f := range families() {
		plan = append(plan, f.troubles...)
	}
	return plan
}

// named are the troubles with these names, or of the families with them.
func named(t *testing.T, names []string) (plan []trouble) {
	for _, f := range families() {
		for _, one := range f.troubles {
			if slices.Contains(names, one.name) || slices.Contains(names, f.name) {
				plan = append(plan, one)
			}
		}
	}
	if len(plan) == 0 {
		t.Fatalf("no trouble is named %q", names)
	}
	return plan
}

// Within so long the page must say that it is stale, or where the viewer's own
// line is silent, and after the end of the trouble be right again. A machine that
// is busy with other tests is given what it was late itself, up to [mostForgiven].
const (
	staleWithin  = 3 * time.Second
	silentWithin = 8 * time.Second
	rightWithin  = 5 * time.Second
)

// atLeast is how long writers work on after a trouble that has ended by itself.
const atLeast = 700 * time.Millisecond

// suffer lets the trouble happen and judges what was seen.
func (a *arena) suffer(t *testing.T, f trouble) {
	a.TB = t
	if err := a.settle(t.Context(), 30*time.Second, a.forget); err != nil {
		a.beaten = true
		t.Fatalf("before: %v", err)
	}
	before := a.holdings()
	before["rowcast_subscribers"] = max(before["rowcast_subscribers"], float64(len(a.sights))) // some may be on their way back
	if a.first == nil {
		a.first = before
	}
	a.spoiled.Store(&f.spoils)
	a.patrons[0].take()
	a.patrons[1].take()
	a.outage.Store(f.outage)
	a.guests.forget()
	a.silent, a.unheard = f.silent, false // what was before is judged
	a.judge.mute.Store(f.mutes)
	a.mutes = f.mutes
	started := time.Now()
	a.began = started
	heal := f.inject(a)
	injected := time.Now()
	a.unheard = a.toViewer.Faulty()
	answers := a.stillAnswers()
	if f.despite > 0 {
		a.suffersOn(f)
	}
	if f.mended != nil {
		sleep(t.Context(), staleWithin-time.Since(a.began))
		if f.mended(a) {
			t.Log("the program mended it before it had to be seen")
			f.stale = nil
		}
	}
	sleep(t.Context(), max(f.lasts, atLeast)-time.Since(a.began))
	a.calmSince(injected, answers)
	if over := a.swollen(before); over != "" {
		t.Errorf("while it lasts: %s", over)
	}
	healing := time.Now()
	if heal != nil {
		heal()
	}
	healed := time.Now()
	a.judgeStale(f, healing)
	if err := a.settle(t.Context(), rightWithin+20*time.Second); err != nil {
		a.beaten = true
		t.Errorf("after: %v", err)
	} else if took := time.Since(healed); took > rightWithin+a.lateness.since(healed) {
		t.Errorf("right only %s after the end of the fault; last was %s; what was said since:\n%s", took.Round(10*time.Millisecond), a.last, a.saidSince(healed))
	} else {
		t.Logf("right %s after the end", took.Round(10*time.Millisecond))
		if took > 1500*time.Millisecond {
			t.Logf("last was %s\n%s", a.last, a.saidSince(healed))
		}
	}
	if f.outage {
		a.outages.Add(1)
	}
	a.outage.Store(false)
	a.spoiled.Store(new([]string))
	a.judgeWrites(started, f)
	a.guests.judge(t)
	if err := a.back(t.Context(), before); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	a.judgeAll(t)
	if late := a.lateness.since(started); late > 100*time.Millisecond {
		t.Logf("the machine was late by %s in all, which was forgiven", late.Round(10*time.Millisecond))
	}
}

// begins says that the fault begins only now, after what prepares it.
func (a *arena) begins() { a.began = time.Now() }

// suffersOn judges a trouble that all must be right in spite of, once it must have been
// seen: before that a page may be right yet, and not be so any more a moment later.
// First with the writers at work, then with the last write in silence.
func (a *arena) suffersOn(f trouble) {
	a.Helper()
	sleep(a.Context(), staleWithin-time.Since(a.began))
	err := a.recovers(a.Context(), f.despite+10*time.Second)
	if err == nil {
		err = a.settle(a.Context(), f.despite+10*time.Second)
	}
	took := time.Since(a.began)
	switch {
	case err != nil:
		a.Errorf("while it lasts: %v", err)
	case took > f.despite+a.lateness.since(a.began):
		a.Errorf("right only %s after the fault; last was %s; what was said since:\n%s", took.Round(10*time.Millisecond), a.last, a.saidSince(a.began))
	default:
		a.Logf("right %s after the fault, which lasts", took.Round(10*time.Millisecond))
	}
	sleep(a.Context(), atLeast) // the writers stood still at its end
}

// calmSince notes that what only faults write was not written since then, where
// the answers are still the same. No fault may write something and take it back.
func (a *arena) calmSince(from time.Time, answers map[*sight]map[string][][]delta.Cell) {
	if len(answers) == 0 {
		return
	}
	until := time.Now()
	for s, now := range a.stillAnswers() {
		if reflect.DeepEqual(answers[s], now) {
			s.calmly(calm{from: from, until: until, want: now})
		}
	}
}

// judgeAll is the verdict on all that was shown since the last one.
func (a *arena) judgeAll(t *testing.T) {
	conn, err := a.connect(context.Background())
	if err == nil {
		defer conn.Close(context.Background())
		err = a.judgeFrames(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	if wrong := a.judge.verdict(); len(wrong) > 0 {
		a.beaten = true
		t.Errorf("broken promises:\n%s", strings.Join(wrong, "\n"))
	}
}

// judgeFrames compares what the viewers were shown so far with the log, and with
// what the writers know.
func (a *arena) judgeFrames(conn *pgx.Conn) error {
	a.judgeRecords()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // what waits, and no more
	if _, err := conn.PgConn().Exec(context.Background(), shadowSchema).ReadAll(); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(context.Background(), `DROP TABLE pg_temp.acct, pg_temp.total`) }()
	if err := a.judge.work(ctx, conn); err != nil {
		return err
	}
	if err := a.judge.companions(conn); err != nil {
		return err
	}
	if _, _, err := a.judge.order(); err != nil {
		return err
	}
	return a.judge.honesty(context.Background(), conn)
}
