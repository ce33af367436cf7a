package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowcast/rowcast/broadcast"
)

// viewer is a client: it applies what it is sent and checks every promise that
// it can see. Texts are "snapshot epoch n", "delta epoch from n", "status epoch n".
type viewer struct {
	cursor       string
	epoch, shown int
	answered     bool // a status ended the answer
	snapshots    int
	deltas       int
	told         int // the newest status: describes this state
}

func (v *viewer) take(m broadcast.Message) error {
	var epoch, from, n int
	text := string(m.Data)
	if c, _ := fmt.Sscanf(text, "snapshot %d %d", &epoch, &n); c == 2 {
		if epoch < v.epoch || epoch == v.epoch && n < v.shown {
			return fmt.Errorf("%q after %d:%d goes back", text, v.epoch, v.shown)
		}
		v.snapshots++
		v.answered = false
	} else if c, _ := fmt.Sscanf(text, "delta %d %d %d", &epoch, &from, &n); c == 3 {
		if epoch != v.epoch || from != v.shown {
			return fmt.Errorf("%q does not follow %d:%d", text, v.epoch, v.shown)
		}
		v.deltas++
	} else if c, _ := fmt.Sscanf(text, "status %d %d", &epoch, &n); c == 2 {
		if m.Cursor != "" || epoch > v.epoch || epoch == v.epoch && n > v.shown {
			return fmt.Errorf("%q is ahead of %d:%d", text, v.epoch, v.shown)
		}
		v.told, v.answered = n, true
		return nil
	} else {
		return fmt.Errorf("unknown text %q", text)
	}
	if m.Cursor != fmt.Sprintf("%d:%d", epoch, n) {
		return fmt.Errorf("%q has the cursor %q", text, m.Cursor)
	}
	v.cursor, v.epoch, v.shown = m.Cursor, epoch, n
	return nil
}

// TestChaos publishes through steps, epochs and drops while viewers read at
// their own pace, leave, and resume. Each sees only states that were published,
// in order, without a gap, and ends at the newest.
func TestChaos(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 3 {
		synctest.Test(t, func(t *testing.T) { chaos(t, seed+uint64(round)) })
	}
}

func chaos(t *testing.T, seed uint64) {
	const viewers, updates = 60, 400
	h := broadcast.New[int](broadcast.Config{RingBytes: 1000, RingFrames: 20})
	var snapshots, deltas, resumes atomic.Int64
	ctx, quiet := context.WithCancel(t.Context())
	seen := make([]viewer, viewers)
	var wg sync.WaitGroup
	for i := range viewers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			v := &seen[i]
			pace := time.Duration(r.IntN(40)) * time.Millisecond // between reads; the publisher's is 3 ms
			for ctx.Err() == nil {
				if err := watch(ctx, h, v, r, pace); err != nil {
					t.Errorf("seed %d: viewer %d: %v", seed, i, err)
					return
				}
				resumes.Add(1)
			}
			snapshots.Add(int64(v.snapshots))
			deltas.Add(int64(v.deltas))
		})
	}
	epoch, n := publish(h, rand.New(rand.NewPCG(seed, viewers)), updates)
	time.Sleep(10 * time.Second) // in the bubble: until everybody has read all
	quiet()
	wg.Wait()
	for i := range seen {
		if v := &seen[i]; v.epoch != epoch || v.shown != n || v.told != n || !v.answered {
			t.Errorf("seed %d: viewer %d ends at %+v, want %d:%d", seed, i, *v, epoch, n)
		}
	}
	if snapshots.Load() < viewers || deltas.Load() < viewers || resumes.Load() < 2*viewers {
		t.Errorf("too little happened: %d snapshots, %d deltas, %d resumes", snapshots.Load(), deltas.Load(), resumes.Load())
	}
	h.Drop("a")
	if stats := h.Stats(); stats != (broadcast.Stats{Resyncs: stats.Resyncs}) {
		t.Errorf("left over: %+v", stats)
	}
}

// watch is one connection: it ends by chance, and by ctx once all is quiet.
func watch(ctx context.Context, h *broadcast.Hub[int], v *viewer, r *rand.Rand, pace time.Duration) error {
	s := h.Subscribe("a", v.cursor)
	defer s.Close()
	for r.IntN(30) > 0 {
		b, err := s.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(b.Messages) == 0 {
			return errors.New("an empty batch")
		}
		for _, m := range b.Messages {
			if err := v.take(m); err != nil {
				return err
			}
		}
		time.Sleep(pace)
	}
	return nil
}

func publish(h *broadcast.Hub[int], r *rand.Rand, updates int) (epoch, n int) {
	epoch = 1
	fresh := true
	for range updates {
		if r.IntN(60) == 0 {
			h.Drop("a")
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
			fresh = true
		}
		if fresh = fresh || r.IntN(60) == 0; fresh {
			epoch++
		}
		e, from, to := epoch, n, n+1
		n = to
		u := broadcast.Update[int]{Cursor: fmt.Sprintf("%d:%d", e, to), State: to,
			Snapshot: func() []byte { return fmt.Appendf(nil, "snapshot %d %d %400d", e, to, 0) }}
		if !fresh {
			u.Delta = fmt.Appendf(nil, "delta %d %d %d", e, from, to)
		}
		said := func(time.Time) []byte { return fmt.Appendf(nil, "status %d %d", e, to) }
		if u.Quiet = r.IntN(3) == 0; fresh || r.IntN(2) == 0 {
			u.Status = said
		}
		fresh = false
		h.Publish("a", u)
		if r.IntN(3) == 0 {
			h.Publish("a", broadcast.Update[int]{Status: said, Quiet: r.IntN(2) == 0})
		}
		time.Sleep(time.Duration(r.IntN(7)) * time.Millisecond)
	}
	e, to := epoch, n
	h.Publish("a", broadcast.Update[int]{Status: func(time.Time) []byte { return fmt.Appendf(nil, "status %d %d", e, to) }})
	return epoch, n
}

// TestRace does the same without a bubble, for the race detector: real
// parallelism, topics that come and go, and nobody waits for anybody.
func TestRace(t *testing.T) {
	h := broadcast.New[int](broadcast.Config{RingFrames: 4})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var read atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				s := h.Subscribe(fmt.Sprint((i+j)%3), "")
				for range 5 {
					if _, err := s.Next(ctx); err != nil {
						break
					}
					read.Add(1)
				}
				s.Close()
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = h.Latest(ctx, fmt.Sprint(i%3))
				h.Stats()
			}
		})
	}
	for topic := range 3 {
		wg.Go(func() {
			name := fmt.Sprint(topic)
			for n := 1; read.Load() < 5_000 && ctx.Err() == nil; n++ {
				switch u := with(step(n), "live"); {
				case n%50 == 0:
					h.Publish(name, update{Last: []byte("reload")})
				case n%31 == 0:
					h.Drop(name)
				default:
					h.Publish(name, u)
				}
			}
			cancel()
		})
	}
	wg.Wait()
	cancel()
	for topic := range 3 {
		h.Drop(fmt.Sprint(topic))
	}
	if stats := h.Stats(); stats != (broadcast.Stats{Resyncs: stats.Resyncs}) || read.Load() < 5_000 {
		t.Errorf("left over: %+v after %d batches", stats, read.Load())
	}
}

// BenchmarkFanOut is one frame with its status to 1,000 subscribers, each with
// its goroutine, from Publish until the last one has it.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := broadcast.New[int](broadcast.Config{})
			h.Publish("a", with(epoch(0), "live"))
			ctx, cancel := context.WithCancel(b.Context())
			var readers, frame sync.WaitGroup
			for range n {
				s := h.Subscribe("a", cursor(0))
				frame.Add(1)
				readers.Go(func() {
					defer s.Close()
					for {
						batch, err := s.Next(ctx)
						if err != nil {
							return
						}
						for _, m := range batch.Messages {
							if m.Cursor == "" {
								frame.Done()
							}
						}
					}
				})
			}
			frame.Wait()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				frame.Add(n)
				h.Publish("a", with(step(i), "live"))
				frame.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/delivery")
			cancel()
			readers.Wait()
		})
	}
}

// BenchmarkLoops hands one frame to a thousand sinks that do nothing.
func BenchmarkLoops(b *testing.B) {
	const n = 1000
	h := broadcast.New[int](broadcast.Config{})
	h.Publish("a", epoch(0))
	var frame sync.WaitGroup
	for range n {
		defer h.Attach("a", cursor(0), counter{&frame}).Close()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		frame.Add(n)
		h.Publish("a", step(i))
		frame.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/delivery")
}

type counter struct{ *sync.WaitGroup }

func (c counter) Take(b *broadcast.Batch) bool {
	c.Add(-len(b.Messages))
	return true
}

func (counter) Prepare(broadcast.Message) {}

func (counter) Break(error) {}
