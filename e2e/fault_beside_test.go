//go:build unix

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// slowBeside makes one panel slow, by a function that it calls, and replaces that
// again: neither rings. Neither its page nor any other waits for it.
func slowBeside(a *arena) func() {
	const shout = `CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql STABLE AS `
	since := time.Now()
	a.exec(`SET ROLE `+servant, shout+`'SELECT upper($1) FROM pg_sleep(0.02)'`)
	ctx, cancel := context.WithTimeout(a.Context(), 10*time.Second)
	defer cancel()
	if err := a.of([]string{"/d/gallery"})[0].until(ctx, func(screen *delta.State, _ *delta.Status) bool { return !screen.Panels["loud"].At.IsZero() }); err != nil {
		a.Error("a slow panel is not read apart from the others")
	}
	a.Logf("a panel of 0.4 s is read apart from the others after %s", time.Since(since).Round(10*time.Millisecond))
	a.begins()
	return func() {
		a.judgeDelays("/d/till", since, 250*time.Millisecond, 2*time.Second) // before it was known, too
		a.judgeDelays("/d/till", a.began, 250*time.Millisecond, 750*time.Millisecond)
		a.judgeDelays("/d/gallery", a.began, 250*time.Millisecond, 750*time.Millisecond) // of what it shows beside the slow one
		a.exec(`SET ROLE `+servant, shout+`'SELECT upper($1)'`)
	}
}

// judgeDelays checks how soon a page showed what its writer committed since then: at
// the median, and at most.
func (a *arena) judgeDelays(page string, since time.Time, usual, most time.Duration) {
	a.Helper()
	for _, s := range a.of([]string{page}) {
		delays := s.delays(since)
		if len(delays) < 3 {
			a.Errorf("%s: only %d writes were seen on it", page, len(delays))
			continue
		}
		slices.Sort(delays)
		median, worst := delays[len(delays)/2], delays[len(delays)-1]
		a.Logf("%s showed %d writes after %s at the median, %s at most", page, len(delays), median.Round(time.Millisecond), worst.Round(time.Millisecond))
		if late := a.lateness.since(since); median > usual+late || worst > most+late {
			a.Errorf("%s showed writes only after %s at the median, %s at most", page, median, worst)
		}
	}
}

// delays are how long after it was committed each write since then was on the screen.
func (s *sight) delays(since time.Time) (all []time.Duration) {
	instants, _ := s.all()
	edits := slices.DeleteFunc(s.written.all(), func(e edit) bool { return e.began.Before(since) })
	for _, m := range instants {
		sees := s.sees(m.screen)
		if sees == nil {
			continue
		}
		for len(edits) > 0 && sees(edits[0].mark) {
			all = append(all, m.at.Sub(edits[0].acked))
			edits = edits[1:]
		}
	}
	return all
}

// fullTablespace puts a table where there is little room, and fills it: what the
// application writes there fails, what it writes elsewhere does not, and the database
// lives on.
func fullTablespace() []trouble {
	if !mayMount() {
		return nil // nobody else makes a small disk of memory
	}
	return []trouble{{name: "tablespace-full", lasts: 3 * time.Second, inject: func(a *arena) func() {
		small := a.smallDisk()
		a.exec(`TRUNCATE heap`, `CREATE TABLESPACE small OWNER `+servant+` LOCATION '`+small+`'`, `ALTER TABLE heap SET TABLESPACE small`) // what faults before left in it may be more than there is room for
		fill := func() error {
			conn, err := a.connect(a.Context())
			if err != nil {
				return err
			}
			defer conn.Close(a.Context())
			for range 1000 {
				if _, err := conn.Exec(a.Context(), `INSERT INTO heap (batch) SELECT 0 FROM generate_series(1, 10000)`, pgx.QueryExecModeSimpleProtocol); err != nil {
					return err
				}
			}
			return nil
		}
		for range 2 {
			var full *pgconn.PgError
			if err := fill(); !errors.As(err, &full) || full.Code != "53100" {
				a.Errorf("where no room is left a write ends with %v", err)
			}
		}
		a.begins()
		return func() {
			if err := fill(); err == nil {
				a.Error("there is room again, and nobody made it")
			}
			a.exec(`TRUNCATE heap`, `ALTER TABLE heap SET TABLESPACE pg_default`, `CHECKPOINT`, `DROP TABLESPACE small`)
			unmount(small)
		}
	}}}
}

// mayMount tells whether this process may mount file systems, as Linux says; root of
// a container mostly may not.
func mayMount() bool {
	const sysAdmin = 1 << 21
	text, _ := os.ReadFile("/proc/self/status") // there is none elsewhere
	_, line, _ := strings.Cut(string(text), "CapEff:")
	var may uint64
	_, err := fmt.Sscanf(strings.TrimSpace(line), "%x", &may)
	return err == nil && may&sysAdmin != 0
}

func unmount(dir string) { _ = exec.Command("umount", "--lazy", dir).Run() }

// smallDisk is a folder of the database's account with room for 8 MB.
func (a *arena) smallDisk() string {
	a.Helper()
	dir := filepath.Join(a.database.Dir(), "small")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		a.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "rowcast-test", dir).CombinedOutput(); err != nil {
		a.Fatalf("mount: %v\n%s", err, out)
	}
	a.Cleanup(func() { unmount(dir) })
	of, err := os.Stat(filepath.Join(a.database.Dir(), "data"))
	if err != nil {
		a.Fatal(err)
	}
	owner := of.Sys().(*syscall.Stat_t)
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		a.Fatal(err)
	}
	return strings.ReplaceAll(dir, "'", "''")
}
