package e2e_test

import (
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
		{name: "data-late", lasts: short, spoils: everywhere, inject: with(data, proxy.Faults{Delay: 40 * time.Millisecond})},
		{name: "data-narrow", lasts: short, spoils: everywhere, inject: with(data, proxy.Faults{BytesPerSecond: 400_000})},
		{name: "data-sliced", lasts: short, spoils: everywhere, inject: with(data, proxy.Faults{Slice: 5})},
		{name: "data-breaks-in-answers", lasts: short, spoils: everywhere, inject: with(data, proxy.Faults{ResetAfter: 60_000})},
		{name: "viewer-cut", inject: once(viewer, (*proxy.Proxy).Cut)},
		{name: "viewer-reset", inject: once(viewer, (*proxy.Proxy).Reset)},
		{name: "viewer-silent", lasts: long, inject: with(viewer, proxy.Faults{Stall: true})},
		{name: "viewer-late", lasts: short, inject: with(viewer, proxy.Faults{Delay: 200 * time.Millisecond})},
		{name: "viewer-narrow", lasts: short, inject: with(viewer, proxy.Faults{BytesPerSecond: 50_000})},
		{name: "viewer-sliced", lasts: short, inject: with(viewer, proxy.Faults{Slice: 3})},
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
