package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// seed is ROWCAST_SEED or drawn, and printed.
func seed(tb testing.TB) uint64 {
	tb.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			tb.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	tb.Logf("ROWCAST_SEED=%d", n)
	return n
}

// howLong is ROWCAST_ORACLE, such as 10m, or the short time.
func howLong(tb testing.TB, short time.Duration) time.Duration {
	tb.Helper()
	text := os.Getenv("ROWCAST_ORACLE")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		tb.Fatalf("ROWCAST_ORACLE: %v", err)
	}
	return d
}

// world is the oracle's tables, the program that serves them, and a judge.
type world struct {
	testing.TB
	db      *pgtest.DB
	server  *process
	judge   *judge
	random  *rand.Rand
	problem chan error // of the test itself
}

// newWorld makes the tables and starts the program on them. With a flaw it is
// the build that has it.
func newWorld(tb testing.TB, n uint64, flaw string) *world {
	tb.Helper()
	w := &world{TB: tb, judge: newJudge(), random: rand.New(rand.NewPCG(n, 1)), problem: make(chan error, 16)}
	w.db = pgtest.New(tb)
	w.db.Script(tb, oracleSchema)
	dir := dashboards(tb, map[string]string{
		"oracle.yaml": yaml("Oracle", stormy()...),
		"quiet.yaml":  yaml("Quiet", questions...),
	})
	var path string
	var env []string
	if flaw == "" {
		path = binary(tb)
	} else {
		path, env = binary(tb, "flaws"), []string{"ROWCAST_FLAW=" + flaw}
	}
	// The safety refresh must not heal what the bell missed.
	w.server = start(tb, path, env, "serve", "--database-url", w.db.URL, "--listen", "127.0.0.1:0",
		"--dashboards", dir, "--watch", "auto", "--safety", "10m")
	return w
}

// report ends the run where the test itself could not go on.
func (w *world) report(err error) {
	if err == nil {
		return
	}
	var broken violation
	if errors.As(err, &broken) {
		w.judge.accuse("%s", broken)
		return
	}
	select {
	case w.problem <- err:
	default:
	}
}

// conn opens a connection that the world closes.
func (w *world) conn() *pgx.Conn { return w.db.Conn(w.TB) }

// storm lets writers, viewers and faults loose for so long, or until something
// is found wrong.
func (w *world) storm(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	judging, done := context.WithCancel(context.Background())
	defer done()
	var actors, court sync.WaitGroup

	shadow := w.conn()
	if _, err := shadow.PgConn().Exec(ctx, shadowSchema).ReadAll(); err != nil {
		w.Fatal(err)
	}
	court.Go(func() { w.report(w.judge.work(judging, shadow)) })
	for n := range 5 {
		wr := &writer{number: n + 1, conn: w.conn(), judge: w.judge, random: rand.New(rand.NewPCG(w.random.Uint64(), 2))}
		actors.Go(func() { w.report(wr.run(ctx, 20*time.Millisecond)) })
	}
	actors.Go(func() { w.report(w.steady(ctx)) })
	for range 3 {
		r := rand.New(rand.NewPCG(w.random.Uint64(), 3))
		actors.Go(func() { w.report(w.restless(ctx, r)) })
	}
	for _, small := range []bool{true, false} {
		r := rand.New(rand.NewPCG(w.random.Uint64(), 4))
		actors.Go(func() { w.report(w.sluggish(ctx, r, small)) })
	}
	killer, r := w.conn(), rand.New(rand.NewPCG(w.random.Uint64(), 5))
	actors.Go(func() { w.report(w.nemesis(ctx, killer, r)) })

	select {
	case <-ctx.Done():
	case <-w.judge.spoiled:
		cancel()
	case err := <-w.problem:
		w.problem <- err
		cancel()
	}
	actors.Wait()
	done()
	court.Wait()
	select {
	case err := <-w.problem:
		w.Fatal(err)
	default:
	}
}

func (w *world) page(name string) *viewer {
	v := newViewer(w.server.URL, "/d/"+name)
	v.said = w.judge.witness
	return v
}

// steady watches all the time, so that the page stays.
func (w *world) steady(ctx context.Context) error { return w.page("oracle").follow(ctx) }

// sluggish reads more slowly than frames come: once the kernel's buffers are
// full, which are small or not, it falls behind.
func (w *world) sluggish(ctx context.Context, r *rand.Rand, small bool) error {
	v := w.page("oracle")
	v.small = small
	for ctx.Err() == nil {
		err := v.visit(ctx, "", func() { sleep(ctx, time.Duration(r.Int64N(int64(500*time.Millisecond)))) })
		var broken violation
		if errors.As(err, &broken) {
			return fmt.Errorf("slow viewer: %w", err)
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

// restless comes and goes, mostly with the cursor that it has.
func (w *world) restless(ctx context.Context, r *rand.Rand) error {
	v := w.page("oracle")
	for ctx.Err() == nil {
		cursor, resumed := "", false
		if s, _, _ := v.now(); s != nil {
			cursor, resumed = s.Cursor, true
		}
		switch r.IntN(10) {
		case 0:
			cursor, resumed = "", false
		case 1:
			cursor, resumed = "never:1", false
		}
		visit, leave := context.WithTimeout(ctx, 50*time.Millisecond+time.Duration(r.Int64N(int64(1500*time.Millisecond))))
		first := true
		v.said = func(m *delta.Message, s *delta.State) {
			if first && m.Type == delta.TypeDelta {
				if resumed {
					w.judge.resumes.Add(1)
				}
			}
			first = first && m.Type != delta.TypeDelta && m.Type != delta.TypeSnapshot
			w.judge.witness(m, s)
		}
		err := v.visit(visit, cursor, nil)
		leave()
		var broken violation
		if errors.As(err, &broken) {
			return fmt.Errorf("restless viewer: %w", err)
		}
		sleep(ctx, time.Duration(r.Int64N(int64(400*time.Millisecond))))
	}
	return nil
}

// kill ends the program's sessions of these roles; each with this chance.
func (w *world) kill(ctx context.Context, conn *pgx.Conn, chance float64, roles ...string) error {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = "rowcast/" + r
	}
	var killed int64
	err := conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'rowcast/%' AND random() < $1
		AND (cardinality($2::text[]) = 0 OR application_name = ANY ($2))`, chance, names).Scan(&killed)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("nemesis: %w", err)
	}
	w.judge.faults.Add(killed)
	return nil
}

// nemesis kills the program's sessions now and then.
func (w *world) nemesis(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	for {
		sleep(ctx, 300*time.Millisecond+time.Duration(r.Int64N(int64(2*time.Second))))
		if ctx.Err() != nil {
			return nil
		}
		var roles []string
		switch r.IntN(4) {
		case 0:
			roles = []string{"panels", "open"}
		case 1:
			roles = []string{"listen"}
		case 2:
			roles = []string{"arm"}
		}
		if err := w.kill(ctx, conn, 0.7, roles...); err != nil {
			return err
		}
	}
}

func TestOracle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, seed(t), "")
	w.storm(howLong(t, 12*time.Second))
	j := w.judge
	snapshots, epochs, err := j.order()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.honesty(context.Background(), w.conn()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commits, %d aborts, %d frames of %d snapshots in %d epochs, %d resumes, %d claims of live (%d distinct), %d faults, %d panels or pages outside of the cut",
		len(j.commits), j.aborts.Load(), j.frames.Load(), snapshots, epochs, j.resumes.Load(), j.statuses.Load(), len(j.claims), j.faults.Load(), j.marked.Load())
	if wrong := j.verdict(); len(wrong) > 0 {
		t.Fatalf("broken promises:\n%s", strings.Join(wrong, "\n"))
	}
	for _, least := range []struct {
		what      string
		got, want int
	}{
		{"commits", len(j.commits), 100},
		{"aborts", int(j.aborts.Load()), 10},
		{"frames", int(j.frames.Load()), 75},
		{"snapshots", snapshots, 20},
		{"resumes", int(j.resumes.Load()), 3},
		{"claims of live", len(j.claims), 5},
		{"faults", int(j.faults.Load()), 3},
	} {
		if least.got < least.want {
			t.Errorf("too little work to mean anything: %d %s, want %d", least.got, least.what, least.want)
		}
	}
	if epochs != 1 {
		t.Errorf("%d epochs, though the page was watched all the time", epochs)
	}
	if most := len(j.states) / 2; int(j.marked.Load()) > most {
		t.Errorf("%d panels or pages outside of the cut", j.marked.Load())
	}
}
