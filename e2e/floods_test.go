//go:build unix

package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// onslaught is what one address does to the server, over and over, from several
// connections at once.
type onslaught struct {
	name string
	once func(ctx context.Context, f *flooded, n int64) // one of many
	at   int                                            // how many at once
	// most is how many transactions a second the database may be asked for beyond
	// what it is asked for the viewer beside it.
	most float64
	told bool // it has to be refused, sooner or later
}

func onslaughts() []onslaught {
	table := "page=" + url.QueryEscape("/t/public.quiet")
	return []onslaught{
		{"a page that is live", asking("/t/public.quiet"), 6, 250, true},
		{"its count", asking("/api/v1/count?" + table), 6, 250, true},
		{"one row", asking("/api/v1/row?" + table + "&key=" + url.QueryEscape(`["7"]`)), 6, 250, true},
		{"exports", asking("/t/public.quiet/all.csv"), 6, 250, true},
		{"the list of all pages", asking("/api/v1/pages"), 6, 150, true},
		{"other values each time", func(ctx context.Context, f *flooded, n int64) { f.get(ctx, fmt.Sprintf("/d/page?x=v%d", n)) }, 6, 150, true},
		{"other filters each time", func(ctx context.Context, f *flooded, n int64) {
			f.get(ctx, fmt.Sprintf("/t/public.quiet?where=id.gt.%d", n))
		}, 6, 250, true},
		{"connections that say nothing", halfOpen, 300, 150, false},
		{"handshakes", handshake, 6, 150, true},
		{"handshakes of another site", foreign, 6, 150, true},
		{"bodies that do not come", halfBody, 300, 150, false},
		{"messages that unpack to megabytes", bomb, 4, 150, false},
		{"messages without a pause", messages, 4, 150, true},
		{"pings without a pause", raw("", "\x89\x80\x00\x00\x00\x00"), 4, 150, true},
		{"pieces of a message, with nothing in them", raw("\x01\x80\x00\x00\x00\x00", "\x00\x80\x00\x00\x00\x00"), 4, 150, true},
	}
}

// flooded counts what came of an onslaught.
type flooded struct {
	*limited
	from                 string // as a proxy on this machine tells
	client               *http.Client
	tried, refused, fine atomic.Int64
	hint                 atomic.Bool // a refusal without the time to come again
}

// TestFloods has one address after the other try what it can. The viewer beside it
// sees each change as soon as ever, and PostgreSQL, which counts its transactions
// itself, is not asked more for it than an address may. ROWCAST_FLOODS=1m has each
// go on for a minute, from thousands of connections where they are what floods.
func TestFloods(t *testing.T) {
	t.Parallel()
	over, times := 1200*time.Millisecond, 1
	if text := os.Getenv("ROWCAST_FLOODS"); text != "" {
		var err error
		if over, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		times = 33
	}
	l := limits(t, "export ROWCAST_MAX_ADDRESS_PAGES=30 ROWCAST_MAX_ADDRESS_SOCKETS=40 ROWCAST_TRUSTED_PROXY=127.0.0.1 ROWCAST_LET_ANYONE_ON_THE_NETWORK_READ=true ROWCAST_ALLOW_POWERFUL_ROLE=true;", chosenPage)
	l.db.Script(t, `CREATE TABLE quiet AS SELECT n AS id, 'word ' || n AS word FROM generate_series(1, 500) n; ALTER TABLE quiet ADD PRIMARY KEY (id); ANALYZE quiet;`)
	alone, usual := l.measure(over)
	for i, o := range onslaughts() {
		if o.at > 100 {
			o.at *= times
		}
		t.Run(o.name, func(t *testing.T) { l.withstands(t, o, fmt.Sprintf("192.0.2.%d", i+1), over, alone, middle(usual)) })
	}
}

// withstands runs an onslaught for a moment beside the viewer.
func (l *limited) withstands(t *testing.T, o onslaught, from string, over time.Duration, alone float64, usual time.Duration) {
	ctx, stop := context.WithCancel(t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: o.at}
	defer transport.CloseIdleConnections()
	f := &flooded{limited: l, from: from, client: &http.Client{Transport: transport}}
	var all sync.WaitGroup
	for range o.at {
		all.Go(func() {
			for ctx.Err() == nil {
				o.once(ctx, f, f.tried.Add(1))
			}
		})
	}
	sleep(ctx, 300*time.Millisecond)                                                                  // what comes at once is over
	for began := time.Now(); o.told && f.refused.Load() == 0 && time.Since(began) < 20*time.Second; { // a busy machine takes longer to come to the limit
		sleep(ctx, 10*time.Millisecond)
	}
	asked, during := l.measure(over)
	for range 2 {
		if asked <= alone+o.most {
			break
		}
		// A session may tell in this time what it did in another; not time and again.
		again, more := l.measure(over)
		asked, during = min(asked, again), append(during, more...)
	}
	stop()
	all.Wait()
	t.Logf("%d tried, %d answered, %d refused; %.0f transactions a second, %.0f without it; a change is shown after %v, at worst %v, without it %v",
		f.tried.Load(), f.fine.Load(), f.refused.Load(), asked, alone, middle(during), slices.Max(during), usual)
	if f.tried.Load() < int64(o.at) || o.told && f.refused.Load() == 0 {
		t.Error("it was no flood")
	}
	if f.hint.Load() {
		t.Error("a refusal does not say when to come again")
	}
	if asked > alone+o.most {
		t.Errorf("the database is asked %.0f times a second, without the flood %.0f", asked, alone)
	}
	if slowest := slices.Max(during); middle(during) > max(4*usual, 250*time.Millisecond) || slowest > 3*time.Second {
		t.Errorf("a change was shown after %v, at worst %v; without the flood %v", middle(during), slowest, usual)
	}
}

// measure tells how many transactions a second PostgreSQL counts in the database,
// and how long changes take to be shown meanwhile. A session tells what it did a
// second later at the latest, so both ends of the time are as late.
func (l *limited) measure(over time.Duration) (transactions float64, shown []time.Duration) {
	l.Helper()
	conn := l.db.Conn(l.T)
	defer conn.Close(context.Background())
	count := func() (n float64) {
		if err := conn.QueryRow(l.Context(), `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`).Scan(&n); err != nil {
			l.Fatal(err)
		}
		return n
	}
	began, first := time.Now(), count()
	for time.Since(began) < over {
		shown = append(shown, l.latency(1, 100*time.Millisecond)...)
	}
	return (count() - first) / time.Since(began).Seconds(), shown
}

// asking asks for one address.
func asking(path string) func(context.Context, *flooded, int64) {
	return func(ctx context.Context, f *flooded, _ int64) { f.get(ctx, path) }
}

func (f *flooded) get(ctx context.Context, path string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(f.URL, "/")+path, nil)
	if err != nil {
		return
	}
	req.Header.Set("X-Forwarded-For", f.from)
	res, err := f.client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	f.note(res)
	sleep(ctx, time.Millisecond) // the client shares the machine
}

func (f *flooded) note(res *http.Response) {
	if res.StatusCode != http.StatusTooManyRequests {
		f.fine.Add(1)
		return
	}
	f.refused.Add(1)
	if res.Header.Get("Retry-After") == "" {
		f.hint.Store(true)
	}
}

// halfOpen begins a handshake and does not go on.
func halfOpen(ctx context.Context, f *flooded, _ int64) {
	f.half(ctx, "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: "+f.from+"\r\nX-Slow: ")
}

// halfBody says that a body follows, and sends half of it.
func halfBody(ctx context.Context, f *flooded, _ int64) {
	f.half(ctx, "GET /d/page HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: "+f.from+"\r\nContent-Length: 60000\r\n\r\n"+strings.Repeat("x", 30000))
}

// half sends the beginning of a request, and waits for what comes of it.
func (f *flooded) half(ctx context.Context, text string) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimSuffix(strings.TrimPrefix(f.URL, "http://"), "/"))
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
	gone := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer gone()
	_, _ = io.Copy(io.Discard, conn)
}

func (f *flooded) dial(ctx context.Context) *websocket.Conn {
	return f.dialAs(ctx, http.Header{"X-Forwarded-For": {f.from}})
}

func (f *flooded) dialAs(ctx context.Context, head http.Header) *websocket.Conn {
	conn, res, err := websocket.Dial(ctx, strings.TrimSuffix(f.URL, "/")+"/live", &websocket.DialOptions{
		Subprotocols: []string{web.Subprotocol}, CompressionMode: websocket.CompressionNoContextTakeover, HTTPHeader: head,
	})
	if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
		f.note(res)
	}
	if err != nil {
		sleep(ctx, 5*time.Millisecond)
		return nil
	}
	return conn
}

// handshake opens a socket and leaves.
func handshake(ctx context.Context, f *flooded, _ int64) {
	if conn := f.dial(ctx); conn != nil {
		f.fine.Add(1)
		_ = conn.CloseNow()
	}
}

// foreign is what the visitors of another site's page would do by it.
func foreign(ctx context.Context, f *flooded, n int64) {
	if conn := f.dialAs(ctx, http.Header{"X-Forwarded-For": {f.from}, "Origin": {fmt.Sprintf("https://%d.example", n)}}); conn != nil {
		f.Error("a page of another site has a socket")
		_ = conn.CloseNow()
	}
}

// bomb sends a message that is small as long as it is packed.
func bomb(ctx context.Context, f *flooded, _ int64) {
	conn := f.dial(ctx)
	if conn == nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	if conn.Write(ctx, websocket.MessageText, delta.EncodeWatch(strings.Repeat("0", 4<<20), "")) == nil {
		_, _, _ = conn.Read(ctx)
	}
}

// messages asks for one page after the other as fast as they can be sent.
func messages(ctx context.Context, f *flooded, n int64) {
	conn := f.dial(ctx)
	if conn == nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				f.refused.Add(1)
				return
			}
			f.fine.Add(1)
		}
	}()
	for i := 0; conn.Write(ctx, websocket.MessageText, delta.EncodeWatch(fmt.Sprintf("/d/page?x=m%d.%d", n, i), "")) == nil; i++ {
	}
	<-ended
}

// raw sends a frame, and then another one, a thousand at a time, until its socket is
// closed.
func raw(first, again string) func(context.Context, *flooded, int64) {
	return func(ctx context.Context, f *flooded, _ int64) {
		const open = "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: "
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimSuffix(strings.TrimPrefix(f.URL, "http://"), "/"))
		if err != nil {
			return
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		_, _ = io.WriteString(conn, open+f.from+"\r\n\r\n")
		r := bufio.NewReader(conn)
		if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			sleep(ctx, 5*time.Millisecond)
			return
		}
		f.fine.Add(1)
		go func() { _, _ = io.Copy(io.Discard, r) }()
		_, err = io.WriteString(conn, first)
		many := []byte(strings.Repeat(again, 1000))
		for err == nil {
			_, err = conn.Write(many)
		}
		f.refused.Add(1)
	}
}
