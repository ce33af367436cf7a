package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"

	"github.com/jackc/pgx/v5"
)

// rawCommand is the floor that fan-out is compared with: a notification comes in
// and one frame, built once, is written to every socket by as many loops as there
// are cores. It answers no ping, drops nobody and knows no pages.
type rawCommand struct {
	Database string `required:""`
	Channel  string `default:"floor"`
}

// Run serves until ctx ends, and prints its address first.
func (c *rawCommand) Run(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.Database)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{c.Channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	fmt.Println(l.Addr())

	floors := make([]*floor, runtime.GOMAXPROCS(0))
	for i := range floors {
		floors[i] = &floor{frames: make(chan []byte, 1024)}
		go floors[i].run()
	}
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go floors[n%len(floors)].serve(conn)
		}
	}()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("wait for notification: %w", err)
		}
		frame := textFrame(asDelta(n.Payload))
		for _, f := range floors {
			f.frames <- frame
		}
	}
}

// asDelta wraps a text so that a message has the length that rowcast's has.
func asDelta(body string) []byte {
	return fmt.Appendf(nil, `{"type":"delta","page":"/d/events","from":"AAAAAAAAAAA:100000","cursor":"AAAAAAAAAAA:100001",`+
		`"at":"2026-01-01T00:00:00.000000Z","panels":{"events":{"ops":[["=","[\"10\"]",{"1":"%s"}]]}}}`, body)
}

func textFrame(text []byte) []byte {
	const finalText = 0x81
	if n := len(text); n >= 126 {
		return append(binary.BigEndian.AppendUint16([]byte{finalText, 126}, uint16(n)), text...)
	}
	return append([]byte{finalText, byte(len(text))}, text...)
}

// floor is one loop and its sockets.
type floor struct {
	frames chan []byte

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

func (f *floor) run() {
	for frame := range f.frames {
		f.mu.Lock()
		conns := f.conns // only ever appended to
		f.mu.Unlock()
		for _, conn := range conns {
			if conn != nil {
				_, _ = conn.Write(frame) // the reader closes it
			}
		}
	}
}

// serve upgrades a connection, counts it in, and reads until it ends.
func (f *floor) serve(conn net.Conn) {
	defer conn.Close()
	if err := upgrade(conn); err != nil {
		return
	}
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	var b [64]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

// upgrade answers a handshake, by RFC 6455 and no more.
func upgrade(conn net.Conn) error {
	var head [2048]byte
	n := 0
	for !bytes.Contains(head[:n], []byte("\r\n\r\n")) {
		m, err := conn.Read(head[n:])
		if err != nil {
			return err
		}
		if n += m; n == len(head) {
			return errors.New("the request is too long")
		}
	}
	_, key, _ := bytes.Cut(head[:n], []byte("Sec-WebSocket-Key: "))
	key, _, _ = bytes.Cut(key, []byte("\r\n"))
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	_, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	return err
}
