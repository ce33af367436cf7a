// Package proxy stands between a client and a server and spoils the connection
// the way networks do, so that tests can see what happens then.
package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Faults is what is wrong with the line; the zero value is a healthy one.
type Faults struct {
	// Stall delivers nothing while the line looks open; what was sent arrives
	// when the line is healed.
	Stall bool
	// Refuse closes every new connection at once.
	Refuse bool
	// Delay is how much later everything arrives, in each direction. It is all
	// that is wrong with a line that has it.
	Delay time.Duration
	// BytesPerSecond limits each direction; 0: no limit. What a line made while it
	// is set can hold besides is little, as on a real one.
	BytesPerSecond int
	// Slice delivers that many bytes at a time; 0: as they come.
	Slice int
	// ResetAfter resets a connection once so many bytes more went from server
	// to client, in the middle of whatever that is; 0: never.
	ResetAfter int
	// Idle closes a connection that carried nothing for so long, as proxies and
	// firewalls do; 0: never. It holds for connections made while it is set.
	Idle time.Duration
	// Life closes a connection that is so old, whatever it carries; 0: never. It
	// holds for connections made while it is set.
	Life time.Duration
}

// Proxy forwards connections to one server. Its methods may be called from any
// goroutine.
type Proxy struct {
	listener net.Listener
	network  string
	wait     sync.WaitGroup
	closing  chan struct{}

	mu      sync.Mutex
	target  string
	faults  Faults
	changed chan struct{} // closed and replaced when the faults change
	links   map[*link]struct{}
	closed  bool
	total   int
}

// link is one client's connection and ours to the server.
type link struct {
	client, server net.Conn
	cut            chan struct{}
	once           sync.Once
	idle           *time.Timer // nil where it may be idle
}

// TCP starts a proxy on a free port of 127.0.0.1 to a server there.
func TCP(target string) (*Proxy, error) { return start("tcp", "127.0.0.1:0", target) }

// Unix starts a proxy on a unix socket to another; both are paths. PostgreSQL's
// clients want the same file name, such as .s.PGSQL.5432, in another directory.
func Unix(path, target string) (*Proxy, error) { return start("unix", path, target) }

func start(network, address, target string) (*Proxy, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{
		listener: l, network: network, target: target, closing: make(chan struct{}),
		changed: make(chan struct{}), links: map[*link]struct{}{},
	}
	p.wait.Go(p.accept)
	return p, nil
}

// Addr is where clients connect: host:port, or the socket's path.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Dir is the directory of a unix socket, which is what PostgreSQL's clients
// take as the host.
func (p *Proxy) Dir() string { return filepath.Dir(p.Addr()) }

// Set changes what is wrong, for open and for new connections, at once.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Faulty tells whether anything is wrong with the line now.
func (p *Proxy) Faulty() bool {
	faults, _ := p.state()
	return faults != Faults{}
}

// Heal makes the line healthy; connections that were cut stay cut.
func (p *Proxy) Heal() { p.Set(Faults{}) }

// Redirect has new connections go to another server.
func (p *Proxy) Redirect(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Stall makes the line look open while nothing gets through.
func (p *Proxy) Stall() { p.Set(Faults{Stall: true}) }

// Cut closes all connections in an orderly way; new ones are accepted.
func (p *Proxy) Cut() { p.each(func(l *link) { l.close(false) }) }

// Reset breaks all connections with a reset, as a crashed machine does (TCP
// only; a unix socket just closes).
func (p *Proxy) Reset() { p.each(func(l *link) { l.close(true) }) }

// Open is how many connections there are.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Total is how many connections were made since the start.
func (p *Proxy) Total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// Close ends the proxy with all its connections, and returns when it is gone.
func (p *Proxy) Close() error {
	p.mu.Lock()
	was := p.closed
	p.closed = true
	p.mu.Unlock()
	if was {
		return nil
	}
	close(p.closing)
	err := p.listener.Close()
	p.Cut()
	p.wait.Wait()
	return err
}

func (p *Proxy) each(do func(*link)) {
	p.mu.Lock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	p.mu.Unlock()
	for _, l := range links {
		do(l)
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if f, _ := p.state(); f.Refuse {
			client.Close()
			continue
		}
		p.wait.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	target, f := p.target, p.faults
	p.mu.Unlock()
	var way net.Dialer
	if f.BytesPerSecond > 0 {
		way.Control = narrow
	}
	server, err := way.Dial(p.network, target)
	if err != nil {
		client.Close() // as if the server had refused
		return
	}
	l := &link{client: client, server: server, cut: make(chan struct{})}
	defer l.limit(f)()
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.total++
	closed := p.closed
	p.mu.Unlock()
	if closed {
		l.close(false)
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(l, server, client, false) })
	both.Go(func() { p.pump(l, client, server, true) })
	both.Wait()
	l.close(false)
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pump copies one direction until either end closes or the line is cut.
func (p *Proxy) pump(l *link, to io.Writer, from io.Reader, answers bool) {
	buf := make([]byte, 16<<10)
	sent := 0
	var way *way // once the line was late: what is on it keeps its order
	defer func() { way.end() }()
	for {
		n, end := from.Read(buf[:p.mouthful()])
		for b := buf[:n]; len(b) > 0; {
			f, err := p.pass(l)
			if err != nil {
				return
			}
			l.busy(f)
			if way == nil && f.Delay > 0 {
				way = l.late(to)
			}
			if way != nil {
				way.send(b, f.Delay)
				break
			}
			piece := b
			if f.Slice > 0 {
				piece = b[:min(f.Slice, len(b))]
			}
			if answers && f.ResetAfter > 0 && sent+len(piece) > f.ResetAfter {
				_, _ = to.Write(piece[:f.ResetAfter-min(sent, f.ResetAfter)]) // the last that gets through
				l.close(true)
				return
			}
			if f.BytesPerSecond > 0 && !l.sleep(time.Duration(len(piece))*time.Second/time.Duration(f.BytesPerSecond)) {
				return
			}
			if _, err := to.Write(piece); err != nil {
				l.close(false)
				return
			}
			if sent += len(piece); f.ResetAfter == 0 {
				sent = 0 // the count begins with the fault
			}
			b = b[len(piece):]
		}
		if end != nil {
			way.end()
			if _, err := p.pass(l); err == nil { // a stalled line hides the end too
				l.close(false)
			}
			return
		}
	}
}

// mouthful is how much is taken in at once: a narrow line holds little.
func (p *Proxy) mouthful() int {
	if f, _ := p.state(); f.BytesPerSecond > 0 {
		return 1 << 10
	}
	return 16 << 10
}

// way is a long one: many chunks are on it at the same time.
type way struct {
	chunks  chan chunk
	once    sync.Once // closes chunks
	arrived chan struct{}
}

type chunk struct {
	bytes []byte
	due   time.Time
}

// late begins a way to one end of the link.
func (l *link) late(to io.Writer) *way {
	w := &way{chunks: make(chan chunk, 1024), arrived: make(chan struct{})}
	go func() {
		defer close(w.arrived)
		for c := range w.chunks {
			if !l.sleep(time.Until(c.due)) {
				continue // it was cut: the rest is lost
			}
			if _, err := to.Write(c.bytes); err != nil {
				l.close(false)
			}
		}
	}()
	return w
}

func (w *way) send(b []byte, delay time.Duration) {
	w.chunks <- chunk{bytes.Clone(b), time.Now().Add(delay)}
}

// end waits until all has arrived, or is lost. Again, or without a way, it does nothing.
func (w *way) end() {
	if w == nil {
		return
	}
	w.once.Do(func() { close(w.chunks) })
	<-w.arrived
}

// pass waits while the line is stalled, and answers what else is wrong.
func (p *Proxy) pass(l *link) (Faults, error) {
	for {
		f, changed := p.state()
		if !f.Stall {
			return f, nil
		}
		select {
		case <-changed:
		case <-l.cut:
			return f, os.ErrClosed
		case <-p.closing:
			return f, os.ErrClosed
		}
	}
}

func (p *Proxy) state() (Faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

// limit ends the connection when its time is over; what it returns stops the
// clocks.
func (l *link) limit(f Faults) (stop func()) {
	var clocks []*time.Timer
	over := func() { l.close(false) }
	if f.Life > 0 {
		clocks = append(clocks, time.AfterFunc(f.Life, over))
	}
	if f.Idle > 0 {
		l.idle = time.AfterFunc(f.Idle, over)
		clocks = append(clocks, l.idle)
	}
	return func() {
		for _, c := range clocks {
			c.Stop()
		}
	}
}

// busy begins the time anew in which a connection may be idle; a line that is
// healed lets it be idle for good.
func (l *link) busy(f Faults) {
	switch {
	case l.idle == nil:
	case f.Idle > 0:
		l.idle.Reset(f.Idle)
	default:
		l.idle.Stop()
	}
}

// sleep answers whether the connection still stands afterwards.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.cut:
		return false
	}
}

func (l *link) close(reset bool) {
	l.once.Do(func() {
		close(l.cut)
		for _, c := range []net.Conn{l.client, l.server} {
			if tcp, ok := c.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0) // closing then sends a reset
			}
			_ = c.Close() // it is given up in any case
		}
	})
}
