package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	requests "github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// late keeps back what comes from elsewhere: answers to requests whose URL
// window.hold matches, until window.release is called; display frames while
// window.still is set, until they are called by hand; and it counts streams,
// which are refused while window.refuse is set.
const late = `
	const get = window.fetch, frame = window.requestAnimationFrame, Stream = window.EventSource, waiting = [];
	window.fetch = async (...asked) => {
		const answer = await get(...asked);
		if (window.hold?.test(decodeURIComponent(asked[0]))) await new Promise((go) => waiting.push(go));
		return answer;
	};
	window.held = () => waiting.length;
	window.release = () => { window.hold = null; for (const go of waiting.splice(0)) go() };
	window.frames = [];
	window.requestAnimationFrame = (f) => window.still ? window.frames.push(f) : frame(f);
	window.streams = [];
	window.refuse = location.hash !== "";
	window.EventSource = class extends Stream { constructor(url) { super(window.refuse ? "/healthz" : url); window.streams.push(this) } };`

// What comes from the server and what readers do may come in any order: the
// newest wish is what counts, and nothing is left as it was for good.
func testOtherOrders(t *testing.T, b *browser) {
	server, db := serve(t, sales, "--watch", "public.*")
	for name, test := range map[string]func(*tab){
		"filter":      testFilterAnswersCross,
		"menus":       testMenuOfTwoButtons,
		"columns":     testColumnCarriedMeanwhile,
		"open row":    testRowLosesItsPlace,
		"row refused": func(w *tab) { testRowIsRefusedOnce(w, server.URL) },
		"times": func(w *tab) {
			testTimesOfWhatWaited(w, func() { db.Exec(w.T, `UPDATE sales SET total = total + 1 WHERE id = 450`) })
		},
		"code is late": func(w *tab) { testCodeComesLate(w, server.URL) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := b.tab(t)
			w.before(late)
			if !strings.HasPrefix(name, "code") {
				w.watch(server.URL + "t/public.sales")
				w.until("the page's own code", `!!document.querySelector(".filter")`)
			}
			test(w)
		})
	}
}

// Whether a filter is understood is asked twice; the first answer comes last.
func testFilterAnswersCross(w *tab) {
	option := func(name string) string {
		return `[...document.querySelectorAll("#filter-menu label")].find((l) => l.innerText === ` + quoted(name) + `)`
	}
	w.clickOn(`document.querySelector('.choice[aria-label="Filter stage"]')`, 0)
	w.run(`window.hold = /stage\.is\.paid/`)
	w.clickOn(option("paid"), 0)
	w.until("the first answer", `held() === 1`)
	w.clickOn(option("shipped"), 0)
	w.asks("where=stage.in.paid,shipped")
	w.run(`release()`)
	w.asks("where=stage.in.paid,shipped")
	w.until("both stages", `new Set(`+column("stage")+`).size === 2`)
	w.asks("where=stage.in.paid,shipped")
	w.stayed()
}

// A menu that two buttons share goes from one to the other: so does what is
// said of it. A document's tree does the same.
func testMenuOfTwoButtons(w *tab) {
	operator := func(name string) string {
		return `document.querySelector('input[aria-label="Filter ` + name + `"]').previousElementSibling`
	}
	for _, pair := range [][2]string{
		{operator("id"), operator("total")},
		{`document.querySelectorAll("tbody button.tree")[4]`, `document.querySelectorAll("tbody button.tree")[0]`},
	} {
		w.clickOn(pair[0], 0)
		w.until("an open one", pair[0]+`.ariaExpanded === "true"`)
		w.clickOn(pair[1], 0)
		w.until("the other one open", pair[1]+`.ariaExpanded === "true"`)
		if got := ask[string](w, pair[0]+`.ariaExpanded`); got != "false" {
			w.Errorf("what opened elsewhere is still said to be open here: %s", got)
		}
		w.do("close it", pressed(kb.Escape))
		w.until("none open", `!document.querySelector(":popover-open") && `+pair[1]+`.ariaExpanded === "false" && `+pair[1]+` === document.activeElement`)
	}
}

// The server describes the page after one change while its reader is in the
// middle of the next.
func testColumnCarriedMeanwhile(w *tab) {
	line := func(name string) string { return `document.querySelector('.columns [data-name="` + name + `"]')` }
	w.clickOn(`document.querySelector("[data-columns-button]")`, 0)
	w.run(`window.hold = /api\/v1\/page/`)
	w.run(line("gift") + `.querySelector("input").focus()`)
	w.do("move it up", chromedp.KeyEvent(kb.ArrowUp, chromedp.KeyModifiers(chromedp.ModifierAlt)))
	w.until("the answer", `held() === 1`)
	at := ask[[]float64](w, `[`+line("note")+`.querySelector(".handle"), `+line("stage")+`].map((n) => n.getBoundingClientRect()).flatMap((r) => [r.x + r.width / 2, r.y + r.height / 2])`)
	w.mouse(chromedp.MouseMoved, at[0], at[1], 0, 0)
	w.mouse(chromedp.MousePressed, at[0], at[1], 1, 1)
	w.mouse(chromedp.MouseMoved, at[0], at[1]-8, 1, 0)
	w.run(`release()`)
	w.until("the page to be described", `document.querySelector("[data-save=csv]").href.includes("columns=")`)
	w.mouse(chromedp.MouseMoved, at[0], at[3], 1, 0)
	w.mouse(chromedp.MouseReleased, at[0], at[3], 0, 1)
	w.asks("columns=id,note,stage,total,gift,buyer_id,data,placed_at")
	w.until("each column once", `[...document.querySelectorAll(".columns label")].map((l) => l.dataset.name).join() === "id,note,stage,total,gift,buyer_id,data,placed_at"`)
	w.stayed()
}

// A stream that lost its place is replaced, not kept beside the new one.
func testRowLosesItsPlace(w *tab) {
	w.clickOn(`document.querySelectorAll("tbody tr")[2].cells[1]`, 0)
	w.until("the row", title+` === "sales 448" && streams.length === 1`)
	w.run(`streams[0].onmessage({ data: JSON.stringify({ type: "delta", page: "", from: "no", cursor: "x", at: "2026-11-20T10:00:00Z", panels: {} }) })`)
	w.until("another stream", `streams.length === 2 && streams[1].readyState === EventSource.OPEN`)
	if n := ask[int](w, `streams.filter((s) => s.readyState !== EventSource.CLOSED).length`); n != 1 {
		w.Errorf("an open row has %d streams", n)
	}
	w.stayed()
}

// A server that refuses a row's stream for a moment does not say that there is
// no such row.
func testRowIsRefusedOnce(w *tab, url string) {
	w.allow(`EventSource's response`)
	w.open("about:blank")
	w.open(url + "t/public.sales#row=" + `%5B%223%22%5D`) // not among the newest
	w.until("a stream that is refused", `streams[0]?.readyState === EventSource.CLOSED`)
	w.run(`window.refuse = false`)
	w.until("the row all the same", field("id")+` === "3"`)
}

// How long a frame took says nothing where it waited for its reader.
func testTimesOfWhatWaited(w *tab, change func()) {
	newest := `document.querySelector("[data-d=frames] tr")?.lastElementChild.innerText`
	n := 450
	step := func() string {
		n++
		change()
		return column("total") + `[0] === ` + quoted(fmt.Sprintf("%d.00", n))
	}
	w.press("l")
	// A first status that was late makes the database's clock look slow, until one is quicker.
	for began, measured := time.Now(), false; !measured; { // statuses come every five seconds
		w.until("a frame whose time is told", step()+` && / m?s$|clocks differ$/.test(`+newest+`)`)
		if measured = ask[bool](w, `/ m?s$/.test(`+newest+`)`); !measured && time.Since(began) > patience {
			w.Fatalf("no frame of %d is measured", n-450)
		}
	}
	w.run(`window.still = true`)
	w.until("a frame that is drawn", step()+` && frames.length > 0`)
	w.run(`for (let i = 0; i < 2; i++) document.dispatchEvent(new Event("visibilitychange")); window.still = false; for (const f of frames.splice(0)) f(performance.now())`)
	w.until("that it was out of sight", newest+` === "– in background"`)
	w.do("close what stands behind Live", pressed(kb.Escape))
	w.press(" ")
	w.until("a pause", `document.querySelector("#live").dataset.state === "paused"`)
	change()
	w.until("what waits", `document.querySelector("#pill").innerText.includes("1 changed")`)
	w.clickOn(head("total"), 0)
	w.until("the other order", column("id")+`[0] === "1"`)
	w.press("l")
	w.until("that it waited", `[...document.querySelectorAll("[data-d=frames] tr")].some((tr) => tr.lastElementChild.innerText === "– while paused")`)
	w.stayed()
}

// The code of a table's page is loaded by itself. The page may have gone on
// before it comes; and if it does not come, it is not left without it.
func testCodeComesLate(w *tab, url string) {
	paused := make(chan requests.RequestID, 8)
	if err := chromedp.Listen(w.ctx, func(event any) {
		if e, ok := event.(*requests.EventRequestPaused); ok {
			paused <- e.RequestID
		}
	}); err != nil {
		w.Fatal(err)
	}
	if _, err := chromedp.Call(w.ctx, requests.Enable, requests.EnableParams{Patterns: []*requests.RequestPattern{{URLPattern: "*/tablepage-*"}}}); err != nil {
		w.Fatal(err)
	}
	next := func() requests.RequestID {
		w.Helper()
		select {
		case id := <-paused:
			return id
		case <-time.After(patience):
			w.Fatal("the code was not asked for")
			return ""
		}
	}
	proceed := func(id requests.RequestID) {
		w.Helper()
		if _, err := chromedp.Call(w.ctx, requests.ContinueRequest, requests.ContinueRequestParams{RequestID: id}); err != nil {
			w.Fatal(err)
		}
	}
	w.allow(`ERR_FAILED`)
	w.allow(`Failed to fetch dynamically imported module`)
	w.open(url + "t/public.sales")
	if _, err := chromedp.Call(w.ctx, requests.FailRequest, requests.FailRequestParams{RequestID: next(), ErrorReason: network.ErrorReasonFailed}); err != nil {
		w.Fatal(err)
	}
	id := next() // loaded again
	w.live()
	w.run(`history.pushState(null, "", "?page=2"); history.pushState(null, "", "?page=3"); history.back()`)
	w.until("the page before", column("id")+`[0] === "250" && performance.getEntriesByType("resource").some((e) => /api\/v1\/page/.test(e.name))`)
	if ask[bool](w, `!!document.querySelector(".filter")`) {
		w.Error("the code was there already")
	}
	proceed(id)
	w.until("the page's own code", `!!document.querySelector(".filter")`)
	w.until("rows that are counted on", `document.querySelector(".ledger-foot").innerText.replace(/\s+/g, " ").includes("201–400 of 450 rows")`)
	w.says("a part of it had not come")
}
