package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// between stands between browsers and the program as proxies do. live answers
// its sockets; all else goes through.
func between(t *testing.T, server *process, live http.HandlerFunc) *httptest.Server {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	rest := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which its pages' origins have
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" {
			live(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// astray hands a socket's messages on, as what mangle makes of each.
type astray struct {
	server *process

	mu     sync.Mutex
	mangle func(m delta.Message, data []byte) [][]byte
	lost   int // deltas that it did not hand on as they came
}

func (a *astray) set(mangle func(m delta.Message, data []byte) [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mangle = mangle
}

func (a *astray) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	up, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(a.server.URL, "http")+"live?"+r.URL.RawQuery, &websocket.DialOptions{Subprotocols: []string{"rowcast.v1"}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer up.CloseNow()
	up.SetReadLimit(-1)
	down, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"rowcast.v1"}})
	if err != nil {
		return
	}
	defer down.CloseNow()
	go func() {
		defer cancel()
		for {
			kind, data, err := down.Read(ctx)
			if err != nil || up.Write(ctx, kind, data) != nil {
				return
			}
		}
	}()
	for {
		_, data, err := up.Read(ctx)
		if err != nil {
			return
		}
		for _, piece := range a.pieces(data) {
			if down.Write(ctx, websocket.MessageText, piece) != nil {
				return
			}
		}
	}
}

func (a *astray) pieces(data []byte) [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, err := delta.Decode(data)
	if a.mangle == nil || err != nil {
		return [][]byte{data}
	}
	out := a.mangle(m, data)
	if m.Type == delta.TypeDelta && (len(out) != 1 || &out[0][0] != &data[0]) {
		a.lost++
	}
	return out
}

const sumPage = `title: Sum
panels:
  - {id: list, title: List, type: table, query: 'SELECT id, v FROM parts ORDER BY id'}
  - {id: sum, title: Sum, type: stat, query: 'SELECT sum(v) AS sum FROM parts'}
`

const parts = `CREATE TABLE parts (id int PRIMARY KEY, v int NOT NULL); INSERT INTO parts SELECT i, 100 FROM generate_series(1, 4) i`

// adds notes every moment at which the sum that is shown is not that of the rows
// that are shown.
const adds = `
	window.number = (text) => Number(text.replaceAll(",", ""));
	window.rowsSum = () => [...document.querySelectorAll("[data-panel=list] tbody tr:not(.leaving)")].reduce((n, tr) => n + number(tr.cells[1].innerText), 0);
	window.shownSum = () => number(document.querySelector("[data-panel=sum] [data-value]").textContent);
	window.wrong = []; window.seen = 0;
	window.look = () => { seen++; if (rowsSum() !== shownSum()) wrong.push(rowsSum() + " for " + shownSum()) };
	(function each() { look(); requestAnimationFrame(each) })()`

// Messages that are lost, doubled and out of order: the page asks for the whole,
// and never shows what there never was.
func testMessagesAstray(t *testing.T, b *browser) {
	server, db := serve(t, parts, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sum.yaml": sumPage}))
	line := &astray{server: server}
	site := between(t, server, line.ServeHTTP)
	w := b.tab(t)
	w.watch(site.URL + "/d/sum")
	w.until("the sum", `document.querySelector("[data-panel=sum] [data-value]").textContent === "400"`)
	w.run(adds)
	var held []byte
	n := 0
	for _, wrong := range []struct {
		name   string
		mangle func(m delta.Message, data []byte) [][]byte
	}{
		{"lost", func(m delta.Message, data []byte) [][]byte {
			if m.Type == delta.TypeDelta && n == 0 {
				n++
				return nil
			}
			return [][]byte{data}
		}},
		{"doubled", func(m delta.Message, data []byte) [][]byte {
			if m.Type == delta.TypeDelta {
				return [][]byte{data, data}
			}
			return [][]byte{data}
		}},
		{"out of order", func(m delta.Message, data []byte) [][]byte {
			switch {
			case m.Type != delta.TypeDelta:
				return [][]byte{data}
			case held == nil:
				held = data
				return nil
			}
			defer func() { held = nil }()
			return [][]byte{data, held}
		}},
	} {
		n, held = 0, nil
		line.set(wrong.mangle)
		before := line.lost
		for i := range 4 {
			db.Exec(t, `UPDATE parts SET v = v + id * $1`, i+1)
			sleep(t.Context(), 70*time.Millisecond) // a frame of its own
		}
		line.set(nil)
		db.Exec(t, `UPDATE parts SET v = v + 1`) // what is lost last is found out by the next
		var sum int
		if err := db.Conn(t).QueryRow(t.Context(), `SELECT sum(v)::int FROM parts`).Scan(&sum); err != nil {
			t.Fatal(err)
		}
		w.within(5*time.Second, "the sum, with messages "+wrong.name, "shownSum() === "+strconv.Itoa(sum)+" && rowsSum() === "+strconv.Itoa(sum))
		w.live()
		line.mu.Lock()
		if line.lost == before {
			t.Errorf("no message was %s: the test tests nothing", wrong.name)
		}
		line.mu.Unlock()
	}
	// It has to come again, as it does where a proxy says who it is: nobody sees it.
	n = 0
	fifth := make(chan struct{})
	w.run(`window.states = []; const at = document.querySelector("#live");
		new MutationObserver(() => states.push(at.dataset.state)).observe(at, { attributes: true, subtree: true, childList: true, characterData: true })`)
	line.set(func(m delta.Message, data []byte) [][]byte {
		if m.Type != delta.TypeStatus && m.Type != delta.TypeDelta || n == 5 {
			return [][]byte{data}
		}
		if n++; n == 5 {
			close(fifth)
		}
		return [][]byte{data, delta.EncodeBye("again", 0)}
	})
	db.Exec(t, `UPDATE parts SET v = 100`)
	w.until("the sum after it came again", `shownSum() === 400 && rowsSum() === 400`)
	db.Exec(t, `UPDATE parts SET v = 200`)
	w.until("the next sum", `shownSum() === 800 && rowsSum() === 800`)
	select { // both sums can be shown after the second time already
	case <-fifth:
	case <-time.After(20 * time.Second):
		t.Error("it was not asked five times to come again")
	}
	db.Exec(t, `UPDATE parts SET v = 300`)
	w.until("the sum after all of them", `shownSum() === 1200 && rowsSum() === 1200`)
	if seen := ask[string](w, `states.filter((s) => s !== "live").join()`); seen != "" {
		t.Errorf("the page was %s", seen)
	}
	if wrong := ask[[]string](w, `wrong.slice(0, 5)`); len(wrong) > 0 {
		t.Errorf("the page showed what never was: %q", wrong)
	}
	w.stayed()
}

// A network that lets no WebSocket through: the page lives on server-sent events.
func testNoSocketComesThrough(t *testing.T, b *browser) {
	server, db := serve(t, parts, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sum.yaml": sumPage}))
	site := between(t, server, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "what is this Upgrade?", http.StatusBadRequest)
	})
	w := b.tab(t)
	w.allow(`WebSocket connection to`)
	w.watch(site.URL + "/d/sum")
	w.run(adds)
	follows(t, w, db, 3)
	w.stayed()
	w.live()
	if wrong := ask[[]string](w, `wrong.slice(0, 5)`); len(wrong) > 0 {
		t.Errorf("the page showed what never was: %q", wrong)
	}
	gone := b.tab(t)
	gone.allow(`WebSocket connection to|status of 404`)
	gone.open(site.URL + "/t/public.parts")
	gone.live()
	db.Exec(t, `INSERT INTO parts VALUES (9, 9)`)
	gone.until("the new row", cell(9, 1)+` === "9"`)
}

// A server of later: what it adds is ignored, and a state that the page does not
// know is shown in its words.
func testNewerProtocolAdds(t *testing.T, b *browser) {
	server, db := serve(t, parts, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sum.yaml": sumPage}))
	line := &astray{server: server}
	line.set(added(t, "dreaming"))
	site := between(t, server, line.ServeHTTP)
	w := b.tab(t)
	w.open(site.URL + "/d/sum")
	w.until("a state of later", `document.querySelector("#live").innerText.includes("It dreams")`)
	line.set(added(t, "live"))
	w.watch(site.URL + "/d/sum")
	w.run(adds)
	follows(t, w, db, 4)
	w.live()
	if line.lost < 4 {
		t.Errorf("only %d frames had more in them: the test tests nothing", line.lost)
	}
	if wrong := ask[[]string](w, `wrong.slice(0, 5)`); len(wrong) > 0 {
		t.Errorf("the page showed what never was: %q", wrong)
	}
	w.stayed()
}

// added puts what no client knows into every message, and one of an unknown type
// before each. A page that is live is called state.
func added(t *testing.T, state string) func(delta.Message, []byte) [][]byte {
	return func(m delta.Message, data []byte) [][]byte {
		var whole map[string]any
		if err := json.Unmarshal(data, &whole); err != nil {
			t.Errorf("a message is no object: %v", err)
			return nil
		}
		whole["hue"] = []int{1, 2}
		if panels, ok := whole["panels"].(map[string]any); ok {
			for _, p := range panels {
				p.(map[string]any)["mood"] = map[string]any{"rows": nil}
			}
		}
		if whole["state"] == "live" {
			whole["state"], whole["message"] = state, "it dreams"
		}
		more, err := json.Marshal(whole)
		if err != nil {
			t.Error(err)
		}
		return [][]byte{[]byte(`{"type":"omen","page":"` + m.Page + `","panels":7}`), more}
	}
}

// A page is open across a deploy after which the server speaks another protocol:
// it refuses the page's sockets. The page hears of newer code on a stream of
// events, and is loaded again.
func testNewerProtocolOnly(t *testing.T, b *browser) {
	server, db := serve(t, parts, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"sum.yaml": sumPage}))
	line := &astray{server: server}
	before, deploy := context.WithCancel(t.Context())
	refused := make(chan struct{}, 100)
	site := between(t, server, func(w http.ResponseWriter, r *http.Request) {
		switch old := r.URL.Query().Get("v") == "0000"; {
		case old && before.Err() == nil:
			r.URL.RawQuery = "" // to that server this is no old code
			line.ServeHTTP(w, r.WithContext(before))
		case old:
			refused <- struct{}{}
			http.Error(w, "rowcast.v2 is spoken here", http.StatusBadRequest)
		default:
			line.ServeHTTP(w, r)
		}
	})
	w := b.tab(t)
	w.allow(`WebSocket connection to`)
	w.before(fmt.Sprintf(old, `sessionStorage.loads === "1"`, ``))
	w.open(site.URL + "/d/sum")
	w.live()
	w.run(adds)
	db.Exec(t, `UPDATE parts SET v = v + 1`)
	w.until("the change", "shownSum() === 404")
	if ask[string](w, `sessionStorage.loads`) != "1" {
		t.Fatal("the page was loaded again before the deploy")
	}
	deploy()
	took := w.within(15*time.Second, "the new code", `sessionStorage.loads === "2" && document.body.dataset.version !== "0000"`)
	t.Logf("loaded again %s after the deploy, and %d refusals", took.Round(10*time.Millisecond), len(refused))
	w.says("rowcast was updated")
	w.live()
	w.run(adds)
	db.Exec(t, `UPDATE parts SET v = v + 1`)
	w.until("the next change", "shownSum() === 408")
	if len(refused) == 0 {
		t.Error("no socket was refused: the test tests nothing")
	}
}

// follows changes the parts so often, and waits until the page shows each.
func follows(t *testing.T, w *tab, db *pgtest.DB, times int) {
	t.Helper()
	for i := range times {
		db.Exec(t, `UPDATE parts SET v = v + 1`)
		w.until("the change", "shownSum() === "+strconv.Itoa(404+4*i))
	}
}
