package web

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"
)

// upgrade hands the library a wire with small buffers in place of net/http's, and
// writes the answer that the library made itself: net/http's way to do so needs twice
// the stack, which a connection would have to be copied to for this alone.
type upgrade struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	wire    *wire // opened by Hijack
}

// WriteHeader keeps the one answer for Hijack that comes right after it.
func (u *upgrade) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		u.server.protect(u.ResponseWriter, u.request)
		u.ResponseWriter.WriteHeader(status)
	}
}

// Hijack is called once by the library, when it has said that it upgrades.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := u.answer(conn); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	shrink(conn)
	u.wire.open(conn, u.server.config.Write)
	if u.Header().Get("Sec-WebSocket-Extensions") != "" { // there is one only
		u.wire.form = formDeflated
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	r := bufio.NewReaderSize(bytes.NewReader(bytes.Clone(early)), max(256, len(early)))
	u.wire.intake.take(early, time.Now())
	_, _ = r.Peek(len(early)) // the library takes over what is buffered, then reads the wire
	return u.wire, bufio.NewReadWriter(r, bufio.NewWriterSize(u.wire, 256)), nil
}

// answer says that the connection is upgraded.
func (u *upgrade) answer(conn net.Conn) error {
	kept := u.server.borrow()
	head := bytes.NewBuffer((*kept)[:0])
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = u.Header().Write(head) // a buffer takes all
	head.WriteString("\r\n")
	_ = conn.SetWriteDeadline(time.Now().Add(u.server.config.Write)) // an answer before may not be taken in yet
	_, err := conn.Write(head.Bytes())
	_ = conn.SetWriteDeadline(time.Time{})
	*kept = head.Bytes()
	u.server.scratch.Put(kept)
	return err
}

func shrink(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // a larger one is no fault
	}
}
