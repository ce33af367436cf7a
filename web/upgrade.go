package web

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"
)

// upgrade hands the library a wire with small buffers in place of net/http's.
type upgrade struct {
	http.ResponseWriter
	timeout time.Duration
	wire    *wire // opened by Hijack
}

// Hijack is called once by the library, after it has written the header.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	shrink(conn)
	u.wire.open(conn, u.timeout)
	if u.Header().Get("Sec-WebSocket-Extensions") != "" { // there is one only
		u.wire.form = formDeflated
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	r := bufio.NewReaderSize(bytes.NewReader(bytes.Clone(early)), max(256, len(early)))
	u.wire.intake.take(early, time.Now())
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
