package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

// limitedSite is behind a proxy on this machine, which says who its clients are.
func limitedSite(t *testing.T, l web.Limits) *site {
	s := newSite(t, func(c *web.Config) {
		c.Limits = l
		c.Proxies = access.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for i := range 20 {
		s.add(fmt.Sprintf("/d/shop?x=%d", i), "latest")
		s.begin(fmt.Sprintf("/d/shop?x=%d", i), "a")
	}
	s.begin("/d/shop", "a")
	s.begin("/d/other", "a")
	return s
}

// as are the headers of a client at an address.
func as(address string) []string { return []string{"X-Forwarded-For", address} }

// One address has its share of connections; others, and the proxy itself, do not
// notice that it is used up.
func TestConnectionsOfOneAddress(t *testing.T) {
	s := limitedSite(t, web.Limits{AddressSockets: 2})
	for _, network := range [][2]string{{"192.0.2.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::ffff"}} {
		first := s.sees("/d/shop", as(network[0])...)
		s.sees("/d/shop", as(network[1])...)
		third := s.dial(as(network[0])...)
		m := third.expect(delta.TypeError)
		if m.Err.Code != "too_many" || m.Err.Message != "your address has too many connections open" {
			t.Errorf("refused with %+v", m.Err)
		}
		if code := third.closed(); code != websocket.StatusTryAgainLater {
			t.Errorf("closed with %d", code)
		}
		resp, body := s.ask("GET", "/api/v1/events"+query("/d/shop"), as(network[0])...)
		if resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, "too_many") || resp.Header.Get("Retry-After") == "" {
			t.Errorf("an event stream is answered %d %s", resp.StatusCode, body)
		}
		before := s.Viewers()
		_ = first.CloseNow()
		s.until("one left", func() bool { return s.Viewers() < before })
		s.paced(network[0])
	}
	for range 5 { // who stands behind it is not known
		s.sees("/d/shop")
	}
}

// Whoever is turned away is waited for, a while, and holds a connection meanwhile. So
// many may; who comes then is refused without a socket, and who leaves makes room.
func TestThoseWhoAreTurnedAwayAreBounded(t *testing.T) {
	for who, header := range map[string][]string{"beyond the limit": nil, "signed out": {"Origin", ""}} {
		t.Run(who, func(t *testing.T) {
			s := limitedSite(t, web.Limits{Sockets: 1})
			inside, status := 1, http.StatusTooManyRequests
			if header != nil {
				d := newDoor(t)
				s, inside, status = d.site, 0, http.StatusUnauthorized
				header[1] = s.http.URL
			} else {
				s.sees("/d/shop")
			}
			held, refused := []net.Conn{}, 0
			for range 300 {
				conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				text := "GET /live HTTP/1.1\r\nHost: " + s.http.Listener.Addr().String() + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				if header != nil {
					text += header[0] + ": " + header[1] + "\r\n"
				}
				if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				switch {
				case err != nil:
					t.Fatal(err)
				case resp.StatusCode == http.StatusSwitchingProtocols:
					held = append(held, conn)
				case resp.StatusCode == status:
					refused++
				default:
					t.Fatalf("answered %d", resp.StatusCode)
				}
			}
			if len(held) != 256 || refused != 300-256 || s.Connections() != inside+256 {
				t.Errorf("%d hold a socket, %d are refused, %d are counted", len(held), refused, s.Connections())
			}
			for _, conn := range held {
				_ = conn.Close()
			}
			s.until("they are gone", func() bool { return s.Connections() == inside })
			if c := s.dial(header...); c.next().Type != delta.TypeError {
				t.Error("nobody is told why any more")
			}
		})
	}
}

// sees opens a socket and has a page there.
func (s *site) sees(page string, header ...string) *client {
	s.Helper()
	c := s.dial(header...)
	c.watch(page, "")
	c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
	return c
}

// paced opens a socket as soon as the address may, and has a page there.
func (s *site) paced(address string) {
	s.Helper()
	s.until("another may come", func() bool {
		h := http.Header{"X-Forwarded-For": {address}}
		ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
		defer cancel()
		conn, _, err := websocket.Dial(ctx, s.url("/live"), &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}, HTTPHeader: h})
		if err != nil {
			return false
		}
		s.Cleanup(func() { _ = conn.CloseNow() })
		c := &client{s.T, conn}
		c.watch("/d/shop", "")
		c.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus)
		return true
	})
}

// An address that connects over and over is answered without a handshake, and
// may come again soon.
func TestHandshakesOfOneAddress(t *testing.T) {
	s := limitedSite(t, web.Limits{AddressSockets: 5})
	refused := 0
	for range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		conn, resp, err := websocket.Dial(ctx, s.url("/live"), &websocket.DialOptions{Subprotocols: []string{web.Subprotocol}, HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.9"}}})
		cancel()
		if err == nil {
			_ = conn.CloseNow()
			continue
		}
		if resp == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("refused with %v, %v", resp, err)
		}
		refused++
	}
	if refused < 10 {
		t.Errorf("of 40 handshakes at once %d were refused", refused)
	}
	s.dial(as("192.0.2.10")...)
	s.until("those have left", func() bool { return s.Viewers() == 1 })
	s.paced("192.0.2.9")
}

// Other values are other pages: who asks for more of them than is their share is
// told so, by every way to a page, before the database is; others go on.
func TestDifferentPagesOfOneAddress(t *testing.T) {
	s := limitedSite(t, web.Limits{AddressPages: 3, Pages: 5, Linger: 50 * time.Millisecond})
	one, other := as("192.0.2.1"), as("192.0.2.2")
	s.sees("/d/shop", other...)
	for i := range 3 {
		s.sees(fmt.Sprintf("/d/shop?x=%d", i), one...)
	}
	time.Sleep(100 * time.Millisecond) // the pace of one who has just begun
	late := s.dial(one...)
	late.watch("/d/shop?x=9", "")
	if m := late.expect(delta.TypeError); m.Err.Code != "too_many" || m.Err.Message != "your address has too many different pages open" {
		t.Errorf("the fourth is refused with %+v", m.Err)
	}
	late.watch("/d/shop", "")
	late.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus) // others watch it: it costs nothing
	late.watch("/d/shop?x=1", "")
	late.expect(delta.TypeWatching, delta.TypeSnapshot, delta.TypeStatus) // so does one's own
	opened := s.openings()
	for _, target := range []string{"/d/shop?x=9", "/api/v1/snapshot" + query("/d/shop?x=9"), "/api/v1/events" + query("/d/shop?x=9"), "/d/shop/latest.csv?x=9"} {
		time.Sleep(50 * time.Millisecond)
		resp, body := s.ask("GET", target, one...)
		if resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, "too many different pages") && !strings.Contains(body, "Your address has too many") {
			t.Errorf("%s is answered %d %s", target, resp.StatusCode, body)
		}
	}
	if now := s.openings(); now != opened {
		t.Errorf("%d pages were opened for what was refused", now-opened)
	}
	if n := strings.Count(s.logs.String(), "too many different pages"); n != 1 {
		t.Errorf("the log tells it %d times", n)
	}
	s.sees("/d/shop?x=10", other...)
	mine := s.dial(other...)
	mine.watch("/d/shop?x=11", "")
	if m := mine.expect(delta.TypeError); m.Err.Message != "too many different pages are open" {
		t.Errorf("the sixth of all is refused with %+v", m.Err)
	}
}

// A page counts for a little longer than it is watched: the database is asked for
// it so long. Then it is forgotten.
func TestPagesThatWereLeftLapse(t *testing.T) {
	s := limitedSite(t, web.Limits{AddressPages: 2, Linger: 300 * time.Millisecond})
	c := s.dial(as("192.0.2.1")...)
	refused := 0
	began := time.Now()
	for i := range 6 {
		for {
			c.watch(fmt.Sprintf("/d/shop?x=%d", i), "")
			m := c.next()
			if m.Type == delta.TypeWatching {
				c.expect(delta.TypeSnapshot, delta.TypeStatus)
				break
			}
			if m.Type != delta.TypeError || m.Err.Code != "too_many" {
				t.Fatalf("answered with %+v", m)
			}
			refused++
			time.Sleep(120 * time.Millisecond)
		}
	}
	if took := time.Since(began); refused == 0 || took < 500*time.Millisecond {
		t.Errorf("six pages took %v, %d refusals: two may be open at a time", took, refused)
	}
}

// Whoever guesses addresses that lead nowhere asks the database no faster for it.
func TestAddressesThatAreGuessed(t *testing.T) {
	s := limitedSite(t, web.Limits{AddressPages: 5, Linger: 10 * time.Second})
	one := as("192.0.2.1")
	counts := map[int]int{}
	for i := range 30 {
		resp, _ := s.ask("GET", "/api/v1/page"+query(fmt.Sprintf("/d/none?x=%d", i)), one...)
		counts[resp.StatusCode]++
	}
	if counts[http.StatusNotFound] > 8 || counts[http.StatusNotFound]+counts[http.StatusTooManyRequests] != 30 {
		t.Errorf("30 guesses were answered %v", counts)
	}
	if resp, _ := s.ask("GET", "/d/shop", as("192.0.2.2")...); resp.StatusCode != http.StatusOK {
		t.Errorf("another address is answered %d", resp.StatusCode)
	}
	if resp, _ := s.ask("GET", "/d/shop", one...); resp.StatusCode != http.StatusOK {
		t.Errorf("a page that is live is not opened by who guesses: %d", resp.StatusCode)
	}
}

// openings is how often pages were opened.
func (s *site) openings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}
