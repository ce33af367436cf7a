package broadcast

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// topic is one shared ring and what is newest beside it.
type topic[S any] struct {
	mu    sync.Mutex         // guards all below; held for short, bounded work only
	subs  []*Subscription[S] // those that are read by Next
	crews []*crew[S]         // those that have a sink, one crew per loop; nil while there are none
	turn  int                // which crew the next one joins
	gone  bool               // out of the hub's map, or on its way

	live   bool // there is a state
	state  S
	first  string // the cursor before ring[0], or of state when the ring is empty
	shot   *snapshot
	baked  *snapshot    // the newest of this epoch that was encoded for the sinks; nil: none
	baking bool         // a goroutine encodes one
	bulk   atomic.Int64 // bytes of the snapshot encoded last; 0: none was

	// seq is the newest state's; ring[i] leads to seq-len(ring)+1+i. It never
	// goes back, so a position from before a new epoch is below its base.
	seq   uint64
	epoch uint64 // the seq that the epoch began with
	ring  []*frame
	bytes int

	status *status // the newest; nil: none since the last drop
	loud   uint64  // counts the statuses that are sent to everybody

	recent  [4]recent     // batches of this moment, for others at the same position
	oldest  int           // of them: the next to be replaced
	final   *Batch        // the last message, once it was published
	ready   chan struct{} // closed at the first state; nil while nobody waits
	waiting int
}

// frame is one delta in the ring. It never changes, and outlives its place in
// the ring for as long as a reader holds it.
type frame struct {
	batch Batch // ready to be handed out alone
}

func newFrame(u Message) *frame {
	f := &frame{}
	f.batch.Messages = []Message{u}
	return f
}

func (f *frame) message() Message { return f.batch.Messages[0] }

// status is one status and the frame that it belongs behind.
type status struct {
	encode func(now time.Time) []byte
	seq    uint64
	recent atomic.Pointer[encodedStatus]
}

type encodedStatus struct {
	at      time.Time
	message Message
}

// message returns the status as of now. Ages travel in milliseconds, so all
// who ask within one share the bytes.
func (s *status) message() Message {
	now := time.Now()
	if e := s.recent.Load(); e != nil && current(e.at, now) {
		return e.message
	}
	e := &encodedStatus{at: now, message: newMessage(s.encode(now), "")}
	s.recent.Store(e)
	return e.message
}

// current reports whether what was said at a time may still be said.
func current(at, now time.Time) bool {
	d := now.Sub(at)
	return d >= 0 && d < time.Millisecond
}

// snapshot is one state's encoding, made when first asked for.
type snapshot struct {
	cursor string
	seq    uint64
	encode func() []byte
	bulk   *atomic.Int64
	begun  atomic.Bool
	done   chan struct{} // closed when message is there
	said   Message
	flaw   any // what the encoder panicked with
}

func (t *topic[S]) newSnapshot(u Update[S]) *snapshot {
	return &snapshot{cursor: u.Cursor, seq: t.seq, encode: u.Snapshot, bulk: &t.bulk, done: make(chan struct{})}
}

// message encodes once; callers that come meanwhile wait. A panic of the encoder
// is everybody's: nobody must take nothing for a snapshot.
func (s *snapshot) message() Message {
	if s.begun.CompareAndSwap(false, true) {
		defer close(s.done)
		defer func() {
			if s.flaw = recover(); s.flaw != nil {
				panic(s.flaw)
			}
		}()
		s.said = newMessage(s.encode(), s.cursor)
		s.bulk.Store(int64(len(s.said.Data)))
		return s.said
	}
	<-s.done
	if s.flaw != nil {
		panic(fmt.Sprintf("broadcast: the snapshot could not be encoded: %v", s.flaw))
	}
	return s.said
}

func (s *snapshot) encoded() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
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
	if news || u.Status != nil {
		t.recent = [len(t.recent)]recent{}
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
		t.epoch = t.seq
		t.clearRing(u.Cursor)
	} else {
		t.seq++
		t.ring = append(t.ring, newFrame(newMessage(u.Delta, u.Cursor)))
		t.bytes += len(u.Delta)
		for len(t.ring) > 0 && (t.bytes > c.RingBytes || len(t.ring) > c.RingFrames) {
			t.first = t.ring[0].message().Cursor
			t.bytes -= len(t.ring[0].message().Data)
			t.ring[0] = nil
			t.ring = t.ring[1:]
		}
	}
	t.state = u.State
	t.shot = t.newSnapshot(u)
	if t.ready != nil {
		close(t.ready)
		t.ready = nil
	}
}

func (t *topic[S]) clearRing(first string) {
	t.ring, t.bytes, t.first, t.baked = nil, 0, first, nil
}

// drop keeps loud counting, so that no subscriber mistakes a later status for
// one that it has seen.
func (t *topic[S]) drop() {
	var none S
	t.live, t.state, t.shot, t.status = false, none, nil, nil
	t.bulk.Store(0)
	t.recent = [len(t.recent)]recent{}
	t.clearRing("")
}

func (t *topic[S]) close(last []byte) {
	t.drop()
	t.final, t.gone = &Batch{Messages: []Message{newMessage(last, "")}, Last: true}, true
	if t.ready != nil { // those in Latest go on with the next topic of the name
		close(t.ready)
		t.ready = nil
	}
}

// idle reports whether nobody would miss the topic.
func (t *topic[S]) idle() bool {
	return !t.live && t.status == nil && t.size() == 0 && t.waiting == 0
}

// size is how many subscribers there are.
func (t *topic[S]) size() int {
	n := len(t.subs)
	for _, c := range t.crews {
		n += len(c.subs)
	}
	return n
}

func (t *topic[S]) wake() {
	for _, s := range t.subs {
		s.signal()
	}
	for _, c := range t.crews {
		c.call()
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
