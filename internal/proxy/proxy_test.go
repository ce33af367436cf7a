package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rowcast/rowcast/internal/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthy(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			p, c := open(t, network)
			echo(t, c, bytes.Repeat([]byte("rowcast "), 1<<16))
			if p.Open() != 1 || p.Total() != 1 {
				t.Errorf("%d open of %d, want 1 of 1", p.Open(), p.Total())
			}
		})
	}
}

func TestStallHoldsWhatWasSentUntilHealed(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("before"))
	p.Stall()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatalf("a stalled line looks open: %v", err)
	}
	silent(t, c, 50*time.Millisecond)
	p.Heal()
	expect(t, c, []byte("held"))
}

func TestStallHidesTheServersEnd(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("quit")[:3])
	p.Stall()
	if _, err := c.Write([]byte{endOfServer}); err != nil {
		t.Fatal(err)
	}
	silent(t, c, 50*time.Millisecond)
	p.Heal()
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("after the healing: %v, want the end", err)
	}
}

func TestCutAndReset(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("a"))
	p.Cut()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("cut: %v, want EOF", err)
	}
	c = dial(t, p, "tcp")
	echo(t, c, []byte("b"))
	p.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v, want ECONNRESET", err)
	}
	echo(t, dial(t, p, "tcp"), []byte("new ones work"))
}

func TestResetInTheMiddle(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("not counted"))
	p.Set(proxy.Faults{ResetAfter: 5, Slice: 1})
	if _, err := c.Write([]byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if !errors.Is(err, syscall.ECONNRESET) || len(got) > 5 {
		t.Errorf("%q, %v; want at most five bytes and ECONNRESET", got, err)
	}
}

func TestSlow(t *testing.T) {
	for name, f := range map[string]proxy.Faults{
		"delay":     {Delay: 30 * time.Millisecond},
		"bandwidth": {BytesPerSecond: 100},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := open(t, "tcp")
			p.Set(f)
			began := time.Now()
			echo(t, c, []byte("abcd"))
			if took := time.Since(began); took < 60*time.Millisecond { // both ways
				t.Errorf("took %v, want at least 60 ms", took)
			}
		})
	}
}

func TestSingleBytes(t *testing.T) {
	p, c := open(t, "tcp")
	p.Set(proxy.Faults{Slice: 1})
	echo(t, c, []byte("one by one"))
}

func TestRefuse(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("a"))
	p.Set(proxy.Faults{Refuse: true})
	if _, err := dial(t, p, "tcp").Read(make([]byte, 1)); err == nil {
		t.Error("a new connection was served")
	}
	echo(t, c, []byte("the old one goes on"))
}

func TestServerDown(t *testing.T) {
	p, err := proxy.Unix(filepath.Join(t.TempDir(), "p"), filepath.Join(t.TempDir(), "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := dial(t, p, "unix").Read(make([]byte, 1)); err == nil {
		t.Error("somebody answered")
	}
}

// endOfServer makes the echo server hang up.
const endOfServer = 4

func open(t *testing.T, network string) (*proxy.Proxy, net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "server")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	var p *proxy.Proxy
	if network == "unix" {
		p, err = proxy.Unix(filepath.Join(t.TempDir(), "proxy"), l.Addr().String())
	} else {
		p, err = proxy.TCP(l.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, dial(t, p, network)
}

// serve answers every byte with itself.
func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil || n > 0 && buf[0] == endOfServer {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func dial(t *testing.T, p *proxy.Proxy, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func echo(t *testing.T, c net.Conn, text []byte) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(text)
		sent <- err
	}()
	expect(t, c, text)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %.40q, want %.40q", got, want)
	}
}

// silent checks that nothing comes for a while.
func silent(t *testing.T, c net.Conn, d time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v; want silence", n, err)
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestIdleAndOldOnesAreCut(t *testing.T) {
	for name, c := range map[string]struct {
		proxy.Faults
		busy time.Duration // longer than what is idle, and nothing beside a life
	}{
		"idle": {proxy.Faults{Idle: 200 * time.Millisecond}, 250 * time.Millisecond},
		"old":  {proxy.Faults{Life: 400 * time.Millisecond}, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := open(t, "tcp")
			p.Set(c.Faults)
			conn := dial(t, p, "tcp")
			began := time.Now()
			for time.Since(began) < c.busy {
				echo(t, conn, []byte("busy"))
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("after %v: %v, want EOF", time.Since(began), err)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	p, c := open(t, "tcp")
	echo(t, c, []byte("a"))
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Redirect(nobody.Addr().String())
	_ = nobody.Close()
	if _, err := dial(t, p, "tcp").Read(make([]byte, 1)); err == nil {
		t.Error("a connection to nobody was served")
	}
	echo(t, c, []byte("the old one goes on"))
}
