package broadcast_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

// tray is a sink that keeps what it is handed. It is busy with a batch for as
// long as pace says.
type tray struct {
	pace func() time.Duration // nil: never busy

	mu      sync.Mutex // guards all below
	sub     *broadcast.Subscription[int]
	batches []*broadcast.Batch
	words   []string
	busy    bool
	broken  error
	viewer  *viewer // follows the texts of the chaos test, if not nil
	fault   error
}

func attach(h *hub, cursor string, y *tray) *tray {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.sub = h.Attach("a", cursor, y)
	return y
}

// endless is more than any test hands one sink: a loop that goes on for ever
// would be waited for until the whole run is out of time.
const endless = 10_000

func (y *tray) Take(b *broadcast.Batch) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.batches) >= endless {
		y.fault = fmt.Errorf("handed %d batches, the last of them %.80q", len(y.batches), y.words[max(0, len(y.words)-3):])
		return false // and is never ready again
	}
	if y.busy {
		y.fault = fmt.Errorf("handed %d messages while busy", len(b.Messages))
	}
	y.batches = append(y.batches, b)
	for _, m := range b.Messages {
		y.words = append(y.words, strings.TrimSpace(string(m.Data)))
		if y.viewer != nil && y.fault == nil {
			y.fault = y.viewer.take(m)
		}
	}
	if y.pace == nil {
		return true
	}
	d := y.pace()
	if d < 0 {
		return true
	}
	y.busy = true
	if d == 0 { // timers of a bubble that are due at once share a race context, and crash Go 1.26 where two are
		go y.rest()
	} else {
		time.AfterFunc(d, y.rest)
	}
	return false
}

func (y *tray) rest() {
	y.mu.Lock()
	y.busy = false
	y.mu.Unlock()
	y.sub.Ready()
}

func (y *tray) Prepare(broadcast.Message) {}

func (y *tray) Break(err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.broken = err
}

// got takes what came, once all is quiet.
func (y *tray) got() string {
	synctest.Wait()
	y.mu.Lock()
	defer y.mu.Unlock()
	defer func() { y.words = nil }()
	if y.fault != nil {
		return y.fault.Error()
	}
	return strings.Join(y.words, " ")
}

func (y *tray) want(t *testing.T, words string) {
	t.Helper()
	if got := y.got(); got != words {
		t.Errorf("got %q, want %q", got, words)
	}
}

func TestSinkIsHandedWhatNextReturns(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		y := attach(h, "", &tray{})
		defer y.sub.Close()
		y.want(t, "")
		h.Publish("a", with(epoch(1), "live"))
		y.want(t, "=1 live")
		h.Publish("a", step(2))
		y.want(t, "+2")
		h.Publish("a", update{Status: says("quiet"), Quiet: true})
		y.want(t, "")
		h.Publish("a", with(step(3), "live3"))
		y.want(t, "+3 live3")
		late := attach(h, cursor(2), &tray{})
		defer late.sub.Close()
		late.want(t, "+3 live3")
		h.Drop("a")
		h.Publish("a", with(epoch(7), "live7"))
		y.want(t, "=7 live7")
		h.Publish("a", update{Last: []byte("reload")})
		y.want(t, "reload")
		h.Publish("a", with(epoch(8), "live8"))
		y.want(t, "")
		y.mu.Lock()
		defer y.mu.Unlock()
		if last := y.batches[len(y.batches)-1]; !last.Last {
			t.Error("the last batch does not say so")
		}
	})
}

func TestBusySinkIsHandedTheRestAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		slow := attach(h, cursor(1), &tray{pace: func() time.Duration { return time.Second }})
		quick := attach(h, cursor(1), &tray{})
		defer slow.sub.Close()
		defer quick.sub.Close()
		slow.want(t, "live")
		for n := 2; n <= 4; n++ {
			h.Publish("a", step(n))
			slow.want(t, "")
		}
		quick.want(t, "live +2 +3 +4")
		time.Sleep(time.Second)
		slow.want(t, "+2 +3 +4")
		time.Sleep(time.Second)
		slow.want(t, "")
		h.Publish("a", step(5))
		slow.want(t, "+5")
	})
}

func TestInsist(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		say := func(newest []byte) []byte { return append([]byte("!"), newest...) }
		y := attach(h, "", &tray{})
		s := h.Subscribe("a", "")
		defer y.sub.Close()
		defer s.Close()
		y.sub.Insist(say)
		y.want(t, "!")
		s.Insist(say)
		want(t, s, "!")
		h.Publish("a", with(epoch(1), "live"))
		y.want(t, "=1 live")
		want(t, s, "=11 live")
		y.sub.Insist(say)
		y.want(t, "!live")
		s.Insist(say)
		want(t, s, "!live")
		want(t, s, "nothing")
		h.Publish("a", step(2))
		y.want(t, "+2")
	})
}

// All who are at one position share the batch, and what was made of it.
func TestBatchIsShared(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		trays := make([]*tray, 100)
		for i := range trays {
			trays[i] = attach(h, "", &tray{})
			defer trays[i].sub.Close()
			trays[i].want(t, "=1 live")
		}
		h.Publish("a", step(2))
		h.Publish("a", with(step(3), "live3"))
		synctest.Wait()
		var made atomic.Int32
		build := func(data []byte) []byte {
			made.Add(1)
			return append(data[:len(data):len(data)], ';')
		}
		for i, y := range trays {
			y.mu.Lock()
			var parts [][]byte
			for _, b := range y.batches[1:] {
				parts = append(parts, b.Parts(1, build)...)
			}
			if got := string(bytes.Join(parts, nil)); got != "+2;+3;live3;" {
				t.Errorf("tray %d: %q", i, got)
			}
			y.mu.Unlock()
		}
		if n := made.Load(); n != 3 {
			t.Errorf("made %d times", n)
		}
	})
}

func TestLongMessagesAreNotJoined(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		long := strings.Repeat("x", 1<<16)
		first := with(epoch(1), "live")
		first.Snapshot = func() []byte { return make([]byte, 2*len(long)) } // which is longer still
		h.Publish("a", first)
		whole := h.Subscribe("a", "")
		defer whole.Close()
		read(t, whole)
		y := attach(h, cursor(1), &tray{pace: func() time.Duration { return time.Second }})
		defer y.sub.Close()
		y.want(t, "live")
		for n, text := range []string{"a", "b", long, "c", "d"} {
			u := step(n + 2)
			u.Delta = []byte(text)
			h.Publish("a", u)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		y.mu.Lock()
		defer y.mu.Unlock()
		var lengths []int
		for _, p := range y.batches[len(y.batches)-1].Parts(0, func(data []byte) []byte { return data }) {
			lengths = append(lengths, len(p))
		}
		if fmt.Sprint(lengths) != "[2 65536 2]" {
			t.Errorf("parts of %v bytes", lengths)
		}
	})
}

// A snapshot is encoded while the loops serve others, and states that come
// meanwhile keep nobody from it.
func TestLoopsDoNotEncode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{Loops: 1})
		hold := make(chan struct{})
		var encoded atomic.Int32
		slowly := func(u update) update {
			encode := u.Snapshot
			u.Snapshot = func() []byte { encoded.Add(1); <-hold; return encode() }
			return u
		}
		h.Publish("a", slowly(with(epoch(1), "live")))
		waiting, knowing := attach(h, "", &tray{}), attach(h, cursor(1), &tray{})
		defer waiting.sub.Close()
		defer knowing.sub.Close()
		waiting.want(t, "")
		h.Publish("a", slowly(step(2)))
		h.Publish("a", slowly(step(3)))
		knowing.want(t, "live +2 +3")
		waiting.want(t, "")
		hold <- struct{}{}
		waiting.want(t, "=1 +2 +3 live")
		close(hold)
		newcomer := attach(h, "", &tray{})
		defer newcomer.sub.Close()
		newcomer.want(t, "=1 +2 +3 live") // the ring leads on from it
		if n := encoded.Load(); n > 2 {
			t.Errorf("encoded %d times", n)
		}
	})
}

// Where the ring is too short to go on from the last snapshot, the newest one
// follows it, and no status comes before it may.
func TestLastSnapshotIsBetterThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{RingFrames: 1})
		hold := make(chan struct{})
		slowly := func(u update) update {
			encode := u.Snapshot
			u.Snapshot = func() []byte { <-hold; return encode() }
			return u
		}
		h.Publish("a", slowly(with(epoch(1), "live")))
		y := attach(h, "", &tray{})
		defer y.sub.Close()
		synctest.Wait()
		for n := 2; n <= 4; n++ {
			h.Publish("a", slowly(with(step(n), fmt.Sprint("live", n))))
		}
		hold <- struct{}{}
		y.want(t, "=1")
		hold <- struct{}{}
		y.want(t, "=4 live4")
	})
}

// Whoever begins with an older snapshot is not told the status of its time: it
// called a page live that nobody had proven for long.
func TestOldSnapshotComesWithoutItsStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{Loops: 1})
		hold := make(chan struct{})
		defer close(hold)
		h.Publish("a", with(epoch(1), "old"))
		first := attach(h, "", &tray{})
		defer first.sub.Close()
		first.want(t, "=1 old")
		u := step(2)
		u.Snapshot = func() []byte { <-hold; return nil } // is not there yet
		h.Publish("a", u)
		first.want(t, "+2")
		for _, words := range []string{"newer", "newest"} {
			u := with(update{}, words)
			u.Quiet = true
			h.Publish("a", u)
		}
		newcomer := attach(h, "", &tray{})
		defer newcomer.sub.Close()
		newcomer.want(t, "=1 +2 newest")
	})
}

// A page of thousands does not hold up one of a few.
func TestLoopsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{Loops: 1})
		h.Publish("a", epoch(1))
		h.Publish("b", epoch(1))
		const many = 2000
		begun := make(chan struct{})
		var taken, before atomic.Int32
		for range many {
			defer h.Attach("a", cursor(1), sinkFunc(func() {
				<-begun
				taken.Add(1)
			})).Close()
		}
		defer h.Attach("b", cursor(1), sinkFunc(func() { before.Store(taken.Load()) })).Close()
		synctest.Wait()
		h.Publish("a", step(2))
		synctest.Wait()
		h.Publish("b", step(2))
		close(begun)
		synctest.Wait()
		if got := before.Load(); taken.Load() != many || got == 0 || got > many/2 {
			t.Errorf("the small page was served after %d of %d", got, taken.Load())
		}
	})
}

type sinkFunc func()

func (f sinkFunc) Take(*broadcast.Batch) bool {
	f()
	return true
}

func (sinkFunc) Prepare(broadcast.Message) {}

func (sinkFunc) Break(error) {}

// Who comes back with a state that the ring no longer knows is not given an older
// snapshot because that happens to be there.
func TestReturnDoesNotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := broadcast.New[int](broadcast.Config{RingFrames: 2})
		h.Publish("a", with(epoch(1), "live"))
		first := attach(h, "", &tray{})
		defer first.sub.Close()
		first.want(t, "=1 live")
		hold := make(chan struct{})
		for n := 2; n <= 9; n++ {
			u := step(n)
			encode := u.Snapshot
			u.Snapshot = func() []byte { <-hold; return encode() }
			h.Publish("a", u)
			synctest.Wait() // who falls behind would have one encoded on the way, from which the ring leads on
		}
		back := attach(h, cursor(5), &tray{})
		defer back.sub.Close()
		back.want(t, "")
		close(hold)
		back.want(t, "=9 live")
	})
}

func TestSnapshotThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		u := with(epoch(1), "live")
		u.Snapshot = func() []byte { panic("a mistake") }
		h.Publish("a", u)
		one, other := attach(h, "", &tray{}), attach(h, "", &tray{})
		one.want(t, "")
		other.want(t, "")
		if one.broken == nil || other.broken == nil || !strings.Contains(one.broken.Error(), "a mistake") {
			t.Errorf("errors %v and %v", one.broken, other.broken)
		}
		if n := h.Stats().Subscribers; n != 0 {
			t.Errorf("%d subscribers are left", n)
		}
		h.Publish("a", with(step(2), "live2"))
		y := attach(h, "", &tray{})
		defer y.sub.Close()
		y.want(t, "=2 live2")
	})
}
