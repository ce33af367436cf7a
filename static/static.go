// Package static holds the browser's files (style sheets, ES modules, fonts, icons) and serves them, shortened, from memory under a
// hash of all their contents, so that they may be cached for ever and a new build is seen at once.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/css"
	"github.com/tdewolff/minify/v2/js"
)

//go:embed css/*.css js/*.js fonts/*.woff2 fonts/*-LICENSE vendor/uplot/*.js vendor/uplot/*.css vendor/uplot/*-LICENSE icons/*.svg icons/*-LICENSE
var files embed.FS

// Entry is the module that a page loads; it imports all others.
const Entry = "js/main.js"

// prefix stands before the hash in every URL path.
const prefix = "/static/"

type file struct {
	plain, gzip []byte // gzip is nil where it saves nothing
	mime        string
}

type bundle struct {
	hash    string
	files   map[string]file
	modules []string
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

// charts are the modules that only pages with charts load.
var charts = []string{
	"js/canvas.js", "js/chart.js", "js/gestures.js", "js/legend.js", "js/paint.js", "js/scale.js", "js/series.js", "js/slide.js", "js/timerange.js",
	"vendor/uplot/uPlot.esm.js",
}

// tables are the modules that only pages of tables load at once; others, when a row is opened.
var tables = []string{"js/address.js", "js/columns.js", "js/filters.js", "js/menu.js", "js/tablepage.js", "js/typed.js"}

// later are the modules that are loaded when they are needed.
var later = []string{"js/drawer.js", "js/index.js", "js/json.js", "js/jsontree.js", "js/rowjson.js", "js/treeview.js", "js/wall.js"}

// Modules is the URL path of every ES module that all pages load but [Entry], for modulepreload.
func Modules() []string { return slices.Clone(assets().modules) }

// ChartModules is the URL path of every ES module that pages with charts load besides, for modulepreload.
func ChartModules() []string { return pathsOf(charts) }

// TableModules is the URL path of every ES module that a table's own page loads besides, for modulepreload.
func TableModules() []string { return pathsOf(tables) }

func pathsOf(names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = Path(name)
	}
	return paths
}

// ChartStyles is the URL path of every style sheet that pages with charts link after the others.
func ChartStyles() []string { return []string{Path("vendor/uplot/uPlot.css")} }

// Styles is the URL path of every style sheet, in the order in which a page links them.
func Styles() []string {
	return []string{
		Path("css/tokens.css"), Path("css/base.css"), Path("css/components.css"), Path("css/cells.css"), Path("css/stat.css"), Path("css/charts.css"), Path("css/table.css"), Path("css/variables.css"), Path("css/trust.css"), Path("css/access.css"),
	}
}

// Version names this set of files: the hash in every URL.
func Version() string { return assets().hash }

func load() *bundle {
	b := &bundle{files: map[string]file{}}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".test.js") {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum.Write([]byte(name + "\x00" + strconv.Itoa(len(data)) + "\x00"))
		sum.Write(data)
		data = shorten(name, data)
		b.files[name] = file{plain: data, gzip: compress(name, data), mime: mimeOf(name)}
		return nil
	})
	if err != nil {
		panic("static: " + err.Error()) // embedded files cannot fail to be read
	}
	b.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	for name := range b.files {
		if path.Ext(name) == ".js" && name != Entry && !slices.Contains(slices.Concat(charts, tables, later), name) {
			b.modules = append(b.modules, prefix+b.hash+"/"+name)
		}
	}
	slices.Sort(b.modules)
	return b
}

// shorten takes comments and spaces out of modules and style sheets, and gives local names one letter: the sources are mostly
// written for people. What cannot be read stays as it is; a test holds that there is no such file.
func shorten(name string, data []byte) []byte {
	m := minify.New()
	m.AddFunc(".js", js.Minify)
	m.AddFunc(".css", css.Minify)
	short, err := m.Bytes(path.Ext(name), data)
	if err != nil {
		return data
	}
	return short
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
