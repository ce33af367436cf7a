package access

import (
	"crypto/sha256"
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
	taken func(version[T]) // is told of each good version from now on; nil: nobody is
}

type version[T any] struct {
	value T
	sum   [sha256.Size]byte // of the file's bytes
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
	first, err := f.read()
	if err != nil {
		return nil, err
	}
	f.last.Store(&first)
	f.next.Store(time.Now().Add(lookEvery).UnixNano())
	return f, nil
}

// read reads the file as it is now. Its stamp holds where the rest cannot be read.
func (f *file[T]) read() (v version[T], err error) {
	if v.stamp, err = f.stat(); err != nil {
		return v, err
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return v, fmt.Errorf("read file: %w", err)
	}
	v.sum = sha256.Sum256(b)
	if v.value, err = f.parse(b); err != nil {
		return v, fmt.Errorf("read %s: %w", f.path, err)
	}
	return v, nil
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
	next, err := f.read()
	if err != nil {
		if !last.wrong || next.stamp != last.stamp {
			f.log.Error("a file cannot be read; its last version stays", "file", f.path, "error", err)
		}
		f.last.Store(&version[T]{value: last.value, sum: last.sum, stamp: next.stamp, wrong: true})
		return
	}
	f.last.Store(&next)
	if f.taken != nil && next.sum != last.sum {
		f.taken(next)
	}
}
