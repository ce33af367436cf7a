package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what it must.
const patience = 15 * time.Second

// browser is the one that all tests of this package share.
type browser struct{ ctx context.Context }

// launch starts the browser, which lives until the test and those below it end.
func launch(t *testing.T, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(t.TempDir()))
	allocator, release := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(bounded); err != nil {
			t.Logf("close the browser: %v", err)
		}
		release()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return &browser{ctx: ctx}
}

// findBrowser prefers the headless shell, which starts in a third of the time.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "needs Chromium: apt-get install chromium-headless-shell"
	if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// tab is one page of the browser, with a storage of its own.
type tab struct {
	*testing.T
	ctx   context.Context
	close func() // judges what went wrong; comes by itself when the test ends

	mu      sync.Mutex
	faults  []string
	allowed []*regexp.Regexp
}

// tellViolations reports what the content policy forbade, wherever it happens.
const tellViolations = `addEventListener("securitypolicyviolation", (e) => console.error("policy violated:", e.violatedDirective, e.blockedURI, e.sample))`

// tab opens an empty page of 1440 by 900 points. What goes wrong in it until
// the test ends is the test's failure.
func (b *browser) tab(t *testing.T) *tab {
	t.Helper()
	return b.tabFor(t, 80*time.Second)
}

// tabFor opens one that lives that long at most.
func (b *browser) tabFor(t *testing.T, longest time.Duration) *tab {
	t.Helper()
	ctx, done := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	ctx, cancel := context.WithTimeout(ctx, longest)
	w := &tab{T: t, ctx: ctx}
	w.close = sync.OnceFunc(func() {
		defer done()
		defer cancel()
		w.judge()
	})
	t.Cleanup(w.close)
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	script := page.AddScriptToEvaluateOnNewDocumentParams{Source: tellViolations}
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, script); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	w.size(1440, 900)
	return w
}

// hear notes what must not happen in a page. It runs in the order of the
// browser's messages and must not wait.
func (w *tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			fault += " " + thrown.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			fault = fmt.Sprintf("console: %s", e.Type)
			for _, a := range e.Args {
				fault += " " + string(a.Value) + a.Description
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault = fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
	if fault != "" {
		w.mu.Lock()
		w.faults = append(w.faults, fault)
		w.mu.Unlock()
	}
}

// allow expects faults that match, such as a socket that cannot be opened while
// its server is away.
func (w *tab) allow(pattern string) {
	w.allowed = append(w.allowed, regexp.MustCompile(pattern))
}

// judge fails the test for each fault that was not expected.
func (w *tab) judge() {
	if w.Failed() {
		w.keep(w.Name())
	}
	_, _ = chromedp.Run(w.ctx, chromedp.Evaluate[bool](`true`)) // faults before this answer have been heard
	w.mu.Lock()
	defer w.mu.Unlock()
next:
	for _, fault := range w.faults {
		for _, p := range w.allowed {
			if p.MatchString(fault) {
				continue next
			}
		}
		w.Errorf("in the page: %s", fault)
	}
}

// keep leaves a picture of a failure where ROWCAST_FAILURES names a folder.
func (w *tab) keep(name string) {
	dir := os.Getenv("ROWCAST_FAILURES")
	if dir == "" {
		return
	}
	if png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = os.WriteFile(dir+"/"+strings.NewReplacer("/", "_", " ", "_").Replace(name)+".png", png, 0o644)
	}
}

func (w *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

func (w *tab) size(width, height int64) {
	w.Helper()
	w.do("size the tab", chromedp.EmulateViewport(width, height))
}

// media sets media features: pairs of a name and a value.
func (w *tab) media(pairs ...string) {
	w.Helper()
	var p emulation.SetEmulatedMediaParams
	for i := 0; i < len(pairs); i += 2 {
		p.Features = append(p.Features, &emulation.MediaFeature{Name: pairs[i], Value: pairs[i+1]})
	}
	if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, p); err != nil {
		w.Fatalf("set media features: %v", err)
	}
}

// open loads a page.
func (w *tab) open(url string) {
	w.Helper()
	w.do("open "+url, chromedp.Navigate(url))
}

// watch loads a page, waits until it is live, and leaves a mark in it that a
// reload would wipe out.
func (w *tab) watch(url string) {
	w.Helper()
	w.open(url)
	w.live()
	w.run(`window.mark = "here"`)
}

// live waits until the page says so.
func (w *tab) live() {
	w.Helper()
	w.until("a live page", `document.querySelector("#live")?.dataset.state === "live"`)
}

// stayed checks that the page was not loaded again since watch.
func (w *tab) stayed() {
	w.Helper()
	if ask[string](w, `String(window.mark)`) != "here" {
		w.Error("the page was loaded again")
	}
}

// run evaluates a statement in the page.
func (w *tab) run(js string) {
	w.Helper()
	ask[bool](w, `(() => {`+js+`; return true })()`)
}

// ask evaluates an expression in the page.
func ask[T any](w *tab, js string) T {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		w.Fatalf("ask the page %s: %v", js, err)
	}
	return v
}

// until waits until an expression is true, also across loads of the page.
func (w *tab) until(what, js string) {
	w.Helper()
	w.within(patience, what, js)
}

func (w *tab) within(d time.Duration, what, js string) time.Duration {
	w.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(w.ctx, d)
	defer cancel()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+js+`)`))
		if ok {
			return time.Since(began)
		}
		select {
		case <-time.After(30 * time.Millisecond):
		case <-ctx.Done():
			text := w.text()
			w.Fatalf("waited %s for %s (last error: %v); %s says:\n%.1000s", d, what, err, w.address(), text)
		}
	}
}

// text is what a reader finds in the page.
func (w *tab) text() string { return w.said(`document.body.innerText`) }

// address is what stands in the address bar.
func (w *tab) address() string { return w.said(`location.href`) }

// said is a text of the page, or why it cannot be had.
func (w *tab) said(js string) string {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](js))
	if err != nil {
		return err.Error()
	}
	return s
}

// says waits until the page's text holds these words.
func (w *tab) says(words string) {
	w.Helper()
	w.until(fmt.Sprintf("%q", words), `document.body.innerText.includes(`+quoted(words)+`)`)
}

// click clicks on the middle of the first element that the selector finds.
func (w *tab) click(selector string) {
	w.Helper()
	w.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// pressed presses one key.
func pressed(key string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(key) }

// quoted is a JavaScript string literal.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}
