package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// pgbench is the path of PostgreSQL's own load.
func pgbench(tb testing.TB) string {
	tb.Helper()
	if dir, err := postgres.FindBinaries(); err == nil {
		if path := filepath.Join(dir, "pgbench"); exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			tb.Fatal("needs pgbench")
		}
		tb.Skip("needs pgbench")
	}
	return path
}

// branches is a dashboard of pgbench's tables. Every transaction of pgbench adds
// one amount to a branch and to the history, so the three agree in any snapshot.
var branches = []question{
	{id: "branches", query: `SELECT bid, bbalance FROM pgbench_branches ORDER BY bid`},
	{id: "sum", query: `SELECT sum(bbalance) FROM pgbench_branches`},
	{id: "history", query: `SELECT coalesce(sum(delta), 0) FROM pgbench_history`},
}

// A database that rowcast has never seen, under a load that knows nothing of it.
func TestStrangersDatabase(t *testing.T) {
	t.Parallel()
	scale := "1"
	if os.Getenv("ROWCAST_ORACLE") != "" {
		scale = "10"
	}
	load := pgbench(t)
	db := pgtest.New(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+howLong(t, 0))
	defer cancel()
	bench := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(ctx, load, append(args, db.URL)...).CombinedOutput()
		if err != nil {
			t.Fatalf("pgbench %v: %v\n%s", args, err, out)
		}
	}
	bench("-i", "-q", "-s", scale)
	server := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", "127.0.0.1:0", "--safety", "10m",
		"--dashboards", dashboards(t, map[string]string{"bank.yaml": yaml("Bank", branches...)}),
		"--watch", "public.pgbench_*")

	var frames atomic.Int64
	bank, accounts := newViewer(server.URL, "/d/bank"), newViewer(server.URL, "/t/public.pgbench_accounts")
	wrong := make(chan error, 1)
	bank.said = func(m *delta.Message, s *delta.State) {
		if m.Type != delta.TypeSnapshot && m.Type != delta.TypeDelta {
			return
		}
		frames.Add(1)
		if err := agree(s); err != nil {
			select {
			case wrong <- err:
			default:
			}
		}
	}
	var accountFrames atomic.Int64
	accounts.said = func(m *delta.Message, _ *delta.State) {
		if m.Type == delta.TypeDelta {
			accountFrames.Add(1)
		}
	}
	watch, leave := context.WithCancel(ctx)
	ended := make(chan error, 2)
	for _, v := range []*viewer{bank, accounts} {
		go func() { ended <- v.follow(watch) }()
	}
	defer func() {
		leave()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}()
	for _, v := range []*viewer{bank, accounts} {
		if err := v.until(ctx, func(_ *delta.State, s *delta.Status) bool { return s.State == "live" }); err != nil {
			t.Fatalf("%s does not become live: %v", v.page, err)
		}
	}
	seconds := howLong(t, 5*time.Second).Seconds()
	bench("-n", "-c", "4", "-T", strconv.Itoa(int(seconds)))
	stopped := time.Now()

	conn := db.Conn(t)
	const firstAccounts = `SELECT count(*) FROM pgbench_accounts WHERE abalance <> 0`
	for _, v := range []*viewer{bank, accounts} {
		quiet, cancel := context.WithTimeout(ctx, settled)
		err := v.until(quiet, func(s *delta.State, _ *delta.Status) bool {
			if v == bank {
				return right(ctx, conn, s)
			}
			return sameAccounts(ctx, conn, s) == nil
		})
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			s, _, _ := v.now()
			t.Errorf("%s is not right %s after the load: %v", v.page, time.Since(stopped), sameAccounts(ctx, conn, s))
		}
	}
	select {
	case err := <-wrong:
		t.Error(err)
	default:
	}
	var done, touched int
	if err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pgbench_history), (`+firstAccounts+`)`).Scan(&done, &touched); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transactions on %d accounts, %d frames of the bank and %d of the accounts, right %s after the load",
		done, touched, frames.Load(), accountFrames.Load(), time.Since(stopped).Round(time.Millisecond))
	if done < 100 || frames.Load() < 10 {
		t.Errorf("too little work to mean anything: %d transactions, %d frames", done, frames.Load())
	}
}

// agree checks that the panels tell of one moment.
func agree(s *delta.State) error {
	for _, q := range branches {
		if s.Panels[q.id] == nil {
			return nil // a page opens without what is slow
		}
	}
	var sum int64
	for _, r := range s.Panels["branches"].Rows {
		n, err := strconv.ParseInt(r.Cells[1].Text, 10, 64)
		if err != nil {
			return err
		}
		sum += n
	}
	for _, id := range []string{"sum", "history"} {
		if p := s.Panels[id]; p.Err == nil && p.At.IsZero() && p.Rows[0].Cells[0].Text != strconv.FormatInt(sum, 10) {
			return fmt.Errorf("cursor %s: the branches add up to %d, panel %s says %s", s.Cursor, sum, id, p.Rows[0].Cells[0].Text)
		}
	}
	return nil
}

func right(ctx context.Context, conn *pgx.Conn, s *delta.State) bool {
	for _, q := range branches {
		want, err := answerTo(ctx, conn.PgConn(), q)
		if err != nil || s.Panels[q.id] == nil || differ(q, s.Panels[q.id], want) != "" {
			return false
		}
	}
	return true
}

// sameAccounts checks every row that the table's page shows.
func sameAccounts(ctx context.Context, conn *pgx.Conn, s *delta.State) error {
	p := s.Panels["rows"]
	if p == nil {
		return nil
	}
	column := map[string]int{}
	for i, c := range p.Columns {
		column[c.Name] = i
	}
	want := map[string]string{}
	rows, err := conn.Query(ctx, `SELECT aid::text, abalance::text FROM pgbench_accounts WHERE abalance <> 0`)
	if err != nil {
		return err
	}
	var aid, balance string
	if _, err := pgx.ForEachRow(rows, []any{&aid, &balance}, func() error { want[aid] = balance; return nil }); err != nil {
		return err
	}
	if len(p.Rows) == 0 {
		return errors.New("no rows")
	}
	for _, r := range p.Rows {
		aid, got := r.Cells[column["aid"]].Text, r.Cells[column["abalance"]].Text
		should := want[aid]
		if should == "" {
			should = "0"
		}
		if got != should {
			return fmt.Errorf("account %s shows %s for %s", aid, got, should)
		}
	}
	return nil
}
