package access

import (
	"crypto/hmac"
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
	"slices"
	"strings"
	"time"
)

// Link lets whoever has it watch one dashboard with the values that it was made
// with, and nothing else, without signing in: for a wall, or a page of another
// site.
type Link struct {
	ID    string    `json:"id"`
	Page  string    `json:"page"`           // address of the dashboard
	Note  string    `json:"note,omitempty"` // what it is for, for people
	By    string    `json:"by,omitempty"`   // who made it; "" at the command line
	Way   Mode      `json:"way,omitempty"`  // by which they had signed in; "" at the command line
	Made  time.Time `json:"made"`
	Until time.Time `json:"until"`
	Used  time.Time `json:"-"` // when it was last used, to a minute; zero: never
}

// Links are the share links of a folder, a file each; without its file a link is
// over. What a link is signed with is in a file of its own, so that neither the
// folder nor the key alone makes one.
type Links struct {
	dir    string
	keys   *file[[]signer]
	makers makers
}

// signer is one secret. The first of the file signs; all of them verify.
type signer struct {
	id     string // tells which one it was
	secret []byte
}

// UnfitLink says why there can be no such link, for whoever wants it; other errors of
// making one are faults.
type UnfitLink string

func (e UnfitLink) Error() string { return string(e) }

// ErrNoLink says that a link is over, or never was one.
var ErrNoLink = errors.New("this link has ended")

// OpenLinks uses the folder links below dir, and the key file; "" is link.key in
// dir, which is made with a new secret where it is missing.
func OpenLinks(dir, key string, log *slog.Logger) (*Links, error) {
	l := &Links{dir: filepath.Join(dir, "links")}
	l.makers.dir = l.dir
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open links: %w", err)
	}
	if key == "" {
		key = filepath.Join(dir, "link.key")
		if err := makeKey(key); err != nil {
			return nil, fmt.Errorf("open links: %w", err)
		}
	}
	var err error
	if l.keys, err = openFile(key, log, parseKeys); err != nil {
		return nil, fmt.Errorf("open links: %w", err)
	}
	return l, nil
}

// makeKey writes a new secret unless there is one. Of several servers that start
// at once only one does.
func makeKey(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	var b [32]byte
	_, _ = rand.Read(b[:])                                              // it never fails
	tmp := path + "." + base64.RawURLEncoding.EncodeToString(b[:6])[:8] // of this process alone
	_, _ = rand.Read(b[:])
	if err := os.WriteFile(tmp, []byte(hex.EncodeToString(b[:])+"\n"), 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// parseKeys reads secrets, one a line, as 32 or more bytes in hexadecimal.
func parseKeys(b []byte) ([]signer, error) {
	var all []signer
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		secret, err := hex.DecodeString(line)
		if err != nil || len(secret) < 32 {
			return nil, fmt.Errorf("secret %d is not 64 or more hexadecimal digits; openssl rand -hex 32 makes one", len(all)+1)
		}
		sum := sha256.Sum256(append([]byte("rowcast link key\n"), secret...))
		all = append(all, signer{id: hex.EncodeToString(sum[:4]), secret: secret})
	}
	if len(all) == 0 {
		return nil, errors.New("there is no secret; openssl rand -hex 32 makes one")
	}
	return all, nil
}

// sign is over all that a link allows, so that none of it can be changed.
func (s signer) sign(l Link) []byte {
	m := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(m, "rowcast link 2\n%s\n%s\n%s\n%s\n%s\n%s\n", s.id, l.ID, l.Until.UTC().Format(time.RFC3339Nano), l.Page, l.Way, l.By)
	return m.Sum(nil)
}

// Longest life of a link, and of a note.
const (
	LongestLife = 10 * 365 * 24 * time.Hour
	longestNote = 200
)

// Make makes a link for somebody who signed in by that way, or for nobody, and returns
// its token, which stands in its URL and is kept nowhere.
func (l *Links) Make(page, note, by string, way Mode, life time.Duration) (Link, string, error) {
	switch {
	case !strings.HasPrefix(page, "/d/") || len(page) > 4096 || strings.ContainsAny(page, "\r\n\x00"):
		return Link{}, "", UnfitLink("a link leads to a dashboard: its address begins with /d/")
	case life <= 0 || life > LongestLife:
		return Link{}, "", UnfitLink("a link lasts for more than nothing and at most ten years")
	case len(note) > longestNote:
		return Link{}, "", UnfitLink(fmt.Sprintf("a note has at most %d bytes", longestNote))
	}
	var id [9]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x7f // else it might begin with -, as a flag does
	now := time.Now().UTC().Truncate(time.Second)
	made := Link{ID: base64.RawURLEncoding.EncodeToString(id[:]), Page: page, Note: note, By: by, Way: way, Made: now, Until: now.Add(life)}
	text, err := json.Marshal(made)
	if err != nil {
		return Link{}, "", fmt.Errorf("write link: %w", err)
	}
	if err := replaceFile(l.path(made.ID, ".json"), text); err != nil {
		return Link{}, "", fmt.Errorf("make link: %w", err)
	}
	key := l.keys.get()[0]
	return made, made.ID + "." + key.id + "." + base64.RawURLEncoding.EncodeToString(key.sign(made)), nil
}

func (l *Links) path(id, ending string) string { return filepath.Join(l.dir, id+ending) }

// isID tells a name that may be a part of a path.
func isID(s string) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(b) == 9
}

// look is the link of a token, if it holds now.
func (l *Links) look(token string) (Link, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !isID(parts[0]) {
		return Link{}, ErrNoLink
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return Link{}, ErrNoLink
	}
	keys := l.keys.get()
	i := slices.IndexFunc(keys, func(k signer) bool { return k.id == parts[1] })
	if i < 0 {
		return Link{}, ErrNoLink
	}
	found, err := l.read(parts[0])
	if errors.Is(err, fs.ErrNotExist) {
		return Link{}, ErrNoLink
	}
	if err != nil {
		return Link{}, err
	}
	if !hmac.Equal(given, keys[i].sign(found)) || !time.Now().Before(found.Until) {
		return Link{}, ErrNoLink
	}
	return found, nil
}

func (l *Links) read(id string) (Link, error) {
	var found Link
	b, err := os.ReadFile(l.path(id, ".json"))
	if err != nil {
		return found, fmt.Errorf("read link: %w", err)
	}
	if err := json.Unmarshal(b, &found); err != nil || found.ID != id {
		return Link{}, fmt.Errorf("read link %s: its file is not one", id)
	}
	if info, err := os.Stat(l.path(id, ".used")); err == nil {
		found.Used = info.ModTime().UTC()
	}
	return found, nil
}

// use notes that a link is used, once a minute.
func (l *Links) use(found Link) error {
	if time.Since(found.Used) < time.Minute {
		return nil
	}
	path, now := l.path(found.ID, ".used"), time.Now()
	err := os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.WriteFile(path, nil, 0o600); err == nil {
			err = os.Chtimes(path, now, now) // a file system elsewhere has a clock of its own
		}
	}
	if err != nil {
		return fmt.Errorf("note the use of a link: %w", err)
	}
	return nil
}

// List is all links, the newest first, those that are over among them.
func (l *Links) List() ([]Link, error) {
	files, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var all []Link
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !isID(id) {
			continue
		}
		found, err := l.read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b Link) int { return b.Made.Compare(a.Made) })
	return all, nil
}

// Revoke ends a link for good.
func (l *Links) Revoke(id string) error {
	if !isID(id) {
		return fmt.Errorf("there is no link %q", id)
	}
	err := os.Remove(l.path(id, ".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no link %q", id)
	}
	if err != nil {
		return fmt.Errorf("revoke link: %w", err)
	}
	_ = os.Remove(l.path(id, ".used")) // it says nothing by itself
	return nil
}

// RevokeLinksBy ends all links in a state folder that somebody made, and returns them;
// a folder without links has none.
func RevokeLinksBy(state, by string) ([]Link, error) {
	if by == "" {
		return nil, errors.New("say who made them")
	}
	l := &Links{dir: filepath.Join(state, "links")}
	all, err := l.List()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ended []Link
	for _, found := range all {
		if found.By != by {
			continue
		}
		if err := l.Revoke(found.ID); err != nil {
			return ended, err
		}
		ended = append(ended, found)
	}
	_ = os.Remove((&makers{dir: l.dir}).path(by)) // it says nothing without them
	return ended, nil
}
