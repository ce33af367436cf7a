package e2e_test

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// frozenTroubles stop processes of the database where they stand: their
// connections look open, and nothing comes.
func frozenTroubles() (all []trouble) {
	for _, role := range []string{"listen", "arm", "panels", "open"} {
		all = append(all, trouble{name: "frozen-" + role, despite: 8 * time.Second, inject: func(a *arena) func() {
			pids := a.backends(role)
			a.signal("STOP", pids)
			return func() { a.signal("CONT", pids) }
		}})
	}
	return append(all, trouble{name: "frozen-all", outage: true, stale: everywhere, lasts: 6 * time.Second, spoils: everywhere, inject: func(a *arena) func() {
		pids := append(a.backends("%"), a.database.PID())
		a.signal("STOP", pids)
		a.begins() // they are stopped one after the other
		return func() { a.signal("CONT", pids) }
	}})
}

// backends are the processes of the program's sessions of that role.
func (a *arena) backends(role string) []int {
	a.Helper()
	conn, err := a.connect(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(a.Context(), `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'rowcast/' || $1`, role)
	if err != nil {
		a.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		a.Fatal(err)
	}
	return pids
}

// signal tells processes; those that are gone were told by somebody else.
func (a *arena) signal(name string, pids []int) {
	for _, pid := range pids {
		_ = exec.Command("kill", "-"+name, strconv.Itoa(pid)).Run()
	}
}

// fullDisk lets the database's files grow no further, as on a full disk: it
// panics at its next write of the log, and cannot recover until there is room.
func fullDisk() []trouble {
	if runtime.GOOS != "linux" {
		return nil // nobody else limits a process that runs
	}
	return []trouble{{name: "disk-full", outage: true, stale: everywhere, lasts: 8 * time.Second, spoils: everywhere, inject: func(a *arena) func() {
		// Only the server's own account may limit its processes, so it does; it may
		// panic before the last of them is, and end this connection.
		if conn, err := a.connect(a.Context()); err == nil {
			_, _ = conn.Exec(a.Context(), fmt.Sprintf(`COPY (SELECT %d UNION ALL SELECT pid FROM pg_stat_activity)
				TO PROGRAM 'while read -r pid; do prlimit --pid $pid --fsize=65536:; done'`, a.database.PID()))
			_ = conn.Close(a.Context())
		}
		select {
		case <-a.database.Done():
			a.begins()
		case <-time.After(5 * time.Second):
			a.Error("the database goes on although its files cannot grow")
		}
		return func() {
			if err := a.database.Restart(a.Context(), "immediate"); err != nil {
				a.Fatal(err)
			}
		}
	}}}
}
