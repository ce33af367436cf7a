package main

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A viewer whose machine is gone must not be held for ever, whoever set the options.
func TestWhatIsAcceptedIsKeptAlive(t *testing.T) {
	ln, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, o := range keepAlive {
			if got, err := unix.GetsockoptInt(int(fd), o.level, o.name); err != nil || got != o.value {
				t.Errorf("option %d of level %d is %d, %v; want %d", o.name, o.level, got, err, o.value)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
