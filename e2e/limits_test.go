//go:build unix

package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

const limitedPage = `title: Limited
panels:
  - {id: words, type: table, query: 'SELECT id, word FROM readings ORDER BY id'}
`

// limited is a program on a small database, with a viewer of its page.
type limited struct {
	*testing.T
	*process
	db   *pgtest.DB
	page *viewer
}

// limits starts the program through a shell that runs before it, such as
// "ulimit -n 64".
func limits(t *testing.T, before, page string) *limited {
	t.Helper()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE readings (id int PRIMARY KEY, word text NOT NULL); INSERT INTO readings VALUES (1, 'before')`)
	l := &limited{T: t, db: db}
	l.process = start(t, "sh", nil, "-c", before+` exec "$@"`, "sh", binary(t), "serve", "--database-url", db.URL,
		"--listen", "127.0.0.1:0", "--safety", "10m", "--dashboards", dashboards(t, map[string]string{"page.yaml": page}))
	l.page = newViewer(l.URL, "/d/page")
	ctx, leave := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = l.page.visit(ctx, "", nil)
			sleep(ctx, 50*time.Millisecond)
		}
	}()
	t.Cleanup(func() { leave(); <-done })
	l.shows("before")
	return l
}

// shows waits until the page is live with this word in its first row.
func (l *limited) shows(word string) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), patience)
	defer cancel()
	err := l.page.until(ctx, func(s *delta.State, status *delta.Status) bool { return status.State == "live" && shows(s, word) })
	if err != nil {
		l.Fatalf("the page does not show %q: %v\n%s", word, err, l.tail())
	}
}

// With its descriptors used up the program refuses who comes, and reaches its
// database all the same.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	l := limits(t, "ulimit -n 64;", limitedPage)
	address := strings.TrimSuffix(strings.TrimPrefix(l.URL, "http://"), "/")
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	refused := 0
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		head := make([]byte, len("HTTP/1.1 200"))
		if _, err = io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
			refused++
		}
		if refused == 1 && string(head) != "HTTP/1.1 503" {
			t.Errorf("the first who is too many is answered by %q, %v", head, err)
		}
	}
	if refused < 50 {
		t.Fatalf("only %d of 100 were refused: the test tests nothing", refused)
	}
	l.db.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%' AND datname = current_database()`)
	l.db.Exec(t, `UPDATE readings SET word = 'meanwhile'`)
	l.shows("meanwhile")
	for _, c := range idle {
		_ = c.Close()
	}
	late := newViewer(l.URL, "/d/page")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		ws, err := late.connect(ctx, "")
		if err == nil {
			_ = ws.CloseNow()
			return
		}
		if sleep(ctx, 20*time.Millisecond); ctx.Err() != nil {
			t.Fatalf("nobody is let in after the others left: %v", err)
		}
	}
}

// The program's log may end on a full disk, and who reads it may go away, or be
// there and not read.
func TestLogThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE readings (id int PRIMARY KEY, word text NOT NULL); INSERT INTO readings VALUES (1, 'before')`)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	gone, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		full, err = writer, nil // not everywhere is there such a device
	}
	if err != nil {
		t.Fatal(err)
	}
	later, clogged := clog(t)
	for name, log := range map[string]*os.File{"gone": writer, "full": full, "not read": clogged} {
		cmd := exec.Command(binary(t), "serve", "--database-url", db.URL, "--listen", address, "--watch", "none")
		cmd.Env, cmd.Stderr = environment(), log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		reply := func() error { return ready("http://" + address + "/t/public.readings") }
		for deadline := time.Now().Add(patience); ; sleep(t.Context(), 20*time.Millisecond) {
			err := reply()
			if err == nil {
				break
			}
			if time.Now().After(deadline) || len(ended) > 0 {
				_ = cmd.Process.Kill()
				t.Fatalf("%s: the program does not start: %v", name, err)
			}
		}
		// Ended sessions are worth a line of the log.
		db.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%' AND datname = current_database()`)
		sleep(t.Context(), 300*time.Millisecond)
		if err := reply(); err != nil {
			t.Errorf("%s: after a line that could not be written: %v", name, err)
		}
		if log == clogged {
			_ = later.SetReadDeadline(time.Now().Add(patience))
			for lines := bufio.NewScanner(later); !strings.Contains(lines.Text(), `"msg":"serving"`); {
				if !lines.Scan() {
					t.Errorf("what waited for its reader is lost: %v", lines.Err())
					break
				}
			}
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("%s: the program ended with %v", name, err)
		}
	}
}

// clog makes a pipe that is full.
func clog(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	for err == nil {
		_ = w.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		_, err = io.WriteString(w, strings.Repeat("x", 100)+"\n")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	_ = w.SetWriteDeadline(time.Time{})
	return r, w
}

func ready(url string) error {
	client := http.Client{Timeout: 5 * time.Second} // who waits for its log takes connections and answers none
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", res.Status)
	}
	return nil
}

const buggyPage = limitedPage + `  - {id: bug, type: table, query: 'SELECT count(*) AS bug FROM readings'}
`

// A mistake of the program over one panel is that panel's, wherever it is made: the
// others of its page live on, and a browser is shown them.
func TestPanicOverOnePanel(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program a second time")
	}
	path := binary(t, "flaws")
	all := []struct {
		flaw, logged string
		onScreen     bool // of who is connected too
		db           *pgtest.DB
		server       *process
		view         *viewer
	}{
		{flaw: "panic-over-a-panel", logged: "panic while comparing a panel", onScreen: true},
		{flaw: "panic-while-reading", logged: "panic while reading a panel", onScreen: true},
		{flaw: "panic-while-rendering", logged: "panic while rendering a panel"},
	}
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	var looking sync.WaitGroup
	for i := range all {
		c := &all[i]
		c.db = pgtest.New(t)
		c.db.Script(t, `CREATE TABLE readings (id int PRIMARY KEY, word text NOT NULL); INSERT INTO readings VALUES (1, 'before')`)
		c.server = start(t, path, []string{"ROWCAST_FLAW=" + c.flaw}, "serve", "--database-url", c.db.URL, "--listen", "127.0.0.1:0",
			"--safety", "10m", "--dashboards", dashboards(t, map[string]string{"page.yaml": buggyPage}))
		c.view = newViewer(c.server.URL, "/d/page")
		looking.Go(func() { _ = c.view.follow(ctx) })
	}
	defer func() { leave(); looking.Wait() }()
	for _, word := range []string{"before", "after", "in the end"} {
		for _, c := range all {
			if word != "before" {
				c.db.Exec(t, `UPDATE readings SET word = $1`, word)
			}
			err := c.view.until(ctx, func(s *delta.State, status *delta.Status) bool {
				p := s.Panels["bug"]
				inTrouble := p != nil && p.Err != nil && p.Err.Code == "internal"
				return status.State == "live" && shows(s, word) && p != nil && inTrouble == c.onScreen
			})
			if err != nil {
				t.Fatalf("%s: the page does not live on with %q: %v\n%s", c.flaw, word, err, c.server.tail())
			}
		}
	}
	for _, c := range all {
		body, err := bodyOf(ctx, c.server.URL+"d/page")
		if err != nil || !strings.Contains(string(body), "in the end") || !strings.Contains(string(body), "Something went wrong here") {
			t.Errorf("%s: a browser is not shown what there is beside it: %v\n%.2000s", c.flaw, err, body)
		}
		if !c.server.says(c.logged, patience) {
			t.Errorf("%s: the panic is not in the log", c.flaw)
		}
	}
}
