//go:build !unix

package web

import (
	"io"
	"net"
)

// descriptor returns none: every write is left to a goroutine that may wait.
func descriptor(net.Conn) (fd int, ok bool) { return 0, false }

func writeNow(int, []byte) (int, error) { return 0, nil }

// receive returns the connection: its reader is told of all that comes.
func receive(conn net.Conn, _ func(p []byte) bool) io.Reader { return conn }
