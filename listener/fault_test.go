package listener_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/listener"
)

const terminate = `
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = `

// Either session's death alone ends every generation within about a second, and heals by itself.
func TestKilledSession(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"arm", "listen"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			install(t, url)
			conn := connect(t, url)
			run(t, conn, `CREATE TABLE a (v int)`)
			bell := watch(t, conn, "a")
			r := start(t, url)
			r.Watched(true)
			generation := r.arm(t, bell)
			from, began := r.len(), time.Now()
			run(t, conn, terminate+`'rowcast/`+role+`'`)
			lost := r.wait(t, from, "loss", is("lost"))
			if lost.reason != "database_unreachable" {
				t.Errorf("reason %q", lost.reason)
			}
			if d := lost.when.Sub(began); d > 2500*time.Millisecond {
				t.Errorf("the loss was noticed after %v", d)
			}
			if g := r.Generation(bell); g == generation {
				t.Error("the bell is still armed in the books")
			}
			r.wait(t, from, "reset", is("reset"))
			if next := r.arm(t, bell); next <= generation {
				t.Errorf("generation %d came after %d", next, generation)
			}
			from = r.len()
			run(t, conn, `INSERT INTO a VALUES (1)`)
			r.wait(t, from, "ring", rings(bell))
		})
	}
}

func TestServerRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil)
	install(t, server.URL())
	r := start(t, server.URL())
	r.Watched(true)
	r.arm(t, 1)
	from := r.len()
	if err := server.Restart(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	r.wait(t, from, "loss", is("lost"))
	r.wait(t, from, "reset", is("reset"))
	r.arm(t, 1)
}

func TestPreparedTransactionsAllowed(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_prepared_transactions": "4", "max_locks_per_transaction": "10", "max_connections": "30"})
	install(t, server.URL())
	r := start(t, server.URL())
	if s := r.State(); s.Reason != "not_armed" || !strings.Contains(s.Message, "max_prepared_transactions") {
		t.Fatalf("state %+v", s)
	}
	if armed := r.Arm(t.Context(), []int64{1}); len(armed) != 0 {
		t.Fatal("armed although PREPARE TRANSACTION would fail")
	}
	r.stop()
	allowed := start(t, server.URL(), func(c *listener.Config) { c.AllowPrepared = true })
	allowed.arm(t, 1)
	if s := allowed.State(); s.Cap != 34 {
		t.Fatalf("cap %d, want a tenth of 10 × (30 + 4)", s.Cap)
	}

	// One that was prepared before there was a second slot holds up who takes it.
	conn := connect(t, server.URL())
	run(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	allowed.stop()
	own(t, server.URL(), 1)
	run(t, conn, `BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'early'`, `SELECT rowcast.set_slots(2)`)
	late := start(t, server.URL(), func(c *listener.Config) { c.AllowPrepared = true })
	if s := late.State(); !strings.Contains(s.Message, "transactions") {
		t.Fatalf("state %+v beside a prepared transaction", s)
	}
	from := late.len()
	run(t, conn, `COMMIT PREPARED 'early'`)
	late.wait(t, from, "reset", is("reset"))
	late.arm(t, bell)
}

// The queue above its limit disarms and mutes; it ends with a pass through the mute key and a Reset.
func TestQueueFills(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil) // the queue is the whole cluster's
	install(t, server.URL())
	r := start(t, server.URL(), func(c *listener.Config) { c.QueueLimit = 1e-6 })
	generation := r.arm(t, 1)
	lagging, noisy := connect(t, server.URL()), connect(t, server.URL())
	run(t, lagging, `LISTEN other`, `BEGIN`, `SELECT 1`)
	from := r.len()
	run(t, noisy, `SELECT pg_notify('other', repeat('x', 7000) || n) FROM generate_series(1, 50) AS n`)
	r.wait(t, from, "muted", func(e event) bool { return e.what == "muted" && e.on })
	if g := r.Generation(1); g == generation {
		t.Error("still armed while the queue fills")
	}
	unlocked(t, server.URL(), 1)
	from = r.len()
	run(t, lagging, `COMMIT`)
	r.wait(t, from, "unmuted", func(e event) bool { return e.what == "muted" && !e.on })
	r.wait(t, from, "reset", is("reset"))
	r.arm(t, 1)
}

// Who listens anew after somebody stood still does not read what nobody waits for: on a busy machine that took
// longer than an attempt may, and each began anew.
func TestListensAtTheEndOfTheQueue(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil)
	install(t, server.URL())
	lagging, noisy := connect(t, server.URL()), connect(t, server.URL())
	run(t, lagging, `LISTEN other`, `BEGIN`, `SELECT 1`)
	const pages = 400
	run(t, noisy, fmt.Sprintf(`SELECT pg_notify('other', repeat('x', 7900) || n) FROM generate_series(1, %d) AS n`, pages))
	_ = lagging.Close(t.Context())
	read := func() (n int) {
		t.Helper()
		const ask = `SELECT blks_read::int FROM pg_stat_slru WHERE name IN ('Notify', 'notify')`
		if err := connect(t, server.URL()).QueryRow(t.Context(), ask).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := read()
	start(t, server.URL()).stop()
	if n := read() - before; n > pages/4 {
		t.Errorf("who listens anew read %d pages of the queue, of %d", n, pages)
	}
}

// frozen is a connection whose process stands still: nothing is read or written any more.
type frozen struct {
	net.Conn
	on *atomic.Bool
}

func (f frozen) Write(b []byte) (int, error) {
	if f.on.Load() {
		return len(b), nil
	}
	return f.Conn.Write(b)
}

func (f frozen) Close() error {
	if f.on.Load() {
		return nil // a stopped process closes nothing
	}
	return f.Conn.Close()
}

// A server that stands still leaves no lock behind after ten seconds.
func TestFrozenServerLosesItsLocks(t *testing.T) {
	t.Parallel()
	url := database(t)
	install(t, url)
	var on atomic.Bool
	sockets := make(chan net.Conn, 100)
	r := start(t, url, func(c *listener.Config) {
		c.Connect = func(ctx context.Context, role string) (*pgx.Conn, error) {
			if on.Load() {
				return nil, context.DeadlineExceeded
			}
			config, err := pgx.ParseConfig(url)
			if err != nil {
				return nil, err
			}
			dial := config.DialFunc
			config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				if on.Load() {
					return nil, context.DeadlineExceeded // pgx would ask for a cancellation
				}
				conn, err := dial(ctx, network, address)
				if err == nil {
					sockets <- conn
				}
				return frozen{conn, &on}, err
			}
			return pgx.ConnectConfig(ctx, config)
		}
	})
	r.Watched(true)
	r.arm(t, 1)
	on.Store(true)
	began := time.Now()
	unlocked(t, url, 1)
	if d := time.Since(began); d < 3*time.Second || d > 10*time.Second {
		t.Errorf("the lock went after %v, want the five seconds of the server's limit", d)
	}
	r.wait(t, 0, "loss", is("lost"))
	r.stop()
	close(sockets)
	for s := range sockets {
		_ = s.Close()
	}
}

func TestStandby(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"wal_level": "replica"})
	if err := server.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dataDir(t, server.Dir()), "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	r := launch(t, server.URL())
	lost := r.wait(t, 0, "loss", is("lost"))
	if !strings.Contains(lost.text, "standby") {
		t.Fatalf("message %q", lost.text)
	}
}

func dataDir(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "PG_VERSION"))
	if err != nil || len(found) == 0 {
		found, _ = filepath.Glob(filepath.Join(dir, "PG_VERSION"))
	}
	if len(found) == 0 {
		t.Fatalf("no data directory in %s", dir)
	}
	return filepath.Dir(found[0])
}

// A pooler in transaction mode is named, in session mode it is fine.
func TestPooler(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("pgbouncer is not installed")
	}
	url := database(t)
	install(t, url)
	t.Run("transaction", func(t *testing.T) {
		r := launch(t, pooled(t, binary, url, "transaction"))
		lost := r.wait(t, 0, "loss", is("lost"))
		if lost.reason != "not_armed" || !strings.Contains(lost.text, "pooler") {
			t.Fatalf("lost: %q %q", lost.reason, lost.text)
		}
		if s := r.State(); s.Connected || !strings.Contains(s.Message, "pooler") {
			t.Fatalf("state %+v", s)
		}
	})
	t.Run("transaction, others busy", func(t *testing.T) {
		through := pooled(t, binary, url, "transaction")
		other := connect(t, through)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				_, _ = other.Exec(context.Background(), `SELECT pg_sleep(0.002)`, pgx.QueryExecModeExec)
			}
		}()
		r := launch(t, through)
		lost := r.wait(t, 0, "loss", is("lost"))
		cancel()
		<-ended
		if !strings.Contains(lost.text, "pooler") {
			t.Fatalf("lost: %q %q", lost.reason, lost.text)
		}
	})
	t.Run("session", func(t *testing.T) {
		r := start(t, pooled(t, binary, url, "session"))
		r.arm(t, 1)
	})
}

// pooled runs a pgbouncer before url's database and returns the URL through it.
func pooled(t *testing.T, binary, url, mode string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	port, password := freePort(t), ""
	if config.Password != "" {
		password = " password=" + config.Password
	}
	dir, err := os.MkdirTemp("", "bouncer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ini := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]d dbname=%[1]s user=%[4]s%[5]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[6]d
unix_socket_dir =
auth_type = any
pool_mode = %[7]s
ignore_startup_parameters = extra_float_digits
`, config.Database, config.Host, config.Port, config.User, password, port, mode)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bouncer := exec.Command(binary, "-q", file)
	if os.Geteuid() == 0 { // it refuses to run as root
		nobody, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
		bouncer.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	log := new(strings.Builder)
	bouncer.Stderr = log
	if err := bouncer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = bouncer.Process.Kill()
		_ = bouncer.Wait()
	})
	through := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", config.User, port, config.Database)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), through)
		if err == nil {
			_ = conn.Close(t.Context())
			return through
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer does not answer: %v\n%s", err, log)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// What cannot be reached is said in words that hold no secret, and tried again.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := launch(t, fmt.Sprintf("postgres://somebody:secret@127.0.0.1:%d/nowhere?sslmode=disable", freePort(t)))
	lost := r.wait(t, 0, "loss", is("lost"))
	if lost.reason != "database_unreachable" || !strings.Contains(lost.text, "refused") || strings.Contains(lost.text, "secret") {
		t.Fatalf("lost: %q %q", lost.reason, lost.text)
	}
	if armed := r.Arm(t.Context(), []int64{1}); len(armed) != 0 {
		t.Fatal("armed without a database")
	}
}

// A role that may only read, and whose settings would end the sessions, listens and arms like any other.
func TestPoorRole(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil) // roles are the whole cluster's
	install(t, server.URL())
	conn := connect(t, server.URL())
	run(t, conn, `CREATE ROLE poor LOGIN PASSWORD 'x'`, `ALTER ROLE poor SET default_transaction_read_only = on`,
		`ALTER ROLE poor SET statement_timeout = '100ms'`, `ALTER ROLE poor SET default_transaction_isolation = 'serializable'`,
		`ALTER ROLE poor SET search_path = nowhere`)
	r := start(t, server.URL(), func(c *listener.Config) {
		c.Connect = func(ctx context.Context, role string) (*pgx.Conn, error) {
			config, err := pgx.ParseConfig(server.URL())
			if err != nil {
				return nil, err
			}
			config.User, config.Password = "poor", "x"
			return pgx.ConnectConfig(ctx, config)
		}
	})
	r.Watched(true)
	r.arm(t, 1)
	r.wait(t, 0, "proof", is("proved"))
}
