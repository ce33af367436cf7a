package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rowcast/rowcast/access"
)

const (
	// reserved descriptors are for the database's sessions, files, and those who
	// are being refused.
	reserved = 48
	refusals = 16 // at a time; the rest just hear that nobody is there
	parting  = time.Second
)

// gate lets as many connections in as there are descriptors for, and answers 503
// to those who come then, so that the program never has none left to reach its
// database with.
type gate struct {
	net.Listener
	most    int                       // connections at once
	each    int                       // of one address, of those that the server has not handed on
	relays  func(address string) bool // it may have all: it is a proxy
	sockets func() int                // those that the server has handed on
	leaving chan struct{}

	mu       sync.Mutex     // guards all below
	requests int            // those that it has not
	from     map[string]int // the same, by address
}

// newGate guards a listener. One address may have each, and half of what there is
// at most, of the connections that are not taken over; sockets counts those that are.
func newGate(ln net.Listener, descriptors, each int, relays func(address string) bool, sockets func() int) *gate {
	most := max(8, descriptors-reserved)
	return &gate{
		Listener: ln, most: most, each: min(each, most/2), relays: relays, sockets: sockets,
		leaving: make(chan struct{}, refusals), from: map[string]int{},
	}
}

// Accept returns the next connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		why := g.full(conn)
		if why == "" {
			return conn, nil
		}
		select {
		case g.leaving <- struct{}{}:
			go g.refuse(conn, why)
		default:
			_ = conn.Close()
		}
	}
}

// full says why there is no room for a connection; "": there is.
func (g *gate) full(conn net.Conn) string {
	sockets, from := g.sockets(), g.client(conn)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.requests+sockets >= g.most:
		return "too many viewers\n"
	case from != "" && g.from[from] >= g.each:
		return "your address has too many connections open\n"
	}
	return ""
}

// client is whom a connection counts for; "": nobody in particular.
func (g *gate) client(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil || g.relays(host) {
		return ""
	}
	return access.AddressKey(host)
}

// count is the server's ConnState.
func (g *gate) count(conn net.Conn, s http.ConnState) {
	more := 0
	switch s {
	case http.StateNew:
		more = 1
	case http.StateHijacked, http.StateClosed:
		more = -1
	default:
		return
	}
	from := g.client(conn)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests += more
	if from == "" {
		return
	}
	if g.from[from] += more; g.from[from] == 0 {
		delete(g.from, from)
	}
}

// refusal is answered without a request that was read, so with what is said of every
// answer.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n" +
	"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nCache-Control: no-store\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: "

func (g *gate) refuse(conn net.Conn, why string) {
	defer func() {
		_ = conn.Close()
		<-g.leaving
	}()
	_ = conn.SetDeadline(time.Now().Add(parting))
	_, _ = io.WriteString(conn, refusal+strconv.Itoa(len(why))+"\r\n\r\n"+why)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10)) // what is unread at the end would take the answer away
}
