//go:build !linux

package main

import "net"

// listen takes an address.
func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }
