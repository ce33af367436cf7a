package web

import (
	"net"
	"testing"
	"time"
)

// What little a client was sent since it was last asked for is not asked for again;
// what it does not take in is seen as soon as it may delay an answer.
func TestAPingMarksHowFarItsClientIs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_ = client.(*net.TCPConn).SetReadBuffer(4 << 10)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &socket{}
	c.wire.open(conn, time.Second)
	c.wire.drained = func() {}
	if _, err := c.wire.send(framed(make([]byte, piece/2))); err != nil {
		t.Fatal(err)
	}
	if c.mark(); c.had != 0 || c.queued {
		t.Errorf("after half a piece the mark is %d, %v", c.had, c.queued)
	}
	for range 400 { // until the client's kernel takes no more
		if busy, err := c.wire.send(framed(make([]byte, piece))); busy || err != nil {
			break
		}
	}
	c.mark()
	if _, told := unacknowledged(c.wire.fd); told && (c.had == 0 || !c.queued) {
		t.Errorf("with much under way the mark is %d, %v", c.had, c.queued)
	}
	if c.late() {
		t.Error("a client that takes nothing in is waited for")
	}
}
