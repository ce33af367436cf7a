package web_test

import (
	"context"
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
		`{"type":"watch"}`, `{}`, `null`, `[`, "\xff", `{"type":"watch","page":"\u0000","cursor":"\ud800"}`, `{"TYPE":"watch"}`} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		s := newSite(t, func(c *web.Config) { c.Pong = time.Second })
		s.begin("/d/shop", "a")
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
