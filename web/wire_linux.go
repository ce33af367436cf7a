package web

import (
	"crypto/tls"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how much of a connection's data the kernel has not sent yet, not even
// once.
func unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
	if err != nil {
		return 0
	}
	return n
}

// unacknowledged is how much of it the other end has not taken in; false: that is
// not told.
func unacknowledged(fd int) (int, bool) {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	return n, err == nil
}

// roomy returns what tells whether a record can be written to a connection behind
// TLS without waiting; nil where that cannot be told. Linux says that a socket can
// be written to while a third of its buffer is free, which is more than a record
// with all that the kernel adds to it.
func roomy(conn net.Conn) func() bool {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	below, ok := secure.NetConn().(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := below.SyscallConn()
	if err != nil {
		return nil
	}
	r := &room{raw: raw}
	r.ask = r.poll
	return r.is
}

// room asks about one socket. It is kept so that asking allocates nothing.
type room struct {
	raw   syscall.RawConn
	ask   func(fd uintptr)
	fds   [1]unix.PollFd
	there bool
}

func (r *room) is() bool {
	r.there = false
	return r.raw.Control(r.ask) == nil && r.there
}

func (r *room) poll(fd uintptr) {
	r.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	n, err := unix.Poll(r.fds[:], 0)
	r.there = err == nil && n == 1 && r.fds[0].Revents == unix.POLLOUT
}
