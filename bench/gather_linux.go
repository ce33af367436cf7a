package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// gathering says how viewers come.
type gathering struct {
	address  string // host:port
	path     string
	viewers  int
	together int      // so many are on their way at a time
	deflate  bool     // ask for compression
	cookies  []string // one for each in turn, where somebody has to sign in
	hello    []byte   // the first message, may be nil
	ready    string   // what the message has that ends the answer to it
}

// entry is how far one viewer is on its way in.
type entry struct {
	n        int    // of all who come
	asked    bool   // the request went out
	upgraded bool   // and was answered
	rest     []byte // what came and is not taken in yet
}

// gather connects all viewers and waits until each has its answer. Those who come
// together do so at once: every connection is under way before the first request is
// sent, and none waits for another's answer. What is more than the server's queue of
// connections is long, 4,096 on most Linux, the system tries again.
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
	to, err := netip.ParseAddrPort(g.address)
	if err != nil {
		return c, fmt.Errorf("read address: %w", err)
	}
	if err := c.letIn(&g, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return c, fmt.Errorf("connect a viewer: %w", err)
	}
	c.ended.Go(c.run)
	return c, nil
}

// dial begins to connect.
func (c *sockets) dial(to *syscall.SockaddrInet4) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	c.fds = append(c.fds, fd)
	// Closing resets the connection: thousands that linger would use up the ports.
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	if err := syscall.Connect(fd, to); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		return 0, err
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLOUT, Fd: int32(fd)}
	return fd, syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
}

// letIn has viewers come, and goes on with whoever can, until all are in. Who is
// already hears the page.
func (c *sockets) letIn(g *gathering, to *syscall.SockaddrInet4) error {
	var (
		coming = make(map[int]*entry, g.together)
		ready  [1024]syscall.EpollEvent
		b      = make([]byte, 256<<10)
	)
	for end := time.Now().Add(time.Minute); len(c.fds) < g.viewers || len(coming) > 0; {
		for len(c.fds) < g.viewers && len(coming) < g.together {
			n := len(c.fds)
			fd, err := c.dial(to)
			if err != nil {
				return err
			}
			coming[fd] = &entry{n: n}
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d had no answer in a minute", len(coming), g.viewers)
		}
		n, err := syscall.EpollWait(c.epoll, ready[:], 1000)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		for _, e := range ready[:max(n, 0)] {
			fd := int(e.Fd)
			in := coming[fd]
			if in == nil {
				c.read(fd, b)
				continue
			}
			if !in.asked {
				err = c.ask(g, fd, in)
			} else if err = in.read(g, fd, b); err == nil && in.ready(g) {
				c.half[fd] = in.rest
				delete(coming, fd)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ask sends the handshake on a connection that was made, or failed.
func (c *sockets) ask(g *gathering, fd int, in *entry) error {
	failed, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && failed != 0 {
		err = syscall.Errno(failed)
	}
	if err == nil {
		_, err = syscall.Write(fd, g.request(in.n))
	}
	if err != nil {
		return err
	}
	in.asked = true
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)}
	return syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
}

// request is the handshake of the n-th viewer.
func (g *gathering) request(n int) []byte {
	var key [16]byte
	_, _ = rand.Read(key[:])
	more := ""
	if g.deflate {
		more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	if len(g.cookies) > 0 {
		more += "Cookie: " + g.cookies[n%len(g.cookies)] + "\r\n"
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rowcast.v1\r\nSec-WebSocket-Key: %s\r\n%s\r\n",
		g.path, g.address, g.address, base64.StdEncoding.EncodeToString(key[:]), more)
}

// read takes what the server answers, and says the first message after the
// handshake.
func (in *entry) read(g *gathering, fd int, b []byte) error {
	n, err := syscall.Read(fd, b)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("the server closed the connection")
	}
	in.rest = append(in.rest, b[:n]...)
	if in.upgraded {
		return nil
	}
	head, rest, whole := bytes.Cut(in.rest, []byte("\r\n\r\n"))
	if !whole {
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the server said %.60q", head)
	}
	in.upgraded, in.rest = true, bytes.Clone(rest)
	if g.hello == nil {
		return nil
	}
	return sendFrame(fd, 0x1, g.hello)
}

// ready tells whether all that is waited for came.
func (in *entry) ready(g *gathering) bool {
	if !in.upgraded || g.hello == nil {
		return in.upgraded
	}
	for {
		f, ok := cutFrame(&in.rest)
		if !ok {
			return false
		}
		if bytes.Contains(f.data, []byte(g.ready)) {
			in.rest = bytes.Clone(in.rest)
			return true
		}
	}
}
