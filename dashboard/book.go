package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB answers the few questions about the catalog that pages need; a
// *pgxpool.Pool does.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Config says where pages come from.
type Config struct {
	Dir      string // folder of dashboard files, watched; "" for none
	FS       fs.FS  // dashboards that do not change, beside those of Dir; nil for none
	DB       DB
	TimeZone string // of dashboards that name none; "" is UTC
	Log      *slog.Logger
}

// Book finds pages by their address.
type Book struct {
	cfg Config

	mu       sync.RWMutex // guards what follows
	good     map[string]*definition
	problems map[string][]*Problem // by slug, of the newest version
	bytes    map[string]string     // by slug, as last read
}

// Open reads the dashboards. A file that is wrong is no error: it shows in
// Problems. A folder that cannot be read is one.
func Open(_ context.Context, cfg Config) (*Book, error) {
	if cfg.TimeZone == "" {
		cfg.TimeZone = "UTC"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	b := &Book{cfg: cfg, good: map[string]*definition{}, problems: map[string][]*Problem{}, bytes: map[string]string{}}
	if _, err := b.reload(); err != nil {
		return nil, err
	}
	return b, nil
}

// files reads every dashboard file, by slug.
func (b *Book) files() (map[string]string, map[string][]byte, error) {
	names, data := map[string]string{}, map[string][]byte{}
	read := func(from fs.FS) error {
		entries, err := fs.ReadDir(from, ".")
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			if e.IsDir() || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
				continue
			}
			text, err := fs.ReadFile(from, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // renamed away while an editor saves
			}
			if err != nil {
				return err
			}
			names[slugOf(name)], data[slugOf(name)] = name, text
		}
		return nil
	}
	if b.cfg.FS != nil {
		if err := read(b.cfg.FS); err != nil {
			return nil, nil, fmt.Errorf("read dashboards: %w", err)
		}
	}
	if b.cfg.Dir != "" {
		if err := read(os.DirFS(b.cfg.Dir)); err != nil {
			return nil, nil, fmt.Errorf("read dashboards: %w", err)
		}
	}
	return names, data, nil
}

// reload reads the files anew and returns the slugs whose files changed.
func (b *Book) reload() ([]string, error) {
	names, data, err := b.files()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var changed []string
	for slug, text := range data {
		if old, ok := b.bytes[slug]; ok && old == string(text) {
			continue
		}
		changed = append(changed, slug)
		b.bytes[slug] = string(text)
		d, problems := parse(names[slug], text, b.cfg.TimeZone)
		if !isSlug(slug) {
			d, problems = nil, []*Problem{{File: names[slug], What: "the file's name becomes the address",
				Hint: "use letters, digits, - and _"}}
		}
		b.problems[slug] = problems
		if d != nil {
			b.good[slug] = d
		}
	}
	for slug := range b.bytes {
		if data[slug] == nil {
			changed = append(changed, slug)
			delete(b.bytes, slug)
			delete(b.good, slug)
			delete(b.problems, slug)
		}
	}
	sort.Strings(changed)
	return changed, nil
}

// settle is how long a folder must be quiet before it is read: editors write
// a file in several steps. rescan finds what no event told of.
const (
	settle = 50 * time.Millisecond
	rescan = 2 * time.Second
)

// Run watches the folder until ctx ends and reports changed dashboards.
func (b *Book) Run(ctx context.Context, changed func(slugs []string)) error {
	if b.cfg.Dir == "" {
		<-ctx.Done()
		return nil
	}
	var events chan fsnotify.Event
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer w.Close()
		if w.Add(b.cfg.Dir) == nil {
			events = w.Events
		}
	}
	timer := time.NewTimer(rescan)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			timer.Reset(settle)
			continue
		case <-timer.C:
		}
		timer.Reset(rescan)
		slugs, err := b.reload()
		if err != nil {
			b.cfg.Log.Warn("cannot read dashboards; the last ones stay", "error", err)
			continue
		}
		if len(slugs) > 0 {
			changed(slugs)
		}
	}
}

// Problems lists what is wrong with the newest versions of the files.
func (b *Book) Problems() []Problem {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []Problem
	for _, problems := range b.problems {
		for _, p := range problems {
			list = append(list, *p)
		}
	}
	slices.SortFunc(list, func(x, y Problem) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		return x.Line - y.Line
	})
	return list
}

// Page finds the page of an address. Its error is an *AddressError, or one
// that is not for readers.
func (b *Book) Page(ctx context.Context, address string) (*Page, error) {
	path, query, err := split(address)
	if err != nil {
		return nil, err
	}
	if slug, ok := strings.CutPrefix(path, "/d/"); ok {
		return b.dashboard(ctx, slug, query)
	}
	if name, ok := strings.CutPrefix(path, "/t/"); ok {
		return b.table(ctx, name, query)
	}
	return nil, notFound("no page %q", path)
}

func (b *Book) dashboard(ctx context.Context, slug string, query map[string][]string) (*Page, error) {
	b.mu.RLock()
	d, problems := b.good[slug], b.problems[slug]
	b.mu.RUnlock()
	if d == nil {
		if len(problems) > 0 {
			return nil, &AddressError{Code: "unavailable", Message: problems[0].Error()}
		}
		return nil, notFound("no dashboard named %q", slug)
	}
	p := &Page{
		Kind: Dashboard, Slug: slug, Title: d.title, Description: d.description, TimeZone: d.timeZone,
	}
	if len(problems) > 0 {
		p.Problem = problems[0]
	}
	values := map[string]*string{}
	var params []string
	for _, v := range d.variables {
		if v.query != "" {
			options, err := b.options(ctx, v)
			if err != nil {
				return nil, err
			}
			v.Options = options
			if v.Default == "" && len(options) > 0 {
				v.Default, v.Value = options[0], options[0]
			}
		}
		if given := query[v.Name]; len(given) > 0 {
			v.Value = given[len(given)-1]
		}
		if v.query == "" && len(v.Options) > 0 && !slices.Contains(v.Options, v.Value) {
			return nil, badRequest("%s has no option %q", v.Name, v.Value)
		}
		if strings.ContainsRune(v.Value, 0) {
			return nil, badRequest("%s cannot hold a NUL character", v.Name)
		}
		if v.Value != v.Default {
			params = append(params, escapePath(v.Name)+"="+escapePath(v.Value))
		}
		values[v.Name] = &v.Value
		p.Variables = append(p.Variables, v.Variable)
	}
	p.Address = "/d/" + slug
	if len(params) > 0 {
		p.Address += "?" + strings.Join(params, "&")
	}
	for i, n := range d.panels {
		for _, name := range d.params[i] {
			n.Args = append(n.Args, values[name])
		}
		p.Panels = append(p.Panels, n)
	}
	return p, nil
}

// maxOptions bounds a list of options that a query makes.
const maxOptions = 1000

func (b *Book) options(ctx context.Context, v variable) ([]string, error) {
	if b.cfg.DB == nil {
		return nil, nil
	}
	query := strings.TrimRight(v.query, "; \t\r\n")
	rows, err := b.cfg.DB.Query(ctx, "SELECT q::text FROM (SELECT * FROM (\n"+query+"\n) r) AS s(q) LIMIT "+itoa(maxOptions))
	if err != nil {
		return nil, unavailable(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var s *string
		err := row.Scan(&s)
		if s == nil {
			return "", err
		}
		return *s, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" }), nil
}

// unavailable says what of a database's error is for readers.
func unavailable(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if pg.Code == "42501" {
			return &AddressError{Code: "forbidden", Message: pg.Message}
		}
		return &AddressError{Code: "unavailable", Message: pg.Message}
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &AddressError{Code: "unavailable", Message: "the database does not answer"}
}

// Index lists what there is to open. Where the database does not answer, the
// dashboards are listed and the error says why the tables are not.
func (b *Book) Index(ctx context.Context) (Index, error) {
	var index Index
	b.mu.RLock()
	for slug, d := range b.good {
		index.Dashboards = append(index.Dashboards, Entry{
			Address: "/d/" + slug, Slug: slug, Title: d.title, Description: d.description, Problem: len(b.problems[slug]) > 0,
		})
	}
	b.mu.RUnlock()
	slices.SortFunc(index.Dashboards, func(x, y Entry) int { return strings.Compare(x.Title, y.Title) })
	if b.cfg.DB == nil {
		return index, nil
	}
	tables, err := b.tables(ctx)
	index.Tables = tables
	return index, err
}
