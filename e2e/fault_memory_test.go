//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// vastYAML is a page of megabytes that change and do not compress, and of one
// value that is far too large.
const vastYAML = `title: Vast
panels:
  - {id: down, type: table, query: 'SELECT id, word FROM vast ORDER BY id', limit: 1000}
  - {id: up, type: table, query: 'SELECT id, word FROM vast ORDER BY id DESC', limit: 1000}
  - {id: blob, type: table, query: 'SELECT word FROM blob'}
`

// What the program is told it may use, and what it may ever have used.
const (
	memoryLimit = "100MiB"
	mostMemory  = 160 << 20
)

// shortOfMemory starts the program anew with little memory to spare, and lets
// many watch a page of 3 MB that changes all the time and has a value of 50 MB;
// half of them never read.
func shortOfMemory(a *arena) func() {
	a.exec(`SET ROLE `+servant, `CREATE TABLE vast (id int PRIMARY KEY, word text)`,
		`CREATE TABLE blob (word text)`, `INSERT INTO blob VALUES (repeat('x', 50000000))`,
		`INSERT INTO vast SELECT i, (SELECT string_agg(md5(i::text || '.' || j), '') FROM generate_series(1, 50) j) FROM generate_series(1, 1000) i`)
	a.watch("public.vast")
	a.watch("public.blob")
	file := filepath.Join(a.folder, "vast.yaml")
	if err := os.WriteFile(file, []byte(vastYAML), 0o644); err != nil {
		a.Fatal(err)
	}
	a.server.finish(a.TB)
	a.restart("GOMEMLIMIT=" + memoryLimit)
	end := a.meanwhile(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE vast SET word = reverse(word)`)
		sleep(ctx, time.Second)
		return err
	})
	readers := a.crowd(30, "/d/vast")
	leave := a.deaf(30, "/d/vast", 3<<20)
	return func() {
		most := peakMemory(a)
		a.Logf("with a limit of %s the program used %d MB at the most", memoryLimit, most>>20)
		if most > mostMemory && !raceDetector {
			a.Errorf("with a limit of %s the program used %d MB", memoryLimit, most>>20)
		}
		leave()
		readers.leave()
		end()
		a.server.finish(a.TB)
		if err := os.Remove(file); err != nil {
			a.Error(err)
		}
		a.exec(`DROP TABLE vast, blob`)
		a.restart()
	}
}

// outOfMemory has the system give the program no more memory, when it has just begun
// and needs some: Go ends it. It is started again.
func outOfMemory(a *arena) func() {
	a.server.finish(a.TB)
	a.restart()
	old := a.server
	if out, err := exec.Command("prlimit", "--pid", strconv.Itoa(old.cmd.Process.Pid), "--data=1:").CombinedOutput(); err != nil {
		a.Fatalf("limit the program's memory: %v\n%s", err, out)
	}
	a.exec(`UPDATE stage SET word = repeat('x', 30000000) WHERE id = 1`)
	select {
	case <-old.ended:
	case <-time.After(10 * time.Second):
		a.Fatal("the program goes on although it gets no memory")
	}
	if code := old.cmd.ProcessState.ExitCode(); code != 2 { // which is Go's
		a.Errorf("the program ended with %d, %v", code, old.err)
	}
	return func() {
		a.exec(`UPDATE stage SET word = 'word 1' WHERE id = 1`)
		a.restart()
	}
}

// forgetPeak has peakMemory begin anew, where the system can do that.
func (a *arena) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", a.server.cmd.Process.Pid), []byte("5"), 0)
}

// peakMemory is what the program ever had in memory at the same moment, or since
// that was forgotten.
func peakMemory(a *arena) (most int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.server.cmd.Process.Pid))
	if err != nil { // not everywhere is that told
		return int(a.resources()["process_resident_memory_bytes"])
	}
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(line, &most); err != nil {
		a.Fatal(err)
	}
	return most << 10
}
