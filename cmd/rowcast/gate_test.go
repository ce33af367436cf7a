package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// door is a listener whose connections come from where the test says.
type door struct {
	net.Listener
	next chan string
}

type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.address), Port: 9} }

func (d door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return from{conn, <-d.next}, nil
}

// come connects from an address and sends what is given.
func (d door) come(t *testing.T, address, send string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d.next <- address
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, send)
	return conn
}

// Connections on which nothing is said are a part of what one address may have:
// the others, and those that a proxy brings, find room.
func TestIdleConnectionsOfOneAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := door{ln, make(chan string)}
	proxies, err := access.ParseProxies([]string{"10.0.0.9"})
	if err != nil {
		t.Fatal(err)
	}
	gate := newGate(k, 1000, 5, proxies.Relays, func() int { return 0 })
	server := &http.Server{ConnState: gate.count, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" {
			conn, _, _ := w.(http.Hijacker).Hijack()
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		}
	})}
	go func() { _ = server.Serve(gate) }()
	defer server.Close()
	status := func(conn net.Conn) (int, string) {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0, err.Error()
		}
		if h := res.Header; res.StatusCode == http.StatusServiceUnavailable && (h.Get("Content-Security-Policy") == "" || h.Get("X-Content-Type-Options") == "" || h.Get("Cache-Control") != "no-store") {
			t.Errorf("the refusal has %v", h)
		}
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	const ask = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	var idle []net.Conn
	for range 5 {
		idle = append(idle, k.come(t, "192.0.2.1", ""))
	}
	if code, body := status(k.come(t, "192.0.2.1", "")); code != 503 || !strings.Contains(body, "your address") {
		t.Errorf("the sixth is answered %d %q", code, body)
	}
	for range 20 {
		for _, proxy := range []string{"10.0.0.9", "127.0.0.1"} {
			if code, body := status(k.come(t, proxy, ask)); code != 200 {
				t.Fatalf("%s is answered %d %q", proxy, code, body)
			}
		}
	}
	if code, body := status(k.come(t, "192.0.2.2", ask)); code != 200 {
		t.Errorf("another is answered %d %q", code, body)
	}
	_ = idle[0].Close()
	for range 20 { // what was handed on counts elsewhere
		for deadline := time.Now().Add(5 * time.Second); ; {
			code, body := status(k.come(t, "192.0.2.1", strings.Replace(ask, "/", "/live", 1)))
			if code == 101 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after one left it is answered %d %q", code, body)
			}
		}
	}
}

// Whoever reaches the address of the figures takes no more than a few connections, and
// the pages are answered beside them.
func TestFiguresHaveTheirOwnConnections(t *testing.T) {
	figures := freeAddress(t)
	s := serve(t, pgtest.New(t).URL, "--metrics-listen", figures)
	// A page of somebody else may have bound its name to this machine.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+figures+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Close = "rebound.example", true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("under a foreign name they are answered %d", res.StatusCode)
	}
	if code, _ := get(t, s.url+"metrics"); code != http.StatusNotFound {
		t.Errorf("they are among the pages as well: %d", code)
	}
	refused := 0
	for range 20 {
		conn, err := net.Dial("tcp", figures)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		switch res.StatusCode {
		case http.StatusServiceUnavailable:
			refused++
		case http.StatusOK:
			_, _ = io.Copy(io.Discard, res.Body)
			if h := res.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("the headers are %v", h)
			}
		default:
			t.Errorf("answered %d", res.StatusCode)
		}
	}
	if refused != 20-besideMost/2 {
		t.Errorf("of 20 connections %d are refused", refused)
	}
	if code, _ := get(t, s.url+"healthz"); code != http.StatusOK {
		t.Errorf("beside them health is answered %d", code)
	}
}
