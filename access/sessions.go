package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Sessions are who signed in and until when: a file each, named by the digest of
// what the browser keeps, so that whoever reads the folder cannot sign in with
// it. Several servers may share the folder.
type Sessions struct {
	dir  string
	life time.Duration
	log  *slog.Logger

	mu    sync.Mutex // guards all below
	known map[string]known
	ended int // sessions, as this server ended them
}

// known is a session as its file was read. Thousands come back at once when a server
// restarts: asking whether a file is still the same costs a tenth of reading it.
type known struct {
	session session
	file    fs.FileInfo
	read    time.Time
	asked   time.Time // whether it is the same still
}

// moment is how old the answer to that may be. Who connects is looked at twice in it:
// when the request comes, and when it says what it watches.
const moment = 20 * time.Millisecond

// mostKnown is how many are kept in mind, each for a second.
const mostKnown = 4096

// session is one file.
type session struct {
	Name   string    `json:"name"`
	Label  string    `json:"label,omitempty"`  // what people call them
	Groups []string  `json:"groups,omitempty"` // that the way in told; none where a users file tells them
	Mark   string    `json:"mark,omitempty"`   // of the user's password
	Way    Mode      `json:"way"`
	Began  time.Time `json:"began"`
	Until  time.Time `json:"until"`
}

// OpenSessions uses the folder sessions below dir, and makes it where it is
// missing. A session lasts for life.
func OpenSessions(dir string, life time.Duration, log *slog.Logger) (*Sessions, error) {
	s := &Sessions{dir: filepath.Join(dir, "sessions"), life: life, log: log}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	probe, err := os.CreateTemp(s.dir, ".probe*")
	if err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	return s, nil
}

// begin makes a session and returns what the browser is to keep.
func (s *Sessions) begin(who session) (token string, err error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	token = base64.RawURLEncoding.EncodeToString(b[:])
	who.Began = time.Now().UTC()
	who.Until = who.Began.Add(s.life)
	text, err := json.Marshal(who)
	if err != nil {
		return "", fmt.Errorf("write session: %w", err)
	}
	if err := replaceFile(filepath.Join(s.dir, digest(token)), text); err != nil {
		return "", fmt.Errorf("begin session: %w", err)
	}
	return token, nil
}

// digest names the file of a token.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// look is the session of this digest, as its file was a moment ago at most.
func (s *Sessions) look(id string) (session, error) {
	var err error
	found, same := s.recall(id, nil, time.Now())
	if !same {
		var file fs.FileInfo
		path := filepath.Join(s.dir, id)
		if file, err = os.Stat(path); err == nil {
			if found, same = s.recall(id, file, time.Now()); !same {
				found, err = s.read(id, path, file)
			}
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return session{}, ErrEnded
	case err != nil:
		return session{}, fmt.Errorf("look up session: %w", err)
	case !time.Now().Before(found.Until):
		return session{}, ErrEnded
	}
	return found, nil
}

// recall is a session whose file was read less than lookEvery ago and is the same
// still, or where file is nil was so a moment ago. What a file system over a network
// says of that may be older.
func (s *Sessions) recall(id string, file fs.FileInfo, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, there := s.known[id]
	switch {
	case !there || file == nil:
		return k.session, there && now.Sub(k.asked) < moment && now.Sub(k.read) < lookEvery
	case now.Sub(k.read) < lookEvery && os.SameFile(k.file, file) && k.file.ModTime().Equal(file.ModTime()) && k.file.Size() == file.Size():
		k.asked = now
		s.known[id] = k
		return k.session, true
	}
	delete(s.known, id)
	return session{}, false
}

// read reads a file, and keeps it in mind unless it is so new that it may change
// within the same tick of the file system's clock.
func (s *Sessions) read(id, path string, file fs.FileInfo) (found session, err error) {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	now := time.Now()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &found)
	}
	if err != nil || now.Sub(file.ModTime()) < lookEvery {
		return found, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != ended { // this one perhaps, since it was read
		return found, nil
	}
	if s.known == nil || len(s.known) >= mostKnown {
		s.known = map[string]known{}
	}
	s.known[id] = known{session: found, file: file, read: now, asked: now}
	return found, nil
}

func (s *Sessions) end(id string) error {
	defer s.forget(id)
	if err := os.Remove(filepath.Join(s.dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func (s *Sessions) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	delete(s.known, id)
}

// EndAll ends every session of a user, or of everybody where name is "", and
// returns how many there were.
func (s *Sessions) EndAll(name string) (n int, err error) {
	return s.sweep(func(found session) bool { return name == "" || found.Name == name })
}

// sweep ends the sessions that which picks.
func (s *Sessions) sweep(which func(session) bool) (n int, err error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, fmt.Errorf("list sessions: %w", err)
	}
	var faults []error
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") {
			continue
		}
		found, err := s.look(f.Name())
		if err != nil && !errors.Is(err, ErrEnded) {
			faults = append(faults, err)
			continue
		}
		if err == nil && !which(found) {
			continue
		}
		if err := s.end(f.Name()); err != nil {
			faults = append(faults, err)
		} else {
			n++
		}
	}
	return n, errors.Join(faults...)
}

// tidyEvery is how often files of sessions that are over are removed.
const tidyEvery = time.Hour

// Run removes what is over until ctx ends. Nothing depends on when it does.
func (s *Sessions) Run(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if _, err := s.sweep(func(session) bool { return false }); err != nil {
			s.log.Warn("sessions that are over stay in their folder", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
