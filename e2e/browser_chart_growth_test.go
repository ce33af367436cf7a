package e2e_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// eight has as many charts as a full page, three lines of 300 points each.
func eight() string {
	text := "title: Eight\npanels:\n"
	for i := range 8 {
		typ := []string{"line", "area", "bar"}[i%3]
		text += fmt.Sprintf("  - {id: c%d, type: %s, width: 3, series: host, key: [at, host], limit: 2000, query: \"SELECT at, host, ms + %d AS ms FROM load ORDER BY 1, 2\"}\n", i, typ, i)
	}
	return text
}

// A week of frames must leave nothing behind: neither elements nor listeners nor
// memory. What a frame costs is told, not judged, as others use the machine.
func testChartsDoNotGrow(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE load (at timestamptz, host text, ms numeric, PRIMARY KEY (at, host));
		INSERT INTO load SELECT t, h, 50 + 40 * sin(extract(epoch FROM t) / 3000) FROM generate_series(now() - interval '299 min', now(), '1 min') t, unnest('{a,b,c}'::text[]) h`,
		"--dashboards", dashboards(t, map[string]string{"eight.yaml": eight()}))
	w := b.tab(t)
	w.size(1440, 900)
	w.watch(server.URL + "d/eight")
	w.until("the canvases", `document.querySelectorAll(".u-over").length === 8`)
	if _, err := chromedp.Call(w.ctx, performance.Enable, performance.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	conn := db.Conn(t)
	frames := func(n int) {
		t.Helper()
		for i := range n { // one point comes, one goes, as in a stream
			value := fmt.Sprint(n*1000 + i)
			if _, err := conn.Exec(t.Context(), `WITH gone AS (DELETE FROM load WHERE at = (SELECT min(at) FROM load))
				INSERT INTO load SELECT max(at) + interval '1 min', h, $1::numeric FROM load, unnest('{a,b,c}'::text[]) h GROUP BY h`, value); err != nil {
				t.Fatal(err)
			}
			w.until("frame "+value, `document.querySelector('[data-panel="c0"] [data-series="a"] b').innerText.replace(",", "").startsWith("`+value+`")`)
		}
	}
	type state struct{ nodes, listeners, heap, busy, script float64 }
	measure := func() (s state) {
		t.Helper()
		// Until the last frame's paint was heard of, which takes a listener for that long.
		w.run(`window.painted = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = true }))`)
		w.until("the last frame is painted", `window.painted`)
		if _, err := chromedp.Call(w.ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		dom, err := chromedp.Call(w.ctx, memory.GetDOMCounters, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		heap, err := chromedp.Call(w.ctx, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := chromedp.Call(w.ctx, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		s = state{nodes: float64(dom.Nodes), listeners: float64(dom.JsEventListeners), heap: heap.UsedSize}
		for _, m := range metrics.Metrics {
			switch m.Name {
			case "TaskDuration":
				s.busy = m.Value
			case "ScriptDuration":
				s.script = m.Value
			}
		}
		return s
	}
	frames(20)
	w.run(`for (const b of document.querySelectorAll('[data-series="b"]')) { b.click(); b.click() }`)
	before := measure()
	const n = 60
	frames(n)
	after := measure()
	t.Logf("a frame for 8 charts of 3 × 300 points: %.1f ms of the page's thread, %.1f ms of it script (with what the test asks); %.1f MB of memory, %+.2f since %d frames ago",
		(after.busy-before.busy)*1000/n, (after.script-before.script)*1000/n, after.heap/1e6, (after.heap-before.heap)/1e6, n)
	if after.listeners != before.listeners || after.nodes > before.nodes+8 { // a wash may be under way
		t.Errorf("%v elements and %v listeners became %v and %v", before.nodes, before.listeners, after.nodes, after.listeners)
	}
	if grown := after.heap - before.heap; grown > 1.5e6 {
		t.Errorf("the memory in use grew by %.1f MB in %d frames", grown/1e6, n)
	}
	w.stayed()
}
