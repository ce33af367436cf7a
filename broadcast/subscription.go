package broadcast

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rowcast/rowcast/internal/flaw"
)

// Subscription is one subscriber's position in a topic. One goroutine at a time
// calls Next; the other methods may be called from any.
type Subscription[S any] struct {
	// What each frame asks of each subscriber stands together: of thousands
	// nothing is in the processor's caches when one comes.

	topic  *topic[S]
	sink   Sink         // in place of Next
	parked atomic.Int32 // 1: the sink is busy; -1: it is ready again before that was known

	// All from here on to index is guarded by the topic's mutex.
	closed bool
	ended  bool   // the last message was handed out
	placed bool   // seq counts
	lost   bool   // needs the snapshot
	shows  bool   // came with a cursor, or was handed a snapshot
	owed   bool   // an answer was begun: its status is due
	told   bool   // some status was handed out
	handed bool   // something was
	due    bool   // its sink was told that something will be handed out
	seq    uint64 // of the state that the client has after what was handed out
	loud   uint64 // the topic's loud statuses that were handed out
	insist func(newest []byte) []byte
	since  uint64 // the state from which on it waits for one to be encoded; 0: it does not
	cursor string // what the client came with, until it has a place
	index  int    // in topic.subs, or in crew.subs

	hub  *Hub[S]
	crew *crew[S] // of one with a sink
	name string
	wake chan struct{} // size 1: something may be ready for Next
}

// Next blocks until something is ready and returns it. Its error is [ErrClosed]
// after the topic's last message or after Close, else the context's.
func (s *Subscription[S]) Next(ctx context.Context) (*Batch, error) {
	for {
		s.topic.mu.Lock()
		over := s.closed || s.ended
		b := s.cut(time.Now())
		s.topic.mu.Unlock()
		switch {
		case over:
			return nil, ErrClosed
		case b != nil:
			b.complete()
			return b, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Insist has the newest status delivered although it was before, as say puts it.
// say gets nil where the topic has none, and its answer is shared with nobody.
func (s *Subscription[S]) Insist(say func(newest []byte) []byte) {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	s.insist, s.owed = say, true
	if s.sink != nil {
		s.crew.loop.put(s)
		return
	}
	s.signal()
}

// Due reports whether its first batch was handed out, is there, or is being encoded: the
// sink is given it without anything having to be published, or an empty one where it is
// dropped before.
func (s *Subscription[S]) Due() bool {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.final != nil || s.handed:
		return true
	case !t.live:
		s.due = t.status != nil
	default:
		s.due = s.lost || s.seq < t.seq || t.status != nil
	}
	return s.due
}

// Close ends the subscription; a Next that blocks returns [ErrClosed].
func (s *Subscription[S]) Close() {
	t := s.topic
	t.mu.Lock()
	if s.closed {
		t.mu.Unlock()
		return
	}
	s.closed = true
	if s.sink != nil {
		s.crew.subs, s.crew.stable = s.without(s.crew.subs), nil
	} else {
		t.subs = s.without(t.subs)
		s.signal()
	}
	over := t.idle()
	t.mu.Unlock()
	if over {
		s.hub.sweep(s.name, t)
	}
}

// without fills the place of s with the last one.
func (s *Subscription[S]) without(subs []*Subscription[S]) []*Subscription[S] {
	end := len(subs) - 1
	subs[s.index] = subs[end]
	subs[s.index].index = s.index
	subs[end] = nil
	return subs[:end]
}

func (s *Subscription[S]) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// place finds the client's cursor in the topic, which has a state.
func (s *Subscription[S]) place() {
	seq, ok := s.topic.find(s.cursor)
	s.cursor, s.placed, s.seq, s.lost, s.owed = "", true, seq, !ok, true
}

// cut takes one consistent cut of what is ready, moves the position behind it,
// and returns it, to be completed outside of the lock; nil where nothing is
// ready. It is called with the topic's mutex held, and for a subscription with a
// sink only in its loop.
func (s *Subscription[S]) cut(now time.Time) *Batch {
	b := s.ready(now)
	if t := s.topic; b == nil && s.due && !s.handed && !s.closed && !t.live && t.status == nil {
		b = &Batch{} // what was due is gone
	}
	s.handed = s.handed || b != nil
	return b
}

func (s *Subscription[S]) ready(now time.Time) *Batch {
	t := s.topic
	switch {
	case s.closed || s.ended || s.parked.Load() > 0:
		return nil
	case t.final != nil:
		s.ended = true
		return t.final
	}
	n := need{}
	if t.live {
		if !s.placed {
			s.place()
		}
		n.from = s.seq
		needs := s.lost || s.seq < t.base()
		if !needs {
			over, weighed := t.outweighed(s.seq)
			if !weighed && s.sink != nil {
				t.prepare(s.sink)
				return nil // it is called again
			}
			needs = over || !weighed
		}
		if needs {
			if n.shot = s.snapshot(); n.shot == nil {
				return nil
			}
			if s.shows {
				s.hub.resyncs.Add(1)
			}
			s.shows = true
			if n.shot != t.shot { // what came since follows it
				return s.begin(n.shot, now)
			}
			n.from, s.owed = n.shot.seq, true
		}
		s.seq, s.lost, s.since = t.seq, false, 0
	}
	n.said = t.status != nil && (s.owed || !s.told || s.loud != t.loud)
	n.owed = s.owed
	say := s.insist
	s.insist = nil
	if n.said {
		s.loud, s.told, s.owed = t.loud, true, false
	}
	if say == nil {
		return t.batch(n, now)
	}
	b := t.lay(n)
	switch {
	case b == nil:
		b = &Batch{Messages: make([]Message, 1), say: say}
	case n.said:
		b.say = say
	}
	return b // frames without a status break a silence as well
}

// snapshot returns the one to begin with. A sink gets none that is still to be
// encoded: it waits for one that is no older than its need, or takes the last one
// that was encoded, where the ring leads on from it. nil: it waits.
func (s *Subscription[S]) snapshot() *snapshot {
	t := s.topic
	if s.sink == nil || t.shot.encoded() {
		return t.shot
	}
	if b := t.baked; b != nil && b.seq >= s.seq {
		if s.since > 0 && b.seq >= s.since || b.seq >= t.base() && !t.heavy(b.seq) {
			return b
		}
	}
	if s.since == 0 {
		s.since = t.seq
	}
	t.prepare(s.sink)
	return nil
}

// begin answers with an older snapshot. The status that ends the answer comes
// behind what followed it: that of the snapshot's moment may be long over, and
// would claim what nobody has proven since.
func (s *Subscription[S]) begin(shot *snapshot, now time.Time) *Batch {
	s.seq, s.lost, s.since, s.owed = shot.seq, false, 0, true
	s.crew.loop.put(s)
	return s.topic.batch(need{from: shot.seq, shot: shot, past: true}, now)
}

// light is what missed deltas may weigh while nobody knows what a snapshot does:
// those who came with a page's first rows need none for as long as they keep up.
const light = 16 << 10

// outweighed reports whether the deltas after seq are longer than a snapshot;
// weighed is false where none was encoded yet and it begins to matter.
func (t *topic[S]) outweighed(seq uint64) (over, weighed bool) {
	missed := t.since(seq)
	size := t.bulk.Load()
	weighed = size > 0 || t.shot.encoded() // or it cannot be
	if size == 0 {
		size = light
	}
	if len(missed) < 2 {
		return false, true
	}
	for _, f := range missed {
		if size -= int64(len(f.message().Data)); size < 0 {
			return weighed && t.bulk.Load() > 0, weighed
		}
	}
	return false, true
}

// heavy reports whether they are known to be.
func (t *topic[S]) heavy(seq uint64) bool {
	over, _ := t.outweighed(seq)
	return over
}

// dropsFrame stands by itself because the compiler leaves a trace of its false
// condition where the code is generic.
func dropsFrame() bool { return flaw.On("drop-frame") }
