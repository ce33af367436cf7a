package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// The server is stopped as a service manager does it, and comes back at the same
// address. The page says so, and is right again without being loaded again.
func testServerRestarts(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "public.*")
	w := b.tab(t)
	w.allow(`WebSocket connection to|Failed to load resource`)
	w.watch(server.URL + "t/public.tasks")
	w.run(`window.states = []; new MutationObserver(() => states.push(document.querySelector("#live").dataset.state))
		.observe(document.querySelector("#live"), { attributes: true, attributeFilter: ["data-state"] })`)
	server.finish(t)
	w.until("the page to notice", `document.querySelector("#live").dataset.state === "reconnecting"`)
	w.says("Reconnecting")
	db.Exec(t, `UPDATE tasks SET title = 'meanwhile' WHERE id = 90`)
	db.Exec(t, `INSERT INTO tasks VALUES (101, 'one more', 7)`)
	address := strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/")
	start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", address, "--watch", "public.*")
	w.live()
	w.until("what happened meanwhile", cell(90, 1)+` === "meanwhile" && `+cell(101, 1)+` === "one more"`)
	db.Exec(t, `UPDATE tasks SET title = 'after' WHERE id = 90`)
	w.until("what happened after", cell(90, 1)+` === "after"`)
	w.stayed()
}

// A dashboard's file and a table are changed while the server is away: nobody tells their open
// pages, which find out as they come back, and are loaded once. That of a file that is as it was stays.
func testServerReturnsWithAnotherDashboard(t *testing.T, b *browser) {
	folder := dashboards(t, map[string]string{"work.yaml": tasksPage, "same.yaml": tasksPage})
	server, db := serve(t, tasks, "--watch", "public.*", "--dashboards", folder)
	w, other, table := b.tab(t), b.tab(t), b.tab(t)
	w.before(`sessionStorage.loads = Number(sessionStorage.loads ?? 0) + 1; window.heard = []; const Plain = WebSocket;
		window.WebSocket = class extends Plain { constructor(...a) { super(...a); this.addEventListener("message", (e) => heard.push(JSON.parse(e.data).type)) } };`)
	for tab, page := range map[*tab]string{w: "d/work", other: "d/same", table: "t/public.tasks"} {
		tab.allow(`WebSocket connection to|Failed to load resource`)
		tab.watch(server.URL + page)
	}
	server.finish(t)
	db.Exec(t, `ALTER TABLE tasks ALTER points TYPE bigint`)
	text := strings.Replace(tasksPage, "title: Work", "title: Better", 1)
	if err := os.WriteFile(filepath.Join(folder, "work.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/")
	start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", address, "--watch", "public.*", "--dashboards", folder)
	took := w.within(patience, "the new title", `document.querySelector("h1").innerText === "Better"`)
	t.Logf("the new title is shown %v after the server was back", took.Round(10*time.Millisecond))
	w.says("This page was changed")
	w.live()
	db.Exec(t, `UPDATE tasks SET title = 'after' WHERE id = 1`)
	table.until("the table's page anew", `window.mark !== "here"`)
	for _, tab := range []*tab{w, other, table} {
		tab.until("what happened after", cell(1, 1)+` === "after"`)
		tab.live()
	}
	if loads, heard := ask[string](w, `sessionStorage.loads`), ask[string](w, `heard.join()`); loads != "2" || strings.Contains(heard, "reload") {
		t.Errorf("the page was loaded %s times, and then heard %s", loads, heard)
	}
	other.stayed()
}

// The database goes away and comes back. Meanwhile the page says since when it
// is old, and why, and keeps its rows.
func testDatabaseStops(t *testing.T, b *browser) {
	own := pgtest.Server(t, nil)
	conn := pgtest.Connect(t, own.URL())
	if _, err := conn.Exec(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	server := start(t, binary(t), nil, "serve", "--database-url", own.URL(), "--listen", "127.0.0.1:0", "--watch", "public.*")
	w := b.tab(t)
	w.allow(`status of 503`)
	w.watch(server.URL + "t/public.tasks")
	before := epochOf(t, server.URL, "/t/public.tasks")
	if again := epochOf(t, server.URL, "/t/public.tasks"); again != before {
		t.Fatalf("epoch %s, and then %s, of the same page", before, again)
	}
	if err := own.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	took := w.within(5*time.Second, "a page that says that it is stale", `document.querySelector("#live").dataset.state === "stale"`)
	t.Logf("stale %s after the database was stopped", took.Round(10*time.Millisecond))
	w.until("since when and why", `/Stale since \d\d:\d\d:\d\d\./.test(banner.innerText) && /The database does not answer/.test(banner.innerText)`)
	if got := ask[string](w, cell(50, 1)); got != "task 50" {
		t.Errorf("a stale page shows %q, want its last rows", got)
	}
	w.keep("stale")
	t.Logf("the banner: %s", ask[string](w, `banner.innerText`))

	stranger := b.tab(t)
	stranger.allow(`status of 503`)
	stranger.open(server.URL)
	if s := stranger.text(); !strings.Contains(s, "atabase") {
		t.Errorf("the front page without a database says %q", s)
	}
	stranger.keep("index without a database")

	if err := own.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	w.live()
	if !ask[bool](w, `banner.hidden`) {
		t.Error("a live page still says that it is stale")
	}
	if epochOf(t, server.URL, "/t/public.tasks") == before {
		t.Error("a database that was started anew goes on in its old epoch")
	}
	again := pgtest.Connect(t, own.URL())
	if _, err := again.Exec(t.Context(), `UPDATE tasks SET title = 'after' WHERE id = 90`); err != nil {
		t.Fatal(err)
	}
	w.until("what happened after", cell(90, 1)+` === "after"`)
	w.stayed()
}

// epochOf is the epoch of the page's state.
func epochOf(t *testing.T, url, page string) string {
	t.Helper()
	body, err := bodyOf(t.Context(), url+"api/v1/snapshot?page="+page)
	if err != nil {
		t.Fatal(err)
	}
	m, err := delta.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	epoch, _, _ := strings.Cut(m.Cursor, ":")
	return epoch
}

// hostile is what must never become more than text.
const hostile = `<img src=x onerror="window.hit=1"><script>window.hit=2</script><b>bold</b>&lt;"'` + "`"

// Markup and scripts in every place that a database or a file can reach: all of
// it is text.
func testHostileValues(t *testing.T, b *browser) {
	column := strings.ReplaceAll(hostile[:40], `"`, `""`)
	folder := dashboards(t, map[string]string{
		"hostile.yaml": `title: '` + strings.ReplaceAll(hostile, "'", "''") + `'
description: '` + strings.ReplaceAll(hostile, "'", "''") + `'
variables:
  - {name: who, label: '` + strings.ReplaceAll(hostile, "'", "''") + `', default: '` + strings.ReplaceAll(hostile, "'", "''") + `'}
panels:
  - {id: list, title: '` + strings.ReplaceAll(hostile, "'", "''") + `', type: table, query: 'SELECT id, v, v AS "<script>window.hit=3</script>", @who::text AS said FROM "<i>evil</i>" ORDER BY id'}
  - {id: stat, title: One, type: stat, unit: '` + strings.ReplaceAll(hostile, "'", "''") + `', query: 'SELECT v, v FROM "<i>evil</i>"'}
  - {id: broken, title: Two, type: table, query: 'SELECT "<script>window.hit=4</script>" FROM "<i>evil</i>"'}
  - {id: raised, title: Three, type: table, query: 'SELECT shout(v) FROM "<i>evil</i>" WHERE id = 1'}
`,
		"wrong.yaml": "title: Wrong\n<script>window.hit=5</script>: '" + strings.ReplaceAll(hostile, "'", "''") + "'\n",
	})
	server, db := serve(t, `CREATE TABLE "<i>evil</i>" (id int PRIMARY KEY, v text, "`+column+`" text);
		CREATE FUNCTION shout(what text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			RAISE EXCEPTION USING MESSAGE = 'says ' || what, HINT = 'hints ' || what, DETAIL = what, COLUMN = what, ERRCODE = 'P0001'; END $$`, "--watch", "public.*", "--dashboards", folder)
	db.Exec(t, `INSERT INTO "<i>evil</i>" VALUES (1, $1, $1)`, hostile)
	for _, at := range []string{"d/hostile", "t/public.%22%3Ci%3Eevil%3C%2Fi%3E%22"} {
		w := b.tab(t)
		w.watch(server.URL + at)
		w.until("the value as text", `[...document.querySelectorAll("td")].some((td) => td.innerText === `+quoted(hostile)+`)`)
		db.Exec(t, `UPDATE "<i>evil</i>" SET v = v || '!' WHERE id = 1`)
		if at == "d/hostile" {
			raised := `document.querySelector('[data-panel="raised"]').innerText.toLowerCase()`
			for _, said := range []string{"says " + hostile + "!", "hints " + hostile + "!"} {
				w.until("what PostgreSQL says, as text", raised+`.includes(`+quoted(strings.ToLower(said))+`)`)
			}
		}
		w.until("the changed value as text", `[...document.querySelectorAll("td")].some((td) => td.innerText.startsWith(`+quoted(hostile+"!")+`))`)
		db.Exec(t, `INSERT INTO "<i>evil</i>" VALUES (2, $1, $1)`, hostile)
		w.until("the new row", `document.querySelectorAll("tbody tr").length >= 2`)
		db.Exec(t, `DELETE FROM "<i>evil</i>" WHERE id = 2`)
		w.harmless()
		w.stayed()
		db.Exec(t, `UPDATE "<i>evil</i>" SET v = $1 WHERE id = 1`, hostile)
	}
	for _, at := range []string{"", "d/hostile", "d/wrong", "d/%3Cscript%3Ewindow.hit=6%3C%2Fscript%3E", "t/public.%22%3Cb%3E%22"} {
		w := b.tab(t)
		w.allow(`Failed to load resource`) // these pages are errors
		w.open(server.URL + at)
		w.says("<")
		w.harmless()
	}
}

// harmless checks that nothing ran and that no value became an element.
func (w *tab) harmless() {
	w.Helper()
	if got := ask[string](w, `String(window.hit)`); got != "undefined" {
		w.Errorf("a value ran as a script: %s", got)
	}
	if n := ask[int](w, `document.querySelectorAll("body img, body script, body b:not([data-word], [data-head], [data-shown], .mistake b, [data-empty] b, [data-limit], [data-change] b, .tree-pop header b), body i:not(.lamp, .glyph, .dot, .bones i)").length`); n != 0 {
		w.Errorf("%d elements came out of values", n)
	}
}

// Without the browser's code a page is a document with its rows.
func testWithoutScript(t *testing.T, b *browser) {
	server, _ := serve(t, tasks, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"work.yaml": tasksPage}))
	w := b.tab(t)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"d/work", "t/public.tasks"} {
		w.open(server.URL + at)
		text := w.text()
		for _, want := range []string{"task 1", "task 100", "Snapshot"} {
			if !strings.Contains(text, want) {
				t.Errorf("/%s does not show %q without scripts:\n%s", at, want, text)
			}
		}
	}
	w.open(server.URL)
	if !ask[bool](w, `[...document.querySelectorAll("main a")].some((a) => a.innerText === "tasks")`) {
		t.Errorf("the front page does not lead to the table without scripts:\n%s", w.text())
	}
}

// A dashboard is saved while it is open: the page shows the new version. A
// mistake keeps the last good one and names its place; mending it helps.
func testDashboardIsEdited(t *testing.T, b *browser) {
	folder := dashboards(t, map[string]string{"work.yaml": tasksPage})
	server, _ := serve(t, tasks, "--dashboards", folder)
	w, other := b.tab(t), b.tab(t)
	w.watch(server.URL + "d/work")
	other.watch(server.URL + "d/work")
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "work.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := tasksPage
	var took []time.Duration
	for _, title := range []string{"Things to do", "To be done", "Left to do", "Things to do"} {
		text = regexp.MustCompile("title: (Tasks|Things to do|To be done|Left to do)").ReplaceAllString(text, "title: "+title)
		began := time.Now()
		save(text)
		w.says(title)
		other.says(title)
		took = append(took, time.Since(began).Round(time.Millisecond))
		w.live()
		other.live()
	}
	t.Logf("from the saved file to both browsers: %v", took)
	if slices.Sort(took); took[1] > time.Second && !raceDetector {
		t.Errorf("two browsers showed the new version after %v, want less than a second", took)
	}

	save(strings.Replace(text, "type: stat", "type: sttat", 1))
	w.until("the mistake and its place", `/work\.yaml:11:11/.test(document.querySelector(".mistake")?.innerText)`)
	w.says("sttat")
	w.says("Things to do")
	w.keep("mistake")
	w.live()

	save(strings.Replace(text, "title: Work", "title: Better", 1))
	w.until("the new title", `document.querySelector("h1").innerText === "Better" && !document.querySelector(".mistake")`)
	w.live()
}
