//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that PostgreSQL runs under when we are root,
// which it refuses; nil means our own.
type account struct{ UID, GID uint32 }

// serverAccount is the first of postgres and nobody that exists; nil when we
// are not root. initdb wants an entry in the user database for it.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		return &account{uint32(uid), uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID}
}

// own gives a path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.UID), int(a.GID))
}

// reaches checks that the account can get to dir through all its parents.
func (a *account) reaches(dir string) error {
	if a == nil {
		return nil
	}
	for p := filepath.Dir(dir); ; p = filepath.Dir(p) {
		st, err := os.Stat(p)
		if err != nil {
			return err
		}
		sys, bit := st.Sys().(*syscall.Stat_t), os.FileMode(0o001)
		switch {
		case sys.Uid == a.UID:
			bit = 0o100
		case sys.Gid == a.GID:
			bit = 0o010
		}
		if st.Mode()&bit == 0 {
			return fmt.Errorf("user %d, who runs PostgreSQL because root may not, cannot pass %s: choose a directory elsewhere", a.UID, p)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// detach keeps a terminal's Ctrl-C and our own process group's signals away
// from the supervisor, and hands it the lock.
func detach(cmd *exec.Cmd, lock *os.File) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{lock}
}

// lockFile takes the file's lock, which lives as long as any copy of f is open.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
