package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sockets are many viewers in one goroutine: bare sockets in one epoll set, so that
// it takes little of the processor that it shares with what is measured.
type sockets struct {
	epoll int
	fds   []int
	half  map[int][]byte // what came of a frame that is not whole yet
	stop  atomic.Bool
	ended sync.WaitGroup

	events atomic.Int64 // that reached a viewer, counted once for each
	bytes  atomic.Int64
	lost   atomic.Int64 // connections that ended

	recording atomic.Bool
	arrivals  []arrival // belongs to the loop; read it after close
}

// arrival is when one viewer heard of one event.
type arrival struct {
	event int
	at    time.Time
}

// sendFrame writes a short frame with a mask of zeros.
func sendFrame(fd int, op byte, data []byte) error {
	if len(data) > 125 {
		return errors.New("the message is too long")
	}
	_, err := syscall.Write(fd, append([]byte{0x80 | op, 0x80 | byte(len(data)), 0, 0, 0, 0}, data...))
	return err
}

// frame is one of the server's.
type frame struct {
	op   byte // with its flags
	data []byte
}

// cutFrame takes the first frame from b, if it is there whole.
func cutFrame(b *[]byte) (f frame, ok bool) {
	p := *b
	if len(p) < 2 {
		return f, false
	}
	size, head := int(p[1]), 2
	switch {
	case size == 126 && len(p) >= 4:
		size, head = int(binary.BigEndian.Uint16(p[2:])), 4
	case size == 127 && len(p) >= 10:
		size, head = int(binary.BigEndian.Uint64(p[2:])), 10
	case size >= 126:
		return f, false
	}
	if len(p) < head+size {
		return f, false
	}
	*b = p[head+size:]
	return frame{p[0], p[head : head+size]}, true
}

func (c *sockets) run() {
	var (
		ready [1024]syscall.EpollEvent
		b     = make([]byte, 256<<10)
	)
	for !c.stop.Load() {
		n, err := syscall.EpollWait(c.epoll, ready[:], 50)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, e := range ready[:max(n, 0)] {
			c.read(int(e.Fd), b)
		}
	}
}

// read takes in what a viewer is sent.
func (c *sockets) read(fd int, b []byte) {
	n, err := syscall.Read(fd, b)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
	case err != nil || n == 0:
		c.lost.Add(1)
		_ = syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_DEL, fd, nil)
	default:
		c.take(fd, b[:n])
	}
}

func (c *sockets) take(fd int, data []byte) {
	at := time.Now()
	c.bytes.Add(int64(len(data)))
	if half := c.half[fd]; len(half) > 0 {
		data = append(half, data...)
	}
	for {
		f, ok := cutFrame(&data)
		if !ok {
			break
		}
		switch f.op & 0x0f {
		case 0x9:
			_ = sendFrame(fd, 0xa, f.data)
		case 0x8:
			c.lost.Add(1)
		default:
			c.hear(f, at)
		}
	}
	if len(data) > 0 || len(c.half[fd]) > 0 {
		c.half[fd] = append(c.half[fd][:0:0], data...)
	}
}

// hear counts the events in a frame. What is compressed holds one.
func (c *sockets) hear(f frame, at time.Time) {
	const deflated = 0x40
	if f.op&deflated != 0 {
		c.events.Add(1)
		return
	}
	for rest := f.data; ; {
		i := bytes.IndexByte(rest, '#')
		if i < 0 || len(rest) < i+1+eventDigits {
			return
		}
		c.events.Add(1)
		if c.recording.Load() {
			if n, err := strconv.Atoi(string(rest[i+1 : i+1+eventDigits])); err == nil {
				c.arrivals = append(c.arrivals, arrival{n, at})
			}
		}
		rest = rest[i+1+eventDigits:]
	}
}

// close ends all connections at once; it may be called again.
func (c *sockets) close() {
	if c.stop.Swap(true) {
		return
	}
	c.ended.Wait()
	for _, fd := range c.fds {
		_ = syscall.Close(fd)
	}
	_ = syscall.Close(c.epoll)
}
