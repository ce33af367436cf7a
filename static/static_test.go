package static_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/static"
)

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryFileIsServedUnderTheHash(t *testing.T) {
	for name, mime := range map[string]string{
		static.Entry:                 "text/javascript; charset=utf-8",
		"icons/sprite.svg":           "image/svg+xml",
		"fonts/inter.woff2":          "font/woff2",
		"fonts/Inter-LICENSE":        "text/plain; charset=utf-8",
		"icons/lucide-LICENSE":       "text/plain; charset=utf-8",
		"css/rowcast.css":            "text/css; charset=utf-8",
		"fonts/jetbrains-mono.woff2": "font/woff2",
	} {
		r := get(t, static.Path(name))
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != mime || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") || len(body(t, r)) == 0 {
			t.Errorf("%s: %s %v", name, r.Status, r.Header)
		}
	}
	if !strings.HasPrefix(static.Path(static.Entry), "/static/"+static.Version()+"/") {
		t.Error(static.Path(static.Entry))
	}
}

func TestGzipIsWhatWasPacked(t *testing.T) {
	path := static.Path("css/rowcast.css")
	plain := get(t, path)
	for _, refused := range []string{"", "br", "gzip;q=0", "identity"} {
		if r := get(t, path, "Accept-Encoding", refused); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q got %s", refused, r.Header.Get("Content-Encoding"))
		}
	}
	packed := get(t, path, "Accept-Encoding", "br;q=1.0, gzip;q=0.8")
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatal(packed.Header)
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(unpacked, body(t, plain)) {
		t.Fatal("the packed file is another one", err)
	}
}

func TestOtherHashesAreNotServed(t *testing.T) {
	for _, path := range []string{"/static/0000000000000000/js/main.js", "/static/js/main.js", "/static/", static.Path(static.Entry) + "x", "/static/" + static.Version() + "/../static.go"} {
		if r := get(t, path); r.StatusCode != http.StatusNotFound || strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s %s", path, r.Status, r.Header.Get("Cache-Control"))
		}
	}
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, static.Path(static.Entry), nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
}

// Every module that another imports is there, and what a page loads at once is preloaded.
func TestModules(t *testing.T) {
	imports := regexp.MustCompile(`(?:from|import|import\()"\./([A-Za-z0-9-]+\.js)"`)
	all, charts, tables := static.Modules(), static.ChartModules(), static.TableModules()
	if len(charts) == 0 || len(tables) == 0 {
		t.Fatal(charts, tables)
	}
	for _, path := range slices.Concat(charts, tables) {
		if slices.Contains(all, path) {
			t.Errorf("%s is loaded by all pages", path)
		}
	}
	loaded := slices.Concat(all, charts, tables, []string{static.Path(static.Entry)})
	for _, path := range loaded {
		src := body(t, get(t, path))
		for _, m := range imports.FindAllSubmatch(src, -1) {
			name := static.Path("js/" + string(m[1])) // panics where it is not embedded
			if !slices.Contains(loaded, name) && !bytes.Contains(m[0], []byte("import(")) {
				t.Errorf("%s is needed by %s, and not preloaded", name, path)
			}
		}
		if bytes.Contains(src, []byte("/**")) || bytes.Contains(src, []byte("@param")) {
			t.Errorf("%s is not shortened", path)
		}
		for _, unsafe := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
			if bytes.Contains(src, []byte(unsafe)) {
				t.Errorf("%s uses %s", path, unsafe)
			}
		}
	}
}

// What is served was made of the sources as they are.
func TestBundleIsOfTheseSources(t *testing.T) {
	var meta struct {
		Inputs map[string]struct{ Bytes int64 }
	}
	text, err := os.ReadFile("dist/meta.json")
	if err == nil {
		err = json.Unmarshal(text, &meta)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"js/*.js", "css/*.css"} {
		sources, err := filepath.Glob(pattern)
		if err != nil || len(sources) < 10 {
			t.Fatal(sources, err)
		}
		for _, name := range sources {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			in, used := meta.Inputs[filepath.ToSlash(name)]
			if !used {
				t.Errorf("%s is in no page", name)
			} else if in.Bytes != info.Size() {
				t.Errorf("%s has changed: run go generate ./static", name)
			}
		}
	}
}

// Style sheets load nothing but the files beside them.
func TestStylesPointAtWhatIsThere(t *testing.T) {
	urls := regexp.MustCompile(`url\("?\.\./([^")]+)"?\)`)
	n := 0
	for _, path := range append(static.Styles(), static.ChartStyles()...) {
		src := body(t, get(t, path))
		for _, m := range urls.FindAllSubmatch(src, -1) {
			static.Path(string(m[1]))
			n++
		}
		if bytes.Contains(src, []byte("http:")) || bytes.Contains(src, []byte("https:")) {
			t.Errorf("%s loads from elsewhere", path)
		}
	}
	if n < 2 {
		t.Errorf("%d fonts", n)
	}
}

// What a page with charts loads stays small, and the README says how much it is.
func TestPagesAreLight(t *testing.T) {
	packed := func(paths ...string) (n int) {
		for _, path := range paths {
			n += len(body(t, get(t, path, "Accept-Encoding", "gzip")))
		}
		return n
	}
	code := packed(slices.Concat(static.Modules(), static.ChartModules(), []string{static.Path(static.Entry)})...)
	styles := packed(slices.Concat(static.Styles(), static.ChartStyles())...)
	t.Logf("%d bytes of code and %d of styles, packed", code, styles)
	if code > 90_000 {
		t.Errorf("%d bytes of code, packed", code)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d KB of code and %d KB of styles", (code+500)/1000, (styles+500)/1000)
	if !strings.Contains(string(readme), want) {
		t.Errorf("the README does not say %q", want)
	}
}
