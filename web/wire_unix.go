//go:build unix

package web

import (
	"errors"
	"net"
	"syscall"
)

// unwaiting returns what writes to a connection without waiting; nil where only
// the connection itself may write to it, as with TLS.
func unwaiting(conn net.Conn) syscall.RawConn {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// write is one system call. It always reports that it is done, or the runtime
// would wait for room.
func (w *wire) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.try)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
		case err != nil:
			w.fault = err
		default:
			w.tried = n
		}
		return true
	}
}
