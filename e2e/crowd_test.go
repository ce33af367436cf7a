package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
)

// A thousand who open a page at once, and stay, cost the database what one does. Each
// run of a query leaves a mark of known size in the write-ahead log, which even a
// transaction that only reads may write.
func TestCrowdReadsThePageOnce(t *testing.T) {
	t.Parallel()
	const mark = 100_000
	panels := func(table string) string {
		var panels []question
		for _, id := range []string{"one", "two"} {
			panels = append(panels, question{id: id, query: fmt.Sprintf(
				"SELECT v, pg_logical_emit_message(false, 'read', repeat('x', %d)) IS NULL AS %s FROM %s ORDER BY v", mark, id, table)})
		}
		return yaml(table, panels...)
	}
	dir := dashboards(t, map[string]string{"alone.yaml": panels("alone"), "crowd.yaml": panels("crowd")})
	server, db := serve(t, `CREATE TABLE alone AS SELECT 'seen' AS v; CREATE TABLE crowd AS SELECT 'seen' AS v;`, "--dashboards", dir)
	conn := db.Conn(t)
	written := func() (bytes int64) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `SELECT (pg_current_wal_insert_lsn() - '0/0')::int8`).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	runs := func(page string, viewers int) (times int, took time.Duration) {
		t.Helper()
		before := written()
		began := time.Now()
		var crowd sync.WaitGroup
		start, held := make(chan struct{}), make([]*websocket.Conn, viewers)
		for i := range viewers {
			crowd.Go(func() {
				<-start
				var err error
				if held[i], err = open(t.Context(), client, server.URL, page); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		crowd.Wait()
		took = time.Since(began)
		t.Logf("%d have %s after %v", viewers, page, took.Round(time.Millisecond))
		// A page is read once more when its bells are armed, which the first who are
		// there do not wait for.
		now := written()
		for quiet := time.Now(); time.Since(quiet) < 300*time.Millisecond; time.Sleep(20 * time.Millisecond) {
			if more := written(); more >= now+mark {
				now, quiet = more, time.Now()
			}
		}
		times = int((now - before) / mark)
		for _, ws := range held {
			if ws != nil {
				_ = ws.CloseNow()
			}
		}
		return times, took
	}
	viewers := 1000
	if raceDetector {
		viewers = 300 // a thousand at once are all in time for the server's limits only where it is not five times as slow
	}
	one, _ := runs("/d/alone", 1)
	many, took := runs("/d/crowd", viewers)
	t.Logf("two queries ran %d times for one viewer, %d times for %d", one, many, viewers)
	if one < 2 || many < 2 {
		t.Fatal("the marks do not count")
	}
	// Those of one reading more, as when arming is tried again. A program that is too slow
	// to arm its bells reads such a page by the clock, four times a second.
	more := 2 + 4*strings.Count(server.tail(), "doorbell lost")
	if raceDetector {
		more += 8 * int(took/time.Second+1)
	}
	if many > one+more {
		t.Errorf("the queries ran %d times for one viewer, %d times for %d", one, many, viewers)
	}
}

// open loads a page and follows it until its rows are there and it is live. The
// socket stays open.
func open(ctx context.Context, client *http.Client, base, page string) (ws *websocket.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+page, nil)
	if err != nil {
		return ws, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return ws, fmt.Errorf("load page: %w", err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), page) {
		return ws, fmt.Errorf("load page: status %d, %w", resp.StatusCode, err)
	}
	ws, _, err = websocket.Dial(ctx, strings.TrimSuffix(base, "/")+"/live", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"rowcast.v1"}})
	if err != nil {
		return ws, fmt.Errorf("open socket: %w", err)
	}
	if err := ws.Write(ctx, websocket.MessageText, delta.EncodeWatch(page, "")); err != nil {
		return ws, fmt.Errorf("watch page: %w", err)
	}
	for seen := false; ; {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return ws, fmt.Errorf("read socket: %w", err)
		}
		m, err := delta.Decode(b)
		switch {
		case err != nil:
			return ws, err
		case m.Type == delta.TypeSnapshot:
			seen = strings.Contains(string(b), `"seen"`)
		case m.Type == delta.TypeStatus && m.Status.State == "live" && seen:
			return ws, nil
		}
	}
}
