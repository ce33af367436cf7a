package live_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// burn keeps a core busy for some tenths of a second for each million.
func burn(rows int) string {
	return fmt.Sprintf(`SELECT g %% 10, count(*), (SELECT v FROM b) FROM generate_series(1, %d) g GROUP BY 1 ORDER BY 1`, rows)
}

// spent is the CPU that all sessions have used which read panels.
func (b *bench) spent() time.Duration {
	b.Helper()
	rows, err := b.conn.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name IN ('rowcast/open', 'rowcast/panels', 'rowcast/slow')`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var ticks int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			b.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] { // in user mode, and for it in the kernel
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Heavy queries that keep a core busy have a tenth of it each from their page's opening
// on, and what stands beside them, on their page and on others, never waits for them.
func TestHeavyPanelsFromTheirOpeningOn(t *testing.T) {
	b := start(t, accounts)
	alone := b.view(page("/d/alone", panel("a", "SELECT v FROM a")))
	alone.until("live", func() bool { return alone.is("live") })
	n := 0
	// change writes all tables, and tells after how long both pages show it.
	change := func(viewers ...*viewer) (late time.Duration) {
		n++
		b.exec(fmt.Sprintf("UPDATE a SET v = %[1]d; UPDATE b SET v = %[1]d", n))
		began := time.Now()
		for _, v := range viewers {
			v.until("the light panel", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(n) })
			late = max(late, time.Since(began))
		}
		return late
	}
	var without []time.Duration
	began, spent := time.Now(), b.spent()
	for time.Since(began) < time.Second {
		without = append(without, change(alone))
	}
	light := float64(b.spent()-spent) / float64(time.Since(began))

	began, spent = time.Now(), b.spent()
	heavy := []string{"long", "short"}
	v := b.view(page("/d/x", panel("long", burn(1500000)), panel("a", "SELECT v FROM a"), panel("short", burn(200000))))
	v.until("the light panel", func() bool { return v.cell("a", 0, 0) == fmt.Sprint(n) })
	opened := time.Since(began)
	var late []time.Duration
	for time.Since(began) < 4*time.Second {
		late = append(late, change(v, alone))
	}
	lasted, used := time.Since(began), b.spent()-spent
	most := time.Duration(light * float64(lasted))
	for _, id := range heavy {
		v.until("it is apart", func() bool { return v.apart(id) })
		// A tenth; what its page may wait for in vain, and run up before it parts; the run under way.
		most += lasted/10 + 100*time.Millisecond + v.state.Panels[id].Every/10
	}
	slices.Sort(without)
	slices.Sort(late)
	p99 := late[len(late)*99/100]
	t.Logf("opened after %s; late %s at the median (%s without the heavy ones), %s at p99, %s at most; %.1f %% of a core for two, %s in %s of at most %s",
		opened, late[len(late)/2], without[len(without)/2], p99, late[len(late)-1], 100*used.Seconds()/lasted.Seconds(), used, lasted, most)
	if opened > 500*time.Millisecond {
		t.Errorf("the light panel beside heavy ones was shown after %s", opened)
	}
	if worst := late[len(late)-1]; worst > 350*time.Millisecond {
		t.Errorf("the light panels were %s late", worst)
	}
	if used > most {
		t.Errorf("the heavy panels used %s of a core's %s, want %s at most", used, lasted, most)
	}
	for _, id := range heavy { // the trailing edge
		v.until("the last write", func() bool { return v.cell(id, 0, 2) == fmt.Sprint(n) })
	}
}
