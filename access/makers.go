package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// makers are the groups of those who made links, as a provider or a proxy told them
// last: a file each, beside the links, so that several servers know the same. A users
// file tells its groups itself.
type makers struct {
	dir string

	mu   sync.Mutex // guards told
	told map[string]maker
}

// maker is one file.
type maker struct {
	Name   string    `json:"name"`
	Way    Mode      `json:"way"`
	Groups []string  `json:"groups,omitempty"` // sorted
	Told   time.Time `json:"told"`
}

func (m *makers) path(name string) string { return filepath.Join(m.dir, digest(name)+".maker") }

func newMaker(v Viewer, way Mode, now time.Time) maker {
	groups := slices.Clone(v.Groups)
	slices.Sort(groups)
	return maker{Name: v.Name, Way: way, Groups: slices.Compact(groups), Told: now.UTC()}
}

// makes notes the groups of somebody who makes a link now.
func (m *makers) makes(v Viewer, way Mode) error { return m.write(newMaker(v, way, time.Now())) }

func (m *makers) write(one maker) error {
	text, err := json.Marshal(one)
	if err == nil {
		err = replaceFile(m.path(one.Name), text)
	}
	if err != nil {
		return fmt.Errorf("note the groups of a link's maker: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(one)
	return nil
}

func (m *makers) keep(one maker) {
	if m.told == nil || len(m.told) >= mostKnown {
		m.told = map[string]maker{}
	}
	m.told[one.Name] = one
}

// tell notes the groups that somebody has now, if they ever made a link. Who is told of
// with each request costs a file's look a minute.
func (m *makers) tell(v Viewer, way Mode) error {
	one := newMaker(v, way, time.Now())
	m.mu.Lock()
	last, known := m.told[one.Name]
	same := known && one.Told.Sub(last.Told) < time.Minute && last.Way == way && slices.Equal(last.Groups, one.Groups)
	m.mu.Unlock()
	if same {
		return nil
	}
	before, err := m.read(one.Name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && (before.Way != way || !slices.Equal(before.Groups, one.Groups)):
		return m.write(one)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(one)
	return nil
}

func (m *makers) read(name string) (one maker, err error) {
	b, err := os.ReadFile(m.path(name))
	if err == nil {
		err = json.Unmarshal(b, &one)
	}
	if err != nil {
		return maker{}, fmt.Errorf("read the groups of a link's maker: %w", err)
	}
	return one, nil
}

// groups are those that were told last; of whom nothing is known there are none.
func (m *makers) groups(name string, way Mode) ([]string, error) {
	one, err := m.read(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (one.Name != name || one.Way != way) {
		return nil, nil
	}
	return one.Groups, err
}
