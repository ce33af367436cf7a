package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/delta"
)

// screenRows are what a page that changes twenty times a second costs its browser.
func screenRows() []row {
	shows := func(id, title, page, write string, most float64) row {
		return row{id: id, script: "screen.sql", once: true, ours: scripted(page, write), lines: []line{
			{"script for a frame, " + title, "ms", atMost(most)},
			{"all of the page's thread", "ms", bound{}},
			{"frames a second", "/s", bound{}},
			{"tasks over 50 ms", "", atMost(0)},
		}}
	}
	return []row{
		shows("table", "1,000 × 8 table, 100 changed cells", "d/wide", `UPDATE wide SET d = $1 WHERE id % 10 = $1 % 10`, 1.5),
		shows("charts", "8 charts of 3 × 600 points", "d/charts", `WITH old AS (DELETE FROM points WHERE at = '2026-01-01'::timestamptz + $1::int * interval '1 s')
			INSERT INTO points SELECT chart, '2026-01-01'::timestamptz + (600 + $1::int) * interval '1 s', sin($1::int / 20.0) + chart, cos($1::int / 30.0), sin($1::int / 40.0) * 2
			FROM generate_series(1, 8) chart`, 8),
	}
}

// screenTime is how many times a run's seconds a browser is looked at: a minute
// by default.
const screenTime = 15

// scripted is the milliseconds that a frame takes in a browser while a page
// changes all the time: on its processor, in script alone and in all; the frames
// a second; and how many tasks held the page for more than 50 ms.
func scripted(page, write string) measurement {
	return func(ctx context.Context, st *stand) (_ []float64, err error) {
		server, err := st.serve(ctx, "screen")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		v, err := watch(ctx, server.url, "/"+page, nil)
		if err != nil {
			return nil, err
		}
		defer v.close()
		if err := v.until(ctx, "the page", func(s *delta.State, status string) bool { return s != nil && status == "live" }); err != nil {
			return nil, err
		}
		b, err := browse(ctx, st.browser, server.url+page)
		if err != nil {
			return nil, err
		}
		defer b.close()
		n := 0 // changes; of this page alone, for the charts' points move on by one each time
		change := func(d time.Duration) error {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for began := time.Now(); time.Since(began) < d; {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
				}
				n++
				if _, err := st.conn.Exec(ctx, write, n); err != nil {
					return fmt.Errorf("change rows: %w", err)
				}
			}
			return nil
		}
		if err := b.weigh(); err != nil {
			return nil, err
		}
		if err := change(st.seconds); err != nil { // until all of it runs compiled
			return nil, err
		}
		frames, before, err := v.count(), weight{}, error(nil)
		if before, err = b.weight(); err != nil {
			return nil, err
		}
		lasts := screenTime * st.seconds
		if err := change(lasts); err != nil {
			return nil, err
		}
		after, err := b.weight()
		if err != nil {
			return nil, err
		}
		shown := float64(v.count() - frames)
		if shown == 0 {
			return nil, errors.New("the page did not change")
		}
		return []float64{(after.script - before.script) * 1000 / shown, (after.all - before.all) * 1000 / shown, shown / lasts.Seconds(), float64(after.long - before.long)}, nil
	}
}

// weight is what a page has used of its thread since it was opened.
type weight struct {
	script, all float64 // seconds on the processor
	long        int     // tasks of more than 50 ms
}

// weigh begins to count.
func (b *browser) weigh() error {
	if _, err := chromedp.Call(b.tab, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}); err != nil {
		return fmt.Errorf("measure page: %w", err)
	}
	_, err := chromedp.Run(b.tab, chromedp.Evaluate[int](`globalThis.benchLong = 0;
		new PerformanceObserver((list) => { benchLong += list.getEntries().length }).observe({ type: "longtask" }); benchLong`))
	if err != nil {
		return fmt.Errorf("measure page: %w", err)
	}
	return nil
}

func (b *browser) weight() (w weight, err error) {
	if w.long, err = chromedp.Run(b.tab, chromedp.Evaluate[int](`benchLong`)); err != nil {
		return w, fmt.Errorf("measure page: %w", err)
	}
	metrics, err := chromedp.Call(b.tab, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		return w, fmt.Errorf("measure page: %w", err)
	}
	for _, m := range metrics.Metrics {
		switch m.Name {
		case "ScriptDuration":
			w.script = m.Value
		case "TaskDuration":
			w.all = m.Value
		}
	}
	return w, nil
}
