package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/web"
)

// raw sends bytes as they are, and returns the connection.
func raw(t *testing.T, s *site, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answered sends bytes as they are, and reads the answer's head; what else comes is
// read from the reader.
func answered(t *testing.T, s *site, request string, want int) (*http.Response, *bufio.Reader) {
	t.Helper()
	r := bufio.NewReader(raw(t, s, request))
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != want {
		t.Fatalf("answered with %v, %v; want %d", res, err, want)
	}
	return res, r
}

// serveBy serves the site anew, by a server that is changed before it starts.
func serveBy(s *site, change func(*http.Server)) {
	s.http.Close()
	s.http = httptest.NewUnstartedServer(nil)
	s.http.Config = s.HTTPServer()
	change(s.http.Config)
	s.http.Start()
}

// A body that does not come holds its own connection up, for a while, whatever
// the route and method; one that is too large is not read to its end.
func TestBodiesThatDoNotCome(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Write = 200 * time.Millisecond })
	s.begin("/d/shop", "a")
	large := strings.Repeat("x", 1<<17)
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"of a page":       {"GET /d/shop HTTP/1.1\nHost: x\nContent-Length: 100\n\nhalf", http.StatusRequestTimeout},
		"of a form":       {"POST /sign-in HTTP/1.1\nHost: x\nContent-Length: 100\n\nname=", http.StatusRequestTimeout},
		"in pieces":       {"POST /sign-in HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nname=\n", http.StatusLengthRequired},
		"of a socket":     {"GET /live HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nContent-Length: 9\n\n", http.StatusRequestTimeout},
		"a long one":      {"POST /sign-in HTTP/1.1\nHost: x\nContent-Length: 1000000000\n\n" + large, http.StatusRequestEntityTooLarge},
		"an endless one":  {"POST /sign-in HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n20000\n" + large + "\n", http.StatusLengthRequired},
		"one that is all": {"GET /d/shop HTTP/1.1\nHost: x\nContent-Length: 4\n\nfull", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			res, r := answered(t, s, c.request, c.want)
			if res.Header.Get("Content-Security-Policy") == "" {
				t.Error("without a policy")
			}
			if c.want == http.StatusOK {
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			if _, err := r.ReadByte(); err == nil || timedOut(err) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

// A request whose length can be read in two ways is refused, and with it all that
// comes by the same connection: what a proxy took for its body may be a request of
// somebody else's making.
func TestARequestHasOneLength(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	const smuggled = "GET /d/shop HTTP/1.1\nHost: x\n\n"
	for name, c := range map[string]struct {
		head string
		want int
	}{
		"a length and pieces":   {"Content-Length: 5\nTransfer-Encoding: chunked", http.StatusLengthRequired},
		"pieces and a length":   {"Transfer-Encoding: chunked\nContent-Length: 5", http.StatusLengthRequired},
		"pieces":                {"Transfer-Encoding: chunked", http.StatusLengthRequired},
		"pieces of pieces":      {"Transfer-Encoding: chunked, chunked", http.StatusNotImplemented},
		"pieces twice":          {"Transfer-Encoding: chunked\nTransfer-Encoding: identity", http.StatusNotImplemented},
		"pieces, and a tab":     {"Content-Length: 5\nTransfer-Encoding:\tchunked", http.StatusLengthRequired},
		"a length of its own":   {"Content-Length: 5\nTransfer-Encoding : chunked", http.StatusBadRequest},
		"two lengths":           {"Content-Length: 5\nContent-Length: 6", http.StatusBadRequest},
		"a length with a sign":  {"Content-Length: +5", http.StatusBadRequest},
		"a length in two words": {"Content-Length: 5 5", http.StatusBadRequest},
	} {
		for _, method := range []string{"GET /d/shop", "POST /sign-in"} {
			t.Run(name+", "+method[:4], func(t *testing.T) {
				res, r := answered(t, s, method+" HTTP/1.1\nHost: x\n"+c.head+"\n\n0\n\n"+smuggled, c.want)
				_, _ = io.Copy(io.Discard, res.Body)
				if more, err := io.ReadAll(r); len(more) > 0 || timedOut(err) {
					t.Errorf("and then with %.60q, %v", more, err)
				}
			})
		}
	}
}

// An answer that is not taken in is cut, and its connection given back.
func TestAnswersThatAreNotTakenIn(t *testing.T) {
	s := newSite(t, func(c *web.Config) { c.Write = time.Millisecond })
	rows := make([]string, 12)
	for i := range rows {
		rows[i] = fmt.Sprint(i) + strings.Repeat("x", 1<<20)
	}
	s.begin("/d/shop", rows...)
	cut := make(chan struct{}, 2) // one for each below
	serveBy(s, func(server *http.Server) {
		server.ConnState = func(_ net.Conn, is http.ConnState) {
			if is == http.StateClosed {
				cut <- struct{}{}
			}
		}
	})
	for _, path := range []string{"/api/v1/snapshot", "/api/v1/events"} {
		conn := raw(t, s, "GET "+path+query("/d/shop")+" HTTP/1.1\nHost: x\n\n")
		select {
		case <-cut:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: who takes nothing in is waited for", path)
		}
		if got, err := io.Copy(io.Discard, conn); got > 11<<20 || timedOut(err) {
			t.Errorf("%s: %d bytes came after all, %v", path, got, err)
		}
	}
}

func timedOut(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// A connection that says nothing, a header that does not end and one that is too
// long end with their connection. Beside them others are answered as ever.
func TestHeadersThatDoNotEnd(t *testing.T) {
	s := newSite(t)
	s.begin("/d/shop", "a")
	serveBy(s, func(server *http.Server) {
		if server.ReadHeaderTimeout /= 10; server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout > time.Second {
			t.Fatal("headers may take their time")
		}
	})
	began := time.Now()
	var slow []net.Conn
	for i := range 300 {
		request := []string{"", "GET /d/shop HTTP/1.1\nHost: x\nX-Slow: ", "GET /live HTTP/1.1\nHost: x\nUpgrade: websocket\n"}[i%3]
		slow = append(slow, raw(t, s, request))
	}
	dripping := raw(t, s, "GET /d/shop HTTP/1.1\nHost: x\nX-Slow: ")
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := io.WriteString(dripping, "a"); err != nil {
				ended <- err
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for range 20 {
		at := time.Now()
		if resp, _ := s.ask("GET", "/d/shop"); resp.StatusCode != http.StatusOK || time.Since(at) > 2*time.Second {
			t.Errorf("beside them one is answered %d after %v", resp.StatusCode, time.Since(at))
		}
	}
	for _, conn := range slow {
		if _, err := io.Copy(io.Discard, conn); timedOut(err) {
			t.Fatal("one who says nothing is waited for")
		}
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("one who says a letter at a time is waited for")
	}
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("they were waited for %v", took)
	}
	answered(t, s, "GET /d/shop HTTP/1.1\nHost: x\nX-Long: "+strings.Repeat("a", 40<<10)+"\n\n", http.StatusRequestHeaderFieldsTooLarge)
}
