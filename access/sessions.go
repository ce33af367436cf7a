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
	"time"
)

// Sessions are who signed in and until when: a file each, named by the digest of
// what the browser keeps, so that whoever reads the folder cannot sign in with
// it. Several servers may share the folder.
type Sessions struct {
	dir  string
	life time.Duration
	log  *slog.Logger
}

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

// look reads the session of this digest.
func (s *Sessions) look(id string) (session, error) {
	var found session
	b, err := os.ReadFile(filepath.Join(s.dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return found, ErrEnded
	}
	if err != nil {
		return found, fmt.Errorf("look up session: %w", err)
	}
	if err := json.Unmarshal(b, &found); err != nil {
		return session{}, fmt.Errorf("look up session: %w", err)
	}
	if !time.Now().Before(found.Until) {
		return session{}, ErrEnded
	}
	return found, nil
}

func (s *Sessions) end(id string) error {
	if err := os.Remove(filepath.Join(s.dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
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
