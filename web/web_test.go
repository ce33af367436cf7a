package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a server over pages and a feed that the test plays.
type site struct {
	*testing.T
	*web.Server
	http *httptest.Server
	hub  *broadcast.Hub[*delta.State]
	logs *lockedBuffer

	mu       sync.Mutex // guards all below
	pages    map[string]*dashboard.Page
	rules    map[string]dashboard.Access // by slug
	open     map[string]int
	opened   int
	last     *dashboard.Page // that was opened
	released int
	begun    map[string]broadcast.Update[*delta.State] // by address: what every page of it begins with
	ids      map[string]bool                           // of pages that have begun
	fault    error                                     // of Page
	hold     chan struct{}                             // Page waits for it, if not nil
	opening  func(*dashboard.Page)                     // called first by Open, if not nil
	listed   []dashboard.DashboardEntry                // besides the usual ones
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPlay is the pages and the feed, without a server.
func newPlay(t *testing.T) *site {
	s := &site{T: t, hub: broadcast.New[*delta.State](broadcast.Config{}), logs: &lockedBuffer{},
		pages: map[string]*dashboard.Page{}, rules: map[string]dashboard.Access{}, begun: map[string]broadcast.Update[*delta.State]{}, ids: map[string]bool{}, open: map[string]int{}}
	s.add("/d/shop", "latest")
	s.add("/d/other", "latest")
	table := s.add("/t/public.orders", "rows")
	table.Table = &dashboard.Table{Schema: "public", Name: "orders", RelKind: "r", RowsEstimate: 12,
		Columns: []dashboard.TableColumn{{Name: "id", Sortable: true}}}
	return s
}

func newSite(t *testing.T, change ...func(*web.Config)) *site {
	t.Helper()
	s := newPlay(t)
	c := web.Config{Pages: s, Feed: s, Hub: s.hub, Log: slog.New(slog.NewTextHandler(s.logs, nil)), FirstPaint: 200 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	s.Server = web.New(c)
	s.http = httptest.NewUnstartedServer(nil)
	s.http.Config = s.HTTPServer()
	s.http.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		s.Drain(ctx)
		s.http.Close()
		http.DefaultClient.CloseIdleConnections()
		if n := s.Viewers(); n != 0 {
			t.Errorf("%d viewers are left", n)
		}
		// A page that a socket asked for as it left is given back when it is there.
		for deadline := time.Now().Add(2 * time.Second); s.held() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.opened != s.released {
			t.Errorf("pages were opened %d times and released %d times", s.opened, s.released)
		}
	})
	return s
}

func (s *site) held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened != s.released
}

func (s *site) add(address string, panels ...string) *dashboard.Page {
	p := &dashboard.Page{Address: address, Kind: dashboard.KindDashboard, Title: "Shop", TimeZone: "UTC"}
	for _, id := range panels {
		p.Panels = append(p.Panels, dashboard.Panel{ID: id, Title: id, Type: "table", Limit: 50})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[address] = p
	return p
}

// Page is as a book's: the path counts, known variables stay.
func (s *site) Page(ctx context.Context, address string) (*dashboard.Page, error) {
	s.mu.Lock()
	hold, fault := s.hold, s.fault
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fault != nil {
		return nil, fault
	}
	if address == "/d/broken" {
		return nil, &dashboard.AddressError{Code: "unavailable", Message: "the file has a mistake",
			Problem: &dashboard.Problem{File: "broken.yaml", Line: 3, Column: 5, What: "panels must be a list", Excerpt: "panels: 7"}}
	}
	if address == "/d/panic" {
		panic("a mistake in the program")
	}
	path, _, _ := strings.Cut(address, "?")
	if before, _, more := strings.Cut(address, "&"); more {
		address = before // what is not known is ignored
	}
	if path == "/t/hr.salaries" {
		return nil, &dashboard.AddressError{Code: "forbidden", Message: "the role may not read hr.salaries", Fix: "GRANT SELECT ON hr.salaries TO reader;"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range []string{address, path} {
		if p := s.pages[at]; p != nil {
			own := *p // a page is made anew for everybody
			own.Panels = slices.Clone(p.Panels)
			return &own, nil
		}
	}
	return nil, &dashboard.AddressError{Code: "not_found", Message: fmt.Sprintf("no page %q", path)}
}

// Current is as a book's.
func (s *site) Current(p *dashboard.Page) string {
	path, _, _ := strings.Cut(p.Address, "?")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range []string{p.Address, path} {
		if now := s.pages[at]; now != nil {
			return now.Mark
		}
	}
	return ""
}

// Subject is as a book's.
func (s *site) Subject(address string) (dashboard.Subject, error) {
	path, _, _ := strings.Cut(address, "?")
	if slug, ok := strings.CutPrefix(path, "/d/"); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		return dashboard.Subject{Kind: dashboard.KindDashboard, Slug: slug, Access: s.rules[slug]}, nil
	}
	if name, ok := strings.CutPrefix(path, "/t/"); ok {
		schema, table, _ := strings.Cut(name, ".")
		return dashboard.Subject{Kind: dashboard.KindTable, Schema: schema, Name: table}, nil
	}
	if path == "/status" {
		return dashboard.Subject{Kind: dashboard.KindStatus}, nil
	}
	return dashboard.Subject{}, &dashboard.AddressError{Code: "not_found", Message: "there is no page at " + path}
}

func (s *site) Index(context.Context) (dashboard.Index, error) {
	mistake := &dashboard.Problem{File: "broken.yaml", Line: 3, Column: 5, What: "panels must be a list"}
	return dashboard.Index{
		Dashboards: append([]dashboard.DashboardEntry{{Address: "/d/broken", Title: "Broken", Problem: mistake, Broken: true}, {Address: "/d/shop", Title: "Shop", Panels: []dashboard.PanelEntry{{ID: "revenue", Title: "Revenue today"}}}}, s.listed...),
		Tables:     []dashboard.TableEntry{{Address: "/t/public.orders", Schema: "public", Name: "orders", RelKind: "r", Live: true, RowsEstimate: 2100000}},
	}, nil
}

func (s *site) Open(p *dashboard.Page) func() {
	if s.opening != nil {
		s.opening(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	s.open[p.Address]++
	s.last = p
	if u, ok := s.begun[p.Address]; ok && p.ID() != p.Address && !s.ids[p.ID()] {
		s.ids[p.ID()] = true
		s.hub.Publish(p.ID(), u)
	}
	done := false
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if done {
			s.Errorf("%s was released twice", p.Address)
		}
		done = true
		s.released++
		s.open[p.Address]--
	}
}

// state is a page whose panels all have one column and these rows.
func state(page string, n int, rows ...string) *delta.State {
	p := &delta.Panel{Columns: []delta.Column{{Name: "name", Type: "text"}}}
	for _, r := range rows {
		p.Rows = append(p.Rows, delta.Row{Key: r, Cells: []delta.Cell{{Text: r}}})
	}
	id := "latest"
	if strings.HasPrefix(page, "/t/") {
		id = "rows"
	}
	return &delta.State{Page: page, Cursor: fmt.Sprintf("e:%d", n), At: time.Now().UTC().Truncate(time.Microsecond), Panels: map[string]*delta.Panel{id: p}}
}

// publish begins an epoch, or steps from old.
func (s *site) publish(old, new *delta.State) *delta.State {
	u := broadcast.Update[*delta.State]{
		Cursor: new.Cursor, State: new, Snapshot: func() []byte { return delta.EncodeSnapshot(new) },
		Status: func(now time.Time) []byte {
			return delta.EncodeStatus(delta.Status{Page: new.Page, State: "live", At: new.At, Next: 5 * time.Second}, now)
		},
	}
	if old != nil {
		u.Delta = delta.EncodeDelta(old.Cursor, new, delta.DiffState(old, new))
	}
	s.mu.Lock()
	s.begun[new.Page] = u
	s.mu.Unlock()
	s.hub.Publish(new.Page, u)
	return new
}

func (s *site) begin(page string, rows ...string) *delta.State {
	return s.publish(nil, state(page, 1, rows...))
}

// client is a socket of a test.
type client struct {
	*testing.T
	*websocket.Conn
}

func (s *site) url(path string) string { return s.http.URL + path }

func (s *site) dial(header ...string) *client {
	s.Helper()
	return s.dialAt("/live", header...)
}

func (s *site) dialAt(path string, header ...string) *client {
	s.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, s.url(path), &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}, HTTPHeader: h})
	if err != nil {
		s.Fatalf("dial: %v", err)
	}
	if resp.Header.Get("Sec-WebSocket-Protocol") != web.Subprotocol {
		s.Errorf("subprotocol %q", resp.Header.Get("Sec-WebSocket-Protocol"))
	}
	conn.SetReadLimit(-1)
	s.Cleanup(func() { _ = conn.CloseNow() })
	return &client{s.T, conn}
}

func (c *client) send(text string) {
	c.Helper()
	if err := c.Write(c.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.Fatalf("send: %v", err)
	}
}

func (c *client) watch(page, cursor string) {
	c.Helper()
	c.send(string(delta.EncodeWatch(page, cursor)))
}

func (c *client) next() delta.Message {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	kind, b, err := c.Read(ctx)
	if err != nil {
		c.Fatalf("read: %v", err)
	}
	if kind != websocket.MessageText {
		c.Errorf("message of kind %v", kind)
	}
	m, err := delta.Decode(b)
	if err != nil {
		c.Fatalf("decode %s: %v", b, err)
	}
	return m
}

// expect reads messages of these types, in order, and returns the last one.
func (c *client) expect(types ...string) delta.Message {
	c.Helper()
	var m delta.Message
	for _, want := range types {
		if m = c.next(); m.Type != want {
			c.Fatalf("got a %s %+v, want a %s", m.Type, m, want)
		}
	}
	return m
}

// closed reads to the end and returns the close code.
func (c *client) closed() websocket.StatusCode {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			if ctx.Err() != nil {
				c.Fatal("the socket was not closed")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// ask does a request and returns the answer and its body.
func (s *site) ask(method, target string, header ...string) (*http.Response, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url(target), nil)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.Fatal(err)
	}
	return resp, string(body)
}

func (s *site) until(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("timeout: %s", what)
		}
	}
}

func (s *site) watchers(address string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[address]
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func query(page string) string { return "?page=" + url.QueryEscape(page) }
