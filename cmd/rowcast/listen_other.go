//go:build !linux

package main

import "net"

// listening says how to listen.
func listening() *net.ListenConfig { return new(net.ListenConfig) }
