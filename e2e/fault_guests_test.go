package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// guests watches what the program's sessions are for the database: how many
// there are, and how long one keeps a snapshot, which is how long VACUUM cannot
// remove what is dead.
type guests struct {
	mu       sync.Mutex
	most     int
	longest  time.Duration // a transaction was open
	idle     time.Duration // one was open and nothing was asked
	snapshot time.Duration // one held a snapshot
}

// What the program promises: seven sessions for its pages, three for counts and
// exports, three that look after the bells, two that examine the database, and one
// that sees whether it is let in; and that the server ends on its own what is frozen.
const (
	mostGuests   = 16
	longestGuest = 10 * time.Second
	idleGuest    = 2*time.Second + 500*time.Millisecond
)

func (g *guests) run(ctx context.Context, a *arena) {
	var conn *pgx.Conn
	for ctx.Err() == nil {
		if conn = a.keep(ctx, conn); conn != nil {
			limited, cancel := context.WithTimeout(ctx, 10*time.Second)
			g.look(limited, conn)
			cancel()
		}
		sleep(ctx, 100*time.Millisecond)
	}
	if conn != nil {
		_ = conn.Close(context.Background())
	}
}

func (g *guests) look(ctx context.Context, conn *pgx.Conn) {
	const ask = `SELECT count(*), coalesce(max(clock_timestamp() - xact_start), '0'),
		coalesce(max(clock_timestamp() - state_change) FILTER (WHERE state LIKE 'idle in transaction%'), '0'),
		coalesce(max(clock_timestamp() - xact_start) FILTER (WHERE backend_xmin IS NOT NULL), '0')
		FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%'`
	var n int
	var longest, idle, snapshot time.Duration
	if err := conn.QueryRow(ctx, ask).Scan(&n, &longest, &idle, &snapshot); err != nil {
		return // the database is away
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most, g.longest = max(g.most, n), max(g.longest, longest)
	g.idle, g.snapshot = max(g.idle, idle), max(g.snapshot, snapshot)
}

func (g *guests) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most, g.longest, g.idle, g.snapshot = 0, 0, 0, 0
}

// judge checks what was seen since forget.
func (g *guests) judge(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most > mostGuests {
		t.Errorf("%d sessions of the program at once", g.most)
	}
	if g.longest > longestGuest {
		t.Errorf("a transaction of the program was open for %s", g.longest)
	}
	if g.idle > idleGuest {
		t.Errorf("a transaction of the program was idle for %s", g.idle)
	}
	t.Logf("%d sessions of the program at most, a snapshot held for %s at most, a transaction idle for %s",
		g.most, g.snapshot.Round(time.Millisecond), g.idle.Round(time.Millisecond))
}

// apart are the descriptors that are no line to the database: how many sessions there
// are is watched by itself, and an idle one that has ended is noticed when it is needed.
const apart = "descriptors apart from lines to the database"

// holdings are what has to come back: those figures, and [apart].
func (a *arena) holdings() map[string]float64 {
	a.Helper()
	now := a.resources()
	now[apart] = now["process_open_fds"] - a.linesToData()
	return now
}

// linesToData counts the program's sockets to the proxy before the database, where the
// system tells (Linux): elsewhere it does not count descriptors either.
func (a *arena) linesToData() (n float64) {
	mine := map[string]bool{}
	own, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", a.server.cmd.Process.Pid))
	for _, fd := range own {
		if name, err := os.Readlink(fd); err == nil {
			mine[name] = true
		}
	}
	_, port, _ := net.SplitHostPort(a.toData.Addr())
	to, _ := strconv.Atoi(port)
	all, _ := os.ReadFile("/proc/net/tcp")
	for _, line := range strings.Split(string(all), "\n") {
		f := strings.Fields(line)
		if len(f) > 9 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", to)) && mine["socket:["+f[9]+"]"] {
			n++
		}
	}
	return n
}
