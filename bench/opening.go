package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
)

// opening is a page in its first half minute, before anything is known of what it costs.
type opening struct {
	*heavyPanel
	began time.Time

	mu       sync.Mutex
	arrivals []arrival // the newest event of each frame
}

// openingLasts is how long a page is looked at from its opening on.
const openingLasts = 30 * time.Second

// heard notes the newest event of a frame.
func (o *opening) heard(at time.Time, frame []byte) {
	o.heavyPanel.heard(at, frame)
	newest := -1
	for i, b := range frame {
		if b == '#' && len(frame) > i+eventDigits {
			if n, err := strconv.Atoi(string(frame[i+1 : i+1+eventDigits])); err == nil {
				newest = max(newest, n)
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.arrivals = append(o.arrivals, arrival{newest, at})
}

// measure opens the page of a server that has just begun and writes from then on. It
// returns when the first frame came, how late the light rows were, at the 99th
// percentile and at most, in milliseconds, and the share of a core that all sessions
// used which read panels. That is counted up to where the heavy panel may be read once
// more, for each reading is followed by its rest.
func (o *opening) measure(ctx context.Context, url string) (_ []float64, err error) {
	before, err := o.sessions(ctx)
	if err != nil {
		return nil, err
	}
	o.began = time.Now()
	if o.viewer, err = watch(ctx, url, o.side.page, o.heard); err != nil {
		return nil, err
	}
	committed := map[int]time.Time{}
	shown := int64(-1)
	for n := 1; ; n++ {
		if lasted := time.Since(o.began); lasted > openingLasts && shown < 0 {
			shown = o.shown.Load()
		} else if lasted > 3*openingLasts {
			return nil, errors.New("the heavy panel is not read any more")
		}
		if shown >= 0 && (o.side.page == "/d/light" || o.shown.Load() > shown) {
			break
		}
		time.Sleep(time.Until(o.began.Add(time.Duration(float64(n) / o.side.rate * float64(time.Second)))))
		at, err := o.change(ctx, o.side)
		if err != nil {
			return nil, err
		}
		committed[o.last] = at
	}
	used, err := o.sessions(ctx)
	if err != nil {
		return nil, err
	}
	lasted := time.Since(o.began).Seconds()
	every, err := o.interval(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.viewer.until(ctx, "the last event", func(*delta.State, string) bool { return o.came(o.last) }); err != nil {
		return nil, err
	}
	last := every.Seconds() / 11 // the reading that ended it, with ten times its rest to come
	first, late := o.late(committed)
	return []float64{
		milliseconds(first), milliseconds(quantile(late, 0.99)), milliseconds(slices.Max(late)),
		(used - before - last) / (lasted - last) * 100,
	}, nil
}

// came tells whether an event, or a newer one, has been shown.
func (o *opening) came(event int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.arrivals, func(a arrival) bool { return a.event >= event })
}

// late is how long after the opening the first frame came, and how long after its
// commit each event was shown.
func (o *opening) late(committed map[int]time.Time) (first time.Duration, late []time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for event, at := range committed {
		i := slices.IndexFunc(o.arrivals, func(a arrival) bool { return a.event >= event })
		late = append(late, max(0, o.arrivals[i].at.Sub(at)))
	}
	return o.arrivals[0].at.Sub(o.began), late
}

// sessions is the CPU of all sessions that read panels, in seconds.
func (st *stand) sessions(ctx context.Context) (seconds float64, err error) {
	rows, err := st.conn.Query(ctx, `SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name IN ('rowcast/open', 'rowcast/panels', 'rowcast/slow')`)
	if err != nil {
		return 0, fmt.Errorf("ask for sessions: %w", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return 0, fmt.Errorf("ask for sessions: %w", err)
	}
	for _, pid := range pids {
		seconds += spent(pid)
	}
	return seconds, nil
}
