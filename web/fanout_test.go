package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// TestFanOut has viewers of one page with and without TLS, with every way to
// negotiate compression, while pings go both ways and some read slowly. All show
// in the end what was published last, each by deltas that fit.
func TestFanOut(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Ping, c.Pong = 20*time.Millisecond, time.Minute })
	secure := httptest.NewUnstartedServer(nil)
	secure.Config = s.HTTPServer()
	secure.StartTLS()
	defer secure.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()

	// Small deltas and large ones, and a large page.
	rows := []string{strings.Repeat("x", 70<<10)}
	old := s.begin("/d/shop", rows...)
	const last = 60
	var viewers sync.WaitGroup
	for _, base := range []string{s.http.URL, secure.URL} {
		for mode := websocket.CompressionDisabled; mode <= websocket.CompressionNoContextTakeover; mode++ {
			for _, slow := range []bool{false, true} {
				conn, resp, err := websocket.Dial(t.Context(), base+"/live", &websocket.DialOptions{
					HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{web.Subprotocol}, CompressionMode: mode})
				if err != nil {
					t.Fatal(err)
				}
				conn.SetReadLimit(-1)
				defer func() { _ = conn.CloseNow() }()
				name := fmt.Sprint(base[:5], " mode ", mode, " slow ", slow)
				if got := resp.Header.Get("Sec-WebSocket-Extensions"); (got != "") != (mode != websocket.CompressionDisabled) {
					t.Errorf("%s: extensions %q", name, got)
				}
				if err := conn.Write(t.Context(), websocket.MessageText, delta.EncodeWatch("/d/shop", "")); err != nil {
					t.Fatal(err)
				}
				viewers.Go(func() {
					if err := view(t.Context(), conn, slow, fmt.Sprintf("e:%d", last)); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
	}
	for n := 2; n <= last; n++ {
		size := 10
		if n%20 == 0 {
			size = 70 << 10
		}
		rows = append(rows[:min(len(rows), 4):min(len(rows), 4)], fmt.Sprint(n, strings.Repeat("y", size)))
		old = s.publish(old, state("/d/shop", n, rows...))
		time.Sleep(time.Millisecond)
	}
	viewers.Wait()
}

// view follows a page to a cursor, and pings meanwhile.
func view(ctx context.Context, conn *websocket.Conn, slow bool, until string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var pings sync.WaitGroup
	defer pings.Wait()
	stop, quit := context.WithCancel(ctx)
	defer quit()
	var failed error
	pings.Go(func() {
		for stop.Err() == nil {
			if err := conn.Ping(stop); err != nil && stop.Err() == nil {
				failed = err
				return
			}
			time.Sleep(100 * time.Millisecond) // the pace that clients have
		}
	})
	var shown *delta.State
	for shown == nil || shown.Cursor != until {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		m, err := delta.Decode(b)
		if err != nil {
			return err
		}
		switch m.Type {
		case delta.TypeSnapshot:
			shown = m.State
		case delta.TypeDelta:
			if shown, err = delta.ApplyState(shown, &m); err != nil {
				return err
			}
		}
		if slow {
			time.Sleep(5 * time.Millisecond)
		}
	}
	quit()
	return failed
}

// A viewer that asks for compression gets long messages compressed, the same
// bytes as everybody else, and short ones as they are.
func TestCompressedOnce(t *testing.T) {
	s := newSite(t)
	old := s.begin("/d/shop", "a")
	var conns []net.Conn
	for range 2 {
		conn := rawSocket(t, s, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(clientFrame(0x1, delta.EncodeWatch("/d/shop", "e:1")))
		for range 2 { // watching, status
			if frame, err := rawFrame(conn); err != nil || frame[0] != 0x81 {
				t.Fatalf("got %x, %v", frame, err)
			}
		}
		conns = append(conns, conn)
	}
	s.publish(old, state("/d/shop", 2, strings.Repeat("long ", 1000)))
	one, err := rawFrame(conns[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := rawFrame(conns[1])
	if err != nil {
		t.Fatal(err)
	}
	if one[0] != 0xc1 || len(one) > 1000 || !bytes.Equal(one, other) {
		t.Errorf("frames of %d and %d bytes, %x", len(one), len(other), one[:2])
	}
}

// rawFrame reads one frame of less than 64 KiB.
func rawFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 2, 4)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	size := int(frame[1])
	if size == 126 {
		frame = frame[:4]
		if _, err := io.ReadFull(r, frame[2:]); err != nil {
			return nil, err
		}
		size = int(binary.BigEndian.Uint16(frame[2:]))
	}
	data := make([]byte, size)
	_, err := io.ReadFull(r, data)
	return append(frame, data...), err
}
