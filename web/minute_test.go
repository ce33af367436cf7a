package web_test

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// pipes is a listener whose connections stay in this process, so that a bubble's
// clock moves while nothing is said on them.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.over)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }

// client is one whose requests go through the pipes.
func (p *pipes) client() *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case p.conns <- local{there}:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// minute is a door in a bubble, with all of its clocks as they are when it is
// served: nothing has it look again but Run.
type minute struct {
	*door
	client *http.Client
}

// newMinute signs anna in, whose session lasts for life, and root.
func newMinute(t *testing.T, life time.Duration) (m *minute, anna []string) {
	m = &minute{door: &door{dir: t.TempDir(), audit: &lockedBuffer{}, site: newPlay(t)}}
	gate := m.gate(t, life, nil)
	m.rules["shop"] = dashboard.Access{Groups: []string{"sales"}}
	m.begin("/d/shop", "a row")
	m.begin("/t/public.orders", "a row")
	m.Server = web.New(web.Config{Access: gate, Pages: m, Feed: m, Hub: m.hub, Log: slog.New(slog.DiscardHandler)})
	ln := newPipes()
	m.client = ln.client()
	server := m.HTTPServer()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = server.Serve(ln) }()
	go func() { _ = m.Server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		m.Drain(context.Background())
		_ = server.Close()
	})
	resp := m.post("/sign-in", url.Values{"name": {"anna"}, "password": {password}})
	if anna = session(resp); anna == nil {
		t.Fatalf("sign-in: %d", resp.StatusCode)
	}
	return m, anna
}

func (m *minute) post(path string, form url.Values, header ...string) *http.Response {
	r := httptest.NewRequestWithContext(m.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:9"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Result()
}

// ending is how something that was open ended.
type ending struct {
	at   time.Time
	code websocket.StatusCode // of a socket
	told string               // all that a stream was told
}

// socket opens one and says how it ends; page is what it watches, "": nothing.
func (m *minute) socket(base, page string, header ...string) <-chan ending {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	ws, _, err := websocket.Dial(m.Context(), "http://127.0.0.1"+base+"/live", &websocket.DialOptions{HTTPClient: m.client, HTTPHeader: h})
	if err != nil {
		m.Fatalf("dial: %v", err)
	}
	if page != "" {
		if err := ws.Write(m.Context(), websocket.MessageText, delta.EncodeWatch(page, "")); err != nil {
			m.Fatal(err)
		}
	}
	ended := make(chan ending, 1)
	go func() {
		for {
			if _, _, err := ws.Read(m.Context()); err != nil {
				ended <- ending{at: time.Now(), code: websocket.CloseStatus(err)}
				_ = ws.CloseNow()
				return
			}
		}
	}()
	return ended
}

// stream is the same for an event stream.
func (m *minute) stream(base, page string, header ...string) <-chan ending {
	r, _ := http.NewRequestWithContext(m.Context(), http.MethodGet, "http://127.0.0.1"+base+"/api/v1/events"+query(page), nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := m.client.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		m.Fatalf("stream: %v %v", resp, err)
	}
	ended := make(chan ending, 1)
	go func() {
		defer resp.Body.Close()
		told, _ := io.ReadAll(resp.Body)
		ended <- ending{at: time.Now(), told: string(told)}
	}()
	return ended
}

// TestWhatEndsIsOverWithinAMinute has nobody but the server's own clock look again
// at what is open: whatever ends, a socket that watches, one that does not, and an
// event stream are closed within the minute that is promised, and not sooner than
// what let them in ended.
func TestWhatEndsIsOverWithinAMinute(t *testing.T) {
	for i, c := range []struct {
		what  string
		life  time.Duration // of sessions; an hour where it is 0
		page  string        // that is watched; the shop where it is ""
		end   func(m *minute, anna []string)
		atAll bool // whoever watches nothing has to go too
		once  bool // it is over at once
	}{
		{what: "a session's end", life: 10 * time.Minute, atAll: true},
		{what: "a sign-out elsewhere", end: func(m *minute, _ []string) { // by a command, or another server
			sessions, err := access.OpenSessions(m.dir, time.Hour, slog.New(slog.DiscardHandler))
			if err != nil {
				m.Fatal(err)
			}
			if n, err := sessions.EndAll("anna"); n != 1 || err != nil {
				m.Fatal(n, err)
			}
		}, atAll: true},
		{what: "a sign-out here", end: func(m *minute, anna []string) { m.post("/sign-out", nil, anna...) }, atAll: true, once: true},
		{what: "a user who is removed", end: func(m *minute, _ []string) { m.rewrite("users", "anna:", "nora:") }, atAll: true},
		{what: "another password", end: func(m *minute, _ []string) { m.repass("anna") }, atAll: true},
		{what: "other groups", end: func(m *minute, _ []string) { m.regroup("anna", "tea") }},
		{what: "a dashboard's rule", end: func(m *minute, _ []string) { m.rule("shop", dashboard.Access{Users: []string{"ben"}}) }},
		{what: "a table's rule", page: "/t/public.orders", end: func(m *minute, _ []string) { m.rewrite("access.yaml", "public.orders", "public.others") }},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, anna := newMinute(t, cmp.Or(c.life, time.Hour))
				over, most := time.Now().Add(c.life), time.Minute
				if c.once {
					most = time.Second
				}
				page := cmp.Or(c.page, "/d/shop")
				watching, idle, stream := m.socket("", page, anna...), m.socket("", "", anna...), m.stream("", page, anna...)
				time.Sleep(3*time.Minute + time.Duration(1+37*i)*time.Second) // none of them ends by itself; and not in step with a clock
				synctest.Wait()
				if m.Viewers() != 3 {
					t.Fatalf("%d of 3 are open", m.Viewers())
				}
				if c.end != nil {
					over = time.Now()
					c.end(m, anna)
				}
				m.closes("the socket", watching, over, most)
				m.ends("the stream", stream, over, most)
				if c.atAll {
					m.closes("the idle socket", idle, over, most)
				}
				if n := strings.Count(m.audit.String(), `"event":"viewer_ended","user":"anna","from":"127.0.0.1"`); n < 2 {
					t.Errorf("the audit log tells it %d times", n)
				}
			})
		})
	}
}

// The same holds of what came by a link, and of what its maker may see no more; and while
// it is open, the list says that it is used.
func TestWhatALinkOpenedIsOverWithinAMinute(t *testing.T) {
	for _, c := range []struct {
		what  string
		by    string // its maker; anna where it is ""
		end   func(m *minute, id string)
		once  bool
		stays bool // for whoever watches nothing
	}{
		{what: "its end"},
		{what: "it is revoked elsewhere", end: func(m *minute, id string) {
			if err := m.links().Revoke(id); err != nil {
				m.Fatal(err)
			}
		}},
		{what: "it is revoked here", end: func(m *minute, id string) {
			resp := m.post("/sign-in", url.Values{"name": {"root"}, "password": {password}})
			m.post("/links/revoke", url.Values{"id": {id}}, session(resp)...)
		}, once: true},
		{what: "another key", end: func(m *minute, _ string) { m.write("link.key", strings.Repeat("ab", 32)+"\n") }},
		{what: "the dashboard's rule", end: func(m *minute, _ string) { m.rule("shop", dashboard.Access{Users: []string{"ben"}}) }, stays: true},
		{what: "its maker left the group", end: func(m *minute, _ string) { m.regroup("anna", "tea") }, stays: true},
		{what: "its maker is gone from the users", end: func(m *minute, _ string) { m.rewrite("users", "anna:", "nora:") }},
		{what: "its maker is no admin any more", by: "root", end: func(m *minute, _ string) { m.rewrite("access.yaml", "root", "nora") }, stays: true},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := newMinute(t, time.Hour)
				life, most := time.Hour, time.Minute
				if c.end == nil {
					life = 10 * time.Minute
				}
				if c.once {
					most = time.Second
				}
				made, token, err := m.links().Make("/d/shop", "hall", cmp.Or(c.by, "anna"), access.ModePassword, life)
				if err != nil {
					t.Fatal(err)
				}
				over := made.Until
				watching, idle, stream := m.socket("/s/"+token, "/d/shop"), m.socket("/s/"+token, ""), m.stream("/s/"+token, "/d/shop")
				for range 4 {
					time.Sleep(75 * time.Second) // a minute, and the look that follows it
					synctest.Wait()
					if ago := time.Since(m.links().used(made.ID)); ago < 0 || ago > 75*time.Second {
						t.Errorf("it was used %v ago", ago)
					}
				}
				if m.Viewers() != 3 {
					t.Fatalf("%d of 3 are open", m.Viewers())
				}
				if c.end != nil {
					over = time.Now()
					c.end(m, made.ID)
				}
				m.closes("the socket", watching, over, most)
				m.ends("the stream", stream, over, most)
				ended := 2
				if !c.stays {
					ended = 3
					m.closes("the idle socket", idle, over, most)
				}
				if n := strings.Count(m.audit.String(), `"event":"viewer_ended","user":"link `+made.ID+`"`); n != ended {
					t.Errorf("the audit log tells it %d times, want %d", n, ended)
				}
			})
		})
	}
}

// rewrite changes a file of the door.
func (m *minute) rewrite(name, from, to string) {
	b, err := os.ReadFile(m.path(name))
	if err != nil || !strings.Contains(string(b), from) {
		m.Fatalf("%s without %q: %v", name, from, err)
	}
	m.write(name, strings.ReplaceAll(string(b), from, to))
}

// links are the folder's, as a command or another server has them.
func (m *minute) links() linksOf {
	l, err := access.OpenLinks(m.dir, "", slog.New(slog.DiscardHandler))
	if err != nil {
		m.Fatal(err)
	}
	return linksOf{l, m.T}
}

type linksOf struct {
	*access.Links
	t *testing.T
}

func (l linksOf) used(id string) time.Time {
	all, err := l.List()
	if err != nil || len(all) != 1 || all[0].ID != id {
		l.t.Fatal(all, err)
	}
	return all[0].Used
}

// closes waits until a socket is closed for what it may see, within most after what
// let it in was over.
func (m *minute) closes(what string, ended <-chan ending, over time.Time, most time.Duration) {
	m.Helper()
	e := <-ended
	if after := e.at.Sub(over); after < 0 || after > most {
		m.Errorf("%s ends %v after that", what, after)
	}
	if e.code != websocket.StatusPolicyViolation {
		m.Errorf("%s is closed with %d", what, e.code)
	}
}

// ends is the same for a stream, which is told why.
func (m *minute) ends(what string, ended <-chan ending, over time.Time, most time.Duration) {
	m.Helper()
	e := <-ended
	if after := e.at.Sub(over); after < 0 || after > most {
		m.Errorf("%s ends %v after that", what, after)
	}
	if !strings.Contains(e.told, `"type":"error"`) || strings.Contains(e.told, `"type":"bye"`) {
		m.Errorf("%s is told %s", what, e.told)
	}
}
