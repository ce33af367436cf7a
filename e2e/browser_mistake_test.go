package e2e_test

import (
	"strings"
	"testing"
)

// A page that is not there says what was asked for, and leads on.
func testNoSuchPage(t *testing.T, b *browser) {
	server, _ := serve(t, tasks)
	const front = `location.pathname === "/" && document.querySelector("main a[href$='tasks']")`
	for at, want := range map[string]struct{ said, button, there string }{
		"nowhere":                     {"/nowhere", "All pages", front},
		"d/nothing":                   {"/d/nothing", "All pages", front},
		"t/public.nothing":            {"/t/public.nothing", "All pages", front},
		"t/public.tasks?sort=nothing": {"nothing", "The page without it", `location.search === "" && document.querySelector("#live")`},
	} {
		w := b.tab(t)
		w.allow(`status of 40[04]`)
		w.open(server.URL + at)
		text := w.text()
		if !strings.Contains(text, want.said) || !strings.Contains(text, want.button) {
			t.Errorf("/%s says:\n%s", at, text)
		}
		w.keep("no page " + at)
		w.click("main a.btn")
		w.until("the page that the button names", want.there)
	}
}

// A query with a mistake has its say in its own panel; the others are live.
func testPanelFails(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--dashboards", dashboards(t, map[string]string{"work.yaml": tasksPage + `  - id: wrong
    title: Wrong
    type: table
    query: SELECT id, titel FROM tasks
  - id: slow
    title: Slow
    type: table
    query: SELECT id, 1 / (id - 7) AS share FROM tasks ORDER BY id
`}))
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	w.until("the mistake in the panel", `/titel/.test(document.querySelector('[data-panel="wrong"] [data-problem]:not([hidden])')?.innerText)`)
	w.until("the other mistake in the panel", `/division by zero/i.test(document.querySelector('[data-panel="slow"] [data-problem]:not([hidden])')?.innerText)`)
	w.keep("a panel fails")
	db.Exec(t, `UPDATE tasks SET title = 'changed' WHERE id = 50`)
	w.until("the change in another panel", cell(50, 1)+` === "changed"`)
	db.Exec(t, `DELETE FROM tasks WHERE id = 7`)
	w.until("the panel to recover", `document.querySelector('[data-panel="slow"] [data-problem]').hidden && document.querySelectorAll('[data-panel="slow"] tbody tr').length > 90`)
	w.stayed()
}

// The table goes while people look at it: the page says so and keeps the last
// rows, and goes on when the table is back.
func testTableIsDropped(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "public.*", "--dashboards", dashboards(t, map[string]string{"work.yaml": tasksPage}))
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	other := b.tab(t)
	other.allow(`status of 404`) // what counts its rows finds no table
	other.watch(server.URL + "t/public.tasks")
	db.Exec(t, `DROP TABLE tasks`)
	const gone = `[...document.querySelectorAll("[data-problem]:not([hidden]), .banner:not([hidden])")].some((n) => /gone|does not exist|no page/i.test(n.innerText))`
	w.until("word of the table on the dashboard", gone)
	if got := ask[string](w, cell(50, 1)); got != "task 50" {
		t.Errorf("the dashboard shows %q, want its last rows", got)
	}
	other.until("word of the table on its page", gone)
	w.keep("a dashboard without its table")
	other.keep("a table that is gone")
	db.Script(t, strings.ReplaceAll(tasks, "'task '", "'again '"))
	w.until("the new table on the dashboard", cell(50, 1)+` === "again 50"`)
}

// A table without a bell is read by the clock, says so, and says what helps.
func testTableWithoutBell(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "none")
	w := b.tab(t)
	w.open(server.URL + "t/public.tasks")
	w.until("a page by the clock", `document.querySelector("#live").dataset.state === "timed"`)
	w.says("rowcast watch public.tasks")
	w.keep("by the clock")
	db.Exec(t, `UPDATE tasks SET title = 'changed' WHERE id = 90`)
	w.until("the change", cell(90, 1)+` === "changed"`)
}
