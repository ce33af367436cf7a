package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rowcast/rowcast/broadcast"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The state of these tests is a number; its snapshot is "=n" with blanks up to
// 21 bytes, the delta to it "+n".
type (
	hub    = broadcast.Hub[int]
	update = broadcast.Update[int]
)

func cursor(n int) string { return fmt.Sprintf("e:%d", n) }

// epoch is the update that begins with n, step the one that leads to n.
func epoch(n int) update {
	return update{Cursor: cursor(n), State: n, Snapshot: func() []byte { return fmt.Appendf(nil, "=%-20d", n) }}
}

func step(n int) update {
	u := epoch(n)
	u.Delta = fmt.Appendf(nil, "+%d", n)
	return u
}

func says(text string) func(time.Time) []byte {
	return func(time.Time) []byte { return []byte(text) }
}

func with(u update, status string) update {
	u.Status = says(status)
	return u
}

// read returns the next batch as "data@cursor" words, or "nothing" when there
// is none. It runs in a synctest bubble, where a second costs no time.
func read(t *testing.T, s *broadcast.Subscription[int]) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	b, err := s.Next(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing"
	case err != nil:
		return err.Error()
	}
	var words []string
	for _, m := range b.Messages {
		words = append(words, strings.TrimSpace(string(m.Data))+strings.TrimPrefix("@"+m.Cursor, "@e:"))
	}
	return strings.ReplaceAll(strings.Join(words, " "), "@", "")
}

func want(t *testing.T, s *broadcast.Subscription[int], words string) {
	t.Helper()
	if got := read(t, s); got != words {
		t.Errorf("got %q, want %q", got, words)
	}
}

func bubble(t *testing.T, f func(t *testing.T, h *hub)) {
	synctest.Test(t, func(t *testing.T) { f(t, broadcast.New[int](broadcast.Config{})) })
}

func TestAnswerIsSnapshotThenStatus(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		h.Publish("a", step(2))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=22 live")
		want(t, s, "nothing")
		h.Publish("a", with(step(3), "live3"))
		want(t, s, "+33 live3")
		h.Publish("a", step(4))
		want(t, s, "+44")
		h.Publish("a", update{Status: says("stale")})
		want(t, s, "stale")
		want(t, s, "nothing")
	})
}

func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		for n := 2; n <= 4; n++ {
			h.Publish("a", step(n))
		}
		for from, words := range map[string]string{
			cursor(1): "+22 +33 +44 live", cursor(2): "+33 +44 live", cursor(4): "live",
			"": "=44 live", cursor(9): "=44 live", "x:1": "=44 live",
		} {
			before, again := h.Stats().Resyncs, uint64(0)
			if from != "" && strings.HasPrefix(words, "=") { // it showed what is not known any more
				again = 1
			}
			s := h.Subscribe("a", from)
			want(t, s, words)
			want(t, s, "nothing")
			s.Close()
			if n := h.Stats().Resyncs - before; n != again {
				t.Errorf("from %q: %d resyncs", from, n)
			}
		}
	})
}

func TestResumeAtTheRingsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{RingFrames: 2})
		h.Publish("a", with(epoch(1), "live"))
		for n := 2; n <= 5; n++ {
			h.Publish("a", step(n))
		}
		for from, words := range map[int]string{1: "=55 live", 2: "=55 live", 3: "+44 +55 live", 4: "+55 live"} {
			s := h.Subscribe("a", cursor(from))
			want(t, s, words)
			s.Close()
		}
	})
}

// The position is that of Subscribe, whenever Next is called first.
func TestPositionIsTakenAtSubscribe(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live1"))
		s := h.Subscribe("a", cursor(1))
		defer s.Close()
		h.Publish("a", with(step(2), "live2"))
		want(t, s, "+22 live2")
		want(t, s, "nothing")
	})
}

func TestSubscribeBeforeTheFirstState(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		s, same := h.Subscribe("a", ""), h.Subscribe("a", cursor(1))
		defer s.Close()
		defer same.Close()
		want(t, s, "nothing")
		h.Publish("a", update{Status: says("starting")})
		want(t, s, "starting")
		h.Publish("a", epoch(1))
		want(t, s, "=11 starting")
		want(t, same, "starting")
		h.Publish("a", step(2))
		want(t, s, "+22")
		want(t, same, "+22")
	})
}

// An answer always ends with a status, also where it comes late and quietly.
func TestStatusIsOwed(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", epoch(1))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11")
		h.Publish("a", step(2))
		want(t, s, "+22")
		h.Publish("a", update{Status: says("live"), Quiet: true})
		want(t, s, "live")
		h.Publish("a", update{Status: says("live2"), Quiet: true})
		want(t, s, "nothing")
	})
}

func TestStatusIsOwedToWhoWaits(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", epoch(1))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11")
		var reader sync.WaitGroup
		reader.Go(func() { want(t, s, "live") })
		synctest.Wait()
		h.Publish("a", update{Status: says("live"), Quiet: true})
		reader.Wait()
	})
}

func TestQuietStatus(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live1"))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11 live1")
		h.Publish("a", update{Status: says("live2"), Quiet: true})
		want(t, s, "nothing")
		u := with(step(2), "live3")
		u.Quiet = true
		h.Publish("a", u)
		want(t, s, "+22")
		newcomer := h.Subscribe("a", cursor(1))
		defer newcomer.Close()
		want(t, newcomer, "+22 live3")
		h.Publish("a", update{Status: says("stale")})
		h.Publish("a", update{Status: says("live4"), Quiet: true})
		want(t, s, "live4") // of statuses, only the newest counts
	})
}

func TestStatusKeepsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "s1"))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11 s1")
		h.Publish("a", step(2))
		h.Publish("a", with(step(3), "s3"))
		h.Publish("a", step(4))
		want(t, s, "+22 +33 s3 +44")
		h.Publish("a", update{Status: says("s4")})
		h.Publish("a", step(5))
		want(t, s, "s4 +55")
		late := h.Subscribe("a", cursor(2))
		defer late.Close()
		want(t, late, "+33 +44 +55 s4") // a status ends an answer
	})
}

func TestStatusAgesUntilItIsDelivered(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		at := time.Now()
		u := epoch(1)
		u.Status = func(now time.Time) []byte { return []byte(now.Sub(at).String()) }
		h.Publish("a", u)
		s := h.Subscribe("a", "")
		defer s.Close()
		time.Sleep(3 * time.Second)
		want(t, s, "=11 3s")
		time.Sleep(time.Second)
		s2 := h.Subscribe("a", cursor(1))
		defer s2.Close()
		want(t, s2, "4s")
	})
}

func TestSlowReaderCollapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]broadcast.Config{"frames": {RingFrames: 3}, "bytes": {RingBytes: 7}} {
			h := broadcast.New[int](c)
			h.Publish("a", with(epoch(1), "live"))
			slow, fast := h.Subscribe("a", ""), h.Subscribe("a", "")
			want(t, slow, "=11 live")
			want(t, fast, "=11 live")
			for n := 2; n <= 9; n++ {
				h.Publish("a", with(step(n), fmt.Sprint("live", n)))
				want(t, fast, fmt.Sprintf("+%d%d live%d", n, n, n))
			}
			if got := read(t, slow); got != "=99 live9" {
				t.Errorf("%s: got %q", name, got)
			}
			want(t, slow, "nothing")
			if stats := h.Stats(); stats.RingBytes > 7 || stats.Subscribers != 2 || stats.Topics != 1 || stats.Resyncs != 1 {
				t.Errorf("%s: stats %+v", name, stats)
			}
			slow.Close()
			fast.Close()
		}
	})
}

func TestFrameBeyondTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{RingBytes: 2})
		h.Publish("a", with(epoch(1), "live"))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11 live")
		h.Publish("a", step(100)) // "+100" is longer than the ring
		want(t, s, "=100100 live")
		h.Publish("a", step(2))
		want(t, s, "+22")
	})
}

func TestDeltasThatOutweighASnapshot(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11 live") // a snapshot takes 21 bytes
		for n := 2; n <= 9; n++ {
			h.Publish("a", step(n))
		}
		want(t, s, "+22 +33 +44 +55 +66 +77 +88 +99")
		for n := 10; n <= 17; n++ {
			h.Publish("a", step(n))
		}
		want(t, s, "=1717 live")
	})
}

// Those who came with a page's first rows never took a snapshot, and nobody knows
// what one weighs. Once it matters one is encoded: who is behind is handed the newest
// state, and not every frame since.
func TestDeltasOutweighASnapshotThatNobodyTook(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		reader := h.Subscribe("a", cursor(1))
		defer reader.Close()
		sink := attach(h, cursor(1), &tray{pace: func() time.Duration { return time.Minute }})
		defer sink.sub.Close()
		want(t, reader, "live")
		sink.want(t, "live")
		for n := 2; n <= 9; n++ {
			u := step(n)
			u.Delta = fmt.Appendf(nil, "+%-10000d", n)
			h.Publish("a", u)
		}
		sink.want(t, "")
		time.Sleep(time.Minute)
		sink.want(t, "=9 live")
		want(t, reader, "=99 live")
	})
}

// A thousand who need the snapshot at once share one encoding, and meanwhile
// the publisher goes on.
func TestSnapshotIsEncodedOnceUnderNoLock(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		var encoded atomic.Int32
		hold := make(chan struct{})
		u := with(epoch(1), "live")
		u.Snapshot = func() []byte {
			encoded.Add(1)
			<-hold
			return []byte("=1")
		}
		h.Publish("a", u)
		var readers sync.WaitGroup
		subs := make([]*broadcast.Subscription[int], 1000)
		for i := range subs {
			subs[i] = h.Subscribe("a", "")
			readers.Go(func() { want(t, subs[i], "=11 live") })
		}
		synctest.Wait() // one encodes, the others wait for it
		h.Publish("a", step(2))
		h.Publish("b", epoch(1))
		if n, err := h.Latest(t.Context(), "a"); n != 2 || err != nil {
			t.Errorf("latest %d, %v", n, err)
		}
		close(hold)
		readers.Wait()
		for _, s := range subs {
			want(t, s, "+22")
			s.Close()
		}
		if n := encoded.Load(); n != 1 {
			t.Errorf("encoded %d times", n)
		}
	})
}

func TestSnapshotIsNotEncodedForNobody(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		u := with(epoch(1), "live")
		u.Snapshot = func() []byte { t.Error("encoded"); return nil }
		h.Publish("a", u)
		s := h.Subscribe("a", cursor(1))
		defer s.Close()
		want(t, s, "live")
		h.Publish("a", step(2))
		want(t, s, "+22")
	})
}

func TestPublishWithoutSnapshot(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a state without a snapshot was taken")
		}
	}()
	broadcast.New[int](broadcast.Config{}).Publish("a", update{Cursor: "e:1"})
}
