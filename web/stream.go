package web

import (
	"context"
	"sync"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// silence is what a page's viewer is told after nobody said how it stands.
type silence struct {
	page  string
	limit time.Duration // silence longer than this is broken
	began time.Time
}

// slack is what a status may be late before it is asked for. A client waits
// longer than that.
const slack = time.Second

func (s *Server) silence(page string) silence {
	return silence{page: page, limit: s.config.Next + slack, began: time.Now()}
}

// say makes the newest status true for now; nil: nothing was ever said.
func (q silence) say(newest []byte) []byte {
	if newest != nil {
		return grown(newest)
	}
	return delta.EncodeStatus(delta.Status{
		Page: q.page, State: "stale", Since: q.began, Reason: "behind",
		Message: "nothing has been heard of this page", Next: q.limit - slack,
	}, time.Now())
}

// proofLasts is how old the proof behind "live" may be.
const proofLasts = 2500 * time.Millisecond

// grown turns a status that was live once, and is told too late, into what it
// is now.
func grown(data []byte) []byte {
	m, err := delta.Decode(data)
	if err != nil || m.Status == nil || m.Status.State != "live" || m.Age < proofLasts {
		return data
	}
	s := *m.Status
	s.State, s.Since, s.Reason, s.Message = "stale", s.At, "behind", "the server has not looked since"
	return delta.EncodeStatus(s, s.At.Add(m.Age))
}

// stream is what one event stream hears of a page. One goroutine calls next.
type stream struct {
	sub     *broadcast.Subscription[*delta.State]
	silence silence

	mu     sync.Mutex // guards all below
	heard  time.Time
	closed bool
	timer  *time.Timer
}

func (s *Server) listen(page *dashboard.Page, cursor string) *stream {
	st := &stream{sub: s.config.Hub.Subscribe(page.ID(), cursor), silence: s.silence(page.Address), heard: time.Now()}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.timer = time.AfterFunc(st.silence.limit, st.hush)
	return st
}

// close ends the stream.
func (st *stream) close() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.closed = true
	st.timer.Stop()
	st.sub.Close()
}

// next returns what is to be written next. Its error is broadcast.ErrClosed
// after the page's last message, else the context's.
func (st *stream) next(ctx context.Context) ([]broadcast.Message, error) {
	b, err := st.sub.Next(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range b.Messages {
		if m.Cursor == "" {
			st.mu.Lock()
			st.heard = time.Now()
			st.mu.Unlock()
			break
		}
	}
	return b.Messages, nil
}

// hush runs when it may have been silent for too long.
func (st *stream) hush() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return
	}
	left := st.silence.limit - time.Since(st.heard)
	if left <= 0 {
		st.heard, left = time.Now(), st.silence.limit
		st.sub.Insist(st.silence.say)
	}
	st.timer.Reset(left)
}

// newest returns the newest status of the page of an id, and false where nobody said any.
func (s *Server) newest(ctx context.Context, id, cursor string) (delta.Message, bool) {
	sub := s.config.Hub.Subscribe(id, cursor)
	defer sub.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	b, err := sub.Next(ctx)
	if err != nil {
		return delta.Message{}, false
	}
	m, err := delta.Decode(b.Messages[len(b.Messages)-1].Data)
	return m, err == nil && m.Status != nil
}
