package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An answer that was asked for is taken where it comes alone and between frames, and
// all else is left to who reads.
func TestAnswersAreTaken(t *testing.T) {
	pong := []byte{final | opPong, masked, 1, 2, 3, 4}
	for name, c := range map[string]struct {
		before []byte // what came until then
		comes  []byte
		asked  bool
		taken  bool
	}{
		"asked for":              {nil, pong, true, true},
		"behind a message":       {frameOf(3), pong, true, true},
		"not asked for":          {nil, pong, false, false},
		"inside a payload":       {frameOf(9)[:10], pong, true, false},
		"inside a head":          {frameOf(9)[:5], pong, true, false},
		"with words":             {nil, append([]byte{final | opPong, masked | 1}, 1, 2, 3, 4, 5), true, false},
		"beside another message": {nil, append(bytes.Clone(pong), frameOf(3)...), true, false},
		"a ping":                 {nil, []byte{final | opPing, masked, 1, 2, 3, 4}, true, false},
		"without a mask":         {nil, []byte{final | opPong, 4, 1, 2, 3, 4}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := wire{answer: func() bool { return c.asked }}
			w.intake.take(c.before, time.Now())
			if taken := w.answers(c.comes); taken != c.taken {
				t.Errorf("taken: %v", taken)
			}
		})
	}
}

// Its reader is not woken for an answer, and reads what comes next.
func TestAnswersWakeNobody(t *testing.T) {
	server, client := pair(t, false)
	var w wire
	w.open(server, time.Second)
	took := make(chan struct{})
	w.answer = func() bool { took <- struct{}{}; return true }
	type reading struct {
		p   []byte
		err error
	}
	read := make(chan reading, 1)
	go func() {
		p := make([]byte, 64)
		n, err := w.Read(p)
		read <- reading{p[:n], err}
	}()
	for range 3 {
		if _, err := client.Write([]byte{final | opPong, masked, 1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		<-took
	}
	if _, err := client.Write(frameOf(3)); err != nil {
		t.Fatal(err)
	}
	if r := <-read; r.err != nil || !bytes.Equal(r.p, frameOf(3)) {
		t.Errorf("read %x, %v", r.p, r.err)
	}
	go func() {
		_, err := w.Read(make([]byte, 64))
		read <- reading{nil, err}
	}()
	_ = w.Close()
	if r := <-read; !errors.Is(r.err, net.ErrClosed) {
		t.Errorf("closing ended it with %v", r.err)
	}
}

// An end that came together with an answer is not told again by the system.
func TestAnEndBehindAnAnswerIsSeen(t *testing.T) {
	server, client := pair(t, false)
	var w wire
	w.open(server, time.Second)
	answers := 0
	w.answer = func() bool { answers++; return true }
	if _, err := client.Write([]byte{final | opPong, masked, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLRDHUP}}, 5000); n != 1 || err != nil {
		t.Fatalf("waited for the end: %d, %v", n, err)
	}
	_ = server.SetReadDeadline(time.Now().Add(5 * time.Second)) // it would wait for ever
	if n, err := w.Read(make([]byte, 64)); n != 0 || err != io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if answers != 1 {
		t.Errorf("%d answers were taken", answers)
	}
}
