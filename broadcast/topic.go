package broadcast

import (
	"sync"
	"sync/atomic"
	"time"
)

// topic is one shared ring and what is newest beside it.
type topic[S any] struct {
	mu   sync.Mutex // guards all below; held for short, bounded work only
	subs []*Subscription[S]
	gone bool // out of the hub's map, or on its way

	live  bool // there is a state
	state S
	first string // the cursor before ring[0], or of state when the ring is empty
	shot  *snapshot
	size  atomic.Int64 // bytes of the snapshot encoded last; 0: none was

	// seq is the newest state's; ring[i] leads to seq-len(ring)+1+i. It never
	// goes back, so a position from before a new epoch is below its base.
	seq   uint64
	ring  []*frame
	bytes int

	status *status // the newest; nil: none since the last drop
	loud   uint64  // counts the statuses that are sent to everybody

	last    []byte
	ready   chan struct{} // closed at the first state; nil while nobody waits
	waiting int
}

// frame is one delta in the ring. It never changes, and outlives its place in
// the ring for as long as a reader holds it.
type frame struct {
	batch [1]Message // ready to be handed out alone
}

func (f *frame) message() Message { return f.batch[0] }

// status is one status and the frame that it belongs behind.
type status struct {
	encode func(now time.Time) []byte
	seq    uint64
	recent atomic.Pointer[encodedStatus]
}

type encodedStatus struct {
	at    time.Time
	batch [1]Message
}

// messages returns the status as of now. Ages travel in milliseconds, so all
// who ask within one share the bytes.
func (s *status) messages() []Message {
	now := time.Now()
	if e := s.recent.Load(); e != nil {
		if d := now.Sub(e.at); d >= 0 && d < time.Millisecond {
			return e.batch[:]
		}
	}
	e := &encodedStatus{at: now}
	e.batch[0].Data = s.encode(now)
	s.recent.Store(e)
	return e.batch[:]
}

// snapshot is one state's encoding, made when first asked for.
type snapshot struct {
	cursor string
	encode func() []byte
	begun  atomic.Bool
	done   chan struct{} // closed when data is there
	data   []byte
}

func newSnapshot(cursor string, encode func() []byte) *snapshot {
	return &snapshot{cursor: cursor, encode: encode, done: make(chan struct{})}
}

// bytes encodes once; callers that come meanwhile wait. A panic of the encoder
// is everybody's: nobody must take nothing for a snapshot.
func (s *snapshot) bytes() []byte {
	if s.begun.CompareAndSwap(false, true) {
		defer close(s.done)
		s.data = s.encode()
		return s.data
	}
	<-s.done
	if s.data == nil {
		panic("broadcast: the snapshot could not be encoded")
	}
	return s.data
}

// publish takes u in and reports whether subscribers have something to read.
func (t *topic[S]) publish(u Update[S], c Config) (news bool) {
	if u.Last != nil {
		t.close(u.Last)
		return true
	}
	if u.Cursor != "" {
		t.advance(u, c)
		news = true
	}
	if u.Status != nil {
		news = news || !u.Quiet || t.status == nil // those who wait for their first
		t.status = &status{encode: u.Status, seq: t.seq}
		if !u.Quiet {
			t.loud++
		}
	}
	return news
}

func (t *topic[S]) advance(u Update[S], c Config) {
	if !t.live || u.Delta == nil {
		t.live = true
		t.seq++
		t.clearRing(u.Cursor)
	} else {
		t.seq++
		t.ring = append(t.ring, &frame{batch: [1]Message{{Data: u.Delta, Cursor: u.Cursor}}})
		t.bytes += len(u.Delta)
		for len(t.ring) > 0 && (t.bytes > c.RingBytes || len(t.ring) > c.RingFrames) {
			t.first = t.ring[0].message().Cursor
			t.bytes -= len(t.ring[0].message().Data)
			t.ring[0] = nil
			t.ring = t.ring[1:]
		}
	}
	t.state = u.State
	t.shot = newSnapshot(u.Cursor, u.Snapshot)
	if t.ready != nil {
		close(t.ready)
		t.ready = nil
	}
}

func (t *topic[S]) clearRing(first string) {
	t.ring, t.bytes, t.first = nil, 0, first
}

// drop keeps loud counting, so that no subscriber mistakes a later status for
// one that it has seen.
func (t *topic[S]) drop() {
	var none S
	t.live, t.state, t.shot, t.status = false, none, nil, nil
	t.size.Store(0)
	t.clearRing("")
}

func (t *topic[S]) close(last []byte) {
	t.drop()
	t.last, t.gone = last, true
	if t.ready != nil { // those in Latest go on with the next topic of the name
		close(t.ready)
		t.ready = nil
	}
}

// idle reports whether nobody would miss the topic.
func (t *topic[S]) idle() bool {
	return !t.live && t.status == nil && len(t.subs) == 0 && t.waiting == 0
}

func (t *topic[S]) wake() {
	for _, s := range t.subs {
		s.signal()
	}
}

// find returns the seq at which the state was named cursor.
func (t *topic[S]) find(cursor string) (uint64, bool) {
	if cursor == "" {
		return 0, false
	}
	for i := len(t.ring) - 1; i >= 0; i-- {
		if t.ring[i].message().Cursor == cursor {
			return t.seq - uint64(len(t.ring)-1-i), true
		}
	}
	return t.base(), t.first == cursor
}

// base is the seq of the state that ring[0] starts from.
func (t *topic[S]) base() uint64 { return t.seq - uint64(len(t.ring)) }

// since returns the frames after seq, which must not be below base. They are
// read under the mutex only.
func (t *topic[S]) since(seq uint64) []*frame { return t.ring[seq-t.base():] }
