package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// One connection of HTTP/2 may have a hundred requests under way, and each of them may
// send as much as a body may be before it has to wait.
func TestHTTP2IsBounded(t *testing.T) {
	s := newSite(t)
	s.http.Close()
	s.http = httptest.NewUnstartedServer(nil)
	s.http.Config, s.http.EnableHTTP2 = s.HTTPServer(), true
	s.http.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(s.http.Certificate())
	conn, err := tls.Dial("tcp", s.http.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	var head [9]byte // length, type, flags, stream (RFC 9113, 4.1)
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[3] != 4 {
		t.Fatalf("the first frame is %x, %v; want SETTINGS", head, err)
	}
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(conn, settings); err != nil {
		t.Fatal(err)
	}
	have := map[uint16]uint32{}
	for ; len(settings) >= 6; settings = settings[6:] {
		have[binary.BigEndian.Uint16(settings)] = binary.BigEndian.Uint32(settings[2:])
	}
	const streams, window = 3, 4 // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE (6.5.2)
	if have[streams] != 100 || have[window] != 64<<10 {
		t.Errorf("the settings are %v", have)
	}
	resp, err := s.http.Client().Get(s.http.URL + "/live") // by HTTP/2, which has no sockets here
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a socket by %s is answered with %s and %v", resp.Proto, resp.Status, resp.Header)
	}
}
