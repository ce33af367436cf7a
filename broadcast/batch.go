package broadcast

import (
	"sync"
	"sync/atomic"
	"time"
)

// Forms is how many forms a message may have, besides its data.
const Forms = 2

// joined is how long messages may be to be handed out as one part. Longer ones
// are shared as they are: a copy for each of many batches would not be.
const joined = 32 << 10

// Message is one message to write. Cursor names the state after it, and is ""
// for a status or the last message. Data is shared: it must not be changed.
type Message struct {
	Data   []byte
	Cursor string
	forms  *forms // nil: none are kept
}

func newMessage(data []byte, cursor string) Message {
	return Message{Data: data, Cursor: cursor, forms: &forms{}}
}

// forms are what was made of a message for those who deliver it.
type forms struct {
	mu   sync.Mutex // held while a form is made, so that it is made once
	made [Forms]atomic.Pointer[[]byte]
}

// Form returns what build makes of the data, made when it is first asked for and
// then shared: it must not be changed. A form has one meaning in a program.
func (m Message) Form(form int, build func(data []byte) []byte) []byte {
	if m.forms == nil {
		return build(m.Data)
	}
	if b := m.forms.made[form].Load(); b != nil {
		return *b
	}
	m.forms.mu.Lock()
	defer m.forms.mu.Unlock()
	if b := m.forms.made[form].Load(); b != nil {
		return *b
	}
	b := build(m.Data)
	m.forms.made[form].Store(&b)
	return b
}

// Batch is what a subscriber has to write next, in order; empty only for a sink, where
// what [Subscription.Due] told it of is gone. It is shared between subscribers and must
// not be changed.
type Batch struct {
	Messages []Message
	Last     bool // nothing follows: the topic is closed

	// What fills in Messages, once, outside of the topic's lock.
	fill   sync.Once
	filled bool
	shot   *snapshot // becomes Messages[0]
	status *status   // becomes Messages[place]
	place  int
	say    func(newest []byte) []byte // changes the status, for one subscriber

	parts [Forms]atomic.Pointer[[][]byte]
}

// Parts returns the messages in a form, in order, small ones joined, so that each
// part is worth a write of its own. It is made once and shared, as in
// [Message.Form].
func (b *Batch) Parts(form int, build func(data []byte) []byte) [][]byte {
	if p := b.parts[form].Load(); p != nil {
		return *p
	}
	parts := make([][]byte, 0, 1)
	fresh := false // the last part may be added to
	for _, m := range b.Messages {
		f := m.Form(form, build)
		last := len(parts) - 1
		switch {
		case last < 0 || len(parts[last])+len(f) > joined:
			parts, fresh = append(parts, f), false
		case fresh:
			parts[last] = append(parts[last], f...)
		default:
			parts[last] = append(append(make([]byte, 0, len(parts[last])+len(f)), parts[last]...), f...)
			fresh = true
		}
	}
	b.parts[form].Store(&parts)
	return parts
}

// complete fills in the snapshot and the status.
func (b *Batch) complete() {
	if b.shot == nil && b.status == nil && b.say == nil {
		return
	}
	var shot Message
	if b.shot != nil {
		shot = b.shot.message()
	}
	b.fill.Do(func() {
		if b.shot != nil {
			b.Messages[0] = shot
		}
		switch {
		case b.say != nil:
			var newest []byte
			if b.status != nil {
				newest = b.status.message().Data
			}
			b.Messages[b.place] = newMessage(b.say(newest), "")
		case b.status != nil:
			b.Messages[b.place] = b.status.message()
		}
		b.filled = true
	})
	if !b.filled {
		panic("broadcast: the batch could not be filled") // whoever came first knows why
	}
}

// need is what one subscriber needs of a topic, by its position.
type need struct {
	from uint64    // the state that it has, or that of the snapshot
	shot *snapshot // the snapshot that it needs; nil: none
	said bool      // it needs the status
	owed bool      // the status ends an answer
	past bool      // the snapshot is an older one, and comes alone
}

// recent is a batch that others with the same need get too.
type recent struct {
	need  need
	batch *Batch
	at    time.Time // of the first one
}

// batch returns what n asks for, nil where that is nothing. now is for statuses,
// which are shared for a moment only.
func (t *topic[S]) batch(n need, now time.Time) *Batch {
	for i := range t.recent {
		if r := &t.recent[i]; r.batch != nil && r.need == n && (!n.said || current(r.at, now)) {
			return r.batch
		}
	}
	b := t.lay(n)
	if b != nil {
		t.recent[t.oldest] = recent{need: n, batch: b, at: now}
		t.oldest = (t.oldest + 1) % len(t.recent)
	}
	return b
}

// lay puts the frames in their places, for the ring may move on, with room for
// the snapshot and the status. The status comes behind the frame that it was
// published with; in an answer, which it ends, behind all of them.
func (t *topic[S]) lay(n need) *Batch {
	if n.past {
		return &Batch{shot: n.shot, Messages: make([]Message, 1)}
	}
	var frames []*frame
	if t.live && n.from >= t.base() {
		frames = t.since(n.from)
	}
	if len(frames) > 1 && dropsFrame() {
		frames = frames[1:]
	}
	if len(frames) == 1 && n.shot == nil && !n.said {
		return &frames[0].batch
	}
	b := &Batch{shot: n.shot}
	count := len(frames)
	if n.said {
		b.status, b.place = t.status, count
		if !n.owed {
			b.place -= int(min(t.seq-t.status.seq, uint64(count)))
		}
		count++
	}
	if n.shot != nil {
		b.place++
		count++
	}
	if count == 0 {
		return nil
	}
	b.Messages = make([]Message, count)
	at := 0
	if n.shot != nil {
		at++
	}
	for _, f := range frames {
		if n.said && at == b.place {
			at++
		}
		b.Messages[at] = f.message()
		at++
	}
	return b
}
