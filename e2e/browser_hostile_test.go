package e2e_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// evil is a name as a person may have one: without a space.
const evil = `<script>window.hit=7</script><img/src=x/onerror=window.hit=8>`

const hostileCharts = `title: Charts
access: {everyone: true}
variables:
  - {name: who, query: 'SELECT word FROM words ORDER BY id', multiple: true}
  - {name: said, type: text, default: ''}
panels:
  - {id: donut, title: Donut, type: donut, query: 'SELECT word, n FROM words ORDER BY id'}
  - {id: bars, title: Bars, type: bar, query: 'SELECT word, n FROM words ORDER BY id'}
  - {id: list, title: List, type: table, query: 'SELECT id, word, @said AS said, jsonb_build_object(word, word) AS tree FROM words ORDER BY id'}
  - {id: text, title: Text, type: text, content: '` + "%HOSTILE%" + `'}
`

// Markup in what people are called and what they write on links, in the pages
// that are for them, in charts, options and addresses.
func testHostilePeople(t *testing.T, b *browser) {
	state := t.TempDir()
	rowcast(t, "correct horse\n", "user", "add", evil, "--group", evil, "--state", state)
	rules := filepath.Join(state, "access.yaml")
	if err := os.WriteFile(rules, []byte("sharers: {groups: ['"+evil+"']}\ntables: [{match: ['public.*'], everyone: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, db := serve(t, `CREATE TABLE words (id int PRIMARY KEY, word text, n int)`, "--watch", "public.*",
		"--dashboards", dashboards(t, map[string]string{"charts.yaml": strings.Replace(hostileCharts, "%HOSTILE%", strings.ReplaceAll(hostile, "'", "''"), 1)}),
		"--auth", "password", "--state", state, "--access", rules)
	db.Exec(t, `INSERT INTO words VALUES (1, $1, 3), (2, $2, 4)`, hostile, evil)
	w := b.tab(t)
	w.allow(`Failed to load resource.*401`)
	w.open(server.URL + "d/charts?said=" + url.QueryEscape(hostile))
	w.signIn(evil, "wrong horse")
	w.says("Name or password is wrong.")
	w.unhurt()
	w.signIn(evil, "correct horse")
	w.live()
	w.until("who is signed in, as text", `document.querySelector(".account").textContent.includes(`+quoted(evil)+`)`)
	w.until("the value of the address, as text", `[...document.querySelectorAll("td")].some((td) => td.innerText === `+quoted(hostile)+`)`)
	db.Exec(t, `UPDATE words SET word = word || '!', n = n + 1`)
	w.until("the changed value, as text", `[...document.querySelectorAll("td")].some((td) => td.innerText.startsWith(`+quoted(evil+"!")+`))`)
	w.unhurt()

	// An address of the page's own making, with a filter and a search of markup.
	w.open(server.URL + "t/public.words?search=" + url.QueryEscape(`<img src=x onerror="window.hit=9">`) + "&where=word.has." + url.QueryEscape(`<b>`))
	w.live()
	w.unhurt()

	w.open(server.URL + "links?page=" + url.QueryEscape("/d/charts?said="+hostile))
	w.do("write a note", chromedp.SetValue(chromedp.CSS(`[name="note"]`), hostile))
	w.click(`.new-link button`)
	w.says("Your new link")
	w.until("the note, as text", `document.body.innerText.includes(`+quoted(hostile)+`)`)
	w.unhurt()
	w.open(server.URL + "sign-in?again&next=" + url.QueryEscape("javascript:window.hit=10"))
	w.unhurt()
}

// unhurt checks that nothing ran and that no value became an element, on pages
// that have small elements of their own.
func (w *tab) unhurt() {
	w.Helper()
	if got := ask[string](w, `String(window.hit)`); got != "undefined" {
		w.Errorf("a value ran as a script: %s", got)
	}
	if n := ask[int](w, `[...document.body.querySelectorAll("*")].filter((e) => ["IMG", "SCRIPT"].includes(e.tagName) || e.textContent === "bold" || [...e.attributes].some((a) => a.name.startsWith("on"))).length`); n != 0 {
		w.Errorf("%d elements came out of values", n)
	}
}
