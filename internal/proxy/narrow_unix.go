//go:build unix

package proxy

import (
	"strings"
	"syscall"
)

// narrow gives a connection small segments and a small window, as a real line that
// is slow has: what does not get through then waits at its sender.
func narrow(network, _ string, raw syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	const segment, window = 1400, 16 << 10
	return raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment) // larger ones are no fault
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, window)
	})
}
