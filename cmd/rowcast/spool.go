package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// spool hands lines on to a writer that may be slow, stand still or fail, and
// never waits for it: a log whose reader is there and does not read would
// otherwise hold up whoever has something to say. Beyond most bytes that wait it
// drops lines, and says how many as soon as there is room again.
type spool struct {
	to   io.Writer
	most int
	// say writes that lines were dropped; nil: it is not said.
	say func(lines, bytes int)

	mu      sync.Mutex
	waiting [][]byte
	bytes   int           // of them
	lost    int           // lines that were dropped since the last that waits
	unsaid  int           // bytes of them
	total   uint64        // lines that were ever dropped
	idle    chan struct{} // closed when all is written; nil: nothing is to be
}

// spoolBytes is some thousand lines.
const spoolBytes = 1 << 20

// Write takes one line. It does not fail, and what is dropped counts as written.
func (s *spool) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 || s.bytes > 0 && s.bytes+len(line) > s.most { // after one gap nothing before it is said
		s.lost++
		s.unsaid += len(line)
		s.total++
		return len(line), nil
	}
	s.waiting, s.bytes = append(s.waiting, bytes.Clone(line)), s.bytes+len(line)
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.drain()
	}
	return len(line), nil
}

// drain writes what waits until nothing does.
func (s *spool) drain() {
	for {
		s.mu.Lock()
		lines, lost, unsaid := s.waiting, s.lost, s.unsaid
		s.waiting, s.bytes, s.lost, s.unsaid = nil, 0, 0, 0
		if len(lines) == 0 {
			close(s.idle)
			s.idle = nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, line := range lines {
			_, _ = s.to.Write(line) // nobody is left to be told
		}
		if lost > 0 && s.say != nil {
			s.say(lost, unsaid)
		}
	}
}

// flush waits until all is written, but not for longer than that.
func (s *spool) flush(limit time.Duration) {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(limit):
	}
}

// dropped is how many lines ever were.
func (s *spool) dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
