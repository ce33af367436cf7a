package main

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
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
	most     int          // connections at once
	sockets  func() int   // those that the server has handed on
	requests atomic.Int64 // those that it has not
	leaving  chan struct{}
}

// newGate guards a listener. sockets counts the connections that were taken over.
func newGate(ln net.Listener, descriptors int, sockets func() int) *gate {
	return &gate{Listener: ln, most: max(8, descriptors-reserved), sockets: sockets, leaving: make(chan struct{}, refusals)}
}

// Accept returns the next connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || int(g.requests.Load())+g.sockets() < g.most {
			return conn, err
		}
		select {
		case g.leaving <- struct{}{}:
			go g.refuse(conn)
		default:
			_ = conn.Close()
		}
	}
}

// count is the server's ConnState.
func (g *gate) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		g.requests.Add(1)
	case http.StateHijacked, http.StateClosed:
		g.requests.Add(-1)
	}
}

func (g *gate) refuse(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		<-g.leaving
	}()
	_ = conn.SetDeadline(time.Now().Add(parting))
	_, _ = io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 17\r\n\r\ntoo many viewers\n")
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10)) // what is unread at the end would take the answer away
}
