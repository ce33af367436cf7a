//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/web"
)

const chosenPage = `title: Chosen
variables:
  - {name: x, type: text, default: ''}
panels:
  - {id: words, type: table, query: "SELECT id, word FROM readings WHERE @x = '' OR word <> @x ORDER BY id"}
`

// One who tries values by the thousand, on sockets and by pages, has a share of
// what the database is asked for. Who watches beside it sees each change as soon
// as ever. ROWCAST_VALUES=1000000 goes on until so many were tried.
func TestManyValuesOfOneViewer(t *testing.T) {
	t.Parallel()
	const most = 30
	values, rest, workers := 0, 2*time.Millisecond, 4
	if text := os.Getenv("ROWCAST_VALUES"); text != "" {
		var err error
		if values, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		rest, workers = 0, 16
	}
	l := limits(t, fmt.Sprintf("export ROWCAST_MAX_ADDRESS_PAGES=%d ROWCAST_TRUSTED_PROXY=127.0.0.1 ROWCAST_LET_ANYONE_ON_THE_NETWORK_READ=true ROWCAST_ALLOW_POWERFUL_ROLE=true;", most), chosenPage)
	alone, before := l.measure(2 * time.Second)
	resident := l.resident()

	flood, stop := context.WithCancel(t.Context())
	var asked, refused, shown atomic.Int64
	var all sync.WaitGroup
	next := func() string { return fmt.Sprintf("/d/page?x=v%d", asked.Add(1)) }
	for range workers {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for flood.Err() == nil {
				req, _ := http.NewRequestWithContext(flood, http.MethodGet, strings.TrimSuffix(l.URL, "/")+next(), nil)
				req.Header.Set("X-Forwarded-For", "192.0.2.66")
				res, err := client.Do(req)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				switch res.StatusCode {
				case http.StatusTooManyRequests:
					refused.Add(1)
				case http.StatusOK:
					shown.Add(1)
				}
				sleep(flood, rest)
			}
		})
	}
	for range 6 {
		all.Go(func() { l.tries(flood, next, &refused, &shown) })
	}
	pages := 0
	queried, during := l.measure(2 * time.Second)
	for n := 0; n < 5 || asked.Load() < int64(values); n++ {
		figures, err := scrape(l.URL)
		if err != nil {
			t.Fatal(err)
		}
		pages = max(pages, int(figures["rowcast_pages"]))
		during = append(during, l.latency(1, 100*time.Millisecond)...)
	}
	stop()
	all.Wait()
	grown := l.resident() - resident
	t.Logf("asked %d times, shown %d, refused %d; %d pages; %d MB; %.0f transactions a second, %.0f without it; a change is shown after %v before, %v meanwhile, at worst %v",
		asked.Load(), shown.Load(), refused.Load(), pages, grown>>20, queried, alone, middle(before), middle(during), slices.Max(during))
	if refused.Load() < 100 || shown.Load() < most/2 {
		t.Errorf("of %d values %d were shown and %d refused: the test tests nothing", asked.Load(), shown.Load(), refused.Load())
	}
	if pages > most+2 {
		t.Errorf("%d pages are live; one address may have %d", pages, most)
	}
	if queried > alone+150 {
		t.Errorf("the database is asked %.0f times a second, without the flood %.0f", queried, alone)
	}
	if grown > 64<<20 {
		t.Errorf("they cost %d bytes", grown)
	}
	if slowest := slices.Max(during); middle(during) > max(4*middle(before), 250*time.Millisecond) || slowest > 3*time.Second {
		t.Errorf("a change was shown after %v, at worst %v; before the flood %v", middle(during), slowest, middle(before))
	}
}

// tries watches one value after the other on one socket, at the pace it may.
func (l *limited) tries(ctx context.Context, next func() string, refused, shown *atomic.Int64) {
	conn, _, err := websocket.Dial(ctx, strings.TrimSuffix(l.URL, "/")+"/live", &websocket.DialOptions{
		Subprotocols: []string{web.Subprotocol}, HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.66"}},
	})
	if err != nil {
		l.Errorf("the one who tries is not let in: %v", err)
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for ctx.Err() == nil {
		if conn.Write(ctx, websocket.MessageText, delta.EncodeWatch(next(), "")) != nil {
			return
		}
		for {
			_, b, err := conn.Read(ctx)
			if err != nil {
				return
			}
			m, err := delta.Decode(b)
			if err != nil {
				l.Error(err)
				return
			}
			if m.Type == delta.TypeWatching {
				shown.Add(1)
				break
			}
			if m.Type == delta.TypeError {
				refused.Add(1)
				break
			}
		}
		sleep(ctx, 110*time.Millisecond)
	}
}

// latency changes the table so often, and returns how long each change took to be
// on the page.
func (l *limited) latency(times int, rest time.Duration) []time.Duration {
	l.Helper()
	var all []time.Duration
	for i := range times {
		word := fmt.Sprintf("%d at %d", i, time.Now().UnixNano())
		began := time.Now()
		l.db.Exec(l.T, `UPDATE readings SET word = $1`, word)
		l.shows(word)
		all = append(all, time.Since(began))
		sleep(l.Context(), rest)
	}
	return all
}

func middle(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
