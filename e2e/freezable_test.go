//go:build unix

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// freezable is a `rowcast serve` that can be stopped in the middle.
type freezable struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

// startFreezable serves a database with one dashboard, /d/frozen, whose panel
// "words" shows the query. The server ends with the test.
func startFreezable(t *testing.T, program, database, query string) *freezable {
	t.Helper()
	dir := t.TempDir()
	page := "title: Frozen\npanels:\n  - id: words\n    title: Words\n    type: table\n    query: " + query + "\n"
	if err := os.WriteFile(filepath.Join(dir, "frozen.yaml"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &freezable{t: t, cmd: exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--dashboards", dir)}
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	read := make(chan struct{})
	var said strings.Builder // until read is closed it belongs to the goroutine
	go func() {
		defer close(read)
		defer close(url)
		lines := bufio.NewScanner(io.TeeReader(stderr, &said))
		for lines.Scan() {
			var line struct{ Msg, URL string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				url <- line.URL
			}
		}
	}()
	t.Cleanup(func() {
		s.signal(syscall.SIGCONT) // a stopped process would not end
		s.signal(syscall.SIGTERM)
		<-read
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("the server ended: %v", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", said.String())
		}
	})
	if s.url = <-url; s.url == "" {
		t.Fatal("the server did not start")
	}
	return s
}

func (s *freezable) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
}

// onlooker watches one page over a socket, and comes back with its cursor when
// the socket breaks, as a browser does.
type onlooker struct {
	t         *testing.T
	url, page string

	mu    sync.Mutex
	state *delta.State
	live  time.Time // what the newest status promises; zero unless live
	err   error     // of the last socket
	news  chan struct{}
}

// lookOn begins to watch; it ends with the test.
func lookOn(t *testing.T, url, page string) *onlooker {
	o := &onlooker{t: t, url: url, page: page, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			err := o.follow(ctx)
			o.mu.Lock()
			o.live, o.err = time.Time{}, err
			o.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return o
}

// follow watches over one socket until that breaks.
func (o *onlooker) follow(ctx context.Context) error {
	conn, _, err := websocket.Dial(ctx, o.url+"live", &websocket.DialOptions{Subprotocols: []string{"rowcast.v1"}})
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	if err := conn.Write(ctx, websocket.MessageText, delta.EncodeWatch(o.page, o.cursor())); err != nil {
		return err
	}
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		m, err := delta.Decode(b)
		if err != nil {
			return err
		}
		if err := o.take(&m); err != nil {
			return err
		}
	}
}

func (o *onlooker) cursor() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == nil {
		return ""
	}
	return o.state.Cursor
}

func (o *onlooker) take(m *delta.Message) (err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch m.Type {
	case delta.TypeSnapshot:
		o.state = m.State
	case delta.TypeDelta:
		next, err := delta.ApplyState(o.state, m)
		if err != nil {
			o.state = nil // lost its place: begin again
			return err
		}
		o.state = next
	case delta.TypeStatus:
		if o.live = (time.Time{}); m.Status.State == "live" {
			o.live = m.Status.At
		}
	}
	select {
	case o.news <- struct{}{}:
	default:
	}
	return nil
}

// until waits until ok holds of what is shown.
func (o *onlooker) until(what string, ok func(s *delta.State, live time.Time) bool) {
	o.t.Helper()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	for {
		o.mu.Lock()
		good := ok(o.state, o.live)
		text := ""
		if o.state != nil && o.state.Panels["words"] != nil {
			text = string(delta.EncodeSnapshot(o.state))
		}
		live, err := o.live, o.err
		o.mu.Unlock()
		if good {
			return
		}
		select {
		case <-o.news:
		case <-patience.C:
			o.t.Fatalf("waited in vain for %s; live until %s, last socket: %v, shown: %s", what, live, err, text)
		}
	}
}
