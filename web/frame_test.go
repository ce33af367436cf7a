package web

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

// frame is one that a client reads.
type frame struct {
	op   byte // with its flags
	data []byte
}

func readFrame(r *bufio.Reader) (f frame, err error) {
	head := make([]byte, 10)
	if _, err = io.ReadFull(r, head[:2]); err != nil {
		return f, err
	}
	size, more := uint64(head[1]), 0
	switch size {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if _, err = io.ReadFull(r, head[2:2+more]); err != nil {
		return f, err
	}
	switch more {
	case 2:
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case 8:
		size = binary.BigEndian.Uint64(head[2:])
	}
	if size > fragment {
		return f, fmt.Errorf("a frame of %d bytes: %x", size, head)
	}
	f.op, f.data = head[0], make([]byte, size)
	_, err = io.ReadFull(r, f.data)
	return f, err
}

// readMessage returns the next message as text, and the control frames before it
// and in it.
func readMessage(r *bufio.Reader) (text []byte, control []frame, err error) {
	var first byte
	for begun := false; ; {
		f, err := readFrame(r)
		if err != nil {
			return nil, control, err
		}
		switch op := f.op & 0x0f; {
		case op >= opClose:
			if f.op&final == 0 || len(f.data) > 125 {
				return nil, control, fmt.Errorf("a control frame %x of %d bytes", f.op, len(f.data))
			}
			control = append(control, f)
			if op == opClose {
				return nil, control, io.EOF
			}
			continue
		case begun != (op == opContinuation), op > opText:
			return nil, control, fmt.Errorf("a frame %x in the wrong place", f.op)
		}
		if !begun {
			begun, first = true, f.op
		}
		text = append(text, f.data...)
		if f.op&final == 0 {
			continue
		}
		if first&deflated != 0 {
			text, err = inflate(text)
		}
		return text, control, err
	}
}

func inflate(b []byte) ([]byte, error) {
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader(tail))))
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return b
}

func TestFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 125, 126, 127, worthwhile - 1, worthwhile, 65535, fragment - 1, fragment, fragment + 1, 2 * fragment, 3*fragment + 7} {
		for _, text := range [][]byte{bytes.Repeat([]byte("x"), n), noise(r, n)} {
			for form, build := range makeForm {
				b := build(text)
				got, control, err := readMessage(bufio.NewReader(bytes.NewReader(b)))
				if err != nil || len(control) > 0 || !bytes.Equal(got, text) {
					t.Errorf("form %d, %d bytes: got %d bytes, %v", form, n, len(got), err)
				}
				if end := frameEnd(b, len(b)); end != len(b) {
					t.Errorf("form %d, %d bytes: the frames end at %d of %d", form, n, end, len(b))
				}
			}
		}
	}
}

func TestCompressionPays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := []byte(strings.Repeat(`["[\"42\"]","42","19.90"],`, 100))
	random := make([]byte, 4000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	if n := len(deflatedFrames(rows)); n > len(rows)/5 {
		t.Errorf("%d bytes of rows became %d", len(rows), n)
	}
	for _, same := range [][]byte{rows[:worthwhile-1], random} {
		if !bytes.Equal(deflatedFrames(same), framed(same)) {
			t.Errorf("%d bytes were not left as they are", len(same))
		}
	}
}

// pair is both ends of a connection with small buffers, so that writes do not
// always fit.
func pair(t *testing.T, secret bool) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).SetReadBuffer(64 << 10)
	_ = server.(*net.TCPConn).SetWriteBuffer(16 << 10)
	if secret {
		site := httptest.NewUnstartedServer(nil)
		site.StartTLS()
		site.Close()
		server = tls.Server(server, site.TLS)
		client = tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		shaken := make(chan error, 1)
		go func() { shaken <- server.(*tls.Conn).Handshake() }()
		if err := errors.Join(client.(*tls.Conn).Handshake(), <-shaken); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// Messages of all sizes go out while pings and pongs do, to a client that reads
// in fits and starts: every message arrives whole and in order, and no control
// frame stands inside of a frame.
func TestFramesKeepApart(t *testing.T) {
	for _, secret := range []bool{false, true} {
		t.Run(map[bool]string{false: "TCP", true: "TLS"}[secret], func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			server, client := pair(t, secret)
			w := &wire{}
			w.open(server, 10*time.Second)
			ready := make(chan struct{}, 1)
			w.drained = func() {
				select {
				case ready <- struct{}{}:
				default:
				}
			}

			const messages, controls = 150, 500
			var senders sync.WaitGroup
			sent := make([][]byte, messages)
			senders.Go(func() {
				r := rand.New(rand.NewPCG(seed, 1))
				for i := 0; i < messages; {
					var parts [][]byte
					for range 1 + r.IntN(3) { // a batch
						if i == messages {
							break
						}
						sent[i] = append(fmt.Appendf(nil, "%d ", i), noise(r, 1<<r.IntN(18))...)
						parts = append(parts, makeForm[r.IntN(2)](sent[i]))
						i++
					}
					busy, err := w.send(parts...)
					if err != nil {
						t.Error(err)
						return
					}
					if busy {
						<-ready
					}
				}
				w.settle()
			})
			senders.Go(func() {
				r := rand.New(rand.NewPCG(seed, 2))
				for i := range controls {
					data := fmt.Appendf(nil, "%d", i)
					for {
						_, err := w.Write(append([]byte{final | (opPing + byte(r.IntN(2))), byte(len(data))}, data...))
						if err == nil {
							break
						}
						if !errors.Is(err, errControl) {
							t.Error(err)
							return
						}
						time.Sleep(100 * time.Microsecond) // the client is slow
					}
					if r.IntN(4) == 0 {
						time.Sleep(time.Duration(r.IntN(200)) * time.Microsecond)
					}
				}
			})
			go func() { // the close frame comes last, whatever is under way
				senders.Wait()
				_, _ = w.Write([]byte{final | opClose, 0})
			}()

			r := rand.New(rand.NewPCG(seed, 3))
			reader := bufio.NewReader(&fitful{client, r})
			_ = client.SetReadDeadline(time.Now().Add(30 * time.Second))
			var heard []frame
			got := 0
			for {
				text, control, err := readMessage(reader)
				heard = append(heard, control...)
				if err != nil {
					if err != io.EOF || len(control) == 0 || control[len(control)-1].op&0x0f != opClose {
						t.Fatalf("seed %d: after %d messages: %v", seed, got, err)
					}
					break
				}
				if !bytes.Equal(text, sent[got]) {
					t.Fatalf("seed %d: message %d is not what was sent", seed, got)
				}
				got++
			}
			if got != messages || len(heard) != controls+1 {
				t.Errorf("seed %d: %d messages and %d control frames", seed, got, len(heard))
			}
			for i, f := range heard[:len(heard)-1] {
				if string(f.data) != fmt.Sprint(i) {
					t.Fatalf("seed %d: control frame %d says %q", seed, i, f.data)
				}
			}
			if _, err := w.send(framed([]byte("late"))); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after the close frame: %v", err)
			}
		})
	}
}

// fitful reads in bits, and now and then not for a while.
type fitful struct {
	net.Conn
	r *rand.Rand
}

func (f *fitful) Read(p []byte) (int, error) {
	if f.r.IntN(50) == 0 {
		time.Sleep(time.Duration(f.r.IntN(2000)) * time.Microsecond)
	}
	return f.Conn.Read(p[:min(len(p), 1+f.r.IntN(16<<10))])
}

// Where there is room a message is written at once, behind TLS too; where there
// is none, nothing waits for it.
func TestSendDoesNotWait(t *testing.T) {
	for _, secret := range []bool{false, true} {
		if secret && runtime.GOOS != "linux" {
			continue // there every write behind TLS may have to wait
		}
		server, client := pair(t, secret)
		w := &wire{}
		w.open(server, 10*time.Second)
		w.drained = func() {}
		r := bufio.NewReader(client)
		for i := range 20 {
			if busy, err := w.send(framed([]byte("short"))); busy || err != nil {
				t.Fatalf("TLS %v: message %d: busy %v, %v", secret, i, busy, err)
			}
			if text, _, err := readMessage(r); err != nil || string(text) != "short" {
				t.Fatalf("TLS %v: got %q, %v", secret, text, err)
			}
		}
		full := false
		for range 5000 { // nobody reads
			if full, _ = w.send(framed(make([]byte, 1000))); full {
				break
			}
		}
		if !full {
			t.Errorf("TLS %v: the wire never became busy", secret)
		}
		_ = w.Close()
	}
}

// A close frame drops what waits, but for the frame that has begun.
func TestCloseFrameCutsShort(t *testing.T) {
	server, client := pair(t, false)
	w := &wire{}
	w.open(server, 10*time.Second)
	w.drained = func() {}
	long := bytes.Repeat([]byte("x"), 20*fragment)
	if busy, err := w.send(framed(long), framed([]byte("next"))); !busy || err != nil {
		t.Fatalf("busy %v, %v", busy, err)
	}
	if _, err := w.Write([]byte{final | opPing, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{final | opClose, 0}); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(client)
	frames := 0
	for {
		f, err := readFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.op&0x0f == opClose {
			break
		}
		frames++
	}
	if frames > 6 {
		t.Errorf("%d frames came before the close frame", frames)
	}
}

// Who does not read is given up after the time that a write may take.
func TestStuckWireBreaks(t *testing.T) {
	server, _ := pair(t, false)
	w := &wire{}
	w.open(server, 50*time.Millisecond)
	w.drained = func() { t.Error("drained") }
	if busy, err := w.send(framed(make([]byte, 20*fragment))); !busy || err != nil {
		t.Fatalf("busy %v, %v", busy, err)
	}
	w.settle()
	if _, err := w.send(framed([]byte("x"))); err == nil {
		t.Error("a broken wire took a message")
	}
	for range 2 {
		_ = w.Close()
	}
}

// A batch that was on its way when its page was left goes nowhere.
func TestBatchOfALeftPageIsDropped(t *testing.T) {
	server, client := pair(t, false)
	c := &socket{}
	c.wire.open(server, time.Second)
	left, now := &follow{socket: c}, &follow{socket: c}
	c.now = now
	for _, f := range []*follow{left, now} {
		name := map[*follow]string{left: "left", now: "now"}[f]
		if !f.Take(&broadcast.Batch{Messages: []broadcast.Message{{Data: []byte(name), Cursor: "e:1"}}}) {
			t.Errorf("%s: busy", name)
		}
	}
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	if text, _, err := readMessage(bufio.NewReader(client)); err != nil || string(text) != "now" {
		t.Errorf("got %q, %v", text, err)
	}
}
