package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// stream is what one viewer hears of one page: the hub's batches, and a status
// where none came for too long. One goroutine calls next.
type stream struct {
	hub   *broadcast.Hub[*delta.State]
	page  *dashboard.Page
	limit time.Duration // silence longer than this is broken
	began time.Time

	mu     sync.Mutex // guards all below
	sub    *broadcast.Subscription[*delta.State]
	cursor string // that the viewer has
	heard  time.Time
	silent bool // sub was closed to break the silence
	closed bool
	timer  *time.Timer
}

// slack is what a status may be late before it is asked for. A client waits
// longer than that.
const slack = time.Second

func (s *Server) listen(page *dashboard.Page, cursor string) *stream {
	now := time.Now()
	st := &stream{
		hub: s.config.Hub, page: page, limit: s.config.Next + slack, began: now, heard: now,
		cursor: cursor, sub: s.config.Hub.Subscribe(page.ID(), cursor),
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.timer = time.AfterFunc(st.limit, st.hush)
	return st
}

// close ends the stream; it may be called twice.
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
	st.mu.Lock()
	sub := st.sub
	st.mu.Unlock()
	b, err := sub.Next(ctx)
	if errors.Is(err, broadcast.ErrClosed) && st.wasSilent() {
		return st.repeat(ctx)
	}
	if err != nil {
		return nil, err
	}
	st.note(b.Messages)
	return b.Messages, nil
}

func (st *stream) note(messages []broadcast.Message) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, m := range messages {
		if m.Cursor != "" {
			st.cursor = m.Cursor
		} else {
			st.heard = time.Now()
		}
	}
}

// hush runs when it may have been silent for too long. Closing the subscription
// wakes next, which begins another one: its first answer ends in a status.
func (st *stream) hush() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return
	}
	if left := st.limit - time.Since(st.heard); left > 0 {
		st.timer.Reset(left)
		return
	}
	st.silent = true
	st.sub.Close()
}

func (st *stream) wasSilent() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.silent && !st.closed
}

// repeat breaks the silence with the newest status, made true by its age.
func (st *stream) repeat(ctx context.Context) ([]broadcast.Message, error) {
	st.mu.Lock()
	st.sub = st.hub.Subscribe(st.page.ID(), st.cursor)
	st.silent, st.heard = false, time.Now()
	st.timer.Reset(st.limit)
	sub := st.sub
	st.mu.Unlock()
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	b, err := sub.Next(soon)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return []broadcast.Message{{Data: st.unknown()}}, nil
	case err != nil:
		return nil, err
	}
	st.note(b.Messages)
	messages := make([]broadcast.Message, len(b.Messages))
	for i, m := range b.Messages {
		if m.Cursor == "" {
			m.Data = grown(m.Data)
		}
		messages[i] = m
	}
	return messages, nil
}

// unknown is the status of a page that nobody says anything about.
func (st *stream) unknown() []byte {
	return delta.EncodeStatus(delta.Status{
		Page: st.page.Address, State: "stale", Since: st.began, Reason: "behind",
		Message: "nothing has been heard of this page", Next: st.limit - slack,
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
