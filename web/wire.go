package web

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

// Bounds of one write. A longer message travels in fragments, so that a pong or
// a close need not wait for all of it, and each gets its own deadline.
const (
	fragment   = 64 << 10
	sendBuffer = 64 << 10 // of the kernel, so that a slow viewer's data waits in the ring, not there
)

// wire is a socket's connection. The WebSocket library reads from it and writes
// its control frames to it; messages go past the library in one system call a
// batch, from bytes that all viewers share.
type wire struct {
	net.Conn
	timeout time.Duration

	// mu keeps frames apart, so it is held while one is written; each write has
	// its deadline. It guards closing too.
	mu      sync.Mutex
	closing bool // a close frame went out; nothing follows it
}

// Write sends whole control frames, which is how the library flushes them.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) > 0 && p[0]&0x0f == opClose {
		w.closing = true
	}
	if err := w.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// Opcodes and flags of RFC 6455.
const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
	final          = 0x80
)

func (w *wire) ping() error {
	_, err := w.Write([]byte{final | opPing, 0})
	return err
}

// packet is the frames of one system call.
type packet struct {
	parts net.Buffers
	heads []byte
	size  int
}

var packets = sync.Pool{New: func() any { return &packet{heads: make([]byte, 0, 160)} }}

// send writes messages as text, in order.
func (w *wire) send(messages ...broadcast.Message) error {
	p := packets.Get().(*packet)
	defer packets.Put(p)
	for _, m := range messages {
		op, data := byte(opText), m.Data
		for {
			n := min(len(data), fragment)
			if p.size > 0 && p.size+n > fragment || len(p.heads)+10 > cap(p.heads) {
				if err := w.flush(p); err != nil {
					return err
				}
			}
			last := n == len(data)
			p.add(op, last, data[:n])
			if last {
				break
			}
			op, data = opContinuation, data[n:]
		}
	}
	return w.flush(p)
}

func (p *packet) add(op byte, last bool, data []byte) {
	if last {
		op |= final
	}
	start := len(p.heads)
	p.heads = append(p.heads, op)
	switch n := len(data); {
	case n < 126:
		p.heads = append(p.heads, byte(n))
	case n < 1<<16:
		p.heads = binary.BigEndian.AppendUint16(append(p.heads, 126), uint16(n))
	default:
		p.heads = binary.BigEndian.AppendUint64(append(p.heads, 127), uint64(n))
	}
	// The capacity was there, so earlier heads have not moved.
	p.parts = append(p.parts, p.heads[start:len(p.heads):len(p.heads)], data)
	p.size += len(data)
}

func (w *wire) flush(p *packet) error {
	whole := p.parts
	defer func() {
		clear(whole) // the pool must not keep messages
		p.parts, p.heads, p.size = whole[:0], p.heads[:0], 0
	}()
	if len(whole) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return net.ErrClosed
	}
	if err := w.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return err
	}
	_, err := p.parts.WriteTo(w.Conn)
	return err
}

// upgrade hands the library a wire with small buffers in place of net/http's.
type upgrade struct {
	http.ResponseWriter
	timeout time.Duration
	wire    *wire // set by Hijack
}

// Hijack is called once by the library.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	shrink(conn)
	u.wire = &wire{Conn: conn, timeout: u.timeout}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	r := bufio.NewReaderSize(bytes.NewReader(bytes.Clone(early)), max(256, len(early)))
	_, _ = r.Peek(len(early)) // the library takes over what is buffered, then reads the wire
	return u.wire, bufio.NewReadWriter(r, bufio.NewWriterSize(u.wire, 256)), nil
}

func shrink(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // a larger one is no fault
	}
}
