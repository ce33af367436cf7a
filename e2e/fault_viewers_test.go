//go:build unix

package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/proxy"
)

// viewerTroubles are viewers that are no help.
func viewerTroubles() []trouble {
	return []trouble{
		{name: "never-reads", lasts: 4 * time.Second, inject: func(a *arena) func() { return a.deaf(10, "/d/oracle", 64<<10) }},
		{name: "a-thousand-never-read", lasts: 10 * time.Second, rare: true, inject: func(a *arena) func() { return a.deaf(1000, "/d/oracle", 64<<10) }},
		{name: "frozen-fleet", lasts: time.Second, rare: true, inject: frozenFleet},
		{name: "come-and-go", lasts: 3 * time.Second, inject: comeAndGo},
		{name: "one-reads-slowly", lasts: 3 * time.Second, inject: readsSlowly},
		{name: "all-come-back", lasts: time.Second, inject: func(a *arena) func() { return a.comeBack(300) }},
		{name: "two-thousand-come-back", lasts: time.Second, rare: true, inject: func(a *arena) func() { return a.comeBack(2000) }},
	}
}

// heave is what the memory of a program at work goes up and down by, whoever
// watches: what is not collected yet.
const heave = 32 << 20

// comeAndGo is a crowd that comes and leaves over and over, with what it shows. The
// database is asked as much as without it.
func comeAndGo(a *arena) func() {
	const statements = "rowcast_database_statements_total"
	rate := func(of func()) float64 {
		before, began := a.resources()[statements], time.Now()
		of()
		return (a.resources()[statements] - before) / time.Since(began).Seconds()
	}
	usual := rate(func() { sleep(a.Context(), time.Second) })
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var visits atomic.Int64
	for i := range 40 {
		r := rand.New(rand.NewPCG(a.random.Uint64(), uint64(i)))
		all.Go(func() {
			v := newViewer(a.sights[0].url, "/d/oracle")
			answered := func() {}
			v.said = func(m *delta.Message, s *delta.State) {
				a.judge.witness(m, s)
				if m.Type == delta.TypeStatus { // which ends an answer
					answered()
				}
			}
			for ctx.Err() == nil {
				// Most leave soon after the answer, some before it.
				soon := time.Duration(r.IntN(80)) * time.Millisecond
				stay, leave := context.WithTimeout(ctx, 10*time.Second)
				if r.IntN(4) == 0 {
					time.AfterFunc(soon, leave)
				}
				answered = sync.OnceFunc(func() {
					visits.Add(1)
					time.AfterFunc(soon, leave)
				})
				var broken violation
				if err := v.visit(stay, v.cursor(), nil); errors.As(err, &broken) {
					a.judge.accuse("%s: %v", v.page, err)
				}
				leave()
			}
		})
	}
	const long = 2 * time.Second
	crowded := rate(func() { sleep(a.Context(), long) })
	came := float64(visits.Load()) / long.Seconds()
	return func() {
		cancel()
		all.Wait()
		a.Logf("%.0f visits and %.0f statements a second, without them %.0f", came, crowded, usual)
		least := 40.0
		if raceDetector { // whose viewers are as many, and slower
			least = 5
		}
		if most := usual*1.2 + came/2; crowded > most || came < least { // one for each would be too many
			a.Errorf("%.0f statements a second, want %.0f at most, for %.0f visits", crowded, most, came)
		}
	}
}

// deaf lets so many watch a page that changes all the time, and never read. Each
// may cost that many bytes, beside what the program's memory goes up and down by.
func (a *arena) deaf(n int, page string, each float64) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	before := a.resources()["process_resident_memory_bytes"]
	var all, first sync.WaitGroup
	for range n {
		first.Add(1)
		all.Go(func() {
			come := sync.OnceFunc(first.Done)
			v := newViewer(a.sights[0].url, page)
			v.small = true
			for ctx.Err() == nil {
				ws, err := v.connect(ctx, "")
				come()
				if err == nil {
					sleep(ctx, 3*time.Second)
					_ = ws.CloseNow()
				}
			}
		})
	}
	first.Wait()
	return func() {
		cost := a.resources()["process_resident_memory_bytes"] - before
		a.Logf("%d viewers that do not read: %.0f KiB each", n, cost/1024/float64(n))
		if cost > heave+float64(n)*each && !raceDetector {
			a.Errorf("%d viewers that do not read cost %.0f MB", n, cost/1e6)
		}
		cancel()
		all.Wait()
	}
}

// readsSlowly is a viewer at 5 kB/s of a page that changes all the time. The
// others are told as soon as before, and it is shown the newest state less often.
func readsSlowly(a *arena) func() {
	line := a.proxy(strings.TrimSuffix(strings.TrimPrefix(a.server.URL, "http://"), "/"))
	line.Set(proxy.Faults{BytesPerSecond: 5000, Slice: 500})
	ctx, cancel := context.WithCancel(context.Background())
	slow := newViewer("http://"+line.Addr()+"/", "/d/oracle")
	slow.small = true
	slow.said = a.judge.witness
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			cursor := ""
			if screen, _, _ := slow.now(); screen != nil {
				cursor = screen.Cursor
			}
			err := slow.visit(ctx, cursor, nil)
			var broken violation
			if errors.As(err, &broken) {
				a.judge.accuse("slow viewer: %v", err)
				return
			}
			sleep(ctx, 50*time.Millisecond)
		}
	})
	fast := newViewer(a.sights[0].url, "/d/oracle")
	var mu sync.Mutex
	var delays []time.Duration
	answered := false // what comes first is an older snapshot and what followed it
	fast.said = func(m *delta.Message, s *delta.State) {
		a.judge.witness(m, s)
		answered = answered || m.Type == delta.TypeStatus
		if m.Type == delta.TypeDelta && answered {
			mu.Lock()
			delays = append(delays, time.Since(s.At))
			mu.Unlock()
		}
	}
	done.Go(func() { _ = fast.follow(ctx) })
	began := time.Now()
	return func() {
		cancel()
		done.Wait()
		_ = line.Close()
		slices.Sort(delays)
		if len(delays) < 10 {
			a.Fatalf("the page changed only %d times", len(delays))
		}
		median, worst := delays[len(delays)/2], delays[len(delays)*99/100]
		a.Logf("beside a viewer at 5 kB/s %d frames came %s after their snapshot at the median, %s at the 99th percentile; it was told %d times",
			len(delays), median.Round(time.Millisecond), worst.Round(time.Millisecond), slow.told)
		if most := 500*time.Millisecond + a.lateness.since(began); worst > most {
			a.Errorf("beside a slow viewer frames came up to %s late", worst)
		}
	}
}

// frozenFleet is a thousand viewers in a process that is stopped: their lines
// stand, and nobody is there. The program finds out by their silence.
func frozenFleet(a *arena) func() {
	const n = 1000
	self, err := os.Executable()
	if err != nil {
		a.Fatal(err)
	}
	before := a.resources()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("ROWCAST_FLEET=%s %s %d", a.server.URL, "/d/oracle", n))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		a.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		a.Fatalf("the fleet does not start: %v", err)
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	held := 0.0
	limit := 20*time.Second + a.lateness.since(stopped) // twice what a write is given: the kernel takes some first
	for now := a.resources(); now["rowcast_subscribers"] > before["rowcast_subscribers"]; now = a.resources() {
		held = max(held, now["process_resident_memory_bytes"]-before["process_resident_memory_bytes"])
		if time.Since(stopped) > limit {
			a.Errorf("%.0f viewers of a frozen fleet are kept after %s", now["rowcast_subscribers"]-before["rowcast_subscribers"], limit)
			break
		}
		sleep(a.Context(), 500*time.Millisecond)
	}
	a.Logf("%d frozen viewers were gone after %s; they cost %.0f KiB each at most", n, time.Since(stopped).Round(100*time.Millisecond), held/1024/n)
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// fleet opens viewers of a page for [frozenFleet], in a process of its own.
func fleet(asked string) error {
	var url, page string
	var n int
	if _, err := fmt.Sscan(asked, &url, &page, &n); err != nil {
		return err
	}
	var first, all sync.WaitGroup
	for range n {
		first.Add(1)
		all.Go(func() {
			come := sync.OnceFunc(first.Done)
			defer come()
			v := newViewer(url, page)
			v.small = true
			v.said = func(*delta.Message, *delta.State) { come() }
			_ = v.visit(context.Background(), "", nil)
		})
	}
	first.Wait()
	fmt.Println("open")
	all.Wait()
	return nil
}

// comeBack breaks the lines of so many viewers at the same moment. What is asked
// of the database does not grow with them.
func (a *arena) comeBack(n int) func() {
	c := a.crowd(n, "/d/stage")
	asked := a.scans("stage")
	cycles := a.resources()["rowcast_cycles_total"]
	before := a.resources()["process_resident_memory_bytes"]
	a.forgetPeak()
	began := time.Now()
	a.toViewer.Reset()
	c.back(a, began, 10*time.Second)
	cost := float64(peakMemory(a)) - before
	a.Logf("their return took %.0f MB at the most", cost/1e6)
	if cost > float64(heave+n*(64<<10)) && !raceDetector {
		a.Errorf("%d viewers who came back took %.0f MB", n, cost/1e6)
	}
	a.judgeReturn(c, began, asked)
	a.Logf("%.0f snapshots were taken for all pages", a.resources()["rowcast_cycles_total"]-cycles)
	return c.leave
}

// judgeReturn checks that the crowd came back spread over the time that it had,
// and that the database was asked for its page as if it were one viewer.
func (a *arena) judgeReturn(c *crowd, began time.Time, asked int) (peak, mean float64) {
	a.Helper()
	came := c.arrivals()
	const bucket = 250 * time.Millisecond
	count := map[time.Duration]float64{}
	for _, at := range came {
		b := at.Sub(began) / bucket
		count[b]++
		peak = max(peak, count[b])
	}
	took := slices.MaxFunc(came, time.Time.Compare).Sub(began)
	mean = float64(len(came)) / (float64(took)/float64(bucket) + 1)
	a.Logf("%d viewers were back within %s, at most %.0f in %s, %.0f on average", len(came), took.Round(10*time.Millisecond), peak, bucket, mean)
	sleep(a.Context(), 1200*time.Millisecond)        // sessions count what they read once a second
	most := 20 + int(20*time.Since(began).Seconds()) // a page that is written has 20 frames a second, whoever watches
	if n := a.scans("stage") - asked; n > most {
		a.Errorf("%d viewers came back and their table was read %d times, want %d at most", len(came), n, most)
	} else {
		a.Logf("their table was read %d times", n)
	}
	return peak, mean
}

// scans is how often a table was read from end to end, as its database counts.
func (a *arena) scans(table string) (n int) {
	a.Helper()
	conn, err := a.connect(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close(context.Background())
	const ask = `SELECT (seq_scan + coalesce(idx_scan, 0))::int FROM pg_stat_user_tables WHERE relname = $1`
	if err := conn.QueryRow(a.Context(), ask, table).Scan(&n); err != nil {
		a.Fatal(err)
	}
	return n
}

// crowd is many viewers of one page, who come back as browsers do.
type crowd struct {
	leave func()

	mu   sync.Mutex
	came []time.Time   // when each was told the page's status on its newest connection
	news chan struct{} // holds one where somebody came
}

// crowd lets so many watch a page. leave lets them go.
func (a *arena) crowd(n int, page string) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{came: make([]time.Time, n), news: make(chan struct{}, 1)}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			v := newViewer(a.sights[0].url, page)
			connected := false
			v.said = func(m *delta.Message, s *delta.State) {
				a.judge.witness(m, s)
				if m.Type == delta.TypeStatus && !connected {
					connected = true
					c.arrived(i)
				}
			}
			for attempt := 0; ctx.Err() == nil; attempt++ {
				cursor := ""
				if screen, _, _ := v.now(); screen != nil {
					cursor = screen.Cursor
				}
				connected = false
				if err := v.visit(ctx, cursor, nil); err != nil && strings.Contains(err.Error(), "a gap") {
					a.judge.accuse("crowd: %v", err)
				}
				if connected {
					attempt = 0
				}
				pause := v.bye()
				if pause == 0 { // as static/js/protocol.js does
					pause = time.Duration(float64(min(400*time.Millisecond<<min(attempt, 6), 4*time.Second)) * (0.5 + rand.Float64()/2))
				}
				sleep(ctx, pause)
			}
		})
	}
	c.leave = func() {
		cancel()
		all.Wait()
	}
	c.back(a, time.Time{}, 30*time.Second)
	return c
}

// back waits until everybody came after that moment.
func (c *crowd) back(a *arena, since time.Time, limit time.Duration) {
	a.Helper()
	deadline := time.After(limit + a.lateness.since(since))
	for {
		away := 0
		for _, at := range c.arrivals() {
			if !at.After(since) {
				away++
			}
		}
		if away == 0 {
			return
		}
		select {
		case <-c.news:
		case <-deadline:
			a.Errorf("%d of %d viewers did not come back within %s", away, len(c.came), limit)
			return
		}
	}
}

func (c *crowd) arrived(i int) {
	c.mu.Lock()
	c.came[i] = time.Now()
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *crowd) arrivals() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.came)
}
