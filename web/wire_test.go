package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/proxy"
	"github.com/rowcast/rowcast/web"
)

func TestLargeMessageTravelsWhole(t *testing.T) {
	s := newSite(t)
	rows := make([]string, 3000)
	for i := range rows {
		rows[i] = fmt.Sprint(i, strings.Repeat("x", 300))
	}
	want := s.begin("/d/shop", rows...)
	c := s.dial()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching)
	if m := c.expect(delta.TypeSnapshot); !m.State.Equal(want) {
		t.Error("the snapshot is not what was published")
	}
	c.expect(delta.TypeStatus)
}

// A client that never reads is closed by the write's deadline; one beside it
// hears every state at once.
func TestSlowClientDelaysNobody(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Write = 500 * time.Millisecond })
	old := s.begin("/d/shop", strings.Repeat("x", 1<<20))
	slow := rawSocket(t, s)
	_, _ = slow.Write(clientFrame(0x1, delta.EncodeWatch("/d/shop", "")))
	fast := s.dial()
	fast.watch("/d/shop", "")
	fast.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	s.until("the slow client is counted", func() bool { return s.Traffic().Slow == 1 })
	for n := 2; n < 40; n++ {
		start := time.Now()
		old = s.publish(old, state("/d/shop", n, fmt.Sprint(n, strings.Repeat("y", 1<<18))))
		if m := fast.next(); m.Type != delta.TypeDelta && m.Type != delta.TypeSnapshot {
			t.Fatalf("got %s", m.Type)
		}
		fast.expect(delta.TypeStatus)
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("the fast client waited %v", d)
		}
	}
	s.until("the slow client is closed", func() bool { return s.Viewers() == 1 })
	if all := s.Traffic(); all.Slow != 0 || all.Sent < 38<<18 || all.Sent > 200<<20 {
		t.Errorf("counted: %+v", all)
	}
}

// What a client does not take waits for it in the ring, where it is replaced by
// what is newer, and not in the kernel, which would take a hundred kilobytes: some
// twenty seconds for a line of 5 kB/s.
func TestLittleWaitsInTheKernel(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what was not sent")
	}
	s := newSite(t)
	old := s.begin("/d/shop", "a")
	slow := rawSocket(t, s)
	if err := slow.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	_, _ = slow.Write(clientFrame(0x1, delta.EncodeWatch("/d/shop", "")))
	s.until("it is answered", func() bool { return s.Traffic().Sent > 200 })
	const size = 4 << 10
	sent := 0
	for n := 2; s.Traffic().Slow == 0; n++ {
		if sent += size; sent > 100<<10 {
			t.Fatalf("%d bytes wait for a client that does not read", sent)
		}
		before := s.Traffic().Sent
		old = s.publish(old, state("/d/shop", n, fmt.Sprint(n, strings.Repeat("y", size))))
		s.until("the frame is on its way", func() bool { return s.Traffic().Sent >= before+size || s.Traffic().Slow == 1 })
	}
	t.Logf("slow after %d bytes", sent)
	_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	for n := 1000; n < 1050; n++ {
		old = s.publish(old, state("/d/shop", n, fmt.Sprint(n, strings.Repeat("y", size))))
	}
	read := 0
	for buf := make([]byte, 1<<20); !bytes.Contains(buf[:read], []byte(`"1049yyy`)); {
		n, err := slow.Read(buf[read:])
		if read += n; err != nil {
			t.Fatalf("the newest state does not come: %v after %d bytes", err, read)
		}
	}
	if read > sent+8*size {
		t.Errorf("it was sent %d bytes to be at the newest state", read)
	}
}

// A line so narrow that neither a piece of a page nor the answer to a ping comes
// through in its time gets a page of any size all the same, as long as it takes in
// something.
func TestLargePageOverANarrowLine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what was taken in")
	}
	t.Parallel()
	s := newSite(t, func(c *web.Config) {
		c.Write, c.Ping, c.Pong = 500*time.Millisecond, time.Second, time.Second
	})
	want := s.begin("/d/shop", strings.Repeat("x", 220<<10))
	line, err := proxy.TCP(s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	line.Set(proxy.Faults{BytesPerSecond: 128 << 10})
	conn, _, err := websocket.Dial(t.Context(), "ws://"+line.Addr()+"/live", &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	if err := conn.Write(t.Context(), websocket.MessageText, delta.EncodeWatch("/d/shop", "")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, b, err := conn.Read(t.Context()) // which answers pings
		if err != nil {
			t.Fatalf("the page does not come through: %v", err)
		}
		if m, err := delta.Decode(b); err != nil || m.Type == delta.TypeSnapshot && !m.State.Equal(want) {
			t.Fatalf("it comes as %.100s, %v", b, err)
		}
	}
}

func TestPing(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Ping, c.Pong = 30*time.Millisecond, 500*time.Millisecond })
	deaf := rawSocket(t, s) // reads nothing, so it answers no ping
	pings := make(chan struct{}, 1000)
	answering, _, err := websocket.Dial(t.Context(), s.url("/live"), &websocket.DialOptions{
		Subprotocols:   []string{web.Subprotocol},
		OnPingReceived: func(context.Context, []byte) bool { pings <- struct{}{}; return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answering.CloseNow() })
	ended := answering.CloseRead(context.Background()) // a client answers pings while it reads
	s.until("the deaf client is cut", func() bool { return s.Viewers() == 1 })
	_ = deaf.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(deaf)
	if err != nil || !bytes.HasPrefix(b, []byte{0x89, 0}) {
		t.Errorf("the deaf client got %x, %v; want a ping and the end", b, err)
	}
	for n := len(pings) + 10; n > 0; n-- { // it is asked on
		select {
		case <-pings:
		case <-ended.Done():
			t.Fatal("the answering client was cut")
		case <-time.After(5 * time.Second):
			t.Fatal("the answering client is not asked any more")
		}
	}
	if s.Viewers() != 1 {
		t.Error("the answering client was cut")
	}
}

// A ping that is due soon goes out with a frame, in one write, and never alone
// while there are frames; who leaves it unanswered is cut all the same.
func TestPingGoesAlong(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Ping, c.Pong, c.Next = 300*time.Millisecond, 300*time.Millisecond, time.Second })
	state1 := s.begin("/d/shop", "0")
	conn := rawSocket(t, s)
	_, _ = conn.Write(clientFrame(0x1, delta.EncodeWatch("/d/shop", "")))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				state1 = s.publish(state1, state("/d/shop", n, fmt.Sprint(n)))
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, pings := make([]byte, 4096), 0
	for {
		n, err := conn.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a client that answers no ping is not cut")
		}
		if err != nil {
			break
		}
		if bytes.HasSuffix(b[:n], []byte{'}', 0x89, 0}) {
			if pings++; pings < 3 {
				_, _ = conn.Write(clientFrame(0xa, nil))
			}
		} else if bytes.HasSuffix(b[:n], []byte{0x89, 0}) {
			t.Error("a ping came alone")
		}
	}
	if pings != 3 {
		t.Errorf("%d pings came with a frame", pings)
	}
}

func TestFragmentsAndControlFrames(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	conn := rawSocket(t, s)
	message := delta.EncodeWatch("/d/shop", "")
	var b []byte
	b = append(b, clientFrame(0x1, message[:10])...)
	b[0] &^= 0x80 // not the last
	b = append(b, clientFrame(0x9, []byte("hi"))...)
	b = append(b, clientFrame(0x0, message[10:])...)
	_, _ = conn.Write(b)
	r := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	pong := make([]byte, 4)
	if _, err := io.ReadFull(r, pong); err != nil || string(pong) != "\x8a\x02hi" {
		t.Fatalf("got %q, %v", pong, err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil || head[0] != 0x81 {
		t.Fatalf("got %x, %v", head, err)
	}
}

func TestPanicClosesOneSocketOnly(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	good, bad := s.dial(), s.dial()
	good.watch("/d/shop", "")
	good.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	bad.watch("/d/panic", "")
	if code := bad.closed(); code != websocket.StatusInternalError {
		t.Errorf("closed with %d", code)
	}
	if !strings.Contains(s.logs.String(), "a mistake in the program") {
		t.Error("the panic is not in the log")
	}
	good.watch("/d/shop", "e:1")
	good.expect(delta.TypeWatching, delta.TypeStatus)
}

func TestDrainSaysByeAndCloses1012(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	var clients []*client
	for i := range 8 {
		c := s.dial()
		if i > 0 { // one watches nothing
			c.watch("/d/shop", "")
			c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
		}
		clients = append(clients, c)
	}
	done := make(chan struct{})
	go func() {
		s.Drain(context.Background())
		close(done)
	}()
	hints := map[time.Duration]bool{}
	for _, c := range clients {
		m := c.expect(delta.TypeBye)
		hints[m.RetryAfter] = true
		if m.Reason != "restart" || m.RetryAfter < 500*time.Millisecond || m.RetryAfter > 5*time.Second {
			t.Errorf("bye %+v", m)
		}
		if code := c.closed(); code != websocket.StatusServiceRestart {
			t.Errorf("closed with %d", code)
		}
	}
	if len(hints) < 6 {
		t.Errorf("%d clients got only %d different hints", len(clients), len(hints))
	}
	<-done
	if resp, _ := s.ask("GET", "/readyz"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz is %d", resp.StatusCode)
	}
	if resp, _ := s.ask("GET", "/healthz"); resp.StatusCode != http.StatusOK {
		t.Errorf("healthz is %d", resp.StatusCode)
	}
	if _, resp, err := websocket.Dial(t.Context(), s.url("/live"), nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a socket was let in while stopping: %v", err)
	}
}

func TestDrainCutsWhoDoesNotAnswer(t *testing.T) {
	s := newSite(t)
	rawSocket(t, s)
	s.until("open", func() bool { return s.Viewers() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	s.Drain(ctx)
	if d := time.Since(start); d > 3*time.Second || s.Viewers() != 0 {
		t.Errorf("drained in %v with %d left", d, s.Viewers())
	}
}

// rawSocket is a connection that is upgraded and then left to the test.
func rawSocket(t *testing.T, s *site, headers ...string) net.Conn {
	t.Helper()
	conn := raw(t, s, "GET /live HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n"+
		"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Protocol: rowcast.v1\n"+strings.Join(append(headers, "\n"), "\n"))
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	one := make([]byte, 1) // byte by byte, so that nothing after the head is read
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one); err != nil {
			t.Fatal(err)
		}
		head = append(head, one...)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("%s", head)
	}
	_ = conn.SetDeadline(time.Time{}) // it may stand still for long
	return conn
}

// clientFrame is a final frame with a mask of zeros.
func clientFrame(op byte, data []byte) []byte {
	b := []byte{0x80 | op}
	if len(data) < 126 {
		b = append(b, 0x80|byte(len(data)))
	} else {
		b = append(b, 0x80|126, byte(len(data)>>8), byte(len(data)))
	}
	return append(append(b, 0, 0, 0, 0), data...)
}
