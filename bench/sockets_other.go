//go:build !linux

package main

import (
	"errors"
	"sync/atomic"
	"time"
)

// sockets need Linux.
type sockets struct {
	events, bytes, lost atomic.Int64
	recording           atomic.Bool
	arrivals            []arrival
}

type arrival struct {
	event int
	at    time.Time
}

type gathering struct {
	address, path string
	viewers       int
	together      int
	deflate       bool
	cookies       []string
	hello         []byte
	ready         string
}

func gather(gathering) (*sockets, error) { return nil, errors.New("thousands of viewers need Linux") }

func (c *sockets) close() {}
