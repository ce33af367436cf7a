package dashboard

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long the folder has to be quiet before it is read: an
	// editor saves in several steps.
	settle = 100 * time.Millisecond
	// longest is how long a folder that is never quiet goes unread.
	longest = time.Second
	// rescan finds what no event told: network folders, a folder made anew.
	rescan = 5 * time.Second
)

// Run follows the folder until ctx ends, and tells changed which dashboards are
// not what they were: new, gone, changed, with a new mistake or without the old
// one. Each change is told once, one call at a time. Without a folder it only
// waits.
func (b *Book) Run(ctx context.Context, changed func(slugs []string)) error {
	if b.cfg.Dir == "" {
		<-ctx.Done()
		return nil
	}
	f := follower{book: b, changed: changed}
	f.watch()
	defer func() {
		if f.watcher != nil {
			_ = f.watcher.Close()
		}
	}()
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	quiet := time.NewTimer(settle) // to find what changed since Open
	defer quiet.Stop()
	since := time.Now() // of the first event that is not read yet
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-f.events():
			if !ok {
				f.watcher = nil
				continue
			}
			if since.IsZero() {
				since = time.Now()
			}
			quiet.Reset(max(0, min(settle, longest-time.Since(since))))
		case err := <-f.errors():
			if err != nil {
				b.cfg.Log.Warn("the folder of dashboards is followed by the clock", "error", err)
			}
		case <-quiet.C:
			if f.reload(ctx, time.Since(since) < longest) {
				quiet.Reset(settle)
			} else {
				since = time.Time{}
			}
		case <-tick.C:
			f.watch() // a folder that was made anew is not the one watched
			if since.IsZero() {
				since = time.Now()
				quiet.Reset(0)
			}
		}
	}
}

type follower struct {
	book    *Book
	changed func([]string)
	watcher *fsnotify.Watcher // nil: by the clock only
	failed  bool              // said so
}

// watch asks for events of the folder; asking again is harmless.
func (f *follower) watch() {
	var err error
	if f.watcher == nil {
		if f.watcher, err = fsnotify.NewWatcher(); err != nil {
			f.watcher = nil
		}
	}
	if f.watcher != nil {
		err = f.watcher.Add(f.book.cfg.Dir)
	}
	if err != nil && !f.failed {
		f.book.cfg.Log.Warn("the folder of dashboards is followed by the clock", "every", rescan, "error", err)
	}
	f.failed = err != nil
}

// reload reads the folder, and tells whether to read it again soon.
func (f *follower) reload(ctx context.Context, patience bool) (again bool) {
	slugs, again, err := f.book.load(ctx, patience)
	if err != nil {
		if !f.failed {
			f.book.cfg.Log.Warn("the folder of dashboards cannot be read", "error", err)
			f.failed = true
		}
		return false
	}
	if len(slugs) > 0 {
		f.changed(slugs)
	}
	return again
}

// A nil channel never delivers.
func (f *follower) events() <-chan fsnotify.Event {
	if f.watcher == nil {
		return nil
	}
	return f.watcher.Events
}

func (f *follower) errors() <-chan error {
	if f.watcher == nil {
		return nil
	}
	return f.watcher.Errors
}
