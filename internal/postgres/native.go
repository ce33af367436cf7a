package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// native runs the server from binaries on this machine.
type native struct{ bin string }

// hba lets in who may enter the socket's directory, and over TCP who knows the
// password.
const hba = `local all         all              trust
local replication all              trust
host  all         all 127.0.0.1/32 scram-sha-256
host  all         all ::1/128      scram-sha-256
`

func (n *native) prepare(ctx context.Context, s *Server) error {
	if err := s.home.dropStalePID(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.home.data(), "PG_VERSION")); err != nil {
		if err := n.create(ctx, s); err != nil {
			return err
		}
	}
	path := filepath.Join(s.home.data(), "pg_hba.conf")
	if err := os.WriteFile(path, []byte(hba), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	return nil
}

// create makes the data directory, whole or not at all.
func (n *native) create(ctx context.Context, s *Server) error {
	part := s.home.data() + ".new"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("remove a half made data directory: %w", err)
	}
	if s.cfg.InitCache {
		if err := n.copyCached(ctx, s, part); err != nil {
			return err
		}
	} else if err := n.initdb(ctx, s.home, part, s.cfg.Throwaway); err != nil {
		return err
	}
	if err := os.Rename(part, s.home.data()); err != nil {
		return fmt.Errorf("put the data directory in place: %w", err)
	}
	return nil
}

func (n *native) initdb(ctx context.Context, h home, dir string, throwaway bool) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.bin, "initdb"), "-D", dir, "-U", Superuser,
		"-A", "trust", "-E", "UTF8", "--locale="+locale(), "--no-instructions")
	if throwaway {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	cmd.Dir, cmd.Env = h.dir, n.env(h)
	dieWithParent(cmd, h.as)
	runtime.LockOSThread() // the child gets a signal when this thread ends
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// copyCached copies a fresh data directory that an earlier run left for all.
func (n *native) copyCached(ctx context.Context, s *Server, to string) error {
	version, err := exec.CommandContext(ctx, filepath.Join(n.bin, "postgres"), "--version").Output()
	if err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	cache, err := cacheDir()
	if err != nil { // no home directory: slower, not worse
		return n.initdb(ctx, s.home, to, true)
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, strings.ToLower(strings.TrimSpace(string(version))))
	from := filepath.Join(cache, "initdb-"+name)
	if _, err := os.Stat(filepath.Join(from, "PG_VERSION")); err != nil {
		if err := n.initdb(ctx, s.home, to, true); err != nil {
			return err
		}
		part, err := os.MkdirTemp(cache, "initdb-part-")
		if err != nil {
			return nil // a cache that cannot be written costs time only
		}
		defer os.RemoveAll(part)
		if copyTree(to, filepath.Join(part, "data"), nil) == nil {
			_ = os.Rename(filepath.Join(part, "data"), from) // somebody else may have been faster
		}
		return nil
	}
	if err := copyTree(from, to, s.home.as); err != nil {
		return fmt.Errorf("copy a fresh data directory: %w", err)
	}
	return nil
}

func copyTree(from, to string, as *account) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			err = os.Mkdir(target, 0o700)
		} else {
			var b []byte
			if b, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(target, b, 0o600)
			}
		}
		return errors.Join(err, as.own(target))
	})
}

func (n *native) spec(s *Server) spec {
	args := []string{filepath.Join(n.bin, "postgres"), "-D", s.home.data(), "-k", s.home.socket}
	settings := map[string]string{"listen_addresses": "", "port": fmt.Sprint(s.port), "log_checkpoints": "off"}
	if s.cfg.TCP {
		settings["listen_addresses"] = "127.0.0.1"
	}
	for k, v := range s.cfg.settings() {
		settings[k] = v
	}
	return spec{
		Command: append(args, flags(settings)...),
		Env:     n.env(s.home),
		Dir:     s.home.dir,
		Log:     s.home.log(),
		As:      s.home.as,
		Remove:  s.home.removedAlone(),
	}
}

// settings are the caller's over the defaults of a throwaway server.
func (c Config) settings() map[string]string {
	all := map[string]string{}
	if c.Throwaway {
		all = map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
			"shared_buffers": "64MB", "max_connections": "300",
		}
	}
	for k, v := range c.Settings {
		all[k] = v
	}
	return all
}

// flags are the parameters as command-line arguments, in a fixed order.
func flags(settings map[string]string) []string {
	var args []string
	for k, v := range settings {
		args = append(args, k+"="+v)
	}
	slices.Sort(args)
	for i := len(args); i > 0; i-- {
		args = slices.Insert(args, i-1, "-c")
	}
	return args
}

// removedAlone is what the supervisor removes when its parent died.
func (h home) removedAlone() string {
	if h.temporary {
		return h.dir
	}
	return ""
}

func (n *native) address(s *Server) address { return address{host: s.home.socket, port: s.port} }

func (n *native) discard(*Server) error { return nil }

func (n *native) psql(s *Server, url string) string {
	psql := "psql"
	if _, err := exec.LookPath(psql); err != nil {
		if own := filepath.Join(n.bin, "psql"); isFile(own) {
			psql = own
		}
	}
	return psql + " '" + url + "'"
}

// env is all that the server sees of our environment.
func (n *native) env(h home) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=" + locale(), "HOME=" + h.dir, "TZ=UTC"}
}

func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
