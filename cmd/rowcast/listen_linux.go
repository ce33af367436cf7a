package main

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepAlive asks who was silent for 15 seconds whether they are there, and ends what
// does not answer nine times: what Go asks of each connection.
var keepAlive = [...]struct{ level, name, value int }{
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
}

// listen takes an address. What is accepted takes its options over from the listener,
// which saves four calls of the system for each who connects; where that cannot be, Go
// asks them of each.
func listen(address string) (net.Listener, error) {
	var refused error
	inherited := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, conn syscall.RawConn) error {
		refused = keep(conn)
		return refused
	}}
	ln, err := inherited.Listen(context.Background(), "tcp", address)
	if refused != nil {
		return net.Listen("tcp", address)
	}
	return ln, err
}

// keep sets the options of a listener.
func keep(conn syscall.RawConn) (err error) {
	controlled := conn.Control(func(fd uintptr) {
		for _, o := range keepAlive {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	})
	if controlled != nil {
		return controlled
	}
	return err
}
