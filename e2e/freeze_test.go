//go:build unix

package e2e_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// A server that is frozen, by a debugger, a stopped container or a machine that
// is out of memory, must not hold the database's locks: its sessions limit
// themselves, and PostgreSQL ends them.
func TestFrozenServerHoldsNoLocks(t *testing.T) {
	t.Parallel()
	const calm = `SELECT id, word FROM readings ORDER BY id`
	const slow = `SELECT id, word, pg_sleep(0.1) FROM readings ORDER BY id`
	program := binary(t)
	tcp := pgtest.Server(t, nil, pgtest.TCP())
	all := newCrew(t, 6) // they wait for PostgreSQL's own limits
	defer all.wait()
	for _, moment := range []struct {
		name, query string
		come        func(*frozen)
	}{
		{"idle", calm, nil},
		{"armed", calm, (*frozen).armed},
		{"in a cycle", slow, (*frozen).reading},
	} {
		all.run("unix socket, "+moment.name, func(t *testing.T) {
			db := pgtest.New(t)
			if !strings.Contains(db.URL, "host=%2F") {
				if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
					t.Fatal("needs a PostgreSQL with a unix socket")
				}
				t.Skip("this PostgreSQL has no unix socket here")
			}
			testFrozen(t, program, db.URL, moment.query, moment.come, nil)
		})
		all.run("TCP, "+moment.name, func(t *testing.T) {
			name := "frozen_" + strings.ReplaceAll(moment.name, " ", "_")
			conn := pgtest.Connect(t, tcp.URL())
			if _, err := conn.Exec(t.Context(), `CREATE DATABASE `+name); err != nil {
				t.Fatal(err)
			}
			testFrozen(t, program, tcp.DatabaseURL(name), moment.query, moment.come, (*frozen).flood)
		})
	}
}

// limit is how long a frozen server may hold anything.
const limit = 10 * time.Second

// testFrozen stops the server at a moment that come waits for; without one,
// before anybody has looked at a page. Then more happens to it, if there is more.
func testFrozen(t *testing.T, program, database, query string, come, more func(*frozen)) {
	f := &frozen{T: t, conn: pgtest.Connect(t, database)}
	f.exec(`CREATE TABLE readings (id int PRIMARY KEY, word text NOT NULL)`)
	f.exec(`INSERT INTO readings VALUES (1, 'before')`)
	server := startFreezable(t, program, database, query)
	var page *onlooker
	if come != nil {
		page = lookOn(t, server.url, "/d/frozen")
		page.until("a live page", func(s *delta.State, live time.Time) bool { return !live.IsZero() && shows(s, "before") })
		come(f)
	} else {
		f.await("the server's slot", `SELECT count(*)`+ours+` AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted`)
	}
	server.signal(syscall.SIGSTOP)
	stopped, slowest := time.Now(), time.Duration(0)
	if n := f.locks(); n == 0 {
		t.Error("the server held no lock when it was stopped: the test tests nothing")
	}
	if more != nil {
		if f.count(listening) != 1 {
			t.Error("no session is to be told anything: the test tests nothing")
		}
		more(f)
	}
	for n := f.locks(); n > 0; n = f.locks() {
		if time.Since(stopped) > limit {
			t.Fatalf("%d locks are held %s after the server was stopped: %s", n, limit, f.holders())
		}
		slowest = max(slowest, f.timed(`UPDATE readings SET word = word`))
		f.pause(20 * time.Millisecond)
	}
	t.Logf("no lock %s after the server was stopped; no write took longer than %s",
		time.Since(stopped).Round(100*time.Millisecond), slowest.Round(time.Millisecond))
	if slowest > 250*time.Millisecond {
		t.Errorf("a write took %s while the server stood still", slowest)
	}
	f.writesSilently()
	if more != nil { // what it had to be told holds the queue's end until its session is over
		for f.count(listening) > 0 {
			if time.Since(stopped) > 2*limit {
				t.Fatalf("the server is stopped, and %s later the session that is to be told has not ended", 2*limit)
			}
			f.pause(20 * time.Millisecond)
		}
		t.Logf("nobody has to be told anything %s after the server was stopped", time.Since(stopped).Round(100*time.Millisecond))
	}

	var resumed time.Time
	if err := f.conn.QueryRow(t.Context(), `SELECT pg_catalog.clock_timestamp()`).Scan(&resumed); err != nil {
		t.Fatal(err)
	}
	server.signal(syscall.SIGCONT)
	if page == nil {
		page = lookOn(t, server.url, "/d/frozen")
	}
	page.until("what was written meanwhile", func(s *delta.State, live time.Time) bool {
		return live.After(resumed) && shows(s, "meanwhile")
	})
	if took := time.Since(resumed); took > rightWithin {
		t.Errorf("right only %s after it went on", took)
	}
	f.exec(`UPDATE readings SET word = 'after'`)
	page.until("what was written after", func(s *delta.State, live time.Time) bool { return shows(s, "after") })
}

// flood notifies the server of more than lines hold, by far.
func (f *frozen) flood() {
	f.exec(`SELECT count(pg_notify('rowcast', i || repeat('x', 2000))) FROM generate_series(1, 20000) i`)
}

// frozen looks at the database from outside.
type frozen struct {
	*testing.T
	conn *pgx.Conn
}

func (f *frozen) exec(sql string) {
	f.Helper()
	if _, err := f.conn.Exec(f.Context(), sql); err != nil {
		f.Fatal(err)
	}
}

// timed tells how long a statement of the application took.
func (f *frozen) timed(sql string) time.Duration {
	f.Helper()
	began := time.Now()
	f.exec(sql)
	return time.Since(began)
}

func (f *frozen) pause(d time.Duration) {
	select {
	case <-f.Context().Done():
	case <-time.After(d):
	}
}

const listening = `SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = 'rowcast/listen' AND datname = current_database()`

const ours = ` FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
	WHERE a.application_name LIKE 'rowcast/%' AND a.datname = current_database()`

// locks counts what the server's sessions hold or wait for.
func (f *frozen) locks() int { return f.count(`SELECT count(*)` + ours) }

func (f *frozen) count(sql string) (n int) {
	f.Helper()
	if err := f.conn.QueryRow(f.Context(), sql).Scan(&n); err != nil {
		f.Fatal(err)
	}
	return n
}

func (f *frozen) holders() (text string) {
	err := f.conn.QueryRow(f.Context(), `SELECT string_agg(concat_ws(' ', a.application_name, a.state, a.wait_event, l.locktype, l.mode), '; ')`+ours).Scan(&text)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// await asks again and again until the answer is not zero.
func (f *frozen) await(what, sql string) {
	f.Helper()
	deadline := time.Now().Add(limit)
	for f.count(sql) == 0 {
		if time.Now().After(deadline) {
			f.Fatalf("waited %s for %s", limit, what)
		}
		f.pause(5 * time.Millisecond)
	}
}

// armed waits until the server sleeps by the bell of the table, beside the key
// that owns its slot.
func (f *frozen) armed() {
	f.Helper()
	f.await("an armed bell", `SELECT (count(*) > 1)::int`+ours+` AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted`)
}

// reading changes a row and waits until the server is in the middle of reading
// the table that it locked.
func (f *frozen) reading() {
	f.Helper()
	f.exec(`UPDATE readings SET word = 'begun'`)
	f.await("a cycle", `SELECT count(*)`+ours+` AND a.wait_event = 'PgSleep' AND l.locktype = 'relation' AND l.relation = 'readings'::pg_catalog.regclass`)
}

// writesSilently writes the table and checks that nobody was rung for: of two
// notifications the one that was sent first would come first.
func (f *frozen) writesSilently() {
	f.Helper()
	f.exec(`LISTEN rowcast`)
	f.exec(`LISTEN frozen_test`)
	f.exec(`UPDATE readings SET word = 'meanwhile'`)
	f.exec(`NOTIFY frozen_test`)
	n, err := f.conn.WaitForNotification(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	if n.Channel != "frozen_test" {
		f.Errorf("a write rang although nobody listens: %q", n.Channel)
	}
	f.exec(`UNLISTEN *`)
}

// shows tells whether the page's first row has this word.
func shows(s *delta.State, word string) bool {
	if s == nil || s.Panels["words"] == nil {
		return false
	}
	p := s.Panels["words"]
	return p.Err == nil && len(p.Rows) == 1 && p.Rows[0].Cells[1].Text == word
}
