//go:build unix

package web

import (
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
		switch n, err := syscall.Write(fd, p); err {
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
