package web_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// eventStream reads blocks of server-sent events.
type eventStream struct {
	*testing.T
	resp *http.Response
	r    *bufio.Reader
}

func (s *site) events(page string, header ...string) *eventStream {
	s.Helper()
	return s.stream("/api/v1/events"+query(page), header...)
}

func (s *site) stream(path string, header ...string) *eventStream {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), "GET", s.url(path), nil)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = resp.Body.Close() })
	return &eventStream{s.T, resp, bufio.NewReader(resp.Body)}
}

// next returns the fields of the next block; none at the end.
func (e *eventStream) next() map[string]string {
	e.Helper()
	block := map[string]string{}
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			return block
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return block
		}
		name, value, _ := strings.Cut(line, ": ")
		if _, twice := block[name]; twice {
			e.Errorf("field %s twice", name)
		}
		block[name] = value
	}
}

func (e *eventStream) expect(kind, id string) delta.Message {
	e.Helper()
	block := e.next()
	m, err := delta.Decode([]byte(block["data"]))
	if err != nil || m.Type != kind || block["id"] != id {
		e.Fatalf("got %v, %v; want a %s with id %q", block, err, kind, id)
	}
	return m
}

func TestEvents(t *testing.T) {
	s := newSite(t)
	first := s.begin("/d/shop", "a")
	e := s.events("/d/shop")
	if got := e.resp.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if m := e.expect(delta.TypeSnapshot, "e:1"); !m.State.Equal(first) {
		t.Errorf("%+v", m.State)
	}
	e.expect(delta.TypeStatus, "")
	s.publish(first, state("/d/shop", 2, "a", "b"))
	e.expect(delta.TypeDelta, "e:2")
	e.expect(delta.TypeStatus, "")

	resumed := s.events("/d/shop", "Last-Event-ID", "e:1")
	resumed.expect(delta.TypeDelta, "e:2")
	resumed.expect(delta.TypeStatus, "")

	s.hub.Publish("/d/shop", broadcast.Update[*delta.State]{Last: delta.EncodeReload("/d/shop", "", "")})
	e.expect(delta.TypeReload, "")
	if rest := e.next(); len(rest) != 0 {
		t.Errorf("after the last message: %v", rest)
	}
	if resp, _ := s.ask("GET", "/api/v1/events"+query("/d/gone"), "Last-Event-ID", "e:1"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("a page that is gone: %d", resp.StatusCode)
	}
}

func TestEventsEndWhenTheClientLeaves(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	e := s.events("/d/shop")
	e.expect(delta.TypeSnapshot, "e:1")
	if s.Viewers() != 1 || s.Connections() != 0 {
		t.Errorf("%d watch, and %d connections are net/http's no more", s.Viewers(), s.Connections())
	}
	_ = e.resp.Body.Close()
	s.until("released", func() bool { return s.watchers("/d/shop") == 0 && s.Viewers() == 0 })
}

func TestEventsAreToldWhenToComeBack(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	e := s.events("/d/shop")
	e.expect(delta.TypeSnapshot, "e:1")
	e.expect(delta.TypeStatus, "")
	s.Drain(t.Context())
	bye := func(e *eventStream) {
		retry := e.next()["retry"]
		m := e.expect(delta.TypeBye, "")
		if retry == "" || m.RetryAfter.Milliseconds() == 0 || len(e.next()) != 0 {
			t.Errorf("retry %q, bye %+v", retry, m)
		}
	}
	bye(e)
	bye(s.events("/d/shop")) // who comes while it stops is told, too
}

func TestTooManyEvents(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Limits.Sockets = 1 })
	s.begin("/d/shop", "a")
	s.events("/d/shop").expect(delta.TypeSnapshot, "e:1")
	if resp, body := s.ask("GET", "/api/v1/events"+query("/d/shop")); resp.StatusCode != 429 || !strings.Contains(body, "too_many") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
