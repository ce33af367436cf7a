package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

// weekPage has a panel of each kind that keeps something, with 30 rows.
const weekPage = `title: Week
panels:
  - {id: list, title: List, type: table, limit: 200, query: 'SELECT id, title, points FROM tasks WHERE id > 70 ORDER BY id DESC'}
  - {id: sum, title: Points, type: stat, query: SELECT sum(points) AS points FROM tasks}
  - {id: line, title: Line, type: line, query: 'SELECT id, points FROM tasks WHERE id > 70 ORDER BY id'}
  - {id: bars, title: Bars, type: bar, query: 'SELECT id, points FROM tasks WHERE id > 70 ORDER BY id'}
  - {id: donut, title: Donut, type: donut, query: 'SELECT id % 3 AS part, sum(points) FROM tasks GROUP BY 1 ORDER BY 1'}
`

// feed plays frames to the page's own code, as a socket would bring them: rows
// leave, come and change in every panel. Frames that come at once are drawn
// together; with each, the page's clock leaps ahead of every one, so that each is
// drawn.
const feed = `
	window.sockets = [];
	const Plain = WebSocket;
	window.WebSocket = class extends Plain {
		constructor(...a) { super(...a); sockets.push(this); if (sockets.length > 1) sockets.shift(); this.addEventListener("message", (e) => { const m = JSON.parse(e.data); if (m.cursor) window.cursor = m.cursor; }) }
	};
	window.cursor = null; window.first = 71; window.last = 100; window.n = 0;
	let leap = 0;
	const time = performance.now.bind(performance);
	performance.now = () => time() + leap;
	window.feed = async (frames, each) => {
		window.cursor ??= document.body.dataset.cursor;
		const key = (id) => JSON.stringify([String(id)]), text = () => String(n % 1000);
		for (let i = 0; i < frames; i++) {
			n++;
			const gone = key(first), come = ++last, some = key(first + 15), next = "week:" + n;
			first++;
			const ends = (at) => [["-", gone], ["+", at, [key(come), String(come), text()]], ["=", some, { 1: text() }]];
			const panels = {
				list: { ops: [["-", gone], ["+", 0, [key(come), String(come), "task " + come, text()]], ["=", some, { 1: "changed by frame " + n + " of this page", 2: text() }]] },
				sum: { columns: [{ name: "points", type: "int8" }], rows: [["[]", text()]] },
				line: { ops: ends(29) }, bars: { ops: ends(29) },
				donut: { columns: [{ name: "part", type: "int4" }, { name: "sum", type: "int8" }], rows: [0, 1, 2].map((p) => [key(p), String(p), text()]) },
			};
			if (each) leap += 50;
			sockets.at(-1).onmessage({ data: JSON.stringify({ type: "delta", page: "/d/week", from: cursor, cursor: next, at: new Date().toISOString(), panels }) });
			window.cursor = next;
			if (i % 50 === 49) await new Promise(requestAnimationFrame);
		}
		window.fed = n;
	};`

// A page on a TV: thousands of frames later it holds no more than before. What is
// bounded is filled first: the memory of changes, the last frames, the tape.
func testWeek(t *testing.T, b *browser) {
	server, _ := serve(t, tasks, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"week.yaml": weekPage}))
	w := b.tab(t)
	w.before(feed)
	w.watch(server.URL + "d/week")
	w.until("the charts", `document.querySelectorAll("canvas").length >= 3`)
	play := func(frames int, each bool) {
		t.Helper()
		w.run(fmt.Sprintf(`window.goal = n + %d; void feed(%[1]d, %t)`, frames, each))
		// 700 frames that are drawn take 10 s alone, and beside the other tests on two cores over a minute.
		w.within(4*time.Minute, fmt.Sprintf("%d frames", frames), `window.fed === goal`)
		if got := ask[string](w, `document.querySelector('[data-panel="list"] tbody tr').cells[0].innerText`); got != ask[string](w, `last.toLocaleString("en-US").replace(",", "")`) {
			t.Fatalf("the newest row is %s", got)
		}
	}
	play(2000, false)
	play(200, true)
	early := w.usage()
	play(2000, false)
	play(700, true)
	late := w.usage()
	t.Logf("%v became %v", early, late)
	if late.nodes > early.nodes+150 || late.listeners > early.listeners+5 { // what fades is taken out when the browser likes
		t.Errorf("%d nodes and %d listeners became %d and %d", early.nodes, early.listeners, late.nodes, late.listeners)
	}
	if grown := late.bytes() - early.bytes(); grown > 30_000 { // tables that remember nodes and rows grow and shrink by up to 20,000; an object a frame would be 100,000
		t.Errorf("the page holds %d bytes more than 2,700 frames before; by kind, %v became %v", grown, early.held, late.held)
	}
	w.stayed()
}
