//go:build unix

package web

import (
	"io"
	"net"
	"syscall"
)

// descriptor returns what writes to a connection go to; false where only the
// connection itself may write, as with TLS. The runtime's own way to it takes a
// lock and asks the poller each time, which is a tenth of what a write costs.
func descriptor(conn net.Conn) (fd int, ok bool) {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(of uintptr) { fd = int(of) })
	return fd, err == nil
}

// writeNow writes what there is room for. The runtime has made the descriptor one
// that does not wait.
func writeNow(fd int, p []byte) (int, error) {
	for {
		switch n, err := write(fd, p); err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// receiver reads a connection, and keeps from whoever reads what skip takes care of:
// the answers to pings, each of which would wake its reader and the library for
// nothing. They were an eighth of what idle viewers cost.
type receiver struct {
	raw  syscall.RawConn
	skip func(p []byte) bool
	try  func(fd uintptr) bool // once, kept so that reading allocates nothing
	p    []byte
	n    int
	err  error
}

// receive returns what reads from a connection; the connection itself where only
// that may.
func receive(conn net.Conn, skip func(p []byte) bool) io.Reader {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return conn
	}
	r := &receiver{raw: raw, skip: skip}
	r.try = r.once
	return r
}

// Read waits as a connection's does, to whose deadlines and closing it keeps.
func (r *receiver) Read(p []byte) (int, error) {
	r.p, r.n, r.err = p, 0, nil
	err := r.raw.Read(r.try)
	r.p = nil
	if err == nil {
		err = r.err
	}
	return r.n, err
}

// once reads what is there, and reports false where there is nothing more for who
// reads: more has to come. It goes on until the system says so, because an end that
// came together with what was skipped is not told again.
func (r *receiver) once(fd uintptr) bool {
	for {
		switch n, err := syscall.Read(int(fd), r.p); {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			r.err = err
			return true
		case n == 0 && len(r.p) > 0:
			r.err = io.EOF
			return true
		case n == 0 || !r.skip(r.p[:n]):
			r.n = n
			return true
		}
	}
}
