package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
)

// Users are the names and passwords of a file, read again when it changes. A
// line is a user: name:hash:group,group. A hash is Argon2id in PHC form, or
// bcrypt as htpasswd -B writes it.
type Users struct {
	file  *file[userList]
	seed  maphash.Seed  // has each name that is not there take the time of some name that is
	slots chan struct{} // one for each comparison that runs: each takes memory
}

// userList is a users file.
type userList struct {
	named  map[string]user
	hashes []string // of all, in the file's order
}

type user struct {
	hash   string
	groups []string
}

// cost is OWASP's recommendation for Argon2id: 19 MiB, two passes.
var cost = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Bounds of what is typed at a sign-in.
const (
	longestName     = 128
	longestPassword = 1024
	shortestNew     = 10 // of a new password, in characters
)

// patience is how long a sign-in waits for its turn.
const patience = 5 * time.Second

// OpenUsers reads a file that must be there.
func OpenUsers(path string, log *slog.Logger) (*Users, error) {
	f, err := openFile(path, log, parseUsers)
	if err != nil {
		return nil, fmt.Errorf("open users: %w", err)
	}
	return &Users{file: f, seed: maphash.MakeSeed(), slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}, nil
}

func parseUsers(b []byte) (userList, error) {
	all := userList{named: map[string]user{}}
	scan := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(scan.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.Split(line, ":")
		if len(parts) < 2 || len(parts) > 3 {
			return userList{}, fmt.Errorf("line %d is not name:hash:groups", n)
		}
		u := user{hash: parts[1]}
		if err := CheckName(parts[0]); err != nil {
			return userList{}, fmt.Errorf("line %d: %w", n, err)
		}
		if _, twice := all.named[parts[0]]; twice {
			return userList{}, fmt.Errorf("line %d: %q is there twice", n, parts[0])
		}
		if !isHash(u.hash) {
			return userList{}, fmt.Errorf("line %d: the password of %q is no Argon2id or bcrypt hash", n, parts[0])
		}
		if len(parts) == 3 {
			for g := range strings.SplitSeq(parts[2], ",") {
				if g = strings.TrimSpace(g); g == "" {
					continue
				}
				if err := CheckName(g); err != nil {
					return userList{}, fmt.Errorf("line %d: %w", n, err)
				}
				u.groups = append(u.groups, g)
			}
		}
		all.named[parts[0]] = u
		all.hashes = append(all.hashes, u.hash)
	}
	return all, scan.Err()
}

func isHash(s string) bool {
	if strings.HasPrefix(s, "$argon2id$") {
		p, _, _, err := argon2id.DecodeHash(s)
		// A file must not be able to make a sign-in take all memory.
		return err == nil && p.Memory <= 256*1024 && p.Iterations <= 16 && p.Iterations > 0
	}
	c, err := bcrypt.Cost([]byte(s))
	return err == nil && c <= 16
}

// CheckName returns an error unless s can name a user or a group.
func CheckName(s string) error {
	bad := func(r rune) bool {
		return r == ':' || r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) || !unicode.IsPrint(r)
	}
	if s == "" || len(s) > longestName || !utf8.ValidString(s) || s[0] == '#' || strings.ContainsFunc(s, bad) {
		return fmt.Errorf("%q is no name: a name has no spaces, commas or colons, and at most %d bytes", s, longestName)
	}
	return nil
}

// check compares a password. For a name that is not there it takes as long as for
// some name that is.
func (u *Users) check(ctx context.Context, name, password string) (user, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return user{}, ErrBusy
	}
	all := u.file.get()
	found, known := all.named[name]
	hash := found.hash
	if !known {
		hash = u.decoy(all, name)
	}
	if !matches(password, hash) || !known || len(password) > longestPassword {
		return user{}, ErrWrong
	}
	return found, nil
}

// decoy is the hash that a name which is not there is compared with: one of the
// file, for each such name always the same. The kinds and costs in a file may
// differ, and one that is common to all decoys would tell the names which have
// another.
func (u *Users) decoy(all userList, name string) string {
	if len(all.hashes) == 0 {
		return ""
	}
	return all.hashes[maphash.String(u.seed, name)%uint64(len(all.hashes))]
}

func matches(password, hash string) bool {
	if len(password) > longestPassword {
		password = password[:longestPassword]
	}
	if strings.HasPrefix(hash, "$argon2id$") {
		ok, err := argon2id.ComparePasswordAndHash(password, hash)
		return ok && err == nil
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// get is the user of a name, as the file has it now.
func (u *Users) get(name string) (user, bool) {
	found, ok := u.file.get().named[name]
	return found, ok
}

// mark tells one password of a user from the next, so that sessions end when it
// changes.
func (u user) mark() string {
	sum := sha256.Sum256([]byte(u.hash))
	return hex.EncodeToString(sum[:8])
}

// UserLine is a user of a file, for people.
type UserLine struct {
	Name   string
	Groups []string
}

// ListUsers reads a users file; one that is not there has none.
func ListUsers(path string) ([]UserLine, error) {
	all, err := usersOf(path)
	if err != nil {
		return nil, err
	}
	list := make([]UserLine, 0, len(all.named))
	for name, u := range all.named {
		list = append(list, UserLine{name, u.groups})
	}
	slices.SortFunc(list, func(a, b UserLine) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func usersOf(path string) (userList, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return userList{}, nil
	}
	if err != nil {
		return userList{}, fmt.Errorf("read users: %w", err)
	}
	all, err := parseUsers(b)
	if err != nil {
		return userList{}, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

// SetUser adds a user to a file, which it makes where there is none, or gives
// one that is there a new password and these groups.
func SetUser(path, name, password string, groups []string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	for _, g := range groups {
		if err := CheckName(g); err != nil {
			return err
		}
	}
	switch {
	case utf8.RuneCountInString(password) < shortestNew:
		return fmt.Errorf("a password has at least %d characters", shortestNew)
	case len(password) > longestPassword:
		return fmt.Errorf("a password has at most %d bytes", longestPassword)
	}
	hash, err := argon2id.CreateHash(password, &cost)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	return changeUsers(path, name, name+":"+hash+":"+strings.Join(groups, ","))
}

// RemoveUser takes a user out of a file; the user's sessions end with it.
func RemoveUser(path, name string) error {
	all, err := usersOf(path)
	if err != nil {
		return err
	}
	if _, ok := all.named[name]; !ok {
		return fmt.Errorf("there is no user %q in %s", name, path)
	}
	return changeUsers(path, name, "")
}

// changeUsers puts line where name has its line, or at the end; "" removes it.
// Comments and the order of the file stay.
func changeUsers(path, name, line string) error {
	if _, err := usersOf(path); err != nil {
		return err // a file that cannot be read is not written over
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read users: %w", err)
	}
	var out []string
	for old := range strings.Lines(string(b)) {
		old = strings.TrimRight(old, "\r\n")
		if n, _, _ := strings.Cut(strings.TrimSpace(old), ":"); n != name {
			out = append(out, old)
		} else if line != "" {
			out = append(out, line)
			line = ""
		}
	}
	if line != "" {
		out = append(out, line)
	}
	text := ""
	if len(out) > 0 {
		text = strings.Join(out, "\n") + "\n"
	}
	return replaceFile(path, []byte(text))
}

// replaceFile writes a file that only its owner may read, whole or not at all.
func replaceFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
