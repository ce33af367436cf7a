package broadcast

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Sink is where batches go that nobody asks for one by one. Its methods are
// called from a loop that serves others too, so they must not block.
type Sink interface {
	// Take delivers b and reports whether the next one may follow. If not,
	// [Subscription.Ready] must be called once when it may.
	Take(b *Batch) bool
	// Prepare makes the forms of a snapshot that Take will want. Other than
	// Take it may take its time: it is called outside of the loops.
	Prepare(m Message)
	// Break tells that something panicked on the way; nothing follows.
	Break(err error)
}

// loop hands batches to the sinks of its crews, one after the other. Its
// goroutine lives while there is something to do.
type loop struct {
	mu      sync.Mutex // guards all below
	queue   []job
	running bool
}

// job is a subscription, or a crew of them, that may have something to read.
type job interface{ serve() }

func (l *loop) put(j job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, j)
	if !l.running {
		l.running = true
		go l.run()
	}
}

func (l *loop) run() {
	var jobs []job
	for {
		clear(jobs)
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.running, l.queue = false, nil
			l.mu.Unlock()
			return
		}
		jobs, l.queue = l.queue, jobs[:0]
		l.mu.Unlock()
		for _, j := range jobs {
			j.serve()
		}
	}
}

// crew are a topic's subscriptions in one loop. All but loop and topic is
// guarded by the topic's mutex.
type crew[S any] struct {
	topic  *topic[S]
	loop   *loop
	subs   []*Subscription[S]
	stable []*Subscription[S] // a copy for the loop; nil when subs have changed
	queued bool               // it waits in the loop's queue, or is served
	round  []*Subscription[S] // those who are still to be served
	going  bool               // a round has begun
	again  bool               // there is news since it began
}

// crew returns the crew that a new subscription joins.
func (t *topic[S]) crew(h *Hub[S]) *crew[S] {
	if t.crews == nil {
		t.turn = int(h.turn.Add(1)) % len(h.loops) // small topics spread over the loops
		for _, l := range h.loops {
			t.crews = append(t.crews, &crew[S]{topic: t, loop: l})
		}
	}
	t.turn = (t.turn + 1) % len(t.crews)
	return t.crews[t.turn]
}

func (c *crew[S]) add(s *Subscription[S]) {
	s.crew, s.index = c, len(c.subs)
	c.subs, c.stable = append(c.subs, s), nil
}

// call has the crew served.
func (c *crew[S]) call() {
	switch {
	case len(c.subs) == 0:
	case !c.queued:
		c.queued = true
		c.loop.put(c)
	case c.going:
		c.again = true
	}
}

// stretch is how many of a crew are served before the loop's other jobs are: a
// page of thousands must not hold up those of a few.
const stretch = 256

// serve goes on with a round.
func (c *crew[S]) serve() {
	t := c.topic
	t.mu.Lock()
	if !c.going {
		if c.stable == nil {
			c.stable = slices.Clone(c.subs)
		}
		c.round, c.going, c.again = c.stable, true, false
	}
	n := min(len(c.round), stretch)
	some := c.round[:n]
	c.round = c.round[n:]
	t.mu.Unlock()

	c.hand(some)

	t.mu.Lock()
	defer t.mu.Unlock()
	if len(c.round) == 0 {
		c.round, c.going = nil, false
		c.queued = c.again
	}
	if c.queued {
		c.loop.put(c)
	}
}

// hand hands each what it is due. The lock is taken for a few at a time, so that
// the publisher need not wait long.
func (c *crew[S]) hand(all []*Subscription[S]) {
	type handover struct {
		to    *Subscription[S]
		batch *Batch
	}
	var due [64]handover
	t := c.topic
	for some := range slices.Chunk(all, len(due)) {
		n, now := 0, time.Now()
		t.mu.Lock()
		for _, s := range some {
			if b := s.cut(now); b != nil {
				due[n] = handover{s, b}
				n++
			}
		}
		t.mu.Unlock()
		for _, d := range due[:n] {
			d.to.hand(d.batch)
		}
	}
}

// serve hands one subscription what it is due.
func (s *Subscription[S]) serve() {
	s.topic.mu.Lock()
	b := s.cut(time.Now())
	s.topic.mu.Unlock()
	if b != nil {
		s.hand(b)
	}
}

// hand runs in the subscription's loop only, as cut does.
func (s *Subscription[S]) hand(b *Batch) {
	defer func() {
		if p := recover(); p != nil {
			s.fail(p)
		}
	}()
	b.complete()
	if !s.sink.Take(b) && s.parked.Add(1) == 0 {
		s.crew.loop.put(s) // it was ready before this was known
	}
}

// Ready says that the sink can take the next batch, after one that it took last.
func (s *Subscription[S]) Ready() {
	if s.parked.Add(-1) == 0 {
		s.crew.loop.put(s)
	}
}

func (s *Subscription[S]) fail(panicked any) {
	s.Close()
	s.sink.Break(fmt.Errorf("hand over a batch: %v", panicked))
}

// prepare has the newest snapshot encoded outside of the loops, which are woken
// when that is done.
func (t *topic[S]) prepare(sink Sink) {
	shot := t.shot
	if t.baking {
		return
	}
	t.baking = true
	go func() {
		defer func() {
			_ = recover() // whoever is handed the snapshot meets the same
			t.mu.Lock()
			defer t.mu.Unlock()
			t.baking = false
			if t.live && shot.seq >= t.epoch && shot.flaw == nil {
				t.baked = shot
			}
			for _, c := range t.crews {
				c.call()
			}
		}()
		sink.Prepare(shot.message())
	}()
}
