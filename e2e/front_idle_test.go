package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// testProxiesThatCutWhatIsSilent holds that a page on which nothing happens is
// never silent for longer than the documents say. Each proxy cuts a connection that
// was silent for six seconds, and does not; one that has two seconds of patience
// shows that it would.
func testProxiesThatCutWhatIsSilent(t *testing.T) {
	for _, name := range []string{"nginx", "caddy"} {
		program(t, name)
	}
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'hello')`)
	inside := freeAddress(t)
	start(t, binary(t), nil, "serve", "--database-url", db.URL, "--watch", "public.*", "--safety", "1h", "--listen", inside,
		"--base-path", "/live", "--host", "example.com", "--public-url", "https://example.com/live/", "--trusted-proxy", "127.0.0.1",
		"--let-anyone-on-the-network-read", "--allow-powerful-role")
	const while = 13 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, f := range fronts() {
		for patience, want := range map[string]bool{"6s": true, "2s": false} {
			cutting := f
			cutting.fit = func(text, dir, listen, server string) string {
				return f.fit(replaced(text, f.wait[0], fmt.Sprintf(f.wait[1], patience)), dir, listen, server)
			}
			client := cutting.start(t, inside)
			for kind, listen := range map[string]func(context.Context, *http.Client) error{"socket": untilCut, "event stream": untilStreamCut} {
				all.Go(func() {
					err := listen(ctx, client)
					if survived := errors.Is(err, context.DeadlineExceeded); survived != want {
						t.Errorf("%s with %s of patience: the %s ended with %v", f.name, patience, kind, err)
					}
				})
			}
		}
	}
}

// untilCut reads a page's socket through a proxy until ctx or the socket ends.
func untilCut(ctx context.Context, client *http.Client) error {
	ws, _, err := websocket.Dial(ctx, "https://example.com/live/live", &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{"rowcast.v1"}, HTTPHeader: http.Header{"Origin": {"https://example.com"}},
	})
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	defer ws.CloseNow()
	err = ws.Write(ctx, websocket.MessageText, delta.EncodeWatch("/t/public.notes", ""))
	for err == nil {
		_, _, err = ws.Read(ctx)
	}
	return err
}

// untilStreamCut is untilCut for an event stream.
func untilStreamCut(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/live/api/v1/events?page=/t/public.notes", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	return io.EOF
}
