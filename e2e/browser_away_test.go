//go:build unix

package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/proxy"
)

// absence is a way in which a page, its browser or its line is away for a while.
type absence struct {
	name string
	test func(*away)
	rare bool // left to the longer run
}

func absences() []absence {
	return []absence{
		{name: "machine-asleep", test: func(a *away) { a.asleep(11 * time.Second) }},
		{name: "machine-asleep-for-a-minute", test: func(a *away) { a.asleep(time.Minute) }, rare: true},
		{name: "tab-frozen", test: (*away).frozen},
		{name: "line-silent", test: (*away).silent},
		{name: "line-narrow", test: (*away).narrow},
		{name: "clock-wrong", test: (*away).clocks},
		{name: "there-and-back", test: (*away).back},
		{name: "twenty-tabs", test: (*away).tabs, rare: true},
		{name: "kept-by-the-browser", test: (*away).kept, rare: true},
		{name: "tab-hidden", test: (*away).hidden, rare: true},
		{name: "server-away", test: (*away).refused, rare: true},
	}
}

// away is one absence, on a server that all share.
type away struct {
	*testing.T
	b      *browser
	server *process
	db     *pgtest.DB
}

// Pages that were away come back right, and do not call live what is old. Two of
// the ways, one of them drawn by the seed; all of them where ROWCAST_FAULTS asks for a time
// or "away".
func testAway(t *testing.T, b *browser) {
	server, db := serve(t, parts, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sum.yaml": sumPage, "heavy.yaml": sumPage + heavyPanel}))
	r := rand.New(rand.NewPCG(seed(t), 8))
	plan := absences()
	r.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	asked := os.Getenv("ROWCAST_FAULTS")
	named := func(a absence) bool { return slices.Contains(strings.Split(asked, ","), a.name) }
	_, err := time.ParseDuration(cmp.Or(asked, "no"))
	switch {
	case slices.ContainsFunc(plan, named):
		plan = slices.DeleteFunc(plan, func(a absence) bool { return !named(a) })
	case err != nil && asked != "away":
		plan = slices.DeleteFunc(plan, func(a absence) bool { return a.rare })
		silent := slices.IndexFunc(plan, func(a absence) bool { return a.name == "line-silent" }) // the 8 s are promised, so they are looked at every time
		plan[0], plan[silent] = plan[silent], plan[0]
		plan = plan[:2]
	}
	for _, a := range plan {
		t.Run(a.name, func(t *testing.T) { a.test(&away{t, b, server, db}) })
	}
}

// claims notes what a page shows and what it calls itself, whenever it is drawn.
const claims = adds + `;
	window.claims = [];
	(function each() { claims.push([Date.now(), document.querySelector("#live").dataset.state, shownSum()]); if (claims.length > 5000) claims.shift(); requestAnimationFrame(each) })()`

// watch opens the page, and has it note its claims.
func (a *away) watch(w *tab, url string) { a.watchPage(w, url+"d/sum") }

func (a *away) watchPage(w *tab, page string) {
	a.Helper()
	w.watch(page)
	w.until("its number", `document.querySelector("[data-panel=sum] [data-value]").textContent !== ""`)
	w.run(claims)
}

// add changes the rows and returns their new sum.
func (a *away) add() (sum int) {
	a.Helper()
	if err := a.db.Conn(a).QueryRow(a.Context(), `WITH more AS (UPDATE parts SET v = v + 1 RETURNING v) SELECT sum(v)::int FROM more`).Scan(&sum); err != nil {
		a.Fatal(err)
	}
	return sum
}

// glance is how soon after it is back a page looks at its clock: it does so four
// times a second.
const glance = 300 * time.Millisecond

// isBack checks that a page which is there again since that moment was right
// soon, and called itself live only where it was.
func (a *away) isBack(w *tab, since time.Time, within time.Duration, sum int) {
	a.Helper()
	right := fmt.Sprintf(`document.querySelector("#live").dataset.state === "live" && shownSum() === %d && rowsSum() === %[1]d`, sum)
	w.within(within+10*time.Second, "a page that is right again", right)
	took := ask[float64](w, fmt.Sprintf(`claims.find(([at, state, n]) => at >= %d && state === "live" && n === %d)?.[0] ?? Date.now()`, since.UnixMilli(), sum)) - float64(since.UnixMilli())
	if took > float64(within.Milliseconds()) && !raceDetector {
		a.Errorf("it was right only after %.0f ms", took)
	} else {
		a.Logf("right after %.0f ms", took)
	}
	if lies := ask[[]string](w, fmt.Sprintf(`claims.filter(([at, state, n]) => at > %d && state === "live" && n !== %d).slice(0, 3).map(String)`, since.Add(glance).UnixMilli(), sum)); len(lies) > 0 {
		a.Errorf("back since %d it called old numbers live: %q, the sum is %d", since.UnixMilli(), lies, sum)
	}
	if wrong := ask[[]string](w, `wrong.slice(0, 5)`); len(wrong) > 0 {
		a.Errorf("the page showed what never was: %q", wrong)
	}
	w.stayed()
}

// givenUp is when the server lets go of who answers no ping, with what the machine
// and its wheel add.
const givenUp = 40 * time.Second

// asleep stops a whole browser in the middle, as a laptop that is shut does.
// What its line held meanwhile is no news. After a while the server has let go of it.
func (a *away) asleep(lasts time.Duration) {
	var cmd *exec.Cmd
	b := launch(a.T, chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd = c
	}))
	w := b.tab(a.T)
	w.allow(`WebSocket is closed before`) // what was on its way when it woke
	a.watch(w, a.server.URL)
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(-cmd.Process.Pid, s); err != nil {
			a.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	sum := 0
	for began := time.Now(); time.Since(began) < lasts; {
		sum = a.add()
		sleep(a.Context(), 500*time.Millisecond)
	}
	if lasts > givenUp {
		a.watched(0)
	}
	signal(syscall.SIGCONT)
	a.isBack(w, time.Now(), 3*time.Second, sum)
}

// frozen freezes a tab as browsers do with those that nobody looks at.
func (a *away) frozen() {
	w := a.b.tab(a.T)
	w.allow(`Page entered Back-Forward Cache`) // the browser ends its socket
	a.watch(w, a.server.URL)
	be := func(state page.SetWebLifecycleStateState) {
		if _, err := chromedp.Call(w.ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state}); err != nil {
			a.Fatal(err)
		}
	}
	be(page.SetWebLifecycleStateStateFrozen)
	sum := a.add()
	sleep(a.Context(), 9*time.Second)
	be(page.SetWebLifecycleStateStateActive)
	a.isBack(w, time.Now(), 3*time.Second, sum)
}

// line is a proxy before the server, and the address behind it.
func (a *away) line() (*proxy.Proxy, string) {
	p, err := proxy.TCP(strings.TrimSuffix(strings.TrimPrefix(a.server.URL, "http://"), "/"))
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = p.Close() })
	return p, "http://" + p.Addr() + "/"
}

// silent lets nothing through a line that stands.
func (a *away) silent() {
	line, url := a.line()
	w := a.b.tab(a.T)
	w.allow(`WebSocket connection to|Failed to load resource`)
	a.watch(w, url)
	line.Stall()
	began := time.Now()
	sum := a.add()
	w.within(15*time.Second, "the page to say that nothing comes", `document.querySelector("#live").dataset.state === "stale"`)
	took := time.Duration(ask[float64](w, fmt.Sprintf(`claims.findLast(([at, state]) => state === "live")[0] - %d`, began.UnixMilli()))) * time.Millisecond
	if took > silentWithin && !raceDetector {
		a.Errorf("it called itself live for %s", took)
	}
	a.Logf("stale %s after the line fell silent", took)
	w.says("The server is silent")
	line.Heal()
	a.isBack(w, began.Add(time.Since(began)), 5*time.Second, sum)
}

// refused lets nobody in for so long that a page has tried often.
func (a *away) refused() {
	line, url := a.line()
	w := a.b.tab(a.T)
	w.allow(`WebSocket connection to|Failed to load resource`)
	a.watch(w, url)
	line.Set(proxy.Faults{Refuse: true})
	line.Cut()
	sum := a.add()
	sleep(a.Context(), 40*time.Second)
	line.Heal()
	a.isBack(w, time.Now(), 5*time.Second, sum)
}

// heavyPanel is some kilobytes that are others with every change, and do not pack.
const heavyPanel = `  - {id: heavy, title: Heavy, type: table, query: "SELECT i, md5(i || '+' || sum(v)) || md5(sum(v) || '+' || i) AS noise FROM parts, generate_series(1, 60) i GROUP BY i ORDER BY i"}
`

// narrow is a line of 5 kB/s and a page that has more to say. What comes late is
// called live no longer than a line that is silent is, however regularly it comes;
// the reader is told why.
func (a *away) narrow() {
	line, url := a.line()
	line.Set(proxy.Faults{BytesPerSecond: 1 << 20, Slice: 500}) // it can hold no more than a narrow one
	w := a.b.tab(a.T)
	w.allow(`WebSocket connection to|Failed to load resource`)
	a.watchPage(w, url+"d/heavy")
	line.Set(proxy.Faults{BytesPerSecond: 5000, Slice: 500})
	began, told, slow, machine := time.Now(), false, 0.0, newLateness()
	clock, stop := context.WithCancel(a.Context())
	defer stop()
	go machine.run(clock)
	over := map[int]time.Time{} // when each sum was no longer that of the rows
	for last := 400; time.Since(began) < 10*time.Second || !told; sleep(a.Context(), 100*time.Millisecond) {
		over[last] = time.Now()
		last = a.add()
		told = told || ask[bool](w, `banner.innerText.includes("The line to the server is slow")`)
		slow = max(slow, figures(a.T, a.server.URL)["rowcast_slow_viewers"])
		if time.Since(began) > 30*time.Second {
			a.Fatalf("the page does not say that its line is slow:\n%.500s", w.text())
		}
	}
	sum := a.add()
	line.Heal()
	took := w.within(patience, "a page that is right again", fmt.Sprintf(`document.querySelector("#live").dataset.state === "live" && shownSum() === %d && rowsSum() === %[1]d`, sum))
	oldest := time.Duration(0)
	for _, c := range ask[[][2]int64](w, `claims.filter(([, state]) => state === "live").map(([at, , sum]) => [at, sum])`) {
		if then, ok := over[int(c[1])]; ok {
			oldest = max(oldest, time.UnixMilli(c[0]).Sub(then))
		}
	}
	a.Logf("what was called live was %s old at the most; right %s after the line was healed", oldest.Round(time.Millisecond), took.Round(time.Millisecond))
	if late := machine.since(began); !raceDetector && (oldest > silentWithin+late || took > rightWithin+late) {
		a.Errorf("a page on a narrow line called live what was %s old, and was right %s after it was healed", oldest, took)
	}
	if slow < 1 {
		a.Error("the server counts no viewer who is slow")
	}
	if wrong := ask[[]string](w, `wrong.slice(0, 5)`); len(wrong) > 0 {
		a.Errorf("the page showed what never was: %q", wrong)
	}
	w.stayed()
}

// skewed gives a page a clock that is wrong, and one that can be set.
const skewed = `
	const Real = Date;
	let off = 86_400_000;
	window.set = (ms) => { off = ms; };
	window.Date = class extends Real {
		constructor(...a) { if (a.length) super(...a); else super(Real.now() + off); }
		static now() { return Real.now() + off; }
	};`

// clocks has a browser whose clock is a day ahead, is set two days back, and one more
// while its line is silent. All times are the server's, no age is less than none, and
// the silence is noticed as soon as by a clock that is right.
func (a *away) clocks() {
	line, url := a.line()
	w := a.b.tab(a.T)
	w.allow(`WebSocket connection to|Failed to load resource`)
	w.before(skewed)
	a.watch(w, url)
	told := func(when string) {
		a.Helper()
		sum := a.add()
		w.until("the change", fmt.Sprintf(`shownSum() === %d && document.querySelector("#live").dataset.state === "live"`, sum))
		const age = `Math.abs(Date.parse(document.querySelector("[data-asof]").getAttribute("datetime")) - (Date.now() - %s))`
		off := map[string]string{"ahead": "86_400_000", "behind": "-86_400_000"}[when]
		if ms := ask[float64](w, fmt.Sprintf(age, off)); ms > 15_000 {
			a.Errorf("with a clock that is %s the page stands at a time that is %.0f ms off", when, ms)
		}
		// A frame that is on its way for less time than any status was so far says that the clocks differ.
		for began := time.Now(); !ask[bool](w, `/^\d+(\.\d+)? (ms|s)$/.test(document.querySelector("#live [data-note]").textContent.trim())`); sleep(a.Context(), 250*time.Millisecond) {
			if time.Since(began) > patience {
				a.Fatalf("with a clock that is %s nothing says how long it took: %s", when, w.text())
			}
			w.until("one more change", fmt.Sprintf(`shownSum() === %d`, a.add()))
		}
		if strings.Contains(w.text(), "-") && ask[bool](w, `/(^|\s)[-−]\d+ (ms|s|min|h|d)\b/.test(document.body.innerText)`) {
			a.Errorf("with a clock that is %s an age is less than none: %s", when, w.text())
		}
	}
	told("ahead")
	w.run(`set(-86_400_000)`)
	told("behind")
	line.Stall()
	began := time.Now()
	sleep(a.Context(), 2500*time.Millisecond) // in the middle of the silence
	const further = 2 * 24 * time.Hour
	w.run(fmt.Sprintf(`set(%d)`, -further.Milliseconds()))
	w.within(15*time.Second, "the page to say that nothing comes", `document.querySelector("#live").dataset.state === "stale"`)
	took := time.Duration(ask[float64](w, fmt.Sprintf(`claims.findLast(([at, state]) => state === "live")[0] - %d`, began.Add(-further).UnixMilli()))) * time.Millisecond
	if took > silentWithin && !raceDetector {
		a.Errorf("it called itself live for %s", took)
	}
	a.Logf("stale %s after the line fell silent", took)
	if text := ask[string](w, `banner.innerText`); strings.Contains(text, "day") || strings.Contains(text, " h ") {
		a.Errorf("the page is as old as the clock was set back: %s", text)
	}
	line.Heal()
	w.live()
}

// back leaves a page and comes back to it, has it twice, and loads it again and
// again.
func (a *away) back() {
	w := a.b.tab(a.T)
	a.watch(w, a.server.URL)
	w.run(`addEventListener("pageshow", (e) => { window.persisted = e.persisted })`)
	w.open(a.server.URL + "t/public.parts")
	w.live()
	sum := a.add()
	w.run(`setTimeout(() => history.back())`)
	right := func(w *tab, sum int) {
		a.Helper()
		w.within(patience, "the newest sum", fmt.Sprintf(`document.querySelector("[data-panel=sum] [data-value]")?.textContent === %q && document.querySelector("#live").dataset.state === "live"`, strconv.Itoa(sum)))
	}
	right(w, sum)
	a.Logf("it came back from the browser's cache: %t", ask[bool](w, `!!window.persisted`))
	twin := a.b.tab(a.T)
	twin.open(a.server.URL + "d/sum")
	right(twin, sum)
	for range 8 {
		w.run(`setTimeout(() => location.reload())`)
		sleep(a.Context(), 40*time.Millisecond)
	}
	sum = a.add()
	right(twin, sum)
	right(w, sum)
	a.watched(2)
}

// tabs has the page in twenty tabs.
func (a *away) tabs() {
	var all []*tab
	for range 20 {
		w := a.b.tab(a.T)
		w.watch(a.server.URL + "d/sum")
		all = append(all, w)
	}
	sum := a.add()
	for _, w := range all {
		w.until("the newest sum", fmt.Sprintf(`document.querySelector("[data-panel=sum] [data-value]").textContent === %q`, strconv.Itoa(sum)))
	}
	a.watched(20)
}

// watched waits until so many sockets follow the page.
func (a *away) watched(n float64) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), patience)
	defer cancel()
	for {
		got := figures(a.T, a.server.URL)["rowcast_subscribers"]
		if got == n {
			return
		}
		if sleep(ctx, 50*time.Millisecond); ctx.Err() != nil {
			a.Fatalf("%.0f sockets follow the page, want %.0f", got, n)
		}
	}
}
