package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// dial opens a socket as a browser does. small gives it so little room in the
// kernel that a reader that pauses is felt by the server.
func dial(ctx context.Context, url string, small bool) (*websocket.Conn, error) {
	return dialBy(ctx, url, func(conn net.Conn) net.Conn {
		if tcp, ok := conn.(*net.TCPConn); ok && small {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		return conn
	})
}

// dialBy is the same over the connection that by makes of one.
func dialBy(ctx context.Context, url string, by func(net.Conn) net.Conn) (*websocket.Conn, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return by(conn), nil
	}}
	ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"live", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"rowcast.v1"},
	})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	ws.SetReadLimit(-1)
	return ws, nil
}

// viewer shows one page, as a client of the protocol.
type viewer struct {
	url, page string
	small     bool
	// said is called with every frame that was applied and every status, with
	// the state on the screen. It runs on the goroutine that reads.
	said func(m *delta.Message, s *delta.State)

	mu     sync.Mutex
	screen *delta.State
	status *delta.Status
	told   int           // messages so far
	bytes  int           // of them
	byes   time.Duration // when to come back, as the server last said; 0: it did not
	news   chan struct{} // closed and replaced at each message
}

func newViewer(url, page string) *viewer {
	return &viewer{url: url, page: page, news: make(chan struct{})}
}

// violation is a broken promise, as opposed to a broken connection.
type violation string

func (v violation) Error() string { return string(v) }

// errReload ends a visit whose page was changed: nothing more comes of it.
var errReload = errors.New("the page is to be loaded again")

// connect opens a socket and asks for the page with this cursor.
func (v *viewer) connect(ctx context.Context, cursor string) (*websocket.Conn, error) {
	ws, err := dial(ctx, v.url, v.small)
	if err != nil {
		return nil, err
	}
	if err := ws.Write(ctx, websocket.MessageText, delta.EncodeWatch(v.page, cursor)); err != nil {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("watch: %w", err)
	}
	return ws, nil
}

// next reads one message and applies it.
func (v *viewer) next(ctx context.Context, ws *websocket.Conn) (delta.Message, error) {
	_, data, err := ws.Read(ctx)
	if err != nil {
		return delta.Message{}, err
	}
	m, err := delta.Decode(data)
	if err != nil {
		return m, violation(err.Error())
	}
	v.mu.Lock()
	v.bytes += len(data)
	if m.Type == delta.TypeBye {
		v.byes = m.RetryAfter
	}
	v.mu.Unlock()
	return m, v.take(&m)
}

// read is how many bytes of messages were read so far.
func (v *viewer) read() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bytes
}

// bye is when the server said to come back, once.
func (v *viewer) bye() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.byes
	v.byes = 0
	return d
}

func (v *viewer) take(m *delta.Message) error {
	v.mu.Lock()
	screen := v.screen
	v.mu.Unlock()
	switch m.Type {
	case delta.TypeSnapshot, delta.TypeDelta:
		next, err := delta.ApplyState(screen, m)
		if err != nil {
			held := ""
			if screen != nil {
				held = screen.Cursor
			}
			return violation(fmt.Sprintf("a gap: holding %q, a %s from %q to %q: %v", held, m.Type, m.From, m.Cursor, err))
		}
		screen = next
	case delta.TypeReload:
		return errReload
	case delta.TypeError:
		return violation(fmt.Sprintf("refused: %s: %s", m.Err.Code, m.Err.Message))
	}
	if v.said != nil {
		v.said(m, screen)
	}
	v.mu.Lock()
	v.screen = screen
	if m.Status != nil {
		v.status = m.Status
	}
	v.told++
	close(v.news)
	v.news = make(chan struct{})
	v.mu.Unlock()
	return nil
}

// follow watches until ctx ends, and comes back when the connection breaks.
func (v *viewer) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		err := v.visit(ctx, "", nil)
		var broken violation
		if errors.As(err, &broken) {
			return err
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

// visit watches on one connection until ctx ends. paused is called before each
// read.
func (v *viewer) visit(ctx context.Context, cursor string, paused func()) error {
	ws, err := v.connect(ctx, cursor)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	for {
		if paused != nil {
			paused()
		}
		if _, err := v.next(ctx, ws); err != nil {
			return err
		}
	}
}

// now is what the viewer shows, and a channel that says when it changes.
func (v *viewer) now() (*delta.State, *delta.Status, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.screen, v.status, v.news
}

// until waits for a moment at which the viewer's screen and status please.
func (v *viewer) until(ctx context.Context, pleases func(*delta.State, *delta.Status) bool) error {
	for {
		screen, status, news := v.now()
		if screen != nil && status != nil && pleases(screen, status) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
