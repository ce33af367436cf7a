//go:build unix

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// programTroubles are those of the program itself.
func programTroubles() []trouble {
	all := []trouble{
		{name: "terminated", inject: func(a *arena) func() { return a.terminated(200) }},
		{name: "terminated-before-five-hundred", rare: true, inject: func(a *arena) func() { return a.terminated(500) }},
		{name: "terminated-before-two-thousand", rare: true, inject: func(a *arena) func() { return a.terminated(2000) }},
		{name: "killed", lasts: time.Second, inject: killed},
		{name: "starved", lasts: 3 * time.Second, inject: starved},
		{name: "misconfigured", lasts: time.Second, inject: misconfigured},
		{name: "short-of-memory", lasts: 15 * time.Second, rare: true, inject: shortOfMemory},
		{name: "given-too-much", lasts: time.Second, spoils: []string{"/d/stage"}, inject: givenTooMuch},
	}
	if runtime.GOOS == "linux" { // nobody else limits a process that runs
		all = append(all, trouble{name: "out-of-memory", lasts: time.Second, rare: true, spoils: []string{"/d/stage"}, inject: outOfMemory})
	}
	return all
}

// terminated tells the program to stop while so many watch, as a deploy does, and
// starts it again. Everybody is told when to come back, no two at the same moment.
func (a *arena) terminated(n int) func() {
	c := a.crowd(n, "/d/stage")
	began := time.Now()
	old := a.server
	_ = old.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-old.ended:
		if old.err != nil {
			a.Errorf("the program ended with %v\n%s", old.err, old.tail())
		}
	case <-time.After(10*time.Second + a.lateness.since(began)):
		a.Fatalf("the program did not end within 10 s\n%s", old.tail())
	}
	a.Logf("gone %s after it was told to", time.Since(began).Round(time.Millisecond))
	_ = a.sessionsEnd().Close(a.Context()) // as it ends, a session tells what it has read, before this fault too
	asked := a.scans("stage")
	a.restart()
	a.Logf("serving again %s after it was told to stop", time.Since(began).Round(10*time.Millisecond))
	c.back(a, began, rightWithin)
	if peak, mean := a.judgeReturn(c, began, asked, n*95/100); peak > max(4*mean, float64(n)/3) {
		a.Errorf("%.0f viewers came back in the same moment, %.0f on average", peak, mean)
	}
	return c.leave
}

// restart starts the program in the place of the one that is gone.
func (a *arena) restart(env ...string) {
	a.server = begin(a.TB, binary(a.TB), env, a.flags...)
	a.server.serves(a.TB)
	a.toViewer.Redirect(strings.TrimSuffix(strings.TrimPrefix(a.server.URL, "http://"), "/"))
}

// killed ends the program without a word, under load. Nothing of it stays in the
// database, and nothing that it knew is believed afterwards.
func killed(a *arena) func() {
	a.server.kill()
	began := time.Now()
	conn := a.sessionsEnd()
	defer conn.Close(context.Background())
	var held int // by the program: writers that go by a bell share its key
	if err := conn.QueryRow(a.Context(), `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'`).Scan(&held); err != nil || held > 0 {
		a.Errorf("%d advisory locks are held after the program was killed, %v", held, err)
	}
	a.Logf("its sessions and locks were gone %s after the kill", time.Since(began).Round(10*time.Millisecond))
	return func() { a.restart() }
}

// sessionsEnd waits until the program that is gone has no session left, which takes a
// second at most, and returns the connection by which it asked.
func (a *arena) sessionsEnd() *pgx.Conn {
	a.Helper()
	const ours = `SELECT count(*)::int FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%'`
	conn, err := a.connect(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	began := time.Now()
	for left := 1; left > 0; sleep(a.Context(), 10*time.Millisecond) {
		if err := conn.QueryRow(a.Context(), ours).Scan(&left); err != nil {
			a.Fatal(err)
		}
		if time.Since(began) > time.Second+a.lateness.since(began) {
			a.Fatalf("%d sessions of the program that is gone are left", left)
		}
	}
	return conn
}

// starved gives the program a quarter of one moment after the other, as a
// machine without a processor to spare does. No viewer may lose its connection.
func starved(a *arena) func() {
	made, pid := a.toViewer.Total(), a.server.cmd.Process
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			_ = pid.Signal(syscall.SIGSTOP)
			sleep(ctx, 75*time.Millisecond)
			_ = pid.Signal(syscall.SIGCONT)
			sleep(ctx, 25*time.Millisecond)
		}
	})
	return func() {
		cancel()
		done.Wait()
		if n := a.toViewer.Total() - made; n > 0 {
			a.Errorf("%d viewers lost their connection", n)
		}
	}
}

// misconfigured saves a dashboard with a mistake in it. Its page goes on as it
// was, and who loads it is told where the mistake is.
func misconfigured(a *arena) func() {
	file := filepath.Join(a.folder, "stage.yaml")
	good, err := os.ReadFile(file)
	if err != nil {
		a.Fatal(err)
	}
	save := func(text []byte) {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			a.Fatal(err)
		}
	}
	save([]byte(strings.Replace(string(good), "type: table", "type: tabel", 1)))
	a.exec(`UPDATE stage SET n = n + 1`)
	told := func(what string, ok func(body string) bool) {
		for deadline := time.Now().Add(10 * time.Second); ; sleep(a.Context(), 20*time.Millisecond) {
			body, err := bodyOf(a.Context(), a.server.URL+"d/stage")
			if err == nil && ok(string(body)) {
				return
			}
			if time.Now().After(deadline) {
				a.Fatalf("the page does not say %s: %v, %.300s", what, err, body)
			}
		}
	}
	told("where the mistake is", func(body string) bool { return strings.Contains(body, "stage.yaml") && strings.Contains(body, "tabel") })
	return func() {
		for _, s := range a.of([]string{"/d/stage"}) {
			if _, status, _ := s.now(); status.State != "live" {
				a.Errorf("%s is %s because of a mistake in its file", s.page, status.State)
			}
		}
		save(good)
		told("that it is mended", func(body string) bool { return !strings.Contains(body, "tabel") })
	}
}

// givenTooMuch puts 30 MB into one value of a watched table. Its panels say that
// it is too much; the program does not hold it.
func givenTooMuch(a *arena) func() {
	before := a.resources()["process_resident_memory_bytes"]
	a.exec(`UPDATE stage SET word = repeat('x', 30000000) WHERE id = 1`)
	ctx, cancel := context.WithTimeout(a.Context(), 10*time.Second)
	defer cancel()
	for _, s := range a.of([]string{"/d/stage"}) {
		err := s.until(ctx, func(screen *delta.State, _ *delta.Status) bool {
			p := screen.Panels["words"]
			return p != nil && p.Err != nil && p.Err.Code == "too_large"
		})
		if err != nil {
			screen, _, _ := s.now()
			a.Errorf("a panel with a value of 30 MB does not say that it is too large: %+v", screen.Panels["words"].Err)
		}
	}
	after := a.resources()["process_resident_memory_bytes"]
	a.Logf("the program grew from %.0f to %.0f MB", before/1e6, after/1e6)
	if after-before > 30e6 && !raceDetector {
		a.Errorf("the program grew by %.0f MB", (after-before)/1e6)
	}
	return func() { a.exec(`UPDATE stage SET word = 'word 1' WHERE id = 1`) }
}
