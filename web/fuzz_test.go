package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// Whatever a client sends is answered by messages of the protocol, and the
// socket is open or closed with a code that the protocol lists.
func FuzzClientMessage(f *testing.F) {
	for _, seed := range []string{`{"type":"watch","page":"/d/shop"}`, `{"type":"watch","page":"/d/shop","cursor":"e:1"}`,
		`{"type":"watch","page":"/t/public.orders?sort=-id&where=status.is.paid&rows=50","cursor":"k3f9aQ_LmZuU:17"}`, `{"type":"watch","page":"/d/shop?status=paid","cursor":""}`,
		`{"type":"watch","page":"/d/shop","definition":"q7-_AAAAAAAAAAAA"}`, `{"type":"watch","page":"/d/shop","definition":"\u0000<\ud800"}`, `{"type":"watch","page":"/d/shop","definition":[{}]}`,
		`{"type":"watch","page":"/d/shop","definition":"` + strings.Repeat("x", 16000) + `"}`,
		`{"type":"watch"}`, `{}`, `null`, `[`, "\xff", `{"type":"watch","page":"\u0000","cursor":"\ud800"}`, `{"TYPE":"watch"}`} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		s := newSite(t, func(c *web.Config) { c.Pong = time.Second })
		s.begin("/d/shop", "a")
		s.define("/d/shop", "q7-_AAAAAAAAAAAB")
		c := s.dial()
		kind := websocket.MessageText
		if binary {
			kind = websocket.MessageBinary
		}
		if err := c.Write(t.Context(), kind, data); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, b, err := c.Read(ctx)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		m, err := delta.Decode(b)
		if err != nil {
			t.Fatalf("answer %q: %v", b, err)
		}
		w, wrong := delta.ParseWatch(data)
		switch {
		case binary || wrong != nil:
			code := c.closed()
			if m.Type != delta.TypeError || code != websocket.StatusUnsupportedData && code != websocket.StatusInvalidFramePayloadData && code != websocket.StatusMessageTooBig {
				t.Errorf("%s and close %d", b, code)
			}
		case m.Type != delta.TypeWatching && m.Type != delta.TypeError, m.Watch != w.Page:
			t.Errorf("a watch of %q was answered by %s", w.Page, b)
		}
	})
}

// Whatever comes over a connection after the upgrade, as frames or not, and
// however it is cut, ends that connection at most: another viewer of the page
// gets the next frame, and who sent it holds nothing any more.
func FuzzClientBytes(f *testing.F) {
	frame := func(head byte, payload string) string { // as a client sends it: masked
		b := []byte{head, 0x80 | byte(len(payload)), 1, 2, 3, 4}
		for i := range payload {
			b = append(b, payload[i]^byte(1+i%4))
		}
		return string(b)
	}
	const watch = `{"type":"watch","page":"/d/shop"}`
	for _, seed := range []string{
		"", "GET / HTTP/1.1\r\n\r\n",
		frame(0x81, watch), frame(0x81, watch) + frame(0x81, watch), // the page twice
		frame(0x01, watch[:16]) + frame(0x80, watch[16:]),                                                                                                           // in two parts
		"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04x", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", "\x81\xfe\x00\x00\x01\x02\x03\x04", // lengths
		frame(0x89, "ping") + frame(0x8a, "") + frame(0x88, "\x03\xe8"), frame(0x88, "x"),
		frame(0xf1, ""), frame(0x83, ""), "\x81\x02{}", strings.Repeat(frame(0x01, ""), 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newSite(t, func(c *web.Config) { c.Pong = time.Second })
		first := s.begin("/d/shop", "a")
		other := s.dial()
		other.watch("/d/shop", "")
		other.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
		conn := rawSocket(t, s).(*net.TCPConn)
		if _, err := conn.Write(data); err != nil {
			t.Logf("write: %v", err) // the server had closed it already
		}
		s.publish(first, state("/d/shop", 2, "b"))
		other.expect(delta.TypeDelta)
		_ = conn.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		var timeout net.Error
		if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the connection is open 5 s after its client ended it")
		}
		_ = conn.Close()
	})
}
