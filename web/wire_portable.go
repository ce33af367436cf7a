//go:build !linux

package web

import "net"

// roomy returns nil: nothing tells whether there is room behind TLS.
func roomy(net.Conn) func() bool { return nil }

// unsent is not told here: what waits is bounded by the send buffer.
func unsent(int) int { return 0 }

// unacknowledged is not told here.
func unacknowledged(int) (int, bool) { return 0, false }
