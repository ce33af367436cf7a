//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	rowcastshop "github.com/rowcast/rowcast/internal/shop"
)

// soakPlan is how much of it there is.
type soakPlan struct {
	lasts         time.Duration
	rate          string // orders a second; the demo sells 0.3 by itself
	guests, pages int
	dwell         time.Duration
	look, collect time.Duration // how often the server's and the browser's figures are read
	level         bool          // whether what they say is judged: on a busy machine the rings fill in a quarter of an hour
}

// planned is a few seconds with a crowd, or as long as ROWCAST_SOAK says with
// the demo at ten times its rate and 200 viewers.
func planned(t *testing.T) soakPlan {
	text := os.Getenv("ROWCAST_SOAK")
	if text == "" {
		return soakPlan{lasts: 3 * time.Second, rate: "10", guests: 24, pages: 10, dwell: 600 * time.Millisecond, look: 200 * time.Millisecond, collect: time.Hour}
	}
	lasts, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("ROWCAST_SOAK: %v", err)
	}
	return soakPlan{lasts: lasts, rate: "3", guests: 200, pages: 40, dwell: 20 * time.Second, look: 5 * time.Second, collect: 30 * time.Second, level: lasts >= 45*time.Minute}
}

// stays are the pages that are watched from the beginning to the end, with the
// panels that the clock alone does not change; nil: all of them.
func stays(now time.Time) map[string][]string {
	const day = "2006-01-02"
	shop := []string{"unpaid", "latest", "stock"}
	fixed := "range=" + now.AddDate(0, 0, -2).Format(day) + ".." + now.AddDate(0, 0, 2).Format(day)
	return map[string][]string{
		"/d/shop":                            shop,
		"/d/shop?status=pending&status=paid": shop,
		"/d/operations":                      {"unpaid", "fill", "to_ship", "queue"},
		"/d/explore?" + fixed:                nil,
		"/d/explore?" + fixed + "&status=paid&status=packed&country=DE&least=20": nil,
		"/t/shop.orders": nil,
		"/t/shop.orders?sort=-updated_at&rows=50":                                              nil,
		"/t/shop.orders?sort=-total&where=status.in.pending,paid,packed&rows=100":              nil,
		"/t/shop.orders?sort=-placed_at&where=total.gt.30&rows=50&page=2":                      nil,
		"/t/shop.orders?where=channel.is.app&search=1&columns=id,status,total,country&rows=50": nil,
		"/t/shop.products?sort=stock":                                                          nil,
		"/t/shop.order_lines?sort=-order_id,-line&rows=100":                                    nil,
	}
}

// pagesDrawn are pages that viewers go to, as many as that: dashboards with values of
// their variables, and tables sorted, filtered and paged.
func pagesDrawn(r *rand.Rand, n int) []string {
	statuses := []string{"pending", "paid", "packed", "shipped", "delivered", "cancelled"}
	of := func(all ...string) string { return all[r.IntN(len(all))] }
	pages := []string{"/d/shop", "/d/operations", "/t/shop.orders"}
	for len(pages) < n {
		page := ""
		switch r.IntN(5) {
		case 0:
			page = "/d/shop?status=" + strings.Join(statuses[r.IntN(3):3+r.IntN(3)], "&status=") + "&channel=" + of("all", "web", "app")
		case 1:
			page = "/d/explore?range=" + of("last-5m", "last-1h", "today") + "&country=" + of("DE", "FR", "NL") + "&status=" + of(statuses...)
		case 2:
			page = "/t/shop.products?sort=" + of("stock", "-stock", "price", "name") + "&where=stock." + of("gt", "le") + "." + of("5", "20", "60")
		default:
			page = "/t/shop.orders?sort=" + of("-id", "-updated_at", "-total,id", "status,-id") + "&where=status." + of("is", "isnt") + "." + of(statuses...) +
				"&rows=" + of("50", "100") + "&page=" + of("1", "1", "2")
		}
		pages = append(pages, page)
	}
	return pages
}

// TestSoak lets the demo sell while viewers of all its kinds of pages come and
// go, and two browser tabs and a dozen viewers stay. What the server and the
// browser use must be level, and what those who stayed see must be what somebody
// sees who comes at the end, and what another server reads in the same database.
//
// ROWCAST_SOAK says how long, such as 1h; ROWCAST_SEED repeats the pages and
// what the viewers do.
func TestSoak(t *testing.T) {
	t.Parallel()
	plan, n := planned(t), seed(t)
	r := rand.New(rand.NewPCG(n, 11))
	b := launch(t)
	s := openShop(t, dataDir(t), "--rate", plan.rate)
	url := strings.TrimSuffix(s.URL, "d/shop")
	before, err := scrape(url)
	if err != nil {
		t.Fatal(err)
	}
	c := &audience{url: url, pages: pagesDrawn(r, plan.pages), dwell: plan.dwell}
	tabs := map[string]*tab{
		"dashboard": b.tabFor(t, plan.lasts+10*time.Minute),
		"table":     b.tabFor(t, plan.lasts+10*time.Minute),
	}
	tabs["dashboard"].watch(url + "d/shop")
	tabs["table"].watch(url + "t/shop.orders?sort=-updated_at&rows=50")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	visiting, leave := context.WithTimeout(ctx, plan.lasts)
	defer leave()
	var guests, stayers sync.WaitGroup
	defer stayers.Wait()
	defer guests.Wait()
	stayed := map[string]*guest{}
	for page := range stays(time.Now()) {
		g := c.guest(nil)
		stayed[page] = g
		stayers.Go(func() { g.stay(ctx, page) })
	}
	for range plan.guests {
		g := c.guest(rand.New(rand.NewPCG(r.Uint64(), 12)))
		guests.Go(func() { g.come(visiting) })
	}
	figures := newFigures(t, plan)
	figures.watch(visiting, url, tabs)
	guests.Wait()

	// Nobody writes from here on, so that what is compared does not move.
	conn := pgtest.Connect(t, regexp.MustCompile(`postgres://[^']+`).FindString(s.psql))
	if err := pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
		now := time.Time{}
		if _, err := tx.Exec(ctx, `LOCK TABLE shop.orders, shop.order_lines, shop.products, shop.customers IN SHARE MODE`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
			return err
		}
		return atTheEnd(ctx, t, conn.Config().ConnString(), stayed, now, tabs, b)
	}); err != nil {
		t.Error(err)
	}
	stop()
	stayers.Wait()
	for _, w := range tabs {
		w.stayed()
		w.close()
	}
	t.Logf("%d visits, %d frames, %d came back with a cursor, %d compared with a fresh load (%d were never at that frame)",
		c.visits.Load(), c.frames.Load(), c.resumes.Load(), c.compared.Load(), c.missed.Load())
	for what, got := range map[string]int64{"visits": c.visits.Load(), "frames": c.frames.Load() / 2, "comparisons": 8 * c.compared.Load()} {
		if least := int64(plan.guests); got < least {
			t.Errorf("too little work to mean anything: %s", what)
		}
	}
	if wrong := c.verdict(); len(wrong) > 0 {
		t.Errorf("broken promises:\n%s", strings.Join(wrong, "\n"))
	}
	figures.judge()
	figures.back(url, before)
}

// caughtUp tells whether panels that are read apart, because they take long on a busy
// machine, were read since then: the page's word is not theirs.
func caughtUp(screen *delta.State, then time.Time) bool {
	for _, p := range screen.Panels {
		if !p.At.IsZero() && !p.At.After(then) {
			return false
		}
	}
	return true
}

// atTheEnd compares what those see who stayed with what somebody sees who comes
// now, on the same server, in another tab, and on a server that has just begun.
func atTheEnd(ctx context.Context, t *testing.T, database string, stayed map[string]*guest, now time.Time, tabs map[string]*tab, b *browser) error {
	files, dir := map[string]string{}, rowcastshop.Dashboards()
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	other := start(t, binary(t), nil, "serve", "--database-url", database, "--listen", "127.0.0.1:0", "--watch", "none", "--dashboards", dashboards(t, files))
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	same := 0
	for page, still := range stays(now) {
		g := stayed[page]
		if g == nil {
			continue // it began on another day
		}
		if err := g.until(ctx, func(screen *delta.State, s *delta.Status) bool {
			return s.State == "live" && s.At.After(now) && caughtUp(screen, now)
		}); err != nil {
			return fmt.Errorf("%s does not get live: %w", page, err)
		}
		for compared := g.compared.Load(); g.compared.Load() == compared; {
			if err := g.compare(ctx); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s cannot be compared", page)
			}
		}
		fresh, err := load(ctx, other.URL, page)
		if err != nil {
			return err
		}
		g.mu.Lock()
		screen := g.screen
		g.mu.Unlock()
		if diff := unlikeStates(keyless(timeless(screen)), keyless(timeless(fresh)), still...); diff != "" {
			t.Errorf("%s, watched all the time, is not what another server reads: %s", page, diff)
		}
		same++
	}
	t.Logf("%d pages that were watched all the time are as a fresh load of the same server and of another one", same)
	if same < 8 {
		t.Errorf("only %d pages were compared", same)
	}
	for name, w := range tabs {
		w.unlikeFresh(b, name)
	}
	return nil
}

// timeless leaves out when panels were read.
func timeless(s *delta.State) *delta.State {
	out := &delta.State{Panels: map[string]*delta.Panel{}}
	for id, p := range s.Panels {
		q := *p
		q.At, q.Every = time.Time{}, 0
		out.Panels[id] = &q
	}
	return out
}

// keyless is a state without the names of its rows: what tells rows apart depends
// on those that a server has seen, and one row needs nothing.
func keyless(s *delta.State) *delta.State {
	for _, p := range s.Panels {
		p.Rows = slices.Clone(p.Rows)
		for i := range p.Rows {
			p.Rows[i].Key = ""
		}
	}
	return s
}

// shownRows is what a page shows in tables and figures, without what its clock
// writes, such as "2 min ago".
const shownRows = `JSON.stringify([...document.querySelectorAll("[data-panel]")].filter((p) => %s.includes(p.dataset.panel)).map((p) =>
	[p.dataset.panel, ...[...p.querySelectorAll("tbody tr:not(.leaving)")].map((tr) => [...tr.cells].map((td) => td.dataset.raw ?? td.innerText)),
	...[...p.querySelectorAll("[data-value]")].map((v) => v.innerText)]))`

// unlikeFresh compares the tab with one that opens now.
func (w *tab) unlikeFresh(b *browser, name string) {
	w.Helper()
	fresh := b.tab(w.T)
	fresh.watch(ask[string](w, `location.href`))
	ids := quotedList([]string{"unpaid", "latest", "stock", "rows"})
	for began := time.Now(); ; sleep(w.Context(), 200*time.Millisecond) { // what fades may still be there
		shows, want := ask[string](w, fmt.Sprintf(shownRows, ids)), ask[string](fresh, fmt.Sprintf(shownRows, ids))
		if shows == want && len(want) > 1000 {
			w.Logf("the %s's tab shows what a fresh one does, %d characters", name, len(want))
			break
		}
		if time.Since(began) > patience {
			i := 0
			for i < min(len(shows), len(want)) && shows[i] == want[i] {
				i++
			}
			w.Errorf("the %s's tab is not as a fresh one: …%.200s for …%.200s", name, shows[max(0, i-80):], want[max(0, i-80):])
			break
		}
	}
	// How many there are while orders come in depends on their states, each of which has
	// its own mark: what an hour leaves is more than a fresh tab needs for the same rows.
	nodes, _ := w.holds()
	want, _ := fresh.holds()
	w.Logf("the %s's tab has %.0f nodes, a fresh one %.0f", name, nodes, want)
	if nodes > 1.1*want+100 {
		w.Errorf("the %s's tab has %.0f nodes, a fresh one %.0f", name, nodes, want)
	}
	fresh.close()
}

func quotedList(all []string) string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = quoted(out[i])
	}
	return "[" + strings.Join(out, ",") + "]"
}
