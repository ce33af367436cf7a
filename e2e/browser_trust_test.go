package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// before runs a script in every page that the tab loads, before the page's own.
func (w *tab) before(script string) {
	w.Helper()
	if _, err := chromedp.Call(w.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		w.Fatalf("add a script: %v", err)
	}
}

func (w *tab) press(key string) {
	w.Helper()
	w.do("press "+key, pressed(key))
}

// work serves the tasks with their dashboard.
func work(t *testing.T, args ...string) (*process, *pgtest.DB) {
	t.Helper()
	return serve(t, tasks, append([]string{"--dashboards", dashboards(t, map[string]string{"work.yaml": tasksPage})}, args...)...)
}

// What stands behind "Live": the word opens it, the keyboard too, and its
// figures are measured.
func testBehindLive(t *testing.T, b *browser) {
	server, db := work(t)
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	db.Exec(t, `UPDATE tasks SET points = points + 1 WHERE id < 4`)
	w.until("the change", cell(1, 2)+` === "1,000"`)
	w.until("the time in the control", `/^(< 1|\d+) ms$/.test(document.querySelector("[data-note]").innerText)`)
	w.click(".live-state")
	w.until("a measured time", `/^(< 1|\d+) ms$/.test(document.querySelector("[data-d=last]")?.innerText)`)
	for what, js := range map[string]string{
		"it says up to when all is shown":  `/Every commit up to \d\d:\d\d:\d\d is on this screen/.test(details.innerText)`,
		"it says what is measured":         `/database’s clock at the snapshot that has a change until it was painted here/.test(details.innerText)`,
		"the frame's panels and rows":      `/Tasks, Points|Points, Tasks/.test(document.querySelector(".frames tbody tr").innerText) && /\b4\b/.test(document.querySelector(".frames tbody tr").innerText)`,
		"of few frames no 95th is told":    `document.querySelector("[data-d=p95]").innerText === "–" && /of (one frame|\d+ frames); 95 of 100 is told of 20 or more/.test(details.innerText)`,
		"read unasked":                     `/every 30 s/.test(document.querySelector("[data-d=safety]").innerText)`,
		"the reader is told that it opens": `document.querySelector(".live-state").getAttribute("aria-expanded") === "true" && document.activeElement === document.querySelector("#details h2")`,
		"it fits the window":               `(() => { const r = details.getBoundingClientRect(); return r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight })()`,
	} {
		if !ask[bool](w, js) {
			t.Errorf("%s: not so; it says\n%s", what, ask[string](w, `details.innerText`))
		}
	}
	w.press("\x1b")
	w.until("it to be closed and the focus where it was", `!details.matches(":popover-open") && document.activeElement === document.querySelector(".live-state")`)
	w.press("l")
	w.until("it to be opened by its key", `details.matches(":popover-open")`)
	w.press("\x1b")
	w.until("each panel's age", `[...document.querySelectorAll(".panel .age")].every((n) => n.innerText === "now")`)
	w.press(".")
	w.until("a paused page to grow old", `[...document.querySelectorAll(".panel .age.old")].length === 2 && /^\d+ s$/.test(document.querySelector(".age").innerText)`)
	w.press(".")
	w.until("the present", `document.querySelector(".age").innerText === "now"`)
	// Left for another page and come back to as it was.
	w.run(`dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }))`)
	db.Exec(t, `UPDATE tasks SET title = 'meanwhile' WHERE id = 1`)
	w.run(`dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
	w.until("what happened meanwhile", cell(1, 1)+` === "meanwhile"`)
	w.live()
	w.stayed()
}

// A listener hears how much changed now and then, and each state once; never
// what stands in the cells.
func testListeners(t *testing.T, b *browser) {
	server, db := work(t)
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	w.run(`window.said = []; new MutationObserver(() => said.push(say.textContent)).observe(say, { childList: true, characterData: true, subtree: true })`)
	for i := range 5 {
		db.Exec(t, fmt.Sprintf(`UPDATE tasks SET title = 'round %d' WHERE id < 11`, i))
		w.until("the change", cell(1, 1)+fmt.Sprintf(` === "round %d"`, i))
	}
	w.until("a summary", `said.length > 0`)
	w.press(".")
	w.until("the next state", `said.at(-1).startsWith("Paused")`)
	got := ask[[]string](w, `said`)
	if len(got) != 2 || !strings.HasPrefix(got[0], "Work: ") || !strings.HasSuffix(got[0], " rows changed, live") {
		t.Errorf("a listener heard %q", got)
	}
	if n := ask[int](w, `document.querySelectorAll("[aria-live]:not([aria-live=off]), table [role=status], [role=alert]").length`); n != 0 {
		t.Errorf("%d more places talk", n)
	}
}

// An error in a query shows the place, as well in the first paint as in a page
// that was open before, and both alike.
func testQueryError(t *testing.T, b *browser) {
	server, db := work(t)
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	db.Exec(t, `ALTER TABLE tasks RENAME points TO score`)
	db.Exec(t, `UPDATE tasks SET score = score + 1`)
	problem := `document.querySelector('[data-panel="sum"] [data-problem]').innerText`
	w.until("the error", problem+`.includes("points")`)
	w.until("its place", `document.querySelector('[data-panel="sum"] .err')?.innerText === "points" && `+problem+`.includes("work.yaml, line 12, column 23")`)
	if !ask[bool](w, `/^stopped at \d\d:\d\d:\d\d$/.test(document.querySelector('[data-panel="sum"] .age').innerText) && document.querySelector('[data-panel="sum"] [data-value]').innerText !== ""`) {
		t.Error("the panel does not say since when it stands, or lost its number")
	}
	w.keep("query error")
	later := ask[string](w, problem)

	first := b.tab(t)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(first.ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	first.open(server.URL + "d/work")
	if got := ask[string](first, problem); got != later {
		t.Errorf("a first paint says\n%s\nand a page that was open\n%s", got, later)
	}
	if got := ask[string](first, `document.querySelector('[data-panel="sum"] .code').textContent`); got != ask[string](w, `document.querySelector('[data-panel="sum"] .code').textContent`) {
		t.Errorf("a first paint shows %q", got)
	}
	db.Exec(t, `ALTER TABLE tasks RENAME score TO points`)
	db.Exec(t, `UPDATE tasks SET points = points + 1`)
	w.until("the error to be over", `document.querySelector('[data-panel="sum"] [data-problem]').hidden && document.querySelector('[data-panel="sum"]').dataset.state === ""`)
	w.stayed()
}

// What the role may not read says which statement lets it, and comes by itself
// once that was run.
func testNotForThisRole(t *testing.T, b *browser) {
	folder := dashboards(t, map[string]string{"pay.yaml": "title: Pay\npanels:\n  - {id: a, title: Salaries, type: table, query: SELECT id FROM hr.salaries}\n"})
	db := pgtest.New(t)
	db.Script(t, tasks+`CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int PRIMARY KEY); INSERT INTO hr.salaries VALUES (7)`)
	server := start(t, binary(t), nil, "serve", "--database-url", reader(t, db), "--listen", "127.0.0.1:0", "--watch", "none", "--dashboards", folder)
	w, table := b.tab(t), b.tab(t)
	w.open(server.URL + "d/pay")
	table.allow(`status of 403`)
	table.open(server.URL + "t/hr.salaries")
	grant := "GRANT SELECT ON hr.salaries TO"
	w.says(grant)
	table.says(grant)
	sql := ask[string](w, `document.querySelector(".copyable pre").innerText`)
	if got := ask[string](table, `document.querySelector(".copyable pre").innerText`); got != sql {
		t.Errorf("the table's page says %q, the panel %q", got, sql)
	}
	db.Script(t, sql)
	w.until("the row", `[...document.querySelectorAll("td")].some((td) => td.innerText === "7")`)
	table.until("the row", `[...document.querySelectorAll("td")].some((td) => td.innerText === "7")`)
	// And goes again: what may not be read any more is not shown as it last was, on pages that are connected.
	for _, w := range []*tab{w, table} {
		w.until("the page to go by the clock", `document.querySelector("#live").dataset.state === "timed"`)
	}
	db.Script(t, strings.NewReplacer("GRANT", "REVOKE", " TO ", " FROM ").Replace(sql))
	for _, w := range []*tab{w, table} {
		w.until("the row to go", `![...document.querySelectorAll("td")].some((td) => td.innerText === "7")`)
		w.says(grant)
	}
}

// old makes a page think that its code is that of an earlier build, counts how
// often it was loaded, and leaves nothing to chance.
const old = `
	sessionStorage.loads = Number(sessionStorage.loads ?? 0) + 1;
	Math.random = () => 0;
	window.heard = [];
	const Plain = WebSocket;
	window.WebSocket = class extends Plain { constructor(...a) { super(...a); this.addEventListener("message", (e) => heard.push({ at: Date.now(), type: JSON.parse(e.data).type })) } };
	document.addEventListener("readystatechange", () => { if (document.readyState === "interactive" && (%s)) { document.body.dataset.version = "0000"; %s } });`

// A new build is picked up once, when the reader has nothing in hand, with a
// word about it.
func testDeploy(t *testing.T, b *browser) {
	server, _ := work(t)
	w := b.tab(t)
	w.before(fmt.Sprintf(old, `sessionStorage.loads === "1"`, `keys.showModal()`))
	w.size(1440, 400)
	w.open(server.URL + "d/work")
	w.until("the news", `heard.some((m) => m.type === "reload" && Date.now() - m.at > 1200)`)
	if ask[string](w, `sessionStorage.loads`) != "1" {
		t.Fatal("the page was loaded again in the middle of something")
	}
	w.run(`scrollTo(0, 200); keys.close()`)
	w.until("the new code", `sessionStorage.loads === "2" && document.body.dataset.version !== "0000"`)
	w.says("rowcast was updated")
	w.live()
	if y := ask[int](w, `scrollY`); y != 200 {
		t.Errorf("the page stands at %d after the update, was at 200", y)
	}
	if ask[bool](w, `heard.some((m) => m.type === "reload")`) {
		t.Error("the new code is told of newer code")
	}

	// A server that goes on saying so, as while two builds answer in turn.
	loop := b.tab(t)
	loop.before(fmt.Sprintf(old, `true`, ``))
	loop.open(server.URL + "d/work")
	loop.until("the news after the reload", `sessionStorage.loads === "2" && heard.some((m) => m.type === "reload" && Date.now() - m.at > 1200)`)
	loop.live()
	if n := ask[string](loop, `sessionStorage.loads`); n != "2" {
		t.Errorf("the page was loaded %s times", n)
	}
}

// The wall: nothing but the panels, awake, without a pointer, and when nothing
// comes any more that is seen from far away.
func testWall(t *testing.T, b *browser) {
	server, _ := work(t)
	w := b.tab(t)
	w.allow(`WebSocket connection to|ERR_CONNECTION`)
	w.before(`window.locks = 0; Object.defineProperty(navigator, "wakeLock", { value: { request: async () => { locks++; window.lock = { released: false }; return lock } } })`)
	w.size(1920, 1080)
	w.watch(server.URL + "d/work?kiosk")
	seen := func(selector string) string {
		return fmt.Sprintf(`[...document.querySelectorAll(%s)].some((n) => n.checkVisibility() && n.getClientRects().length)`, quoted(selector))
	}
	if ask[bool](w, seen(".topbar, .vars, .live-btn, .icon-btn")) || !ask[bool](w, seen(".panel")) {
		t.Error("a wall shows more than its panels, or less")
	}
	if !ask[bool](w, `document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth`) {
		t.Errorf("a wall scrolls: %s", ask[string](w, `[document.documentElement.scrollWidth, document.documentElement.scrollHeight].join(" by ")`))
	}
	if size := ask[float64](w, `Math.min(...[...document.querySelectorAll(".panel h2, .panel td, .panel th")].map((n) => parseFloat(getComputedStyle(n).fontSize)))`); size < 18 {
		t.Errorf("the smallest text is %v of 1080 px high", size)
	}
	w.until("the screen to be kept awake", `locks === 1`)
	w.run(`lock.released = true; document.dispatchEvent(new Event("visibilitychange"))`)
	w.until("it to be kept awake again", `locks === 2`)
	w.until("the pointer to go", `getComputedStyle(document.body).cursor === "none"`)
	w.run(`dispatchEvent(new PointerEvent("pointermove"))`)
	w.until("it to come back", `getComputedStyle(document.body).cursor !== "none"`)
	server.finish(t)
	w.until("the trouble", `document.querySelector("#live").dataset.state === "stale" && !banner.hidden`)
	if !ask[bool](w, `parseFloat(getComputedStyle(banner).fontSize) >= 30 && parseFloat(getComputedStyle(document.body, "::after").borderTopWidth) >= 8`) {
		t.Error("a stale wall is not seen from far away")
	}
	w.keep("stale wall")
	w.press("w")
	w.until("the page without the wall, or the browser's word that nobody answers", `!location.search.includes("kiosk")`)
}

// A page stands in the frames of those who were named, goes live there, and
// nowhere else.
func testFrames(t *testing.T, b *browser) {
	var embedded string
	host := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<!doctype html><title>Wiki</title><iframe width="800" height="500" src="%s"></iframe>`, embedded)
	}))
	t.Cleanup(host.Close)
	for _, named := range []bool{true, false} {
		args := []string{}
		if named {
			args = []string{"--embed", host.URL}
		}
		server, _ := work(t, args...)
		embedded = server.URL + "d/work?embed"
		w := b.tab(t)
		w.allow(`frame-ancestors|X-Frame-Options|Refused to (display|frame)|Framing`)
		w.open(host.URL)
		if !named {
			w.until("the refusal", `document.querySelector("iframe")`)
			if got := w.inFrame(`document.querySelector("#live") ? "a page" : ""`); got != "" {
				t.Error("a page stands in a frame of somebody who was not named")
			}
			continue
		}
		w.until("a live page in the frame", `true`)
		deadline := time.Now().Add(patience)
		for w.inFrame(`document.querySelector("#live")?.dataset.state ?? ""`) != "live" {
			if time.Now().After(deadline) {
				t.Fatal("the page in the frame is not live")
			}
			time.Sleep(30 * time.Millisecond)
		}
		if got := w.inFrame(`[...document.querySelectorAll(".topbar, .vars, .live-btn")].filter((n) => n.checkVisibility()).length + " " + document.querySelector(".live-state").checkVisibility()`); got != "0 true" {
			t.Errorf("in a frame: chrome and the live mark are %q", got)
		}
		w.keep("frame")
	}
}

// inFrame evaluates an expression in the page's only frame; "" where that is no
// page that may be asked.
func (w *tab) inFrame(js string) string {
	w.Helper()
	tree, err := chromedp.Call(w.ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil || len(tree.FrameTree.ChildFrames) != 1 {
		w.Fatalf("the page has no frame: %v", err)
	}
	world, err := chromedp.Call(w.ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
	if err != nil {
		return ""
	}
	byValue := true
	answer, err := chromedp.Call(w.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: "String(" + js + ")", ContextID: world.ExecutionContextID, ReturnByValue: &byValue})
	if err != nil || answer.Result == nil {
		return ""
	}
	return strings.Trim(string(answer.Result.Value), `"`)
}

// The palette finds by words in any order: pages, this page's panels, actions.
// The sheet lists the same keys that work.
func testPalette(t *testing.T, b *browser) {
	server, _ := work(t)
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	find := func(words string) {
		t.Helper()
		w.run(`dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true }))`)
		w.until("the palette", `palette.open`)
		w.run(`const i = document.querySelector("#palette input"); i.value = ` + quoted(words) + `; i.dispatchEvent(new Event("input"))`)
	}
	find("zzz")
	w.until("a word that nothing is found", `!document.querySelector("#palette .none").hidden`)
	w.press("\x1b")
	w.until("it to be closed", `!palette.open`)
	find("nts poi")
	w.until("the panel", `document.querySelector('#palette [aria-selected="true"]').innerText.startsWith("Points")`)
	w.press("\r")
	w.until("the panel to have the focus", `document.activeElement.id === "panel-sum"`)
	find("points")
	if n := ask[int](w, `document.querySelectorAll("#palette .item[data-href*='#panel-sum']").length`); n != 0 {
		t.Errorf("this page's panel is listed again, %d times", n)
	}
	w.press("\x1b")
	find("resume pause")
	w.press("\r")
	w.until("the action", `document.querySelector("#live").dataset.state === "paused"`)
	w.press(" ")
	w.live()
	w.press("]")
	w.until("the next panel", `document.activeElement.id === "panel-list"`)
	w.press("?")
	w.until("the keys", `keys.open`)
	text := ask[string](w, `keys.innerText.replace(/\s+/g, " ")`)
	for _, want := range []string{"Ctrl K", "Pause or resume this page Space", "How live it is, and why L", "Next panel ]", "Close Esc"} {
		if !strings.Contains(text, want) {
			t.Errorf("the sheet lacks %q: %s", want, text)
		}
	}
	w.press("\x1b")
	find("tasks public")
	w.press("\r")
	w.until("the table's page", `location.pathname === "/t/public.tasks"`)
	w.live()
	find("work points")
	w.until("the panel of another page", `/^Points\s+Work$/.test(document.querySelector('#palette [aria-selected="true"]')?.innerText.trim())`)
	w.press("\r")
	w.until("its page, at the panel", `location.pathname + location.hash === "/d/work#panel-sum" && !!document.querySelector("#panel-sum:target")`)
}

// Paper shows the rows and nothing to click on, in light colours, and says once
// what it is.
func testPaper(t *testing.T, b *browser) {
	server, db := work(t, "--watch", "public.*")
	db.Script(t, `CREATE TABLE wide AS SELECT n AS id, n::text AS a_rather_long_name, n AS b_rather_long_name, n AS c_rather_long_name, n AS d_rather_long_name,
		n AS e_rather_long_name, n AS f_rather_long_name, n AS g_rather_long_name, n AS h_rather_long_name, n AS last_of_them FROM generate_series(1, 100) n`)
	for _, at := range []string{"d/work", "t/public.tasks", "t/public.wide"} {
		w := b.tab(t)
		w.size(700, 900)
		w.media("prefers-color-scheme", "dark")
		w.open(server.URL + at) // the last one is new, and without a bell
		w.until("the page to run", `["live", "timed"].includes(document.querySelector("#live").dataset.state)`)
		w.run(`dispatchEvent(new Event("beforeprint"))`)
		if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
			t.Fatal(err)
		}
		for what, js := range map[string]string{
			"chrome is away":         `![...document.querySelectorAll(".topbar, .live, .vars, button, .banner")].some((n) => n.checkVisibility())`,
			"it says what it is":     `document.querySelector(".paper").checkVisibility() && document.querySelector(".paper").innerText.includes(location.href) && /\d{4}, \d\d:\d\d:\d\d/.test(document.querySelector(".paper").innerText)`,
			"colours are light":      `getComputedStyle(document.querySelector("td")).color.match(/[\d.]+/)[0] < 0.5`,
			"tables are whole":       `[...document.querySelectorAll("tbody tr")].length === 100 && [...document.querySelectorAll("tbody tr")].every((tr) => tr.checkVisibility()) && document.querySelector(".scroll").scrollHeight <= document.querySelector(".scroll").clientHeight + 1`,
			"it says what is cut":    `location.pathname !== "/t/public.wide" || /^And \d more columns: .*last_of_them\.$/.test([...document.querySelectorAll("[data-missing]")].find((n) => n.checkVisibility()).innerText) && ![...document.querySelectorAll("th")].at(-1).checkVisibility()`,
			"nothing is cut unsaid":  `[...document.querySelectorAll("th")].filter((n) => n.checkVisibility()).every((n) => n.getBoundingClientRect().right <= 700)`,
			"heads go over the page": `getComputedStyle(document.querySelector("thead")).display === "table-header-group"`,
		} {
			if !ask[bool](w, js) {
				t.Errorf("%s on paper: it is not so that %s", at, what)
			}
		}
	}
}

// The front page: what is typed narrows it at once, its lamp tells the truth,
// and a database with nothing in it says what to do.
func testIndex(t *testing.T, b *browser) {
	server, _ := work(t, "--watch", "none")
	w := b.tab(t)
	w.allow(`Failed to (fetch|load resource)|ERR_CONNECTION`)
	w.open(server.URL)
	w.until("the lamp", `document.querySelector("#known").dataset.state === "timed"`)
	w.run(`dispatchEvent(new KeyboardEvent("keydown", { key: "/" }))`)
	w.until("the field to have the focus", `document.activeElement.id === "find"`)
	w.do("type", pressed("s"), pressed("k"), pressed(" "), pressed("p"), pressed("o"), pressed("i"))
	w.until("the table by its name and a column", `[...document.querySelectorAll("[data-find]")].filter((n) => n.checkVisibility()).map((n) => n.dataset.find.split(" ")[0]).join() === "public.tasks"`)
	server.finish(t)
	w.until("the lamp to tell", `document.querySelector("#known").dataset.state === "offline"`)

	empty := pgtest.New(t)
	empty.Script(t, `CREATE SCHEMA hr`)
	first := start(t, binary(t), nil, "serve", "--database-url", reader(t, empty), "--listen", "127.0.0.1:0", "--dashboards", t.TempDir())
	w = b.tab(t)
	w.open(first.URL)
	w.says("It appears here as you save it")
	w.says("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_")
	w.keep("first run")
}
