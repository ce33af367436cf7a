package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// home is the directory of one server: data, socket, log, lock and password.
type home struct {
	dir       string
	socket    string // a directory of its own where dir is too long a path
	temporary bool
	as        *account
}

// maxSocketDir leaves room for the socket's file name in the 104 bytes that the
// strictest system allows.
const maxSocketDir = 85

// DefaultDir is where a server with that name keeps its data on this machine:
// a place that the user who runs it can reach.
func DefaultDir(name string) (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib/rowcast", name), nil // root's home is closed to the server's user
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the data: %w", err)
	}
	return filepath.Join(cache, "rowcast", name), nil
}

func openHome(cfg Config) (home, error) {
	as, err := serverAccount()
	if err != nil {
		return home{}, err
	}
	h := home{dir: cfg.Dir, as: as}
	if h.dir == "" {
		h.temporary = true
		h.dir, err = os.MkdirTemp(cfg.TempDir, "rowcast-pg-")
	} else if h.dir, err = filepath.Abs(h.dir); err == nil {
		err = os.MkdirAll(filepath.Dir(h.dir), 0o755)
	}
	if err != nil {
		return h, fmt.Errorf("make the server's directory: %w", err)
	}
	if err := h.private(h.dir); err != nil {
		return h, errors.Join(err, h.remove())
	}
	if err := as.reaches(h.dir); err != nil {
		return h, errors.Join(err, h.remove())
	}
	if h.socket = filepath.Join(h.dir, "socket"); len(h.socket) > maxSocketDir {
		if h.socket, err = os.MkdirTemp("", "rowcast-s-"); err != nil {
			return h, fmt.Errorf("make the socket's directory: %w", err)
		}
	}
	return h, h.private(h.socket)
}

// private makes a directory that only the server's account (and root) may enter.
func (h home) private(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		err = os.Chmod(dir, 0o700)
	}
	if err == nil {
		err = h.as.own(dir)
	}
	if err != nil {
		return fmt.Errorf("make a private directory: %w", err)
	}
	return nil
}

func (h home) data() string { return filepath.Join(h.dir, "data") }
func (h home) log() string  { return filepath.Join(h.dir, "log") }

// remove takes away what is temporary.
func (h home) remove() error {
	var err error
	if h.socket != "" && filepath.Dir(h.socket) != h.dir {
		err = os.RemoveAll(h.socket)
	}
	if h.temporary {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

// locks of a directory. Both are kernel locks: they end with their processes.
type locks struct {
	owner  *os.File // ours alone: who holds it may start a server
	server *os.File // inherited by the supervisor and the server: free when they are gone
}

// acquire takes the locks. It waits for a server whose parent has died, since
// that is shutting down, and answers ErrInUse at once where the parent lives.
func (h home) acquire(ctx context.Context) (l locks, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	var free bool
	if l.owner, free, err = h.lock("owner"); err != nil {
		return l, err
	}
	if !free {
		return l, fmt.Errorf("%w: %s belongs to process %s", ErrInUse, h.dir, readPID(l.owner))
	}
	if err := writePID(l.owner); err != nil {
		return l, fmt.Errorf("lock %s: %w", h.dir, err)
	}
	if l.server, free, err = h.lock("lock"); err != nil {
		return l, err
	}
	for deadline := time.Now().Add(30 * time.Second); !free; pause(ctx, 20*time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(deadline) {
			return l, fmt.Errorf("%w: %s has a server that does not end", ErrInUse, h.dir)
		}
		if free, err = lockFile(l.server); err != nil {
			return l, fmt.Errorf("lock %s: %w", h.dir, err)
		}
	}
	return l, nil
}

// lock opens one of the lock files and tries to lock it.
func (h home) lock(name string) (*os.File, bool, error) {
	f, err := os.OpenFile(filepath.Join(h.dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("lock %s: %w", h.dir, err)
	}
	free, err := lockFile(f)
	if err != nil {
		f.Close()
		return nil, false, fmt.Errorf("lock %s: %w", h.dir, err)
	}
	return f, free, nil
}

// close gives up our own copies.
func (l locks) close() {
	for _, f := range []*os.File{l.owner, l.server} {
		if f != nil {
			f.Close()
		}
	}
}

// readPID is for people: the lock itself says whether that process lives.
func readPID(f *os.File) string {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0) // empty while it is being written
	return strings.TrimSpace(string(b[:n]))
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// password is generated once per directory, so that a kept address stays valid.
func (h home) password() (string, error) {
	path := filepath.Join(h.dir, "password")
	b, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	p := newPassword()
	if err := os.WriteFile(path, []byte(p+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the password: %w", err)
	}
	return p, nil
}

// dropStalePID removes the pid file that a dead server left, where its number
// belongs to a stranger now and PostgreSQL would therefore refuse to start.
// The lock is held: no server of ours runs here.
func (h home) dropStalePID() error {
	path := filepath.Join(h.data(), "postmaster.pid")
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the server's pid file: %w", err)
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 4096)) // an unreadable file counts as empty: PostgreSQL will say so
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first))
	if pid <= 0 || !alive(pid) {
		return nil // PostgreSQL sees that by itself
	}
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		return nil // no way to tell who it is: PostgreSQL decides
	}
	// A server, and each of its backends, lives in its data directory.
	users, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return fmt.Errorf("look for a running server: %w", err)
	}
	for _, link := range users {
		if cwd, err := os.Readlink(link); err == nil && cwd == h.data() {
			return fmt.Errorf("%w: %s is served by process %s", ErrInUse, h.dir, strings.Split(link, "/")[2])
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove a dead server's pid file: %w", err)
	}
	return nil
}

// tail is what the log says since an offset, for error messages.
func (h home) tail(from int64) string {
	f, err := os.Open(h.log())
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return ""
	}
	b, _ := io.ReadAll(io.LimitReader(f, 4096)) // what can be read is better than nothing
	if len(b) == 0 {
		return ""
	}
	return "\n" + strings.TrimSpace(string(b))
}
