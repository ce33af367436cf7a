// Package web is the edge: it answers requests for pages with HTML, carries
// each page's messages to its viewers over a WebSocket or as server-sent
// events, and offers the same data as JSON and CSV. docs/protocol.md is the
// contract that it keeps.
//
// It holds no rows of its own. A page is looked up in [Pages], kept alive with
// [Feed], and heard through the hub; so a viewer costs a position in a ring, and a
// socket one small goroutine that reads.
//
// What is sent to a viewer is bounded: every write has a deadline, a viewer that
// reads slowly hears the newest state less often, and one that does not read is
// closed. Nobody else notices.
package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// Subprotocol is the WebSocket subprotocol of protocol v1.
const Subprotocol = "rowcast.v1"

// Pages knows which pages there are. An address is a URL path and query without
// the base path; an error that is a *dashboard.AddressError is told to whoever
// asked, any other is logged. Subject says what an address is about without telling
// whether it is there: it is asked first, and may not take long. Current is the
// mark that the page would have if it were looked up now; it takes no time either.
type Pages interface {
	Subject(address string) (dashboard.Subject, error)
	Page(ctx context.Context, address string) (*dashboard.Page, error)
	Current(p *dashboard.Page) string
	Index(ctx context.Context) (dashboard.Index, error)
}

// Feed runs pages that somebody watches. release is called exactly once.
type Feed interface {
	Open(p *dashboard.Page) (release func())
}

// Tables reads of tables what is on no live page. Errors are as those of Pages.
type Tables interface {
	Count(ctx context.Context, p *dashboard.Page) (dashboard.Count, error)
	Row(ctx context.Context, p *dashboard.Page, key string) (*dashboard.Row, error)
	Export(ctx context.Context, p *dashboard.Page, begin func([]dashboard.ExportColumn) error, row func(cells [][]byte) error) error
	Draft(ctx context.Context, p *dashboard.Page) (string, error)
}

// Readiness is what /readyz tells.
type Readiness struct {
	Ready    bool   // the dashboards are loaded and the database was reached once
	Degraded string // why nothing is live at present, as a stale reason; "" when all is well
}

// Demo lets a viewer of the sample shop insert an order by hand.
type Demo struct {
	Insert  func(ctx context.Context) error
	Tables  []string // that it changes, as in "shop.orders": on the pages of others the button does not stand
	Label   string   // of the button; "": "Insert an order"
	Command string   // a psql command that does the same; "" where there is none
}

// Config says what to serve. Pages, Feed and Hub are required.
type Config struct {
	Pages  Pages
	Tables Tables // nil: nothing is counted, exported or read by its key
	Feed   Feed
	Hub    *broadcast.Hub[*delta.State]
	Log    *slog.Logger // nil: slog.Default()

	// Access says who may see what; nil: everybody everything. With it, Authors
	// and what may be seen are its decision, and [Server.Run] has to run.
	Access *access.Gate
	// Metrics answers GET /metrics, to everybody or, with Access, to admins; nil:
	// nobody does.
	Metrics http.Handler

	// Status is the address of the page of kind status among Pages, which with
	// Access is for admins; "": there is none.
	Status string
	// PublicURL is the address that people use, where a proxy may not tell it:
	// pages of its origin are the server's own. "": not known.
	PublicURL string
	// Origins are those whose pages may open sockets and event streams besides the
	// server's own, and nothing else, each as "https://wall.example"; see
	// [CheckOrigins].
	Origins []string
	// Hosts are the Host names (without port) that are answered; empty: any. A
	// server that is reachable on loopback only should name its own, or a
	// foreign page could reach it by rebinding its name. Health is always told.
	Hosts []string
	// Embed are the origins whose pages may show this server's pages in a frame,
	// as in Origins; empty: none.
	Embed []string
	// Authors is set where readers may see queries: their text, where a mistake
	// in one is, and the statement that grants what the role lacks.
	Authors bool
	// StrictTLS is how long browsers that came over TLS are told to come by nothing
	// else to this host, whatever its port; 0: they are not told.
	StrictTLS time.Duration
	BasePath  string // that a proxy puts before every URL: "/live"; links carry it
	Database  string // name of the database, for people
	Role      string // that reads it, for statements that grant it something
	Folder    string // where dashboards come from, for people: "./dashboards"

	Ready func() Readiness // nil: always ready
	Demo  *Demo            // nil: no such button

	Limits Limits
	// Direct is set where nobody has to sign in because only people at this machine
	// reach the server: what comes through a proxy, as far as can be seen, is refused.
	Direct bool
	// Proxies are those whose word counts about where a request comes from.
	Proxies access.Proxies

	Next       time.Duration // a viewer hears a status at the latest after this; 0: 5 s
	FirstPaint time.Duration // how long a page waits for its first rows; 0: 3 s
	Write      time.Duration // how long 16 KiB may take to be written, or a body or a message to be read; 0: 10 s
	Ping       time.Duration // between pings of a socket; 0: 45 s, under the minute after which proxies cut who is silent
	Pong       time.Duration // how long its answer may take; 0: 10 s
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.Next, 5*time.Second)
	set(&c.FirstPaint, 3*time.Second)
	set(&c.Write, 10*time.Second)
	set(&c.Ping, 45*time.Second)
	set(&c.Pong, 10*time.Second)
	c.Limits.setDefaults()
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Ready == nil {
		c.Ready = func() Readiness { return Readiness{Ready: true} }
	}
	c.BasePath = strings.TrimRight(c.BasePath, "/")
	if c.BasePath != "" && c.BasePath[0] != '/' {
		c.BasePath = "/" + c.BasePath
	}
	return c
}

// Server answers requests. Create it with [New]; it needs [Server.Drain] to stop.
type Server struct {
	config  Config
	log     *slog.Logger
	mux     *http.ServeMux
	handler http.Handler
	policy  func(nonce string, framed bool) string
	origins origins
	public  origin // of the address that people use; zero: not known
	cross   *http.CrossOriginProtection
	wheel   *wheel
	jump    atomic.Pointer[jumpList]
	peeks   peeks
	held    *holdings
	paces   access.Throttle
	exports exports
	scratch sync.Pool // of *[]byte: frames that are put together

	patterns []string      // of all routes, in the order in which they were added
	relayed  sync.Once     // says in the log that there is a proxy
	hurry    chan struct{} // size 1; everybody connected is to be looked at
	partings chan struct{} // one for each socket that is being turned away

	stop  context.CancelFunc // ends draining's context
	drain context.Context    // ends when Drain begins

	viewersMu sync.Mutex // guards all below
	viewers   map[viewer]struct{}
	crowd     crowd  // the same, by who they are
	streams   int    // of them, event streams
	sent      uint64 // bytes, to those who have gone
	stopping  bool
	empty     chan struct{} // closed when stopping and the last viewer is gone
}

// viewer is one open socket or event stream.
type viewer interface {
	// leave has it say goodbye and end, or where out is not nil why it may stay no
	// longer; it does not wait for that.
	leave(out *problem)
	cut() // ends it without ceremony
	seat() *seat
	traffic() (sent uint64, slow bool)
}

// New returns a server. Origins that [CheckOrigins] refuses never match.
func New(c Config) *Server {
	c = c.withDefaults()
	s := &Server{
		config: c, log: c.Log, origins: parseOrigins(c.Origins), public: publicOrigin(c.PublicURL), cross: http.NewCrossOriginProtection(),
		viewers: make(map[viewer]struct{}), crowd: crowd{}, held: newHoldings(c.Limits.Linger), empty: make(chan struct{}), hurry: make(chan struct{}, 1),
		partings: make(chan struct{}, mostPartings),
	}
	// A quarter of the shortest wait, and no finer than need be.
	s.wheel = newWheel(min(max(min(c.Ping, c.Pong, c.Next+slack)/4, 5*time.Millisecond), 250*time.Millisecond))
	s.drain, s.stop = context.WithCancel(context.Background())
	if s.public.host != "" {
		_ = s.cross.AddTrustedOrigin(s.public.scheme + "://" + s.public.host) // which parseOrigin took
	}
	s.policy = policy(parseOrigins(c.Embed))
	s.routes()
	s.handler = s.guard(http.HandlerFunc(s.route))
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// mostAtOnce is how many requests one connection of HTTP/2 may have under way.
const mostAtOnce = 100

// HTTPServer returns an http.Server for s whose limits fit it: headers are
// bounded in time and size, and no deadline cuts a stream. Bodies are read whole,
// within limits, before a route is found.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// A browser has one connection; what each of its requests may send is read into memory.
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: mostAtOnce, MaxReceiveBufferPerConnection: 2 * maxBody, MaxReceiveBufferPerStream: maxBody, WriteByteTimeout: s.config.Write},
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.Background() },
	}
}

// Drain says goodbye to every viewer and waits until all are gone; when ctx ends
// first, it cuts the rest off. From its start /readyz is 503 and nobody new is
// taken in. It may be called more than once.
func (s *Server) Drain(ctx context.Context) {
	s.viewersMu.Lock()
	if !s.stopping {
		s.stopping = true
		s.stop()
		if len(s.viewers) == 0 {
			close(s.empty)
		}
		for v := range s.viewers {
			v.leave(nil)
		}
	}
	s.viewersMu.Unlock()
	select {
	case <-s.empty:
		return
	case <-ctx.Done():
	}
	s.viewersMu.Lock()
	late := make([]viewer, 0, len(s.viewers))
	for v := range s.viewers {
		late = append(late, v)
	}
	s.viewersMu.Unlock()
	for _, v := range late {
		v.cut()
	}
	<-s.empty
}

// Viewers is how many sockets and event streams are open.
func (s *Server) Viewers() int {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	return len(s.viewers)
}

// Connections is how many connections the server has taken over from net/http: those
// of sockets, and of who is being turned away. Event streams stay with net/http.
func (s *Server) Connections() int {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	return len(s.viewers) - s.streams + len(s.partings)
}

// errStopping says that nobody is let in any more.
var errStopping = &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, message: "the server stops"}

// admit counts v in, or says why not. One that is admitted must be dismissed.
func (s *Server) admit(v viewer) *problem {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	if full := s.full(v); full != nil {
		return full
	}
	s.crowd.add(v.seat().shares)
	s.viewers[v] = struct{}{}
	if _, stream := v.(*events); stream {
		s.streams++
	}
	return nil
}

// full says why there is no place for v; nil: there is. The mutex is held.
func (s *Server) full(v viewer) *problem {
	if s.stopping {
		return errStopping
	}
	if full := s.crowd.full(v.seat().shares); full != nil {
		return full.tooMany("connections")
	}
	return nil
}

func (s *Server) dismiss(v viewer) {
	s.viewersMu.Lock()
	defer s.viewersMu.Unlock()
	if _, in := s.viewers[v]; in {
		delete(s.viewers, v)
		sent, _ := v.traffic()
		s.sent += sent
		s.crowd.remove(v.seat().shares)
		if _, stream := v.(*events); stream {
			s.streams--
		}
	}
	if s.stopping && len(s.viewers) == 0 {
		close(s.empty)
	}
}

// borrow is memory to put together what goes out as one write; it is put back into
// scratch once that is written.
func (s *Server) borrow() *[]byte {
	if b, ok := s.scratch.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}
