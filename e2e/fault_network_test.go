package e2e_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rowcast/rowcast/internal/proxy"
)

// networkTroubles are those of the line between program and database, and of the
// lines between viewers and program.
func networkTroubles() []trouble {
	data := func(a *arena) *proxy.Proxy { return a.toData }
	viewer := func(a *arena) *proxy.Proxy { return a.toViewer }
	const short, long = 3 * time.Second, 6 * time.Second
	return []trouble{
		{name: "data-cut", inject: once(data, (*proxy.Proxy).Cut)},
		{name: "data-reset", inject: once(data, (*proxy.Proxy).Reset)},
		{name: "data-silent", stale: everywhere, lasts: long, spoils: everywhere, inject: with(data, proxy.Faults{Stall: true})},
		{name: "data-refused", stale: everywhere, lasts: long, spoils: everywhere, inject: func(a *arena) func() {
			heal := with(data, proxy.Faults{Refuse: true})(a)
			a.toData.Reset()
			return heal
		}},
		{name: "data-late", lasts: short, inject: with(data, proxy.Faults{Delay: 40 * time.Millisecond})},
		{name: "data-narrow", lasts: short, inject: with(data, proxy.Faults{BytesPerSecond: 400_000})},
		{name: "data-sliced", lasts: short, inject: with(data, proxy.Faults{Slice: 1})},
		{name: "data-breaks-in-answers", lasts: short, spoils: everywhere, inject: with(data, proxy.Faults{ResetAfter: 60_000})},
		{name: "viewer-cut", inject: once(viewer, (*proxy.Proxy).Cut)},
		{name: "viewer-reset", inject: once(viewer, (*proxy.Proxy).Reset)},
		{name: "viewer-silent", lasts: long, inject: with(viewer, proxy.Faults{Stall: true})},
		{name: "viewer-late", lasts: short, inject: with(viewer, proxy.Faults{Delay: 200 * time.Millisecond})},
		{name: "viewer-far", lasts: long, rare: true, inject: with(viewer, proxy.Faults{Delay: 2 * time.Second})},
		{name: "viewer-idle-cut", lasts: 18 * time.Second, rare: true, inject: idleCut},
		{name: "viewer-life-capped", lasts: short, inject: lifeCapped},
		{name: "viewer-narrow", lasts: short, inject: with(viewer, proxy.Faults{BytesPerSecond: 50_000})},
		{name: "viewer-sliced", lasts: short, inject: with(viewer, proxy.Faults{Slice: 1})},
		{name: "viewer-breaks-in-frames", lasts: short, inject: with(viewer, proxy.Faults{ResetAfter: 30_000})},
	}
}

func once(line func(*arena) *proxy.Proxy, do func(*proxy.Proxy)) func(*arena) func() {
	return func(a *arena) func() {
		do(line(a))
		return nil
	}
}

func with(line func(*arena) *proxy.Proxy, f proxy.Faults) func(*arena) func() {
	return func(a *arena) func() {
		line(a).Set(f)
		return line(a).Heal
	}
}

// statusEvery is how often a viewer hears at least something, with what a busy
// machine adds.
const statusEvery = 8 * time.Second

// idleCut is a line through something that cuts connections that are idle for
// a little longer than the server is ever silent: no viewer may lose its own.
func idleCut(a *arena) func() {
	a.toViewer.Set(proxy.Faults{Idle: statusEvery})
	before := a.toViewer.Total()
	a.toViewer.Cut() // it holds for new connections
	a.onlookers(before + len(a.sights))
	made := a.toViewer.Total()
	return func() {
		if n := a.toViewer.Total() - made; n > 0 {
			a.Errorf("%d connections were idle for %s", n, statusEvery)
		}
		a.toViewer.Heal()
	}
}

// lifeCapped is a line through something that ends every connection after a
// second. Who comes back with what it shows gets what changed, and where nothing
// did next to nothing.
func lifeCapped(a *arena) func() {
	a.toViewer.Set(proxy.Faults{Life: time.Second})
	a.toViewer.Cut()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	v := newViewer(a.sights[0].url, "/d/stage")
	var visits []int
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cursor := ""
			if screen, _, _ := v.now(); screen != nil {
				cursor = screen.Cursor
			}
			before := v.read()
			err := v.visit(ctx, cursor, nil)
			var broken violation
			if errors.As(err, &broken) {
				a.judge.accuse("%s: %v", v.page, err)
				return
			}
			visits = append(visits, v.read()-before)
			sleep(ctx, 20*time.Millisecond)
		}
	}()
	t := a.TB
	return func() {
		cancel()
		<-done
		a.toViewer.Heal()
		if len(visits) < 3 {
			t.Fatalf("only %d visits", len(visits))
		}
		visits = visits[:len(visits)-1] // the last one was ours to end
		t.Logf("bytes of each visit to a page that did not change: %v", visits)
		if most := slices.Max(visits[1:]); most > 2<<10 || visits[0] < most {
			t.Errorf("who comes back to an unchanged page is sent %d bytes", most)
		}
	}
}

// onlookers waits until so many connections to the program were ever made: those
// that were cut are open for a moment yet.
func (a *arena) onlookers(n int) {
	a.Helper()
	for deadline := time.Now().Add(10 * time.Second); a.toViewer.Total() < n; sleep(a.Context(), 10*time.Millisecond) {
		if time.Now().After(deadline) {
			a.Fatalf("%d viewers did not come back", n-a.toViewer.Total())
		}
	}
}
