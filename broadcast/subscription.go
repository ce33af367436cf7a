package broadcast

import (
	"context"
	"sync/atomic"

	"github.com/rowcast/rowcast/internal/flaw"
)

// Subscription is one subscriber's position in a topic. One goroutine at a time
// calls Next; Close may be called from any.
type Subscription[S any] struct {
	hub   *Hub[S]
	topic *topic[S]
	name  string
	wake  chan struct{} // size 1: something may be ready

	// All below is guarded by the topic's mutex.
	index  int    // in topic.subs
	cursor string // what the client came with, until it has a place
	placed bool   // seq counts
	seq    uint64 // of the state that the client has after what was handed out
	lost   bool   // needs the snapshot
	owed   bool   // an answer was begun: its status is due
	told   bool   // some status was handed out
	loud   uint64 // the topic's loud statuses that were handed out
	ended  bool   // the last message was handed out
	closed bool
}

// Next blocks until something is ready and returns it. Its error is [ErrClosed]
// after the topic's last message or after Close, else the context's.
func (s *Subscription[S]) Next(ctx context.Context) (Batch, error) {
	for {
		p, err := s.plan()
		if err != nil {
			return Batch{}, err
		}
		if messages := p.encode(); len(messages) > 0 {
			return Batch{Messages: messages}, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
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
	end := len(t.subs) - 1
	t.subs[s.index] = t.subs[end]
	t.subs[s.index].index = s.index
	t.subs[end] = nil
	t.subs = t.subs[:end]
	s.signal()
	over := t.idle()
	t.mu.Unlock()
	if over {
		s.hub.sweep(s.name, t)
	}
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

// plan is one consistent cut of what is ready. What must be encoded has its
// place in it and is filled in after the lock is let go.
type plan struct {
	messages []Message
	shot     *snapshot // becomes messages[0]
	size     *atomic.Int64
	status   *status // becomes messages[place], or all there is
	place    int
}

// plan takes what is ready and moves the position behind it.
func (s *Subscription[S]) plan() (plan, error) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.closed || s.ended {
		return plan{}, ErrClosed
	}
	if t.last != nil {
		s.ended = true
		return plan{messages: []Message{{Data: t.last}}}, nil
	}
	var p plan
	var missed []*frame
	if t.live {
		missed = s.takeState(&p)
	}
	s.takeStatus(&p, len(missed))
	p.lay(missed)
	return p, nil
}

func (s *Subscription[S]) takeState(p *plan) (missed []*frame) {
	t := s.topic
	if !s.placed {
		s.place()
	}
	if s.lost || s.seq < t.base() || s.outweighed() {
		p.shot, p.size = t.shot, &t.size
		s.owed = true
	} else {
		missed = t.since(s.seq)
		if len(missed) > 1 && dropsFrame() {
			missed = missed[1:]
		}
	}
	s.seq, s.lost = t.seq, false
	return missed
}

// dropsFrame stands by itself because the compiler leaves a trace of its false
// condition where the code is generic.
func dropsFrame() bool { return flaw.On("drop-frame") }

// outweighed reports whether the missed deltas are longer than a snapshot.
func (s *Subscription[S]) outweighed() bool {
	size := s.topic.size.Load()
	missed := s.topic.since(s.seq)
	if size == 0 || len(missed) < 2 {
		return false
	}
	for _, f := range missed {
		if size -= int64(len(f.message().Data)); size < 0 {
			return true
		}
	}
	return false
}

// takeStatus puts the status behind the frame that it was published with; in an
// answer, which it ends, behind all of them.
func (s *Subscription[S]) takeStatus(p *plan, frames int) {
	t := s.topic
	if t.status == nil || !s.owed && s.told && s.loud == t.loud {
		return
	}
	p.status, p.place = t.status, frames
	if !s.owed {
		later := min(t.seq-t.status.seq, uint64(frames))
		p.place -= int(later)
	}
	if p.shot != nil {
		p.place++
	}
	s.loud, s.told, s.owed = t.loud, true, false
}

// lay copies the frames to their places, for the ring may move on.
func (p *plan) lay(frames []*frame) {
	n := len(frames)
	switch {
	case n == 0 && p.shot == nil:
		return
	case n == 1 && p.status == nil:
		p.messages = frames[0].batch[:]
		return
	}
	if p.shot != nil {
		n++
	}
	if p.status != nil {
		n++
	}
	p.messages = make([]Message, n)
	at := 0
	if p.shot != nil {
		at++
	}
	for _, f := range frames {
		if p.status != nil && at == p.place {
			at++
		}
		p.messages[at] = f.message()
		at++
	}
}

// encode fills in the snapshot and the status, and returns all messages.
func (p *plan) encode() []Message {
	if p.shot != nil {
		data := p.shot.bytes()
		p.size.Store(int64(len(data)))
		p.messages[0] = Message{Data: data, Cursor: p.shot.cursor}
	}
	if p.status == nil {
		return p.messages
	}
	said := p.status.messages()
	if p.messages == nil {
		return said
	}
	p.messages[p.place] = said[0]
	return p.messages
}
