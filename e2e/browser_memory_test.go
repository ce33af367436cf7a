package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/chromedp"
)

// usage is what a page holds: its nodes and listeners, and the bytes of its
// script's values by their kind (object, array, string, closure and so on).
type usage struct {
	nodes, listeners int64
	held             map[string]int64
}

func (u usage) bytes() (sum int64) {
	for _, n := range u.held {
		sum += n
	}
	return sum
}

// usage measures once nothing moves in the page any more.
func (w *tab) usage() usage {
	w.Helper()
	w.until("what fades to be gone", `!document.querySelector(".fresh, .flash, .leaving, .toast") && document.getAnimations().length === 0`)
	held := w.held() // collects what is not held
	dom, err := chromedp.Call(w.ctx, memory.GetDOMCounters, cdp.Empty{})
	if err != nil {
		w.Fatal(err)
	}
	return usage{dom.Nodes, dom.JsEventListeners, held}
}

// held adds up a heap snapshot, which is exact to the byte where the size of the
// heap is not: code that the engine has compiled, and compiles anew as it likes,
// is left out, and so are the browser's own caches.
func (w *tab) held() map[string]int64 {
	w.Helper()
	ctx, done := context.WithCancel(w.ctx)
	defer done()
	var text strings.Builder
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*heapprofiler.EventAddHeapSnapshotChunk); ok {
			text.WriteString(e.Chunk)
		}
	}); err != nil {
		w.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, heapprofiler.TakeHeapSnapshot, heapprofiler.TakeHeapSnapshotParams{}); err != nil {
		w.Fatalf("take a heap snapshot: %v", err)
	}
	var s struct {
		Snapshot struct {
			Meta struct {
				Fields []string          `json:"node_fields"`
				Types  []json.RawMessage `json:"node_types"`
			}
		}
		Nodes   []int64
		Strings []string
	}
	if err := json.Unmarshal([]byte(text.String()), &s); err != nil {
		w.Fatalf("read a heap snapshot: %v", err)
	}
	var kinds []string
	if err := json.Unmarshal(s.Snapshot.Meta.Types[0], &kinds); err != nil {
		w.Fatalf("read a heap snapshot's kinds: %v", err)
	}
	field := map[string]int{}
	for i, name := range s.Snapshot.Meta.Fields {
		field[name] = i
	}
	held := map[string]int64{}
	for n := range slices.Chunk(s.Nodes, len(field)) {
		kind := kinds[n[field["type"]]]
		if kind == "native" && strings.HasPrefix(s.Strings[n[field["name"]]], "system / JSArrayBufferData") {
			kind = "buffer"
		}
		if kind != "code" && kind != "native" && kind != "synthetic" {
			held[kind] += n[field["self_size"]]
		}
	}
	return held
}
