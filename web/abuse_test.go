package web_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// What no client sends: each ends its own socket with the code that fits, costs
// the server next to no memory, and a viewer beside it does not notice.
func TestFramesThatNoClientSends(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Write = 300 * time.Millisecond })
	old := s.begin("/d/shop", "a")
	good := s.dial()
	good.watch("/d/shop", "")
	good.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	const dropped = 0 // without a word
	huge := append([]byte{0x81, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, 1<<30)...)
	huge = append(huge, 0, 0, 0, 0)
	for name, c := range map[string]struct {
		frames [][]byte
		times  int // the last of them is sent
		want   websocket.StatusCode
	}{
		"a length of a gigabyte":       {[][]byte{huge, make([]byte, 1<<10)}, 1 << 10, websocket.StatusMessageTooBig},
		"a length beyond all numbers":  {[][]byte{{0x81, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}}, 1, dropped},
		"more than a message may be":   {[][]byte{unended(0x1, "x"), unended(0x0, strings.Repeat("x", 1<<10))}, 1 << 6, websocket.StatusMessageTooBig},
		"a letter at a time":           {[][]byte{unended(0x1, "x"), unended(0x0, "x")}, 1 << 16, dropped},
		"pieces with nothing in them":  {[][]byte{unended(0x1, ""), unended(0x0, "")}, 1 << 16, dropped},
		"a message that does not end":  {[][]byte{unended(0x1, "x"), unended(0x0, strings.Repeat("x", 1<<10))}, 1, dropped},
		"packed text":                  {[][]byte{{0xc1, 0x80 | 1, 0, 0, 0, 0, 'x'}}, 1, websocket.StatusProtocolError},
		"a frame without a mask":       {[][]byte{{0x81, 1, 'x'}}, 1, dropped},
		"an opcode that there is not":  {[][]byte{clientFrame(0x3, []byte("x"))}, 1, websocket.StatusProtocolError},
		"a long ping":                  {[][]byte{clientFrame(0x9, make([]byte, 200))}, 1, websocket.StatusProtocolError},
		"a ping in pieces":             {[][]byte{unended(0x9, "x")}, 1, websocket.StatusProtocolError},
		"a continuation of nothing":    {[][]byte{clientFrame(0x0, []byte("x"))}, 1, websocket.StatusProtocolError},
		"a message within a message":   {[][]byte{unended(0x1, "x"), clientFrame(0x1, []byte("x"))}, 1, websocket.StatusProtocolError},
		"a close code that is not one": {[][]byte{clientFrame(0x8, []byte{0, 1})}, 1, websocket.StatusProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			before, allocated := heap(), allocations()
			conn := rawSocket(t, s)
			go flood(conn, c.frames, c.times)
			if code, err := closeCode(conn); code != c.want {
				t.Errorf("closed with %d, %v; want %d", code, err, c.want)
			}
			_ = conn.Close()
			s.until("it is gone", func() bool { return s.Viewers() == 1 })
			if took := allocations() - allocated; took > 16<<20 {
				t.Errorf("%d MB were taken for it meanwhile", took>>20)
			}
			if grown := heap() - before; grown > 1<<20 {
				t.Errorf("it cost %d bytes", grown)
			}
		})
	}
	t.Run("a message in pieces, some of them empty", func(t *testing.T) {
		conn := rawSocket(t, s)
		flood(conn, [][]byte{unended(0x1, ""), unended(0x0, "")}, 100)
		_, _ = conn.Write(clientFrame(0x0, []byte(`{"type":"watch","page":"/d/shop"}`)))
		head := make([]byte, 2)
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(conn, head); err != nil || head[0] != 0x81 {
			t.Errorf("it is answered by %x, %v", head, err)
		}
	})
	s.publish(old, state("/d/shop", 2, "a", "b"))
	good.expect(delta.TypeDelta, delta.TypeStatus)
}

// Pings by the thousand from one who reads no pong: it is cut like all who do
// not read.
func TestFloodOfPings(t *testing.T) {
	s := newSite(t, func(c *web.Config) {
		c.Write, c.Ping, c.Pong = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	})
	before := heap()
	conn := rawSocket(t, s)
	s.until("it is in", func() bool { return s.Viewers() == 1 })
	go flood(conn, [][]byte{clientFrame(0x9, make([]byte, 125))}, 1<<20)
	s.until("it is cut", func() bool { return s.Viewers() == 0 })
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("it cost %d bytes", grown)
	}
}

// One who reads the pongs is cut as well: pings have a pace, and a few are answered.
func TestPingsHaveAPace(t *testing.T) {
	s := newSite(t)
	for _, op := range []byte{0x9, 0xa} {
		conn := rawSocket(t, s)
		s.until("it is in", func() bool { return s.Viewers() == 1 })
		got := make(chan int, 1)
		go func() {
			n, _ := io.Copy(io.Discard, conn)
			got <- int(n)
		}()
		go flood(conn, [][]byte{clientFrame(op, []byte("x"))}, 1<<20)
		s.until("it is cut", func() bool { return s.Viewers() == 0 })
		if n := <-got; op == 0x9 && (n < 3*10 || n > 3*100) {
			t.Errorf("it was sent %d bytes of pongs", n)
		}
	}
}

// A message that is small on the wire and large when it is unpacked is unpacked as
// far as a message may go, and no further.
func TestDecompressionBomb(t *testing.T) {
	s := newSite(t)
	before, allocated := heap(), allocations()
	conn, resp, err := websocket.Dial(t.Context(), s.url("/live"), &websocket.DialOptions{
		Subprotocols: []string{web.Subprotocol}, CompressionMode: websocket.CompressionNoContextTakeover,
	})
	if err != nil || !strings.Contains(resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
		t.Fatalf("no packed messages: %v", err)
	}
	defer conn.CloseNow()
	ended := make(chan error, 1)
	go func() {
		_, _, err := conn.Read(t.Context()) // the error that says why
		if err == nil {
			_, _, err = conn.Read(t.Context())
		}
		ended <- err
	}()
	w, err := conn.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	zeros, sent := make([]byte, 1<<20), 0
	for ; sent < 64; sent++ {
		if _, err := w.Write(zeros); err != nil {
			break
		}
	}
	_ = w.Close()
	if code := websocket.CloseStatus(<-ended); code != websocket.StatusMessageTooBig {
		t.Errorf("closed with %d after %d MB", code, sent)
	}
	s.until("it is gone", func() bool { return s.Viewers() == 0 })
	if grown := heap() - before - int64(len(zeros)); grown > 2<<20 {
		t.Errorf("it cost %d bytes", grown)
	}
	if took := allocations() - allocated; took > 16<<20 { // the client's too
		t.Errorf("%d MB were taken for %d MB of it meanwhile", took>>20, sent)
	}
}

// What unpacks to nothing is never a message too long, and is unpacked as far as all of
// a client's messages may go.
func TestPackedNothing(t *testing.T) {
	s := newSite(t)
	conn := rawSocket(t, s, "Sec-WebSocket-Extensions: permessage-deflate")
	s.until("it is in", func() bool { return s.Viewers() == 1 })
	nothing := strings.Repeat("\x00\x00\x00\xff\xff", 2000) // blocks of length 0, stored (RFC 1951, 3.2.4)
	first := unended(0x1, nothing)
	first[0] |= 0x40 // packed
	go flood(conn, [][]byte{first, unended(0x0, nothing)}, 1<<10)
	s.until("it is cut", func() bool { return s.Viewers() == 0 })
}

// unended is a frame that others of the same message follow.
func unended(op byte, text string) []byte {
	b := clientFrame(op, []byte(text))
	b[0] &^= 0x80
	return b
}

// flood sends frames, the last of them over and over, until it may not any more.
func flood(conn net.Conn, frames [][]byte, times int) {
	w := bufio.NewWriterSize(conn, 16<<10)
	defer w.Flush()
	for _, f := range frames[:len(frames)-1] {
		_, _ = w.Write(f)
	}
	for range times {
		if _, err := w.Write(frames[len(frames)-1]); err != nil {
			return
		}
	}
}

// closeCode reads until a close frame; its error is that of the connection.
func closeCode(conn net.Conn) (websocket.StatusCode, error) {
	r := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := rawFrame(r)
		if err != nil {
			return 0, err
		}
		if frame[0] == 0x88 {
			if len(frame) < 4 {
				return 0, errors.New("a close without a code")
			}
			return websocket.StatusCode(binary.BigEndian.Uint16(frame[2:])), nil
		}
	}
}

// heap is what is held after everything that is not has been collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// allocations are all bytes that were ever asked for, given back or not.
func allocations() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}
