package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

func TestSubprotocolMustBeAmongThoseOffered(t *testing.T) {
	s := newSite(t)
	for offered, ok := range map[string]bool{"": true, "rowcast.v1": true, "rowcast.v2, rowcast.v1": true, "rowcast.v2": false, "graphql-ws": false} {
		opts := &websocket.DialOptions{}
		if offered != "" {
			opts.Subprotocols = strings.Split(offered, ", ")
		}
		conn, resp, err := websocket.Dial(t.Context(), s.url("/live"), opts)
		if err == nil {
			_ = conn.CloseNow()
		}
		if (err == nil) != ok {
			t.Errorf("%q: %v", offered, err)
		}
		if !ok && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: status %d", offered, resp.StatusCode)
		}
	}
}

func TestWatchIsAnsweredByWatchingSnapshotStatus(t *testing.T) {
	s := newSite(t)
	want := s.begin("/d/shop", "a", "b")
	c := s.dial()
	c.watch("/d/shop?utm_source=x", "")
	m := c.expect(delta.TypeWatching)
	if m.Watch != "/d/shop?utm_source=x" || m.Page != "/d/shop" {
		t.Errorf("watching %+v", m)
	}
	if m = c.expect(delta.TypeSnapshot); !m.State.Equal(want) {
		t.Errorf("snapshot %+v", m.State)
	}
	if m = c.expect(delta.TypeStatus); m.Page != "/d/shop" || m.Status.State != "live" {
		t.Errorf("status %+v", m)
	}
	next := s.publish(want, state("/d/shop", 2, "a", "b", "c"))
	m = c.expect(delta.TypeDelta)
	if got, err := delta.ApplyState(want, &m); err != nil || !got.Equal(next) {
		t.Errorf("after the delta: %+v, %v", got, err)
	}
	c.expect(delta.TypeStatus)
}

func TestWatchBeforeTheFirstStateWaitsForIt(t *testing.T) {
	s := newSite(t)
	c := s.dial()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching)
	s.until("page open", func() bool { return s.watchers("/d/shop") == 1 })
	s.begin("/d/shop", "a")
	c.expect(delta.TypeSnapshot, delta.TypeStatus)
}

func TestResumeByCursor(t *testing.T) {
	s := newSite(t)
	much := strings.Repeat("x", 1000) // or the deltas would outweigh the snapshot
	first := s.begin("/d/shop", "a", much)
	second := s.publish(first, state("/d/shop", 2, "a", "b", much))
	s.publish(second, state("/d/shop", 3, "a", "b", "c", much))
	for cursor, answer := range map[string][]string{
		"e:1":     {delta.TypeWatching, delta.TypeDelta, delta.TypeDelta, delta.TypeStatus},
		"e:2":     {delta.TypeWatching, delta.TypeDelta, delta.TypeStatus},
		"e:3":     {delta.TypeWatching, delta.TypeStatus},
		"":        {delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus},
		"other:9": {delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus},
	} {
		c := s.dial()
		c.watch("/d/shop", cursor)
		c.expect(answer...)
	}
}

func TestSecondWatchReplacesTheFirst(t *testing.T) {
	s := newSite(t)
	old := s.begin("/d/shop", "a")
	s.begin("/d/other", "z")
	c := s.dial()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	stop, busy := make(chan struct{}), sync.WaitGroup{}
	busy.Go(func() {
		for n := 2; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
				old = s.publish(old, state("/d/shop", n, fmt.Sprint("row", n)))
			}
		}
	})
	defer busy.Wait()
	defer close(stop)
	c.watch("/d/other", "")
	for m := c.next(); m.Type != delta.TypeWatching; m = c.next() {
		if m.Page != "/d/shop" {
			t.Fatalf("before the answer: %+v", m)
		}
	}
	for _, want := range []string{delta.TypeSnapshot, delta.TypeStatus} {
		if m := c.next(); m.Type != want || m.Page != "/d/other" {
			t.Fatalf("got %s of %s", m.Type, m.Page)
		}
	}
	s.until("first page released", func() bool { return s.watchers("/d/shop") == 0 && s.watchers("/d/other") == 1 })
}

func TestEveryWatchIsAnsweredInOrder(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	s.begin("/d/other", "a")
	c := s.dial()
	sent := []string{"/d/shop", "/d/none", "/d/other?x=1", "/d/shop?2", "nonsense", "/d/other"}
	for _, page := range sent {
		c.watch(page, "")
	}
	for i := 0; i < len(sent); {
		m := c.next()
		if m.Type == delta.TypeWatching || m.Type == delta.TypeError {
			if m.Watch != sent[i] {
				t.Errorf("answer %d is to %q, want %q", i, m.Watch, sent[i])
			}
			i++
		}
	}
	c.expect(delta.TypeSnapshot, delta.TypeStatus)
}

func TestErrorKeepsTheSocketOpen(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	c := s.dial()
	for page, code := range map[string]string{"/d/shpo": "not_found", "/t/hr.salaries": "forbidden", "/../etc": "not_found", "\x00": "not_found"} {
		c.watch(page, "")
		if m := c.expect(delta.TypeError); m.Watch != page || m.Err.Code != code || m.Err.Message == "" {
			t.Errorf("%q: %+v %+v", page, m, m.Err)
		}
	}
	s.mu.Lock()
	s.fault = errors.New("secret host db-1 is down")
	s.mu.Unlock()
	c.watch("/d/shop", "")
	if m := c.expect(delta.TypeError); m.Err.Code != "unavailable" || !strings.HasPrefix(m.Err.Message, "internal error (request ") {
		t.Errorf("%+v", m.Err)
	}
	if !strings.Contains(s.logs.String(), "db-1 is down") {
		t.Error("the fault is not in the log")
	}
	s.mu.Lock()
	s.fault = nil
	s.mu.Unlock()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
}

func TestProtocolErrorsSayWhyAndClose(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	long := `{"type":"watch","page":"` + strings.Repeat("x", 4<<20) + `"}`
	for name, bad := range map[string]struct {
		kind websocket.MessageType
		data string
		want websocket.StatusCode
	}{
		"binary":       {websocket.MessageBinary, `{"type":"watch","page":"/d/shop"}`, websocket.StatusUnsupportedData},
		"not UTF-8":    {websocket.MessageText, "{\"type\":\"watch\",\"page\":\"\xff\"}", websocket.StatusInvalidFramePayloadData},
		"not JSON":     {websocket.MessageText, `watch`, websocket.StatusInvalidFramePayloadData},
		"empty":        {websocket.MessageText, ``, websocket.StatusInvalidFramePayloadData},
		"a list":       {websocket.MessageText, `[]`, websocket.StatusInvalidFramePayloadData},
		"no type":      {websocket.MessageText, `{}`, websocket.StatusInvalidFramePayloadData},
		"unknown type": {websocket.MessageText, `{"type":"listen"}`, websocket.StatusInvalidFramePayloadData},
		"wrong field":  {websocket.MessageText, `{"type":"watch","page":7}`, websocket.StatusInvalidFramePayloadData},
		"wrong cursor": {websocket.MessageText, `{"type":"watch","page":"/d/shop","cursor":{}}`, websocket.StatusInvalidFramePayloadData},
		"over 16 KiB":  {websocket.MessageText, long[:delta.MaxWatch+1], websocket.StatusMessageTooBig},
		"4 MiB":        {websocket.MessageText, long, websocket.StatusMessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			c.watch("/d/shop", "")
			c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
			if err := c.Write(t.Context(), bad.kind, []byte(bad.data)); err != nil {
				t.Fatal(err)
			}
			if m := c.expect(delta.TypeError); m.Err.Code != "bad_request" || m.Err.Message == "" {
				t.Errorf("error %+v", m.Err)
			}
			if code := c.closed(); code != bad.want {
				t.Errorf("closed with %d, want %d", code, bad.want)
			}
		})
	}
}

func TestMessageOfExactly16KiBIsRead(t *testing.T) {
	s := newSite(t)
	c := s.dial()
	frame := `{"type":"watch","page":"%s"}`
	c.send(fmt.Sprintf(frame, strings.Repeat("x", delta.MaxWatch-len(frame)+2)))
	c.expect(delta.TypeError)
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching)
}

func TestTooManyMessages(t *testing.T) {
	s := newSite(t)
	c := s.dial()
	go func() {
		for range 100 {
			if c.Write(context.Background(), websocket.MessageText, delta.EncodeWatch("/d/none", "")) != nil {
				return
			}
		}
	}()
	for {
		if m := c.expect(delta.TypeError); m.Err.Code == "too_many" {
			break
		}
	}
	if code := c.closed(); code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", code)
	}
}

func TestTooManySockets(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Limits.Sockets = 2 })
	s.dial()
	second := s.dial()
	s.until("both in", func() bool { return s.Viewers() == 2 })
	third := s.dial()
	if m := third.expect(delta.TypeError); m.Err.Code != "too_many" {
		t.Errorf("%+v", m.Err)
	}
	if code := third.closed(); code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", code)
	}
	_ = second.Close(websocket.StatusNormalClosure, "")
	s.until("place free", func() bool { return s.Viewers() == 1 })
	fourth := s.dial()
	fourth.watch("/d/shop", "")
	fourth.expect(delta.TypeWatching)
}

func TestClientLeavesAndThePageIsReleased(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	for _, leave := range []func(*client){
		func(c *client) { _ = c.Close(websocket.StatusNormalClosure, "") },
		func(c *client) { _ = c.CloseNow() },
	} {
		c := s.dial()
		c.watch("/d/shop", "")
		c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
		if n := s.watchers("/d/shop"); n != 1 {
			t.Errorf("%d watchers", n)
		}
		leave(c)
		s.until("released", func() bool { return s.watchers("/d/shop") == 0 && s.Viewers() == 0 })
	}
}

func TestReloadThenAnotherWatch(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	c := s.dial()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	s.hub.Publish("/d/shop", broadcast.Update[*delta.State]{Last: delta.EncodeReload("/d/shop", "", "")})
	c.expect(delta.TypeReload)
	s.until("released", func() bool { return s.watchers("/d/shop") == 0 })
	s.mu.Lock()
	delete(s.pages, "/d/shop")
	s.mu.Unlock()
	c.watch("/d/shop", "e:1")
	if m := c.expect(delta.TypeError); m.Err.Code != "not_found" {
		t.Errorf("%+v", m.Err)
	}
	c.watch("/d/other", "")
	c.expect(delta.TypeWatching)
}

func TestSilenceIsBroken(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Next = time.Millisecond })
	page := state("/d/shop", 1, "a")
	page.At = time.Now().Add(-time.Minute)
	s.publish(nil, page)
	c := s.dial()
	c.watch("/d/shop", "")
	c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	for range 2 { // one second of slack each
		m := c.expect(delta.TypeStatus)
		if m.Status.State != "stale" || m.Status.Reason != "behind" || m.Age < time.Minute || !m.Status.Since.Equal(page.At.UTC().Truncate(time.Microsecond)) {
			t.Errorf("an old proof was repeated as %+v, %v old", m.Status, m.Age)
		}
	}
	s.publish(page, state("/d/shop", 2, "a", "b"))
	c.expect(delta.TypeDelta, delta.TypeStatus)
	c.watch("/d/other", "")
	c.expect(delta.TypeWatching)
	if m := c.expect(delta.TypeStatus); m.Status.State != "stale" || m.Page != "/d/other" {
		t.Errorf("a page that nobody speaks of: %+v", m.Status)
	}
}
