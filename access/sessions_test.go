package access

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A session's file is not read again for every look, and yet whatever is done to it
// counts a moment later; also for who does not see the file change, within a second.
func TestASessionIsAsItsFileIs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, token := begun(t, dir)
		id := digest(token)
		path := filepath.Join(dir, "sessions", id)
		is := func(want string) {
			t.Helper()
			if found, err := s.look(id); err != nil || found.Name != want {
				t.Fatalf("the session is of %q, %v; want %s", found.Name, err, want)
			}
		}
		became := func(want string) {
			t.Helper()
			time.Sleep(moment)
			is(want)
		}
		// put writes the file in place, as one that was changed then.
		put := func(name string, changed time.Time) {
			t.Helper()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(b), ",")
			if err := errors.Join(os.WriteFile(path, []byte(`{"name":"`+name+`",`+rest), 0o600), os.Chtimes(path, changed, changed)); err != nil {
				t.Fatal(err)
			}
		}
		old := time.Now().Add(-time.Minute)
		put("anna", old)
		became("anna")
		put("ruth", old) // nothing shows that it is another
		became("anna")
		time.Sleep(lookEvery)
		became("ruth")
		put("anna", old.Add(time.Millisecond))
		became("anna")
		put("annabel", old.Add(time.Millisecond))
		is("anna") // it was looked at just now
		became("annabel")
		// So new a file may change without a sign of it.
		now := time.Now()
		put("anna", now)
		became("anna")
		put("ruth", now)
		became("ruth")
		put("ruth", old)
		became("ruth")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(moment)
		if _, err := s.look(id); !errors.Is(err, ErrEnded) {
			t.Errorf("a session without its file: %v", err)
		}
	})
}

// Who signs out has signed out at once.
func TestASessionInMindIsEnded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, id := aged(t, dir)
		if _, err := s.look(id); err != nil {
			t.Fatal(err)
		}
		if err := s.end(id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.look(id); !errors.Is(err, ErrEnded) {
			t.Errorf("it was ended: %v", err)
		}
	})
}

// What was kept in mind ends with the session's own time.
func TestASessionInMindEnds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, id := aged(t, dir)
		time.Sleep(time.Hour - lookEvery/2)
		if _, err := s.look(id); err != nil {
			t.Errorf("half a second before: %v", err)
		}
		time.Sleep(lookEvery / 2)
		if _, err := s.look(id); !errors.Is(err, ErrEnded) {
			t.Errorf("at its end: %v", err)
		}
	})
}

// aged is begun with a session whose file is old enough to be kept in mind.
func aged(t *testing.T, dir string) (s *Sessions, id string) {
	t.Helper()
	s, token := begun(t, dir)
	id, old := digest(token), time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "sessions", id), old, old); err != nil {
		t.Fatal(err)
	}
	return s, id
}

// begun is a folder of sessions with one of anna's in it.
func begun(t *testing.T, dir string) (s *Sessions, token string) {
	t.Helper()
	s, err := OpenSessions(dir, time.Hour, slog.New(slog.DiscardHandler))
	if err == nil {
		token, err = s.begin(session{Name: "anna"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}
