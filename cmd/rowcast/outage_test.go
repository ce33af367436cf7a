package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
	"github.com/rowcast/rowcast/internal/proxy"
	"github.com/rowcast/rowcast/web"
)

// becomes waits until a metric is as it should be, and returns it.
func becomes(t *testing.T, s *server, name string, good func(float64) bool) float64 {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		n := metric(t, s, name)
		if good(n) {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s stays %v", name, n)
		}
	}
}

func is(want float64) func(float64) bool     { return func(n float64) bool { return n == want } }
func above(least float64) func(float64) bool { return func(n float64) bool { return n > least } }

// A database that stops and comes back is told by each figure that has to do with it.
func TestMetricsTellOfAnOutage(t *testing.T) {
	t.Parallel()
	pg := pgtest.Server(t, nil)
	conn := pgtest.Connect(t, pg.URL())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE notes (id int PRIMARY KEY, text text)`); err != nil {
		t.Fatal(err)
	}
	s := serve(t, pg.URL(), "--watch", "public.*")
	hear := events(t, s, "/t/public.notes")
	hear(`"state":"live"`)
	ready := func(path string, status int, says string) {
		t.Helper()
		if got, body := get(t, s.url+path); got != status || !strings.Contains(body, says) {
			t.Errorf("/%s is answered %d %s; want %d and %q", path, got, body, status, says)
		}
	}
	well := func() {
		t.Helper()
		becomes(t, s, "rowcast_doorbell_connected", is(1))
		becomes(t, s, "rowcast_proof_age_seconds", func(age float64) bool { return age >= 0 && age < 2.5 })
		becomes(t, s, "rowcast_bells_armed", is(1))
		becomes(t, s, "rowcast_notice_seconds", func(took float64) bool { return took > 0 && took < 1.5 })
		ready("readyz?live=1", http.StatusOK, `"status":"ok"`)
	}
	well()
	refused, connects := metric(t, s, "rowcast_database_refusals_total"), metric(t, s, "rowcast_database_connects_total")
	if err := pg.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	hear(`"state":"stale"`)
	becomes(t, s, "rowcast_doorbell_connected", is(0))
	becomes(t, s, "rowcast_database_sessions", func(n float64) bool { return n <= catalogSessions }) // which learn of it when they are next used
	becomes(t, s, "rowcast_bells_armed", is(0))
	becomes(t, s, "rowcast_database_refusals_total", above(refused))
	age := becomes(t, s, "rowcast_proof_age_seconds", above(3))
	becomes(t, s, "rowcast_proof_age_seconds", above(age+.2))
	if n := metric(t, s, "rowcast_database_connects_total"); n <= connects {
		t.Errorf("nobody asks for sessions: %v", n)
	}
	if n := metric(t, s, "rowcast_viewers"); n != 1 {
		t.Errorf("%v viewers", n)
	}
	ready("healthz", http.StatusOK, "")
	ready("readyz", http.StatusOK, `"reason":"database_unreachable"`)
	ready("readyz?live=1", http.StatusServiceUnavailable, `"status":"degraded"`)

	resyncs := metric(t, s, "rowcast_resyncs_total")
	if err := pg.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	hear(`"state":"live"`)
	well()
	becomes(t, s, "rowcast_database_sessions", above(3))
	becomes(t, s, "rowcast_resyncs_total", is(resyncs+1)) // another epoch: the viewer cannot be brought on
	if _, err := pgtest.Connect(t, pg.URL()).Exec(t.Context(), `INSERT INTO notes VALUES (1, 'after it')`); err != nil {
		t.Fatal(err)
	}
	hear("after it")
}

// A writer that went by before anybody watched is waited for, and that is told.
func TestMetricsTellOfAWaitForABell(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	s := serve(t, db.URL, "--watch", "public.*")
	writer := db.Conn(t)
	tx, err := writer.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `INSERT INTO notes VALUES (1, 'silent')`); err != nil {
		t.Fatal(err)
	}
	if n := metric(t, s, "rowcast_arm_seconds_sum"); n != 0 {
		t.Fatalf("%v s were waited before anybody watched", n)
	}
	hear := events(t, s, "/t/public.notes")
	hear(`"state":"live"`)                               // as it is read anew all the time
	becomes(t, s, "rowcast_arm_seconds_sum", above(.01)) // so long is one wait
	if n := metric(t, s, "rowcast_bells_armed"); n != 0 {
		t.Errorf("%v bells are armed past an open writer", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	hear("silent")
	becomes(t, s, "rowcast_bells_armed", is(1))
}

// What a notification needs on its way to the server is in no ring; the server's own
// says how long that is.
func TestMetricsCountFromTheCommit(t *testing.T) {
	t.Parallel()
	pg := pgtest.Server(t, nil, pgtest.TCP())
	at, err := url.Parse(pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	line, err := proxy.TCP(at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	writer := pgtest.Connect(t, pg.URL())
	write := func(sql string, args ...any) {
		t.Helper()
		if _, err := writer.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	write(`CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	at.Host = line.Addr()
	s := serve(t, at.String(), "--watch", "public.*")
	const late = 20 * time.Millisecond
	hear := events(t, s, "/t/public.notes?sort=-id")
	hear(`"state":"live"`)
	line.Set(proxy.Faults{Delay: late}) // in each direction
	becomes(t, s, "rowcast_notice_seconds", above(2*late.Seconds()))
	sum := func(what string) float64 { return metric(t, s, "rowcast_"+what+"_to_frame_seconds_sum") }
	count := func(what string) float64 { return metric(t, s, "rowcast_"+what+"_to_frame_seconds_count") }
	rung, committed, n := sum("ring"), sum("commit"), count("commit")
	for id := 1; count("commit") < n+3; id++ {
		if id > 20 {
			t.Fatalf("of %d changes %v are counted", id, count("commit")-n)
		}
		becomes(t, s, "rowcast_bells_armed", is(1)) // else it is found without a ring
		write(`INSERT INTO notes VALUES ($1, 'late')`, id)
		hear(`late`)
	}
	counted := count("commit") - n
	rung, committed = sum("ring")-rung, sum("commit")-committed
	if more := (committed - rung) / counted; more < 2*late.Seconds() || more > 2*late.Seconds()+1.5 { // a busy machine's pings are late
		t.Errorf("%v frames are %v s after their rings, and %v s after their commits", counted, rung, committed)
	}
}

// A viewer who does not read is counted as long as that lasts, and is brought on by a
// snapshot in place of what was missed.
func TestMetricsTellOfASlowViewer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes SELECT i, '' FROM generate_series(1, 900) i`)
	s := serve(t, db.URL, "--watch", "public.*")
	ws, _, err := websocket.Dial(t.Context(), s.url+"live", &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(-1)
	if err := ws.Write(t.Context(), websocket.MessageText, delta.EncodeWatch("/t/public.notes?limit=1000", "")); err != nil {
		t.Fatal(err)
	}
	reads := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		for {
			_, b, err := ws.Read(ctx)
			if err != nil {
				t.Fatalf("before %q: %v", want, err)
			}
			if strings.Contains(string(b), want) {
				return
			}
		}
	}
	reads(`"state":"live"`)
	if n := metric(t, s, "rowcast_slow_viewers"); n != 0 {
		t.Errorf("%v are slow before there is anything to read", n)
	}
	change := func() {
		db.Exec(t, `UPDATE notes SET text = (SELECT string_agg(md5(random()::text || notes.id || n), '') FROM generate_series(1, 40) n)`)
	}
	for deadline := time.Now().Add(20 * time.Second); metric(t, s, "rowcast_slow_viewers") == 0; change() {
		if time.Now().After(deadline) {
			t.Fatal("who does not read is not slow")
		}
	}
	db.Exec(t, `UPDATE notes SET text = 'at last'`)
	reads("at last")
	becomes(t, s, "rowcast_slow_viewers", is(0))
	if n := metric(t, s, "rowcast_sent_bytes_total"); n < 100_000 { // the first of the changes was begun, the others were not
		t.Errorf("%v bytes are counted", n)
	}
}
