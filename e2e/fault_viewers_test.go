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
		{name: "stands-still", lasts: 3 * time.Second, inject: func(a *arena) func() { return a.standsStill(false) }},
		{name: "stands-still-for-a-minute", lasts: time.Minute, rare: true, inject: func(a *arena) func() { return a.standsStill(true) }},
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
// others are told as soon as before; it counts as slow, is shown the newest state
// less often, and is right soon when its line is.
func readsSlowly(a *arena) func() {
	line := a.proxy(strings.TrimSuffix(strings.TrimPrefix(a.server.URL, "http://"), "/"))
	line.Set(proxy.Faults{BytesPerSecond: 5000, Slice: 500})
	ctx, cancel := context.WithCancel(context.Background())
	slow := newViewer("http://"+line.Addr()+"/", "/d/oracle")
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
	if err := await(a.Context(), 3*time.Second, func() bool { return a.resources()["rowcast_slow_viewers"] > 0 }); err != nil {
		a.Error("nobody counts as slow")
	}
	return func() {
		line.Heal()
		a.caughtUp(slow, time.Now())
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

// standsStill is a viewer that reads nothing for a while, as one whose process is
// stopped, and goes on where it was: with its socket, or with its cursor where the
// server gave it up. What it then reads is older and older news, and leads to the
// newest.
func (a *arena) standsStill(dropped bool) func() {
	before := a.resources()["rowcast_subscribers"]
	ctx, cancel := context.WithCancel(context.Background())
	var still sync.Mutex // held while it stands still
	v := newViewer(a.sights[0].url, "/d/oracle")
	v.said = a.judge.witness
	visits := 0
	var done sync.WaitGroup
	done.Go(func() {
		for ; ctx.Err() == nil; visits++ {
			err := v.visit(ctx, v.cursor(), func() { still.Lock(); defer still.Unlock() })
			var broken violation
			if errors.As(err, &broken) {
				a.judge.accuse("one that stood still: %v", err)
				return
			}
			sleep(ctx, 50*time.Millisecond)
		}
	})
	limited, enough := context.WithTimeout(a.Context(), 10*time.Second)
	defer enough()
	if err := v.until(limited, func(_ *delta.State, status *delta.Status) bool { return status.State == "live" }); err != nil {
		a.Fatalf("the viewer does not see the page: %v", err)
	}
	still.Lock()
	return func() {
		if now := a.resources()["rowcast_subscribers"]; dropped && now > before {
			a.Errorf("%.0f viewers that stand still are kept", now-before)
		}
		still.Unlock()
		a.caughtUp(v, time.Now())
		cancel()
		done.Wait()
		if dropped != (visits > 1) {
			a.Errorf("one that stood still came %d times", visits)
		}
	}
}

// caughtUp waits for a viewer to be live, while the writers work, with what was read
// after its own trouble had ended.
func (a *arena) caughtUp(v *viewer, healed time.Time) {
	a.Helper()
	limited, cancel := context.WithTimeout(a.Context(), rightWithin+10*time.Second)
	defer cancel()
	err := v.until(limited, func(screen *delta.State, status *delta.Status) bool {
		return status.State == "live" && screen.At.After(healed)
	})
	if took := time.Since(healed); err != nil || took > rightWithin+a.lateness.since(healed) {
		a.Errorf("it was right only %s after its line was: %v", took.Round(10*time.Millisecond), err)
	} else {
		a.Logf("it was right %s after its line was", took.Round(10*time.Millisecond))
	}
}

// await asks again and again until it is so.
func await(ctx context.Context, limit time.Duration, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !so() {
		if sleep(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
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
	limit := 30*time.Second + a.lateness.since(stopped) // ten after the kernel took its last 16 KiB
	for now := a.resources(); now["rowcast_subscribers"] > before["rowcast_subscribers"]; now = a.resources() {
		held = max(held, now["process_resident_memory_bytes"]-before["process_resident_memory_bytes"])
		if time.Since(stopped) > limit {
			a.Errorf("%.0f viewers of a frozen fleet are kept after %s", now["rowcast_subscribers"]-before["rowcast_subscribers"], limit)
			break
		}
		sleep(a.Context(), 500*time.Millisecond)
	}
	a.Logf("%d frozen viewers were gone after %s; they cost %.0f KiB each at most", n, time.Since(stopped).Round(100*time.Millisecond), held/1024/n)
	if held > heave+n*(64<<10) && !raceDetector {
		a.Errorf("%d frozen viewers cost %.0f MB", n, held/1e6)
	}
	grew, gone := 0.0, time.Now()
	if await(a.Context(), 15*time.Second, func() bool { grew = a.resources()[lives] - before[lives]; return grew < heave/2 }) != nil && !raceDetector {
		a.Errorf("%.0f MB of %d frozen viewers are alive after they are gone", grew/2e6, n)
	}
	a.Logf("%.1f MB more than before were alive %s later", grew/2e6, time.Since(gone).Round(time.Second))
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
