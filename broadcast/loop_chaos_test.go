package broadcast_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

// TestSinkChaos is TestChaos for sinks, of which some are always behind.
func TestSinkChaos(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 3 {
		synctest.Test(t, func(t *testing.T) { sinkChaos(t, seed+uint64(round)) })
	}
}

func sinkChaos(t *testing.T, seed uint64) {
	const viewers, updates = 60, 400
	h := broadcast.New[int](broadcast.Config{RingBytes: 1000, RingFrames: 20, Loops: 3})
	ctx, quiet := context.WithCancel(t.Context())
	seen := make([]viewer, viewers)
	trays := make([]*tray, viewers)
	var wg sync.WaitGroup
	for i := range viewers {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		slowest := r.IntN(40)
		next := func() *tray {
			sunk := rand.New(rand.NewPCG(seed, r.Uint64()))
			return &tray{viewer: &seen[i], pace: func() time.Duration { return time.Duration(sunk.IntN(2+slowest)-1) * time.Millisecond }}
		}
		trays[i] = attach(h, "", next())
		wg.Go(func() { // leaves and comes back
			for ctx.Err() == nil {
				time.Sleep(time.Duration(r.IntN(500)) * time.Millisecond)
				old := trays[i]
				old.sub.Close()
				synced := func() bool { old.mu.Lock(); defer old.mu.Unlock(); return !old.busy }
				for !synced() { // what is handed over late would be another viewer's
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Millisecond)
				old.mu.Lock()
				fault := old.fault
				old.mu.Unlock()
				if fault != nil {
					t.Errorf("seed %d: viewer %d: %v", seed, i, fault)
					return
				}
				trays[i] = attach(h, seen[i].cursor, next())
			}
		})
	}
	epoch, n := publish(h, rand.New(rand.NewPCG(seed, viewers)), updates)
	quiet()
	wg.Wait()
	time.Sleep(10 * time.Second)
	for i, y := range trays {
		y.mu.Lock()
		if v := &seen[i]; y.fault != nil || v.epoch != epoch || v.shown != n || v.told != n || !v.answered {
			t.Errorf("seed %d: viewer %d ends at %+v, want %d:%d (%v)", seed, i, *v, epoch, n, y.fault)
		}
		y.mu.Unlock()
		y.sub.Close()
	}
	h.Drop("a")
	if stats := h.Stats(); stats != (broadcast.Stats{Resyncs: stats.Resyncs}) {
		t.Errorf("left over: %+v", stats)
	}
}

// TestSinkRace does the same on real threads, for the race detector.
func TestSinkRace(t *testing.T) {
	const viewers = 50
	h := broadcast.New[int](broadcast.Config{RingFrames: 5, Loops: 2})
	seen := make([]viewer, viewers)
	trays := make([]*tray, viewers)
	for i := range trays {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		trays[i] = attach(h, "", &tray{viewer: &seen[i], pace: func() time.Duration { return time.Duration(r.IntN(900)-300) * time.Microsecond }})
	}
	var churn sync.WaitGroup
	stop := make(chan struct{})
	churn.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				attach(h, "", &tray{}).sub.Close()
			}
		}
	})
	epoch, n := publish(h, rand.New(rand.NewPCG(1, 1)), 60)
	close(stop)
	churn.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		behind := 0
		for i, y := range trays {
			y.mu.Lock()
			if seen[i].epoch != epoch || seen[i].told != n {
				behind++
			}
			if y.fault != nil {
				t.Fatalf("viewer %d: %v", i, y.fault)
			}
			y.mu.Unlock()
		}
		if behind == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d viewers are not at %d:%d", behind, epoch, n)
		}
	}
	for _, y := range trays {
		y.sub.Close()
	}
}
