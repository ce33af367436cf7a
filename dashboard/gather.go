package dashboard

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	gatherEvery = 25 * time.Millisecond // how soon an address that was looked up is looked up again
	gatherMost  = 10 * time.Second      // how long a look may take
)

// gathering has those who ask for the same table page at the same time share one
// look into the catalog, so that a crowd costs the database what one viewer does.
// What anybody gets was looked up after they asked: a table may have changed.
// The zero value is ready.
type gathering struct {
	mu    sync.Mutex         // guards busy
	busy  map[string]*lookup // by address: the next look, nil where nobody waits for one
	every time.Duration      // 0: gatherEvery
}

// lookup is a look into the catalog, over when done is closed.
type lookup struct {
	done chan struct{}
	page *Page
	err  error
}

// page is what look finds, which is called at once, or once for all who wait while
// the same address is busy. The page is the caller's own.
func (g *gathering) page(ctx context.Context, at string, look func(context.Context) (*Page, error)) (*Page, error) {
	l := g.join(at, look)
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil {
		return nil, l.err
	}
	p, t := *l.page, *l.page.Table
	p.Panels, p.Table = slices.Clone(p.Panels), &t
	return &p, nil
}

// join is the look that begins after this call.
func (g *gathering) join(at string, look func(context.Context) (*Page, error)) *lookup {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, busy := g.busy[at]
	if l != nil {
		return l
	}
	l = &lookup{done: make(chan struct{})}
	if busy {
		g.busy[at] = l
		return l
	}
	if g.busy == nil {
		g.busy = map[string]*lookup{}
	}
	g.busy[at] = nil
	go g.work(at, l, look)
	return l
}

// work looks as long as somebody waits.
func (g *gathering) work(at string, l *lookup, look func(context.Context) (*Page, error)) {
	every := g.every
	if every <= 0 {
		every = gatherEvery
	}
	for l != nil {
		next := time.NewTimer(every)
		l.find(look)
		<-next.C
		g.mu.Lock()
		if l = g.busy[at]; l != nil {
			g.busy[at] = nil
		} else {
			delete(g.busy, at)
		}
		g.mu.Unlock()
	}
}

// find does not end with whoever asked first: others wait too. A mistake in it is
// theirs, not the program's.
func (l *lookup) find(look func(context.Context) (*Page, error)) {
	defer close(l.done)
	defer func() {
		if err := recover(); err != nil {
			l.err = fmt.Errorf("look up page: panic: %v\n%s", err, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), gatherMost)
	defer cancel()
	l.page, l.err = look(ctx)
}
