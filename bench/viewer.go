package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// viewer watches one page over a real socket, as a browser does.
type viewer struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error                        // once ended is closed
	heard  func(at time.Time, b []byte) // every frame, as it came; may be nil

	mu     sync.Mutex
	state  *delta.State
	status string
	frames int           // deltas and snapshots
	news   chan struct{} // closed and replaced at every message
}

// watch opens a socket to the server at url and follows a page.
func watch(ctx context.Context, url, page string, heard func(time.Time, []byte)) (*viewer, error) {
	return watchAs(ctx, &serving{url: url}, page, heard)
}

// watchAs is the same for somebody who has signed in there, if anybody has.
func watchAs(ctx context.Context, at *serving, page string, heard func(time.Time, []byte)) (*viewer, error) {
	dial, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	header := http.Header{}
	if len(at.cookies) > 0 {
		header.Set("Cookie", at.cookies[0])
	}
	conn, _, err := websocket.Dial(dial, strings.TrimSuffix(at.url, "/")+"/live", &websocket.DialOptions{Subprotocols: []string{"rowcast.v1"}, HTTPHeader: header})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	conn.SetReadLimit(64 << 20)
	if err := conn.Write(dial, websocket.MessageText, delta.EncodeWatch(page, "")); err != nil {
		return nil, errors.Join(fmt.Errorf("watch page: %w", err), conn.CloseNow())
	}
	ctx, cancel := context.WithCancel(ctx)
	v := &viewer{cancel: cancel, ended: make(chan struct{}), heard: heard, news: make(chan struct{})}
	go func() {
		defer close(v.ended)
		defer func() { _ = conn.CloseNow() }() // it has been read to its end
		v.err = v.read(ctx, conn)
	}()
	return v, nil
}

func (v *viewer) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		_, b, err := conn.Read(ctx)
		at := time.Now()
		if err != nil {
			return fmt.Errorf("read socket: %w", err)
		}
		m, err := delta.Decode(b)
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if m.Type == delta.TypeError {
			return fmt.Errorf("watch page: %s", m.Err.Message)
		}
		if v.heard != nil && (m.Type == delta.TypeDelta || m.Type == delta.TypeSnapshot) {
			v.heard(at, b)
		}
		if err := v.take(&m); err != nil {
			return err
		}
	}
}

// take follows one message.
func (v *viewer) take(m *delta.Message) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch m.Type {
	case delta.TypeSnapshot:
		v.state = m.State
		v.frames++
	case delta.TypeDelta:
		next, err := delta.ApplyState(v.state, m)
		if err != nil {
			return fmt.Errorf("apply delta: %w", err)
		}
		v.state = next
		v.frames++
	case delta.TypeStatus:
		v.status = m.Status.State
	}
	close(v.news)
	v.news = make(chan struct{})
	return nil
}

// count is how many frames have come.
func (v *viewer) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames
}

// until waits until ok holds of what the page shows.
func (v *viewer) until(ctx context.Context, what string, ok func(s *delta.State, status string) bool) error {
	return v.within(ctx, 10*time.Second, what, ok)
}

// within waits for so long at most.
func (v *viewer) within(ctx context.Context, limit time.Duration, what string, ok func(s *delta.State, status string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		v.mu.Lock()
		good, news, status := ok(v.state, v.status), v.news, v.status
		v.mu.Unlock()
		if good {
			return nil
		}
		select {
		case <-news:
		case <-v.ended:
			return v.err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s (the page is %q): %w", what, status, ctx.Err())
		}
	}
}

func (v *viewer) close() {
	v.cancel()
	<-v.ended
}
