// Package static holds the browser's files (style sheets, ES modules, fonts, icons) and serves them, bundled and shortened, from
// memory under a hash of all their contents, so that they may be cached for ever and a new build is seen at once.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed dist fonts/*.woff2 fonts/*-LICENSE vendor/uplot/*-LICENSE icons/*.svg icons/*-LICENSE
var files embed.FS

// Entry is the module that a page loads; it imports all others, some of them when they are needed.
const Entry = "js/main.js"

// prefix stands before the hash in every URL path.
const prefix = "/static/"

type file struct {
	plain, gzip []byte // gzip is nil where it saves nothing
	mime        string
}

type bundle struct {
	hash  string
	files map[string]file
	needs map[string][]string // by source: the files that load it and what it imports at once
}

// assets is computed once, on first use, and never changes.
var assets = sync.OnceValue(load)

// Handler serves GET and HEAD of every URL path that [Path] gives. A path with another hash, left over from an earlier build,
// is 404: its page gets a reload message.
func Handler() http.Handler {
	b := assets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, prefix), "/")
		f, ok := b.files[name]
		if !ok || hash != b.hash {
			w.Header().Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	})
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h, body := w.Header(), f.plain
	h.Set("Content-Type", f.mime)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if f.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a client that left has nobody to tell
	}
}

// Path is the URL path of a file, "/static/<hash>/js/main.js" for "js/main.js". It panics on a name that is not embedded:
// that is a mistake in the program, and a test renders every page.
func Path(name string) string {
	b := assets()
	if _, ok := b.files[name]; !ok {
		panic("static: no file " + name)
	}
	return prefix + b.hash + "/" + name
}

// Modules is the URL path of every ES module that all pages load but [Entry], for modulepreload.
func Modules() []string { return modules(Entry)[1:] }

// ChartModules is the URL path of every ES module that pages with charts load besides, for modulepreload.
func ChartModules() []string { return besides("js/chart.js") }

// TableModules is the URL path of every ES module that a table's own page loads besides, for modulepreload.
func TableModules() []string { return besides("js/tablepage.js") }

// modules is the URL path of the file with this source, and then those of all that it imports at once.
func modules(source string) []string {
	needs := assets().needs[source]
	paths := make([]string, len(needs))
	for i, name := range needs {
		paths[i] = Path(name)
	}
	return paths
}

// besides is what a source needs that no page has loaded by then.
func besides(source string) []string {
	all := modules(Entry)
	return slices.DeleteFunc(modules(source), func(path string) bool { return slices.Contains(all, path) })
}

// ChartStyles is the URL path of every style sheet that pages with charts link after the others.
func ChartStyles() []string { return []string{Path("css/uPlot.css")} }

// Styles is the URL path of every style sheet that all pages link.
func Styles() []string { return []string{Path("css/rowcast.css")} }

// Version names this set of files: the hash in every URL.
func Version() string { return assets().hash }

func load() *bundle {
	b := &bundle{files: map[string]file{}}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == contents {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "dist/")
		sum.Write([]byte(name + "\x00" + strconv.Itoa(len(data)) + "\x00"))
		sum.Write(data)
		b.files[name] = file{plain: data, gzip: compress(name, data), mime: mimeOf(name)}
		return nil
	})
	if err == nil {
		b.needs, err = needs()
	}
	if err != nil {
		panic("static: " + err.Error()) // embedded files cannot fail to be read
	}
	b.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	return b
}

// contents says which source went into which file of the bundle, as esbuild's metafile.
const contents = "dist/meta.json"

// needs reads of each source that has a file of its own which files it needs, its own first.
func needs() (map[string][]string, error) {
	data, err := files.ReadFile(contents)
	if err != nil {
		return nil, err
	}
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string
			Imports    []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for name, out := range meta.Outputs {
		if out.EntryPoint == "" {
			continue
		}
		list := []string{name}
		for i := 0; i < len(list); i++ { // it grows on the way
			for _, other := range meta.Outputs[list[i]].Imports {
				if other.Kind == "import-statement" && !slices.Contains(list, other.Path) {
					list = append(list, other.Path)
				}
			}
		}
		for i, name := range list {
			list[i] = strings.TrimPrefix(name, "dist/")
		}
		all[out.EntryPoint] = list
	}
	return all, nil
}

// compress packs what gains from it; fonts are packed already.
func compress(name string, data []byte) []byte {
	if path.Ext(name) == ".woff2" {
		return nil
	}
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = z.Write(data) // a buffer does not fail
	_ = z.Close()
	if buf.Len() >= len(data) {
		return nil
	}
	return buf.Bytes()
}

// mimeOf does not ask the system's table, which differs from machine to machine.
func mimeOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		return "text/plain; charset=utf-8"
	}
}

// acceptsGzip says whether an Accept-Encoding header allows gzip.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.TrimSpace(coding)
		if coding != "gzip" && coding != "*" {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !found {
			return true
		}
		v, err := strconv.ParseFloat(q, 64)
		return err == nil && v > 0
	}
	return false
}
