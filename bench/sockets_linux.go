package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
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

// gathering says how viewers come.
type gathering struct {
	address string // host:port
	path    string
	viewers int
	deflate bool   // ask for compression
	hello   []byte // the first message, may be nil
	ready   string // what the message has that ends the answer to it
}

// gather connects all viewers and waits until each has its answer.
func gather(g gathering) (_ *sockets, err error) {
	c := &sockets{half: map[int][]byte{}}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.epoll, err = syscall.EpollCreate1(0); err != nil {
		return nil, fmt.Errorf("make epoll set: %w", err)
	}
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		mu     sync.Mutex // guards c and faults
		faults []error
	)
	for range min(128, g.viewers) {
		wg.Go(func() {
			for int(next.Add(1)) <= g.viewers {
				fd, rest, err := g.connect()
				mu.Lock()
				if err != nil {
					faults = append(faults, err)
					mu.Unlock()
					return
				}
				c.fds = append(c.fds, fd)
				c.half[fd] = rest
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(faults) > 0 {
		return c, fmt.Errorf("connect a viewer: %w", faults[0])
	}
	for _, fd := range c.fds {
		if err := syscall.SetNonblock(fd, true); err != nil {
			return c, fmt.Errorf("set up socket: %w", err)
		}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)}
		if err := syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			return c, fmt.Errorf("add socket: %w", err)
		}
	}
	c.ended.Go(c.run)
	return c, nil
}

// connect opens one socket and waits for its answer.
func (g *gathering) connect() (fd int, rest []byte, err error) {
	to, err := netip.ParseAddrPort(g.address)
	if err != nil {
		return 0, nil, err
	}
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return 0, nil, err
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	// Closing resets the connection: thousands that linger would use up the ports.
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 60})
	if err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return 0, nil, err
	}
	var key [16]byte
	_, _ = rand.Read(key[:])
	extension := ""
	if g.deflate {
		extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rowcast.v1\r\nSec-WebSocket-Key: %s\r\n%s\r\n",
		g.path, g.address, g.address, base64.StdEncoding.EncodeToString(key[:]), extension)
	if _, err = syscall.Write(fd, []byte(request)); err != nil {
		return 0, nil, err
	}
	head, rest, err := readUntil(fd, nil, "\r\n\r\n")
	if err != nil {
		return 0, nil, err
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return 0, nil, fmt.Errorf("the server said %.60q", head)
	}
	if g.hello == nil {
		return fd, rest, nil
	}
	if err = sendFrame(fd, 0x1, g.hello); err != nil {
		return 0, nil, err
	}
	for {
		for {
			f, ok := cutFrame(&rest)
			if !ok {
				break
			}
			if bytes.Contains(f.data, []byte(g.ready)) {
				return fd, rest, nil
			}
		}
		if rest, err = readMore(fd, rest); err != nil {
			return 0, nil, err
		}
	}
}

func readUntil(fd int, b []byte, end string) (before, after []byte, err error) {
	for {
		if i := bytes.Index(b, []byte(end)); i >= 0 {
			return b[:i], bytes.Clone(b[i+len(end):]), nil
		}
		if b, err = readMore(fd, b); err != nil {
			return nil, nil, err
		}
	}
}

func readMore(fd int, b []byte) ([]byte, error) {
	var more [16 << 10]byte
	for {
		n, err := syscall.Read(fd, more[:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return nil, errors.New("the server closed the connection")
		default:
			return append(b, more[:n]...), nil
		}
	}
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
			fd := int(e.Fd)
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
