package listener_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/listener"
)

func TestWhatIsLostIsSaidWithoutTheAddress(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // ends every connection without a word
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	go func() {
		for conn, err := mute.Accept(); err == nil; conn, err = mute.Accept() {
			conn.Close()
		}
	}()
	for name, url := range map[string]string{
		"tcp":  "postgres://canary:secret@" + address + "/x",
		"mute": "postgres://canary:secret@" + mute.Addr().String() + "/x?sslmode=disable",
		"unix": "postgres:///x?host=/nowhere/canary&user=canary",
	} {
		t.Run(name, func(t *testing.T) {
			heard := newRecorder()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			l := listener.New(listener.Config{Connect: connector(url)})
			go func() { defer close(done); _ = l.Run(ctx, heard) }()
			lost := heard.wait(t, 0, "loss", is("lost"))
			if why := l.Unarmable(); why != "" { // its pages went by the clock for a moment, before they heard of the loss
				t.Errorf("a doorbell that is lost is said to be unarmable: %s", why)
			}
			cancel()
			<-done
			if lost.reason != "database_unreachable" || lost.text == "" {
				t.Errorf("lost: %q %q", lost.reason, lost.text)
			}
			for _, secret := range []string{"canary", "secret", "127.0.0.1", "nowhere"} {
				if strings.Contains(lost.text, secret) {
					t.Errorf("%q is in %q", secret, lost.text)
				}
			}
		})
	}
}
