// Package broadcast hands each topic's frames, encoded once, to every
// subscriber, and never blocks on one.
//
// A topic is a state that moves forward in frames (deltas), each named by a
// cursor, with a status beside it that says how fresh it is. A [Hub] keeps the
// newest state, the newest status and a ring of the last frames per topic; a
// [Subscription] is only a position in that ring, so a slow subscriber costs no
// memory beyond the ring that all share.
//
// A subscription is read in one of two ways. Who has a goroutine for it calls
// [Subscription.Next]. Who has thousands gives a [Sink] to [Hub.Attach]: a few
// loops, one per core, go through all sinks and hand each what is ready. What was
// published while a loop went round is handed over together in the next round,
// and a sink that is busy is left out until it says that it is ready.
//
// # What is guaranteed
//
//   - [Hub.Publish] never blocks on a subscriber and never encodes anything.
//   - A frame's bytes and a state's snapshot are encoded once and shared by all,
//     and so are the [Batch] and its forms for all subscribers at one position. A
//     snapshot is encoded only if somebody needs it, under no lock and in no loop.
//   - A subscriber's frames are gapless: each message with a cursor is either
//     the delta that follows the cursor delivered before it, or a snapshot.
//     Within an epoch it never goes back.
//   - The first answer after Subscribe, and after every new epoch, is a snapshot
//     or the deltas missed since the given cursor, then one status.
//   - A subscriber that fell out of the ring, or whose missed deltas outweigh a
//     snapshot, gets the newest snapshot and the newest status instead.
//   - A status never overtakes a frame, and never describes a later state than
//     that of the frames delivered before it. Once a topic is quiet, every
//     subscriber that reads ends at its newest state and newest status.
//
// # What is not
//
//   - That every frame or every status is seen: the newest ones are.
//   - Order between topics, or between two goroutines that publish to one
//     topic: a topic has one publisher at a time.
//   - Delivery: a batch handed out by Next is the caller's to deliver; after a
//     failed write the client resumes with the cursor that it has.
//   - A state before there is one: until the first one, and between
//     [Hub.Drop] and the next epoch, statuses are delivered by themselves.
package broadcast

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is what [Subscription.Next] returns after the topic's last message
// or after [Subscription.Close].
var ErrClosed = errors.New("subscription closed")

// Config bounds the ring of each topic. A frame beyond either bound pushes out
// the oldest ones, and one that is larger than RingBytes itself is not kept. The
// forms of what is kept come on top.
type Config struct {
	RingBytes  int // 0: 1 MiB
	RingFrames int // 0: 256
	Loops      int // that hand batches to sinks; 0: one per core
}

// Update is one publication to a topic. The functions are called at any time
// later, from any goroutine, so they must depend on immutable values only.
type Update[S any] struct {
	// Cursor names the state after this update; "" for status-only.
	Cursor string
	State  S
	// Delta leads from the state before to State. Nil with Cursor set: a new
	// epoch, everybody needs the snapshot.
	Delta []byte
	// Snapshot encodes State; required with Cursor. It is called at most once,
	// only when a subscriber needs it, never under a lock.
	Snapshot func() []byte
	// Status encodes the newest status as of now; nil: as before. It describes
	// the topic at the moment of Publish; only its age may depend on now.
	Status func(now time.Time) []byte
	// Quiet remembers Status for newcomers and sends it to nobody by itself.
	Quiet bool
	// Last is the final message (reload); the topic closes after it, and its
	// name is free for a new one.
	Last []byte
}

// Hub keeps the topics. Create it with [New]; its methods may be called from
// any goroutine.
type Hub[S any] struct {
	config Config
	loops  []*loop
	turn   atomic.Uint32 // which loop the next topic begins with

	resyncs atomic.Uint64 // snapshots to who showed something already

	mu     sync.RWMutex // guards topics only; never held while a topic's is taken
	topics map[string]*topic[S]
}

// New returns a hub without topics.
func New[S any](c Config) *Hub[S] {
	if c.RingBytes <= 0 {
		c.RingBytes = 1 << 20
	}
	if c.RingFrames <= 0 {
		c.RingFrames = 256
	}
	if c.Loops <= 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	h := &Hub[S]{config: c, topics: make(map[string]*topic[S])}
	for range c.Loops {
		h.loops = append(h.loops, &loop{})
	}
	return h
}

// Publish makes u the topic's newest and wakes its subscribers. It never
// blocks. Updates of one topic must come from one goroutine at a time. It
// panics on a Cursor without a Snapshot.
func (h *Hub[S]) Publish(name string, u Update[S]) {
	if u.Cursor != "" && u.Snapshot == nil {
		panic("broadcast: Publish of a state without a Snapshot")
	}
	t := h.lock(name)
	if t.publish(u, h.config) {
		t.wake()
	}
	over := t.gone || t.idle()
	t.mu.Unlock()
	if over {
		h.sweep(name, t)
	}
}

// Drop forgets the topic's state, status and ring. Subscribers stay and get the
// snapshot of the next epoch.
func (h *Hub[S]) Drop(name string) {
	h.mu.RLock()
	t := h.topics[name]
	h.mu.RUnlock()
	if t == nil {
		return
	}
	t.mu.Lock()
	t.drop()
	t.wake() // for those to whom something was due
	over := t.idle()
	t.mu.Unlock()
	if over {
		h.sweep(name, t)
	}
}

// Subscribe returns a subscription to the topic, which need not exist yet, for
// [Subscription.Next]. cursor is what the client shows already, or "". The
// position is taken now, with the state and status that belong to it.
func (h *Hub[S]) Subscribe(name, cursor string) *Subscription[S] {
	s := &Subscription[S]{hub: h, name: name, wake: make(chan struct{}, 1), cursor: cursor, shows: cursor != ""}
	t := h.lock(name)
	defer t.mu.Unlock()
	s.topic, s.index = t, len(t.subs)
	t.subs = append(t.subs, s)
	if t.live {
		s.place()
	}
	return s
}

// Attach is as Subscribe, but what is ready is handed to the sink, beginning at
// once. After [Subscription.Close] it may be handed one batch more, which was on
// its way.
func (h *Hub[S]) Attach(name, cursor string, sink Sink) *Subscription[S] {
	s := &Subscription[S]{hub: h, name: name, sink: sink, cursor: cursor, shows: cursor != ""}
	t := h.lock(name)
	defer t.mu.Unlock()
	s.topic = t
	t.crew(h).add(s)
	if t.live {
		s.place()
	}
	s.crew.loop.put(s)
	return s
}

// Latest returns the topic's newest state and waits for the first one. Its
// error is the context's.
func (h *Hub[S]) Latest(ctx context.Context, name string) (S, error) {
	for {
		t := h.lock(name)
		if t.live {
			state := t.state
			t.mu.Unlock()
			return state, nil
		}
		if t.ready == nil {
			t.ready = make(chan struct{})
		}
		ready := t.ready
		t.waiting++
		t.mu.Unlock()

		var err error
		select {
		case <-ready:
		case <-ctx.Done():
			err = ctx.Err()
		}
		t.mu.Lock()
		t.waiting--
		over := t.idle()
		t.mu.Unlock()
		if over {
			h.sweep(name, t)
		}
		if err != nil {
			var none S
			return none, err
		}
	}
}

// Stats counts what the hub holds now, and what it has done.
type Stats struct {
	Topics, Subscribers int
	RingBytes           int
	Resyncs             uint64 // snapshots to subscribers who showed a state already
}

// Stats returns the counts of this moment, topic by topic.
func (h *Hub[S]) Stats() Stats {
	h.mu.RLock()
	topics := make([]*topic[S], 0, len(h.topics))
	for _, t := range h.topics {
		topics = append(topics, t)
	}
	h.mu.RUnlock()
	stats := Stats{Topics: len(topics), Resyncs: h.resyncs.Load()}
	for _, t := range topics {
		t.mu.Lock()
		stats.Subscribers += t.size()
		stats.RingBytes += t.bytes
		t.mu.Unlock()
	}
	return stats
}

// lock returns the topic, created if need be, with its mutex held.
func (h *Hub[S]) lock(name string) *topic[S] {
	for {
		h.mu.RLock()
		t := h.topics[name]
		h.mu.RUnlock()
		if t == nil {
			h.mu.Lock()
			if t = h.topics[name]; t == nil {
				t = &topic[S]{}
				h.topics[name] = t
			}
			h.mu.Unlock()
		}
		t.mu.Lock()
		if !t.gone {
			return t
		}
		t.mu.Unlock()
		h.sweep(name, t) // whoever marked it gone may not have come this far
	}
}

// sweep takes a topic that nobody needs out of the map. It marks it gone first,
// so that whoever holds it by then looks it up again.
func (h *Hub[S]) sweep(name string, t *topic[S]) {
	t.mu.Lock()
	if t.idle() {
		t.gone = true
	}
	gone := t.gone
	t.mu.Unlock()
	if !gone {
		return
	}
	h.mu.Lock()
	if h.topics[name] == t {
		delete(h.topics, name)
	}
	h.mu.Unlock()
}
