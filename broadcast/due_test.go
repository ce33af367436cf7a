package broadcast_test

import (
	"testing"
	"testing/synctest"

	"github.com/rowcast/rowcast/broadcast"
)

// What is due comes without anything that is published after it, and else nothing does.
func TestWhatIsDueComes(t *testing.T) {
	status := update{Status: says("starting")}
	for name, c := range map[string]struct {
		before []update
		cursor string
		words  string
	}{
		"nothing is known":             {nil, "", ""},
		"only how it stands":           {[]update{status}, "", "starting"},
		"a state, and nothing of it":   {[]update{epoch(1)}, "", "=1"},
		"a state":                      {[]update{with(epoch(1), "live")}, "", "=1 live"},
		"it has the state":             {[]update{epoch(1)}, cursor(1), ""},
		"it has the state, not how it": {[]update{with(epoch(1), "live")}, cursor(1), "live"},
		"it has one before":            {[]update{epoch(1), step(2)}, cursor(1), "+2"},
		"it has another":               {[]update{epoch(2)}, "f:1", "=2"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *hub) {
				y := &tray{}
				keeper := attach(h, "", &tray{}) // a topic that nobody follows is forgotten
				defer keeper.sub.Close()
				for _, u := range c.before {
					h.Publish("a", u)
				}
				y.mu.Lock() // nothing is taken before it was asked
				y.sub = h.Attach("a", c.cursor, y)
				defer y.sub.Close()
				due := y.sub.Due()
				y.mu.Unlock()
				y.want(t, c.words)
				if due != (c.words != "") {
					t.Errorf("due: %t", due)
				}
			})
		})
	}
}

// Who was told that something is due hears of it when that is dropped before it came.
func TestWhatIsDueIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		encoded := make(chan struct{})
		h.Publish("a", update{Cursor: cursor(1), Snapshot: func() []byte { <-encoded; return []byte("=1") }})
		y := make(sizes, 8)
		sub := h.Attach("a", "", y)
		defer sub.Close()
		if !sub.Due() {
			t.Fatal("nothing is due")
		}
		h.Drop("a")
		synctest.Wait()
		close(encoded)
		if n := <-y; n != 0 {
			t.Errorf("a batch of %d messages", n)
		}
		h.Publish("a", epoch(2))
		if n := <-y; n != 1 {
			t.Errorf("then a batch of %d messages", n)
		}
	})
}

// sizes takes how many messages each batch has.
type sizes chan int

func (s sizes) Take(b *broadcast.Batch) bool { s <- len(b.Messages); return true }
func (s sizes) Prepare(broadcast.Message)    {}
func (s sizes) Break(err error)              { panic(err) }
