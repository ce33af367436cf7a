package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

func TestNewEpoch(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		h.Publish("a", step(2))
		s, current := h.Subscribe("a", ""), h.Subscribe("a", "")
		defer s.Close()
		defer current.Close()
		want(t, current, "=22 live")
		h.Publish("a", with(epoch(7), "live7"))
		want(t, s, "=77 live7")
		want(t, current, "=77 live7")
		h.Publish("a", step(8))
		want(t, current, "+88")
		old := h.Subscribe("a", cursor(2))
		defer old.Close()
		want(t, old, "=88 live7")
	})
}

func TestDrop(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Drop("never there")
		h.Publish("a", with(epoch(1), "live"))
		s := h.Subscribe("a", "")
		defer s.Close()
		want(t, s, "=11 live")
		h.Publish("a", step(2))
		h.Drop("a")
		want(t, s, "nothing")
		newcomer := h.Subscribe("a", cursor(1))
		defer newcomer.Close()
		want(t, newcomer, "nothing") // the status went with the state
		h.Publish("a", update{Status: says("starting")})
		want(t, s, "starting")
		h.Publish("a", with(step(11), "live11")) // a delta that nobody can apply
		want(t, s, "=1111 live11")
		want(t, newcomer, "=1111 live11")
	})
}

func TestLastClosesTheTopic(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		h.Publish("a", with(epoch(1), "live"))
		s := h.Subscribe("a", "")
		defer s.Close()
		h.Publish("a", update{Last: []byte("reload")})
		next := h.Subscribe("a", cursor(1)) // of the name's next topic
		defer next.Close()
		want(t, s, "reload")
		want(t, s, broadcast.ErrClosed.Error())
		want(t, next, "nothing")
		h.Publish("a", with(epoch(2), "live2"))
		want(t, next, "=22 live2")
		want(t, s, broadcast.ErrClosed.Error())
		if stats := h.Stats(); stats.Topics != 1 || stats.Subscribers != 1 {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		s := h.Subscribe("a", "")
		done := make(chan error)
		go func() {
			_, err := s.Next(context.Background())
			done <- err
		}()
		synctest.Wait()
		s.Close()
		s.Close()
		if err := <-done; !errors.Is(err, broadcast.ErrClosed) {
			t.Errorf("error %v", err)
		}
		if stats := h.Stats(); stats != (broadcast.Stats{}) {
			t.Errorf("stats %+v: the topic stays without a reason", stats)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s = h.Subscribe("a", "")
		defer s.Close()
		if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestTopicsGoWhenNobodyNeedsThem(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		var subs []*broadcast.Subscription[int]
		for i := range 10 {
			subs = append(subs, h.Subscribe("a", ""))
			h.Publish(fmt.Sprint("quiet", i), update{Status: says("x")})
			h.Drop(fmt.Sprint("quiet", i))
		}
		h.Publish("a", epoch(1))
		for _, i := range []int{3, 9, 0, 5, 1, 2, 4, 6, 7, 8} {
			subs[i].Close()
		}
		if stats := h.Stats(); stats != (broadcast.Stats{Topics: 1}) {
			t.Errorf("stats %+v", stats)
		}
		h.Drop("a")
		if stats := h.Stats(); stats != (broadcast.Stats{}) {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestLatest(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		got := make(chan int, 2)
		for range 2 {
			go func() {
				n, err := h.Latest(t.Context(), "a")
				if err != nil {
					t.Error(err)
				}
				got <- n
			}()
		}
		synctest.Wait()
		h.Publish("a", update{Status: says("starting")})
		h.Publish("a", update{Last: []byte("reload")}) // they wait for the next one
		synctest.Wait()
		if len(got) != 0 {
			t.Error("a state came before there was one")
		}
		h.Publish("a", epoch(5))
		if a, b := <-got, <-got; a != 5 || b != 5 {
			t.Errorf("states %d and %d", a, b)
		}
		h.Drop("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Latest(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if stats := h.Stats(); stats != (broadcast.Stats{}) {
			t.Errorf("stats %+v", stats)
		}
	})
}
