//go:build unix

package e2e_test

import (
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Connections on which nothing is said, half a header, or the beginning of another
// protocol are ended after a while; until then they cost next to nothing, the
// database nothing at all, and whoever watches beside them sees each change as soon
// as ever. ROWCAST_IDLE is how many there are.
func TestIdleHandshakes(t *testing.T) {
	t.Parallel()
	many := 600
	if text := os.Getenv("ROWCAST_IDLE"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	l := limits(t, "", limitedPage)
	alone, before := l.measure(1200 * time.Millisecond)
	address := strings.TrimSuffix(strings.TrimPrefix(l.URL, "http://"), "/")
	resident := l.resident()
	began := time.Now()
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for i := range many {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
		half := []string{"", "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: web", "\x16\x03\x01\x02\x00\x01"}[i%3]
		_, _ = io.WriteString(conn, half)
	}
	asked, during := l.measure(1200 * time.Millisecond)
	grown := l.resident() - resident
	ended := 0
	for _, conn := range idle {
		_ = conn.SetReadDeadline(began.Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err == nil || !os.IsTimeout(err) {
			ended++
		}
	}
	t.Logf("%d of %d ended within %v, and cost %d MB; %.0f transactions a second, %.0f without them; a change is shown after %v before, %v meanwhile, at worst %v",
		ended, many, time.Since(began).Round(time.Millisecond), grown>>20, asked, alone, middle(before), middle(during), slices.Max(during))
	if asked > alone+150 {
		t.Errorf("the database is asked %.0f times a second, without them %.0f", asked, alone)
	}
	if ended != many {
		t.Errorf("only %d of %d were ended", ended, many)
	}
	if middle(during) > max(4*middle(before), 250*time.Millisecond) || slices.Max(during) > 3*time.Second {
		t.Errorf("a change was shown after %v, at worst %v; before %v", middle(during), slices.Max(during), middle(before))
	}
	if most := 64<<20 + many*32<<10; grown > most {
		t.Errorf("they cost %d bytes", grown)
	}
}

// resident is the memory that the program has, in bytes.
func (l *limited) resident() int {
	l.Helper()
	figures, err := scrape(l.URL)
	if err != nil {
		l.Fatal(err)
	}
	if figures["process_resident_memory_bytes"] == 0 {
		l.Fatal("the program does not tell its memory")
	}
	return int(figures["process_resident_memory_bytes"])
}
