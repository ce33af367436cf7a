package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// eventDigits is how many digits follow the # that marks an event in a frame.
const eventDigits = 8

// side is a server and how its viewers come.
type side struct {
	raw     bool
	page    string
	signed  bool // its viewers have signed in, and nobody else is let in
	viewers int
	storm   bool // they come all at once, not few at a time
	deflate bool
	rate    float64 // commits a second; 0: as fast as they are heard
	ahead   int     // commits that may be on their way to somebody
	long    int     // lateness is measured for so many times as long as other things; 0: as long
	write   string  // with $1, a text that marks the event, and $2, its number
}

func (s side) of(change func(*side)) side { change(&s); return s }

const (
	writeEvent = `UPDATE events SET body = $1 WHERE id = $2::int % 64 + 1`
	writeFloor = writeEvent + ` RETURNING pg_notify('floor', body)`
	writeBulk  = `UPDATE bulk SET body = CASE id WHEN 1 THEN $1 ELSE id || ' is paid, ' || md5((id * $2::int)::text) || ' of ' || $2::int * id
		|| repeat(', shipped to customer ' || id * 7919, 4) END WHERE id <= 100`
)

// viewerRows are what viewers cost, beside a server that only writes.
func viewerRows() []row {
	raw := side{raw: true, page: "/", viewers: 1000, write: writeFloor}
	ours := side{page: "/d/events", viewers: 1000, write: writeEvent}
	bulk := side{page: "/d/bulk", viewers: 300, rate: 15, ahead: 1, write: writeBulk}
	still := side{page: "/d/still", signed: true}
	both := func(id string, measure func(side) measurement, change func(*side), lines ...line) row {
		return row{id: id, than: "raw", script: "fanout.sql", floor: measure(raw.of(change)), ours: measure(ours.of(change)), lines: lines}
	}
	return []row{
		both("calm", perDelivery, func(s *side) { s.rate, s.ahead = 10, 1 },
			line{"CPU per delivery, 1,000 viewers, 10 commits/s", "µs", ratioAtMost(1.2)}),
		both("backlog", perDelivery, func(s *side) { s.ahead = 8 },
			line{"the same, 8 commits under way", "µs", ratioAtMost(0.4)}),
		both("many", perDelivery, func(s *side) { s.ahead, s.viewers = 8, 5000 },
			line{"the same, 5,000 viewers", "µs", ratioAtMost(0.4)}),
		both("five", lateness(0.5, 0.99), func(s *side) { s.rate, s.long = 5, 6 }, // more than a hundred commits, or p99 were the slowest one's
			line{"commit to frame, 1,000 viewers, 5 commits/s, p50", "ms", ratioAtMost(1.5)}, line{"p99", "ms", ratioAtMost(1.5)}),
		both("hundred", lateness(0.5), func(s *side) { s.rate = 100 },
			line{"commit to frame, 1,000 viewers, 100 commits/s, p50", "ms", floorPlus(30)}),
		both("one", lateness(0.5), func(s *side) { s.rate, s.viewers = 10, 1 },
			line{"commit to frame, 1 viewer, p50", "ms", atMost(2)}),
		{id: "idle", than: "raw", script: "fanout.sql", floor: atRest(raw.of(func(s *side) { s.viewers, s.rate = 10_000, 0.2 })), ours: atRest(still.of(func(s *side) { s.viewers = 10_000 })),
			lines: []line{{"resident memory per idle viewer, 10,000", "KiB", atMost(18)}, {"CPU of 10,000 idle viewers, of a core", "%", atMost(2.5)}}},
		{id: "storm", than: "raw", script: "fanout.sql", floor: perConnect(raw.of(func(s *side) { s.viewers, s.storm = 5000, true })), ours: perConnect(still.of(func(s *side) { s.viewers, s.storm = 5000, true })),
			lines: []line{{"CPU per connect with a snapshot, 5,000 at once", "µs", atMost(150)}, {"CPU per reconnect with a resume", "µs", atMost(150)}}},
		{id: "bulk", than: "plain", script: "fanout.sql", floor: perDelivery(bulk), ours: perDelivery(bulk.of(func(s *side) { s.deflate = true })),
			lines: []line{{"CPU per delivery of 20 KB, compressed, 300 viewers", "µs", ratioAtMost(1)}, {"bytes of one", "B", anyRatio()}}},
	}
}

// start runs the side's server and returns where it is.
func (st *stand) start(ctx context.Context, s side) (*serving, error) {
	switch {
	case s.signed:
		return st.serveGuests(ctx, "fanout")
	case !s.raw:
		return st.serve(ctx, "fanout")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find oneself: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, self, "raw", "--database", st.server.URL())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	stop := func() error {
		cancel()
		_ = cmd.Wait() // it was killed
		return nil
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the floor: %w", err), stop())
	}
	return &serving{pid: cmd.Process.Pid, url: "http://" + strings.TrimSpace(line) + "/", stop: stop}, nil
}

// come has the side's viewers connect. A cursor makes it a return.
func (st *stand) come(at *serving, s side, cursor string) (*sockets, error) {
	u, err := url.Parse(at.url)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	g := gathering{address: u.Host, path: "/", viewers: s.viewers, deflate: s.deflate, cookies: at.cookies, together: 128}
	if s.storm {
		g.together = s.viewers
	}
	if !s.raw {
		g.path, g.hello, g.ready = "/live", delta.EncodeWatch(s.page, cursor), `"type":"status"`
	}
	return gather(g)
}

// change commits the next event and returns when that was done.
func (st *stand) change(ctx context.Context, s side) (time.Time, error) {
	st.last++
	body := fmt.Sprintf("#%0*d %0100d", eventDigits, st.last, st.last*7919)
	if _, err := st.conn.Exec(ctx, s.write, body, st.last); err != nil {
		return time.Time{}, fmt.Errorf("change row: %w", err)
	}
	return time.Now(), nil
}

// until waits until the sockets have heard so many events.
func until(ctx context.Context, c *sockets, events int64) error {
	for end := time.Now().Add(20 * time.Second); c.events.Load() < events; time.Sleep(50 * time.Microsecond) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.lost.Load() > 0:
			return fmt.Errorf("%d viewers lost their connection", c.lost.Load())
		case time.Now().After(end):
			return fmt.Errorf("%d of %d deliveries arrived", c.events.Load(), events)
		}
	}
	return nil
}
