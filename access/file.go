package access

import (
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// lookEvery is how old what is known of a file may be.
const lookEvery = time.Second

// file is a file's parsed content, read again when the file is another one. A
// version that cannot be read is logged and the last good one stays.
type file[T any] struct {
	path  string
	parse func([]byte) (T, error)
	log   *slog.Logger
	next  atomic.Int64 // when to look again, in Unix nanoseconds; whoever moves it on looks
	last  atomic.Pointer[version[T]]
}

type version[T any] struct {
	value T
	stamp stamp
	wrong bool // the stamp is of a version that cannot be read
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

func openFile[T any](path string, log *slog.Logger, parse func([]byte) (T, error)) (*file[T], error) {
	f := &file[T]{path: path, parse: parse, log: log}
	value, at, err := f.read()
	if err != nil {
		return nil, err
	}
	f.last.Store(&version[T]{value: value, stamp: at})
	f.next.Store(time.Now().Add(lookEvery).UnixNano())
	return f, nil
}

func (f *file[T]) read() (value T, at stamp, err error) {
	at, err = f.stat()
	if err != nil {
		return value, at, err
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return value, at, fmt.Errorf("read file: %w", err)
	}
	if value, err = f.parse(b); err != nil {
		return value, at, fmt.Errorf("read %s: %w", f.path, err)
	}
	return value, at, nil
}

func (f *file[T]) stat() (stamp, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return stamp{}, fmt.Errorf("read file: %w", err)
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// get is the newest good content, at most lookEvery old. One caller looks; the
// others go on with what is known.
func (f *file[T]) get() T {
	now, next := time.Now(), f.next.Load()
	if now.UnixNano() >= next && f.next.CompareAndSwap(next, now.Add(lookEvery).UnixNano()) {
		f.look()
	}
	return f.last.Load().value
}

func (f *file[T]) look() {
	last := f.last.Load()
	at, err := f.stat()
	if err == nil && at == last.stamp {
		return
	}
	value, at, err := f.read()
	if err != nil {
		if !last.wrong || at != last.stamp {
			f.log.Error("a file cannot be read; its last version stays", "file", f.path, "error", err)
		}
		f.last.Store(&version[T]{value: last.value, stamp: at, wrong: true})
		return
	}
	f.last.Store(&version[T]{value: value, stamp: at})
}
