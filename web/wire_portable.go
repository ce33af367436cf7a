//go:build !linux

package web

import "net"

// roomy returns nil: nothing tells whether there is room behind TLS.
func roomy(net.Conn) func() bool { return nil }
