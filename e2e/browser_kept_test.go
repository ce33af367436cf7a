//go:build unix

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// wholeBrowser starts a browser that hides tabs and keeps pages, which the headless
// shell does not, without what tests usually take from it.
func wholeBrowser(t *testing.T) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.Flag("disable-background-timer-throttling", false),
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
		chromedp.Flag("disable-renderer-backgrounding", false),
		chromedp.Flag("enable-features", "IntensiveWakeUpThrottling:grace_period_seconds/2"), // after five minutes otherwise
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return launch(t, append(options, chromedp.ExecPath(path))...)
		}
	}
	t.Fatal("needs the whole browser: apt-get install chromium")
	return nil
}

// kept goes on from a page that its browser keeps as it is, and back to it. Ours
// say that they are not to be stored, so that nobody goes back to them after a
// sign-out; something on the way may take that from them.
func (a *away) kept() {
	at, err := url.Parse(a.server.URL)
	if err != nil {
		a.Fatal(err)
	}
	front := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // without a word of itself: else it would be refused
			r.SetURL(at)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Cache-Control")
			return nil
		},
	}
	server := httptest.NewServer(front)
	a.Cleanup(server.Close)
	w := wholeBrowser(a.T).tab(a.T)
	w.allow(`Page entered Back-Forward Cache`)
	a.watch(w, server.URL+"/")
	w.run(`addEventListener("pageshow", (e) => { window.persisted = e.persisted })`)
	w.open(server.URL + "/t/public.parts")
	w.live()
	a.watched(1)
	sum := a.add()
	sleep(a.Context(), time.Second)
	began := time.Now()
	w.run(`setTimeout(() => history.back())`)
	w.until("the page that was left", `location.pathname === "/d/sum" && window.claims !== undefined`)
	a.isBack(w, began, 3*time.Second, sum)
	if !ask[bool](w, `window.persisted`) {
		a.Error("the browser did not keep the page: the test tests nothing")
	}
	a.watched(1)
}

// hidden has the page in a tab behind another one, whose timers run once a minute
// at the most.
func (a *away) hidden() {
	b := wholeBrowser(a.T)
	w := b.tab(a.T)
	a.watch(w, a.server.URL)
	w.run(`window.ticks = 0; setInterval(() => ticks++, 100)`)
	made := figures(a.T, a.server.URL)["rowcast_viewers"]
	before, closeTab := chromedp.NewContext(w.ctx, chromedp.WithNewWindow(false))
	defer closeTab()
	if err := chromedp.Do(before); err != nil {
		a.Fatal(err)
	}
	w.until("the tab to be hidden", `document.visibilityState === "hidden"`)
	sleep(a.Context(), 4*time.Second) // until its timers are slowed down
	ticks, sum := ask[int](w, `ticks`), 0
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		sum = a.add()
		sleep(a.Context(), 500*time.Millisecond)
	}
	n := ask[int](w, `ticks`) - ticks
	a.Logf("a timer of 100 ms ran %d times in 20 s", n)
	if n > 40 {
		a.Error("the browser did not slow the tab down: the test tests nothing")
	}
	if now := figures(a.T, a.server.URL)["rowcast_viewers"]; now != made {
		a.Errorf("%.0f sockets are open, before there were %.0f", now, made)
	}
	if _, err := chromedp.Call(w.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		a.Fatal(err)
	}
	a.isBack(w, time.Now(), 3*time.Second, sum)
}
