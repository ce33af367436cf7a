package main

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed observe.js
var observe string

// browser shows one page in a real Chromium.
type browser struct {
	tab   context.Context
	close func()
}

// browse opens a page and waits until it is live.
func browse(ctx context.Context, path, url string) (*browser, error) {
	options := chromedp.DefaultExecAllocatorOptions[:]
	if path == "" {
		for _, name := range []string{"chromium-headless-shell", "chrome-headless-shell"} {
			if found, err := exec.LookPath(name); err == nil {
				path = found // smaller and quicker to start than what is looked for otherwise
				break
			}
		}
	}
	if path != "" {
		options = append(options[:len(options):len(options)], chromedp.ExecPath(path))
	}
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(ctx)
	b := &browser{tab: tab, close: func() { closeTab(); closeBrowser() }}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url)); err != nil {
		b.close()
		return nil, fmt.Errorf("open page in browser: %w", err)
	}
	return b, nil
}

// observe begins to note when marks appear.
func (b *browser) observe() error {
	rows, err := chromedp.Run(b.tab, chromedp.Evaluate[int](observe))
	if err != nil {
		return fmt.Errorf("observe page: %w", err)
	}
	if rows == 0 {
		return fmt.Errorf("observe page: it shows no rows")
	}
	return nil
}

// has waits until a mark has been seen.
func (b *browser) has(mark string) error {
	ctx, cancel := context.WithTimeout(b.tab, 10*time.Second)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](fmt.Sprintf(`%q in benchSeen`, mark), chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		return fmt.Errorf("wait for %s in the browser: %w", mark, err)
	}
	return nil
}

// seen is when each mark first stood in the page, by this process's clock, and
// how wrong that may be.
func (b *browser) seen() (times map[string]time.Time, uncertain time.Duration, err error) {
	raw, err := chromedp.Run(b.tab, chromedp.Evaluate[map[string]float64](`benchSeen`))
	if err != nil {
		return nil, 0, fmt.Errorf("read what was seen: %w", err)
	}
	ahead, uncertain, err := b.ahead()
	if err != nil {
		return nil, 0, err
	}
	times = make(map[string]time.Time, len(raw))
	for mark, ms := range raw {
		times[mark] = pageTime(ms).Add(-ahead)
	}
	return times, uncertain, nil
}

// coarse is how roughly a page may read its clock.
const coarse = 100 * time.Microsecond

// ahead is how far the page's clock is ahead of ours, as the quickest of many
// answers tells: it was given at some time between question and return.
func (b *browser) ahead() (offset, uncertain time.Duration, err error) {
	quickest := time.Duration(math.MaxInt64)
	for range 200 {
		asked := time.Now()
		ms, err := chromedp.Run(b.tab, chromedp.Evaluate[float64](`performance.timeOrigin + performance.now()`))
		took := time.Since(asked)
		if err != nil {
			return 0, 0, fmt.Errorf("compare clocks: %w", err)
		}
		if took < quickest {
			quickest = took
			offset = pageTime(ms).Sub(asked.Add(took / 2))
		}
	}
	return offset, quickest/2 + coarse, nil
}

func pageTime(ms float64) time.Time { return time.UnixMicro(int64(ms * 1000)) }
