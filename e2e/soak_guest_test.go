//go:build unix

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// audience is what a soak's viewers have in common.
type audience struct {
	url   string
	pages []string
	dwell time.Duration // on a page, on average

	visits, frames, resumes, compared, missed atomic.Int64

	mu    sync.Mutex
	wrong []string
}

// accuse notes a broken promise, the first few of them.
func (c *audience) accuse(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) < 10 {
		c.wrong = append(c.wrong, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
	}
}

func (c *audience) verdict() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.wrong...)
}

// guest is one viewer: it goes from page to page on one socket, leaves in
// several ways, and comes back, often with the cursor that it had.
type guest struct {
	*audience
	random *rand.Rand

	mu     sync.Mutex
	asked  string // the page that the last watch named
	unsaid int    // watches that were not answered yet; until then what comes is of a page before
	page   string // its canonical address
	screen *delta.State
	status *delta.Status
	past   []*delta.State // the newest states of this page, the newest last
	closed error          // why the socket is not read any more
	news   chan struct{}  // closed and replaced at each message
}

func (c *audience) guest(r *rand.Rand) *guest {
	return &guest{audience: c, random: r, news: make(chan struct{})}
}

// come visits over and over until ctx ends.
func (g *guest) come(ctx context.Context) {
	for ctx.Err() == nil {
		var err error
		if g.random.IntN(8) == 0 {
			err = g.stream(ctx)
		} else {
			err = g.session(ctx)
		}
		if err != nil && ctx.Err() == nil {
			g.accuse("%s: %v", g.asked, err)
			sleep(ctx, time.Second)
		}
		sleep(ctx, time.Duration(g.random.Int64N(int64(g.dwell/2))))
	}
}

// stay watches one page on one connection until ctx ends.
func (g *guest) stay(ctx context.Context, page string) {
	ws, err := dial(ctx, g.url, false)
	if err != nil {
		g.accuse("%s: %v", page, err)
		return
	}
	defer ws.CloseNow()
	if err := g.turn(ctx, ws, page, ""); err != nil {
		g.accuse("%s: %v", page, err)
		return
	}
	g.read(ctx, ws)
	if ctx.Err() == nil {
		g.accuse("%s: the connection of one who stays broke: %v", page, g.closed)
	}
}

// turn asks for a page on this socket.
func (g *guest) turn(ctx context.Context, ws *websocket.Conn, page, cursor string) error {
	g.mu.Lock()
	if page != g.asked {
		g.past = nil
	}
	g.asked, g.closed = page, nil
	g.unsaid++
	if cursor == "" {
		g.screen = nil
	}
	g.mu.Unlock()
	g.visits.Add(1)
	return ws.Write(ctx, websocket.MessageText, delta.EncodeWatch(page, cursor))
}

// slowestLine is what a viewer's line must carry for its page to stay, in bytes a
// second. One that paused up to 0.3 s before each message fell below it on busy pages.
const slowestLine = 5000

// narrowLine carries so many bytes a second, all the time: one that took a snapshot at
// once and then paused for as long as it takes answered no ping meanwhile.
type narrowLine struct {
	net.Conn
	rate int
}

func (l *narrowLine) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p[:min(len(p), l.rate/20+1)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(l.rate))
	return n, err
}

// session is some pages, one after the other, on one socket.
func (g *guest) session(ctx context.Context) error {
	line := 0 // bytes a second; 0: as they come
	if g.random.IntN(8) == 0 {
		line = slowestLine + g.random.IntN(9*slowestLine)
	}
	ws, err := dialBy(ctx, g.url, func(conn net.Conn) net.Conn {
		if line == 0 {
			return conn
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		return &narrowLine{conn, line}
	})
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	g.unsaid = 0
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	for n := range 1 + g.random.IntN(4) {
		page, cursor := g.pages[g.random.IntN(len(g.pages))], ""
		if g.screen != nil && n == 0 && g.random.IntN(3) > 0 { // nobody reads yet: it is ours
			page, cursor = g.asked, g.screen.Cursor
			g.resumes.Add(1)
		}
		if err := g.turn(ctx, ws, page, cursor); err != nil {
			return err
		}
		if n == 0 {
			reader.Go(func() { g.read(reading, ws) })
		}
		sleep(ctx, time.Duration(g.random.ExpFloat64()*float64(g.dwell)))
		if g.random.IntN(8) == 0 && line == 0 {
			if err := g.compare(ctx); err != nil {
				return err
			}
		}
		g.mu.Lock()
		err := g.closed
		g.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if g.random.IntN(2) == 0 {
		stop() // as a tab that is closed in the middle of a frame
		return nil
	}
	_ = ws.Close(websocket.StatusNormalClosure, "")
	return nil
}

// read takes messages until the socket ends.
func (g *guest) read(ctx context.Context, ws *websocket.Conn) {
	for {
		_, data, err := ws.Read(ctx)
		if err == nil {
			err = g.take(data)
		}
		if err != nil {
			var left websocket.CloseError
			g.mu.Lock()
			if !errors.As(err, &left) || left.Code != websocket.StatusNormalClosure {
				g.closed = err
			}
			close(g.news)
			g.news = make(chan struct{})
			g.mu.Unlock()
			_ = ws.CloseNow()
			return
		}
	}
}

// take applies one message of the protocol.
func (g *guest) take(data []byte) error {
	m, err := delta.Decode(data)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case m.Type == delta.TypeError:
		return fmt.Errorf("refused: %s: %s", m.Err.Code, m.Err.Message)
	case m.Type == delta.TypeReload:
		return errors.New("told to reload")
	case m.Type == delta.TypeWatching:
		g.unsaid--
		g.page = m.Page
		return nil
	case g.unsaid > 0:
		return nil // of the page before
	case m.Page != g.page:
		return fmt.Errorf("a %s of %s while %s is watched", m.Type, m.Page, g.page)
	case m.Type == delta.TypeSnapshot, m.Type == delta.TypeDelta:
		next, err := delta.ApplyState(g.screen, &m)
		if err != nil {
			held := "nothing"
			if g.screen != nil {
				held = g.screen.Cursor
			}
			return fmt.Errorf("a %s from %q to %q does not fit %s: %w", m.Type, m.From, m.Cursor, held, err)
		}
		g.frames.Add(1)
		const kept = 48
		g.screen, g.past = next, append(g.past, next)
		g.past = g.past[max(0, len(g.past)-kept):]
	case m.Status != nil:
		g.status = m.Status
	}
	close(g.news)
	g.news = make(chan struct{})
	return nil
}

// compare loads the page anew, and holds what is on the screen against it when
// the screen is as far. A page that many frames lead past is not met.
func (g *guest) compare(ctx context.Context) error {
	g.mu.Lock()
	asked, answered := g.asked, g.unsaid == 0 && g.screen != nil
	g.mu.Unlock()
	if !answered {
		return nil
	}
	fresh, err := load(ctx, g.url, asked)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for {
		g.mu.Lock()
		var met *delta.State
		for _, s := range g.past {
			if s.Cursor == fresh.Cursor {
				met = s
			}
		}
		news := g.news
		g.mu.Unlock()
		if met != nil {
			g.compared.Add(1)
			if diff := unlikeStates(met, fresh); diff != "" {
				g.accuse("%s at %s is not what a fresh load shows: %s", asked, fresh.Cursor, diff)
			}
			return nil
		}
		select {
		case <-news:
		case <-limited.Done():
			g.missed.Add(1)
			return nil
		}
	}
}

// load is the page as somebody gets it who comes now.
func load(ctx context.Context, server, page string) (*delta.State, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	body, err := bodyOf(ctx, server+"api/v1/snapshot?page="+url.QueryEscape(page))
	if err != nil {
		return nil, err
	}
	m, err := delta.Decode(bytes.TrimSpace(body))
	if err != nil {
		return nil, err
	}
	return m.State, nil
}

// bodyOf is a whole answer; what is refused or breaks off is an error.
func bodyOf(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", url, res.Status, body)
	}
	return body, err
}

// stream follows a page by server-sent events for a while.
func (g *guest) stream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.random.ExpFloat64()*float64(g.dwell))+g.dwell/4)
	defer cancel()
	page := g.pages[g.random.IntN(len(g.pages))]
	g.mu.Lock()
	g.asked, g.unsaid, g.screen, g.past, g.closed = page, 1, nil, nil, nil
	g.mu.Unlock()
	g.visits.Add(1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"api/v1/events?page="+url.QueryEscape(page), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := g.take([]byte(text)); err != nil && ctx.Err() == nil { // else the line was cut by who left
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("the events ended: %v", lines.Err())
}

// until waits for a moment at which the screen and its status please.
func (g *guest) until(ctx context.Context, pleases func(*delta.State, *delta.Status) bool) error {
	for {
		g.mu.Lock()
		screen, status, news := g.screen, g.status, g.news
		g.mu.Unlock()
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

// unlikeStates says how two states differ; "" when they do not. Only these
// panels are looked at, or all.
func unlikeStates(a, b *delta.State, panels ...string) string {
	if len(panels) == 0 {
		if len(a.Panels) != len(b.Panels) {
			return fmt.Sprintf("%d panels for %d", len(a.Panels), len(b.Panels))
		}
		for id := range b.Panels {
			panels = append(panels, id)
		}
	}
	for _, id := range panels {
		p, q := a.Panels[id], b.Panels[id]
		switch {
		case p == nil || q == nil:
			return "no panel " + id
		case p.Equal(q):
			continue
		case len(p.Rows) != len(q.Rows):
			return fmt.Sprintf("panel %s: %d rows for %d", id, len(p.Rows), len(q.Rows))
		}
		for i := range p.Rows {
			if x, y := fmt.Sprint(p.Rows[i]), fmt.Sprint(q.Rows[i]); x != y {
				return fmt.Sprintf("panel %s, row %d: %.120s for %.120s", id, i, x, y)
			}
		}
		return fmt.Sprintf("panel %s: %+v", id, [...]any{p.Columns, q.Columns, p.Truncated, q.Truncated, p.Err, q.Err, p.At, q.At})
	}
	return ""
}
