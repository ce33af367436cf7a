package dashboard

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A thousand who ask at once cost three looks: that of the first, and those that
// begin after the others asked. What is asked before a look begins is not answered
// by one that began earlier.
func TestThoseWhoAskForAPageShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering
		var looks, version atomic.Int64
		look := func(context.Context) (*Page, error) {
			looks.Add(1)
			at := version.Load()
			time.Sleep(5 * time.Millisecond)
			return &Page{Title: "t", Panels: []Panel{{Limit: int(at)}}, Table: &Table{}}, nil
		}
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 30 * time.Microsecond)
				seen := version.Add(1)
				p, err := g.page(t.Context(), "/t/public.orders", look)
				if err != nil {
					t.Error(err)
				} else if int64(p.Panels[0].Limit) < seen {
					t.Errorf("version %d is shown to one who saw %d", p.Panels[0].Limit, seen)
				}
				p.Panels[0].Limit, p.Table.Name = -1, "mine" // it is the caller's own
			})
		}
		all.Wait()
		if n := looks.Load(); n < 2 || n > 3 {
			t.Errorf("they cost %d looks", n)
		}
		time.Sleep(time.Second)
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.busy) > 0 {
			t.Errorf("%d addresses are remembered", len(g.busy))
		}
	})
}

// Who leaves takes nobody's answer away, and one who asks for another address
// does not wait.
func TestWhoLeavesTakesNobodysPageAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gathering
		look := func(ctx context.Context) (*Page, error) {
			select {
			case <-time.After(time.Second):
				return nil, refuse("not_found", "there is no such table")
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := g.page(ctx, "/t/a", look); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		began := time.Now()
		var refused *AddressError
		if _, err := g.page(t.Context(), "/t/b", look); !errors.As(err, &refused) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := g.page(t.Context(), "/t/a", look); !errors.As(err, &refused) {
			t.Error(err)
		}
		mistake := func(context.Context) (*Page, error) { panic("a mistake") }
		if _, err := g.page(t.Context(), "/t/c", mistake); err == nil || !strings.Contains(err.Error(), "a mistake") {
			t.Errorf("a mistake is answered with %v", err)
		}
		time.Sleep(time.Second)
	})
}
