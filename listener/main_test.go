package listener_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/listener"
	"github.com/rowcast/rowcast/migrations"
)

// event is one callback, in words that a test can compare.
type event struct {
	what   string // rang, reset, lost, proved, muted
	bell   int64
	at     time.Time
	on     bool
	reason string
	text   string
	when   time.Time
}

// recorder is a Handler that keeps every call and lets a test wait for the next of a kind.
type recorder struct {
	mu     sync.Mutex
	events []event
	more   chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 1)} }

func (r *recorder) add(e event) {
	e.when = time.Now()
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *recorder) Rang(bell int64)       { r.add(event{what: "rang", bell: bell}) }
func (r *recorder) Reset()                { r.add(event{what: "reset"}) }
func (r *recorder) Proved(at time.Time)   { r.add(event{what: "proved", at: at}) }
func (r *recorder) Muted(on bool)         { r.add(event{what: "muted", on: on}) }
func (r *recorder) Lost(reason, m string) { r.add(event{what: "lost", reason: reason, text: m}) }

// len is a position to wait from.
func (r *recorder) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

func (r *recorder) count(what string, from int) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events[from:] {
		if e.what == what {
			n++
		}
	}
	return n
}

// wait returns the first event at or after position from that matches.
func (r *recorder) wait(t *testing.T, from int, want string, match func(event) bool) event {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		r.mu.Lock()
		for _, e := range r.events[from:] {
			if match(e) {
				r.mu.Unlock()
				return e
			}
		}
		events := fmt.Sprintf("%+v", r.events[from:])
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-deadline:
			t.Fatalf("no %s came; events since: %s", want, events)
		}
	}
}

func is(what string) func(event) bool { return func(e event) bool { return e.what == what } }

func rings(bell int64) func(event) bool {
	return func(e event) bool { return e.what == "rang" && e.bell == bell }
}

// running is a listener at work, and what it told its handler.
type running struct {
	*listener.Listener
	*recorder
	stop func()
}

func connector(url string) func(context.Context, string) (*pgx.Conn, error) {
	return func(ctx context.Context, role string) (*pgx.Conn, error) {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			return nil, err
		}
		config.RuntimeParams["application_name"] = "rowcast/" + role
		return pgx.ConnectConfig(ctx, config)
	}
}

// start runs a listener until the test ends; it has connected when start returns.
func start(t *testing.T, url string, change ...func(*listener.Config)) *running {
	t.Helper()
	r := launch(t, url, change...)
	r.wait(t, 0, "reset", is("reset"))
	return r
}

// launch is start without the wait.
func launch(t *testing.T, url string, change ...func(*listener.Config)) *running {
	t.Helper()
	return launchWith(t, url, newRecorder(), change...)
}

// launchWith is launch with a handler of the test's own; a recorder's events can be waited for.
func launchWith(t *testing.T, url string, h listener.Handler, change ...func(*listener.Config)) *running {
	t.Helper()
	config := listener.Config{Connect: connector(url)}
	for _, c := range change {
		c(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Listener: listener.New(config)}
	r.recorder, _ = h.(*recorder)
	if m, ok := h.(*mirror); ok {
		m.r = r
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Run(ctx, h)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(r.stop)
	return r
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// installed is a database with the doorbell; watch puts it on tables and returns the first one's bell.
func install(t *testing.T, url string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Up(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T, conn *pgx.Conn, tables ...string) int64 {
	t.Helper()
	watched, err := migrations.Watch(t.Context(), conn, tables)
	if err != nil {
		t.Fatal(err)
	}
	return watched[0].Bell
}

// arm arms a bell, however busy its table is.
func (r *running) arm(t *testing.T, bell int64) uint64 {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if g := r.Arm(t.Context(), []int64{bell})[bell]; g != 0 {
			return g
		}
	}
	t.Fatalf("bell %d was not armed; %+v", bell, r.State())
	return 0
}
