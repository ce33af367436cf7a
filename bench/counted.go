package main

import (
	"context"
	"errors"
	"time"
)

// counted is what the server counts.
type counted struct{ cycles, seconds float64 }

// scrape asks the server's metrics.
func scrape(ctx context.Context, url string) (c counted, err error) {
	err = counters(ctx, url, map[string]*float64{"rowcast_cycles_total": &c.cycles, "rowcast_cycle_seconds_sum": &c.seconds})
	return c, err
}

// since is what was counted after before. It is an error if that was nothing.
func (c counted) since(before counted) (counted, error) {
	more := counted{c.cycles - before.cycles, c.seconds - before.seconds}
	if more.cycles < 1 {
		return more, errors.New("a change came without a cycle")
	}
	return more, nil
}

// lasted is a duration of its seconds.
func (c counted) lasted() time.Duration { return time.Duration(c.seconds * 1e9) }
