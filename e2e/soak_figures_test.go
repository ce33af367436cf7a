//go:build unix

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// scrape reads the figures of /metrics.
func scrape(server string) (map[string]float64, error) {
	body, err := bodyOf(context.Background(), server+"metrics")
	if err != nil {
		return nil, err
	}
	figures := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			figures[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return figures, nil
}

// soakFigures are what the server and the browser used, over time.
type soakFigures struct {
	testing.TB
	plan  soakPlan
	began time.Time
	read  map[string][]reading
}

type reading struct {
	at    time.Duration // since the beginning
	value float64
}

// allowance is how much more than in the first third of the time may be used in the
// last one: viewers come and go, and the collector does when it likes.
type allowance struct {
	unit  string
	scale float64
	times float64
	plus  float64
}

func allowances() map[string]allowance {
	return map[string]allowance{
		"process_resident_memory_bytes": {"MB", 1e-6, 1.1, 16},
		"go_memstats_next_gc_bytes":     {"MB", 1e-6, 1.15, 4}, // twice what lives
		"go_goroutines":                 {"", 1, 1.1, 20},
		"process_open_fds":              {"", 1, 1.1, 20},
		"dashboard heap":                {"kB", 1e-3, 1.1, 300},
		"table heap":                    {"kB", 1e-3, 1.1, 300},
		"dashboard listeners":           {"", 1, 1.05, 10},
		"table listeners":               {"", 1, 1.05, 10},
	}
}

func newFigures(tb testing.TB, plan soakPlan) *soakFigures {
	return &soakFigures{TB: tb, plan: plan, began: time.Now(), read: map[string][]reading{}}
}

func (f *soakFigures) note(name string, value float64) {
	f.read[name] = append(f.read[name], reading{time.Since(f.began), value})
}

// watch reads until ctx ends.
func (f *soakFigures) watch(ctx context.Context, server string, tabs map[string]*tab) {
	collected, told := f.began, f.began
	for ctx.Err() == nil {
		now, err := scrape(server)
		if err != nil {
			f.Error(err)
			return
		}
		for name := range allowances() {
			if value, ok := now[name]; ok {
				f.note(name, value)
			}
		}
		f.note("rowcast_pages", now["rowcast_pages"])
		f.note("rowcast_subscribers", now["rowcast_subscribers"])
		if time.Since(collected) > f.plan.collect {
			collected = time.Now()
			for name, w := range tabs {
				f.collect(name, w)
			}
		}
		if time.Since(told) > 5*time.Minute {
			told = time.Now()
			f.Logf("after %s: %.0f viewers on %.0f pages, %.0f frames, %.1f MB, %.0f goroutines, %.0f descriptors", time.Since(f.began).Round(time.Second),
				now["rowcast_subscribers"], now["rowcast_pages"], now["rowcast_frames_total"], now["process_resident_memory_bytes"]/1e6, now["go_goroutines"], now["process_open_fds"])
		}
		sleep(ctx, f.plan.look)
	}
}

// collect reads what a tab holds once its garbage is gone.
func (f *soakFigures) collect(name string, w *tab) {
	nodes, listeners := w.holds()
	heap, err := chromedp.Call(w.ctx, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		f.Fatalf("measure the %s's tab: %v", name, err)
	}
	f.note(name+" heap", heap.UsedSize)
	f.note(name+" nodes", nodes)
	f.note(name+" listeners", listeners)
}

// holds is how many nodes and listeners a tab has once its garbage is gone.
func (w *tab) holds() (nodes, listeners float64) {
	w.Helper()
	_, _ = chromedp.Call(w.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	dom, err := chromedp.Call(w.ctx, memory.GetDOMCounters, cdp.Empty{})
	if err != nil {
		w.Fatalf("count a tab's nodes: %v", err)
	}
	return float64(dom.Nodes), float64(dom.JsEventListeners)
}

// judge prints the medians of the first and the last third and the slope, and
// fails where a figure is not level. What comes before is left out: until then
// the last frames of each page fill their rings.
func (f *soakFigures) judge() {
	f.Helper()
	for _, name := range slices.Sorted(maps.Keys(f.read)) {
		all := f.read[name]
		all = all[len(all)/6:]
		first, last := median(all[:(len(all)+2)/3]), median(all[len(all)-(len(all)+2)/3:])
		l, judged := allowances()[name]
		if !judged {
			l.scale = 1
		}
		f.Logf("%-30s %9.1f became %9.1f %-2s (%+.1f an hour, %d readings)", name, first*l.scale, last*l.scale, l.unit, slope(all)*l.scale, len(all))
		if judged && f.plan.level && last*l.scale > first*l.scale*l.times+l.plus {
			f.Errorf("%s is not level: %.1f became %.1f %s", name, first*l.scale, last*l.scale, l.unit)
		}
	}
}

func median(all []reading) float64 {
	values := make([]float64, len(all))
	for i, r := range all {
		values[i] = r.value
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// slope is that of the line of least squares through the last two thirds, per
// hour.
func slope(all []reading) float64 {
	all = all[len(all)/3:]
	var x, y, xx, xy, n float64
	for _, r := range all {
		h := r.at.Hours()
		x, y, xx, xy, n = x+h, y+r.value, xx+h*h, xy+h*r.value, n+1
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// back waits until the server holds nothing more of those who left.
func (f *soakFigures) back(server string, before map[string]float64) {
	f.Helper()
	over := ""
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		now, err := scrape(server)
		if err != nil {
			f.Fatal(err)
		}
		over = ""
		for name, more := range map[string]float64{"rowcast_subscribers": 0, "go_goroutines": 24, "process_open_fds": 12} {
			if now[name] > before[name]+more {
				over += fmt.Sprintf(" %s was %.0f and is %.0f.", name, before[name], now[name])
			}
		}
		if over == "" {
			return
		}
	}
	f.Errorf("20 s after all left:%s", over)
}
