package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Source is a set of dashboard files that do not change, such as embedded ones.
type Source = fs.FS

// Config says where pages come from. The zero value has no dashboards and no
// tables.
type Config struct {
	Dir      string // folder of dashboards, followed by Run; "": none
	Source   Source // further dashboards; a file of the same name in Dir wins
	DB       DB     // nil: no table pages
	Bulk     DB     // counts rows and exports them, up to four at once; nil: DB
	TimeZone string // of pages that name none; default UTC
	MaxRows  int    // limit of panels that name none; default 1,000
	Log      *slog.Logger
}

// Book holds the dashboards that there are and makes pages from them and from
// the catalog. Its methods may be called at the same time.
type Book struct {
	cfg     Config
	counts  counter
	tables  gathering
	exports chan struct{} // one place for each that runs

	mu      sync.RWMutex
	entries map[string]*entry // by slug; entries never change, they are replaced
	trouble []Problem         // with the folder itself
}

// entry is one dashboard's file.
type entry struct {
	file, source string
	good         *definition // the newest version without a mistake; nil: there was none
	problems     []Problem   // of the newest version
	doubted      bool        // the newest version reads well, but PostgreSQL refuses a query of it
	access       Access      // of the newest version that reads well, doubted or not
	restricted   bool        // that one says who may see it
	mark         string      // of its pages; "" where there are none
}

// Open reads all dashboards. Files with mistakes do not make it fail, they are
// among Problems; a folder that cannot be read does.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	if cfg.TimeZone == "" {
		cfg.TimeZone = "UTC"
	}
	if _, err := time.LoadLocation(cfg.TimeZone); err != nil || cfg.TimeZone == "Local" {
		return nil, fmt.Errorf("open dashboards: there is no time zone %q", cfg.TimeZone)
	}
	if cfg.MaxRows < 1 {
		cfg.MaxRows = 1000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Bulk == nil {
		cfg.Bulk = cfg.DB
	}
	b := &Book{
		cfg: cfg, entries: map[string]*entry{},
		counts: counter{slots: make(chan struct{}, mostCounts)}, exports: make(chan struct{}, mostExports),
	}
	if _, _, err := b.load(ctx, false); err != nil {
		if at := (*fs.PathError)(nil); errors.As(err, &at) {
			err = at.Err // its path is a "." below the folder
		}
		return nil, fmt.Errorf("open dashboards in %q: %w", cfg.Dir, err)
	}
	return b, nil
}

func (b *Book) limits() limits { return limits{rows: b.cfg.MaxRows, timeZone: b.cfg.TimeZone} }

// load reads the files again and tells which dashboards are not what they were.
// Where the folder cannot be read everything stays. With patience, a file that
// was written a moment ago may be half a file: it is left for later, and again
// is true.
func (b *Book) load(ctx context.Context, patience bool) (changed []string, again bool, err error) {
	files, trouble, err := b.files()
	if err != nil {
		b.mu.Lock()
		b.trouble = []Problem{{File: b.cfg.Dir, What: "the folder of dashboards cannot be read", Hint: "the last versions stay"}}
		b.mu.Unlock()
		return nil, false, err
	}
	b.mu.RLock()
	before := b.entries
	b.mu.RUnlock()
	after := make(map[string]*entry, len(files))
	for _, f := range files {
		old := before[f.slug]
		same := old != nil && old.file == f.name && old.source == f.source && f.problem == nil
		if same && !old.doubted {
			after[f.slug] = old
			continue
		}
		if !same && patience && f.fresh {
			again = true
			if old != nil {
				after[f.slug] = old
			}
			continue
		}
		e := f.entry(b.limits())
		e.restrict(old)
		b.doubt(ctx, old, e)
		if old != nil && e.good == nil {
			e.good = old.good
		}
		e.marked()
		after[f.slug] = e
		if old == nil || old.source != e.source || !slices.Equal(old.problems, e.problems) {
			changed = append(changed, f.slug)
		}
	}
	for slug := range before {
		if after[slug] == nil {
			changed = append(changed, slug)
		}
	}
	slices.Sort(changed)
	b.mu.Lock()
	b.entries, b.trouble = after, trouble
	b.mu.Unlock()
	return changed, again, nil
}

// file is one dashboard's file as it was read.
type file struct {
	name, slug, source string
	problem            *Problem // it could not be read
	fresh              bool     // it was written a moment ago
}

func (f file) entry(lim limits) *entry {
	e := &entry{file: f.name, source: f.source}
	if f.problem != nil {
		e.problems = []Problem{*f.problem}
		return e
	}
	e.good, e.problems = read(f.name, f.slug, f.source, lim)
	return e
}

// restrict takes over who may see the dashboard: a rule counts at once, even
// where the rest of its version does not.
func (e *entry) restrict(old *entry) {
	switch {
	case e.good != nil:
		e.access, e.restricted = e.good.access, e.good.restricted
	case old != nil:
		e.access, e.restricted = old.access, old.restricted
	}
}

// files reads the folder and the source, with one file a slug.
func (b *Book) files() (all []file, trouble []Problem, err error) {
	bySlug := map[string]string{}
	add := func(fsys fs.FS, hidden map[string]string) error {
		list, err := fs.ReadDir(fsys, ".")
		if err != nil {
			return err
		}
		for _, d := range list {
			slug, ok := slugOf(d.Name())
			if !ok || d.IsDir() {
				continue
			}
			f := file{name: d.Name(), slug: slug}
			switch first := bySlug[slug]; {
			case !isName(slug, "_-"):
				trouble = append(trouble, Problem{File: f.name, What: "the file's name cannot be an address",
					Hint: "name it with letters, digits, - and _ only"})
				continue
			case hidden[slug] != "":
				continue
			case first != "":
				trouble = append(trouble, Problem{File: f.name, What: fmt.Sprintf("%s has the same address", first), Hint: "keep one of them"})
				continue
			}
			bySlug[slug] = f.name
			f.read(fsys)
			all = append(all, f)
		}
		return nil
	}
	if b.cfg.Dir != "" {
		if err := add(os.DirFS(b.cfg.Dir), nil); err != nil {
			return nil, nil, err
		}
	}
	if b.cfg.Source != nil {
		if err := add(b.cfg.Source, maps.Clone(bySlug)); err != nil {
			return nil, nil, err
		}
	}
	return all, trouble, nil
}

// read reads the file, but never one that is far too large to be a dashboard.
func (f *file) read(fsys fs.FS) {
	info, err := fs.Stat(fsys, f.name)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		f.problem = &Problem{File: f.name, What: "it is not a regular file"}
		return
	case info.Size() > largestFile:
		f.problem = &Problem{File: f.name, What: fmt.Sprintf("the file is larger than %d KiB", largestFile>>10), Hint: "split it"}
		return
	}
	if err == nil {
		age := time.Since(info.ModTime())
		f.fresh = 0 <= age && age < settle/2
	}
	text, err := fs.ReadFile(fsys, f.name)
	if err != nil {
		f.problem = &Problem{File: f.name, What: "the file cannot be read", Hint: "check its permissions"}
		return
	}
	f.source = strings.TrimPrefix(string(text), "\ufeff")
}

// slugOf is a dashboard file's name without its ending.
func slugOf(name string) (string, bool) {
	slug, ok := strings.CutSuffix(name, ".yaml")
	if !ok {
		slug, ok = strings.CutSuffix(name, ".yml")
	}
	return slug, ok && !strings.HasPrefix(name, ".")
}

// Problems lists what is wrong with the newest versions of all files.
func (b *Book) Problems() []Problem {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := slices.Clone(b.trouble)
	for _, e := range b.entries {
		all = append(all, e.problems...)
	}
	slices.SortStableFunc(all, func(x, y Problem) int { return strings.Compare(x.File, y.File) })
	return all
}

// Page makes the page of an address, which need not be canonical. Its error is
// an *AddressError.
func (b *Book) Page(ctx context.Context, at string) (*Page, error) {
	a, err := parseAddress(at)
	if err != nil {
		return nil, err
	}
	if a.kind == KindTable {
		return b.tables.page(ctx, at, func(ctx context.Context) (*Page, error) { return b.tablePage(ctx, a) })
	}
	b.mu.RLock()
	e := b.entries[a.slug]
	slugs := make([]string, 0, len(b.entries))
	for slug := range b.entries {
		slugs = append(slugs, slug)
	}
	b.mu.RUnlock()
	switch {
	case e == nil:
		return nil, noDashboard(a.slug, slugs)
	case e.good == nil:
		err := refuse("unavailable", "the dashboard's file has a mistake: %s", e.problems[0])
		err.Problem = &e.problems[0]
		return nil, err
	}
	variables, err := e.good.choose(a)
	if err != nil {
		return nil, err
	}
	b.settle(ctx, e.good, variables)
	p, err := e.good.page(variables)
	if err != nil {
		return nil, err
	}
	p.Mark = e.mark
	if len(e.problems) > 0 {
		p.Problem = &e.problems[0]
	}
	return p, nil
}

func noDashboard(slug string, slugs []string) *AddressError {
	slices.Sort(slugs)
	err := refuse("not_found", "no dashboard named %q", clip(slug))
	if best := nearest(slug, slugs); best != "" {
		err.Message += fmt.Sprintf("; did you mean %q?", best)
		err.Meant = "/d/" + best
	}
	return err
}

func unavailable(err error) *AddressError {
	var told *AddressError
	if errors.As(err, &told) {
		return told
	}
	return &AddressError{Code: "unavailable", Message: "the database cannot be asked at present", err: err}
}
