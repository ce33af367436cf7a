package postgres

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpack(t *testing.T) {
	const links = `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`
	tests := []struct {
		name  string
		files map[string]string
		sum   string
		want  string // in the error
	}{
		{name: "whole", files: map[string]string{"package/native/lib/libx.so.1.2": "x", "package/native/pg-symlinks.json": links, "package/scripts/evil.js": "no"}},
		{name: "changed on the way", files: map[string]string{"package/native/a": "x"}, sum: "other", want: "SHA-512"},
		{name: "leads out", files: map[string]string{"package/native/../../../evil": "x", "package/native/lib/libx.so.1.2": "x"}},
		{name: "link out", files: map[string]string{"package/native/pg-symlinks.json": `[{"source":"../../etc/passwd","target":"native/p"}]`}, want: "link the libraries"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			archive, sum := pack(t, tt.files)
			if tt.sum != "" {
				sum = tt.sum
			}
			err := unpack(archive, sum, dir)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%v, want a word about %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "native/lib/libx.so.1.2")); err != nil {
				t.Error(err)
			}
			if _, there := tt.files["package/native/pg-symlinks.json"]; there {
				if b, err := os.ReadFile(filepath.Join(dir, "native/lib/libx.so.1")); err != nil || string(b) != "x" {
					t.Errorf("the link reads %q, %v", b, err)
				}
			}
			for _, evil := range []string{"scripts", "../evil", "../../evil"} {
				if _, err := os.Stat(filepath.Join(dir, evil)); err == nil {
					t.Errorf("%s was written", evil)
				}
			}
		})
	}
}

func pack(t *testing.T, files map[string]string) (path, sum string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h := sha512.Sum512(b.Bytes())
	return path, base64.StdEncoding.EncodeToString(h[:])
}

// TestFetch needs the network and 23 MB; ROWCAST_TEST_FETCH=1 asks for it.
func TestFetch(t *testing.T) {
	if os.Getenv("ROWCAST_TEST_FETCH") != "1" {
		t.Skip("fetches 23 MB; set ROWCAST_TEST_FETCH=1")
	}
	bin, err := fetch(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PG_BIN", bin)
	s, err := Start(t.Context(), Config{InitCache: true, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
